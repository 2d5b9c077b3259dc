//! Arithmetic on ranges of addresses.

use std::net::IpAddr;

use plumb_model::{IpFamily, Prefix};

/// Number of addresses; that of `::/0` is one short.
pub(crate) fn size(range: Prefix) -> u128 {
    let bits = u32::from(range.family().bits() - range.len);
    1u128.checked_shl(bits).unwrap_or(u128::MAX)
}

/// The address at this place of a range, 0 being the range's own; `None` beyond its end.
pub(crate) fn nth(range: Prefix, n: u128) -> Option<IpAddr> {
    if n >= size(range) {
        return None;
    }
    Some(match range.masked().addr {
        IpAddr::V4(a) => IpAddr::V4((a.to_bits() | u32::try_from(n).ok()?).into()),
        IpAddr::V6(a) => IpAddr::V6((a.to_bits() | n).into()),
    })
}

/// Whether all of `inner` lies in `outer`.
pub(crate) fn within(inner: Prefix, outer: Prefix) -> bool {
    inner.len >= outer.len && outer.contains(inner.addr)
}

/// Whether the two share an address.
pub(crate) fn overlap(a: Prefix, b: Prefix) -> bool {
    within(a, b) || within(b, a)
}

/// A node's share of the range of all pods, by the node's number from 1: a /24 or a /64 as the controller manager
/// hands them out, or 256 shares of what is smaller. `None` where the range has no such share.
pub(crate) fn share(all: Prefix, number: usize) -> Option<Prefix> {
    let usual = match all.family() {
        IpFamily::V4 => 24,
        IpFamily::V6 => 64,
    };
    let len = if all.len < usual { usual } else { all.len + 8 };
    let bits = all.family().bits();
    if len > bits - 2 {
        return None;
    }
    let number = number as u128;
    let step = u32::from(bits - len);
    let offset = number.checked_shl(step).filter(|o| *o >> step == number)?;
    Some(Prefix::new(nth(all, offset)?, len))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn p(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn shares() {
        assert_eq!(share(p("10.244.0.0/16"), 3), Some(p("10.244.3.0/24")));
        assert_eq!(share(p("10.244.0.0/16"), 256), None);
        assert_eq!(share(p("fd00:10:244::/48"), 3), Some(p("fd00:10:244:3::/64")));
        assert_eq!(share(p("10.0.0.0/24"), 1), None);
        assert_eq!(share(p("fd00::/64"), 2), Some(p("fd00::200:0:0:0/72")));
    }

    #[test]
    fn addresses_and_sizes() {
        assert_eq!(size(p("10.0.0.0/24")), 256);
        assert_eq!(size(p("::/0")), u128::MAX);
        assert_eq!(nth(p("10.0.0.0/24"), 255), Some("10.0.0.255".parse().unwrap()));
        assert_eq!(nth(p("10.0.0.0/24"), 256), None);
        assert!(overlap(p("10.0.0.0/8"), p("10.1.0.0/16")));
        assert!(!overlap(p("10.0.0.0/16"), p("10.1.0.0/16")));
        assert!(!overlap(p("10.0.0.0/8"), p("fd00::/8")));
    }
}

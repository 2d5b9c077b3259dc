//! Addresses and ranges. Leading zeros are let pass, as the API server lets them pass unless a gate of v1.33 is switched on
//! (`StrictIPCIDRValidation`).

use std::net::IpAddr;

use super::{Findings, Problem, Special};
use crate::address::{IpFamily, parse_cidr, parse_ip};
use crate::field::FieldPath;

/// An address.
pub(super) fn ip(text: &str, path: FieldPath, found: &mut Findings) -> Option<IpAddr> {
    let address = parse_ip(text);
    if address.is_none() {
        found.add(path, Problem::NotAnIp { text: text.into() });
    }
    address
}

/// An address that packets can be sent to (ValidateNonSpecialIP).
pub(super) fn reachable_ip(text: &str, path: FieldPath, found: &mut Findings) -> Option<IpAddr> {
    let address = ip(text, path.clone(), found)?;
    if let Some(what) = special(address) {
        found.add(path, Problem::SpecialIp { text: text.into(), what });
    }
    Some(address)
}

fn special(address: IpAddr) -> Option<Special> {
    let (link_local, link_local_multicast) = match address {
        IpAddr::V4(a) => (a.is_link_local(), a.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(a) => (a.segments()[0] & 0xffc0 == 0xfe80, a.segments()[0] & 0xff0f == 0xff02),
    };
    if address.is_unspecified() {
        Some(Special::Unspecified)
    } else if address.is_loopback() {
        Some(Special::Loopback)
    } else if link_local {
        Some(Special::LinkLocal)
    } else if link_local_multicast {
        Some(Special::LinkLocalMulticast)
    } else {
        None
    }
}

/// A range.
pub(super) fn cidr(text: &str, path: FieldPath, found: &mut Findings) {
    if parse_cidr(text).is_none() {
        found.add(path, Problem::NotACidr { text: text.into() });
    }
}

/// At most two, one a family.
pub(super) fn one_a_family(
    texts: &[&str],
    read: impl Fn(&str) -> Option<IpAddr>,
    path: &FieldPath,
    found: &mut Findings,
) {
    if texts.len() > 2 {
        found.add(path.clone(), Problem::TooMany { count: texts.len(), max: 2 });
    } else if let [first, second] = texts
        && let (Some(first), Some(second)) = (read(first), read(second))
        && IpFamily::of(first) == IpFamily::of(second)
    {
        found.add(path.clone(), Problem::SameFamily);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_addresses_lead_nowhere() {
        for text in ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.5", "::", "::1", "fe80::1", "ff02::1"] {
            assert!(parse_ip(text).and_then(special).is_some(), "{text}");
        }
        for text in ["10.0.0.1", "224.0.1.1", "fd00::1", "ff05::1"] {
            assert_eq!(parse_ip(text).and_then(special), None, "{text}");
        }
    }
}

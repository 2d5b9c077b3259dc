//! IP addresses and ranges as Kubernetes accepts them in old objects: leading zeros are decimal
//! (`netutils.ParseIPSloppy` in k8s.io/utils; the API server stores such objects from before its validation grew strict).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// IPv4 or IPv6; the proxy keeps both apart throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IpFamily {
    /// IPv4
    #[serde(rename = "IPv4")]
    V4,
    /// IPv6
    #[serde(rename = "IPv6")]
    V6,
}

impl IpFamily {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address. An IPv4-mapped IPv6 address counts as IPv4, as Go's net.IP has it.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Bits of an address.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl std::fmt::Display for IpFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// A range of addresses in CIDR notation; bits beyond the length are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

impl Cidr {
    /// A range; bits of `address` beyond `length` are cleared. `None` when `length` is too long for the family.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        if length > IpFamily::of(address).bits() {
            return None;
        }
        let address = match address {
            IpAddr::V4(a) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() & mask))
            }
            IpAddr::V6(a) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & mask))
            }
        };
        Some(Self { address, length })
    }

    /// The range of this address alone.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self { address, length: IpFamily::of(address).bits() }
    }

    /// First address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// Number of bits that all addresses share.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// Family.
    #[must_use]
    pub fn family(self) -> IpFamily {
        IpFamily::of(self.address)
    }

    /// Whether the address is in the range.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        IpFamily::of(address) == self.family()
            && Self::new(address, self.length).is_some_and(|c| c.address == self.address)
    }

    /// Whether all of `other` is in the range.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.length <= other.length && self.contains(other.address)
    }

    /// Last address.
    #[must_use]
    pub fn last(self) -> IpAddr {
        match self.address {
            IpAddr::V4(a) => IpAddr::V4(Ipv4Addr::from_bits(
                a.to_bits() | u32::MAX.checked_shr(self.length.into()).unwrap_or(0),
            )),
            IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from_bits(
                a.to_bits() | u128::MAX.checked_shr(self.length.into()).unwrap_or(0),
            )),
        }
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl std::str::FromStr for Cidr {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse_cidr(text).ok_or_else(|| AddressError::Cidr(text.to_owned()))
    }
}

impl Serialize for Cidr {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The address after this one; `None` after the last.
#[must_use]
pub fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => a.to_bits().checked_add(1).map(|b| Ipv4Addr::from_bits(b).into()),
        IpAddr::V6(a) => a.to_bits().checked_add(1).map(|b| Ipv6Addr::from_bits(b).into()),
    }
}

/// Text that is no address or range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address.
    #[error("{0:?} is no IP address: write 10.0.0.1 or fd00::1")]
    Ip(String),
    /// Not a range.
    #[error("{0:?} is no range in CIDR notation: write 10.0.0.0/16 or fd00::/64")]
    Cidr(String),
}

/// An address, read leniently: leading zeros are decimal, an IPv4-mapped IPv6 address is IPv4.
#[must_use]
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        });
    }
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    }
    parts.next().is_none().then(|| IpAddr::from(octets))
}

/// A range, read leniently as [`parse_ip`] reads addresses.
#[must_use]
pub fn parse_cidr(text: &str) -> Option<Cidr> {
    let (address, length) = text.split_once('/')?;
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Of a mapped address the length counts from the first of 128 bits.
    let mapped = address.parse::<Ipv6Addr>().is_ok();
    let address = parse_ip(address)?;
    let length = length.parse::<u8>().ok()?;
    let length = if mapped && address.is_ipv4() { length.checked_sub(96)? } else { length };
    Cidr::new(address, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_decimal() {
        assert_eq!(parse_ip("010.020.001.002"), Some(IpAddr::from([10, 20, 1, 2])));
        assert_eq!(parse_ip("10.0.0.0"), Some(IpAddr::from([10, 0, 0, 0])));
        assert_eq!(parse_ip("::ffff:1.2.3.4"), Some(IpAddr::from([1, 2, 3, 4])));
        for wrong in ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.+4", "a", "1.2.3.4 "] {
            assert_eq!(parse_ip(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn ranges_lose_the_bits_beyond_their_length() {
        let range = parse_cidr("172.030.1.5/16").expect("a range");
        assert_eq!(range.to_string(), "172.30.0.0/16");
        assert_eq!(range.last(), IpAddr::from([172, 30, 255, 255]));
        assert!(
            range.contains(IpAddr::from([172, 30, 7, 7])) && !range.contains(IpAddr::from([172, 31, 0, 0]))
        );
        assert_eq!(parse_cidr("0.0.0.0/0").map(|c| c.last()), Some(IpAddr::from([255; 4])));
        assert_eq!(parse_cidr("fd00::/8").map(|c| c.to_string()).as_deref(), Some("fd00::/8"));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "10.0.0.0/+8"] {
            assert_eq!(parse_cidr(wrong), None, "{wrong:?}");
        }
    }
}

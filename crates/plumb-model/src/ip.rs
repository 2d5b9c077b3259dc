//! Addresses, prefixes, protocols.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// IPv4 or IPv6: one code path, two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpFamily {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl IpFamily {
    /// Family of an address.
    #[must_use]
    pub fn of(addr: IpAddr) -> Self {
        if addr.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Bits of an address.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// `0.0.0.0` or `::`.
    #[must_use]
    pub fn unspecified(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// `ipv4` or `ipv6`, as in `net.ipv4.…`.
    #[must_use]
    pub fn sysctl_name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }

    /// `ip` or `ip6`, as nft and iptables call the families.
    #[must_use]
    pub fn nft_name(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }
}

/// A network: address and length. Host bits are kept as given; see [`Prefix::masked`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Address.
    pub addr: IpAddr,
    /// Length in bits.
    pub len: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a network: write an address and a length, such as 10.0.0.0/8 or fd00::/64")]
pub struct PrefixError {
    /// What was given.
    pub text: String,
}

impl Prefix {
    /// A prefix; the length is cut to what the family allows.
    #[must_use]
    pub fn new(addr: IpAddr, len: u8) -> Self {
        Self { addr, len: len.min(IpFamily::of(addr).bits()) }
    }

    /// The whole address.
    #[must_use]
    pub fn host(addr: IpAddr) -> Self {
        Self { addr, len: IpFamily::of(addr).bits() }
    }

    /// `0.0.0.0/0` or `::/0`.
    #[must_use]
    pub fn any(family: IpFamily) -> Self {
        Self { addr: family.unspecified(), len: 0 }
    }

    /// Family.
    #[must_use]
    pub fn family(&self) -> IpFamily {
        IpFamily::of(self.addr)
    }

    /// Whether the address lies in it; an address of the other family does not.
    #[must_use]
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.addr, addr) {
            (IpAddr::V4(p), IpAddr::V4(a)) => {
                self.len == 0 || (p.to_bits() ^ a.to_bits()) >> (32 - u32::from(self.len.min(32))) == 0
            }
            (IpAddr::V6(p), IpAddr::V6(a)) => {
                self.len == 0 || (p.to_bits() ^ a.to_bits()) >> (128 - u32::from(self.len.min(128))) == 0
            }
            _ => false,
        }
    }

    /// With host bits cleared.
    #[must_use]
    pub fn masked(&self) -> Self {
        let addr = match self.addr {
            IpAddr::V4(a) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.len.min(32))).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() & mask))
            }
            IpAddr::V6(a) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.len.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & mask))
            }
        };
        Self { addr, len: self.len }
    }

    /// Whether it is one address.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.len == self.family().bits()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;
    fn from_str(s: &str) -> Result<Self, PrefixError> {
        let err = || PrefixError { text: s.to_owned() };
        let (addr, len) = match s.split_once('/') {
            Some((a, l)) => (a.parse::<IpAddr>().map_err(|_| err())?, l.parse::<u8>().map_err(|_| err())?),
            None => {
                let a = s.parse::<IpAddr>().map_err(|_| err())?;
                (a, IpFamily::of(a).bits())
            }
        };
        if len > IpFamily::of(addr).bits() {
            return Err(err());
        }
        Ok(Self { addr, len })
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A hardware address of six bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// `ff:ff:ff:ff:ff:ff`
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// From a netlink attribute; `None` unless it has six bytes.
    #[must_use]
    pub fn from_slice(b: &[u8]) -> Option<Self> {
        b.try_into().ok().map(Self)
    }

    /// Group bit set (broadcast included).
    #[must_use]
    pub fn is_multicast(&self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let mut out = [0; 6];
        let mut parts = s.split(':');
        for byte in &mut out {
            *byte = parts
                .next()
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or_else(|| format!("`{s}` is not a MAC address such as 02:00:00:00:00:01"))?;
        }
        match parts.next() {
            None => Ok(Self(out)),
            Some(_) => Err(format!("`{s}` is longer than a MAC address")),
        }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// An IP protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP
    pub const ICMP: Self = Self(1);
    /// TCP
    pub const TCP: Self = Self(6);
    /// UDP
    pub const UDP: Self = Self(17);
    /// ICMPv6
    pub const ICMPV6: Self = Self(58);
    /// SCTP
    pub const SCTP: Self = Self(132);

    /// `icmp` of a family.
    #[must_use]
    pub fn icmp(family: IpFamily) -> Self {
        match family {
            IpFamily::V4 => Self::ICMP,
            IpFamily::V6 => Self::ICMPV6,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.write_str("icmp"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ICMPV6 => f.write_str("icmpv6"),
            Self::SCTP => f.write_str("sctp"),
            Self(n) => write!(f, "{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn prefix_contains_by_bits() {
        let p: Prefix = "10.0.1.0/25".parse().unwrap();
        assert!(p.contains("10.0.1.127".parse().unwrap()));
        assert!(!p.contains("10.0.1.128".parse().unwrap()));
        assert!(!p.contains("::1".parse().unwrap()));
        assert!(Prefix::any(IpFamily::V6).contains("::1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Prefix>().is_err());
        assert_eq!("10.0.0.7/24".parse::<Prefix>().unwrap().masked().to_string(), "10.0.0.0/24");
        assert_eq!("fd00::7/0".parse::<Prefix>().unwrap().masked().to_string(), "::/0");
    }

    #[test]
    fn mac_round_trip() {
        let m: Mac = "02:00:0a:ff:00:01".parse().unwrap();
        assert_eq!(m.to_string(), "02:00:0a:ff:00:01");
        assert!("02:00:0a:ff:00".parse::<Mac>().is_err());
        assert!("02:00:0a:ff:00:01:02".parse::<Mac>().is_err());
    }
}

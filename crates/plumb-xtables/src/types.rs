//! Small types that many extensions share.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumb_nft::Bytes;
use serde::{Deserialize, Serialize};

/// Which of the two packet filters: their extensions share names but not always structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XtFamily {
    /// iptables.
    Ip,
    /// ip6tables.
    Ip6,
}

impl XtFamily {
    /// The address that masks or matches nothing.
    #[must_use]
    pub fn unspecified(self) -> IpAddr {
        match self {
            Self::Ip => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Self::Ip6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    /// Bits of an address.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Ip => 32,
            Self::Ip6 => 128,
        }
    }
}

/// A condition, or with `invert` its contrary (`!`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Inv<T> {
    /// What is compared with.
    pub value: T,
    /// Holds when the comparison fails.
    pub invert: bool,
}

impl<T> Inv<T> {
    /// A condition with its sense.
    pub fn new(value: T, invert: bool) -> Self {
        Self { value, invert }
    }

    /// Whether the condition holds, given the outcome of the plain comparison.
    #[must_use]
    pub fn holds(&self, compared: impl FnOnce(&T) -> bool) -> bool {
        compared(&self.value) != self.invert
    }

    /// `! ` or nothing.
    pub(crate) fn bang(&self) -> &'static str {
        if self.invert { "! " } else { "" }
    }
}

/// First and last port, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortRange {
    /// First.
    pub min: u16,
    /// Last.
    pub max: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { min: 0, max: u16::MAX };

    /// Whether the port lies in the range.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        (self.min..=self.max).contains(&port)
    }

    /// `80` or `80:90`, with the separator given.
    pub(crate) fn text(self, separator: char) -> String {
        if self.min == self.max {
            self.min.to_string()
        } else {
            format!("{}{separator}{}", self.min, self.max)
        }
    }
}

/// First and last number, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range32 {
    /// First.
    pub min: u32,
    /// Last.
    pub max: u32,
}

impl Range32 {
    /// Every number.
    pub const ALL: Self = Self { min: 0, max: u32::MAX };

    /// Whether the number lies in the range.
    #[must_use]
    pub fn contains(&self, n: u32) -> bool {
        (self.min..=self.max).contains(&n)
    }

    pub(crate) fn text(self, separator: char) -> String {
        if self.min == self.max {
            self.min.to_string()
        } else {
            format!("{}{separator}{}", self.min, self.max)
        }
    }
}

/// A value under a mask: `x & mask == value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Masked {
    /// What the masked number is compared with, or what is set.
    pub value: u32,
    /// The bits that count.
    pub mask: u32,
}

impl Masked {
    /// `0x1` or `0x1/0xff`.
    pub(crate) fn text(self) -> String {
        match self.mask {
            u32::MAX => format!("{:#x}", self.value),
            mask => format!("{:#x}/{mask:#x}", self.value),
        }
    }

    /// `0x1/0xffffffff`.
    pub(crate) fn full_text(self) -> String {
        format!("{:#x}/{:#x}", self.value, self.mask)
    }
}

/// An address and the bits of it that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddrMask {
    /// Address.
    pub addr: IpAddr,
    /// Mask; any combination of bits, as in the kernel.
    pub mask: IpAddr,
}

impl AddrMask {
    /// Length of the prefix, if the mask is one.
    #[must_use]
    pub fn prefix_len(&self) -> Option<u32> {
        match self.mask {
            IpAddr::V4(m) => {
                let bits = u32::from(m);
                (bits.leading_ones() == bits.count_ones()).then_some(bits.count_ones())
            }
            IpAddr::V6(m) => {
                let bits = u128::from(m);
                (bits.leading_ones() == bits.count_ones()).then_some(bits.count_ones())
            }
        }
    }

    /// Whether an address is the same under the mask; never, for one of the other family.
    #[must_use]
    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.addr, self.mask, other) {
            (IpAddr::V4(a), IpAddr::V4(m), IpAddr::V4(o)) => a & m == o & m,
            (IpAddr::V6(a), IpAddr::V6(m), IpAddr::V6(o)) => a & m == o & m,
            _ => false,
        }
    }
}

/// An interface name to compare with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IfaceName {
    /// The name, or its beginning.
    pub name: String,
    /// Matches every name that begins so (`eth+`).
    pub prefix: bool,
}

impl IfaceName {
    /// From the bytes that are compared: with the final NUL a whole name, without it the beginning of one.
    #[must_use]
    pub fn from_compared(bytes: &[u8]) -> Self {
        let end = bytes.iter().position(|b| *b == 0);
        let name = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        // IFNAMSIZ bytes without a NUL leave nothing open either.
        let prefix = end.is_none() && bytes.len() < 16;
        Self { name: String::from_utf8_lossy(name).into_owned(), prefix }
    }

    /// Whether an interface of this name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.prefix { name.starts_with(&self.name) } else { name == self.name }
    }
}

impl fmt::Display for IfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.prefix { "+" } else { "" })
    }
}

/// An extension that could not be decoded: kept whole, and named.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnknownExtension {
    /// Name, as the kernel knows it.
    pub name: String,
    /// Revision.
    pub revision: u32,
    /// The structure, as it came.
    pub bytes: Bytes,
    /// Why it was not decoded.
    pub reason: String,
}

/// Names of ipsets by the kernel's index, which is all that a rule holds of a set.
pub trait SetNames {
    /// Name of the set with this index, if it is known.
    fn set_name(&self, index: u16) -> Option<String>;
}

/// No set has a name: rules that use one are printed with its index.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSetNames;

impl SetNames for NoSetNames {
    fn set_name(&self, _: u16) -> Option<String> {
        None
    }
}

impl SetNames for std::collections::BTreeMap<u16, String> {
    fn set_name(&self, index: u16) -> Option<String> {
        self.get(&index).cloned()
    }
}

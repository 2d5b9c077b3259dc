//! Errors as a client's socket reports them.

use std::fmt;

use plumb_model::IpFamily;

/// An errno of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Errno {
    /// Dropped by the own output chain (UDP).
    Eperm,
    /// Administratively prohibited.
    Eacces,
    /// Blackhole route.
    Einval,
    /// Message too long.
    Emsgsize,
    /// Protocol error.
    Eproto,
    /// Protocol unreachable.
    Enoprotoopt,
    /// Operation not supported (source route failed).
    Eopnotsupp,
    /// No address or no port to send from.
    Eaddrnotavail,
    /// Network unreachable.
    Enetunreach,
    /// Nothing came back in time.
    Etimedout,
    /// Reset.
    Econnreset,
    /// Refused.
    Econnrefused,
    /// Host down.
    Ehostdown,
    /// No route to host.
    Ehostunreach,
    /// Host isolated.
    Enonet,
}

impl Errno {
    /// Its name in errno.h.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eperm => "EPERM",
            Self::Eacces => "EACCES",
            Self::Einval => "EINVAL",
            Self::Emsgsize => "EMSGSIZE",
            Self::Eproto => "EPROTO",
            Self::Enoprotoopt => "ENOPROTOOPT",
            Self::Eopnotsupp => "EOPNOTSUPP",
            Self::Eaddrnotavail => "EADDRNOTAVAIL",
            Self::Enetunreach => "ENETUNREACH",
            Self::Etimedout => "ETIMEDOUT",
            Self::Econnreset => "ECONNRESET",
            Self::Econnrefused => "ECONNREFUSED",
            Self::Ehostdown => "EHOSTDOWN",
            Self::Ehostunreach => "EHOSTUNREACH",
            Self::Enonet => "ENONET",
        }
    }

    /// From the kernel's number (include/uapi/asm-generic/errno*.h).
    #[must_use]
    pub fn from_number(n: i32) -> Option<Self> {
        Some(match n {
            1 => Self::Eperm,
            13 => Self::Eacces,
            22 => Self::Einval,
            64 => Self::Enonet,
            71 => Self::Eproto,
            90 => Self::Emsgsize,
            92 => Self::Enoprotoopt,
            95 => Self::Eopnotsupp,
            99 => Self::Eaddrnotavail,
            101 => Self::Enetunreach,
            104 => Self::Econnreset,
            110 => Self::Etimedout,
            111 => Self::Econnrefused,
            112 => Self::Ehostdown,
            113 => Self::Ehostunreach,
            _ => return None,
        })
    }

    /// What an ICMP error means to the socket, and whether a connected datagram socket is told
    /// (`icmp_err_convert` in net/ipv4/icmp.c, `icmpv6_err_convert` in net/ipv6/icmp.c).
    #[must_use]
    pub fn of_icmp(family: IpFamily, kind: u8, code: u8) -> Option<(Self, bool)> {
        match family {
            IpFamily::V4 => Some(match (kind, code) {
                (3, 0 | 11) => (Self::Enetunreach, false),
                (3, 1 | 12) => (Self::Ehostunreach, false),
                (3, 2) => (Self::Enoprotoopt, true),
                (3, 3) => (Self::Econnrefused, true),
                // `__udp4_lib_err`, `ping_err`, `raw_err`
                (3, 4) => (Self::Emsgsize, true),
                (3, 5) => (Self::Eopnotsupp, false),
                (3, 6 | 9) => (Self::Enetunreach, true),
                (3, 7) => (Self::Ehostdown, true),
                (3, 8) => (Self::Enonet, true),
                (3, 10 | 13 | 14 | 15) => (Self::Ehostunreach, true),
                (11, _) => (Self::Ehostunreach, false),
                (12, _) => (Self::Eproto, true),
                _ => return None,
            }),
            IpFamily::V6 => Some(match (kind, code) {
                (1, 0) => (Self::Enetunreach, false),
                (1, 1 | 5 | 6) => (Self::Eacces, true),
                (1, 2 | 3) => (Self::Ehostunreach, false),
                (1, 4) => (Self::Econnrefused, true),
                (2, _) => (Self::Emsgsize, true),
                (3, _) => (Self::Ehostunreach, false),
                (4, _) => (Self::Eproto, true),
                _ => return None,
            }),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! Which capabilities the command has, and what is hidden without them.

use std::fs;

/// `CAP_NET_ADMIN` and `CAP_SYS_ADMIN` (include/uapi/linux/capability.h).
const NET_ADMIN: u32 = 12;
const SYS_PTRACE: u32 = 19;
const SYS_ADMIN: u32 = 21;

/// Capabilities that reading takes and that are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// To read nftables, conntrack and iptables-legacy.
    pub net_admin: bool,
    /// To enter other namespaces.
    pub sys_admin: bool,
    /// To see into other users' processes.
    pub sys_ptrace: bool,
}

impl Missing {
    /// Of this process.
    #[must_use]
    pub fn now() -> Self {
        fs::read_to_string("/proc/self/status").ok().and_then(|s| Self::from_status(&s)).unwrap_or_default()
    }

    /// From /proc/PID/status.
    fn from_status(status: &str) -> Option<Self> {
        let mask = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
        let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
        let lacks = |bit: u32| mask & (1 << bit) == 0;
        Some(Self { net_admin: lacks(NET_ADMIN), sys_admin: lacks(SYS_ADMIN), sys_ptrace: lacks(SYS_PTRACE) })
    }

    /// Whether any is.
    #[must_use]
    pub fn any(self) -> bool {
        self.net_admin || self.sys_admin || self.sys_ptrace
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.sys_admin, "CAP_SYS_ADMIN"),
            (self.net_admin, "CAP_NET_ADMIN"),
            (self.sys_ptrace, "CAP_SYS_PTRACE"),
        ];
        all.into_iter().filter(|(missing, _)| *missing).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_status() {
        let of = |mask: &str| Missing::from_status(&format!("Name:\tx\nCapEff:\t{mask}\n"));
        assert_eq!(of("000001ffffffffff"), Some(Missing::default()));
        assert_eq!(
            of("0000000000000000"),
            Some(Missing { net_admin: true, sys_admin: true, sys_ptrace: true })
        );
        assert_eq!(of("0000000000001000").map(Missing::names), Some(vec!["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]));
        assert_eq!(of("no"), None);
    }
}

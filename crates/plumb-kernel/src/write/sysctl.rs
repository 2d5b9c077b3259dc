//! Sysctls of a namespace.

use std::fs;

use super::NamespaceWriter;
use crate::error::{KernelError, Result};

/// Trees in which the part before the last is a device's name, dots and all.
const TREES: [&str; 5] =
    ["net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh.", "net.mpls.conf."];

impl NamespaceWriter {
    /// Sets a sysctl, named as in [`plumb_model::Sysctls`].
    pub fn set_sysctl(&mut self, name: &str, value: &str) -> Result<()> {
        let what = self.what(&format!("set {name} to {value}"));
        let path = path(name).ok_or_else(|| no_name(&what))?;
        self.handle.run(|| fs::write(&path, value))?.map_err(|e| KernelError::io(what, e))
    }

    /// Reads a sysctl.
    pub fn sysctl(&self, name: &str) -> Result<String> {
        let what = self.what(&format!("read {name}"));
        let path = path(name).ok_or_else(|| no_name(&what))?;
        let read = self.handle.run(|| fs::read_to_string(&path))?;
        read.map(|v| v.trim_end().to_owned()).map_err(|e| KernelError::io(what, e))
    }
}

fn no_name(what: &str) -> KernelError {
    KernelError::Unsupported { what: what.to_owned(), why: "that is no name of a sysctl".into() }
}

/// File of a dotted name; `None` where it would lead elsewhere.
fn path(name: &str) -> Option<String> {
    if name.contains(['/', '\0']) || name.starts_with('.') || !name.contains('.') {
        return None;
    }
    let with_device = TREES.iter().find_map(|tree| {
        let (device, key) = name.strip_prefix(tree)?.rsplit_once('.')?;
        (!matches!(device, "" | "." | "..")).then_some(())?;
        Some(format!("/proc/sys/{}{device}/{key}", tree.replace('.', "/")))
    });
    Some(with_device.unwrap_or_else(|| format!("/proc/sys/{}", name.replace('.', "/"))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_keeps_its_dots() {
        assert_eq!(path("net.ipv4.ip_forward").unwrap(), "/proc/sys/net/ipv4/ip_forward");
        assert_eq!(
            path("net.ipv4.conf.eth0.100.rp_filter").unwrap(),
            "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"
        );
        assert_eq!(
            path("net.ipv6.neigh.default.gc_thresh3").unwrap(),
            "/proc/sys/net/ipv6/neigh/default/gc_thresh3"
        );
        assert_eq!(path("net.ipv4.conf.../../etc.x"), None);
    }
}

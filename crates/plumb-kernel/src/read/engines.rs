//! Other engines that hold something in a namespace and that are not read: named, so that they are not passed over.

use std::fs;
use std::os::fd::{AsRawFd, RawFd};

use plumb_model::Link;

use crate::sys;

/// `BPF_TCX_INGRESS` and what else hangs on a device (include/uapi/linux/bpf.h).
const ON_DEVICE: &[(u32, &str)] =
    &[(46, "tcx ingress"), (47, "tcx egress"), (54, "netkit primary"), (55, "netkit peer")];
/// `BPF_CGROUP_INET_INGRESS` and what else may drop or redirect on a socket.
const ON_CGROUP: &[(u32, &str)] = &[
    (0, "ingress"),
    (1, "egress"),
    (10, "connect4"),
    (11, "connect6"),
    (14, "sendmsg4"),
    (15, "sendmsg6"),
    (19, "recvmsg4"),
    (20, "recvmsg6"),
];

/// Of the calling thread's namespace.
pub(super) fn read(links: &[Link], gaps: &mut Vec<String>) -> Vec<String> {
    let mut engines = Vec::new();
    if let Ok(names) = fs::read_to_string("/proc/thread-self/net/arp_tables_names") {
        engines.extend(names.split_ascii_whitespace().map(|name| format!("arptables {name}")));
    }
    // Two lines of head and one of columns, then a line for each service and each destination.
    if let Ok(services) = fs::read_to_string("/proc/thread-self/net/ip_vs") {
        let count = services.lines().skip(3).filter(|l| !l.trim_start().starts_with("->")).count();
        if count > 0 {
            engines.push(format!("IPVS: {count} services"));
        }
    }
    // The tables of ebtables-legacy are modules; they name their rules nowhere but to a caller that may create them.
    for table in ["ebtable_filter", "ebtable_nat", "ebtable_broute"] {
        if fs::exists(format!("/sys/module/{table}")).unwrap_or(false) {
            engines.push(format!("ebtables-legacy ({table} is loaded)"));
        }
    }
    for link in links {
        for (attach_type, what) in ON_DEVICE {
            match sys::bpf_programs(link.index, *attach_type) {
                Ok(ids) => {
                    engines.extend(ids.iter().map(|id| format!("{what} of {}: BPF program {id}", link.name)))
                }
                Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
                    gaps.push("BPF programs on devices cannot be seen: CAP_NET_ADMIN is missing".into());
                    return engines;
                }
                // The kernel has no BPF, not this hook, or not on this kind of device.
                Err(_) => {}
            }
        }
    }
    engines
}

/// Programs on the root of the cgroup tree, which every process of the machine passes.
pub(super) fn on_root_cgroup() -> Vec<String> {
    let Some(root) = fs::read_to_string("/proc/self/mountinfo").ok().and_then(|m| cgroup_root(&m)) else {
        return Vec::new();
    };
    let Ok(folder) = fs::File::open(root) else { return Vec::new() };
    let fd: RawFd = folder.as_raw_fd();
    let mut engines = Vec::new();
    for (attach_type, what) in ON_CGROUP {
        let ids = sys::bpf_programs(fd.cast_unsigned(), *attach_type).unwrap_or_default();
        engines.extend(ids.iter().map(|id| format!("cgroup {what}: BPF program {id}")));
    }
    engines
}

/// Where the root of the cgroup2 tree is mounted.
fn cgroup_root(mountinfo: &str) -> Option<String> {
    mountinfo.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, path) = (fields.next()?, fields.next()?);
        (kind.starts_with("cgroup2 ") && root == "/").then(|| path.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_of_the_cgroup_tree() {
        let text = "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            31 23 0:27 /docker/x /sys/fs/cgroup/part rw - cgroup2 cgroup2 rw\n\
            32 23 0:27 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(cgroup_root(text).as_deref(), Some("/sys/fs/cgroup/unified"));
    }
}

//! Sysctls of the calling thread's namespace: /proc/sys/net follows the thread that opens a file.

use std::os::fd::{AsFd, OwnedFd};

use plumb_model::{Read, Sysctls};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Alone: read one by one, absent where the kernel has them not.
const SINGLE: &[&str] = &[
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.fib_multipath_hash_fields",
    "net.ipv4.fib_multipath_hash_policy",
    "net.ipv4.fib_multipath_hash_seed",
    "net.ipv4.fib_multipath_use_neigh",
    "net.ipv4.fwmark_reflect",
    "net.ipv4.icmp_echo_ignore_all",
    "net.ipv4.icmp_echo_ignore_broadcasts",
    "net.ipv4.icmp_errors_use_inbound_ifaddr",
    "net.ipv4.icmp_msgs_burst",
    "net.ipv4.icmp_msgs_per_sec",
    "net.ipv4.icmp_ratelimit",
    "net.ipv4.icmp_ratemask",
    "net.ipv4.ip_default_ttl",
    "net.ipv4.ip_early_demux",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_forward_use_pmtu",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_no_pmtu_disc",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ipfrag_high_thresh",
    "net.ipv4.ipfrag_low_thresh",
    "net.ipv4.ipfrag_time",
    "net.ipv4.neigh.default.unres_qlen_bytes",
    "net.ipv4.ping_group_range",
    "net.ipv4.raw_l3mdev_accept",
    "net.ipv4.route.min_adv_mss",
    "net.ipv4.route.min_pmtu",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_early_demux",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_fwmark_accept",
    "net.ipv4.tcp_l3mdev_accept",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_base_mss",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_orphan_retries",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tw_recycle",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_wmem",
    "net.ipv4.udp_early_demux",
    "net.ipv4.udp_l3mdev_accept",
    "net.ipv6.bindv6only",
    "net.ipv6.fib_multipath_hash_fields",
    "net.ipv6.fib_multipath_hash_policy",
    "net.ipv6.fwmark_reflect",
    "net.ipv6.icmp.echo_ignore_all",
    "net.ipv6.icmp.echo_ignore_anycast",
    "net.ipv6.icmp.echo_ignore_multicast",
    "net.ipv6.icmp.ratelimit",
    "net.ipv6.icmp.ratemask",
    "net.ipv6.route.min_adv_mss",
    "net.ipv6.ip_nonlocal_bind",
    "net.ipv6.ip6frag_high_thresh",
    "net.ipv6.neigh.default.unres_qlen_bytes",
    "net.ipv6.route.max_size",
];

/// What the first namespace alone shows, since it holds for the machine (`net_core_table`, `ipv4_table`,
/// `neigh_sysctl_register`): read where its first file is there.
const FIRST: &[&str] = &[
    "net.core.netdev_max_backlog",
    "net.core.netdev_budget",
    "net.core.netdev_budget_usecs",
    "net.ipv4.neigh.default.gc_thresh1",
    "net.ipv4.neigh.default.gc_thresh2",
    "net.ipv4.neigh.default.gc_thresh3",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_mem",
    "net.ipv4.udp_mem",
    "net.ipv6.neigh.default.gc_thresh1",
    "net.ipv6.neigh.default.gc_thresh2",
    "net.ipv6.neigh.default.gc_thresh3",
    "net.netfilter.nf_conntrack_expect_max",
    "fs.file-max",
    "fs.file-nr",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "kernel.pid_max",
    "kernel.threads-max",
];

/// Every file of these folders, but for the exceptions.
const FOLDERS: &[(&str, &[&str])] = &[
    ("net.bridge", &[]),
    ("net.ipv4.vs", &[]),
    ("net.netfilter", &["nf_log", "nf_log_all_netns", "nf_conntrack_expect_max"]),
];

/// Per device, and `all` and `default`.
const CONF_V4: &[&str] = &[
    "accept_local",
    "accept_redirects",
    "arp_announce",
    "arp_filter",
    "arp_ignore",
    "arp_accept",
    "disable_policy",
    "disable_xfrm",
    "drop_gratuitous_arp",
    "drop_unicast_in_l2_multicast",
    "forwarding",
    "ignore_routes_with_linkdown",
    "log_martians",
    "medium_id",
    "proxy_arp",
    "proxy_arp_pvlan",
    "route_localnet",
    "rp_filter",
    "send_redirects",
    "shared_media",
    "src_valid_mark",
];
const CONF_V6: &[&str] = &[
    "accept_dad",
    "accept_ra",
    "accept_ra_defrtr",
    "accept_redirects",
    "addr_gen_mode",
    "autoconf",
    "dad_transmits",
    "disable_ipv6",
    "disable_policy",
    "force_forwarding",
    "forwarding",
    "hop_limit",
    "ignore_routes_with_linkdown",
    "keep_addr_on_down",
    "mtu",
    "ndisc_tclass",
    "proxy_ndp",
    "seg6_enabled",
    "use_oif_addrs_only",
    "use_tempaddr",
    "drop_unicast_in_l2_multicast",
];

/// Folders are opened once and files looked up in them: that halves the time of so many small files.
pub(super) fn read() -> Sysctls {
    let mut sysctls = Sysctls::default();
    let Some(root) = open_folder(None, "/proc/sys") else { return sysctls };
    for name in SINGLE {
        put(&mut sysctls, (*name).to_owned(), &root, &name.replace('.', "/"));
    }
    if let Some((first, others)) = FIRST.split_first()
        && let Ok(bytes) = read_file(&root, &first.replace('.', "/"))
    {
        let value = Read::Got(String::from_utf8_lossy(&bytes).trim_end().to_owned());
        sysctls.0.insert((*first).to_owned(), value);
        for name in others {
            put(&mut sysctls, (*name).to_owned(), &root, &name.replace('.', "/"));
        }
    }
    for (path, except) in FOLDERS {
        let Some(folder) = open_folder(Some(&root), &path.replace('.', "/")) else {
            let feature = match *path {
                "net.bridge" => "br_netfilter",
                "net.ipv4.vs" => "ip_vs",
                _ => "nf_conntrack",
            };
            sysctls.0.insert((*path).to_owned(), Read::Absent { feature: feature.into() });
            continue;
        };
        for file in names(&folder).into_iter().filter(|f| !except.contains(&f.as_str())) {
            put(&mut sysctls, format!("{path}.{file}"), &folder, &file);
        }
    }
    for (family, keys) in [("ipv4", CONF_V4), ("ipv6", CONF_V6)] {
        let Some(conf) = open_folder(Some(&root), &format!("net/{family}/conf")) else {
            let absent = Read::Absent { feature: family.into() };
            sysctls.0.insert(format!("net.{family}.conf"), absent);
            continue;
        };
        for device in names(&conf) {
            // One that went in the meantime takes its settings along.
            let Some(folder) = open_folder(Some(&conf), &device) else { continue };
            for key in keys {
                put(&mut sysctls, format!("net.{family}.conf.{device}.{key}"), &folder, key);
            }
        }
    }
    sysctls
}

fn open_folder(at: Option<&OwnedFd>, path: &str) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let at = at.map_or(rustix::fs::CWD, |fd| fd.as_fd());
    rustix::fs::openat(at, path, flags, Mode::empty()).ok()
}

fn names(folder: &OwnedFd) -> Vec<String> {
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|e| e.file_name().to_str().ok().map(str::to_owned));
    names.filter(|n| n != "." && n != "..").collect()
}

fn put(sysctls: &mut Sysctls, name: String, folder: &OwnedFd, file: &str) {
    let value = match read_file(folder, file) {
        // `ip_local_port_range` has a tab between its numbers.
        Ok(bytes) => Read::Got(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
        Err(Errno::ACCESS | Errno::PERM) => Read::Denied { capability: "CAP_NET_ADMIN".into() },
        Err(_) => Read::Absent { feature: name.clone() },
    };
    sysctls.0.insert(name, value);
}

fn read_file(folder: &OwnedFd, file: &str) -> Result<Vec<u8>, Errno> {
    let file = rustix::fs::openat(folder, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = [0; 4096];
    let mut value = Vec::new();
    // Values end with a newline, and a read gives as much as fits; few are longer than one read.
    loop {
        let n = rustix::io::read(&file, &mut buffer)?;
        value.extend_from_slice(buffer.get(..n).unwrap_or_default());
        if n < buffer.len() {
            return Ok(value);
        }
    }
}

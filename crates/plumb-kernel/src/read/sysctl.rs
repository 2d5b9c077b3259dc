//! Sysctls of the calling thread's namespace: /proc/sys/net follows the thread that opens a file.

use std::fs;
use std::io;
use std::path::Path;

use plumb_model::{Read, Sysctls};

/// Alone: read one by one, absent where the kernel has them not.
const SINGLE: &[&str] = &[
    "net.core.somaxconn",
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
    "net.ipv4.neigh.default.gc_thresh3",
    "net.ipv4.ping_group_range",
    "net.ipv4.raw_l3mdev_accept",
    "net.ipv4.route.min_pmtu",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_early_demux",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_fwmark_accept",
    "net.ipv4.tcp_l3mdev_accept",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_tw_reuse",
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
    "net.ipv6.ip_nonlocal_bind",
    "net.ipv6.neigh.default.gc_thresh3",
];

/// Every file of these folders, but for the exceptions.
const FOLDERS: &[(&str, &[&str])] =
    &[("net.bridge", &[]), ("net.netfilter", &["nf_log", "nf_log_all_netns", "nf_conntrack_expect_max"])];

/// Per device, and `all` and `default`.
const CONF_V4: &[&str] = &[
    "accept_local",
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
    "ndisc_tclass",
    "proxy_ndp",
    "seg6_enabled",
    "use_oif_addrs_only",
    "use_tempaddr",
    "drop_unicast_in_l2_multicast",
];

pub(super) fn read() -> Sysctls {
    let mut sysctls = Sysctls::default();
    for name in SINGLE {
        put(&mut sysctls, name, &path(name));
    }
    for (folder, except) in FOLDERS {
        let root = path(folder);
        let Ok(entries) = fs::read_dir(&root) else {
            let feature = if *folder == "net.bridge" { "br_netfilter" } else { "nf_conntrack" };
            sysctls.0.insert((*folder).to_owned(), Read::Absent { feature: feature.into() });
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            let file = entry.file_name();
            let Some(file) = file.to_str().filter(|f| !except.contains(f)) else { continue };
            put(&mut sysctls, &format!("{folder}.{file}"), &format!("{root}/{file}"));
        }
    }
    for (family, names) in [("ipv4", CONF_V4), ("ipv6", CONF_V6)] {
        let root = format!("/proc/sys/net/{family}/conf");
        let Ok(devices) = fs::read_dir(&root) else {
            let absent = Read::Absent { feature: family.into() };
            sysctls.0.insert(format!("net.{family}.conf"), absent);
            continue;
        };
        for device in devices.filter_map(Result::ok) {
            let Ok(device) = device.file_name().into_string() else { continue };
            for name in names {
                put(
                    &mut sysctls,
                    &format!("net.{family}.conf.{device}.{name}"),
                    &format!("{root}/{device}/{name}"),
                );
            }
        }
    }
    sysctls
}

/// Of a name without a device in it.
fn path(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

fn put(sysctls: &mut Sysctls, name: &str, path: &str) {
    let value = match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            // `ip_local_port_range` has a tab between its numbers.
            Read::Got(text.trim_end().to_owned())
        }
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            Read::Denied { capability: "CAP_NET_ADMIN".into() }
        }
        // A device that went in the meantime takes its settings along.
        Err(_) if !Path::new(path).parent().is_some_and(Path::exists) => return,
        Err(_) => Read::Absent { feature: name.to_owned() },
    };
    sysctls.0.insert(name.to_owned(), value);
}

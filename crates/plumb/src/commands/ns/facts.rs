//! What is said about a namespace, in short: who lives there, its addresses, what listens.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plumb_model::{Address, Namespace, Owner, Read, fmt_socket};

use crate::commands::Context;
use crate::lang::Say;

/// Who lives there: the owner where known, then programs with their process ids, containers and pods.
pub(super) fn inhabitants(ns: &Namespace) -> Vec<String> {
    let mut out = Vec::new();
    match &ns.owner {
        Some(Owner::Node { node }) => out.push(format!("node {node}")),
        Some(Owner::Pod { namespace, name, node }) => out.push(format!("pod {namespace}/{name} ({node})")),
        Some(Owner::Other { name }) => out.push(name.clone()),
        None => {}
    }
    type Program<'a> = (Option<&'a str>, Option<&'a str>, &'a str);
    let mut programs: BTreeMap<Program<'_>, Vec<u32>> = BTreeMap::new();
    for p in &ns.processes {
        let key = (p.pod_uid.as_deref(), p.container.as_deref(), p.comm.as_str());
        programs.entry(key).or_default().push(p.pid);
    }
    for ((pod, container, comm), pids) in programs {
        let pids = match pids.as_slice() {
            [one] => one.to_string(),
            [first, ..] => format!("{first} ×{}", pids.len()),
            [] => continue,
        };
        let mut line = format!("{comm} {pids}");
        if let Some(id) = container {
            line.push_str(&format!(" in {}", id.get(..12).unwrap_or(id)));
        }
        if let Some(uid) = pod {
            line.push_str(&format!(" (pod {uid})"));
        }
        out.push(line);
    }
    out
}

/// Addresses with their devices; loopback's and link-local ones only where a device has no others.
pub(super) fn addresses(ns: &Namespace) -> Vec<String> {
    let all = ns.addresses.items();
    let is_plain = |a: &Address| match a.prefix.addr {
        IpAddr::V4(v4) => !v4.is_loopback(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    let has_plain = |index: u32| all.iter().any(|a| a.index == index && is_plain(a));
    all.iter()
        .filter(|a| is_plain(a) || (!a.prefix.addr.is_loopback() && !has_plain(a.index)))
        .map(|a| format!("{} {}", ns.link_name(a.index), a.prefix))
        .collect()
}

/// Sockets that take connections or datagrams, as `ss` prints them, TCP first.
pub(super) fn listeners(ns: &Namespace) -> Vec<String> {
    let mut all: Vec<(u8, u16, String)> = ns
        .sockets
        .items()
        .iter()
        .filter(|s| s.is_listening())
        .map(|s| (s.protocol.0, s.sport, fmt_socket(s, ns)))
        .collect();
    all.sort();
    all.dedup();
    all.into_iter().map(|(_, _, text)| text).collect()
}

/// Why a part is not there, in words; `None` where it is.
pub(in crate::commands) fn absence<T>(read: &Read<T>, what: &str, context: &Context) -> Option<String> {
    match read {
        Read::Got(_) => None,
        Read::Denied { capability } => Some(context.say(&Say::Unread { what, why: capability })),
        Read::Absent { feature } => Some(context.say(&Say::Absent { what, feature })),
        Read::Torn { reason, .. } => Some(context.say(&Say::Torn { what, reason })),
    }
}

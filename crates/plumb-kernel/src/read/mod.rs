//! Reading every namespace of the machine into a [`Snapshot`].

mod address;
mod conntrack;
mod counters;
mod engines;
mod ipset;
mod legacy;
mod link;
mod link_settings;
mod namespace;
mod neighbour;
mod nexthop;
mod nft;
mod peers;
mod processes;
mod queue;
mod recent;
mod resolver;
mod route;
mod rule;
mod sockets;
mod statistics;
mod sysctl;
#[cfg(test)]
mod tests;
mod traffic_control;
mod wire;

pub(crate) use address::{RTM_DELADDR, RTM_NEWADDR, read as read_addresses};
pub(crate) use conntrack::{IPCTNL_MSG_CT_DELETE, entries as conntrack_entries};
pub(crate) use link::{RTM_NEWLINK, ifinfomsg};
pub(crate) use neighbour::{AF_BRIDGE, RTM_DELNEIGH, RTM_NEWNEIGH, ndmsg};
pub(crate) use nft::{
    current_generation as read_generation, read as read_ruleset, table as read_table, tables as read_tables,
};
pub(crate) use route::{RTM_DELROUTE, RTM_NEWROUTE};
pub(crate) use rule::{RTM_DELRULE, RTM_NEWRULE};
pub(crate) use wire::Fields;

pub use ipset::decode_ipsets;
use plumb_model::{IpSet, LegacyTable, Read as ReadOf};

use crate::NamespaceHandle;

/// The tables of iptables-legacy of one namespace, for whoever reads them again and again.
pub fn read_legacy(namespace: &NamespaceHandle) -> Result<ReadOf<Vec<LegacyTable>>> {
    namespace.run(legacy::read)?
}

/// The ipsets of one namespace.
pub fn read_ipsets(namespace: &NamespaceHandle) -> Result<ReadOf<Vec<IpSet>>> {
    namespace.run(|| ipset::read(&mut crate::netlink::Socket::open(crate::netlink::Subsystem::Netfilter)?))?
}

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use plumb_model::{Host, HostStatistics, IpFamily, NamespaceId, Owner, Read, Resolver, Snapshot};

use crate::discover::{self, Found};
use crate::error::{KernelError, Result};
use crate::features::Features;

/// What is read in each namespace, besides links and addresses, which always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each part can be left out by itself")]
pub struct Parts {
    /// Routes, policy rules, neighbours and forwarding databases.
    pub routes: bool,
    /// nftables and iptables-legacy.
    pub filters: bool,
    /// Conntrack entries; on a busy machine there are many.
    pub conntrack: bool,
    /// Sockets.
    pub sockets: bool,
    /// Queueing disciplines and filters.
    pub traffic_control: bool,
    /// Sysctls.
    pub sysctls: bool,
    /// Counters of protocols.
    pub counters: bool,
    /// Counters of sockets and of connection tracking, and those that the machine has once. No walk needs them; two
    /// readings judge them.
    pub statistics: bool,
    /// How processes that serve fare: their files, limits and groups. It takes the sockets.
    pub processes: bool,
    /// The resolver's files.
    pub names: bool,
}

impl Default for Parts {
    /// Everything.
    fn default() -> Self {
        Self {
            routes: true,
            filters: true,
            conntrack: true,
            sockets: true,
            traffic_control: true,
            sysctls: true,
            counters: true,
            statistics: true,
            processes: true,
            names: true,
        }
    }
}

/// How far the reading is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Namespaces read.
    pub done: usize,
    /// Namespaces to read.
    pub total: usize,
    /// The one that was read last.
    pub name: String,
}

/// Tells whose a namespace is.
pub type OwnerOf<'a> = &'a (dyn Fn(NamespaceId) -> Option<Owner> + Sync);

/// Tells what the processes of a namespace ask for names, where that is not in files.
pub type ResolverOf<'a> = &'a (dyn Fn(NamespaceId) -> Option<Resolver> + Sync);

/// What to read, and whom to tell.
#[derive(Clone, Default)]
pub struct Options<'a> {
    /// Only these namespaces, by name, alias, path or `net:[INODE]`; all where `None`.
    pub only: Option<Vec<String>>,
    /// Namespaces that no name, mount or process leads to: `/proc/PID/fd/N` and the like.
    pub extra: Vec<PathBuf>,
    /// What to read in each.
    pub parts: Parts,
    /// Whose namespaces they are, where the caller knows.
    pub owner: Option<OwnerOf<'a>>,
    /// What their processes ask for names, where the caller knows: in place of the files.
    pub resolver: Option<ResolverOf<'a>>,
    /// Called after each namespace, from whatever thread read it.
    pub progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
    /// Namespaces that are read at a time; as many as there are processors where `None`.
    pub threads: Option<NonZero<usize>>,
    /// Name of this node.
    pub node: Option<String>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("only", &self.only)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// Reads the machine. What cannot be read is told in the snapshot; an error means that nothing could.
pub fn snapshot(options: &Options<'_>) -> Result<Snapshot> {
    let discover::All { found, mut gaps, hidden_processes } = discover::namespaces(&options.extra)?;
    allow_open_files(found.len());
    let selected = select(found, options.only.as_deref(), &mut gaps);
    let mut features = Features::detect();
    features.programs = engines::on_root_cgroup();

    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..selected.len()).collect());
    let done = Mutex::new(Vec::with_capacity(selected.len()));
    let wanted = options.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let read_all = || {
        while let Some(n) = next() {
            let Some((found, is_selected)) = selected.get(n) else { continue };
            if !is_selected {
                continue;
            }
            let read = namespace::read(found, &features, options);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((n, read));
            if let Some(progress) = options.progress {
                let total = selected.iter().filter(|(_, s)| *s).count();
                progress(&Progress { done: done.len(), total, name: found.name() });
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..wanted.min(selected.len()) {
            // Fewer threads only take longer.
            let _ = thread::Builder::new().spawn_scoped(scope, read_all);
        }
        read_all();
    });

    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(n, _)| *n);
    let mut reads: Vec<namespace::Reading> = done.into_iter().map(|(_, read)| read).collect();
    let all: Vec<&Found> = selected.iter().map(|(f, _)| f).collect();
    peers::resolve(&mut reads, &all, &mut gaps);
    let mut namespaces = Vec::with_capacity(reads.len());
    for reading in reads {
        let name = reading.namespace.name.clone();
        gaps.extend(reading.gaps.into_iter().map(|gap| format!("{name}: {gap}")));
        namespaces.push(reading.namespace);
    }
    let taken_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let statistics =
        if options.parts.statistics { statistics::host(&mut gaps) } else { HostStatistics::default() };
    let host = Host { node: options.node.clone(), hidden_processes, statistics, ..host() };
    Ok(Snapshot { version: Snapshot::VERSION, taken_at, host, namespaces, gaps, redacted: false })
}

/// Each namespace takes two descriptors until its links' far ends are found; the usual soft limit is 1024. Where the hard
/// one is too low as well, the namespaces beyond it become gaps.
fn allow_open_files(namespaces: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = (namespaces as u64).saturating_mul(3).saturating_add(256);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|now| now < wanted) {
        let current = limit.maximum.map_or(wanted, |most| most.min(wanted));
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    }
}

fn host() -> Host {
    let uname = rustix::system::uname();
    Host {
        hostname: uname.nodename().to_string_lossy().into_owned(),
        kernel: uname.release().to_string_lossy().into_owned(),
        node: None,
        hidden_processes: 0,
        minutes_west: crate::sys::minutes_west(),
        statistics: HostStatistics::default(),
    }
}

/// Which of the namespaces are wanted; the others still serve to find the far ends of links.
fn select(found: Vec<Found>, only: Option<&[String]>, gaps: &mut Vec<String>) -> Vec<(Found, bool)> {
    let Some(only) = only else { return found.into_iter().map(|f| (f, true)).collect() };
    let is = |f: &Found, wanted: &String| {
        f.name() == *wanted
            || f.id.to_string() == *wanted
            || f.names.contains(wanted)
            || f.mounts.contains(wanted)
            || f.path().as_ref() == Some(wanted)
            || f.handle.as_ref().is_ok_and(|h| h.path() == wanted)
    };
    for wanted in only {
        if !found.iter().any(|f| is(f, wanted)) {
            gaps.push(format!("there is no network namespace {wanted}"));
        }
    }
    found
        .into_iter()
        .map(|f| {
            let wanted = only.iter().any(|wanted| is(&f, wanted));
            (f, wanted)
        })
        .collect()
}

/// `AF_INET`, `AF_INET6`
pub(crate) fn family_number(family: IpFamily) -> u8 {
    match family {
        IpFamily::V4 => 2,
        IpFamily::V6 => 10,
    }
}

pub(crate) fn family_of(number: u8) -> Option<IpFamily> {
    match number {
        2 => Some(IpFamily::V4),
        10 => Some(IpFamily::V6),
        _ => None,
    }
}

/// Two lists in one; what is missing of one is left out, what is torn in one is torn in both.
fn join<T>(first: Read<Vec<T>>, second: Read<Vec<T>>) -> Read<Vec<T>> {
    match (first, second) {
        (Read::Got(mut a), Read::Got(b)) => {
            a.extend(b);
            Read::Got(a)
        }
        (Read::Torn { reason, value: mut a }, Read::Got(b) | Read::Torn { value: b, .. })
        | (Read::Got(mut a), Read::Torn { reason, value: b }) => {
            a.extend(b);
            Read::Torn { reason, value: a }
        }
        (Read::Absent { .. } | Read::Denied { .. }, other) | (other, _) => other,
    }
}

/// A failure as the absence that it means; what means none is a gap, too.
fn absence<T>(read: Result<Read<T>>, part: &str, feature: &str, gaps: &mut Vec<String>) -> Read<T> {
    let error = match read {
        Ok(read) => return read,
        Err(error) => error,
    };
    if error.is_denied() {
        return Read::Denied { capability: "CAP_NET_ADMIN".into() };
    }
    if let KernelError::Refused {
        errno: libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT, ..
    } = error
    {
        return Read::Absent { feature: feature.into() };
    }
    gaps.push(error.to_string());
    Read::Absent { feature: format!("readable {part} ({error})") }
}

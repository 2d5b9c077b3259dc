//! What a kernel holds, as data.
//!
//! A [`Snapshot`] is everything that decides where a packet goes, in every network namespace of a machine: links,
//! addresses, routes, policy rules, neighbours, bridges, nftables, conntrack, sockets, sysctls. It is read by
//! `plumb-kernel`, kept in a file, and walked by `plumb-trace`; the same file gives the same answers anywhere.
//!
//! What could not be read is data too: see [`Read`]. A [`Change`] is a remedy, a fault or a "what if".

mod change;
mod conntrack;
mod file;
mod ip;
mod ipset;
mod join;
mod link;
mod namespace;
mod neighbour;
mod queue;
mod read;
mod recent;
mod redact;
mod resolver;
mod route;
mod rule;
mod snapshot;
mod socket;
mod statistics;
mod text;
mod traffic_control;
mod xtables;

pub use change::{Action, Advice, Change, ChangeError, Position};
pub use conntrack::{Conntrack, CtCounter, CtEntry, CtStatus, Icmp, Tuple};
pub use file::{FileError, MAX_SIZE};
pub use ip::{IpFamily, Mac, Prefix, PrefixError, Protocol};
pub use ipset::{IpSet, IpSetElement};
pub use join::{Between, JoinError, JoinNote, Joined, Segment, UNDERLAY, join};
pub use link::{Address, Bridge, BridgePort, Link, LinkStats, Peer};
pub use namespace::{Namespace, NamespaceId, Owner, Process, Sysctls};
pub use neighbour::{FdbEntry, Neighbour, NeighbourState};
pub use queue::PacketQueue;
pub use read::Read;
pub use recent::{RecentEntry, RecentList};
pub use redact::{Key, RedactError, Redacted, Replacements};
pub use resolver::{
    HostsEntry, HostsSource, NameServer, OddLine, ResolvConf, Resolver, ResolverOptions, default_order,
};
pub use route::{NextHop, PathMtu, Route, RouteKind};
pub use rule::{PolicyAction, PolicyRule, PortRange};
pub use snapshot::{Host, Snapshot};
pub use socket::{Socket, SocketState, SocketTimer};
pub use statistics::{
    ConntrackStats, CpuTimes, HostStatistics, NeighbourTable, PidsLimit, Pressure, Serving, Softnet,
    Statistics, Throttling,
};
pub use text::{
    fmt_ct_entry, fmt_listener, fmt_route, fmt_rule, fmt_socket, fmt_tuple, protocol_name, scope_name,
};
pub use traffic_control::{Filter, Qdisc};
pub use xtables::LegacyTable;

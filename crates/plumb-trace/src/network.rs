//! A snapshot made ready for walking: indices over what is looked up for every packet.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use plumb_model::{IpFamily, Link, Mac, Namespace, NamespaceId, Peer, Protocol, Snapshot, Tuple};

use crate::conntrack::ConntrackIndex;
use crate::device::DeviceSettings;
use crate::machine::Netfilter;
use crate::packet::TcpOptions;
use crate::routing::{Fib, prefers_source};
use crate::state::NsIndex;
use crate::walk::HookPlan;

/// A hash map for small keys.
pub(crate) type FastMap<K, V> = HashMap<K, V, RandomState>;

/// A snapshot made ready for walking.
pub struct Network<'s> {
    /// The snapshot.
    pub snapshot: &'s Snapshot,
    pub(crate) ns: Vec<Ns>,
    /// Whether this kernel's IPv4 prefers next hops by the source of a packet.
    pub(crate) prefers_source: bool,
    /// Settings of a device that the snapshot has none of.
    no_settings: DeviceSettings,
    by_id: FastMap<NamespaceId, NsIndex>,
}

/// A namespace made ready for walking.
pub(crate) struct Ns {
    pub(crate) links: FastMap<u32, usize>,
    pub(crate) devices: FastMap<u32, DeviceSettings>,
    /// Some device's routes do not count while it has no carrier, by family.
    pub(crate) skip_linkdown: [bool; 2],
    pub(crate) fib: Fib,
    pub(crate) netfilter: Netfilter,
    pub(crate) hooks: HookPlan,
    pub(crate) conntrack_active: [bool; 2],
    pub(crate) conntrack: ConntrackIndex,
    /// Addresses in the kernel's order, by device.
    pub(crate) addresses: FastMap<u32, Vec<usize>>,
    pub(crate) local: FastMap<IpAddr, usize>,
    pub(crate) neighbours: FastMap<(u32, IpAddr), usize>,
    pub(crate) proxies: FastMap<(u32, IpAddr), usize>,
    pub(crate) fdb: FastMap<(u32, Mac), usize>,
    pub(crate) ports: FastMap<u32, Vec<u32>>,
    /// macvlan and ipvlan devices on a device of this namespace: their namespace and index.
    pub(crate) children: FastMap<u32, Vec<(NsIndex, u32)>>,
    pub(crate) listeners: FastMap<(Protocol, u16), Vec<usize>>,
    pub(crate) settings: Settings,
}

/// Sysctls of a namespace that are not per device.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) bridge_nf: [Option<bool>; 2],
    pub(crate) tcp_loose: bool,
    /// `net.ipv4.tcp_fwmark_accept`
    pub(crate) fwmark_accept: bool,
    /// `net.ipv4.tcp_syn_linear_timeouts`, `net.ipv4.tcp_syn_retries`
    pub(crate) syn_linear_timeouts: i64,
    pub(crate) syn_retries: i64,
    /// Options of a SYN that this machine sends (`tcp_syn_options`).
    pub(crate) syn_options: TcpOptions,
    pub(crate) default_ttl: u8,
    pub(crate) default_hop_limit: u8,
    pub(crate) echo_ignore_all: [bool; 2],
    pub(crate) conntrack_full: bool,
    /// Whether new connections count what they carry (`nf_conntrack_acct`).
    pub(crate) counts_connections: bool,
}

pub(crate) fn family_index(family: IpFamily) -> usize {
    match family {
        IpFamily::V4 => 0,
        IpFamily::V6 => 1,
    }
}

impl<'s> Network<'s> {
    /// Compiles a snapshot.
    #[must_use]
    pub fn compile(snapshot: &'s Snapshot) -> Self {
        let by_id = snapshot.namespaces.iter().enumerate().map(|(i, n)| (n.id, i)).collect();
        let ns = snapshot.namespaces.iter().enumerate().map(|(i, n)| Ns::compile(i, n)).collect();
        let prefers_source = prefers_source(&snapshot.host.kernel);
        let no_settings = DeviceSettings::default();
        let mut net = Self { snapshot, ns, prefers_source, no_settings, by_id };
        net.find_children();
        net
    }

    fn find_children(&mut self) {
        for (i, n) in self.snapshot.namespaces.iter().enumerate() {
            for l in
                n.links.items().iter().filter(|l| matches!(l.kind.as_str(), "macvlan" | "macvtap" | "ipvlan"))
            {
                let Some(lower) = l.peer else { continue };
                if let Some(&parent) = self.by_id.get(&lower.namespace) {
                    self.ns[parent].children.entry(lower.index).or_default().push((i, l.index));
                }
            }
        }
    }

    /// The namespace of the snapshot.
    #[must_use]
    pub fn namespace(&self, ns: NsIndex) -> &'s Namespace {
        &self.snapshot.namespaces[ns]
    }

    /// Index of a namespace.
    #[must_use]
    pub fn index_of(&self, id: NamespaceId) -> Option<NsIndex> {
        self.by_id.get(&id).copied()
    }

    /// A device.
    pub(crate) fn link(&self, ns: NsIndex, device: u32) -> Option<&'s Link> {
        let at = *self.ns.get(ns)?.links.get(&device)?;
        self.snapshot.namespaces.get(ns)?.links.items().get(at)
    }

    /// The other end of a veth pair, with its namespace.
    pub(crate) fn peer(&self, peer: Peer) -> Option<(NsIndex, &'s Link)> {
        let ns = self.index_of(peer.namespace)?;
        Some((ns, self.link(ns, peer.index)?))
    }

    /// Namespaces that have this address.
    #[must_use]
    pub fn owners_of(&self, addr: IpAddr) -> Vec<NsIndex> {
        (0..self.ns.len()).filter(|&i| self.ns[i].local.contains_key(&addr)).collect()
    }

    /// Name of a device, for reports.
    #[must_use]
    pub fn device_name(&self, ns: NsIndex, device: u32) -> String {
        self.device_word(ns, device).into_owned()
    }

    /// Name of a device, as policy rules compare it.
    pub(crate) fn device_word(&self, ns: NsIndex, device: u32) -> Cow<'s, str> {
        self.link(ns, device).map_or_else(|| format!("if{device}").into(), |l| l.name.as_str().into())
    }

    /// Sysctls of a device.
    pub(crate) fn settings(&self, ns: NsIndex, device: u32) -> &DeviceSettings {
        self.ns[ns].devices.get(&device).unwrap_or(&self.no_settings)
    }

    /// Whether the tracker is hooked in a namespace.
    #[must_use]
    pub fn conntrack_active(&self, ns: NsIndex, family: IpFamily) -> bool {
        self.ns[ns].conntrack_active[family_index(family)]
    }
}

impl Ns {
    fn compile(index: NsIndex, n: &Namespace) -> Self {
        let netfilter = Netfilter::compile(index, n);
        let links = n.links.items();
        let mut ports: FastMap<u32, Vec<u32>> = FastMap::default();
        for l in links {
            if let (Some(master), Some(_)) = (l.master, &l.port) {
                ports.entry(master).or_default().push(l.index);
            }
        }
        let mut addresses: FastMap<u32, Vec<usize>> = FastMap::default();
        let mut local = FastMap::default();
        for (i, a) in n.addresses.items().iter().enumerate() {
            addresses.entry(a.index).or_default().push(i);
            local.entry(a.prefix.addr).or_insert(i);
        }
        let (mut neighbours, mut proxies) = (FastMap::default(), FastMap::default());
        for (i, e) in n.neighbours.items().iter().enumerate() {
            let map =
                if e.flags & plumb_model::Neighbour::PROXY != 0 { &mut proxies } else { &mut neighbours };
            map.insert((e.index, e.addr), i);
        }
        let fdb =
            n.fdb.items().iter().enumerate().filter_map(|(i, e)| Some(((e.master?, e.lladdr), i))).collect();
        let mut listeners: FastMap<(Protocol, u16), Vec<usize>> = FastMap::default();
        for (i, s) in n.sockets.items().iter().enumerate() {
            if s.is_listening() {
                listeners.entry((s.protocol, s.sport)).or_default().push(i);
            }
        }
        let legacy_nat =
            n.legacy.items().iter().any(|t| t.name == "nat" && t.table.is_none() && !t.only_accepts);
        let active = |f| {
            netfilter.uses_conntrack(f)
                || (legacy_nat && n.conntrack.value().is_some_and(|c| !c.entries.is_empty()))
        };
        let conntrack_active = [active(IpFamily::V4), active(IpFamily::V6)];
        let devices: FastMap<u32, DeviceSettings> =
            links.iter().map(|l| (l.index, DeviceSettings::read(&n.sysctls, &l.name))).collect();
        let skip_linkdown = [0, 1].map(|f: usize| devices.values().any(|d| d.ignore_linkdown[f]));
        Self {
            hooks: HookPlan::compile(n, &netfilter, conntrack_active),
            links: links.iter().enumerate().map(|(i, l)| (l.index, i)).collect(),
            devices,
            skip_linkdown,
            fib: Fib::compile(n),
            conntrack_active,
            conntrack: ConntrackIndex::compile(n),
            netfilter,
            addresses,
            local,
            neighbours,
            proxies,
            fdb,
            ports,
            children: FastMap::default(),
            listeners,
            settings: Settings::read(n),
        }
    }
}

impl Settings {
    fn read(n: &Namespace) -> Self {
        let s = &n.sysctls;
        let number = |name: &str, default: i64| s.number(name).unwrap_or(default);
        let byte = |name: &str| u8::try_from(number(name, 64)).unwrap_or(64);
        let call = |name: &str| s.number(name).map(|v| v != 0);
        let conntrack_full = n.conntrack.value().is_some_and(|c| match (c.count, c.max) {
            (Some(count), Some(max)) => max > 0 && count >= max,
            _ => false,
        });
        Self {
            bridge_nf: [
                call("net.bridge.bridge-nf-call-iptables"),
                call("net.bridge.bridge-nf-call-ip6tables"),
            ],
            tcp_loose: number("net.netfilter.nf_conntrack_tcp_loose", 1) != 0,
            fwmark_accept: number("net.ipv4.tcp_fwmark_accept", 0) != 0,
            syn_linear_timeouts: number("net.ipv4.tcp_syn_linear_timeouts", 0),
            syn_retries: number("net.ipv4.tcp_syn_retries", 6),
            syn_options: TcpOptions {
                mss: true,
                window_scale: number("net.ipv4.tcp_window_scaling", 1) != 0,
                sack: number("net.ipv4.tcp_sack", 1) != 0,
                timestamps: number("net.ipv4.tcp_timestamps", 1) != 0,
            },
            default_ttl: byte("net.ipv4.ip_default_ttl"),
            default_hop_limit: byte("net.ipv6.conf.default.hop_limit"),
            echo_ignore_all: [
                number("net.ipv4.icmp_echo_ignore_all", 0) != 0,
                number("net.ipv6.icmp.echo_ignore_all", 0) != 0,
            ],
            conntrack_full,
            counts_connections: number("net.netfilter.nf_conntrack_acct", 1) != 0,
        }
    }
}

/// The tuple of the answers to a packet of this tuple.
#[must_use]
pub(crate) fn inverse(t: &Tuple) -> Tuple {
    let icmp = t.icmp.map(|i| plumb_model::Icmp {
        kind: match (t.protocol, i.kind) {
            (Protocol::ICMP, 8) => 0,
            (Protocol::ICMP, 0) => 8,
            (Protocol::ICMP, 13) => 14,
            (Protocol::ICMP, 14) => 13,
            (Protocol::ICMP, 15) => 16,
            (Protocol::ICMP, 16) => 15,
            (Protocol::ICMP, 17) => 18,
            (Protocol::ICMP, 18) => 17,
            (Protocol::ICMPV6, 128) => 129,
            (Protocol::ICMPV6, 129) => 128,
            (_, k) => k,
        },
        ..i
    });
    Tuple { src: t.dst, dst: t.src, protocol: t.protocol, sport: t.dport, dport: t.sport, icmp }
}

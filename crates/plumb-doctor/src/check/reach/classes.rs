//! Members that nothing in the network tells apart: what holds for one of them holds for all, so that one walk answers for
//! many pairs.
//!
//! Two members are alike when exchanging them (their addresses, MACs, devices) would leave the network as it is: their
//! namespaces hold the same, the host's ends of their links are set alike, their addresses lie between the same numbers of
//! every route, rule and set, and where they are mentioned by their own address it is in the same way.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use plumb_model::{Link, Mac, Namespace, Peer, Snapshot};
use plumb_nft::Expr;

use super::mentions::Mentions;
use crate::check::Sharing;
use crate::check::policies::Judges;
use crate::check::yardstick::{Member, Yardstick};
use crate::names::state::own_servers;

/// Fewer members than this are each walked by themselves.
const WORTH_IT: usize = 64;

/// The class of each member: members of one class are alike.
pub(super) fn classes(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    judges: &Judges,
    sharing: Sharing,
) -> Vec<usize> {
    let alone = || (0..yardstick.members.len()).collect();
    let few = yardstick.members.len() < WORTH_IT;
    if sharing == Sharing::Never || few && sharing == Sharing::Auto {
        return alone();
    }
    alike(snapshot, yardstick, judges).unwrap_or_else(alone)
}

/// The classes; `None` where rules hold something by which nobody can be said to be like another.
fn alike(snapshot: &Snapshot, yardstick: &Yardstick, judges: &Judges) -> Option<Vec<usize>> {
    // Nodes are each of their own kind.
    let pods = || yardstick.members.iter().enumerate().filter(|(_, m)| m.is_source && m.is_target);
    let owners: HashMap<IpAddr, usize> =
        pods().flat_map(|(i, m)| m.addresses.iter().map(move |a| (*a, i))).collect();
    let mentions = Mentions::of(snapshot, owners);
    if mentions.opaque {
        return None;
    }
    let facts = Facts::of(snapshot);
    let mut known: HashMap<u64, usize> = HashMap::new();
    let mut all: Vec<usize> = (0..yardstick.members.len()).collect();
    for (i, m) in pods() {
        let mut h = DefaultHasher::new();
        facts.member(m, i, &mentions, yardstick, &mut h);
        // Policies tell by labels and ports that nothing in the kernel knows.
        judges.mark(i, &m.cluster).hash(&mut h);
        all[i] = *known.entry(h.finish()).or_insert(i);
    }
    Some(all)
}

/// Indices over the snapshot.
struct Facts<'a> {
    snapshot: &'a Snapshot,
    links: HashMap<Peer, (&'a Namespace, &'a Link)>,
    /// How many devices have a MAC.
    macs: HashMap<Mac, u32>,
    /// Neighbour entries and FDB entries that do not lead where the address or MAC lives, by what they are for.
    wrong: BTreeMap<Vec<u8>, Vec<String>>,
}

impl<'a> Facts<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let mut facts =
            Self { snapshot, links: HashMap::new(), macs: HashMap::new(), wrong: BTreeMap::new() };
        let mut owners: HashMap<(IpAddr, Mac), ()> = HashMap::new();
        for n in &snapshot.namespaces {
            for l in n.links.items() {
                facts.links.insert(Peer { namespace: n.id, index: l.index }, (n, l));
                if let Some(mac) = l.mac {
                    *facts.macs.entry(mac).or_default() += 1;
                    let here = n.addresses.items().iter().filter(|a| a.index == l.index);
                    owners.extend(here.map(|a| ((a.prefix.addr, mac), ())));
                }
            }
        }
        for (ns, n) in snapshot.namespaces.iter().enumerate() {
            for e in n.neighbours.items() {
                if !e.lladdr.is_some_and(|mac| owners.contains_key(&(e.addr, mac))) {
                    let text = format!("{ns} {e:?}");
                    facts.wrong.entry(octets(e.addr)).or_default().push(text);
                }
            }
            for e in n.fdb.items() {
                let port = n.link(e.index);
                let leads = port
                    .and_then(|l| facts.links.get(&l.peer?))
                    .is_some_and(|(_, l)| l.mac == Some(e.lladdr));
                let own = port.is_some_and(|l| l.mac == Some(e.lladdr));
                if !leads && !own {
                    facts.wrong.entry(e.lladdr.0.to_vec()).or_default().push(format!("{ns} {e:?}"));
                }
            }
        }
        facts
    }

    fn member(
        &self,
        m: &Member,
        index: usize,
        mentions: &Mentions,
        yardstick: &Yardstick,
        h: &mut DefaultHasher,
    ) {
        let n = &self.snapshot.namespaces[m.ns];
        (&m.node, &m.cluster).hash(h);
        let own = |a: IpAddr| m.addresses.contains(&a);
        for &a in &m.addresses {
            (mentions.rank(a), self.wrong.get(&octets(a)), a.is_ipv4()).hash(h);
        }
        mentions.ways(index).hash(h);
        own_servers(self.snapshot, n).hash(h);
        // What it serves, on which of its addresses.
        for (address, protocol, port) in &m.serves {
            (m.addresses.iter().position(|a| a == address), protocol, port).hash(h);
        }
        for (s, service) in yardstick.services.iter().enumerate() {
            if service.endpoints.iter().any(|(a, _)| own(*a)) {
                s.hash(h);
            }
        }
        self.links(n, mentions, h);
        namespace(n, &own, h);
    }

    /// Its devices, and the other ends of its links.
    fn links(&self, n: &Namespace, mentions: &Mentions, h: &mut DefaultHasher) {
        for l in n.links.items() {
            link(l, h);
            let twice =
                l.mac.filter(|mac| self.macs.get(mac).is_some_and(|count| *count > 1) && !l.is_loopback());
            twice.hash(h);
            l.mac.and_then(|mac| self.wrong.get(&mac.0[..])).hash(h);
            let Some((host, end)) = l.peer.and_then(|p| self.links.get(&p)) else { continue };
            link(end, h);
            end.master.hash(h);
            host.id.hash(h);
            mentions.names_of(&end.name).for_each(|name| name.hash(h));
            for family in ["ipv4", "ipv6"] {
                let prefix = format!("net.{family}.conf.{}.", end.name);
                let values =
                    host.sysctls.0.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
                values.for_each(|(name, value)| (&name[prefix.len()..], format!("{value:?}")).hash(h));
            }
            let filters = host.filters.items().iter().filter(|f| f.index == end.index);
            filters.for_each(|f| (&f.kind, f.parent, f.priority, f.protocol).hash(h));
        }
    }
}

fn link(l: &Link, h: &mut DefaultHasher) {
    (&l.kind, l.mtu, l.flags, l.carrier, l.operstate, &l.qdisc, l.xdp).hash(h);
    format!("{:?} {:?} {:?}", l.port, l.bridge, l.settings).hash(h);
}

/// What a member's namespace holds, apart from counters and what other connections left behind.
fn namespace(n: &Namespace, own: &dyn Fn(IpAddr) -> bool, h: &mut DefaultHasher) {
    for a in n.addresses.items() {
        let address = (!own(a.prefix.addr)).then_some(a.prefix.addr).filter(|a| !is_link_local(*a));
        (a.index, a.prefix.len, a.scope, a.flags, address).hash(h);
    }
    for r in n.routes.items() {
        // Its own link-local address is as much its own as the others.
        let mine = own(r.dst.addr) || is_link_local(r.dst.addr) && r.dst.is_host();
        let dst = (!mine || !r.dst.is_host()).then_some(r.dst);
        let hops: Vec<_> =
            r.next_hops.iter().map(|hop| (hop.gateway, hop.oif, hop.weight, hop.flags)).collect();
        let source = r.prefsrc.filter(|a| !own(*a));
        (r.table, r.kind, dst, r.src, r.tos, r.priority, r.scope, r.prefsrc.is_some(), source, hops).hash(h);
        format!("{:?} {:?}", r.metrics, r.unknown_attributes).hash(h);
    }
    for p in &n.path_mtus {
        (p.dst, p.oif, p.mtu).hash(h);
    }
    for r in n.rules.items() {
        format!("{r:?}").hash(h);
    }
    rules(n, h);
    for s in n.sockets.items().iter().filter(|s| s.is_listening()) {
        let src = (!own(s.src)).then_some(s.src);
        let full = s.receive_queue > s.send_queue;
        (s.family, s.protocol, src, s.sport, s.bound_dev, s.v6only, full).hash(h);
        (s.transparent, s.mark).hash(h);
    }
    /// Fewer sockets than this use up no range of ports.
    const MANY: usize = 1000;
    let connections = n.sockets.items().len();
    (connections > MANY).then_some((n.id, connections)).hash(h);
    for (name, value) in n.sysctls.0.iter().filter(|(name, _)| !name.ends_with("_count")) {
        (name, format!("{value:?}")).hash(h);
    }
    for f in n.filters.items() {
        format!("{f:?}").hash(h);
    }
    n.other_engines.hash(h);
    for q in n.queues.items() {
        (q.number, q.copy).hash(h);
    }
    let full = n.conntrack.value().and_then(|c| Some(c.count? >= c.max?));
    full.hash(h);
    for denied in [n.links.is_denied(), n.nft.is_denied(), n.sockets.is_denied(), n.routes.is_denied()] {
        denied.hash(h);
    }
}

/// Its rules, without what they counted.
fn rules(n: &Namespace, h: &mut DefaultHasher) {
    for table in n.rule_tables() {
        (table.family, &table.name).hash(h);
        for chain in &table.chains {
            chain.name.hash(h);
            if let Some(base) = &chain.base {
                format!("{:?} {:?} {:?}", base.hook, base.priority, base.policy).hash(h);
            }
            for rule in &chain.rules {
                for e in rule.exprs.iter().filter(|e| !matches!(e, Expr::Counter { .. } | Expr::Last { .. }))
                {
                    e.hash(h);
                }
            }
        }
        for set in &table.sets {
            set.name.hash(h);
            for e in &set.elements {
                (&e.key, &e.key_end, e.flags, &e.data).hash(h);
            }
        }
    }
    // Entries of iptables-legacy that could not be decoded hold their counters: nobody with such tables is taken for another.
    if n.legacy.items().iter().any(|t| !t.only_accepts && t.table.is_none()) {
        n.id.hash(h);
    }
}

fn is_link_local(a: IpAddr) -> bool {
    matches!(a, IpAddr::V6(a) if a.is_unicast_link_local())
}

fn octets(a: IpAddr) -> Vec<u8> {
    match a {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

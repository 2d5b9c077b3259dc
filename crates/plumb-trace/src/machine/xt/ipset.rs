//! ipset: the match `set`, the target `SET` (net/netfilter/xt_set.c), and what each type of set makes of a packet
//! (`ip_set_test` in net/netfilter/ipset/ip_set_core.c, `*_kadt` of each type).

use std::cmp::Reverse;
use std::net::IpAddr;

use plumb_model::{IpFamily, IpSet, IpSetElement, Mac, Protocol};
use plumb_xtables::matches::{Set as SetMatch, SetRef};
use plumb_xtables::targets::SetTarget;

use super::Says;
use super::ipset_counters::{Counting, Tally};
use super::ipset_index::{IpSetIndex, Keys, sets};
use crate::event::Event;
use crate::machine::branch::Branch;
use crate::machine::solve::Run;
use crate::packet::Packet;

/// The answer of a set.
enum Test {
    No,
    /// By this element.
    Yes(usize),
    /// This element is an exception (`-ENOTEMPTY`).
    Exception(usize),
    Unknown(String),
}

/// A packet, and which of its ends each dimension of a rule takes.
struct Asked<'a> {
    packet: &'a Packet,
    source: Vec<bool>,
    iif: Option<&'a str>,
    oif: Option<&'a str>,
    /// Whether there is an Ethernet header in front of the packet.
    ethernet: bool,
    /// Hardware addresses that elements took over: index of the set, element.
    filled: Vec<(u16, usize, Mac)>,
}

impl Asked<'_> {
    fn is_source(&self, dimension: usize) -> bool {
        self.source.get(dimension).copied().unwrap_or(false)
    }

    fn address(&self, dimension: usize) -> IpAddr {
        if self.is_source(dimension) { self.packet.src } else { self.packet.dst }
    }

    /// `get_port` in ip_set_getport.c: protocols without ports have port 0.
    fn port(&self, dimension: usize) -> Option<(u8, u16)> {
        let p = self.packet;
        let port =
            match p.protocol {
                Protocol::TCP | Protocol::UDP | Protocol::SCTP | Protocol(136) => {
                    if self.is_source(dimension) { p.sport } else { p.dport }
                }
                Protocol::ICMP | Protocol::ICMPV6 => {
                    let icmp = p.icmp?;
                    u16::from(icmp.kind) << 8 | u16::from(icmp.code)
                }
                _ => 0,
            };
        Some((p.protocol.0, port))
    }
}

impl Run<'_> {
    /// `set_match_v1` to `set_match_v4`
    pub(super) fn ipset(&mut self, b: &mut Branch, m: &SetMatch) -> Says {
        let SetRef { index, .. } = m.set.value;
        let sets = sets(self.env.namespace);
        let Some(at) = self.nf.ipsets.number(index) else {
            return Says::Unknown(format!(
                "ipset with index {index} (xt match \"set\"), which the snapshot does not hold"
            ));
        };
        let name =
            |device: Option<u32>| device.and_then(|d| self.env.namespace.link(d)).map(|l| l.name.as_str());
        let asked = Asked {
            packet: &b.state.packet,
            source: m.set.value.from_source().collect(),
            iif: name(self.env.iif),
            oif: name(self.env.oif),
            ethernet: self
                .env
                .iif
                .and_then(|d| self.env.namespace.link(d))
                .is_some_and(|l| l.hardware_type == 1),
            filled: {
                let here = b.state.world.filled.iter().filter(|(ns, ..)| *ns == self.env.ns);
                here.map(|(_, set, element, mac)| (*set, *element, *mac)).collect()
            },
        };
        let changed: Vec<u16> =
            b.state.world.ipsets.iter().filter(|(ns, _)| *ns == self.env.ns).map(|(_, i)| *i).collect();
        let matters = self.nf.asks.ipset_counters;
        let mut tally = Tally::new(&b.state.world.meters, self.nf.ns, b.state.packet.len.into(), matters);
        let how = Counting::of(m);
        let (set, test) =
            ask(sets, &self.nf.ipsets, at, &asked, m.return_nomatch, &changed, &how, &mut tally);
        let took = match &test {
            Test::Yes(e) => takes_over(&sets[set], *e, &asked),
            _ => None,
        };
        for (meter, reading) in tally.done() {
            b.state.world.meters.set(meter, reading);
        }
        if let Some((element, mac)) = took {
            b.state.world.filled.push((self.env.ns, sets[set].index, element, mac));
        }
        let (found, element) = match test {
            Test::Unknown(what) => return Says::Unknown(what),
            Test::Yes(e) => (true, Some(e)),
            Test::Exception(e) => (false, Some(e)),
            Test::No => (false, None),
        };
        if self.env.record {
            let rule = self.rule_of(b);
            b.state.history.push(Event::IpSet { rule, set, element });
        }
        (found != m.set.invert).into()
    }

    /// What `SET` adds and deletes is not followed element by element: the sets are not known from here on.
    pub(super) fn change_ipsets(&self, b: &mut Branch, t: &SetTarget) {
        let ns = self.env.ns;
        let sets = sets(self.env.namespace);
        for set in [t.add, t.del].into_iter().flatten() {
            // A list hands on what is asked of it (`list_set_kadd`, `list_set_kdel`).
            let list = self.nf.ipsets.number(set.index).and_then(|at| sets.get(at));
            let names = list.into_iter().flat_map(|s| &s.elements).filter_map(|e| e.set.as_ref());
            let members = names.filter_map(|n| Some(sets.get(self.nf.ipsets.name(n)?)?.index));
            for index in members.chain([set.index]) {
                let known = &mut b.state.world.ipsets;
                if !known.contains(&(ns, index)) {
                    known.push((ns, index));
                    known.sort_unstable();
                }
            }
        }
    }
}

/// `ip_set_test`: the set that decided, and its answer.
fn ask(
    sets: &[IpSet],
    by: &IpSetIndex,
    at: usize,
    asked: &Asked<'_>,
    nomatch: bool,
    changed: &[u16],
    how: &Counting,
    tally: &mut Tally<'_>,
) -> (usize, Test) {
    let Some((set, keys)) = sets.get(at).zip(by.keys(at)) else { return (at, Test::No) };
    let dimensions = set.kind.split_once(':').map_or(1, |(_, keys)| keys.split(',').count());
    let family = IpFamily::of(asked.packet.src);
    if asked.source.len() < dimensions || set.family.is_some_and(|f| f != family) {
        return (at, Test::No);
    }
    if changed.contains(&set.index) {
        return (at, Test::Unknown(format!("what rules have put into ipset {}", set.name)));
    }
    if set.kind == "list:set" {
        let of_members = how.of_members();
        for (i, e) in set.elements.iter().enumerate() {
            let member = e.set.as_ref().and_then(|n| by.name(n));
            let Some(member) = member.filter(|m| *m != at) else { continue };
            let answer = ask(sets, by, member, asked, nomatch, changed, &of_members, tally);
            match answer.1 {
                Test::Unknown(_) => return answer,
                Test::Yes(_) if tally.meets(set, i, how) => return answer,
                _ => {}
            }
        }
        return (at, Test::No);
    }
    let answer = match test(set, keys, asked, how, tally) {
        // Types without networks: the one element that there is.
        Test::Yes(e) if !has_networks(set) => match set.elements.get(e) {
            Some(bare) if set.kind == "bitmap:ip,mac" && held(set, e, bare, asked).is_none() => {
                tally.begins(set, e);
                Test::Yes(e)
            }
            _ if tally.meets(set, e, how) => Test::Yes(e),
            _ => Test::No,
        },
        other => other,
    };
    // `--return-nomatch`: the exceptions are what matches. Only types with networks have them.
    let answer = match answer {
        Test::Exception(e) if nomatch => Test::Yes(e),
        Test::Yes(e) if nomatch && has_networks(set) => Test::Exception(e),
        other => other,
    };
    (at, answer)
}

fn has_networks(set: &IpSet) -> bool {
    set.kind.contains("net")
}

fn test(set: &IpSet, keys: &Keys, asked: &Asked<'_>, how: &Counting, tally: &mut Tally<'_>) -> Test {
    match set.kind.as_str() {
        "bitmap:ip" => within(set, keys, asked, |_, _| true),
        "bitmap:ip,mac" if !asked.ethernet => Test::No,
        // Without a hardware address the element takes over the packet's and matches (`-EAGAIN`).
        "bitmap:ip,mac" => match mac(asked, 1) {
            Ok(mac) => within(set, keys, asked, |i, e| held(set, i, e, asked).is_none_or(|m| m == mac)),
            Err(what) => match within(set, keys, asked, |i, e| held(set, i, e, asked).is_some()) {
                Test::Yes(_) => Test::Unknown(format!("{what}, looked up in ipset {}", set.name)),
                _ => within(set, keys, asked, |_, _| true),
            },
        },
        "bitmap:port" => {
            // Of TCP and UDP alone (`ip_set_get_ip_port`).
            let port = asked.port(0).filter(|(p, _)| matches!(Protocol(*p), Protocol::TCP | Protocol::UDP));
            port.and_then(|(_, port)| keys.of_port(port).first()).map_or(Test::No, |i| Test::Yes(*i))
        }
        "hash:ip" | "hash:ip,mark" | "hash:ip,mac" | "hash:ip,port" | "hash:ip,port,ip" => {
            exact(set, keys, asked)
        }
        "hash:mac" if !asked.ethernet => Test::No,
        "hash:mac" => match mac(asked, 0) {
            Ok(mac) => first(set, keys.others(), |_, e| e.mac == Some(mac)),
            Err(_) if set.elements.is_empty() => Test::No,
            Err(what) => Test::Unknown(format!("{what}, looked up in ipset {}", set.name)),
        },
        "hash:net" | "hash:net,net" | "hash:ip,port,net" | "hash:net,port" | "hash:net,port,net"
        | "hash:net,iface" => nets(set, keys, asked, how, tally),
        kind => Test::Unknown(format!("ipset {} of type {kind} (xt match \"set\")", set.name)),
    }
}

/// The hardware address that an element of `bitmap:ip,mac` has by now.
fn held(set: &IpSet, element: usize, e: &IpSetElement, asked: &Asked<'_>) -> Option<Mac> {
    let taken =
        || asked.filled.iter().find(|(s, at, _)| *s == set.index && *at == element).map(|(.., mac)| *mac);
    e.mac.or_else(taken)
}

/// The element that matched for want of a hardware address, and the one that it has from now on (`-EAGAIN` in
/// `ip_set_test`).
fn takes_over(set: &IpSet, element: usize, asked: &Asked<'_>) -> Option<(usize, Mac)> {
    let e = set.elements.get(element).filter(|_| set.kind == "bitmap:ip,mac")?;
    let bare = held(set, element, e, asked).is_none();
    bare.then(|| mac(asked, 1).ok().map(|mac| (element, mac))).flatten()
}

/// The first of some elements for which this holds.
fn first(set: &IpSet, of: &[usize], holds: impl Fn(usize, &IpSetElement) -> bool) -> Test {
    let found = of.iter().find(|i| set.elements.get(**i).is_some_and(|e| holds(**i, e)));
    found.map_or(Test::No, |i| Test::Yes(*i))
}

/// The hardware address of one end of the frame that the packet came in.
fn mac(asked: &Asked<'_>, dimension: usize) -> Result<Mac, &'static str> {
    if asked.is_source(dimension) {
        asked.packet.eth_src.ok_or("the source's hardware address")
    } else {
        asked.packet.eth_dst.ok_or("the destination's hardware address")
    }
}

/// The first `len` bits.
pub(super) fn cut(addr: IpAddr, len: u8) -> IpAddr {
    match addr {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(len.into())).unwrap_or(0);
            IpAddr::V4((u32::from(a) & mask).into())
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(len.into())).unwrap_or(0);
            IpAddr::V6((u128::from(a) & mask).into())
        }
    }
}

/// The address as a set with a netmask or bitmask keeps it.
fn masked(set: &IpSet, addr: IpAddr) -> IpAddr {
    let addr = set.netmask.map_or(addr, |len| cut(addr, len));
    match (addr, set.bitmask) {
        (IpAddr::V4(a), Some(IpAddr::V4(m))) => IpAddr::V4(a & m),
        (IpAddr::V6(a), Some(IpAddr::V6(m))) => IpAddr::V6(a & m),
        (addr, _) => addr,
    }
}

/// A bitmap of addresses (`bitmap_ip_kadt`, `bitmap_ipmac_kadt`).
fn within(set: &IpSet, keys: &Keys, asked: &Asked<'_>, holds: impl Fn(usize, &IpSetElement) -> bool) -> Test {
    let addr = asked.address(0);
    if set.addresses.is_some_and(|(from, to)| addr < from || addr > to) {
        return Test::No;
    }
    let addr = masked(set, addr);
    first(set, &keys.holding(addr), |i, e| e.ip == Some(addr) && holds(i, e))
}

/// Types whose elements are single values. The second dimension is a port, a mark or a hardware address, the third an
/// address.
fn exact(set: &IpSet, keys: &Keys, asked: &Asked<'_>) -> Test {
    let addr = masked(set, asked.address(0));
    // Empty addresses are refused (`hash_ip4_kadt`).
    if set.kind == "hash:ip" && addr.is_unspecified() {
        return Test::No;
    }
    let port = asked.port(1);
    if set.kind.contains("port") && port.is_none() {
        return Test::No;
    }
    let mark = asked.packet.mark & set.markmask.unwrap_or(u32::MAX);
    let second = asked.address(2);
    let own = if set.kind == "hash:ip,mac" { Some(mac(asked, 1)) } else { None };
    let near = keys.holding(addr);
    let candidates = |e: &IpSetElement| e.ip == Some(addr);
    match own {
        Some(_) if !asked.ethernet => return Test::No,
        Some(Err(what)) if near.iter().filter_map(|i| set.elements.get(*i)).any(candidates) => {
            return Test::Unknown(format!("{what}, looked up in ipset {}", set.name));
        }
        _ => {}
    }
    first(set, &near, |_, e| {
        candidates(e)
            && match set.kind.as_str() {
                "hash:ip,mark" => e.mark == Some(mark),
                "hash:ip,mac" => own.as_ref().is_some_and(|m| m.as_ref().ok() == e.mac.as_ref()),
                "hash:ip,port" => e.protocol.zip(e.port) == port,
                "hash:ip,port,ip" => e.protocol.zip(e.port) == port && e.ip2 == Some(second),
                _ => true,
            }
    })
}

/// Types with networks (`mtype_test_cidrs` in ip_set_hash_gen.h): the longest prefix of the first network decides, among
/// its like that of the second. Where the conditions on counters do not hold, shorter ones are tried.
fn nets(set: &IpSet, keys: &Keys, asked: &Asked<'_>, how: &Counting, tally: &mut Tally<'_>) -> Test {
    let port_at = set.kind.split([':', ',']).skip(1).position(|k| k == "port");
    let port = port_at.map(|d| asked.port(d));
    if port == Some(None) {
        return Test::No;
    }
    let second_at = if port_at.is_some() { 2 } else { 1 };
    let (one, two) = (asked.address(0), asked.address(second_at));
    let bits = |a: IpAddr| IpFamily::of(a).bits();
    let len = |ip: IpAddr, cidr: Option<u8>| cidr.unwrap_or_else(|| bits(ip));
    let holds = |addr: IpAddr, ip: Option<IpAddr>, cidr: Option<u8>| {
        ip.is_none_or(|ip| cut(addr, len(ip, cidr)) == cut(ip, len(ip, cidr)))
    };
    let lengths = |e: &IpSetElement| {
        Reverse((e.ip.map_or(0, |ip| len(ip, e.cidr)), e.ip2.map_or(0, |ip| len(ip, e.cidr2))))
    };
    let mut fitting: Vec<(usize, &IpSetElement)> = keys
        .holding(one)
        .into_iter()
        .filter_map(|i| Some((i, set.elements.get(i)?)))
        .filter(|(_, e)| holds(one, e.ip, e.cidr) && holds(two, e.ip2, e.cidr2))
        .filter(|(_, e)| port.is_none() || port == Some(e.protocol.zip(e.port)))
        .collect();
    fitting.sort_by_key(|(_, e)| lengths(e));
    let of_devices = set.kind == "hash:net,iface";
    let device = if asked.is_source(1) { asked.iif } else { asked.oif };
    // Once a network of some device was found, wider ones are not tried (`IP_SET_HASH_WITH_MULTI`), unless the last that
    // was found failed the conditions.
    let mut settled: Option<Reverse<(u8, u8)>> = None;
    for (i, e) in fitting {
        if of_devices {
            // Those of bridge ports are looked up apart (`struct hash_netiface4_elem_hashed`).
            if e.flags & IpSetElement::PHYSDEV != 0 {
                continue;
            }
            if settled.is_some_and(|lengths_there| lengths_there != lengths(e)) {
                return Test::No;
            }
            settled = Some(lengths(e));
            let named = e.iface.as_deref().zip(device).is_some_and(|(want, is)| {
                if e.flags & IpSetElement::WILDCARD != 0 { is.starts_with(want) } else { is == want }
            });
            if !named {
                continue;
            }
        }
        if tally.meets(set, i, how) {
            return if e.is_nomatch() { Test::Exception(i) } else { Test::Yes(i) };
        }
        settled = None;
    }
    Test::No
}

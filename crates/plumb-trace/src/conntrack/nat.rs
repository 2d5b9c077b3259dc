//! Address translation: what a rule asks for, and what it does to packets (`nf_nat_setup_info`, `nf_nat_packet`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumb_model::{IpFamily, Protocol, Tuple};
use plumb_nft::Hook;

use super::table::{Connection, status};
use super::track::TCP_TIME_WAIT;
use crate::env::Env;
use crate::event::{Event, NatKind, Stop, Unknown};
use crate::hash::{jhash, scale};
use crate::network::{Network, inverse};
use crate::packet::{CtState, Packet, Tracking};
use crate::state::{NsIndex, RuleRef, State};

/// `NF_NAT_RANGE_PROTO_RANDOM`
const RANDOM: u32 = 1 << 2;
/// `NF_NAT_RANGE_PERSISTENT`
const PERSISTENT: u32 = 1 << 3;
/// `NF_NAT_RANGE_PROTO_RANDOM_FULLY`
const RANDOM_FULLY: u32 = 1 << 4;
/// `NF_NAT_RANGE_NETMAP`
const NETMAP: u32 = 1 << 6;

/// A translation that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatRequest {
    /// Source or destination.
    pub kind: NatKind,
    /// First and last address; `None`: the address stays.
    pub addrs: Option<(IpAddr, IpAddr)>,
    /// First and last port; `None`: the port stays where it can.
    pub ports: Option<(u16, u16)>,
    /// `NF_NAT_RANGE_*`: 4 random, 8 persistent, 16 fully random, 32 offset, 64 netmap.
    pub flags: u32,
    /// The rule; `None`: no rule asked, the addresses stay (the tracker only makes sure that the tuple is free).
    pub rule: Option<RuleRef>,
}

fn done_bit(kind: NatKind) -> u32 {
    match kind {
        NatKind::Source => status::SRC_NAT_DONE,
        NatKind::Destination => status::DST_NAT_DONE,
    }
}

fn status_bit(kind: NatKind) -> u32 {
    match kind {
        NatKind::Source => status::SRC_NAT,
        NatKind::Destination => status::DST_NAT,
    }
}

/// Whether this kind of translation was decided for the packet's connection.
pub(crate) fn is_initialized(s: &State, kind: NatKind) -> bool {
    match s.packet.tracking {
        Tracking::Entry { entry, .. } => {
            s.world.conntrack.get(entry).is_none_or(|c| c.status & done_bit(kind) != 0 || c.confirmed)
        }
        _ => true,
    }
}

/// Records a translation in the packet's connection. The packet itself is changed by the NAT hook afterwards.
/// A packet without a connection, or one whose connection is confirmed, is left as it is.
pub fn setup(env: &Env, s: &mut State, request: &NatRequest) -> Result<(), Stop> {
    let Tracking::Entry { entry, .. } = s.packet.tracking else { return Ok(()) };
    let Some(c) = s.world.conntrack.get(entry) else { return Ok(()) };
    if c.confirmed {
        return Ok(());
    }
    let current = inverse(&c.reply);
    let used = |t: &Tuple| {
        let reply = inverse(t);
        s.world.conntrack.find(env.ns, (c.zone_reply, c.zone_reply), &reply).is_some()
            || env
                .lookups
                .tuple_holder(env.ns, c.zone_reply, &reply)
                .is_some_and(|entry| !s.world.conntrack.killed(env.ns, entry))
    };
    let (ns, rule) = (env.ns, request.rule);
    // The zone's number, whichever direction it is for.
    let zone = c.zone_original.max(c.zone_reply);
    let found = unique_tuple(&current, request, zone, &used);
    let new = match found {
        Ok(new) => new,
        Err(Taken(last)) => {
            let closing = |t: &Tuple| {
                let holder = env.lookups.tuple_holder(ns, c.zone_reply, &inverse(t));
                let entries = env.namespace.conntrack.value().map(|table| table.entries.as_slice());
                let held = holder.and_then(|i| entries?.get(i as usize));
                held.is_some_and(|e| e.tcp_state.is_some_and(|s| s >= TCP_TIME_WAIT))
            };
            let given_up = last.iter().find(|t| t.protocol == Protocol::TCP && closing(t)).copied();
            let Some(given_up) = given_up else { return Err(Stop::NatExhausted { rule, ns }) };
            let what = "whether a connection that is closing gives its port up for a translation".to_owned();
            let unknown = env.unknown(Unknown { ns, rule, device: None, what });
            s.world.unknowns.push(unknown);
            given_up
        }
    };
    if request.ports.is_some_and(|(a, b)| a != b)
        && request.kind == NatKind::Destination
        && new.dport != current.dport
    {
        let what = "the port that a dnat to a range of ports draws".to_owned();
        let unknown = env.unknown(Unknown { ns, rule, device: None, what });
        s.world.unknowns.push(unknown);
    }
    let Some(c) = s.world.conntrack.get_mut(entry) else { return Ok(()) };
    if new != current {
        c.reply = inverse(&new);
        c.status |= status_bit(request.kind);
    }
    c.status |= done_bit(request.kind);
    if env.record && (new != current || request.rule.is_some()) {
        s.history.push(Event::Nat { ns, rule, kind: request.kind, from: current, to: new });
    }
    Ok(())
}

/// No port is free. What was tried at the end, when the kernel throws out a TCP connection in TIME_WAIT or CLOSE whose sequence
/// numbers are behind those of the new one (`nf_nat_used_tuple_harder`).
struct Taken(Vec<Tuple>);

/// `get_unique_tuple`
fn unique_tuple(
    current: &Tuple,
    r: &NatRequest,
    zone: u16,
    used: &dyn Fn(&Tuple) -> bool,
) -> Result<Tuple, Taken> {
    let source = r.kind == NatKind::Source;
    let port_of = |t: &Tuple| match (t.icmp, source) {
        (Some(i), _) => i.id,
        (None, true) => t.sport,
        (None, false) => t.dport,
    };
    let addr_of = |t: &Tuple| if source { t.src } else { t.dst };
    let in_addrs = |t: &Tuple| r.addrs.is_none_or(|(a, b)| (a..=b).contains(&addr_of(t)));
    let in_ports = |t: &Tuple| r.ports.is_none_or(|(a, b)| (a..=b).contains(&port_of(t)));
    if source && r.flags & RANDOM_FULLY == 0 && in_addrs(current) && in_ports(current) && !used(current) {
        return Ok(*current);
    }
    let mut t = *current;
    if let Some((first, last)) = r.addrs {
        let addr = if r.flags & NETMAP != 0 {
            netmap(addr_of(current), first, last)
        } else if first == last {
            first
        } else {
            spread(current, first, last, r.flags & PERSISTENT != 0, zone)
        };
        if source {
            t.src = addr;
        } else {
            t.dst = addr;
        }
    }
    if !matches!(t.protocol, Protocol::TCP | Protocol::UDP | Protocol::SCTP) && t.icmp.is_none() {
        return Ok(t);
    }
    let random = r.flags & (RANDOM | RANDOM_FULLY) != 0;
    match r.ports {
        Some((a, b)) if (a..=b).contains(&port_of(&t)) && (a == b || !used(&t)) && !random => return Ok(t),
        None if !used(&t) && !random => return Ok(t),
        None if !source => return Ok(t),
        _ => {}
    }
    let (a, b) = r.ports.unwrap_or(match port_of(&t) {
        0..=511 => (1, 511),
        512..=1023 => (600, 1023),
        _ => (1024, u16::MAX),
    });
    let mut last = Vec::new();
    for port in a..=b {
        match (&mut t.icmp, source) {
            (Some(i), _) => i.id = port,
            (None, true) => t.sport = port,
            (None, false) => t.dport = port,
        }
        if !used(&t) {
            return Ok(t);
        }
        last.push(t);
    }
    if source || r.ports.is_some_and(|(a, b)| a != b) {
        return Err(Taken(last));
    }
    Ok(t)
}

fn netmap(addr: IpAddr, first: IpAddr, last: IpAddr) -> IpAddr {
    match (addr, first, last) {
        (IpAddr::V4(x), IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = !(a.to_bits() ^ b.to_bits());
            Ipv4Addr::from_bits(x.to_bits() & !mask | a.to_bits() & mask).into()
        }
        (IpAddr::V6(x), IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = !(a.to_bits() ^ b.to_bits());
            Ipv6Addr::from_bits(x.to_bits() & !mask | a.to_bits() & mask).into()
        }
        _ => first,
    }
}

/// `find_best_ips_proto`: an address of the range by a hash of the source (and destination), the same every time.
fn spread(t: &Tuple, first: IpAddr, last: IpAddr, persistent: bool, zone: u16) -> IpAddr {
    let words = |a: IpAddr| -> [u32; 4] {
        match a {
            IpAddr::V4(a) => [u32::from_ne_bytes(a.octets()), 0, 0, 0],
            IpAddr::V6(a) => {
                let o = a.octets();
                std::array::from_fn(|i| {
                    u32::from_ne_bytes([o[4 * i], o[4 * i + 1], o[4 * i + 2], o[4 * i + 3]])
                })
            }
        }
    };
    let (src, dst) = (words(t.src), words(t.dst));
    let v4 = first.is_ipv4();
    let max = if v4 { 0 } else { 3 };
    let seed = if persistent { 0 } else { dst[max] ^ u32::from(zone) };
    let mut j = jhash(&src.map(u32::to_ne_bytes).concat(), seed);
    let (lo, hi) = (words(first), words(last));
    let mut out = [0u32; 4];
    let mut full_range = false;
    for i in 0..=max {
        let (min, dist) = if full_range {
            (0, u32::MAX)
        } else {
            let (a, b) = (u32::from_be(lo[i]), u32::from_be(hi[i]));
            (a, b.wrapping_sub(a).wrapping_add(1))
        };
        let scaled = scale(j, dist);
        out[i] = min.wrapping_add(scaled).to_be();
        if out[i] != hi[i] {
            full_range = true;
        }
        if !persistent {
            j ^= dst[i];
        }
    }
    if v4 {
        Ipv4Addr::from(out[0].to_ne_bytes()).into()
    } else {
        let mut o = [0u8; 16];
        for (chunk, w) in o.chunks_mut(4).zip(out) {
            chunk.copy_from_slice(&w.to_ne_bytes());
        }
        Ipv6Addr::from(o).into()
    }
}

/// `masquerade`: the source becomes the address that this machine has on the device it leaves by.
pub fn masquerade(
    env: &Env,
    s: &mut State,
    ports: Option<(u16, u16)>,
    flags: u32,
    rule: RuleRef,
) -> Result<(), Stop> {
    if s.packet.src.is_unspecified() {
        return Ok(());
    }
    let Some(device) = env.oif else { return Ok(()) };
    let Some(addr) = env.lookups.masquerade_source(env.ns, device, s.packet.dst, env.next_hop) else {
        return Err(Stop::NatExhausted { rule: Some(rule), ns: env.ns });
    };
    let request =
        NatRequest { kind: NatKind::Source, addrs: Some((addr, addr)), ports, flags, rule: Some(rule) };
    setup(env, s, &request)
}

/// `redirect`: the destination becomes this machine.
pub fn redirect(
    env: &Env,
    s: &mut State,
    ports: Option<(u16, u16)>,
    flags: u32,
    rule: RuleRef,
) -> Result<(), Stop> {
    let addr = match (env.hook, env.family) {
        (Hook::Output, IpFamily::V4) => Some(Ipv4Addr::LOCALHOST.into()),
        (Hook::Output, IpFamily::V6) => Some(Ipv6Addr::LOCALHOST.into()),
        (_, family) => env.iif.and_then(|d| env.lookups.redirect_target(env.ns, family, d)),
    };
    let Some(addr) = addr else { return Err(Stop::NatExhausted { rule: Some(rule), ns: env.ns }) };
    let request =
        NatRequest { kind: NatKind::Destination, addrs: Some((addr, addr)), ports, flags, rule: Some(rule) };
    setup(env, s, &request)
}

/// Makes sure that a connection which no rule translates has a tuple of its own (`nf_nat_alloc_null_binding`).
pub(crate) fn null_binding(env: &Env, s: &mut State, kind: NatKind) -> Result<(), Stop> {
    let addr = match s.packet.tracking {
        Tracking::Entry { entry, .. } => s.world.conntrack.get(entry).map(|c| match kind {
            NatKind::Source => c.reply.dst,
            NatKind::Destination => c.reply.src,
        }),
        _ => None,
    };
    let Some(addr) = addr else { return Ok(()) };
    setup(env, s, &NatRequest { kind, addrs: Some((addr, addr)), ports: None, flags: 0, rule: None })
}

/// Whether the connection of this packet leads it elsewhere than its sender wrote (`nf_nat_ipv4_local_fn`).
pub(crate) fn redirects(s: &State) -> bool {
    let Tracking::Entry { entry, info } = s.packet.tracking else { return false };
    let connection = s.world.conntrack.get(entry);
    connection.is_some_and(|c| c.tuple(info.reply).dst != c.tuple(!info.reply).src)
}

/// Changes the packet as its connection says (`nf_nat_packet`, `nf_nat_icmp_reply_translation`).
pub(crate) fn apply(ns: NsIndex, s: &mut State, kind: NatKind, record: bool) {
    let Tracking::Entry { entry, info } = s.packet.tracking else { return };
    let Some(c) = s.world.conntrack.get(entry) else { return };
    // In the reply direction the source translation is undone where destinations are changed, and vice versa.
    let bit = match (kind, info.reply) {
        (NatKind::Source, false) | (NatKind::Destination, true) => status::SRC_NAT,
        _ => status::DST_NAT,
    };
    if c.status & bit == 0 {
        return;
    }
    let target = inverse(c.tuple(!info.reply));
    let before = s.packet.tuple();
    if info.state == CtState::Related && s.packet.is_icmp_error() {
        translate_inner(&mut s.packet, c, kind, info.reply);
        match kind {
            NatKind::Source => s.packet.src = target.src,
            NatKind::Destination => s.packet.dst = target.dst,
        }
    } else {
        match kind {
            NatKind::Source => {
                s.packet.src = target.src;
                s.packet.sport = target.sport;
            }
            NatKind::Destination => {
                s.packet.dst = target.dst;
                s.packet.dport = target.dport;
            }
        }
        if let (Some(i), Some(t)) = (&mut s.packet.icmp, target.icmp) {
            i.id = t.id;
        }
    }
    let after = s.packet.tuple();
    if record && before != after && info != (crate::packet::CtInfo { state: CtState::New, reply: false }) {
        s.history.push(Event::Nat { ns, rule: None, kind, from: before, to: after });
    }
}

/// The packet inside an ICMP error is changed the other way round.
fn translate_inner(p: &mut Packet, c: &Connection, kind: NatKind, reply: bool) {
    let Some(inner) = &mut p.inner else { return };
    let target = c.tuple(!reply);
    match kind {
        NatKind::Source => {
            inner.dst = target.dst;
            inner.dport = target.dport;
        }
        NatKind::Destination => {
            inner.src = target.src;
            inner.sport = target.sport;
        }
    }
    if let (Some(i), Some(t)) = (&mut inner.icmp, target.icmp) {
        i.id = t.id;
    }
}

impl Network<'_> {
    /// `nf_nat_masquerade_ipv4`, `nf_nat_masquerade_ipv6`
    pub(crate) fn masquerade_addr(
        &self,
        ns: NsIndex,
        device: u32,
        dst: IpAddr,
        next_hop: Option<IpAddr>,
    ) -> Option<IpAddr> {
        match dst {
            IpAddr::V4(_) => self.select_source4(ns, device, Some(next_hop.unwrap_or(dst)), 0),
            IpAddr::V6(_) => self.select_source6(ns, device, dst),
        }
    }
}

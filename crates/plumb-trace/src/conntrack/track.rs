//! What the tracker makes of a packet (`nf_conntrack_in`, `nf_confirm`).

use plumb_model::{CtCounter, Protocol};

use super::table::{Connection, status};
use crate::event::{Discard, Event, Stop};
use crate::network::{Network, inverse};
use crate::packet::{CtInfo, CtState, Packet, Tracking, tcp_flags};
use crate::state::{NsIndex, State};

/// `TCP_CONNTRACK_TIME_WAIT`: from here on a SYN starts a connection anew.
pub(super) const TCP_TIME_WAIT: u8 = 7;

/// Looks a packet up, or makes an entry for it.
pub(crate) fn track(net: &Network, ns: NsIndex, s: &mut State, record: bool) -> Result<(), Stop> {
    if s.packet.tracking != Tracking::None {
        return Ok(());
    }
    if leaves_alone(&s.packet) {
        s.packet.tracking = Tracking::Untracked;
        return Ok(());
    }
    let info = if s.packet.is_icmp_error() { related(net, ns, s) } else { connection(net, ns, s)? };
    // The template goes with the look-up, whatever came of it (`nf_conntrack_in`).
    s.packet.zone = None;
    if record {
        let entry = match s.packet.tracking {
            Tracking::Entry { entry, .. } => {
                s.world.conntrack.get(entry).and_then(|c| c.entry).map(|e| e as usize)
            }
            _ => None,
        };
        s.history.push(Event::Tracked { ns, info, entry });
    }
    Ok(())
}

/// Neighbour discovery and multicast listener messages are not tracked (nf_conntrack_proto_icmpv6.c).
fn leaves_alone(p: &Packet) -> bool {
    p.protocol == Protocol::ICMPV6 && p.icmp.is_some_and(|i| matches!(i.kind, 130..=137 | 143))
}

/// The zones of both directions, as rules before the tracker asked.
fn zones(p: &Packet) -> (u16, u16) {
    match p.zone {
        None => (0, 0),
        Some((z, None)) => (z, z),
        Some((z, Some(false))) => (z, 0),
        Some((z, Some(true))) => (0, z),
    }
}

/// An ICMP error belongs to the connection of the packet that it answers (`nf_conntrack_inet_error`).
fn related(net: &Network, ns: NsIndex, s: &mut State) -> Option<CtInfo> {
    let inner = inverse(&s.packet.inner?);
    let (entry, reply) = find(net, ns, s, &inner)?;
    let expected = s.world.conntrack.get(entry)?.tuple(reply).dst;
    if expected != s.packet.dst {
        return None;
    }
    let info = CtInfo { state: CtState::Related, reply };
    s.packet.tracking = Tracking::Entry { entry, info };
    Some(info)
}

fn find(net: &Network, ns: NsIndex, s: &mut State, tuple: &plumb_model::Tuple) -> Option<(u32, bool)> {
    let zones = zones(&s.packet);
    if let Some(found) = s.world.conntrack.find(ns, zones, tuple) {
        return Some(found);
    }
    let (index, reply) = net.ns[ns].conntrack.find(zones, tuple)?;
    if s.world.conntrack.killed(ns, index) {
        return None;
    }
    let entry = net.namespace(ns).conntrack.value()?.entries.get(index as usize)?;
    let mut connection = Connection::from_entry(ns, index, entry);
    let syn = s.packet.protocol == Protocol::TCP
        && s.packet.tcp_flags & (tcp_flags::SYN | tcp_flags::ACK) == tcp_flags::SYN;
    if syn && entry.tcp_state.is_some_and(|t| t >= TCP_TIME_WAIT) {
        connection.status |= status::DYING;
        s.world.conntrack.add(connection);
        return None;
    }
    Some((s.world.conntrack.add(connection), reply))
}

fn connection(net: &Network, ns: NsIndex, s: &mut State) -> Result<Option<CtInfo>, Stop> {
    let tuple = s.packet.tuple();
    if let Some((entry, reply)) = find(net, ns, s, &tuple) {
        let Some(c) = s.world.conntrack.get(entry) else { return Ok(None) };
        let seen = c.status & status::SEEN_REPLY != 0;
        // A connection of which nothing but a RST comes back was none and goes at once (`nf_conntrack_tcp_packet`).
        let refused = s.packet.protocol == Protocol::TCP && s.packet.tcp_flags & tcp_flags::RST != 0;
        if !seen && let Some(c) = s.world.conntrack.get_mut(entry) {
            c.status |= if reply { status::SEEN_REPLY } else { 0 } | if refused { status::DYING } else { 0 };
        }
        let state = if reply || seen { CtState::Established } else { CtState::New };
        let info = CtInfo { state, reply };
        s.packet.tracking = Tracking::Entry { entry, info };
        count(net, ns, s, entry, reply);
        return Ok(Some(info));
    }
    if !may_begin(net, ns, &s.packet) {
        return Ok(None);
    }
    if net.ns[ns].settings.conntrack_full {
        let max = net.namespace(ns).conntrack.value().and_then(|c| c.max).unwrap_or(0);
        return Err(Stop::Sysctl {
            ns,
            name: "net.netfilter.nf_conntrack_max".to_owned(),
            value: max.to_string(),
            right: (max.saturating_mul(2)).to_string(),
            because: Discard::ConntrackFull,
        });
    }
    let mut c = Connection::new(ns, tuple, zones(&s.packet));
    if net.ns[ns].netfilter.asks_for_counters() && net.ns[ns].settings.counts_connections {
        c.counters = Some([CtCounter::default(); 2]);
    }
    let entry = s.world.conntrack.add(c);
    count(net, ns, s, entry, false);
    let info = CtInfo { state: CtState::New, reply: false };
    s.packet.tracking = Tracking::Entry { entry, info };
    Ok(Some(info))
}

/// Adds a packet to what its connection has carried (`nf_ct_acct_update`), where rules ask for that.
fn count(net: &Network, ns: NsIndex, s: &mut State, entry: u32, reply: bool) {
    if !net.ns[ns].netfilter.asks_for_counters() {
        return;
    }
    let bytes = u64::from(s.packet.len);
    if let Some(c) = s.world.conntrack.get_mut(entry).and_then(|c| c.counters.as_mut()) {
        c[usize::from(reply)].packets += 1;
        c[usize::from(reply)].bytes += bytes;
    }
}

/// Whether a connection may begin with this packet (`tcp_new`, `icmp_new`, `icmpv6_new`).
fn may_begin(net: &Network, ns: NsIndex, p: &Packet) -> bool {
    match p.protocol {
        Protocol::TCP => {
            if p.tcp_flags & (tcp_flags::RST | tcp_flags::FIN) != 0 {
                return false;
            }
            match (p.tcp_flags & tcp_flags::SYN != 0, p.tcp_flags & tcp_flags::ACK != 0) {
                (true, ack) => !ack,
                (false, true) => net.ns[ns].settings.tcp_loose,
                (false, false) => false,
            }
        }
        Protocol::ICMP => p.icmp.is_some_and(|i| matches!(i.kind, 8 | 13 | 15 | 17)),
        Protocol::ICMPV6 => p.icmp.is_some_and(|i| matches!(i.kind, 128 | 139)),
        _ => true,
    }
}

/// Whether the entry that is about to be confirmed has addresses that one of other zones holds in the table, in a direction
/// in which their zones are the same: it is not inserted then (`__nf_conntrack_confirm`, `insert_failed`), unless address
/// translation has found it another port before.
pub(crate) fn clashes(net: &Network, ns: NsIndex, s: &State) -> bool {
    let Tracking::Entry { entry, info } = s.packet.tracking else { return false };
    let Some(new) = s.world.conntrack.get(entry).filter(|c| !info.reply && !c.confirmed) else {
        return false;
    };
    let zones = (new.zone_original, new.zone_reply);
    let table = &s.world.conntrack;
    let of_others = |c: &Connection| (c.zone_original, c.zone_reply) != zones;
    [&new.original, &new.reply].into_iter().any(|tuple| {
        let made = table.find(ns, zones, tuple).and_then(|(i, _)| table.get(i));
        let held = || {
            let (i, _) = net.ns[ns].conntrack.find(zones, tuple)?;
            let entry = net.namespace(ns).conntrack.value()?.entries.get(i as usize)?;
            (!table.killed(ns, i)).then(|| Connection::from_entry(ns, i, entry))
        };
        made.is_some_and(of_others) || held().as_ref().is_some_and(of_others)
    })
}

/// The packet leaves this machine or reaches its socket: its entry is in the table from now on. Only a packet of the
/// original direction does that: an error or a RST that a machine makes for a packet bears that packet's entry, but
/// does not confirm it (`__nf_conntrack_confirm`).
pub(crate) fn confirm(s: &mut State) {
    if let Tracking::Entry { entry, info } = s.packet.tracking
        && !info.reply
        && s.world.conntrack.get(entry).is_some_and(|c| !c.confirmed)
        && let Some(c) = s.world.conntrack.get_mut(entry)
    {
        c.confirmed = true;
        c.status |= status::CONFIRMED;
    }
}

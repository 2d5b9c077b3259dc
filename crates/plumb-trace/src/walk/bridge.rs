//! A frame in a bridge, and what br_netfilter shows of it to the IP hooks (net/bridge/br_input.c, br_forward.c,
//! br_netfilter_hooks.c).

use plumb_model::{BridgePort, FdbEntry, IpFamily, Link, Mac, NeighbourState};
use plumb_nft::Hook;

use super::carry::{Arrivals, Arrived, Frame};
use super::layer2::Ends;
use super::mtu::{exceeds, exceeds_strictly};
use super::{At, Out, Walker};
use crate::event::{BridgeHow, Discard, Event, PortRefusal, Stop, Unknown};
use crate::machine::Path;
use crate::network::family_index;
use crate::packet::PacketType;
use crate::routing::InputRoute;
use crate::state::{NsIndex, State};

/// `BR_STATE_LEARNING`, `BR_STATE_FORWARDING`
const LEARNING: u8 = 2;
const FORWARDING: u8 = 3;

/// A bridge and the port that a frame came in by.
#[derive(Clone, Copy)]
struct In<'a> {
    ns: NsIndex,
    bridge: &'a Link,
    /// `None`: the machine itself sent it.
    port: Option<u32>,
    isolated: bool,
    frame: Frame,
    prerouted: bool,
    depth: u32,
}

/// Where a bridge sends a frame.
enum Target {
    Up(BridgeHow),
    Port(u32, BridgeHow),
    All,
}

impl Walker<'_, '_> {
    /// A frame comes in by a port (`br_handle_frame`).
    #[allow(clippy::too_many_arguments, reason = "a frame, where it is, and where its copies go")]
    pub(super) fn bridge_in(
        &self,
        ns: NsIndex,
        bridge: u32,
        link: &Link,
        port: &BridgePort,
        frame: Frame,
        mut s: State,
        depth: u32,
        out: &mut Arrivals,
    ) {
        let Some(bridge) = self.net.link(ns, bridge) else {
            let what = format!("the bridge of {}, which is not in the snapshot", link.name);
            return out.push((s, Err(Stop::Unmodelled { ns, what })));
        };
        let index = link.index;
        if port.state != FORWARDING && port.state != LEARNING {
            let why = PortRefusal::State(port.state);
            return out.push((s, Err(Stop::PortClosed { ns, port: index, why })));
        }
        if bridge.bridge.as_ref().is_some_and(|b| b.vlan_filtering) {
            let what = format!("VLAN filtering of bridge {}", bridge.name);
            self.assume(&mut s, Unknown { ns, rule: None, device: Some(bridge.index), what });
        }
        if s.packet.eth_dst == bridge.mac {
            s.packet.packet_type = PacketType::Host;
        }
        let ends = Ends { iif: Some(index), oif: None };
        for s in self.layer2(ns, Path::Bridge, Hook::Prerouting, ends, s, out) {
            self.bridge_taken(ns, bridge, index, port, frame, s, depth, out);
        }
    }

    /// The bridge has the frame: br_netfilter's turn.
    #[allow(clippy::too_many_arguments, reason = "a frame, where it is, and where its copies go")]
    fn bridge_taken(
        &self,
        ns: NsIndex,
        bridge: &Link,
        index: u32,
        port: &BridgePort,
        frame: Frame,
        s: State,
        depth: u32,
        out: &mut Arrivals,
    ) {
        let mut at =
            In { ns, bridge, port: Some(index), isolated: port.isolated, frame, prerouted: false, depth };
        if !self.calls_ip_hooks(&at, &s) {
            return self.bridge_finish(at, port, s, out);
        }
        at.prerouted = true;
        let before = s.packet.dst;
        let hook_at = At { ns, iif: Some(bridge.index), physin: Some(index), bound: None, depth };
        let mut stopped = Vec::new();
        let passed = self.hook(hook_at, Hook::Prerouting, None, None, None, s, &mut stopped);
        out.extend(stopped.into_iter().map(|(s, stop)| (s, Err(stop))));
        for s in passed {
            if s.packet.dst == before {
                self.bridge_finish(at, port, s, out);
            } else {
                self.bridge_translated(at, port, s, out);
            }
        }
    }

    /// The destination was translated on the bridge (`br_nf_pre_routing_finish`): the frame stays on the bridge where
    /// the new destination is behind it, else it goes up to IP.
    fn bridge_translated(&self, at: In, port: &BridgePort, mut s: State, out: &mut Arrivals) {
        let (ns, bridge) = (at.ns, at.bridge.index);
        let on_bridge = match self.net.route_input(ns, &s.packet, bridge) {
            Ok(InputRoute::Local(_)) => None,
            Ok(InputRoute::Forward(ways)) => ways.into_iter().next().filter(|w| w.device == bridge),
            Err(Stop::Sysctl { because: Discard::NotForwarding, .. }) => {
                match self.net.route_output(ns, &s.packet, None).ok().and_then(|w| w.into_iter().next()) {
                    Some(w) if w.device == bridge => Some(w),
                    _ => None,
                }
            }
            Err(stop) => return out.push((s, Err(stop))),
        };
        match on_bridge {
            Some(way) => {
                let hop = Out { device: bridge, next_hop: way.next_hop, made_here: false, mtu: 0 };
                let from = At { ns, iif: Some(bridge), physin: at.port, bound: None, depth: at.depth };
                match self.neighbour(from, hop, &mut s) {
                    Ok(lladdr) => {
                        s.packet.eth_dst = lladdr;
                        self.bridge_finish(at, port, s, out);
                    }
                    Err(stop) => out.push((s, Err(stop))),
                }
            }
            None => {
                s.packet.eth_dst = at.bridge.mac;
                s.packet.packet_type = PacketType::Host;
                self.bridge_finish(at, port, s, out);
            }
        }
    }

    /// Learns the source and chooses where to (`br_handle_frame_finish`).
    fn bridge_finish(&self, at: In, port: &BridgePort, mut s: State, out: &mut Arrivals) {
        let (ns, bridge) = (at.ns, at.bridge);
        let Some(index) = at.port else { return };
        if let Some(src) = s.packet.eth_src {
            if port.locked && self.fdb_port(&s, ns, bridge.index, src).map(|(p, _)| p) != Some(index) {
                return out.push((s, Err(Stop::PortClosed { ns, port: index, why: PortRefusal::Locked })));
            }
            if port.learning && !src.is_multicast() && !self.is_bridge_local(ns, bridge, src) {
                s.world.learnt.retain(|(n, b, m, _)| !(*n == ns && *b == bridge.index && *m == src));
                s.world.learnt.push((ns, bridge.index, src, index));
            }
        }
        if port.state == LEARNING {
            let why = PortRefusal::State(LEARNING);
            return out.push((s, Err(Stop::PortClosed { ns, port: index, why })));
        }
        self.bridge_send(at, s, out);
    }

    /// A frame of the machine itself goes out of the bridge device (`br_dev_xmit`).
    pub(super) fn bridge_from_host(
        &self,
        ns: NsIndex,
        bridge: &Link,
        frame: Frame,
        s: State,
        depth: u32,
        out: &mut Arrivals,
    ) {
        self.bridge_send(
            In { ns, bridge, port: None, isolated: false, frame, prerouted: false, depth },
            s,
            out,
        );
    }

    fn bridge_send(&self, at: In, s: State, out: &mut Arrivals) {
        match self.bridge_target(&at, &s) {
            Target::Up(how) => self.bridge_up(at, s, how, out),
            Target::Port(to, how) => match self.refusal(&at, to, None) {
                None => self.bridge_out(at, to, how, s, out),
                Some(why) => self.no_port(&at, vec![(to, why)], s, out),
            },
            Target::All => self.bridge_flood(at, s, out),
        }
    }

    fn bridge_target(&self, at: &In, s: &State) -> Target {
        let Some(dst) = s.packet.eth_dst.filter(|d| !d.is_multicast()) else { return Target::All };
        if at.port.is_some() && self.is_bridge_local(at.ns, at.bridge, dst) {
            return Target::Up(BridgeHow::Local);
        }
        match self.fdb_port(s, at.ns, at.bridge.index, dst) {
            Some((port, how)) => Target::Port(port, how),
            None => Target::All,
        }
    }

    /// All ports but the one it came in by; a broadcast goes up as well.
    fn bridge_flood(&self, at: In, s: State, out: &mut Arrivals) {
        let group = s.packet.eth_dst.is_none_or(|d| d.is_multicast());
        let mut refused = Vec::new();
        let mut copies = Arrivals::new();
        for &port in self.net.ns[at.ns].ports.get(&at.bridge.index).map_or(&[][..], Vec::as_slice) {
            match self.refusal(&at, port, Some(&s)) {
                Some(PortRefusal::NoHairpin) => {}
                Some(why) => refused.push((port, why)),
                None => self.bridge_out(at, port, BridgeHow::Flood, s.clone(), &mut copies),
            }
        }
        if group {
            if at.port.is_some() {
                self.bridge_up(at, s.clone(), BridgeHow::Flood, &mut copies);
            }
            if !refused.is_empty() || copies.is_empty() {
                self.no_port(&at, refused, s, &mut copies);
            }
            return out.append(&mut copies);
        }
        // Copies that reach a device with another address end there without a trace.
        let for_it = |(s, r): &(State, Result<Arrived, Stop>)| match r {
            Ok(_) => s.packet.packet_type == PacketType::Host,
            Err(stop) => {
                !matches!(stop, Stop::OtherHost { .. } | Stop::NoPort { .. } | Stop::NoCarrier { .. })
            }
        };
        let arrives =
            |(s, r): &(State, Result<Arrived, Stop>)| r.is_ok() && s.packet.packet_type == PacketType::Host;
        match copies.iter().position(arrives).or_else(|| copies.iter().position(for_it)) {
            Some(i) => out.push(copies.swap_remove(i)),
            None => self.no_port(&at, refused, s, out),
        }
    }

    fn no_port(&self, at: &In, refused: Vec<(u32, PortRefusal)>, s: State, out: &mut Arrivals) {
        let lladdr = s.packet.eth_dst.unwrap_or_default();
        let stop = Stop::NoPort { ns: at.ns, bridge: at.bridge.index, from: at.port, lladdr, refused };
        out.push((s, Err(stop)));
    }

    /// Why a port does not take a frame (`should_deliver`); flooding asks more than forwarding.
    fn refusal(&self, at: &In, to: u32, flooded: Option<&State>) -> Option<PortRefusal> {
        let link = self.net.link(at.ns, to)?;
        let port = link.port.as_ref()?;
        if at.port == Some(to) && !port.hairpin {
            return Some(PortRefusal::NoHairpin);
        }
        if port.state != FORWARDING {
            return Some(PortRefusal::State(port.state));
        }
        if !link.is_up() {
            return Some(PortRefusal::Down);
        }
        if at.isolated && port.isolated {
            return Some(PortRefusal::Isolated);
        }
        let s = flooded?;
        match s.packet.eth_dst {
            Some(Mac::BROADCAST) | None => (!port.bcast_flood).then_some(PortRefusal::NoBroadcast),
            Some(m) if m.is_multicast() => (!port.mcast_flood).then_some(PortRefusal::NoBroadcast),
            Some(_) => (!port.flood).then_some(PortRefusal::NoFlood),
        }
    }

    /// Out of a port, past the forward and postrouting hooks.
    fn bridge_out(&self, at: In, to: u32, how: BridgeHow, mut s: State, out: &mut Arrivals) {
        let (ns, bridge) = (at.ns, at.bridge.index);
        self.note(&mut s, || Event::Bridge { ns, bridge, from: at.port, to: Some(to), how });
        let first = if at.port.is_some() { Hook::Forward } else { Hook::Output };
        let mut states: super::hooks::Passed = smallvec::smallvec![s];
        for (hook, iif) in [(first, at.port), (Hook::Postrouting, None)] {
            let ends = Ends { iif, oif: Some(to) };
            let before = std::mem::take(&mut states);
            states =
                before.into_iter().flat_map(|s| self.layer2(ns, Path::Bridge, hook, ends, s, out)).collect();
        }
        if at.prerouted {
            for hook in [Hook::Forward, Hook::Postrouting] {
                let iif = (hook == Hook::Forward).then_some(bridge);
                let hook_at = At { ns, iif, physin: at.port, bound: None, depth: at.depth };
                let mut next = super::hooks::Passed::new();
                let mut stopped = Vec::new();
                for s in states {
                    next.extend(self.hook(hook_at, hook, Some(bridge), None, Some(to), s, &mut stopped));
                }
                out.extend(stopped.into_iter().map(|(s, stop)| (s, Err(stop))));
                states = next;
            }
        }
        let mtu = self.net.link(ns, to).map_or(0, |l| l.mtu);
        for s in states {
            match self.too_big_for_port(&at, to, mtu, &s) {
                Some(stop) => out.push((s, Err(stop))),
                None => self.carry(ns, to, at.frame, s, at.depth + 1, out),
            }
        }
    }

    /// `br_dev_queue_push_xmit`; under br_netfilter, which cuts IPv4 into pieces that may be cut and came in one piece, and
    /// drops what else is larger than the port (`br_nf_dev_queue_xmit`).
    fn too_big_for_port(&self, at: &In, to: u32, mtu: u32, s: &State) -> Option<Stop> {
        let (ns, p) = (at.ns, &s.packet);
        if at.frame != Frame::Ip {
            return None;
        }
        if !at.prerouted {
            return exceeds(p, mtu).then_some(Stop::FrameTooBig { ns, device: to, mtu, at_sender: false });
        }
        if !exceeds_strictly(p, mtu) {
            return None;
        }
        let cut = p.family == IpFamily::V4 && p.sizing.dont_fragment == Some(false);
        if cut || p.sizing.largest_fragment != 0 {
            let device = self.net.device_name(ns, to);
            let what = format!(
                "a packet larger than bridge port {device} takes ({mtu}), with bridge-nf-call-iptables"
            );
            return Some(Stop::Unmodelled { ns, what });
        }
        Some(Stop::FrameTooBig { ns, device: to, mtu, at_sender: false })
    }

    /// Up to the bridge device (`br_pass_frame_up`).
    fn bridge_up(&self, at: In, mut s: State, how: BridgeHow, out: &mut Arrivals) {
        let (ns, bridge) = (at.ns, at.bridge.index);
        if !at.bridge.is_up() {
            return out.push((s, Err(Stop::LinkDown { ns, device: bridge })));
        }
        self.note(&mut s, || Event::Bridge { ns, bridge, from: at.port, to: None, how });
        let arrived =
            Arrived { ns, device: bridge, physin: at.port, prerouted: at.prerouted, depth: at.depth + 1 };
        let ends = Ends { iif: at.port, oif: None };
        for s in self.layer2(ns, Path::Bridge, Hook::Input, ends, s, out) {
            out.push((s, Ok(arrived)));
        }
    }

    /// Whether br_netfilter shows the frame to the IP hooks.
    fn calls_ip_hooks(&self, at: &In, s: &State) -> bool {
        if at.frame != Frame::Ip {
            return false;
        }
        let f = family_index(s.packet.family);
        let own = at.bridge.bridge.as_ref().is_some_and(|b| [b.nf_call_iptables, b.nf_call_ip6tables][f]);
        self.net.ns[at.ns].settings.bridge_nf[f].is_some_and(|call| call || own)
    }

    /// An address of the bridge or of one of its ports: frames to it go up.
    fn is_bridge_local(&self, ns: NsIndex, bridge: &Link, lladdr: Mac) -> bool {
        bridge.mac == Some(lladdr)
            || self.net.ns[ns].fdb.get(&(bridge.index, lladdr)).is_some_and(|&i| {
                self.net.namespace(ns).fdb.items()[i].state.0 & NeighbourState::PERMANENT.0 != 0
            })
    }

    fn fdb_port(&self, s: &State, ns: NsIndex, bridge: u32, lladdr: Mac) -> Option<(u32, BridgeHow)> {
        let entry =
            self.net.ns[ns].fdb.get(&(bridge, lladdr)).map(|&i| &self.net.namespace(ns).fdb.items()[i]);
        // Of a machine's own address, and where it is to stick to its port, learning moves no entry (`br_fdb_update`).
        if let Some(e) = entry
            && (e.state.0 & NeighbourState::PERMANENT.0 != 0 || e.flags & FdbEntry::STICKY != 0)
        {
            return Some((e.index, BridgeHow::Fdb));
        }
        let learnt =
            s.world.learnt.iter().rev().find(|(n, b, m, _)| *n == ns && *b == bridge && *m == lladdr);
        match (learnt, entry) {
            (Some((.., port)), _) => Some((*port, BridgeHow::Learnt)),
            (None, Some(e)) => Some((e.index, BridgeHow::Fdb)),
            (None, None) => None,
        }
    }
}

//! A packet that came in: prerouting, route, and on or up (`ip_rcv`, `ip_forward`; `ipv6_rcv`, `ip6_forward`).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol};
use plumb_nft::Hook;

use super::carry::{Arrivals, Arrived, Frame};
use super::mtu::put_together;
use super::{At, End, Goal, Out, Walker};
use crate::event::{Event, RouteUse, Stop};
use crate::packet::{PacketSocket, PacketType, Tracking};
use crate::routing::InputRoute;
use crate::state::State;

impl Walker<'_, '_> {
    /// Hands a packet to the link: the neighbour's address, the frame's way, and what is there.
    pub(super) fn transmit_whole(&self, at: At, out: Out, mut s: State, goal: &Goal, ends: &mut Vec<End>) {
        let ns = at.ns;
        if !self.may_send() {
            let what = "more ways than can be followed (a loop in which rules draw?)".to_owned();
            return ends.push(End { state: s, stop: Stop::Unmodelled { ns, what } });
        }
        let Some(link) = self.net.link(ns, out.device) else {
            let what = format!("device {}, which is not in the snapshot", out.device);
            return ends.push(End { state: s, stop: Stop::Unmodelled { ns, what } });
        };
        if !link.is_up() {
            return ends.push(End { state: s, stop: Stop::LinkDown { ns, device: out.device } });
        }
        if link.is_loopback() {
            // The loopback device's frames bear its own address (`eth_type_trans`); only copies of multicasts that a
            // machine sends to itself are marked as looped back.
            s.packet.packet_type = PacketType::Host;
            // Nor does it belong to its sender's socket any more (`loopback_xmit`).
            s.packet.owner = None;
            s.packet.socket = None;
            let arrived =
                Arrived { ns, device: out.device, physin: None, prerouted: false, depth: at.depth + 1 };
            self.note(&mut s, || Event::Enters { ns, device: out.device });
            return self.receive(arrived, true, s, goal, ends);
        }
        let lladdr = match self.neighbour(at, out, &mut s) {
            Ok(lladdr) => lladdr,
            Err(stop) => return ends.push(End { state: s, stop }),
        };
        s.packet.eth_src = link.mac;
        s.packet.eth_dst = lladdr;
        let mut arrivals = Arrivals::new();
        self.carry(ns, out.device, Frame::Ip, s, at.depth + 1, &mut arrivals);
        for (s, arrived) in arrivals {
            match arrived {
                Ok(arrived) => self.receive(arrived, false, s, goal, ends),
                Err(stop) => ends.push(End { state: s, stop }),
            }
        }
    }

    /// A packet comes to a device with IP. `routed`: it kept its route over the loopback device.
    pub(crate) fn receive(&self, a: Arrived, routed: bool, mut s: State, goal: &Goal, ends: &mut Vec<End>) {
        let (ns, device) = (a.ns, a.device);
        if a.depth == 0 {
            self.sets_out(goal);
        }
        if s.packet.packet_type == PacketType::OtherHost {
            let lladdr = s.packet.eth_dst.unwrap_or_default();
            return ends.push(End { state: s, stop: Stop::OtherHost { ns, device, lladdr } });
        }
        if a.prerouted {
            s.packet.packet_type = PacketType::Host;
        }
        let at = At { ns, iif: Some(device), physin: a.physin, bound: None, depth: a.depth };
        let destination = s.packet.dst;
        let mut stopped = Vec::new();
        let passed = if a.prerouted {
            smallvec::smallvec![s]
        } else {
            self.hook(at, Hook::Prerouting, None, None, None, s, &mut stopped)
        };
        ends.extend(stopped.into_iter().map(|(state, stop)| End { state, stop }));
        for s in passed {
            // A translation to another destination takes the route from it (`nf_nat_ipv4_pre_routing`, `nf_nat_ipv6_in`).
            if routed && s.packet.dst == destination {
                self.input(at, s, goal, ends);
            } else {
                self.route_and_go(at, device, s, goal, ends);
            }
        }
    }

    fn route_and_go(&self, at: At, device: u32, mut s: State, goal: &Goal, ends: &mut Vec<End>) {
        match self.net.route_input(at.ns, &s.packet, device) {
            Ok(InputRoute::Local(way)) => {
                self.note(&mut s, || Event::Route { purpose: RouteUse::Input, found: way.route });
                self.input(at, s, goal, ends);
            }
            Ok(InputRoute::Forward(ways)) => {
                let kept = self.chosen_way(&s, at.ns, &ways);
                for way in &ways {
                    let Some(mut s) = self.branch(&s, at.ns, way, kept, ways.len()) else { continue };
                    self.note(&mut s, || Event::Route { purpose: RouteUse::Input, found: way.route });
                    self.forward(at, way, s, goal, ends);
                }
            }
            Err(stop) => ends.push(End { state: s, stop }),
        }
    }

    fn forward(
        &self,
        at: At,
        way: &crate::routing::OutputRoute,
        mut s: State,
        goal: &Goal,
        ends: &mut Vec<End>,
    ) {
        let ns = at.ns;
        // `ip_forward`, `ip6_forward`
        if let Some(stop) = for_all(at, &s) {
            return ends.push(End { state: s, stop });
        }
        // What a rule handed to a socket is for this machine or for nobody (`ip_forward`, `ip6_forward`).
        if let Some(PacketSocket::Of(socket)) = s.packet.socket {
            let device = way.device;
            return ends
                .push(End { state: s, stop: Stop::HandedOver { ns, socket: socket as usize, device } });
        }
        if s.packet.ttl <= 1 {
            return ends.push(End { state: s, stop: Stop::TtlExceeded { ns, routes: Vec::new() } });
        }
        if let (IpFamily::V4, Some(stop)) = (s.packet.family, self.too_big_to_forward(ns, way, &s.packet)) {
            return ends.push(End { state: s, stop });
        }
        s.packet.ttl -= 1;
        if s.packet.family == IpFamily::V4 {
            s.packet.priority = priority_of_tos(s.packet.tos);
        }
        // A link-local source must not leave its link (`ip6_forward`).
        if let (IpFamily::V6, IpAddr::V6(src)) = (s.packet.family, s.packet.src)
            && src.is_unicast_link_local()
        {
            let device = at.iif.unwrap_or(way.device);
            let stop = Stop::Martian { ns, device, addr: s.packet.src, source: true };
            return ends.push(End { state: s, stop });
        }
        if let (IpFamily::V6, Some(stop)) = (s.packet.family, self.too_big_to_forward(ns, way, &s.packet)) {
            return ends.push(End { state: s, stop });
        }
        let mut stopped = Vec::new();
        let passed =
            self.hook(at, Hook::Forward, Some(way.device), Some(way.next_hop), None, s, &mut stopped);
        ends.extend(stopped.into_iter().map(|(state, stop)| End { state, stop }));
        for s in passed {
            // The postrouting hook sees by which device a packet came in (`ip_output`, Linux 5.7).
            self.leave(at, s, way, false, goal, ends);
        }
    }

    /// The input hook, then whoever waits for it.
    fn input(&self, at: At, mut s: State, goal: &Goal, ends: &mut Vec<End>) {
        // `ip_local_deliver`; IPv6 does it behind the input hook, where extension headers are read.
        if !put_together(&mut s.packet) {
            return ends.push(End { state: s, stop: Stop::FragmentWaits { ns: at.ns } });
        }
        let mut stopped = Vec::new();
        let passed = self.hook(at, Hook::Input, None, None, None, s, &mut stopped);
        ends.extend(stopped.into_iter().map(|(state, stop)| End { state, stop }));
        for mut s in passed {
            // `tcp_v4_rcv`, `tcp_v6_rcv`
            if s.packet.protocol == Protocol::TCP
                && let Some(stop) = for_all(at, &s)
            {
                ends.push(End { state: s, stop });
                continue;
            }
            s.packet.tracking = Tracking::None;
            self.deliver(at, s, goal, ends);
        }
    }
}

/// A frame that was sent to all or to a group: what it holds is not forwarded, and TCP does not take it.
fn for_all(at: At, s: &State) -> Option<Stop> {
    let lladdr = s.packet.eth_dst.unwrap_or_default();
    let for_all = matches!(s.packet.packet_type, PacketType::Broadcast | PacketType::Multicast);
    for_all.then_some(Stop::OtherHost { ns: at.ns, device: at.iif.unwrap_or_default(), lladdr })
}

/// Priority of a packet that IPv4 forwards, whatever it was before (`ip_forward`, `rt_tos2priority`).
fn priority_of_tos(tos: u8) -> u32 {
    match (tos & 0x1e) >> 1 {
        0..=3 => 0,
        4..=7 => 2,
        8..=11 => 6,
        _ => 4,
    }
}

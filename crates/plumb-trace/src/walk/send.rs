//! A packet that this machine makes: route, source, output hook, and out (`ip_queue_xmit`, `ip_route_me_harder`).

use std::net::IpAddr;

use plumb_model::IpFamily;
use plumb_nft::Hook;
use smallvec::SmallVec;

use super::hooks::Passed;
use super::{At, End, Goal, Out, Walker};
use crate::event::{Event, RouteUse, Stop};
use crate::packet::Packet;
use crate::routing::{OutputRoute, Ways};
use crate::share::Share;
use crate::state::{NsIndex, Rerouted, State};

impl Walker<'_, '_> {
    /// Sends a packet from a namespace and follows it to all its ends.
    pub(crate) fn send(&self, ns: NsIndex, mut s: State, oif: Option<u32>, goal: &Goal, ends: &mut Vec<End>) {
        self.sets_out(goal);
        if self.record {
            let packet = Box::new(s.packet.clone());
            s.history.push(Event::Start { ns, packet });
        }
        // A client connects its socket, whatever the protocol; who answers sends without that.
        let found = if *goal == Goal::Server {
            self.net.route_connect(ns, &s.packet, oif)
        } else {
            self.net.route_output(ns, &s.packet, oif).map(|open| Ways { open, closed: SmallVec::new() })
        };
        let Ways { open: ways, closed } = match found {
            Ok(ways) => ways,
            Err(stop) => return ends.push(End { state: s, stop }),
        };
        let kept = self.chosen_way(&s, ns, &ways);
        let of = ways.len() + closed.len();
        if kept.is_none() {
            for (share, stop) in closed {
                let state = State { share: s.share * share, ..s.clone() };
                ends.push(End { state, stop });
            }
        }
        for way in &ways {
            let Some(mut s) = self.branch(&s, ns, way, kept, of) else { continue };
            self.note(&mut s, || Event::Route { purpose: RouteUse::Output, found: way.route });
            if s.packet.src.is_unspecified() {
                let src = way.src.or_else(|| self.net.output_source(ns, way, s.packet.dst));
                let Some(src) = src else {
                    let family = s.packet.family;
                    ends.push(End { state: s, stop: Stop::NoSource { ns, family } });
                    continue;
                };
                s.packet.src = src;
                if s.world.source.is_none() {
                    s.world.source = Some(src);
                }
                self.note(&mut s, || Event::Source { ns, addr: src });
            }
            self.size(ns, way, &mut s);
            if *goal == Goal::Server && self.net.ns[ns].netfilter.asks_for_sockets() {
                s.world.client = Some((ns, s.packet.tuple()));
            }
            self.output(ns, s, way, oif, goal, ends);
        }
    }

    /// The output hook, and out by the way that it leaves the packet with.
    fn output(
        &self,
        ns: NsIndex,
        s: State,
        way: &OutputRoute,
        oif: Option<u32>,
        goal: &Goal,
        ends: &mut Vec<End>,
    ) {
        let at = At { ns, iif: None, physin: None, bound: oif, depth: 0 };
        let mut stopped = Vec::new();
        let passed = self.hook(at, Hook::Output, Some(way.device), Some(way.next_hop), None, s, &mut stopped);
        ends.extend(stopped.into_iter().map(|(state, stop)| End { state, stop }));
        for s in passed {
            match &s.rerouted {
                Rerouted::To(other) => {
                    let other = other.clone();
                    self.leave(at, s, &other, true, goal, ends);
                }
                _ => self.leave(at, s, way, true, goal, ends),
            }
        }
    }

    /// Looks up the route once more in the output hook, as the packet is by now (`ip_route_me_harder`,
    /// `ip6_route_me_harder`); `out` is the device that it was to leave by so far.
    pub(super) fn route_again(
        &self,
        at: At,
        out: Option<u32>,
        s: State,
        next: &mut Passed,
        ends: &mut Vec<(State, Stop)>,
    ) {
        let so_far = match &s.rerouted {
            Rerouted::To(way) => Some(way.device),
            _ => out,
        };
        let keeps_link =
            matches!(s.packet.dst, IpAddr::V6(a) if a.is_multicast() || a.is_unicast_link_local());
        let oif = at.bound.or(so_far.filter(|_| keeps_link));
        // `ip_route_me_harder` leaves the sender out, which counts as root; `ip6_route_me_harder` does not.
        let anonymous = (s.packet.family == IpFamily::V4 && s.packet.owner.is_some())
            .then(|| Packet { owner: None, ..s.packet.clone() });
        let ways = match self.net.route_output(at.ns, anonymous.as_ref().unwrap_or(&s.packet), oif) {
            Ok(ways) => ways,
            Err(stop) => {
                let state = State { rerouted: Rerouted::Failed, ..s };
                return ends.push((state, stop));
            }
        };
        let kept = self.chosen_way(&s, at.ns, &ways);
        for way in &ways {
            let Some(mut s) = self.branch(&s, at.ns, way, kept, ways.len()) else { continue };
            self.note(&mut s, || Event::Route { purpose: RouteUse::Output, found: way.route });
            s.rerouted = Rerouted::To(Box::new(way.clone()));
            next.push(s);
        }
    }

    /// The postrouting hook, then the link.
    pub(crate) fn leave(
        &self,
        at: At,
        s: State,
        way: &OutputRoute,
        made_here: bool,
        goal: &Goal,
        ends: &mut Vec<End>,
    ) {
        let mut stopped = Vec::new();
        let passed: Passed =
            self.hook(at, Hook::Postrouting, Some(way.device), Some(way.next_hop), None, s, &mut stopped);
        ends.extend(stopped.into_iter().map(|(state, stop)| End { state, stop }));
        for s in passed {
            let mtu = match made_here {
                true => self.net.path_mtu(at.ns, way, s.packet.dst, &s.world).value,
                false => self.net.forward_mtu(at.ns, way, s.packet.family),
            };
            let out = Out { device: way.device, next_hop: way.next_hop, made_here, mtu };
            self.transmit(at, out, s, goal, ends);
        }
    }

    /// The route and next hop of these that this walk took before, if any: a flow keeps to its path.
    pub(crate) fn chosen_way(&self, s: &State, ns: NsIndex, ways: &[OutputRoute]) -> Option<(usize, usize)> {
        let taken = |route, hop| ways.iter().any(|w| (w.route.route, w.route.hop) == (route, hop));
        s.world
            .paths
            .iter()
            .find(|(n, route, dst, hop)| *n == ns && *dst == s.packet.dst && taken(*route, *hop))
            .map(|(_, route, _, hop)| (*route, *hop))
    }

    /// The branch of a state that takes this way; `None` where another was chosen before.
    pub(crate) fn branch(
        &self,
        s: &State,
        ns: NsIndex,
        way: &OutputRoute,
        kept: Option<(usize, usize)>,
        of: usize,
    ) -> Option<State> {
        let mut s = s.clone();
        if of > 1 {
            match kept {
                Some(taken) if taken == (way.route.route, way.route.hop) => {}
                Some(_) => return None,
                None => {
                    s.share = s.share * way.share;
                    s.world.paths.push((ns, way.route.route, s.packet.dst, way.route.hop));
                    let share: Share = way.share;
                    self.note(&mut s, || Event::Draw { rule: None, share, per_packet: false });
                }
            }
        }
        Some(s)
    }
}

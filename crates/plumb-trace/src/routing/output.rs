//! The route of a packet that this machine sends (`ip_route_output_key_hash`, `ip6_route_output`).

use std::net::IpAddr;

use plumb_model::{IpFamily, RouteKind};
use smallvec::SmallVec;

use super::fib::{Found, LookupFailure, RouteQuery};
use super::input::sysctl;
use super::source::loopback;
use crate::event::{Discard, RouteRef, Stop};
use crate::network::Network;
use crate::packet::Packet;
use crate::share::Share;
use crate::state::NsIndex;

/// Where a packet goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputRoute {
    /// The route.
    pub(crate) route: RouteRef,
    /// Device.
    pub(crate) device: u32,
    /// Next hop: the gateway, or the destination itself.
    pub(crate) next_hop: IpAddr,
    /// Whether it is for this machine.
    pub(crate) local: bool,
    /// Share of the mass that takes this way.
    pub(crate) share: Share,
    /// Source address, where an earlier look-up has chosen it.
    pub(crate) src: Option<IpAddr>,
}

impl Network<'_> {
    /// Looks up the route of a packet made here. `src` in the packet may be unspecified.
    pub(crate) fn route_output(
        &self,
        ns: NsIndex,
        p: &Packet,
        oif: Option<u32>,
    ) -> Result<SmallVec<[OutputRoute; 1]>, Stop> {
        let n = self.namespace(ns);
        let src = Some(p.src).filter(|s| !s.is_unspecified());
        let query = RouteQuery {
            dst: p.dst,
            src,
            iif: "lo",
            oif,
            mark: p.mark,
            tos: p.tos,
            uid: p.owner.map_or(0, |o| o.uid),
            protocol: Some(p.protocol),
            sport: p.sport,
            dport: p.dport,
            skip_linkdown: self.skip_linkdown(ns, p.family),
        };
        let mut found = self.ns[ns].fib.lookup(n, &query).map_err(|e| self.failure(ns, e, p.dst, true))?;
        // `fib_select_path`: with a device asked for, nothing is chosen.
        if let (Some(src), None, Some(route)) = (src, oif, n.routes.items().get(found.route))
            && found.hops.len() > 1
        {
            self.prefer_source(ns, route, &mut found.hops, src);
        }
        let ways = self.output_routes(ns, &found, p.dst, true)?;
        // A loopback address must not leave the machine (`__mkroute_output`).
        if matches!(p.src, IpAddr::V4(a) if a.is_loopback()) {
            for way in &ways {
                let settings = self.ns[ns].devices.get(&way.device);
                let on_loopback = self.link(ns, way.device).is_some_and(plumb_model::Link::is_loopback);
                if let Some(s) = settings.filter(|s| !on_loopback && s.route_localnet.value == 0) {
                    return Err(sysctl(ns, &s.route_localnet, "1", Discard::Loopback));
                }
            }
        }
        Ok(ways)
    }

    /// The ways that a found route offers.
    pub(super) fn output_routes(
        &self,
        ns: NsIndex,
        found: &Found,
        dst: IpAddr,
        made_here: bool,
    ) -> Result<SmallVec<[OutputRoute; 1]>, Stop> {
        let n = self.namespace(ns);
        let Some(route) = n.routes.items().get(found.route) else {
            return Err(Stop::Unmodelled { ns, what: "a route that is not in the snapshot".to_owned() });
        };
        let reference =
            |hop| RouteRef { ns, route: found.route, hop, rule_pref: found.rule_pref, rule: found.rule };
        match route.kind {
            RouteKind::Unicast
            | RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Anycast
            | RouteKind::Multicast => {}
            RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => {
                return Err(Stop::RouteDiscards { route: reference(0), local: made_here });
            }
            other => return Err(Stop::Unmodelled { ns, what: format!("a route of type {other:?}") }),
        }
        if !route.unknown_attributes.is_empty()
            && let Some((number, _)) = route.unknown_attributes.iter().find(|(n, _)| matches!(n, 21 | 22))
        {
            let what = format!("a route with an encapsulation (attribute {number}) to {}", route.dst);
            return Err(Stop::Unmodelled { ns, what });
        }
        let local = matches!(route.kind, RouteKind::Local | RouteKind::Anycast);
        found
            .hops
            .iter()
            .map(|&(hop, share)| {
                let h = route.next_hops.get(hop);
                // A packet for this machine goes by the loopback device, whatever device has the address.
                let device = if local { loopback(n) } else { h.and_then(|h| h.oif) };
                let Some(device) = device else {
                    return Err(Stop::Unmodelled {
                        ns,
                        what: format!("a route without a device to {}", route.dst),
                    });
                };
                let next_hop = h.and_then(|h| h.gateway).unwrap_or(dst);
                Ok(OutputRoute { route: reference(hop), device, next_hop, local, share, src: None })
            })
            .collect()
    }

    /// Source address for a packet that goes this way.
    pub(crate) fn output_source(&self, ns: NsIndex, way: &OutputRoute, dst: IpAddr) -> Option<IpAddr> {
        let route = self.namespace(ns).routes.items().get(way.route.route)?;
        if way.local {
            // `ip_route_output_key_hash_rcu`: the preferred source, else the destination itself.
            return Some(match route.family {
                IpFamily::V4 => route.prefsrc.filter(|_| route.kind == RouteKind::Local).unwrap_or(dst),
                IpFamily::V6 => dst,
            });
        }
        self.source_for(ns, route, way.route.hop, dst)
    }

    pub(super) fn skip_linkdown(&self, ns: NsIndex, family: IpFamily) -> bool {
        self.ns[ns].skip_linkdown[crate::network::family_index(family)]
    }

    pub(super) fn failure(&self, ns: NsIndex, e: LookupFailure, addr: IpAddr, local: bool) -> Stop {
        match e {
            LookupFailure::NoRoute { table } => Stop::NoRoute { ns, local, table, addr },
            LookupFailure::Rule { rule } => Stop::PolicyRule { ns, rule, local },
            LookupFailure::NotRead => {
                Stop::Unmodelled { ns, what: "the routes could not be read".to_owned() }
            }
        }
    }
}

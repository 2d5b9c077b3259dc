//! What rules may ask of the namespace.

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol, Route, RouteKind, Tuple};
use smallvec::SmallVec;

use crate::env::{AddrType, Clock, FibQuery, Lookups};
use crate::network::Network;
use crate::routing::{Found, LookupFailure, RouteQuery};
use crate::state::{ChainPlace, NsIndex, World};

impl Lookups for Network<'_> {
    fn addr_type(&self, ns: NsIndex, addr: IpAddr, device: Option<u32>) -> AddrType {
        match addr {
            IpAddr::V4(a) if a.is_broadcast() || a.is_unspecified() => return AddrType::Broadcast,
            IpAddr::V4(a) if a.is_multicast() => return AddrType::Multicast,
            IpAddr::V6(a) if a.is_multicast() => return AddrType::Multicast,
            IpAddr::V6(a) if a.is_unspecified() => return AddrType::Unspec,
            _ => {}
        }
        let n = self.namespace(ns);
        let local = n
            .routes
            .items()
            .iter()
            .filter(|r| {
                // Only the local table is asked (`__inet_dev_addr_type`, `ipv6_chk_addr`).
                r.table == Route::TABLE_LOCAL
                    && r.family == IpFamily::of(addr)
                    && r.dst.contains(addr)
                    && matches!(
                        r.kind,
                        RouteKind::Local | RouteKind::Broadcast | RouteKind::Anycast | RouteKind::Multicast
                    )
                    && device.is_none_or(|d| r.next_hops.iter().any(|h| h.oif == Some(d)))
            })
            .max_by_key(|r| r.dst.len);
        match local.map(|r| r.kind) {
            Some(RouteKind::Local) => AddrType::Local,
            Some(RouteKind::Broadcast) => AddrType::Broadcast,
            Some(RouteKind::Anycast) => AddrType::Anycast,
            Some(RouteKind::Multicast) => AddrType::Multicast,
            _ => AddrType::Unicast,
        }
    }

    fn fib_device(&self, ns: NsIndex, q: &FibQuery) -> Option<u32> {
        let found = self.fib_found(ns, q).ok()?;
        let route = self.namespace(ns).routes.items().get(found.route)?;
        if route.kind != RouteKind::Unicast {
            return None;
        }
        route.next_hops.get(found.hops.first()?.0)?.oif
    }

    fn reject_type(&self, ns: NsIndex, q: &FibQuery) -> Option<AddrType> {
        let kind = match self.fib_found(ns, q) {
            Ok(found) => self.namespace(ns).routes.items().get(found.route)?.kind,
            Err(_) => RouteKind::Unreachable,
        };
        match kind {
            RouteKind::Unreachable => Some(AddrType::Unreachable),
            RouteKind::Blackhole => Some(AddrType::Blackhole),
            RouteKind::Prohibit => Some(AddrType::Prohibit),
            _ => None,
        }
    }

    fn connected(&self, ns: NsIndex, t: &Tuple, device: Option<u32>) -> Option<Option<usize>> {
        self.namespace(ns).sockets.value()?;
        Some(self.connected_socket(ns, t, device))
    }

    fn listeners(&self, ns: NsIndex, t: &Tuple, device: Option<u32>) -> Option<SmallVec<[usize; 2]>> {
        self.namespace(ns).sockets.value()?;
        Some(self.listeners_for(ns, t, device))
    }

    fn clock(&self) -> Option<Clock> {
        let minutes_west = self.snapshot.host.minutes_west;
        Some(Clock { seconds: self.snapshot.taken_at, minutes_west })
    }

    fn tuple_holder(&self, ns: NsIndex, zone: u16, t: &Tuple) -> Option<u32> {
        self.ns[ns].conntrack.find((zone, zone), t).map(|(entry, _)| entry)
    }

    fn mtu_towards(&self, ns: NsIndex, addr: IpAddr, device: Option<u32>, world: &World) -> Option<u32> {
        let packet = crate::session::blank(IpFamily::of(addr).unspecified(), addr, Protocol::TCP, 64);
        let ways = self.route_output(ns, &packet, None).ok()?;
        let way = ways.iter().find(|w| device.is_none_or(|d| w.device == d)).or(ways.first())?;
        Some(self.path_mtu(ns, way, addr, world).value)
    }

    fn masquerade_source(
        &self,
        ns: NsIndex,
        device: u32,
        dst: IpAddr,
        next_hop: Option<IpAddr>,
    ) -> Option<IpAddr> {
        self.masquerade_addr(ns, device, dst, next_hop)
    }

    fn redirect_target(&self, ns: NsIndex, family: IpFamily, device: u32) -> Option<IpAddr> {
        Network::redirect_target(self, ns, family, device)
    }
}

impl Network<'_> {
    fn fib_found(&self, ns: NsIndex, q: &FibQuery) -> Result<Found, LookupFailure> {
        let iif = q.iif.map_or("lo".into(), |i| self.device_word(ns, i));
        let query = RouteQuery {
            dst: q.dst,
            src: q.src,
            iif: &iif,
            oif: q.oif,
            mark: q.mark,
            tos: q.tos,
            uid: 0,
            protocol: None,
            sport: 0,
            dport: 0,
            skip_linkdown: false,
        };
        self.ns[ns].fib.lookup(self.namespace(ns), &query)
    }

    /// Device that the route to an address leads to, as a packet of this namespace would take it.
    #[must_use]
    pub fn device_towards(&self, ns: NsIndex, addr: IpAddr) -> Option<u32> {
        let query = FibQuery { dst: addr, src: None, mark: 0, iif: None, oif: None, tos: 0 };
        self.fib_device(ns, &query)
    }

    /// Names of a chain's table and of the chain.
    #[must_use]
    pub fn chain_name(&self, place: ChainPlace) -> (String, String) {
        let table = self.namespace(place.ns).rule_table(place.table);
        let chain = table.and_then(|t| t.chains.get(place.chain as usize));
        (
            table.map_or_else(String::new, |t| t.name.clone()),
            chain.map_or_else(String::new, |c| c.name.clone()),
        )
    }
}

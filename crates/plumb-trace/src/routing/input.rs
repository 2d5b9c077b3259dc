//! The route of a packet that came in (`ip_route_input_slow`, `fib_validate_source`; `ip6_route_input`).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol, RouteKind};
use smallvec::SmallVec;

use super::fib::RouteQuery;
use super::output::OutputRoute;
use crate::device::Effective;
use crate::event::{Discard, Stop};
use crate::network::Network;
use crate::packet::Packet;
use crate::state::NsIndex;

/// What becomes of a packet that came in.
#[derive(Clone, Debug)]
pub(crate) enum InputRoute {
    /// It is for this machine.
    Local(OutputRoute),
    /// It goes on.
    Forward(SmallVec<[OutputRoute; 1]>),
}

impl Network<'_> {
    /// Looks up where a packet that came in by `device` goes.
    pub(crate) fn route_input(&self, ns: NsIndex, p: &Packet, device: u32) -> Result<InputRoute, Stop> {
        match p.family {
            IpFamily::V4 => self.route_input4(ns, p, device),
            IpFamily::V6 => self.route_input6(ns, p, device),
        }
    }

    fn input_query<'a>(&self, ns: NsIndex, p: &Packet, iif: &'a str) -> RouteQuery<'a> {
        RouteQuery {
            dst: p.dst,
            src: Some(p.src),
            iif,
            oif: None,
            mark: p.mark,
            tos: p.tos,
            uid: 0,
            protocol: Some(p.protocol),
            sport: p.sport,
            dport: p.dport,
            skip_linkdown: self.skip_linkdown(ns, p.family),
        }
    }

    fn route_input4(&self, ns: NsIndex, p: &Packet, device: u32) -> Result<InputRoute, Stop> {
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (p.src, p.dst) else {
            return Err(Stop::Unmodelled { ns, what: "an IPv4 packet with IPv6 addresses".to_owned() });
        };
        let n = self.namespace(ns);
        let martian = |addr, source| Stop::Martian { ns, device, addr, source };
        let settings = self.settings(ns, device);
        // Of 0.0.0.0/8 only 0.0.0.0 itself (`ipv4_is_zeronet` since Linux 5.3).
        if src.is_multicast() || src.is_broadcast() || src.is_unspecified() {
            return Err(martian(p.src, true));
        }
        if dst.is_unspecified() {
            return Err(martian(p.dst, false));
        }
        let on_loopback = self.link(ns, device).is_some_and(plumb_model::Link::is_loopback);
        if (dst.is_loopback() || src.is_loopback()) && settings.route_localnet.value == 0 && !on_loopback {
            return Err(sysctl(ns, &settings.route_localnet, "1", Discard::Loopback));
        }
        let name = self.device_word(ns, device);
        let query = self.input_query(ns, p, &name);
        let found = match self.ns[ns].fib.lookup(n, &query) {
            Ok(found) => found,
            Err(e) => {
                // Without forwarding nobody is told (`ip_error`).
                if settings.forwarding4.value == 0 {
                    return Err(sysctl(ns, &settings.forwarding4, "1", Discard::NotForwarding));
                }
                return Err(self.failure(ns, e, p.dst, false));
            }
        };
        let kind = n.routes.items().get(found.route).map(|r| r.kind);
        match kind {
            Some(RouteKind::Local) => {
                self.validate_source(ns, p, device, None, settings)?;
                let ways = self.output_routes(ns, &found, p.dst, false)?;
                match ways.into_iter().next() {
                    Some(way) => Ok(InputRoute::Local(way)),
                    None => Err(Stop::Unmodelled { ns, what: "a local route without a device".to_owned() }),
                }
            }
            // It is delivered, finds no connection, and `tcp_v4_send_reset` answers no broadcast.
            Some(RouteKind::Broadcast | RouteKind::Multicast) if p.protocol == Protocol::TCP => {
                Err(martian(p.dst, false))
            }
            Some(RouteKind::Broadcast | RouteKind::Multicast) => Err(Stop::Unmodelled {
                ns,
                what: format!("delivery to the broadcast or multicast address {dst}"),
            }),
            _ => {
                if settings.forwarding4.value == 0 {
                    return Err(sysctl(ns, &settings.forwarding4, "1", Discard::NotForwarding));
                }
                let ways = self.output_routes(ns, &found, p.dst, false)?;
                if let Some(way) = ways.first() {
                    self.validate_source(ns, p, device, Some(way.device), settings)?;
                }
                Ok(InputRoute::Forward(ways))
            }
        }
    }

    /// `fib_validate_source`: is the source one that may come in here?
    fn validate_source(
        &self,
        ns: NsIndex,
        p: &Packet,
        device: u32,
        oif: Option<u32>,
        settings: &crate::device::DeviceSettings,
    ) -> Result<(), Stop> {
        let n = self.namespace(ns);
        let rpf = settings.rp_filter.value;
        let accept_local = settings.accept_local.value != 0;
        let custom = self.ns[ns].fib.has_custom_rules(IpFamily::V4);
        let redirects = settings.send_redirects.value != 0;
        if rpf == 0 && (oif != Some(device) || !redirects) {
            if accept_local {
                return Ok(());
            }
            if !custom {
                if self.is_own_address(ns, p.src) {
                    return Err(sysctl(ns, &settings.accept_local, "1", Discard::OwnSource));
                }
                return Ok(());
            }
        }
        let iif = oif.map_or("lo".into(), |o| self.device_word(ns, o));
        let query = RouteQuery {
            dst: p.src,
            src: Some(p.dst),
            iif: &iif,
            oif: None,
            mark: if settings.src_valid_mark.value != 0 { p.mark } else { 0 },
            tos: p.tos,
            uid: 0,
            protocol: Some(p.protocol),
            sport: p.dport,
            dport: p.sport,
            skip_linkdown: false,
        };
        let reverse_path = || Err(sysctl(ns, &settings.rp_filter, "0", Discard::ReversePath));
        let fib = &self.ns[ns].fib;
        let routes = n.routes.items();
        let Ok(found) = fib.lookup(n, &query) else {
            return if rpf != 0 { reverse_path() } else { Ok(()) };
        };
        let Some(route) = routes.get(found.route) else { return Ok(()) };
        match route.kind {
            RouteKind::Unicast => {}
            RouteKind::Local if accept_local => {}
            RouteKind::Local => return Err(sysctl(ns, &settings.accept_local, "1", Discard::OwnSource)),
            RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => {
                // The look-up fails with the route's error.
                return if rpf != 0 { reverse_path() } else { Ok(()) };
            }
            _ => return Err(Stop::Martian { ns, device, addr: p.src, source: true }),
        }
        let by_device = route.next_hops.iter().any(|h| h.oif == Some(device))
            || (route.kind == RouteKind::Local
                && self.link(ns, device).is_some_and(plumb_model::Link::is_loopback));
        if by_device {
            return Ok(());
        }
        let no_address = !self
            .namespace(ns)
            .addresses
            .items()
            .iter()
            .any(|a| a.index == device && a.prefix.addr.is_ipv4());
        if no_address {
            return if rpf != 0 { reverse_path() } else { Ok(()) };
        }
        if rpf == 1 {
            return reverse_path();
        }
        // Loose (2): a unicast route by any device is enough.
        Ok(())
    }

    fn is_own_address(&self, ns: NsIndex, addr: IpAddr) -> bool {
        self.ns[ns].local.contains_key(&addr)
    }

    fn route_input6(&self, ns: NsIndex, p: &Packet, device: u32) -> Result<InputRoute, Stop> {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (p.src, p.dst) else {
            return Err(Stop::Unmodelled { ns, what: "an IPv6 packet with IPv4 addresses".to_owned() });
        };
        let n = self.namespace(ns);
        let settings = self.settings(ns, device);
        if settings.disable_ipv6.value != 0 {
            return Err(sysctl(ns, &settings.disable_ipv6, "0", Discard::Ipv6Disabled));
        }
        let martian = |addr, source| Stop::Martian { ns, device, addr, source };
        let on_loopback = self.link(ns, device).is_some_and(plumb_model::Link::is_loopback);
        if src.is_multicast() || (src.is_loopback() && !on_loopback) {
            return Err(martian(p.src, true));
        }
        if (dst.is_loopback() && !on_loopback) || dst.is_unspecified() {
            return Err(martian(p.dst, false));
        }
        let name = self.device_word(ns, device);
        let query = self.input_query(ns, p, &name);
        // A link-local destination is looked up on the device that the packet came in by.
        let query = RouteQuery { oif: dst.is_unicast_link_local().then_some(device), ..query };
        let found = match self.ns[ns].fib.lookup(n, &query) {
            Err(_) if dst.is_unicast_link_local() && self.ns[ns].local.contains_key(&p.dst) => {
                self.ns[ns].fib.lookup(n, &RouteQuery { oif: None, ..query })
            }
            r => r,
        }
        .map_err(|e| self.failure(ns, e, p.dst, false))?;
        let ways = self.output_routes(ns, &found, p.dst, false)?;
        if let Some(way) = ways.iter().find(|w| w.local) {
            return Ok(InputRoute::Local(way.clone()));
        }
        let forced = settings.forwarding6.value != 0;
        if !forced {
            return Err(sysctl(ns, &settings.forwarding6, "1", Discard::NotForwarding));
        }
        Ok(InputRoute::Forward(ways))
    }
}

pub(crate) fn sysctl(ns: NsIndex, e: &Effective, right: &str, because: Discard) -> Stop {
    Stop::Sysctl { ns, name: e.name.clone(), value: e.text.clone(), right: right.to_owned(), because }
}

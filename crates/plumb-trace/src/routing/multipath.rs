//! Between next hops, with regard to the packet's source (net/ipv4/fib_semantics.c: `fib_select_multipath`).

use std::net::IpAddr;

use plumb_model::{IpFamily, Route};
use smallvec::SmallVec;

use super::fib::Hops;
use super::output::OutputRoute;
use crate::event::Stop;
use crate::network::Network;
use crate::packet::Packet;
use crate::share::Share;
use crate::state::NsIndex;

/// The first release whose IPv4 prefers next hops that lead out by the source's device.
const SINCE: (u32, u32) = (6, 16);

/// Whether a kernel of this release (`uname -r`) prefers next hops by the source; one that cannot be read does.
pub(crate) fn prefers_source(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) >= SINCE,
        _ => true,
    }
}

/// The ways of a flow, with the parts of its mass that have none.
pub(crate) struct Ways {
    pub(crate) open: SmallVec<[OutputRoute; 1]>,
    pub(crate) closed: SmallVec<[(Share, Stop); 1]>,
}

impl Network<'_> {
    /// Leaves the hops on whose devices a packet with this source would have got it, if there are any. A hop takes the
    /// hashes up to its own bound, so each of these takes those of the hops before it that do not count, and the first
    /// also those behind the last. Nexthop objects choose without regard to the source.
    pub(super) fn prefer_source(&self, ns: NsIndex, route: &Route, hops: &mut Hops, src: IpAddr) {
        if !self.prefers_source || route.nexthop_id.is_some() || !src.is_ipv4() {
            return;
        }
        // `fib_info_update_nhc_saddr`
        let own = |hop: usize| {
            let hop = route.next_hops.get(hop)?;
            self.select_source4(ns, hop.oif?, hop.gateway.filter(IpAddr::is_ipv4), route.scope)
        };
        let mut preferred = Hops::new();
        let mut passed = Share::ZERO;
        for (hop, share) in hops.iter() {
            passed = passed + *share;
            if own(*hop) == Some(src) {
                preferred.push((*hop, std::mem::replace(&mut passed, Share::ZERO)));
            }
        }
        if let Some((_, share)) = preferred.first_mut() {
            *share = *share + passed;
            *hops = preferred;
        }
    }

    /// The ways of a socket that connects. Without an address, IPv4 looks its route up twice (`ip_route_connect`): once
    /// to learn the address, and with that once more, so that policy rules for the address and the choice between next
    /// hops see it.
    pub(crate) fn route_connect(&self, ns: NsIndex, p: &Packet, oif: Option<u32>) -> Result<Ways, Stop> {
        let first = self.route_output(ns, p, oif)?;
        let once = first.len() == 1 && !self.ns[ns].fib.has_custom_rules(IpFamily::V4);
        if once || !p.src.is_unspecified() || !p.dst.is_ipv4() {
            return Ok(Ways { open: first, closed: SmallVec::new() });
        }
        let mut ways = Ways { open: SmallVec::new(), closed: SmallVec::new() };
        for way in first {
            let Some(src) = self.output_source(ns, &way, p.dst) else {
                ways.open.push(way);
                continue;
            };
            match self.route_output(ns, &Packet { src, ..p.clone() }, oif) {
                Ok(again) => {
                    for mut next in again {
                        next.share = next.share * way.share;
                        next.src = Some(src);
                        match ways.open.iter_mut().find(|w| w.route == next.route && w.src == next.src) {
                            Some(w) => w.share = w.share + next.share,
                            None => ways.open.push(next),
                        }
                    }
                }
                Err(stop) => ways.closed.push((way.share, stop)),
            }
        }
        Ok(ways)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use plumb_model::{
        Address, Host, Link, Namespace, NamespaceId, NextHop, Protocol, Read, RouteKind, Snapshot,
    };

    use super::*;
    use crate::session::blank;

    #[test]
    fn releases() {
        assert!(prefers_source("6.18.44-amd64"));
        assert!(prefers_source("6.16.0-rc1"));
        assert!(prefers_source("7.0"));
        assert!(!prefers_source("6.1.0-31-amd64"));
        assert!(!prefers_source("5.15.167.4-microsoft-standard-WSL2"));
        assert!(prefers_source(""));
    }

    fn ip(a: &str) -> IpAddr {
        a.parse().unwrap()
    }

    /// Three devices with 10.66.N.2/24, and a route by four gateways: 10.66.1.1, 2.1, 1.3, 3.1 with weights 1, 3, 1, 1.
    fn snapshot(kernel: &str) -> Snapshot {
        let mut n = Namespace::empty(NamespaceId(1), "test");
        let link = |index| Link { index, name: format!("v{index}"), ..Default::default() };
        n.links = Read::Got((1..=3).map(link).collect());
        let address = |index| Address {
            index,
            prefix: format!("10.66.{index}.2/24").parse().unwrap(),
            peer: None,
            scope: 0,
            flags: 0,
            label: None,
            broadcast: None,
            preferred: true,
        };
        n.addresses = Read::Got((1..=3).map(address).collect());
        let hop =
            |gateway, oif, weight| NextHop { gateway: Some(ip(gateway)), oif: Some(oif), weight, flags: 0 };
        let next_hops = vec![
            hop("10.66.1.1", 1, 1),
            hop("10.66.2.1", 2, 3),
            hop("10.66.1.3", 1, 1),
            hop("10.66.3.1", 3, 1),
        ];
        n.routes = Read::Got(vec![Route {
            family: IpFamily::V4,
            table: Route::TABLE_MAIN,
            kind: RouteKind::Unicast,
            dst: "10.99.0.0/16".parse().unwrap(),
            next_hops,
            src: None,
            tos: 0,
            priority: 0,
            protocol: 3,
            scope: 0,
            prefsrc: None,
            nexthop_id: None,
            flags: 0,
            pref: 0,
            metrics: Default::default(),
            unknown_attributes: Vec::new(),
        }]);
        let host = Host { kernel: kernel.into(), ..Host::default() };
        Snapshot {
            version: Snapshot::VERSION,
            taken_at: 0,
            host,
            namespaces: vec![n],
            gaps: Vec::new(),
            redacted: false,
        }
    }

    /// Shares of the four hops in sixths.
    fn sixths(ways: &[OutputRoute]) -> Vec<(usize, Share)> {
        ways.iter().map(|w| (w.route.hop, w.share * Share::new(6, 1))).collect()
    }

    fn of(list: &[(usize, u128, u128)]) -> Vec<(usize, Share)> {
        list.iter().map(|(hop, num, den)| (*hop, Share::new(*num, *den))).collect()
    }

    /// As counted on Linux 6.18 with real packets.
    #[test]
    fn hops_of_the_source_share_all_of_the_mass() {
        let snapshot = snapshot("6.18.44");
        let net = Network::compile(&snapshot);
        let ways = |src| {
            let p = blank(ip(src), ip("10.99.1.1"), Protocol::UDP, 64);
            sixths(&net.route_output(0, &p, None).unwrap())
        };
        assert_eq!(ways("10.66.1.2"), of(&[(0, 2, 1), (2, 4, 1)]));
        assert_eq!(ways("10.66.3.2"), of(&[(3, 6, 1)]));
        assert_eq!(ways("10.66.9.9"), of(&[(0, 1, 1), (1, 3, 1), (2, 1, 1), (3, 1, 1)]));
        let unbound = blank(ip("0.0.0.0"), ip("10.99.1.1"), Protocol::UDP, 64);
        let connected = net.route_connect(0, &unbound, None).unwrap();
        assert_eq!(sixths(&connected.open), of(&[(0, 2, 3), (2, 4, 3), (1, 3, 1), (3, 1, 1)]));
    }

    #[test]
    fn older_kernels_do_not_ask_for_the_source() {
        let snapshot = snapshot("6.12.9");
        let net = Network::compile(&snapshot);
        let p = blank(ip("10.66.1.2"), ip("10.99.1.1"), Protocol::UDP, 64);
        let ways = net.route_output(0, &p, None).unwrap();
        assert_eq!(sixths(&ways), of(&[(0, 1, 1), (1, 3, 1), (2, 1, 1), (3, 1, 1)]));
    }
}

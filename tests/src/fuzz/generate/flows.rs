//! Flows.

use std::net::IpAddr;

use super::super::case::{Flow, Place, Transport};
use super::super::rng::Rng;
use super::super::ruleset::Ruleset;
use super::words::{address, port, server};

/// Some flows; more in families that the rulesets are about.
pub(super) fn flows(rng: &mut Rng, rulesets: &[(Place, Ruleset)]) -> Vec<Flow> {
    let of = |f: &str| rulesets.iter().flat_map(|(_, r)| &r.0).any(|t| t.family == f);
    let (v4, v6) = (of("ip") || of("inet"), of("ip6") || of("inet"));
    let mut ports: Vec<u16> = Vec::new();
    (0..rng.between(3, 7))
        .map(|_| {
            let v4 = if v4 && v6 { rng.percent(60) } else { v4 };
            let source_port = loop {
                let p = u16::try_from(rng.between(20_000, 60_000)).unwrap_or(20_000);
                if !ports.contains(&p) {
                    break p;
                }
            };
            ports.push(source_port);
            one(rng, v4, source_port)
        })
        .collect()
}

fn one(rng: &mut Rng, v4: bool, source_port: u16) -> Flow {
    let from = *rng.pick(&[
        Place::Client,
        Place::Client,
        Place::Client,
        Place::Client,
        Place::Client,
        Place::Router,
        Place::Server,
    ]);
    let transport = *rng.pick(&[
        Transport::Udp,
        Transport::Udp,
        Transport::Udp,
        Transport::Tcp,
        Transport::Tcp,
        Transport::Icmp,
    ]);
    let to = if rng.percent(60) { server(rng, v4) } else { address(rng, v4) };
    let packets = if transport == Transport::Tcp { 1 } else { *rng.pick(&[1, 1, 2, 3]) };
    let to = to.parse().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    Flow { from, transport, to, port: port(rng), source_port, packets }
}

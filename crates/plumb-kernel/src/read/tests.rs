//! Messages that a kernel sent, and messages that none would send.
#![allow(clippy::unwrap_used)]

use plumb_model::{Link, NeighbourState, PolicyAction};
use proptest::prelude::*;

use super::{address, link, neighbour, nexthop, route, rule, statistics, traffic_control};

/// Type and payload; `28f` is an entry of a forwarding database.
fn recorded() -> Vec<(&'static str, Vec<u8>)> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    include_str!("../../testdata/messages.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split_once(' ').unwrap())
        .map(|(kind, hex)| (kind, hex.as_bytes().chunks(2).map(byte).collect()))
        .collect()
}

fn of(kind: &str) -> Vec<Vec<u8>> {
    recorded().into_iter().filter(|(k, _)| *k == kind).map(|(_, bytes)| bytes).collect()
}

#[test]
fn recorded_links() {
    let links: Vec<Link> = of("16").iter().map(|m| link::parse(m).unwrap()).collect();
    let find = |name: &str| links.iter().find(|l| l.name == name).unwrap();
    assert!(links.iter().all(|l| l.unknown_attributes.is_empty()));
    let unnamed = |l: &&Link| l.settings.keys().any(|k| k.starts_with("attribute-"));
    assert_eq!(links.iter().find(unnamed), None);
    let bridge = find("br0").bridge.as_ref().unwrap();
    assert_eq!((bridge.ageing_time, bridge.forward_delay, bridge.multicast_snooping), (30_000, 1500, true));
    let v0 = find("v0");
    let port = v0.port.as_ref().unwrap();
    assert!(port.hairpin && !port.flood && port.learning && port.state == 3);
    assert_eq!((v0.kind.as_str(), v0.link, v0.link_netnsid), ("veth", Some(2), Some(0)));
    let vxlan = &find("vx0").settings;
    assert_eq!((vxlan["id"].as_str(), vxlan["dstport"].as_str()), ("42", "8472"));
    assert_eq!((vxlan["local"].as_str(), vxlan["learning"].as_str()), ("10.1.0.1", "false"));
}

#[test]
fn recorded_routes_and_rules() {
    let routes: Vec<_> = of("24").iter().filter_map(|m| route::parse(m).unwrap()).collect();
    let find = |dst: &str| routes.iter().find(|r| r.dst.to_string() == dst).unwrap();
    assert!(routes.iter().all(|r| r.unknown_attributes.is_empty()));
    assert_eq!((find("10.9.0.0/16").table, find("10.9.0.0/16").metrics[&2]), (77, 1400));
    let weights: Vec<_> = find("fd09::/32").next_hops.iter().map(|h| h.weight).collect();
    assert_eq!(weights, [3, 1]);
    assert_eq!(find("10.8.0.0/16").next_hops[0].gateway, Some("fd01::7".parse().unwrap()));
    let rules: Vec<_> = of("32").iter().filter_map(|m| rule::parse(m).unwrap()).collect();
    let find = |priority| rules.iter().find(|r| r.priority == priority).unwrap();
    assert_eq!((find(100).fwmark, find(100).ip_proto), (Some((4, 0xff)), Some(6)));
    assert_eq!((find(200).uid_range, find(200).suppress_prefixlen), (Some((5, 9)), Some(0)));
    assert_eq!((find(300).invert, find(300).action), (true, PolicyAction::Prohibit));
}

#[test]
fn recorded_addresses_and_neighbours() {
    let addresses: Vec<_> = of("20").iter().filter_map(|m| address::parse(m).unwrap()).collect();
    let peer = addresses.iter().find(|a| a.prefix.to_string() == "10.2.0.1/32").unwrap();
    assert_eq!(peer.peer, Some("10.2.0.2".parse().unwrap()));
    let neighbours: Vec<_> = of("28").iter().filter_map(|m| neighbour::parse(m).unwrap()).collect();
    let known = neighbours.iter().find(|n| n.addr.to_string() == "10.1.0.5").unwrap();
    assert_eq!(known.state, NeighbourState::PERMANENT);
    assert!(neighbours.iter().any(|n| n.flags & plumb_model::Neighbour::PROXY != 0));
    let fdb: Vec<_> = of("28f").iter().filter_map(|m| neighbour::parse_fdb(m).unwrap()).collect();
    let far = fdb.iter().find(|e| e.lladdr.to_string() == "02:00:00:00:00:66").unwrap();
    assert_eq!((far.dst, far.master), (Some("10.1.0.66".parse().unwrap()), None));
    let fixed = fdb.iter().find(|e| e.lladdr.to_string() == "02:00:00:00:00:67").unwrap();
    assert_eq!((fixed.state, fixed.master), (NeighbourState::NOARP, Some(2)));
    let qdiscs: Vec<_> = of("36").iter().map(|m| traffic_control::parse_qdisc(m).unwrap()).collect();
    let tbf = qdiscs.iter().find(|q| q.kind == "tbf").unwrap();
    assert!(tbf.rate.is_some_and(|r| r > 0) && tbf.limit.is_some_and(|l| l > 0), "{tbf:?}");
    assert!(qdiscs.iter().any(|q| q.kind == "clsact"));
}

fn parse_all(bytes: &[u8]) {
    let _ = link::parse(bytes);
    let _ = link::parse_vlans(bytes);
    let _ = address::parse(bytes);
    let _ = route::parse(bytes);
    let _ = rule::parse(bytes);
    let _ = neighbour::parse(bytes);
    let _ = neighbour::parse_fdb(bytes);
    let _ = nexthop::parse(bytes);
    let _ = traffic_control::parse_qdisc(bytes);
    let _ = traffic_control::parse_filter(bytes, 0);
    let _ = statistics::parse_table(bytes);
    let _ = statistics::parse_conntrack(bytes);
    for message in crate::netlink::Messages::new(bytes).flatten() {
        let _ = message.reply();
    }
}

#[test]
fn cut_messages_are_errors() {
    for (_, message) in recorded() {
        for cut in 0..message.len() {
            parse_all(&message[..cut]);
        }
    }
}

proptest! {
    #[test]
    fn damaged_messages_never_panic(n in 0usize..1000, at in 0usize..2000, byte in any::<u8>()) {
        let all = recorded();
        let mut message = all[n % all.len()].1.clone();
        let at = at % message.len();
        message[at] = byte;
        parse_all(&message);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        parse_all(&bytes);
    }
}

use plumb_model::{Neighbour, NeighbourState, PolicyAction, PolicyRule};

use super::*;

fn routes<'a>(s: &'a mut Snapshot, name: &str) -> &'a mut Vec<Route> {
    ns(s, name).routes.value_mut().unwrap()
}

fn mark_rule() -> PolicyRule {
    let main = PolicyRule::defaults().into_iter().find(|r| r.family == IpFamily::V4).unwrap();
    PolicyRule { priority: 100, action: PolicyAction::ToTable(77), fwmark: Some((1, 1)), ..main }
}

/// `pod1` and `pod2` forward, and have each other as next hop for 10.9.0.0/24.
fn looped() -> Snapshot {
    let mut s = bridged();
    for (name, gateway) in [("pod1", "10.0.8.3"), ("pod2", "10.0.8.2")] {
        sysctl(ns(&mut s, name), "net.ipv4.ip_forward", "1");
        sysctl(ns(&mut s, name), "net.ipv4.conf.eth0.forwarding", "1");
        routes(&mut s, name).push(route("10.9.0.0/24", Some(gateway), ETH0));
    }
    s
}

#[test]
fn two_routers_point_at_each_other() {
    let mut s = looped();
    finds(&s, "routing-loop", "pod1", true);
    // Policy rules may choose another table.
    ns(&mut s, "pod2").rules = Read::Got(vec![mark_rule()]);
    is_silent(&s);
    // One of them does not forward; one knows better.
    let mut s = looped();
    sysctl(ns(&mut s, "pod2"), "net.ipv4.ip_forward", "0");
    is_silent(&s);
    let mut s = looped();
    routes(&mut s, "pod2").push(Route { priority: 10, ..route("10.9.0.0/24", Some("10.0.8.2"), ETH0) });
    routes(&mut s, "pod2").retain(|r| r.dst != prefix("10.9.0.0/24") || r.priority == 10);
    routes(&mut s, "pod2").push(route("10.9.0.0/24", Some("10.0.8.4"), ETH0));
    is_silent(&s);
}

#[test]
fn an_aggregate_and_a_default_route_are_no_loop() {
    let mut s = looped();
    routes(&mut s, "pod2").pop();
    routes(&mut s, "pod2").retain(|r| r.dst.len != 0);
    routes(&mut s, "pod2").push(route("0.0.0.0/0", Some("10.0.8.2"), ETH0));
    is_silent(&s);
}

#[test]
fn a_way_back_that_leads_elsewhere() {
    let mut s = bridged();
    let node = ns(&mut s, "node");
    sysctl(node, "net.ipv4.conf.br0.rp_filter", "1");
    node.links.value_mut().unwrap().push(link(9, "eth1", ""));
    is_silent(&s);
    routes(&mut s, "node").push(route("10.0.8.3/32", None, 9));
    finds(&s, "rp-filter-asymmetric", "node", true);
    // Loose, by the larger of both; routes of another table.
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.all.rp_filter", "2");
    is_silent(&s);
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.all.rp_filter", "0");
    ns(&mut s, "node").rules = Read::Got(vec![mark_rule()]);
    is_silent(&s);
}

#[test]
fn two_devices_on_one_segment_are_not_asymmetric() {
    let mut s = bridged();
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.br0.rp_filter", "1");
    routes(&mut s, "node").push(route("10.0.8.3/32", None, BRIDGE + 1));
    assert!(told(&s).iter().all(|(id, ..)| id != "rp-filter-asymmetric"));
}

#[test]
fn a_next_hop_that_is_dead() {
    let mut s = bridged();
    let mut both = route("10.9.0.0/24", Some("10.0.8.2"), BRIDGE);
    both.next_hops.push(NextHop { gateway: Some(ip("10.0.8.9")), ..both.next_hops[0].clone() });
    routes(&mut s, "node").push(both.clone());
    is_silent(&s);
    let failed = Neighbour {
        index: BRIDGE,
        addr: ip("10.0.8.9"),
        lladdr: None,
        state: NeighbourState::FAILED,
        flags: 0,
    };
    ns(&mut s, "node").neighbours = Read::Got(vec![failed]);
    finds(&s, "multipath-dead-hop", "node", true);
    // The kernel leaves it out.
    sysctl(ns(&mut s, "node"), "net.ipv4.fib_multipath_use_neigh", "1");
    is_silent(&s);
    both.next_hops[1].flags = NextHop::LINKDOWN;
    *routes(&mut s, "node").last_mut().unwrap() = both.clone();
    finds(&s, "multipath-dead-hop", "node", true);
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.br0.ignore_routes_with_linkdown", "1");
    is_silent(&s);
    both.next_hops[1].flags = NextHop::LINKDOWN | NextHop::DEAD;
    *routes(&mut s, "node").last_mut().unwrap() = both;
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.br0.ignore_routes_with_linkdown", "0");
    is_silent(&s);
}

#[test]
fn one_device_does_not_forward() {
    let mut s = bridged();
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.br0.forwarding", "0");
    finds(&s, "forwarding-off", "node", true);
    // Nobody has it as a router; it is no router at all.
    for pod in ["pod1", "pod2", "pod3"] {
        routes(&mut s, pod).pop();
    }
    is_silent(&s);
    routes(&mut s, "pod1").push(route("0.0.0.0/0", Some("10.0.8.1"), ETH0));
    sysctl(ns(&mut s, "node"), "net.ipv4.ip_forward", "0");
    is_silent(&s);
}

#[test]
fn advertisements_that_nobody_takes() {
    let mut s = bridged();
    let pod = ns(&mut s, "pod1");
    sysctl(pod, "net.ipv6.conf.eth0.forwarding", "1");
    sysctl(pod, "net.ipv6.conf.eth0.accept_ra", "1");
    // Addresses that somebody gave it by hand.
    is_silent(&s);
    ns(&mut s, "pod1").addresses.value_mut().unwrap()[1].flags = 0;
    finds(&s, "advertisements-ignored", "pod1", true);
    routes(&mut s, "pod1").push(route("::/0", Some("fd08::1"), ETH0));
    is_silent(&s);
}

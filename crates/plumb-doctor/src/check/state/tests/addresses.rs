use plumb_model::{Neighbour, NeighbourState};

use super::*;

fn neighbour(index: u32, addr: &str, state: NeighbourState) -> Neighbour {
    Neighbour { index, addr: ip(addr), lladdr: Some(Mac([2, 9, 9, 9, 9, 9])), state, flags: 0 }
}

#[test]
fn one_address_for_two() {
    let mut s = bridged();
    ns(&mut s, "pod2").addresses.value_mut().unwrap()[0] = address(ETH0, "10.0.8.2/24");
    finds(&s, "duplicate-address", "pod2", true);
    // Who serves is the owner.
    ns(&mut s, "pod1").sockets = Read::Got(Vec::new());
    finds(&s, "duplicate-address", "pod1", true);
    // On another segment.
    let v2 = device(&mut s, "node", "v2");
    (v2.master, v2.port) = (None, None);
    ns(&mut s, "node").routes.value_mut().unwrap().push(route("10.0.8.2/32", None, BRIDGE + 2));
    is_silent(&s);
}

#[test]
fn a_gateway_that_is_everywhere() {
    let mut s = bridged();
    ns(&mut s, "pod2").addresses = Read::Got(vec![address(ETH0, "10.0.8.2/24")]);
    ns(&mut s, "pod2").links.value_mut().unwrap()[0].mac = device(&mut s, "pod1", "eth0").mac;
    assert!(told(&s).iter().all(|(id, ..)| id != "duplicate-address"));
}

#[test]
fn detection_found_another_owner() {
    let mut s = bridged();
    let a = &mut ns(&mut s, "pod2").addresses.value_mut().unwrap()[1];
    a.flags |= Address::TENTATIVE;
    is_silent(&s);
    ns(&mut s, "pod2").addresses.value_mut().unwrap()[1].flags |= Address::DADFAILED;
    finds(&s, "address-dad-failed", "pod2", false);
}

#[test]
fn a_prefix_that_is_too_narrow() {
    let mut s = bridged();
    ns(&mut s, "pod2").addresses.value_mut().unwrap()[0] = address(ETH0, "10.0.8.3/31");
    finds(&s, "prefix-too-narrow", "pod2", true);
    // A host address is meant; so is a prefix that covers everybody.
    for meant in ["10.0.8.3/32", "10.0.8.3/29"] {
        ns(&mut s, "pod2").addresses.value_mut().unwrap()[0] = address(ETH0, meant);
        is_silent(&s);
    }
}

#[test]
fn a_prefix_that_is_too_wide() {
    let mut s = bridged();
    ns(&mut s, "pod2").addresses.value_mut().unwrap()[0] = address(ETH0, "10.0.8.3/16");
    // Nobody is known whom it would take for a neighbour.
    is_silent(&s);
    let mut eth1 = link(9, "eth1", "");
    eth1.carrier = Some(true);
    ns(&mut s, "node").links.value_mut().unwrap().push(eth1);
    ns(&mut s, "node").addresses.value_mut().unwrap().push(address(9, "10.0.9.1/24"));
    finds(&s, "prefix-too-wide", "pod2", true);
    // Somebody answers for others.
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.br0.proxy_arp", "1");
    is_silent(&s);
}

#[test]
fn ipv6_is_off_on_one() {
    let mut s = bridged();
    let pod = ns(&mut s, "pod2");
    pod.addresses.value_mut().unwrap().pop();
    sysctl(pod, "net.ipv6.conf.eth0.disable_ipv6", "1");
    finds(&s, "ipv6-disabled", "pod2", true);
    // Nobody there has IPv6.
    for name in ["node", "pod1", "pod3"] {
        ns(&mut s, name).addresses.value_mut().unwrap().pop();
    }
    is_silent(&s);
}

#[test]
fn an_entry_that_leads_to_nobody() {
    let mut s = bridged();
    let entry = neighbour(ETH0, "10.0.8.1", NeighbourState::PERMANENT);
    ns(&mut s, "pod1").neighbours = Read::Got(vec![entry.clone()]);
    finds(&s, "neighbour-wrong", "pod1", true);
    // Learnt entries mend themselves; a virtual router's address is on another device of the owner.
    let learnt = Neighbour { state: NeighbourState::STALE, ..entry.clone() };
    ns(&mut s, "pod1").neighbours = Read::Got(vec![learnt]);
    is_silent(&s);
    ns(&mut s, "pod1").neighbours = Read::Got(vec![entry.clone()]);
    let mut vrrp = link(9, "vrrp0", "macvlan");
    vrrp.mac = entry.lladdr;
    ns(&mut s, "node").links.value_mut().unwrap().push(vrrp);
    is_silent(&s);
    // The network between nodes: nobody knows the hardware addresses there.
    let mut s = bridged();
    ns(&mut s, "pod1").neighbours = Read::Got(vec![entry]);
    let node = ns(&mut s, "node");
    let former = std::mem::replace(&mut node.id, NamespaceId(0));
    node.name = plumb_model::UNDERLAY.to_owned();
    for pod in ["pod1", "pod2", "pod3"] {
        let peer = device(&mut s, pod, "eth0").peer.as_mut().unwrap();
        assert_eq!(std::mem::replace(&mut peer.namespace, NamespaceId(0)), former);
    }
    is_silent(&s);
}

#[test]
fn an_owner_that_never_answers() {
    let mut s = bridged();
    sysctl(ns(&mut s, "pod1"), "net.ipv4.conf.eth0.arp_ignore", "8");
    // Nobody asked.
    is_silent(&s);
    let failed = neighbour(ETH0, "10.0.8.2", NeighbourState::FAILED);
    ns(&mut s, "pod2").neighbours = Read::Got(vec![failed]);
    finds(&s, "neighbour-no-answer", "pod1", true);
    // The owner is gone, or slow: a failed entry alone is no proof.
    sysctl(ns(&mut s, "pod1"), "net.ipv4.conf.eth0.arp_ignore", "1");
    is_silent(&s);
}

#[test]
fn nobody_answers_for_the_gateway() {
    let mut s = bridged();
    let v1 = device(&mut s, "node", "v1");
    (v1.master, v1.port) = (None, None);
    let node = ns(&mut s, "node");
    node.routes.value_mut().unwrap().push(route("10.0.8.2/32", None, BRIDGE + 1));
    sysctl(node, "net.ipv4.conf.v1.proxy_arp", "0");
    let gateway = "169.254.1.1";
    let pod = ns(&mut s, "pod1");
    pod.routes =
        Read::Got(vec![route("169.254.1.1/32", None, ETH0), route("0.0.0.0/0", Some(gateway), ETH0)]);
    finds(&s, "neighbour-no-answer", "node", true);
    assert_eq!(found(&s)[0].fault.as_deref(), Some("N05"));
    // An entry of its own stands in for the answer.
    let entry = neighbour(ETH0, gateway, NeighbourState::PERMANENT);
    ns(&mut s, "pod1").neighbours = Read::Got(vec![entry]);
    is_silent(&s);
    ns(&mut s, "pod1").neighbours = Read::Got(Vec::new());
    sysctl(ns(&mut s, "node"), "net.ipv4.conf.all.proxy_arp", "1");
    is_silent(&s);
}

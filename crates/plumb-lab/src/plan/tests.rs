#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use super::*;

fn standard() -> (Topology, Plan) {
    let topology = Topology::standard("demo").unwrap();
    let plan = Plan::of(&topology);
    (topology, plan)
}

#[test]
fn addresses_follow_from_the_order() {
    let (lab, plan) = standard();
    let texts = |a: Vec<IpAddr>| a.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(lab.node_addresses("node-2")), ["172.18.0.3", "fd00:172:18::3"]);
    assert_eq!(texts(lab.gateways("node-2")), ["10.244.2.1", "fd00:10:244:2::1"]);
    let web = lab.pod("web-1").unwrap();
    assert_eq!(texts(lab.pod_addresses(web)), ["10.244.2.3", "fd00:10:244:2::3"]);
    let node = plan.namespace("demo-node-1").unwrap();
    assert!(node.routes.contains(&RoutePlan {
        dst: "10.244.2.0/24".parse().unwrap(),
        via: "172.18.0.3".parse().unwrap(),
        device: "eth0".to_owned()
    }));
    assert!(node.addresses.contains(&("cni0".to_owned(), "fd00:10:244:1::1/64".parse().unwrap())));
}

#[test]
fn nothing_is_named_twice() {
    let (_, plan) = standard();
    let names: BTreeSet<_> = plan.namespaces.iter().map(|n| &n.name).collect();
    assert_eq!(names.len(), plan.namespaces.len());
    let ends: Vec<_> = plan.veths.iter().flat_map(|v| [&v.inner, &v.outer]).collect();
    let devices: BTreeSet<_> = ends.iter().map(|e| (&e.namespace, &e.device)).collect();
    assert_eq!(devices.len(), ends.len());
    let macs: BTreeSet<_> = ends.iter().map(|e| e.mac).collect();
    assert_eq!(macs.len(), ends.len());
    assert!(ends.iter().all(|e| e.device.len() <= 15 && names.contains(&e.namespace)));
    assert_eq!(plan, standard().1, "the same each time");
}

#[test]
fn services_are_written_a_family() {
    let (_, plan) = standard();
    let node = plan.namespace("demo-node-1").unwrap();
    let tables: Vec<_> = node.nft.iter().map(|t| (t.family.word().unwrap(), t.name.as_str())).collect();
    assert_eq!(
        tables,
        [("inet", "filter"), ("inet", "lab-masquerade"), ("ip", "lab-services"), ("ip6", "lab-services")]
    );
    let table = node.nft.last().unwrap();
    assert_eq!(table.sets[0].elements.len(), 3);
    assert!(table.chain("web-2").is_some() && table.chain("postrouting").unwrap().rules.len() == 3);
}

#[test]
fn a_lab_of_one_family_has_nothing_of_the_other() {
    let text = "name: a\nnodes: [{name: n}, {name: m}]\npods: [{name: p, node: n}]\nnetwork: {pod_ranges: [10.1.0.0/16]}\n";
    let plan = Plan::of(&Topology::parse("x", text).unwrap());
    assert!(plan.namespaces.iter().flat_map(|n| &n.addresses).all(|(_, a)| a.addr.is_ipv4()));
    assert!(plan.namespaces.iter().flat_map(|n| &n.routes).all(|r| r.via.is_ipv4()));
}

#[test]
fn long_node_names_fit_a_device() {
    let text =
        "name: a\nnodes: [{name: a-node-with-a-very-long-name-1}, {name: a-node-with-a-very-long-name-2}]\n";
    let plan = Plan::of(&Topology::parse("x", text).unwrap());
    let devices: BTreeSet<_> = plan.veths.iter().map(|v| &v.outer.device).collect();
    assert!(devices.len() == 3 && devices.iter().all(|d| d.len() <= 15));
}

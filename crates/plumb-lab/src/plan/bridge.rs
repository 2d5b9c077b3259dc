//! The `bridge` network: what the bridge CNI plugin and host routes build.
//!
//! ```text
//!  pod eth0 ── vethXXXXXXXX ┐                                        ┌ eth0 (addresses of "outside" on lo)
//!  pod eth0 ── vethXXXXXXXX ┴ cni0   node   eth0 ── node-1 ┐         │
//!                                                          ├ underlay ── outside
//!  pod eth0 ── vethXXXXXXXX ─ cni0   node   eth0 ── node-2 ┘
//! ```

use plumb_model::{IpFamily, Owner, Prefix};

use super::{
    BridgePlan, EndPlan, NamespacePlan, Plan, RoutePlan, ServerPlan, VethPlan, names, nat, of_family,
};
use crate::topology::{Node, Pod, Topology};

/// The bridge of a node.
pub(crate) const CNI0: &str = "cni0";
/// A pod's device, and a node's on the underlay.
pub(crate) const ETH0: &str = "eth0";
/// The bridge of the underlay.
const SWITCH: &str = "br0";
/// A node's way to others, and the router's to them.
pub(crate) const ROUTER_PORT: &str = "outside";

pub(super) fn plan(topology: &Topology) -> Plan {
    let mut plan = Plan {
        lab: topology.name.clone(),
        mtu: topology.network.mtu,
        namespaces: vec![underlay(topology), outside(topology)],
        veths: Vec::new(),
        servers: Vec::new(),
    };
    plan.veths.push(uplink(topology, &topology.outside_namespace(), ROUTER_PORT));
    for node in &topology.nodes {
        plan.namespaces.push(self::node(topology, node));
        plan.veths.push(uplink(topology, &topology.node_namespace(&node.name), &node.name));
    }
    for pod in &topology.pods {
        plan.namespaces.push(self::pod(topology, pod));
        plan.veths.push(pod_link(topology, pod));
        plan.servers.push(ServerPlan {
            namespace: topology.pod_namespace(pod),
            name: pod.full_name(),
            ports: pod.ports.clone(),
        });
    }
    plan.servers.push(ServerPlan {
        namespace: topology.outside_namespace(),
        name: "outside".to_owned(),
        ports: topology.outside.ports.clone(),
    });
    plan
}

fn set(list: &mut Vec<(String, String)>, name: &str, value: &str) {
    list.push((name.to_owned(), value.to_owned()));
}

/// What every namespace of a lab has in common. A new namespace takes some of these from the first one, so they are
/// all set: a lab is the same on every machine.
fn common(forwarding: bool) -> Vec<(String, String)> {
    let mut list = Vec::new();
    for scope in ["all", "default"] {
        set(&mut list, &format!("net.ipv4.conf.{scope}.rp_filter"), "0");
        set(&mut list, &format!("net.ipv4.conf.{scope}.arp_ignore"), "0");
        set(&mut list, &format!("net.ipv6.conf.{scope}.disable_ipv6"), "0");
        set(&mut list, &format!("net.ipv6.conf.{scope}.accept_dad"), "0");
        set(&mut list, &format!("net.ipv6.conf.{scope}.accept_ra"), "0");
    }
    // Errors are part of what is shown and tested; the kernel's limits on them would hide some at random.
    set(&mut list, "net.ipv4.icmp_ratelimit", "0");
    set(&mut list, "net.ipv6.icmp.ratelimit", "0");
    let flag = if forwarding { "1" } else { "0" };
    set(&mut list, "net.ipv4.ip_forward", flag);
    set(&mut list, "net.ipv6.conf.all.forwarding", flag);
    set(&mut list, "net.ipv6.conf.default.forwarding", flag);
    list
}

fn underlay(topology: &Topology) -> NamespacePlan {
    let name = topology.underlay_namespace();
    let mut sysctls = common(false);
    // A switch has no addresses and no firewall.
    for scope in ["all", "default"] {
        set(&mut sysctls, &format!("net.ipv6.conf.{scope}.disable_ipv6"), "1");
    }
    for tables in ["iptables", "ip6tables", "arptables"] {
        set(&mut sysctls, &format!("net.bridge.bridge-nf-call-{tables}"), "0");
    }
    let mac = names::mac(&topology.name, &name, SWITCH);
    NamespacePlan {
        name,
        owner: Owner::Other { name: "underlay".to_owned() },
        sysctls,
        bridges: vec![BridgePlan { name: SWITCH.to_owned(), mac }],
        addresses: Vec::new(),
        routes: Vec::new(),
        nft: Vec::new(),
    }
}

/// Addresses with the length of the range that they lie in.
fn with_length(addresses: Vec<std::net::IpAddr>, ranges: &[Prefix]) -> impl Iterator<Item = Prefix> {
    addresses.into_iter().filter_map(move |a| {
        ranges.iter().find(|r| r.contains(a)).map(|r| Prefix::new(a, r.len)).or(Some(Prefix::host(a)))
    })
}

fn outside(topology: &Topology) -> NamespacePlan {
    let families: Vec<_> = topology.network.underlay.iter().map(Prefix::family).collect();
    let mut addresses: Vec<_> = with_length(topology.router_addresses(), &topology.network.underlay.clone())
        .map(|p| (ETH0.to_owned(), p))
        .collect();
    for address in &topology.outside.addresses {
        if families.contains(&IpFamily::of(*address)) {
            addresses.push(("lo".to_owned(), Prefix::host(*address)));
        }
    }
    NamespacePlan {
        name: topology.outside_namespace(),
        owner: Owner::Other { name: "outside".to_owned() },
        sysctls: common(true),
        bridges: Vec::new(),
        addresses,
        routes: Vec::new(),
        nft: Vec::new(),
    }
}

fn node(topology: &Topology, node: &Node) -> NamespacePlan {
    let name = topology.node_namespace(&node.name);
    let mut sysctls = common(true);
    for tables in ["iptables", "ip6tables"] {
        set(&mut sysctls, &format!("net.bridge.bridge-nf-call-{tables}"), "1");
    }
    let mut addresses: Vec<_> =
        with_length(topology.node_addresses(&node.name), &topology.network.underlay.clone())
            .map(|p| (ETH0.to_owned(), p))
            .collect();
    addresses.extend(
        with_length(topology.gateways(&node.name), &node.pod_ranges.clone()).map(|p| (CNI0.to_owned(), p)),
    );
    let mut routes = Vec::new();
    for other in topology.nodes.iter().filter(|n| n.name != node.name) {
        let theirs = topology.node_addresses(&other.name);
        for range in &other.pod_ranges {
            if let Some(via) = of_family(&theirs, range.family()) {
                routes.push(RoutePlan { dst: *range, via, device: ETH0.to_owned() });
            }
        }
    }
    routes.extend(topology.router_addresses().into_iter().map(default_route));
    let mut nft = vec![nat::firewall()];
    if topology.network.masquerade {
        nft.push(nat::masquerade(topology, node));
    }
    nft.extend([IpFamily::V4, IpFamily::V6].into_iter().filter_map(|family| nat::services(topology, family)));
    let mac = names::mac(&topology.name, &name, CNI0);
    NamespacePlan {
        name,
        owner: Owner::Node { node: node.name.clone() },
        sysctls,
        bridges: vec![BridgePlan { name: CNI0.to_owned(), mac }],
        addresses,
        routes,
        nft,
    }
}

fn default_route(via: std::net::IpAddr) -> RoutePlan {
    RoutePlan { dst: Prefix::any(IpFamily::of(via)), via, device: ETH0.to_owned() }
}

fn pod(topology: &Topology, pod: &Pod) -> NamespacePlan {
    let ranges = topology.node(&pod.node).map(|n| n.pod_ranges.clone()).unwrap_or_default();
    NamespacePlan {
        name: topology.pod_namespace(pod),
        owner: Owner::Pod {
            node: pod.node.clone(),
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
        },
        sysctls: common(false),
        bridges: Vec::new(),
        addresses: with_length(topology.pod_addresses(pod), &ranges).map(|p| (ETH0.to_owned(), p)).collect(),
        routes: topology.gateways(&pod.node).into_iter().map(default_route).collect(),
        nft: Vec::new(),
    }
}

/// The pair between a node (or the router) and the switch; the switch's end bears the node's name.
fn uplink(topology: &Topology, namespace: &str, port: &str) -> VethPlan {
    let switch = topology.underlay_namespace();
    let device = names::device(port);
    VethPlan {
        inner: EndPlan {
            namespace: namespace.to_owned(),
            device: ETH0.to_owned(),
            mac: names::mac(&topology.name, namespace, ETH0),
            master: None,
            hairpin: false,
        },
        outer: EndPlan {
            mac: names::mac(&topology.name, &switch, &device),
            namespace: switch,
            device,
            master: Some(SWITCH.to_owned()),
            hairpin: false,
        },
    }
}

fn pod_link(topology: &Topology, pod: &Pod) -> VethPlan {
    let (inner, outer) = (topology.pod_namespace(pod), topology.node_namespace(&pod.node));
    let device = topology.pod_veth(pod);
    VethPlan {
        inner: EndPlan {
            mac: names::mac(&topology.name, &inner, ETH0),
            namespace: inner,
            device: ETH0.to_owned(),
            master: None,
            hairpin: false,
        },
        outer: EndPlan {
            mac: names::mac(&topology.name, &outer, &device),
            namespace: outer,
            device,
            master: Some(CNI0.to_owned()),
            hairpin: topology.network.hairpin,
        },
    }
}

//! Services, translation and connection tracking that look broken.

use plumb_model::{Action, Position, Prefix, Protocol};
use plumb_nft::{Family, Verdict};

use super::super::netfilter::invalid_drop;
use super::super::scene::{add_rule, change, device, made, made_by, serves, sysctl};
use super::super::service::{NOBODY, endpoint, no_masquerade, node_port};
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::nat::{FILTER, MASQUERADE, SERVICES, endpoint_chain};
use crate::plan::of_family;
use crate::plan::rules::{self, Side};

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "L08",
        does: "turns hairpin off for a pod that is an endpoint of no service",
        is: None,
        target: TargetKind::Service,
        make: hairpin_of_a_client,
    },
    LookAlike {
        of: "C06",
        does: "drops, on a third node, what its connection tracking finds invalid: it sees both directions, or none",
        is: None,
        target: TargetKind::Server,
        make: invalid_and_symmetric,
    },
    LookAlike {
        of: "C08",
        does: "takes what is for the first service out of connection tracking, over a protocol that it does not speak",
        is: None,
        target: TargetKind::Service,
        make: other_protocol,
    },
    LookAlike {
        of: "C09",
        does: "puts all that the first pod's node tracks into zone 1, on the way there and on the way back",
        is: None,
        target: TargetKind::Service,
        make: zone_of_all,
    },
    LookAlike {
        of: "S03",
        does: "adds a translation of the service to a port on which nothing listens, behind the one that holds",
        is: None,
        target: TargetKind::Service,
        make: second_translation,
    },
    LookAlike {
        of: "S06",
        does: "drops, before the first service is translated, what does not come from the range of all pods",
        is: None,
        target: TargetKind::Service,
        make: ranges_that_allow,
    },
    LookAlike {
        of: "S07",
        does: "drops what is for the service's last endpoint on its node: the endpoint's server lives",
        is: Some("F01"),
        target: TargetKind::Service,
        make: drop_for_one_endpoint,
    },
    LookAlike {
        of: "S08",
        does: "translates what the pod sends to outside to the address of its node",
        is: None,
        target: TargetKind::Client,
        make: own_address,
    },
    LookAlike {
        of: "S09",
        does: "puts a translation to the node's address in place of the masquerade rule of the pod's node",
        is: None,
        target: TargetKind::Client,
        make: translated_instead,
    },
    LookAlike {
        of: "S14",
        does: "translates TCP port 30080 of the pod's node to the pod, and reserves node ports among those from 30000 on",
        is: None,
        target: TargetKind::Server,
        make: reserved_ports,
    },
    LookAlike {
        of: "S12",
        does: "keeps bridged ARP from the rules: services need none of it",
        is: None,
        target: TargetKind::Service,
        make: no_bridged_arp,
    },
];

fn hairpin_of_a_client(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let is_endpoint = |p: &crate::topology::Pod| {
        scene
            .topology
            .nat_services
            .iter()
            .flat_map(|s| &s.endpoints)
            .any(|e| scene.topology.pod(&e.pod).is_some_and(|pod| pod.full_name() == p.full_name()))
    };
    let idle = scene.topology.pods.iter().find(|p| !serves(p) && !is_endpoint(p));
    let idle = idle.ok_or("every pod is an endpoint")?;
    let veth = scene.topology.pod_veth(idle);
    let ns = scene.node_namespace(idle)?;
    device(ns, &veth)?;
    let off =
        Action::SetBridgePort { device: veth, attribute: "hairpin".to_owned(), value: "off".to_owned() };
    let (pod, _) = endpoint(scene, service, false)?;
    let flow = scene.flow_to_service(pod, service, Outcome::Connects)?;
    made(vec![change(ns, off)], flow, format!("hairpin is off for {}", idle.full_name()))
}

/// The first pod's node, a rule's beginning for the service there, and the flow through it.
fn at_client<'a>(
    scene: &Scene<'a>,
    outcome: Outcome,
) -> Result<(&'a plumb_model::Namespace, Prefix, super::super::Flow), String> {
    let service = scene.service()?;
    let client = scene.topology.pods.first().ok_or("the lab has no pod")?;
    let address =
        of_family(&service.addresses, scene.family()).ok_or("the service has no address of that family")?;
    let flow = scene.flow_to_service(client, service, outcome)?;
    Ok((scene.node_namespace(client)?, Prefix::host(address), flow))
}

fn invalid_and_symmetric(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let client = scene.remote(pod, |_| true)?;
    let (third, drop) = invalid_drop(scene, pod, client)?;
    let there = scene.topology.pods.iter().find(|p| p.node == third).ok_or("the third node has no pod")?;
    let flow = scene.flow_to_pod(there, pod, Outcome::Connects)?;
    made(vec![drop], flow, format!("{third} drops what it finds invalid"))
}

fn other_protocol(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (ns, to, flow) = at_client(scene, Outcome::Connects)?;
    let other = if service.protocol.transport() == Protocol::UDP { Protocol::TCP } else { Protocol::UDP };
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, to, true)
        .destination_port(other, service.port)
        .counter()
        .notrack();
    let skip = add_rule(ns, Family::Inet, FILTER, "prerouting", rule);
    made(vec![skip], flow, format!("{} does not track {other} to service {}", ns.name, service.name))
}

fn zone_of_all(scene: &Scene<'_>) -> Result<Made, String> {
    let (ns, _, flow) = at_client(scene, Outcome::Connects)?;
    let changes = ["prerouting", "output-raw"].map(|name| {
        let rule = rules::rule(Family::Inet).counter().set_zone(1);
        add_rule(ns, Family::Inet, FILTER, name, rule)
    });
    made(changes.to_vec(), flow, format!("{} tracks all in zone 1", ns.name))
}

fn second_translation(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (ns, _, flow) = at_client(scene, Outcome::Connects)?;
    let (pod, _) = endpoint(scene, service, false)?;
    let ip = scene.family();
    let rule = rules::rule(rules::table_family(ip))
        .protocol(service.protocol.transport())
        .counter()
        .comment("never met")
        .dnat(scene.address(pod, ip)?, NOBODY);
    let add = Action::AddRule {
        family: rules::table_family(ip),
        table: SERVICES.to_owned(),
        chain: endpoint_chain(service, 0),
        position: Position::Last,
        rule,
        xtables: None,
    };
    made(vec![change(ns, add)], flow, format!("{} has a second translation of {}", ns.name, service.name))
}

fn ranges_that_allow(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (ns, to, flow) = at_client(scene, Outcome::Connects)?;
    let family = scene.family();
    let all = scene.topology.network.pod_ranges.iter().find(|r| r.family() == family).ok_or("no range")?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, to, true)
        .destination_port(service.protocol.transport(), service.port)
        .address(Side::Source, *all, false)
        .counter()
        .verdict(Verdict::Drop);
    let add = add_rule(ns, Family::Inet, FILTER, "prerouting", rule);
    made(vec![add], flow, format!("{} lets only {all} reach service {}", ns.name, service.name))
}

fn drop_for_one_endpoint(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (pod, port) = endpoint(scene, service, true)?;
    let client = scene.remote(pod, |p| !serves(p)).or_else(|_| scene.remote(pod, |_| true))?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(scene.address(pod, scene.family())?), true)
        .destination_port(service.protocol.transport(), port)
        .counter()
        .verdict(Verdict::Drop);
    // On the endpoint's own node: the client's has confirmed its connection by then, and chooses no other endpoint.
    let outcome = if service.endpoints.len() > 1 { Outcome::Intermittent } else { Outcome::TimesOut };
    let flow = scene.flow_to_service(client, service, outcome)?;
    let drop = add_rule(scene.node_namespace(pod)?, Family::Inet, FILTER, "forward", rule);
    made(vec![drop], flow, format!("{} drops what is for port {port} of {}", pod.node, pod.full_name()))
}

/// A translation of what the pod's node sends to outside, to its own address.
fn to_own_address(scene: &Scene<'_>) -> Result<plumb_model::Change, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    if ns.nft.value().and_then(|r| r.table(Family::Inet, MASQUERADE)).is_none() {
        return Err("the lab does not masquerade".to_owned());
    }
    let range = scene.topology.network.pod_ranges.iter().find(|r| r.family() == scene.family());
    let range = range.ok_or("no range")?;
    let own = of_family(&scene.topology.node_addresses(&pod.node), scene.family());
    let rule = rules::rule(Family::Inet)
        .address(Side::Source, *range, true)
        .address(Side::Destination, *range, false)
        .counter()
        .snat(own.ok_or("the node has no address")?);
    Ok(add_rule(ns, Family::Inet, MASQUERADE, "postrouting", rule))
}

fn own_address(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let flow = scene.flow_to_outside(pod, Outcome::Connects)?;
    made(vec![to_own_address(scene)?], flow, format!("{} reaches outside as its node", pod.full_name()))
}

fn translated_instead(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let mut acts = no_masquerade(scene)?.acts;
    acts.push(to_own_address(scene)?.into());
    let flow = scene.flow_to_outside(pod, Outcome::Connects)?;
    made_by(acts, flow, format!("{} translates to its own address and does not masquerade", pod.node))
}

fn no_bridged_arp(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (pod, _) = endpoint(scene, service, false)?;
    let client = scene.neighbour(pod, |p| !serves(p)).or_else(|_| scene.neighbour(pod, |_| true))?;
    let flow = scene.flow_to_service(client, service, Outcome::Connects)?;
    let off = sysctl(scene.node_namespace(pod)?, "net.bridge.bridge-nf-call-arptables", "0");
    made(vec![off], flow, format!("bridged ARP of {} passes its rules by", pod.node))
}

fn reserved_ports(scene: &Scene<'_>) -> Result<Made, String> {
    let reserved = ("net.ipv4.ip_local_reserved_ports", "30000-32767");
    node_port(scene, &[reserved, ("net.ipv4.ip_local_port_range", "30000 60999")])
}

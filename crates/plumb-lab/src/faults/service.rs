//! Services and source translation.

use plumb_model::{Action, IpFamily, Prefix, Protocol};
use plumb_nft::{ChainType, Expr, Family, Hook};

use super::firewall::add_table;
use super::scene::{add_rule, change, device, made, serves, stream_port, sysctl};
use super::{Fault, Made, Scene, TargetKind, socket};
use crate::client::Outcome;
use crate::plan::nat::{MASQUERADE, SERVICES, endpoint_chain};
use crate::plan::of_family;
use crate::plan::rules::{self, Side, base, chain};
use crate::topology::{NatService, Pod};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "L08",
        name: "hairpin off",
        does: "turns hairpin off for the service's first endpoint: where the service chooses that pod itself, its packets are lost",
        target: TargetKind::Service,
        make: no_hairpin,
    },
    Fault {
        id: "S03",
        name: "wrong targetPort",
        does: "translates the service, on the node of the first pod, to a port of its endpoints on which nothing listens",
        target: TargetKind::Service,
        make: wrong_port,
    },
    Fault {
        id: "S07",
        name: "one dead backend among n",
        does: "closes the port of the service's last endpoint; its address stays in the rules",
        target: TargetKind::Service,
        make: dead_backend,
    },
    Fault {
        id: "S08",
        name: "SNAT to an unowned address",
        does: "translates what the pod sends to outside to an address that nobody owns",
        target: TargetKind::Client,
        make: unowned,
    },
    Fault {
        id: "S09",
        name: "masquerade missing",
        does: "deletes the masquerade rule of the pod's node: its pods reach outside with their own addresses",
        target: TargetKind::Client,
        make: no_masquerade,
    },
    Fault {
        id: "S14",
        name: "node port among clients' ports",
        does: "translates TCP port 30080 of the pod's node to the pod, and gives clients of the node the ports from 30000 on",
        target: TargetKind::Server,
        make: shared_ports,
    },
    Fault {
        id: "S12",
        name: "bridge-nf-call-iptables off",
        does: "keeps bridged answers from the rules: a service whose endpoint is on the client's own node does not connect",
        target: TargetKind::Service,
        make: no_bridge_call,
    },
];

pub(super) fn endpoint<'a>(
    scene: &Scene<'a>,
    service: &NatService,
    last: bool,
) -> Result<(&'a Pod, u16), String> {
    let endpoint = if last { service.endpoints.last() } else { service.endpoints.first() };
    let endpoint = endpoint.ok_or_else(|| format!("service `{}` has no endpoint", service.name))?;
    let pod =
        scene.topology.pod(&endpoint.pod).ok_or_else(|| format!("there is no pod `{}`", endpoint.pod))?;
    Ok((pod, endpoint.port))
}

/// What a client of a service sees when one of its endpoints fails in this way.
fn share(service: &NatService, alone: Outcome) -> Outcome {
    if service.endpoints.len() > 1 { Outcome::Intermittent } else { alone }
}

fn dead_backend(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (pod, port) = endpoint(scene, service, true)?;
    let client =
        scene.topology.pods.iter().find(|p| p.full_name() != pod.full_name()).ok_or("no other pod")?;
    let flow = scene.flow_to_service(client, service, share(service, Outcome::Refused))?;
    let n = service.endpoints.len();
    made(
        vec![socket::stop(scene, pod, port)?],
        flow,
        format!("{}, one of {n} endpoints of {}, is dead", pod.full_name(), service.name),
    )
}

/// A port on which no pod of the lab listens.
pub(super) const NOBODY: u16 = 18_080;

fn wrong_port(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let client = scene.topology.pods.first().ok_or("the lab has no pod")?;
    let ns = scene.node_namespace(client)?;
    let ip = scene.family();
    let family = rules::table_family(ip);
    let table =
        ns.nft.value().and_then(|r| r.table(family, SERVICES)).ok_or("the table of services is gone")?;
    let mut changes = Vec::new();
    for (index, endpoint) in service.endpoints.iter().enumerate() {
        let name = endpoint_chain(service, index);
        let rule = table.chain(&name).and_then(|c| c.rules.first()).ok_or("the rule is gone already")?;
        let pod =
            scene.topology.pod(&endpoint.pod).ok_or_else(|| format!("there is no pod `{}`", endpoint.pod))?;
        changes.push(change(
            ns,
            Action::DeleteRule {
                family,
                table: SERVICES.to_owned(),
                chain: name.clone(),
                handle: rule.handle,
            },
        ));
        let wrong = rules::rule(family)
            .protocol(service.protocol.transport())
            .counter()
            .comment(&endpoint.pod)
            .dnat(scene.address(pod, ip)?, NOBODY);
        changes.push(add_rule(ns, family, SERVICES, &name, wrong));
    }
    let flow = scene.flow_to_service(client, service, Outcome::Refused)?;
    made(
        changes,
        flow,
        format!("{} translates {} to port {NOBODY} of its endpoints", client.node, service.name),
    )
}

fn no_hairpin(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (pod, _) = endpoint(scene, service, false)?;
    let veth = scene.topology.pod_veth(pod);
    let ns = scene.node_namespace(pod)?;
    if !device(ns, &veth)?.port.as_ref().is_some_and(|p| p.hairpin) {
        return Err(format!("hairpin is off for {} already", pod.full_name()));
    }
    let off =
        Action::SetBridgePort { device: veth, attribute: "hairpin".to_owned(), value: "off".to_owned() };
    // The packet dies before its connection is confirmed, so that the next try is balanced anew: late, not lost.
    let flow = if service.endpoints.len() > 1 {
        scene.flow_to_service(pod, service, Outcome::Connects)?.late()
    } else {
        scene.flow_to_service(pod, service, Outcome::TimesOut)?
    };
    made(
        vec![change(ns, off)],
        flow,
        format!("{} cannot reach itself through {}", pod.full_name(), service.name),
    )
}

fn unowned(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let (outside, _) = scene.outside()?;
    // From the ranges for documentation (RFC 5737, RFC 3849).
    let text = if scene.family() == IpFamily::V4 { "198.51.100.9" } else { "2001:db8:51::9" };
    let nobody = text.parse().map_err(|_| "no address".to_owned())?;
    if ns.nft.value().and_then(|r| r.table(Family::Inet, MASQUERADE)).is_none() {
        return Err("the lab does not masquerade".to_owned());
    }
    let rule = rules::rule(Family::Inet)
        .address(Side::Source, Prefix::host(scene.address(pod, scene.family())?), true)
        .address(Side::Destination, Prefix::host(outside), true)
        .counter()
        .snat(nobody);
    let flow = scene.flow_to_outside(pod, Outcome::TimesOut)?;
    let snat = add_rule(ns, Family::Inet, MASQUERADE, "postrouting", rule);
    made(vec![snat], flow, format!("{} reaches outside as {nobody}, which nobody owns", pod.full_name()))
}

pub(super) fn no_masquerade(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let table = ns
        .nft
        .value()
        .and_then(|r| r.table(Family::Inet, MASQUERADE))
        .ok_or("the lab does not masquerade")?;
    let chain = table.chain("postrouting").ok_or("the lab does not masquerade")?;
    // NFPROTO_IPV4, NFPROTO_IPV6
    let number = if scene.family() == IpFamily::V4 { 2u8 } else { 10 };
    let of_family = |e: &Expr| matches!(e, Expr::Cmp { data, .. } if data.0 == [number]);
    let masquerades = |e: &Expr| matches!(e, Expr::Masq { .. });
    let rule = chain
        .rules
        .iter()
        .find(|r| r.exprs.iter().any(masquerades) && r.exprs.iter().any(of_family))
        .ok_or("the rule is gone already")?;
    let delete = Action::DeleteRule {
        family: Family::Inet,
        table: MASQUERADE.to_owned(),
        chain: chain.name.clone(),
        handle: rule.handle,
    };
    let flow = scene.flow_to_outside(pod, Outcome::TimesOut)?;
    made(vec![change(ns, delete)], flow, format!("{} does not masquerade", pod.node))
}

fn no_bridge_call(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let (pod, _) = endpoint(scene, service, false)?;
    let client = scene.neighbour(pod, |p| !serves(p)).or_else(|_| scene.neighbour(pod, |_| true))?;
    let ns = scene.node_namespace(pod)?;
    let name = match scene.family() {
        IpFamily::V4 => "net.bridge.bridge-nf-call-iptables",
        IpFamily::V6 => "net.bridge.bridge-nf-call-ip6tables",
    };
    let flow = scene.flow_to_service(client, service, share(service, Outcome::TimesOut))?;
    made(vec![sysctl(ns, name, "0")], flow, format!("what is bridged on {} passes its rules by", pod.node))
}

/// A node port by hand, as kube-proxy (iptables) names its chains, beside these settings of the node.
pub(super) fn node_port(scene: &Scene<'_>, settings: &[(&str, &str)]) -> Result<Made, String> {
    const PORT: u16 = 30_080;
    let pod = scene.pod()?;
    let (ns, ip) = (scene.node_namespace(pod)?, scene.family());
    let family = rules::table_family(ip);
    let node = of_family(&scene.topology.node_addresses(&pod.node), ip).ok_or("the node has no address")?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let translate = rules::rule(family)
        .address(Side::Destination, Prefix::host(node), true)
        .destination_port(Protocol::TCP, PORT)
        .counter()
        .dnat(scene.address(pod, ip)?, port);
    let jump = rules::rule(family).jump("KUBE-NODEPORTS");
    let chains = vec![
        chain("KUBE-NODEPORTS", None, None, vec![translate]),
        chain("PREROUTING", base(ChainType::Nat, Hook::Prerouting, -100), None, vec![jump]),
    ];
    let mut changes = vec![add_table(ns, family, "nat", chains, Vec::new())];
    changes.extend(settings.iter().map(|(name, value)| sysctl(ns, name, value)));
    // Nobody is hurt before a client of the node gets that very port.
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(changes, flow, format!("TCP port {PORT} of {} leads to {}", pod.node, pod.full_name()))
}

fn shared_ports(scene: &Scene<'_>) -> Result<Made, String> {
    node_port(scene, &[("net.ipv4.ip_local_port_range", "30000 60999")])
}

//! Rules that drop, and rules that keep others from working.

use plumb_model::{Action, Prefix, Protocol, RouteKind};
use plumb_nft::{Family, Verdict};

use super::scene::{add_rule, change, device, made, route, serves, stream_port};
use super::{Fault, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::ETH0;
use crate::plan::nat::{FILTER, SERVICES};
use crate::plan::of_family;
use crate::plan::rules::{self, Side, table_family};
use crate::topology::Pod;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "F01",
        name: "DROP rule",
        does: "adds a rule to the node's forward chain that drops what is for the pod's first TCP port",
        target: TargetKind::Server,
        make: drop_rule,
    },
    Fault {
        id: "F02",
        name: "chain policy DROP",
        does: "sets the policy of the node's forward chain to drop",
        target: TargetKind::Server,
        make: policy_drop,
    },
    Fault {
        id: "F08",
        name: "mark set in one table decides in another",
        does: "marks what is for the pod's first TCP port before connection tracking, and drops what is marked in forward",
        target: TargetKind::Server,
        make: marked,
    },
    Fault {
        id: "F10",
        name: "probabilistic drop",
        does: "drops one of three packets to the pod's first TCP port: many connections are slow, some by whole seconds",
        target: TargetKind::Server,
        make: lossy,
    },
    Fault {
        id: "F16",
        name: "redirect to a port without listener",
        does: "redirects what the pod sends to TCP port 15001 of its node, where nothing listens",
        target: TargetKind::Client,
        make: redirect,
    },
    Fault {
        id: "C06",
        name: "INVALID drop on an asymmetric path",
        does: "sends the answers of the pod's node to the client by a third node, which drops what its connection tracking finds invalid",
        target: TargetKind::Server,
        make: half_seen,
    },
    Fault {
        id: "C08",
        name: "notrack breaks NAT",
        does: "takes what is for the first service out of connection tracking: it is not translated",
        target: TargetKind::Service,
        make: untracked,
    },
];

/// The pod, its first TCP port, and whoever reaches it through its node's forward chain.
fn drop_rule(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let ns = scene.node_namespace(pod)?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(scene.address(pod, scene.family())?), true)
        .destination_port(Protocol::TCP, port)
        .counter()
        .verdict(Verdict::Drop);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    let drop = add_rule(ns, Family::Inet, FILTER, "forward", rule);
    made(vec![drop], flow, format!("{} drops what is for TCP port {port} of {}", pod.node, pod.full_name()))
}

fn policy_drop(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let policy = Action::SetPolicy {
        family: Family::Inet,
        table: FILTER.to_owned(),
        chain: "forward".to_owned(),
        policy: Verdict::Drop,
    };
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(vec![change(ns, policy)], flow, format!("{} drops all that it forwards", pod.node))
}

fn marked(scene: &Scene<'_>) -> Result<Made, String> {
    const MARK: u32 = 0x8000;
    let pod = scene.pod()?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let ns = scene.node_namespace(pod)?;
    let mark = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(scene.address(pod, scene.family())?), true)
        .destination_port(Protocol::TCP, port)
        .counter()
        .set_mark(MARK);
    let drop = rules::rule(Family::Inet).mark(MARK).counter().verdict(Verdict::Drop);
    let changes = vec![
        add_rule(ns, Family::Inet, FILTER, "prerouting", mark),
        add_rule(ns, Family::Inet, FILTER, "forward", drop),
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(
        changes,
        flow,
        format!("{} marks what is for TCP port {port} of {} and drops it", pod.node, pod.full_name()),
    )
}

fn lossy(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let ns = scene.node_namespace(pod)?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(scene.address(pod, scene.family())?), true)
        .destination_port(Protocol::TCP, port)
        .one_of(3, 1)
        .counter()
        .verdict(Verdict::Drop);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?.late();
    let drop = add_rule(ns, Family::Inet, FILTER, "forward", rule);
    made(
        vec![drop],
        flow,
        format!("{} drops one of three packets to TCP port {port} of {}", pod.node, pod.full_name()),
    )
}

fn redirect(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let family = table_family(scene.family());
    let ns = scene.node_namespace(pod)?;
    let there =
        ns.nft.value().and_then(|r| r.table(family, SERVICES)).and_then(|t| t.chain("prerouting")).is_some();
    if !there {
        return Err("it needs the NAT chains of a service (nat_services)".to_owned());
    }
    let rule = rules::rule(family)
        .address(Side::Source, Prefix::host(scene.address(pod, scene.family())?), true)
        .protocol(Protocol::TCP)
        .counter()
        .redirect(15001);
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Refused)?;
    let redirect = add_rule(ns, family, SERVICES, "prerouting", rule);
    made(
        vec![redirect],
        flow,
        format!("{} redirects what {} sends to its own port 15001", pod.node, pod.full_name()),
    )
}

/// A node that is neither the pod's nor the client's drops what it finds invalid: its name, and the rule.
pub(super) fn invalid_drop<'a>(
    scene: &Scene<'a>,
    pod: &Pod,
    client: &Pod,
) -> Result<(&'a str, plumb_model::Change), String> {
    let third = scene.topology.nodes.iter().find(|n| n.name != pod.node && n.name != client.node);
    let third = third.ok_or("it needs a third node")?.name.as_str();
    let ns = scene.namespace(&scene.topology.node_namespace(third))?;
    let rule = rules::rule(Family::Inet).invalid().counter().verdict(Verdict::Drop);
    Ok((third, add_rule(ns, Family::Inet, FILTER, "forward", rule)))
}

fn half_seen(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let client = scene.remote(pod, |_| true)?;
    let (third, drop) = invalid_drop(scene, pod, client)?;
    let ns = scene.node_namespace(pod)?;
    let family = scene.family();
    let by = of_family(&scene.topology.node_addresses(third), family).ok_or("the node has no address")?;
    let to = Prefix::host(scene.address(client, family)?);
    let detour = route(RouteKind::Unicast, to, Some(by), Some(device(ns, ETH0)?.index));
    let flow = scene.flow_to_pod(client, pod, Outcome::TimesOut)?;
    made(
        vec![drop, change(ns, Action::AddRoute(detour))],
        flow,
        format!("{third} sees only the answers to {}, and drops them", client.full_name()),
    )
}

fn untracked(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let client = scene.topology.pods.first().ok_or("the lab has no pod")?;
    let ns = scene.node_namespace(client)?;
    let address =
        of_family(&service.addresses, scene.family()).ok_or("the service has no address of that family")?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(address), true)
        .destination_port(service.protocol.transport(), service.port)
        .counter()
        .notrack();
    // Untracked, the pod's address is not masqueraded either: the router has no route to tell the pod so.
    let flow = scene.flow_to_service(client, service, Outcome::TimesOut)?;
    let skip = add_rule(ns, Family::Inet, FILTER, "prerouting", rule);
    made(vec![skip], flow, format!("{} does not track what is for service {}", client.node, service.name))
}

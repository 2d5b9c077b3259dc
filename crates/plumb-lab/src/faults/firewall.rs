//! Tables that somebody else brings: a second firewall, a set that is out of date, a rule for one user.

use plumb_model::{Action, Change, IpFamily, Namespace, Prefix, Protocol};
use plumb_nft::{Chain, ChainType, Family, Hook, Set, Verdict};

use super::scene::{add_rule, change, made, pod_name, serves, stream_port};
use super::{Fault, Flow, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::nat::FILTER;
use crate::plan::of_family;
use crate::plan::rules::{self, Draft, Side, address_set, base, chain, table};
use crate::topology::Pod;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "F04",
        name: "later base chain overrides an accept",
        does: "accepts what is for the pod's first TCP port in the node's forward chain, and drops it in a chain of another table that comes later",
        target: TargetKind::Server,
        make: later_chain,
    },
    Fault {
        id: "F05",
        name: "goto in place of jump",
        does: "adds a chain that sends what is for the pod on by goto: it never comes back to the rule that accepts",
        target: TargetKind::Server,
        make: no_way_back,
    },
    Fault {
        id: "F06",
        name: "rule in an unexpected family",
        does: "drops what is for the pod's first TCP port in a table of the bridge family of its node",
        target: TargetKind::Server,
        make: on_the_bridge,
    },
    Fault {
        id: "F09",
        name: "rate limit",
        does: "lets three new connections to the pod's first TCP port pass, then one a minute",
        target: TargetKind::Server,
        make: limited,
    },
    Fault {
        id: "F11",
        name: "owner match hits one user",
        does: "resets, in the pod itself, the TCP connections that root opens",
        target: TargetKind::Client,
        make: of_one_user,
    },
    Fault {
        id: "F12",
        name: "stale set",
        does: "adds a table to the pod's node with a set of blocked addresses, which holds the pod's",
        target: TargetKind::Server,
        make: stale_set,
    },
    Fault {
        id: "C09",
        name: "zone mismatch",
        does: "puts what the pod's node tracks for the first service into zone 1 on the way there and not on the way back",
        target: TargetKind::Service,
        make: zone,
    },
    Fault {
        id: "S06",
        name: "source ranges exclude the client",
        does: "drops, before the first service is translated, what does not come from 192.0.2.0/24 (2001:db8:2::/64)",
        target: TargetKind::Service,
        make: source_ranges,
    },
    Fault {
        id: "P04",
        name: "egress policy without DNS",
        does: "drops what the pod sends to UDP and TCP port 53",
        target: TargetKind::Client,
        make: no_dns,
    },
];

pub(super) fn add_table(
    ns: &Namespace,
    family: Family,
    name: &str,
    chains: Vec<Chain>,
    sets: Vec<Set>,
) -> Change {
    change(ns, Action::AddTable(table(family, name, "made by a fault of the lab", chains, sets)))
}

/// A base chain of the forward hook.
pub(super) fn forward(priority: i32, rules: Vec<plumb_nft::Rule>) -> Chain {
    chain("forward", base(ChainType::Filter, Hook::Forward, priority), None, rules)
}

/// The pod, its first TCP port, its node, and the beginning of a rule for what is for it.
pub(super) fn server<'a>(
    scene: &Scene<'a>,
) -> Result<(&'a Pod, u16, &'a Namespace, impl Fn() -> Draft), String> {
    let pod = scene.pod()?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let to = Prefix::host(scene.address(pod, scene.family())?);
    let draft = move || {
        rules::rule(Family::Inet).address(Side::Destination, to, true).destination_port(Protocol::TCP, port)
    };
    Ok((pod, port, scene.node_namespace(pod)?, draft))
}

fn later_chain(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, draft) = server(scene)?;
    let accept = draft().counter().verdict(Verdict::Accept);
    let drop = draft().counter().verdict(Verdict::Drop);
    let changes = vec![
        add_rule(ns, Family::Inet, FILTER, "forward", accept),
        add_table(ns, Family::Inet, "host-firewall", vec![forward(10, vec![drop])], Vec::new()),
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(
        changes,
        flow,
        format!("a second table of {} drops what is for TCP port {port} of {}", pod.node, pod.full_name()),
    )
}

fn no_way_back(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, _, ns, draft) = server(scene)?;
    let mut chain_forward = forward(
        10,
        vec![draft().goto("to-pod"), rules::rule(Family::Inet).counter().verdict(Verdict::Accept)],
    );
    if let Some(base) = &mut chain_forward.base {
        base.policy = Verdict::Drop;
    }
    let to_pod =
        chain("to-pod", None, None, vec![rules::rule(Family::Inet).counter().verdict(Verdict::Return)]);
    let add = add_table(ns, Family::Inet, "host-firewall", vec![to_pod, chain_forward], Vec::new());
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(vec![add], flow, format!("what {} sends to the chain to-pod meets the policy drop", pod.node))
}

fn on_the_bridge(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let ns = scene.node_namespace(pod)?;
    let family = scene.family();
    let drop = rules::rule(Family::Bridge)
        .ether(family)
        .address(Side::Destination, Prefix::host(scene.address(pod, family)?), true)
        .destination_port(Protocol::TCP, port)
        .counter()
        .verdict(Verdict::Drop);
    let add = add_table(ns, Family::Bridge, "guard", vec![forward(-200, vec![drop])], Vec::new());
    let flow = scene.flow_to_pod(scene.neighbour(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(
        vec![add],
        flow,
        format!("the bridge of {} drops what is for TCP port {port} of {}", pod.node, pod.full_name()),
    )
}

fn limited(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, draft) = server(scene)?;
    let rules = vec![
        draft().new_connection().limit_a_minute(1, 3).counter().verdict(Verdict::Accept),
        draft().new_connection().counter().verdict(Verdict::Drop),
    ];
    let add = add_table(ns, Family::Inet, "rate", vec![forward(10, rules)], Vec::new());
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Intermittent)?;
    made(
        vec![add],
        flow,
        format!("{} lets few new connections to TCP port {port} of {} pass", pod.node, pod.full_name()),
    )
}

fn of_one_user(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let reset = rules::rule(Family::Inet).owner(0).protocol(Protocol::TCP).new_connection().counter().reset();
    let output = chain("output", base(ChainType::Filter, Hook::Output, 0), None, vec![reset]);
    let add = add_table(ns, Family::Inet, "owner", vec![output], Vec::new());
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Refused)?;
    made(vec![add], flow, format!("{} resets the TCP connections that root opens", pod.full_name()))
}

fn stale_set(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let address = scene.address(pod, scene.family())?;
    let set = address_set("blocked", &[address]);
    let drop =
        rules::rule(Family::Inet).destination_in(scene.family(), "blocked").counter().verdict(Verdict::Drop);
    let add = add_table(ns, Family::Inet, "blocklist", vec![forward(10, vec![drop])], vec![set]);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(
        vec![add],
        flow,
        format!("the set blocked of {} holds {address}, which is {}'s", pod.node, pod.full_name()),
    )
}

fn zone(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let client = scene.topology.pods.first().ok_or("the lab has no pod")?;
    let ns = scene.node_namespace(client)?;
    let address =
        of_family(&service.addresses, scene.family()).ok_or("the service has no address of that family")?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(address), true)
        .destination_port(service.protocol.transport(), service.port)
        .counter()
        .set_zone(1);
    let flow = scene.flow_to_service(client, service, Outcome::TimesOut)?;
    let add = add_rule(ns, Family::Inet, FILTER, "prerouting", rule);
    made(
        vec![add],
        flow,
        format!(
            "{} tracks what is for service {} in zone 1, the answers in zone 0",
            client.node, service.name
        ),
    )
}

fn source_ranges(scene: &Scene<'_>) -> Result<Made, String> {
    let service = scene.service()?;
    let client = scene.topology.pods.first().ok_or("the lab has no pod")?;
    let ns = scene.node_namespace(client)?;
    let family = scene.family();
    // From the ranges for documentation (RFC 5737, RFC 3849).
    let text = if family == IpFamily::V4 { "192.0.2.0/24" } else { "2001:db8:2::/64" };
    let allowed: Prefix = text.parse().map_err(|_| "no network".to_owned())?;
    let address = of_family(&service.addresses, family).ok_or("the service has no address of that family")?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(address), true)
        .destination_port(service.protocol.transport(), service.port)
        .address(Side::Source, allowed, false)
        .counter()
        .verdict(Verdict::Drop);
    let flow = scene.flow_to_service(client, service, Outcome::TimesOut)?;
    let add = add_rule(ns, Family::Inet, FILTER, "prerouting", rule);
    made(vec![add], flow, format!("{} lets only {allowed} reach service {}", client.node, service.name))
}

pub(super) fn no_dns(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let from = scene.address(pod, scene.family())?;
    let server = scene.remote(pod, super::socket::serves_dns)?;
    let rules = [Protocol::UDP, Protocol::TCP].map(|protocol| {
        let rule = rules::rule(Family::Inet)
            .address(Side::Source, Prefix::host(from), true)
            .destination_port(protocol, 53)
            .counter()
            .verdict(Verdict::Drop);
        add_rule(ns, Family::Inet, FILTER, "forward", rule)
    });
    let to = std::net::SocketAddr::new(scene.address(server, scene.family())?, 53).to_string();
    let flow = Flow::new(pod_name(pod), to, Outcome::TimesOut);
    made(rules.to_vec(), flow, format!("{} may not ask for names", pod.full_name()))
}

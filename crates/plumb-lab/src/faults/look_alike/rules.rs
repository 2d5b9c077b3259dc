//! Rules and tables that look as if they stopped somebody.

use plumb_model::{Action, Prefix, Protocol};
use plumb_nft::{ChainType, Family, Hook, Verdict};

use super::super::firewall::{add_table, forward, server};
use super::super::scene::{add_rule, change, made, pod_name, serves, stream_port};
use super::super::{Flow, Made, Scene, TargetKind, socket};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::nat::FILTER;
use crate::plan::rules::{self, Side, address_set, base, chain};

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "F01",
        does: "adds a rule to the node's forward chain that drops what is for another port of the pod, which it does not serve",
        is: None,
        target: TargetKind::Server,
        make: other_port,
    },
    LookAlike {
        of: "F02",
        does: "sets the policy of the node's forward chain to drop, behind a rule that accepts all",
        is: None,
        target: TargetKind::Server,
        make: policy_behind_accept,
    },
    LookAlike {
        of: "F04",
        does: "accepts what is for the pod's first TCP port in the node's forward chain and in that of a table that comes later, whose policy is drop",
        is: None,
        target: TargetKind::Server,
        make: accepted_twice,
    },
    LookAlike {
        of: "F05",
        does: "adds a chain with policy drop that sends what is for the pod on by jump: it comes back to the rule that accepts",
        is: None,
        target: TargetKind::Server,
        make: comes_back,
    },
    LookAlike {
        of: "F06",
        does: "drops, in a table of the bridge family, what is for another port of the pod",
        is: None,
        target: TargetKind::Server,
        make: on_the_bridge,
    },
    LookAlike {
        of: "F08",
        does: "marks what is for the pod's first TCP port, and drops in forward what bears another mark",
        is: None,
        target: TargetKind::Server,
        make: another_mark,
    },
    LookAlike {
        of: "F09",
        does: "lets new connections to the pod's first TCP port pass up to a limit that nobody reaches",
        is: None,
        target: TargetKind::Server,
        make: wide_limit,
    },
    LookAlike {
        of: "F10",
        does: "counts one of three packets to the pod's first TCP port",
        is: None,
        target: TargetKind::Server,
        make: counts_some,
    },
    LookAlike {
        of: "F11",
        does: "resets, in the pod itself, the TCP connections that the user 65534 opens",
        is: None,
        target: TargetKind::Client,
        make: of_another_user,
    },
    LookAlike {
        of: "F12",
        does: "adds a table to the pod's node with a set of blocked addresses, which nobody here has",
        is: None,
        target: TargetKind::Server,
        make: set_of_strangers,
    },
    LookAlike {
        of: "F16",
        does: "redirects what comes to TCP port 15001 of the pod to its first TCP port, on which its server listens",
        is: None,
        target: TargetKind::Server,
        make: redirect_to_live_port,
    },
    LookAlike {
        of: "P04",
        does: "drops what the pod sends to UDP and TCP port 53 of outside: the cluster's names are served by pods",
        is: None,
        target: TargetKind::Client,
        make: no_names_of_outside,
    },
];

fn other_port(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, _) = server(scene)?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(scene.address(pod, scene.family())?), true)
        .destination_port(Protocol::TCP, unserved(pod, port))
        .counter()
        .verdict(Verdict::Drop);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    let drop = add_rule(ns, Family::Inet, FILTER, "forward", rule);
    made(
        vec![drop],
        flow,
        format!("{} drops what is for TCP port {} of {}", pod.node, port + 1, pod.full_name()),
    )
}

/// A port beside this one that the pod does not serve.
fn unserved(pod: &crate::topology::Pod, port: u16) -> u16 {
    (port.saturating_add(1)..=u16::MAX).find(|n| pod.ports.iter().all(|p| p.port != *n)).unwrap_or(1)
}

fn policy_behind_accept(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let accept = rules::rule(Family::Inet).counter().verdict(Verdict::Accept);
    let policy = Action::SetPolicy {
        family: Family::Inet,
        table: FILTER.to_owned(),
        chain: "forward".to_owned(),
        policy: Verdict::Drop,
    };
    let changes = vec![add_rule(ns, Family::Inet, FILTER, "forward", accept), change(ns, policy)];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(changes, flow, format!("{} would drop what its first rule does not accept", pod.node))
}

/// A table with a forward chain of policy drop.
fn guarded(chains: Vec<plumb_nft::Chain>, mut last: plumb_nft::Chain) -> Vec<plumb_nft::Chain> {
    if let Some(base) = &mut last.base {
        base.policy = Verdict::Drop;
    }
    chains.into_iter().chain([last]).collect()
}

fn accepted_twice(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, draft) = server(scene)?;
    let accept = || draft().counter().verdict(Verdict::Accept);
    let rest = rules::rule(Family::Inet).counter().verdict(Verdict::Accept);
    let later = guarded(Vec::new(), forward(10, vec![accept(), rest]));
    let changes = vec![
        add_rule(ns, Family::Inet, FILTER, "forward", accept()),
        add_table(ns, Family::Inet, "host-firewall", later, Vec::new()),
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(
        changes,
        flow,
        format!("two tables of {} accept what is for TCP port {port} of {}", pod.node, pod.full_name()),
    )
}

fn comes_back(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, _, ns, draft) = server(scene)?;
    let accept = rules::rule(Family::Inet).counter().verdict(Verdict::Accept);
    let to_pod =
        chain("to-pod", None, None, vec![rules::rule(Family::Inet).counter().verdict(Verdict::Return)]);
    let chains = guarded(vec![to_pod], forward(10, vec![draft().jump("to-pod"), accept]));
    let add = add_table(ns, Family::Inet, "host-firewall", chains, Vec::new());
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(vec![add], flow, format!("what {} sends to the chain to-pod comes back and is accepted", pod.node))
}

fn on_the_bridge(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, _) = server(scene)?;
    let family = scene.family();
    let drop = rules::rule(Family::Bridge)
        .ether(family)
        .address(Side::Destination, Prefix::host(scene.address(pod, family)?), true)
        .destination_port(Protocol::TCP, unserved(pod, port))
        .counter()
        .verdict(Verdict::Drop);
    let add = add_table(ns, Family::Bridge, "guard", vec![forward(-200, vec![drop])], Vec::new());
    let flow = scene.flow_to_pod(scene.neighbour(pod, |_| true)?, pod, Outcome::Connects)?;
    made(vec![add], flow, format!("the bridge of {} drops what is for a port that nobody serves", pod.node))
}

fn another_mark(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, draft) = server(scene)?;
    let drop = rules::rule(Family::Inet).mark(0x4000_0000).counter().verdict(Verdict::Drop);
    let changes = vec![
        add_rule(ns, Family::Inet, FILTER, "prerouting", draft().counter().set_mark(0x8000)),
        add_rule(ns, Family::Inet, FILTER, "forward", drop),
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(changes, flow, format!("{} marks what is for TCP port {port} of {}", pod.node, pod.full_name()))
}

fn wide_limit(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, draft) = server(scene)?;
    let rules = vec![
        draft().new_connection().limit_a_minute(600_000, 10_000).counter().verdict(Verdict::Accept),
        draft().new_connection().counter().verdict(Verdict::Drop),
    ];
    let add = add_table(ns, Family::Inet, "rate", vec![forward(10, rules)], Vec::new());
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(
        vec![add],
        flow,
        format!(
            "{} lets 10,000 new connections a second to TCP port {port} of {} pass",
            pod.node,
            pod.full_name()
        ),
    )
}

fn counts_some(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, draft) = server(scene)?;
    let rule = draft().one_of(3, 1).counter().verdict(Verdict::Continue);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    let count = add_rule(ns, Family::Inet, FILTER, "forward", rule);
    made(
        vec![count],
        flow,
        format!("{} counts one of three packets to TCP port {port} of {}", pod.node, pod.full_name()),
    )
}

fn of_another_user(scene: &Scene<'_>) -> Result<Made, String> {
    // `nobody`, by custom.
    const NOBODY: u32 = 65_534;
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let reset =
        rules::rule(Family::Inet).owner(NOBODY).protocol(Protocol::TCP).new_connection().counter().reset();
    let output = chain("output", base(ChainType::Filter, Hook::Output, 0), None, vec![reset]);
    let add = add_table(ns, Family::Inet, "owner", vec![output], Vec::new());
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Connects)?;
    made(vec![add], flow, format!("{} resets the TCP connections of the user {NOBODY}", pod.full_name()))
}

fn set_of_strangers(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    // From the ranges for documentation (RFC 5737, RFC 3849).
    let text = if scene.family() == plumb_model::IpFamily::V4 { "198.51.100.12" } else { "2001:db8:51::12" };
    let stranger = text.parse().map_err(|_| "no address".to_owned())?;
    let drop =
        rules::rule(Family::Inet).destination_in(scene.family(), "blocked").counter().verdict(Verdict::Drop);
    let sets = vec![address_set("blocked", &[stranger])];
    let add = add_table(ns, Family::Inet, "blocklist", vec![forward(10, vec![drop])], sets);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(vec![add], flow, format!("the set blocked of {} holds {stranger}", pod.node))
}

fn redirect_to_live_port(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let ns = scene.pod_namespace(pod)?;
    let redirect = rules::rule(Family::Inet).destination_port(Protocol::TCP, 15001).counter().redirect(port);
    // Priority `dstnat`
    let nat = chain("prerouting", base(ChainType::Nat, Hook::Prerouting, -100), None, vec![redirect]);
    let add = add_table(ns, Family::Inet, "sidecar", vec![nat], Vec::new());
    let client = socket::client(scene, pod)?;
    let mut flow = scene.flow_to_pod(client, pod, Outcome::Connects)?;
    flow.to = std::net::SocketAddr::new(scene.address(pod, scene.family())?, 15001).to_string();
    made(vec![add], flow, format!("{} redirects TCP port 15001 to {port}", pod.full_name()))
}

fn no_names_of_outside(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let from = Prefix::host(scene.address(pod, scene.family())?);
    let (outside, _) = scene.outside()?;
    let server = scene.remote(pod, socket::serves_dns)?;
    let rules = [Protocol::UDP, Protocol::TCP].map(|protocol| {
        let rule = rules::rule(Family::Inet)
            .address(Side::Source, from, true)
            .address(Side::Destination, Prefix::host(outside), true)
            .destination_port(protocol, 53)
            .counter()
            .verdict(Verdict::Drop);
        add_rule(ns, Family::Inet, FILTER, "forward", rule)
    });
    let to = std::net::SocketAddr::new(scene.address(server, scene.family())?, 53).to_string();
    let flow = Flow::new(pod_name(pod), to, Outcome::Connects);
    made(rules.to_vec(), flow, format!("{} may not ask outside for names", pod.full_name()))
}

//! What is wrong in NetworkPolicies themselves, whoever asks: by the objects alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plumb_api::policy::{PolicyRef, Role, Truth, takes_port};
use plumb_api::{Kind, LabelSelector, NetworkPolicy, NetworkPolicyPeer, PolicyType, Protocol as ApiProtocol};
use plumb_model::Protocol;
use plumb_trace::session::{Flow, Origin, Transport};

use super::{Expected, Judge, Judges};
use crate::check::reach;
use crate::check::report::Severity;
use crate::check::state::Look;
use crate::check::told::{Observation, Seen, at_name};
use crate::check::yardstick::ServiceTarget;
use crate::names::state::own_servers;
use crate::place;

/// Services whose endpoints no rule of any policy lets anybody reach at their port: closed by mistake, or by the number of the
/// Service's port in place of the endpoints'.
pub(crate) fn services(look: &Look<'_>) -> Vec<Observation> {
    let judges = Judges::of(look.yardstick);
    let mut all = Vec::new();
    for (cluster, judge) in judges.each() {
        let mut closed: BTreeMap<(String, bool), (Observation, BTreeSet<String>)> = BTreeMap::new();
        for service in look.yardstick.services.iter().filter(|s| s.cluster == cluster) {
            let Some(found) = closes(judge, service) else { continue };
            let name = format!("{}:{}", service.name, service.port);
            let key = (found.place["object"].to_string(), found.kind.id == "policy-names-service-port");
            closed.entry(key).or_insert_with(|| (found, BTreeSet::new())).1.insert(name);
        }
        all.extend(closed.into_values().map(|(found, names)| found.affects(names)));
    }
    all
}

fn closes(judge: &Judge, service: &ServiceTarget) -> Option<Observation> {
    let protocol = api(service.protocol)?;
    let mut by: Option<(&NetworkPolicy, String, u16)> = None;
    let mut mistaken = None;
    for (address, port) in &service.endpoints {
        let party = judge.owner(*address);
        // What is let in all the same: by an administrator, or by a policy that is not read.
        if judge.policies.is_overridden(party, PolicyType::Ingress) {
            return None;
        }
        let about = |p: &&NetworkPolicy| {
            p.spec.is_about(PolicyType::Ingress) && judge.policies.selects(p, party) == Truth::Yes
        };
        let may = |p: &&NetworkPolicy| {
            p.spec.is_about(PolicyType::Ingress) && judge.policies.selects(p, party) != Truth::No
        };
        // One endpoint that somebody may reach is enough.
        let first = judge.policies.all().iter().find(about)?;
        for policy in judge.policies.all().iter().filter(may) {
            for (i, (_, ports)) in policy.spec.rules(PolicyType::Ingress).into_iter().enumerate() {
                if takes_port(ports, (protocol, *port), party) != Truth::No {
                    return None;
                }
                let names_service =
                    |j: &usize| takes_port(&ports[*j..=*j], (protocol, service.port), party) == Truth::Yes;
                if let Some(j) = (0..ports.len()).find(names_service).filter(|_| service.port != *port) {
                    mistaken.get_or_insert((policy, format!("ingress[{i}].ports[{j}].port"), *port));
                }
            }
        }
        by.get_or_insert((first, "ingress".to_owned(), *port));
    }
    let is_mistaken = mistaken.is_some();
    let (policy, field, port) = mistaken.or(by)?;
    let kind = if is_mistaken { "policy-names-service-port" } else { "policy-closes-service" };
    let found = Observation::new(kind, of_policy(policy, &field))
        .with("policy", policy.metadata.full_name().to_string())
        .with("service", format!("{}:{}", service.name, service.port))
        .with("port", port.to_string())
        .seen(Seen::new("rules-for-port", 0, serde_json::Value::Null, read(policy)));
    Some(if is_mistaken { found.with("asked", service.port.to_string()) } else { found })
}

/// Peers with both selectors that take nobody, where each alone takes somebody: two items of the list were meant.
pub(crate) fn peers_split(look: &Look<'_>) -> Vec<Observation> {
    let judges = Judges::of(look.yardstick);
    let mut all = Vec::new();
    for (_, judge) in judges.each() {
        for (policy, field, peer) in peers(judge) {
            let (Some(namespaces), Some(pods)) = (&peer.namespace_selector, &peer.pod_selector) else {
                continue;
            };
            if namespaces.is_empty() || pods.is_empty() {
                continue;
            }
            // Whom each selector takes, and in which namespaces.
            let (mut both, mut in_those) = (0, 0);
            let mut with_labels = BTreeSet::new();
            for party in &judge.pods {
                let Role::Pod { namespace: Some(namespace), labels: Some(labels), .. } = &party.role else {
                    continue;
                };
                let in_one = judge.policies.namespace_labels(namespaces, namespace);
                let fits = holds(pods, |key| labels.get(key).map(AsRef::as_ref));
                in_those += usize::from(in_one == Truth::Yes);
                both += usize::from(fits && in_one != Truth::No);
                if fits {
                    with_labels.insert(namespace.clone());
                }
            }
            let only_here = with_labels.len() == 1 && with_labels.contains(&policy.metadata.namespace);
            if both == 0 && in_those > 0 && only_here {
                let found = Observation::new("policy-selects-nobody", of_policy(policy, &field))
                    .with("policy", policy.metadata.full_name().to_string())
                    .with("field", field)
                    .seen(Seen::new("peer-pods", 0, serde_json::Value::Null, read(policy)));
                all.push(found);
            }
        }
    }
    all
}

/// Peers that take only Pods of their nodes' network, whose packets come from the nodes' addresses.
pub(crate) fn host_network(look: &Look<'_>) -> Vec<Observation> {
    let judges = Judges::of(look.yardstick);
    let mut all = Vec::new();
    for (cluster, judge) in judges.each() {
        let pods: Vec<&plumb_api::Pod> = look
            .yardstick
            .objects
            .get(cluster)
            .into_iter()
            .flatten()
            .filter_map(|o| if let plumb_api::Object::Pod(pod) = o { Some(pod) } else { None })
            .collect();
        for (policy, field, peer) in peers(judge) {
            // A peer that takes whole namespaces means everybody there.
            let Some(selector) = peer.pod_selector.as_ref().filter(|s| !s.is_empty()) else { continue };
            let takes = |pod: &plumb_api::Pod| {
                let namespace = &pod.metadata.namespace;
                let here = match &peer.namespace_selector {
                    Some(s) => judge.policies.namespace_labels(s, namespace),
                    None if *namespace == policy.metadata.namespace => Truth::Yes,
                    None => Truth::No,
                };
                here != Truth::No && holds(selector, |key| pod.metadata.label(key))
            };
            let taken: Vec<_> = pods.iter().filter(|pod| takes(pod)).collect();
            if taken.is_empty() || !taken.iter().all(|pod| pod.spec.host_network) {
                continue;
            }
            let names = taken.iter().map(|pod| format!("pod:{}", super::full_name(pod)));
            let found = Observation::new("policy-selects-host-network", of_policy(policy, &field))
                .with("policy", policy.metadata.full_name().to_string())
                .with("field", field)
                .with("pod", super::full_name(taken[0]))
                .seen(Seen::new("peer-pods", 0, taken.len(), read(policy)))
                .affects(names);
            all.push(found);
        }
    }
    all
}

/// Pods whose policies let something out, and no question to their name servers.
pub(crate) fn leaves_out_dns(look: &Look<'_>) -> Vec<Observation> {
    let judges = Judges::of(look.yardstick);
    let mut all = Vec::new();
    for (cluster, judge) in judges.each() {
        let mut by_policy: BTreeMap<String, (Observation, BTreeSet<String>)> = BTreeMap::new();
        for (&i, party) in judge.members.iter().filter(|(_, p)| matches!(p.role, Role::Pod { .. })) {
            let member = &look.yardstick.members[i];
            let servers = own_servers(look.snapshot, look.ns(member.ns));
            let judged: Vec<Expected> =
                servers.iter().map(|server| asked_of(look, judge, cluster, i, *server)).collect();
            if judged.is_empty() || !judged.iter().all(Expected::is_forbidden) {
                continue;
            }
            let mut verdicts = judged.iter().flat_map(Expected::forbidding);
            let Some(verdict) = verdicts.find(|v| v.direction == PolicyType::Egress).cloned() else {
                continue;
            };
            let is = |p: &&NetworkPolicy| {
                verdict.policy.is_network_policy() && p.metadata.full_name() == verdict.policy.name
            };
            let Some(policy) = judge.policies.all().iter().find(is) else {
                continue;
            };
            let about = |p: &&NetworkPolicy| {
                p.spec.is_about(PolicyType::Egress) && judge.policies.selects(p, party) != Truth::No
            };
            // Whoever may send nothing at all is to be alone, as a rule.
            let alone = judge.policies.all().iter().filter(about).all(|p| p.spec.egress.is_empty());
            let severity = if alone { Severity::Info } else { Severity::Warning };
            let server = servers.first().map(ToString::to_string).unwrap_or_default();
            let found = || {
                let mut place = place::namespace(look.net, member.ns);
                place::set(&mut place, "object", object(policy, "egress"));
                Observation::new("policy-closes-dns", place)
                    .severity(severity)
                    .with("policy", policy.metadata.full_name().to_string())
                    .with("pod", &member.name)
                    .with("server", server)
                    .seen(Seen::new("dns-allowed", 0, servers.len(), read(policy)))
            };
            let entry = by_policy
                .entry(verdict.policy.name.to_string())
                .or_insert_with(|| (found(), BTreeSet::new()));
            entry.0.severity = entry.0.severity.max(severity);
            entry.1.insert(member.name.clone());
        }
        all.extend(by_policy.into_values().map(|(found, names)| found.affects(names)));
    }
    all
}

/// What policies say of a question by datagram to a name server: at the endpoints behind it, where it is a Service.
fn asked_of(look: &Look<'_>, judge: &Judge, cluster: &str, from: usize, server: IpAddr) -> Expected {
    let is = |s: &&ServiceTarget| {
        s.cluster == cluster && (s.address, s.protocol, s.port) == (server, Protocol::UDP, crate::names::DNS)
    };
    match look.yardstick.services.iter().find(is) {
        Some(service) => judge.of_service(from, Transport::Udp, &service.endpoints),
        None => {
            let flow = Flow {
                origin: Origin::Process { ns: look.yardstick.members[from].ns, source: None },
                transport: Transport::Udp,
                dst: server,
                port: crate::names::DNS,
                source_port: None,
                uid: 0,
                gid: 0,
                connections: 1,
                bytes: None,
            };
            judge.of_server(look.net, from, &flow)
        }
    }
}

/// Every peer of every rule, with its policy and field.
fn peers(judge: &Judge) -> Vec<(&NetworkPolicy, String, &NetworkPolicyPeer)> {
    let mut all = Vec::new();
    for policy in judge.policies.all() {
        for direction in PolicyType::ALL.into_iter().filter(|d| policy.spec.is_about(*d)) {
            let (list, field) = direction.fields();
            for (i, (peers, _)) in policy.spec.rules(direction).into_iter().enumerate() {
                let named = |(j, peer)| (policy, format!("{list}[{i}].{field}[{j}]"), peer);
                all.extend(peers.iter().enumerate().map(named));
            }
        }
    }
    all
}

fn holds<'a>(selector: &LabelSelector, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    selector.requirements().all(|(key, operator, values)| operator.holds(label(key), &values))
}

/// An object is nobody's network namespace: the API's stands in its place.
fn of_policy(policy: &NetworkPolicy, field: &str) -> crate::report::Place {
    let mut place = at_name(&policy.metadata.namespace);
    place::set(&mut place, "object", object(policy, field));
    place
}

/// As `kind/namespace/name` and the field.
fn object(policy: &NetworkPolicy, field: &str) -> String {
    reach::object(&PolicyRef::of(Kind::NetworkPolicy, policy.metadata.full_name()), field)
}

fn read(policy: &NetworkPolicy) -> String {
    let m = &policy.metadata;
    format!("kubectl -n {} get networkpolicy {} -o yaml", m.namespace, m.name)
}

fn api(protocol: Protocol) -> Option<ApiProtocol> {
    match protocol {
        Protocol::TCP => Some(ApiProtocol::Tcp),
        Protocol::UDP => Some(ApiProtocol::Udp),
        _ => None,
    }
}

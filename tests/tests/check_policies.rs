//! `plumb check` with NetworkPolicies: on made-up clusters, and on a real lab with rules that enforce some of them.

#![allow(clippy::unwrap_used)]

use plumb_api::{Kind, Object, manifest};
use plumb_doctor::check::{CheckReport, Options, Sharing, Yardstick, check};
use plumb_model::{Action, Change, IpFamily, Protocol, Snapshot};
use plumb_tests::cluster::cluster;
use plumb_trace::Network;

/// Pods of [`cluster`]: `app: web` on node 1, `app: db` on the others; of `without` nothing is known.
fn objects(nodes: u8, pods: u8, policies: &[&str], without: &[&str]) -> Vec<Object> {
    let mut text = "{apiVersion: v1, kind: Namespace, metadata: {name: default}}\n".to_owned();
    for (node, p) in (1..=nodes).flat_map(|n| (0..pods).map(move |p| (n, p))) {
        let (name, app) = (format!("pod-{node}-{p}"), if node == 1 { "web" } else { "db" });
        if without.contains(&name.as_str()) {
            continue;
        }
        text.push_str(&format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {app}, p: p{p}}}}}, spec: {{nodeName: node-{node}, \
             containers: [{{name: c, ports: [{{name: http, containerPort: 8080}}]}}]}}, status: {{podIP: 10.{node}.{p}.2}}}}\n"
        ));
    }
    for (i, spec) in policies.iter().enumerate() {
        text.push_str(&format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{i}}}, spec: {spec}}}\n"
        ));
    }
    manifest::parse(&text, "a.yaml").unwrap().objects.into_iter().map(|o| o.value).collect()
}

fn report(s: &Snapshot, objects: &[Object], sharing: Sharing) -> CheckReport {
    let net = Network::compile(s);
    let mut yardstick = Yardstick::of_snapshot(&net, None);
    // What has stopped is missed all the same.
    for member in yardstick.members.iter_mut().filter(|m| m.name.starts_with("pod:")) {
        member.serves.extend(member.addresses.iter().map(|a| (*a, Protocol::TCP, 8080)));
    }
    yardstick.add_objects(objects, "");
    check(s, &yardstick, &Options { sharing, ..Options::default() })
}

/// Findings with the pairs that each is about, pairs that are forbidden, pairs that are not known.
fn told(r: &CheckReport) -> (Vec<String>, u64, u64) {
    let line = |f: &plumb_doctor::check::CheckFinding| {
        let object = f.place.get("object").and_then(|v| v.as_str()).unwrap_or_default();
        format!("{} {object} {}", f.id, f.pairs.as_ref().map_or(0, |p| p.broken)).replace("  ", " ")
    };
    (r.findings.iter().map(line).collect(), r.scope.pairs_forbidden, r.scope.pairs_unknown)
}

fn stop(s: &mut Snapshot, ns: &str) {
    let namespace = s.namespace_by_name(ns).unwrap().id;
    let (family, port) = (IpFamily::V4, 8080);
    let action =
        Action::StopListener { family, protocol: Protocol::TCP, address: family.unspecified(), port };
    Change { namespace, action }.apply(s).unwrap();
}

/// Two nodes, three pods each: five pods and two nodes ask each pod.
#[test]
fn what_policies_forbid_is_no_fault_and_what_they_allow_is_one() {
    let whole = cluster(2, 3);
    let only_web = "{podSelector: {matchLabels: {app: db, p: p0}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]}";
    let none = |n: u64| (Vec::<String>::new(), n, 0);
    assert_eq!(told(&report(&whole, &objects(2, 3, &[], &[]), Sharing::Never)), none(0));
    // Two pods of the same kind and the other node are forbidden, and nothing keeps them away.
    let known = objects(2, 3, &[only_web], &[]);
    let open = report(&whole, &known, Sharing::Never);
    assert_eq!(
        told(&open),
        (vec!["policy-not-enforced NetworkPolicy/default/p0 spec.ingress 3".to_owned()], 3, 0)
    );
    let finding = &open.findings[0];
    assert_eq!(finding.fault.as_deref(), Some("P08"));
    assert_eq!(finding.place["namespace"], "cni-2-0");
    assert_eq!(finding.affects, ["pod:default/pod-2-0:8080"]);
    // Its server has stopped: that breaks the seven, and is counted for the four that may ask.
    let mut dead = whole.clone();
    stop(&mut dead, "cni-2-0");
    let counted = |n: u64| vec![format!("listener-missing {n}")];
    assert_eq!(told(&report(&dead, &objects(2, 3, &[], &[]), Sharing::Never)), (counted(7), 0, 0));
    let closed = report(&dead, &known, Sharing::Never);
    assert_eq!(told(&closed), (counted(4), 3, 0));
    assert!(!closed.ruled_out.iter().any(|r| r.what == "NetworkPolicies" && !r.why.contains('3')));
    // Nobody may ask but its own node, and what may not goes unsaid.
    let nobody = "{podSelector: {matchLabels: {app: db, p: p0}}}";
    assert_eq!(told(&report(&dead, &objects(2, 3, &[nobody], &[]), Sharing::Never)), (counted(1), 6, 0));
}

#[test]
fn what_is_not_known_of_a_pod_is_said() {
    let whole = cluster(2, 3);
    let only_web = "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}";
    let known = objects(2, 3, &[only_web], &["pod-2-0"]);
    // Four pods (but not those of `web`, which are let in) and the other node may be forbidden to ask it; it asks two of `db`.
    let r = report(&whole, &known, Sharing::Never);
    assert_eq!(r.scope.pairs_unknown, 0, "they connect");
    let unknown: Vec<&str> = r.unknowns.iter().map(|u| u.reason.as_str()).collect();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(unknown[0].contains("default/p0") && unknown[0].contains("the Pod's labels"), "{unknown:?}");
    assert_eq!(r.unknowns[0].place["object"], "NetworkPolicy/default/p0 spec.ingress");
    // What fails and may be forbidden is not known; `web`'s three and its own node's are.
    let mut dead = whole.clone();
    stop(&mut dead, "cni-2-0");
    let r = report(&dead, &known, Sharing::Never);
    assert_eq!(
        (r.findings[0].id.as_str(), r.findings[0].pairs.as_ref().unwrap().broken),
        ("listener-missing", 4)
    );
    assert_eq!(r.scope.pairs_unknown, 3);
}

/// Walks that are shared give what walking each pair gives, also where only labels tell pods apart.
#[test]
fn shared_walks_heed_policies() {
    let whole = cluster(4, 5);
    let policies = [
        "{podSelector: {matchLabels: {app: db, p: p1}}, ingress: [{from: [{podSelector: {matchLabels: {p: p2}}}, {ipBlock: {cidr: 10.3.0.0/16}}]}]}",
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]}",
    ];
    let known = objects(4, 5, &policies, &[]);
    for ns in [None, Some("cni-2-1"), Some("cni-1-3")] {
        let mut s = whole.clone();
        if let Some(ns) = ns {
            stop(&mut s, ns);
        }
        let (shared, alone) = (report(&s, &known, Sharing::Always), report(&s, &known, Sharing::Never));
        assert_eq!(told(&shared), told(&alone), "{ns:?}");
        assert!(shared.scope.pairs_forbidden > 0 && shared.scope.walks < alone.scope.walks, "{ns:?}");
    }
}

/// A Service of which a client may reach some endpoints: those count.
#[test]
fn objects_of_many_nodes_name_pods_by_their_addresses() {
    // Files of nodes hold no names of pods where no runtime told them.
    let mut s = cluster(2, 3);
    for n in s.namespaces.iter_mut().filter(|n| n.name.starts_with("cni-")) {
        n.owner = None;
    }
    let only_web = "{podSelector: {matchLabels: {app: db, p: p0}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}";
    let known = objects(2, 3, &[only_web], &[]);
    assert!(known.iter().any(|o| o.kind() == Kind::NetworkPolicy));
    let (found, forbidden, _) = told(&report(&s, &known, Sharing::Never));
    assert_eq!(
        (found.as_slice(), forbidden),
        (&["policy-not-enforced NetworkPolicy/default/p0 spec.ingress 3".to_owned()][..], 3)
    );
}

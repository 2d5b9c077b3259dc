//! `plumb check` with NetworkPolicies: on made-up clusters, and on a real lab with rules that enforce some of them.

#![allow(clippy::unwrap_used)]

use plumb_api::policy::PolicyRef;
use plumb_api::{Kind, NamespacedName, Object, manifest};
use plumb_doctor::check::{CheckReport, Options, Sharing, Yardstick, check};
use plumb_doctor::owners;
use plumb_model::{Action, Change, IpFamily, Protocol, Snapshot};
use plumb_tests::binary::Plumb;
use plumb_tests::cluster::cluster;
use plumb_tests::lab::Lab;
use plumb_tests::shell;
use plumb_trace::Network;
use serde_json::{Value, json};

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
    report_with(s, objects, &[], sharing)
}

/// With policies of kinds that are not read.
fn report_with(s: &Snapshot, objects: &[Object], foreign: &[PolicyRef], sharing: Sharing) -> CheckReport {
    let mut s = s.clone();
    owners::name(&mut s, objects);
    let s = &s;
    let net = Network::compile(s);
    let mut yardstick = Yardstick::of_snapshot(&net, None);
    // What has stopped is missed all the same.
    for member in yardstick.members.iter_mut().filter(|m| m.name.starts_with("pod:")) {
        member.serves.extend(member.addresses.iter().map(|a| (*a, Protocol::TCP, 8080)));
    }
    yardstick.add_objects(objects, "");
    yardstick.add_foreign(foreign.iter().cloned(), "");
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

/// A policy that nobody here reads may forbid what is broken, and allow what leaks: neither is said.
#[test]
fn nothing_rests_on_what_a_policy_of_another_kind_could_change() {
    let whole = cluster(2, 3);
    let only_web = "{podSelector: {matchLabels: {app: db, p: p0}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]}";
    let known = objects(2, 3, &[only_web], &[]);
    let of = |namespace: &str| {
        [PolicyRef::foreign("cilium.io/v2", "CiliumNetworkPolicy", NamespacedName::new(namespace, "x"))]
    };
    let mut dead = whole.clone();
    stop(&mut dead, "cni-2-0");
    let before = told(&report(&dead, &known, Sharing::Never));
    assert_eq!((before.0, before.1), (vec!["listener-missing 4".to_owned()], 3));
    // The namespace of all pods: what fails is not known, the rest connects; its name is said.
    for (namespace, what) in [("default", "CiliumNetworkPolicy default/x"), ("", "CiliumNetworkPolicy x")] {
        for (s, open) in [(&whole, 0), (&dead, 7)] {
            let r = report_with(s, &known, &of(namespace), Sharing::Never);
            assert_eq!(told(&r), (Vec::new(), 0, open), "{namespace:?}");
            assert!(r.unknowns.iter().any(|u| u.reason.contains(what)), "{:?}", r.unknowns);
            let shared = report_with(s, &known, &of(namespace), Sharing::Always);
            assert_eq!(told(&shared), told(&r));
        }
    }
    // Another namespace's is about nobody here.
    let elsewhere = report_with(&dead, &known, &of("other"), Sharing::Never);
    assert_eq!(told(&elsewhere), told(&report(&dead, &known, Sharing::Never)));
    assert!(!elsewhere.unknowns.iter().any(|u| u.reason.contains("Cilium")));
}

/// A lab whose policies are written to its API, and held by rules as a network plugin would.
struct Cluster {
    plumb: Plumb,
    lab: Lab,
}

impl Cluster {
    fn up() -> Self {
        let plumb = Plumb::find().unwrap();
        let lab = Lab::up(plumb.clone()).unwrap();
        Self { plumb, lab }
    }

    /// A request to the API, from node-1.
    fn api(&self, verb: &str, path: &str, body: &Value) {
        let script =
            "ip netns exec $n curl -sf -X $v -H \"Content-Type: $t\" --data \"$b\" http://127.0.0.1:6443$p";
        let kind = if verb == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let variables = [
            ("n".to_owned(), format!("{}-node-1", self.lab.name())),
            ("v".to_owned(), verb.to_owned()),
            ("t".to_owned(), kind.to_owned()),
            ("p".to_owned(), path.to_owned()),
            ("b".to_owned(), body.to_string()),
        ];
        shell::run(path, script, &variables).unwrap();
    }

    fn policy(&self, name: &str, spec: Value) {
        let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec});
        self.api("POST", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", &object);
    }

    /// What holds a policy at a pod of a node: these clients of `default`, by number, may ask for a port.
    fn hold(&self, pod: &str, node: u8, clients: &[u8], port: u16) {
        let of = |make: &dyn Fn(&u8) -> String| clients.iter().map(make).collect::<Vec<_>>().join(", ");
        let (v4, v6) = (of(&|c| format!("10.244.{c}.2")), of(&|c| format!("fd00:10:244:{c}::2")));
        // Its own node may always ask, from whichever of its addresses.
        let host = node + 1;
        let rules = format!(
            "table inet np {{ chain in {{ type filter hook input priority 0; ct state established,related accept; \
             icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept; ip saddr {{ {v4} }} tcp dport {port} accept; \
             ip6 saddr {{ {v6} }} tcp dport {port} accept; ip saddr {{ 10.244.{node}.1, 172.18.0.{host} }} accept; ip6 saddr {{ fd00:10:244:{node}::1, fd00:172:18::{host} }} accept; drop; }}; }}"
        );
        let variables = [("n".to_owned(), self.lab.pod(pod)), ("r".to_owned(), rules)];
        shell::run(pod, "ip netns exec $n nft add table inet np; ip netns exec $n nft delete table inet np\nip netns exec $n nft \"$r\"", &variables).unwrap();
    }

    fn check(&self) -> (Option<i32>, Value) {
        let pattern = format!("{}-*", self.lab.name());
        let output = self.plumb.run_plain(&["check", "--netns", &pattern, "-o", "json"]).unwrap();
        (output.status, serde_json::from_slice(&output.stdout).unwrap())
    }
}

/// Fault or id of each finding, its object, and the pairs that it is about.
fn findings(report: &Value) -> Vec<String> {
    let all = report["findings"].as_array().unwrap().iter().map(|f| {
        let object = f["place"]["object"].as_str().unwrap_or_default();
        format!("{} {object} {}", f["fault"].as_str().unwrap_or_default(), f["pairs"]["broken"])
            .replace("  ", " ")
    });
    all.collect()
}

#[test]
fn policies_of_a_lab() {
    let c = Cluster::up();
    let clients = json!([{"podSelector": {"matchLabels": {"app": "client"}}}]);
    c.policy("redis", json!({"podSelector": {"matchLabels": {"app": "redis"}}, "ingress": [{"from": clients, "ports": [{"port": "redis"}]}]}));
    // Eight other pods and two other nodes ask each of three pods, in two families.
    let (status, open) = c.check();
    assert_eq!(
        (status, findings(&open)),
        (Some(1), vec!["P08 NetworkPolicy/default/redis spec.ingress 60".to_owned()])
    );
    assert_eq!(open["scope"]["pairs_forbidden"], 60);
    // Held: as it should be, and told.
    for i in 0..3 {
        c.hold(&format!("redis-{i}"), i + 1, &[1, 2, 3], 6379);
    }
    let (status, held) = c.check();
    assert_eq!((status, findings(&held)), (Some(0), Vec::new()));
    let told = held["ruled_out"].as_array().unwrap().iter().any(|r| r["what"] == "NetworkPolicies");
    assert!(told && held["scope"]["pairs_forbidden"] == 60, "{}", held["ruled_out"]);
    // One client is forgotten at one pod: that is all that is wrong with the rule.
    c.hold("redis-1", 2, &[1, 3], 6379);
    let (_, forgotten) = c.check();
    assert_eq!(findings(&forgotten), ["F01 2"]);
    c.hold("redis-1", 2, &[1, 2, 3], 6379);
    // Labels are those of the API as it is. Of a Service's endpoints one is closed to most: the others answer, and that is right.
    c.api(
        "PATCH",
        "/api/v1/namespaces/default/pods/web-0",
        &json!({"metadata": {"labels": {"alone": "yes"}}}),
    );
    c.policy("web", json!({"podSelector": {"matchLabels": {"alone": "yes"}}, "ingress": [{"from": clients, "ports": [{"port": 8080}]}]}));
    let (_, leaks) = c.check();
    assert_eq!(leaks["findings"].as_array().unwrap().len(), 1);
    assert_eq!(
        (leaks["findings"][0]["id"].as_str(), leaks["scope"]["pairs_forbidden"].as_u64()),
        (Some("policy-not-enforced"), Some(80))
    );
    c.hold("web-0", 1, &[1, 2, 3], 8080);
    let (status, held) = c.check();
    assert_eq!((status, findings(&held)), (Some(0), Vec::new()));
    // A dead endpoint of such a Service is one, by the pairs that may ask it.
    c.lab.break_("T01", "pod:default/web-1").unwrap();
    let (_, dead) = c.check();
    assert_eq!(dead["findings"].as_array().unwrap().len(), 1, "{:?}", findings(&dead));
    assert_eq!(dead["findings"][0]["fault"], "T01");
    c.lab.heal().unwrap();
    // What goes out, and leaves the name servers out.
    let to = json!([{"to": [{"podSelector": {}}]}]);
    c.policy(
        "out",
        json!({"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"], "egress": to}),
    );
    let (_, out) = c.check();
    let ids: Vec<&str> =
        out["findings"].as_array().unwrap().iter().filter_map(|f| f["id"].as_str()).collect();
    assert_eq!(ids, ["policy-not-enforced", "policy-closes-dns"]);
}

/// What administrators say goes before NetworkPolicies, and is held or not as theirs are.
#[test]
fn administrators_policies_of_a_lab() {
    let c = Cluster::up();
    let clients = json!([{"podSelector": {"matchLabels": {"app": "client"}}}]);
    c.policy("redis", json!({"podSelector": {"matchLabels": {"app": "redis"}}, "ingress": [{"from": clients, "ports": [{"port": "redis"}]}]}));
    let redis = json!({"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "redis"}}}});
    let deny = json!({"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy", "metadata": {"name": "deny"},
        "spec": {"priority": 5, "subject": redis, "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]}});
    c.api("POST", "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies", &deny);
    // Nothing holds either. All pods are denied by the one, the other two nodes by the other.
    let (_, open) = c.check();
    let mut ids: Vec<String> = findings(&open);
    ids.sort();
    assert_eq!(
        ids,
        [
            "P07 AdminNetworkPolicy/deny spec.ingress 18",
            "P08 AdminNetworkPolicy/deny spec.ingress 66",
            "P08 NetworkPolicy/default/redis spec.ingress 12"
        ]
    );
    // Held at every pod: that a NetworkPolicy's rule does nothing is what is left to say.
    for i in 0..3 {
        c.hold(&format!("redis-{i}"), i + 1, &[9], 6379);
    }
    let (_, held) = c.check();
    assert_eq!(findings(&held), ["P07 AdminNetworkPolicy/deny spec.ingress 18"]);
    assert_eq!(held["findings"][0]["severity"], "warning");
}

/// A set that lacks one client, and a client that arrives as its node.
#[test]
fn sets_and_translations_of_a_lab() {
    let c = Cluster::up();
    let clients = json!([{"podSelector": {"matchLabels": {"app": "client"}}}]);
    c.policy("redis", json!({"podSelector": {"matchLabels": {"app": "redis"}}, "ingress": [{"from": clients, "ports": [{"port": "redis"}]}]}));
    for i in 0..3 {
        c.hold(&format!("redis-{i}"), i + 1, &[1, 2, 3], 6379);
    }
    assert_eq!(findings(&c.check().1), NONE);
    let rules = |clients: &str| {
        format!(
            "table inet np {{ set peers {{ type ipv4_addr; elements = {{ {clients} }}; }}; chain in {{ type filter hook input priority 0; \
             ct state established,related accept; meta nfproto ipv6 icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept; \
             ip saddr @peers tcp dport 6379 accept; ip6 saddr {{ fd00:10:244:1::2, fd00:10:244:2::2, fd00:10:244:3::2, fd00:10:244:1::1, fd00:172:18::2 }} tcp dport 6379 accept; \
             ip saddr {{ 10.244.1.1, 172.18.0.2 }} accept; drop; }}; }}"
        )
    };
    let set = |clients: &str| {
        let variables = [("n".to_owned(), c.lab.pod("redis-0")), ("r".to_owned(), rules(clients))];
        shell::run(
            "redis-0",
            "ip netns exec $n nft delete table inet np\nip netns exec $n nft \"$r\"",
            &variables,
        )
        .unwrap();
    };
    set("10.244.1.2, 10.244.2.2, 10.244.3.2");
    assert_eq!(findings(&c.check().1), NONE);
    set("10.244.1.2, 10.244.2.2");
    let (_, stale) = c.check();
    assert_eq!(findings(&stale), ["P09 NetworkPolicy/default/redis spec.ingress 1"]);
    let found = &stale["findings"][0];
    assert_eq!((&found["place"]["set"], &found["place"]["missing"]), (&json!("peers"), &json!("10.244.3.2")));
    let command = found["remedy"][0]["command"].as_str().unwrap();
    assert!(command.contains("add element inet np peers '{ 10.244.3.2 }'"), "{command}");
    assert_eq!(found["remedy"][0]["tried_in_model"], "connects");
    // A set with somebody whom the policy does not let in is another's: the rule is told as what it does.
    set("10.244.1.2, 10.244.2.2, 192.0.2.1");
    assert_eq!(findings(&c.check().1), ["F01 1"]);
    // Its address is translated on its node: another source than the one that is let in.
    set("10.244.1.2, 10.244.2.2, 10.244.3.2");
    let node = [("n".to_owned(), format!("{}-node-3", c.lab.name()))];
    let nat = "ip netns exec $n nft 'table ip np { chain post { type nat hook postrouting priority 100; ip saddr 10.244.3.2 tcp dport 6379 masquerade; }; }'";
    shell::run("node-3", nat, &node).unwrap();
    let (_, translated) = c.check();
    let p05: Vec<String> = findings(&translated).into_iter().filter(|f| f.starts_with("P05")).collect();
    assert_eq!(p05, ["P05 NetworkPolicy/default/redis spec.ingress 2"], "{:?}", findings(&translated));
    assert!(!findings(&translated).iter().any(|f| f.starts_with("F01")), "{:?}", findings(&translated));
    let unknown = translated["unknowns"].as_array().unwrap();
    assert!(unknown.iter().any(|u| u["reason"].as_str().unwrap().contains("translation")), "{unknown:?}");
}

const NONE: [&str; 0] = [];

/// `svc:`, `pod:` and `node:` by the lab's objects.
#[test]
fn objects_are_destinations() {
    let c = Cluster::up();
    let ask = |to: &str| {
        let from = format!("netns:{}", c.lab.pod("client-0"));
        let output = c.plumb.run_plain(&["diagnose", &from, to, "-o", "json"]).unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (
            output.status,
            report["flow"]["destination"].as_str().unwrap_or_default().to_owned(),
            report["flow"]["port"].clone(),
            output.stderr,
        )
    };
    let dns = ask("svc:kube-system/kube-dns:dns-tcp");
    assert_eq!((dns.0, dns.1.as_str(), dns.2.as_u64()), (Some(0), "10.97.0.53", Some(53)), "{}", dns.3);
    let by_hand = ask("svc:default/web:80");
    assert_eq!((by_hand.0, by_hand.2.as_u64()), (Some(0), Some(80)), "{}", by_hand.3);
    let pod = ask("pod:default/web-1:http");
    assert_eq!((pod.0, pod.1.as_str(), pod.2.as_u64()), (Some(0), "10.244.2.3", Some(8080)), "{}", pod.3);
    for (to, word) in [
        ("svc:default/nothing:80", "there is no Service"),
        ("svc:default/web:81", "it has:"),
        ("pod:default/web-1:ftp", "it has:"),
        ("node:node-1:ssh", "no names"),
    ] {
        let (status, .., error) = ask(to);
        assert!(status == Some(2) && error.replace('\n', " ").contains(word), "{to}: {error}");
    }
}

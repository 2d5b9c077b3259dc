use plumb_api::{Object, manifest};
use plumb_model::{NameServer, Owner, ResolvConf, Resolver, ResolverOptions};

use super::*;

/// `pod1` and `pod2` of `shop`, `pod3` of `ops`, which asks `pod1`, a server of names.
fn cluster() -> Snapshot {
    let mut s = bridged();
    for (i, namespace) in [(1, "shop"), (2, "shop"), (3, "ops")] {
        let name = format!("pod{i}");
        let n = ns(&mut s, &name);
        n.owner = Some(Owner::Pod { node: "n1".into(), namespace: namespace.into(), name });
        n.resolver = Read::Got(Resolver {
            conf: Read::Got(ResolvConf {
                nameservers: vec![NameServer { address: ip("10.0.8.2"), scope: None }],
                search: Vec::new(),
                options: ResolverOptions::default(),
            }),
            hosts: Read::Got(Vec::new()),
            order: Read::Absent { feature: "/etc/nsswitch.conf".into() },
            domain: None,
            paths: ["resolv.conf", "hosts", "nsswitch.conf"].map(|f| format!("/etc/netns/pod{i}/{f}")),
            odd: Vec::new(),
            others: Vec::new(),
        });
    }
    ns(&mut s, "node").owner = Some(Owner::Node { node: "n1".into() });
    s
}

fn objects(policies: &[&str]) -> Vec<Object> {
    let mut text = "
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ops, labels: {team: ops}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{port: 8080, targetPort: 80}]}}
"
    .to_owned();
    for (i, namespace, labels, host) in [
        (1, "shop", "app: web, v: one", false),
        (2, "shop", "app: db", false),
        (3, "ops", "app: probe", false),
        (9, "ops", "app: agent", true),
    ] {
        text.push_str(&format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: pod{i}, namespace: {namespace}, labels: {{{labels}}}}}, spec: {{nodeName: n1, \
             hostNetwork: {host}, containers: [{{name: c, ports: [{{name: http, containerPort: 80}}]}}]}}, status: {{phase: Running, podIP: 10.0.8.{}, \
             conditions: [{{type: Ready, status: 'True'}}]}}}}\n",
            i + 1
        ));
    }
    for (i, policy) in policies.iter().enumerate() {
        let (namespace, spec) = policy.split_once(' ').unwrap();
        text.push_str(&format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{i}, namespace: {namespace}}}, spec: {spec}}}\n"
        ));
    }
    manifest::parse(&text, "a.yaml").unwrap().objects.into_iter().map(|o| o.value).collect()
}

/// What checks of policies find: id, object, severity, whom it affects.
fn by(policies: &[&str]) -> Vec<String> {
    let s = cluster();
    let net = Network::compile(&s);
    let mut yardstick = Yardstick::of_snapshot(&net, None);
    yardstick.add_objects(&objects(policies), "");
    let all = findings(&s, &net, &yardstick, Lang::Zh).into_iter().filter(|f| f.id.starts_with("policy-"));
    all.map(|f| {
        assert!(!f.summary.contains('{') && !f.evidence.is_empty(), "{}", f.summary);
        format!("{} {} {:?} {}", f.id, f.place["object"].as_str().unwrap(), f.severity, f.affects.join(","))
    })
    .collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_service_that_nobody_is_let_in_to() {
    let closed = ["policy-closes-service NetworkPolicy/shop/p0 spec.ingress Warning svc:shop/web:8080"];
    assert_eq!(by(&["shop {podSelector: {}}"]), closed);
    // Somebody may, by whatever policy; a policy about others; one that is about what goes out.
    assert_eq!(
        by(&["shop {podSelector: {}}", "shop {podSelector: {}, ingress: [{ports: [{port: http}]}]}"]),
        NONE
    );
    assert_eq!(by(&["shop {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 1.2.3.4/32}}]}]}"]), NONE);
    assert_eq!(by(&["shop {podSelector: {matchLabels: {app: db}}}"]), NONE);
    assert_eq!(by(&["ops {podSelector: {}}"]), NONE);
}

#[test]
fn the_number_of_the_services_port() {
    let named = by(&["shop {podSelector: {}, ingress: [{ports: [{port: 443}, {port: 8080}]}]}"]);
    assert_eq!(
        named,
        [
            "policy-names-service-port NetworkPolicy/shop/p0 spec.ingress[0].ports[1].port Warning svc:shop/web:8080"
        ]
    );
    assert_eq!(by(&["shop {podSelector: {}, ingress: [{ports: [{port: 8080}, {port: 80}]}]}"]), NONE);
    assert_eq!(by(&["shop {podSelector: {}, ingress: [{ports: [{port: 70, endPort: 90}]}]}"]), NONE);
}

#[test]
fn both_selectors_where_either_was_meant() {
    let rule = |peer: &str| format!("shop {{podSelector: {{}}, ingress: [{{from: [{peer}]}}]}}");
    let team = "namespaceSelector: {matchLabels: {team: ops}}";
    let both = rule(&format!("{{{team}, podSelector: {{matchLabels: {{app: db}}}}}}"));
    assert_eq!(
        by(&[&both]),
        ["policy-selects-nobody NetworkPolicy/shop/p0 spec.ingress[0].from[0] Warning "]
    );
    // Two items; both hold for somebody; nobody has such labels yet.
    let split = rule(&format!("{{{team}}}, {{podSelector: {{matchLabels: {{app: db}}}}}}"));
    assert_eq!(by(&[&split]), NONE);
    assert_eq!(by(&[&rule(&format!("{{{team}, podSelector: {{matchLabels: {{app: probe}}}}}}"))]), NONE);
    assert_eq!(by(&[&rule(&format!("{{{team}, podSelector: {{matchLabels: {{app: later}}}}}}"))]), NONE);
}

#[test]
fn peers_of_the_nodes_network() {
    let rule = |app: &str| {
        format!(
            "shop {{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {{}}, podSelector: {{matchExpressions: [{{key: app, operator: In, values: [{app}]}}]}}}}]}}]}}"
        )
    };
    let agent =
        ["policy-selects-host-network NetworkPolicy/shop/p0 spec.ingress[0].from[0] Warning pod:ops/pod9"];
    assert_eq!(by(&[&rule("agent")]), agent);
    assert_eq!(by(&[&rule("agent, probe")]), NONE);
}

#[test]
fn no_way_to_the_name_servers() {
    let out = |rules: &str| format!("ops {{podSelector: {{}}, policyTypes: [Egress], egress: [{rules}]}}");
    let told = |severity: &str| {
        format!("policy-closes-dns NetworkPolicy/ops/p0 spec.egress {severity} pod:ops/pod3")
    };
    assert_eq!(by(&[&out("{ports: [{port: 443}]}")]), [told("Warning")]);
    assert_eq!(by(&[&out("")]), [told("Info")]);
    assert_eq!(by(&[&out("{ports: [{port: 443}]}, {ports: [{port: 53, protocol: UDP}]}")]), NONE);
    assert_eq!(by(&[&out("{to: [{namespaceSelector: {}}]}")]), NONE);
    // The server itself, which asks itself.
    assert_eq!(by(&["shop {podSelector: {matchLabels: {v: one}}, policyTypes: [Egress]}"]), NONE);
}

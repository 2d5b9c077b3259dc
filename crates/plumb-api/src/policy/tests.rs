#![allow(clippy::unwrap_used)]
mod admin;

use std::collections::BTreeMap;

use super::*;
use crate::manifest;
use crate::objects::Pod;

/// Namespaces, Pods and nodes that the cases are about: `web` and `db` of `shop`, `probe` of `ops`, `agent` of node-1's network.
const CLUSTER: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ops, labels: {team: b}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web, tier: front}},
  spec: {nodeName: node-1, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}, status: {podIP: 10.1.0.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: db}}, spec: {nodeName: node-2,
  containers: [{name: c, ports: [{name: sql, containerPort: 5432}, {name: sql, containerPort: 5353, protocol: UDP}]}],
  initContainers: [{name: s, restartPolicy: Always, ports: [{name: metrics, containerPort: 9000}]}, {name: i, ports: [{name: once, containerPort: 1}]}]},
  status: {podIPs: [{ip: 10.1.0.2}, {ip: 'fd00::2'}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: probe, namespace: ops, labels: {app: probe}}, spec: {nodeName: node-2,
  containers: [{name: c}]}, status: {podIP: 10.1.0.3}}
---
{apiVersion: v1, kind: Pod, metadata: {name: agent, namespace: ops, labels: {app: probe}},
  spec: {nodeName: node-1, hostNetwork: true, containers: [{name: c}]}, status: {podIP: 192.168.0.1}}
";

struct Cluster {
    policies: Policies,
    parties: BTreeMap<String, Party>,
}

/// The cluster with policies, each `NAMESPACE SPEC`; `admin SPEC` and `baseline SPEC` are an administrator's.
fn with(policies: &[&str]) -> Cluster {
    let mut text = CLUSTER.to_owned();
    for (i, policy) in policies.iter().enumerate() {
        let (namespace, spec) = policy.split_once(' ').unwrap();
        let (version, kind, place) = match namespace {
            "admin" => ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", String::new()),
            "baseline" => ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", String::new()),
            _ => ("networking.k8s.io/v1", "NetworkPolicy", format!(", namespace: {namespace}")),
        };
        text.push_str(&format!(
            "---\n{{apiVersion: {version}, kind: {kind}, metadata: {{name: p{i}{place}}}, spec: {spec}}}\n"
        ));
    }
    let objects: Vec<Object> =
        manifest::parse(&text, "a.yaml").unwrap().objects.into_iter().map(|o| o.value).collect();
    let pods = objects.iter().filter_map(|o| if let Object::Pod(p) = o { Some(p) } else { None });
    let mut parties: BTreeMap<String, Party> =
        pods.map(|p: &Pod| (p.metadata.name.to_string(), Party::of_pod(p))).collect();
    let mut add = |name: &str, role, node: Option<&str>, address: &str| {
        let addresses = vec![address.parse().unwrap()];
        parties.insert(name.to_owned(), Party { role, node: node.map(Into::into), addresses });
    };
    let pod = |namespace: Option<&str>| Role::Pod {
        namespace: namespace.map(Into::into),
        labels: None,
        ports: None,
    };
    add("node-1", Role::Node, Some("node-1"), "192.168.0.1");
    add("node-2", Role::Node, Some("node-2"), "192.168.0.2");
    add("outside", Role::Outside, None, "203.0.113.9");
    add("bare", pod(Some("shop")), Some("node-1"), "10.1.0.8");
    add("nobody", pod(None), None, "10.1.0.9");
    Cluster { policies: Policies::new(&objects), parties }
}

impl Cluster {
    /// `web db:5432`, `web db:5353/UDP`: `yes`, `no p0:Ingress`, `undefined`, `? p0:Ingress LabelsOfPod`.
    fn ask(&self, question: &str) -> String {
        let (from, to) = question.split_once(' ').unwrap();
        let (to, port) = to.split_once(':').unwrap();
        let (from, to) = (&self.parties[from], &self.parties[to]);
        let at = to.addresses[0];
        let judged = match port.split_once('/').unwrap_or((port, "TCP")) {
            ("echo", _) => self.policies.judge_echo(from, to, at),
            (port, protocol) => {
                let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
                    .into_iter()
                    .find(|p| p.to_string() == protocol)
                    .unwrap();
                self.policies.judge(from, to, at, protocol, port.parse().unwrap())
            }
        };
        let name = |v: &Verdict| format!(" {}:{:?}", v.policy.name.name, v.direction);
        match judged {
            Judgement::Allowed => "yes".to_owned(),
            Judgement::Undefined => "undefined".to_owned(),
            Judgement::Forbidden(all) => format!("no{}", all.iter().map(name).collect::<String>()),
            Judgement::Unknown(all) => {
                format!("?{}", all.iter().map(|(v, d)| format!("{} {d:?}", name(v))).collect::<String>())
            }
        }
    }
}

fn check(policies: &[&str], cases: &[(&str, &str)]) {
    let cluster = with(policies);
    for (question, answer) in cases {
        assert_eq!(cluster.ask(question), *answer, "{question} with {policies:?}");
    }
}

#[test]
fn without_policies_all_is_open() {
    check(&[], &[("web db:5432", "yes"), ("outside db:1", "yes"), ("web db:echo", "yes")]);
}

#[test]
fn who_is_meant_and_in_which_direction() {
    // Nothing may come in; what goes out, and other namespaces, are open.
    check(
        &["shop {podSelector: {}}"],
        &[
            ("web db:5432", "no p0:Ingress"),
            ("probe db:5432", "no p0:Ingress"),
            ("db probe:80", "yes"),
            ("outside web:80", "no p0:Ingress"),
            ("web db:echo", "undefined"),
            ("db probe:echo", "yes"),
        ],
    );
    // An empty egress without policyTypes is none; with it, or with a rule, it is.
    check(
        &["shop {podSelector: {}, ingress: [{}], egress: []}"],
        &[("web probe:80", "yes"), ("web db:1", "yes")],
    );
    check(
        &["shop {podSelector: {}, policyTypes: [Egress]}"],
        &[("web probe:80", "no p0:Egress"), ("probe web:80", "yes")],
    );
    check(&["shop {podSelector: {}, policyTypes: [Egress], ingress: []}"], &[("probe web:80", "yes")]);
    check(
        &["shop {podSelector: {matchLabels: {app: web}}, egress: [{to: [{podSelector: {}}]}]}"],
        &[
            ("web probe:80", "no p0:Egress"),
            ("web db:80", "yes"),
            ("probe web:80", "no p0:Ingress"),
            ("db probe:1", "yes"),
        ],
    );
    check(
        &["shop {podSelector: {}}", "shop {podSelector: {}, policyTypes: [Egress]}"],
        &[("web db:1", "no p1:Egress p0:Ingress")],
    );
}

#[test]
fn policies_add_up() {
    check(
        &[
            "shop {podSelector: {}}",
            "shop {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}",
        ],
        &[
            ("web db:5432", "yes"),
            ("probe db:5432", "no p0:Ingress p1:Ingress"),
            ("db web:8080", "no p0:Ingress"),
        ],
    );
}

#[test]
fn peers_are_one_or_both() {
    let both = "shop {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: web}}}]}]}";
    check(&[both], &[("web db:1", "no p0:Ingress"), ("probe db:1", "no p0:Ingress")]);
    let either = "shop {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}, {podSelector: {matchLabels: {app: web}}}]}]}";
    check(&[either], &[("web db:1", "yes"), ("probe db:1", "yes"), ("outside db:1", "no p0:Ingress")]);
    // Every namespace, by an empty selector; the own one only without.
    let all = "shop {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}";
    check(&[all], &[("probe db:1", "yes"), ("outside db:1", "no p0:Ingress"), ("nobody db:1", "yes")]);
    let named = "shop {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}}]}]}";
    check(&[named], &[("probe db:1", "yes"), ("web db:1", "no p0:Ingress")]);
}

#[test]
fn expressions() {
    let taking = |expression: &str| {
        format!(
            "shop {{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{podSelector: {{matchExpressions: [{expression}]}}}}]}}]}}"
        )
    };
    for (expression, web) in [
        ("{key: tier, operator: In, values: [front, back]}", "yes"),
        ("{key: tier, operator: NotIn, values: [front]}", "no p0:Ingress"),
        ("{key: none, operator: NotIn, values: [front]}", "yes"),
        ("{key: tier, operator: Exists}", "yes"),
        ("{key: tier, operator: DoesNotExist}", "no p0:Ingress"),
        ("{key: tier, operator: Exists}, {key: app, operator: In, values: [db]}", "no p0:Ingress"),
    ] {
        check(&[&taking(expression)], &[("web db:1", web)]);
    }
}

#[test]
fn ranges_of_addresses() {
    let block =
        "shop {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/24, except: [10.1.0.3/32]}}]}]}";
    check(
        &[block],
        &[("web db:1", "yes"), ("probe db:1", "no p0:Ingress"), ("outside db:1", "no p0:Ingress")],
    );
    let out =
        "ops {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}";
    check(&[out], &[("probe outside:443", "yes"), ("probe db:1", "no p0:Egress")]);
    let wrong = "shop {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/99}}]}]}";
    check(&[wrong], &[("web db:1", "? p0:Ingress Field")]);
}

#[test]
fn ports_by_number_range_and_name() {
    let ports = |ports: &str| format!("shop {{podSelector: {{}}, ingress: [{{ports: [{ports}]}}]}}");
    check(
        &[&ports("{port: 5432}")],
        &[("web db:5432", "yes"), ("web db:5432/UDP", "no p0:Ingress"), ("web db:80", "no p0:Ingress")],
    );
    check(
        &[&ports("{port: 100, endPort: 200}")],
        &[("web db:100", "yes"), ("web db:200", "yes"), ("web db:201", "no p0:Ingress")],
    );
    check(&[&ports("{protocol: UDP}")], &[("web db:9/UDP", "yes"), ("web db:9", "no p0:Ingress")]);
    check(&[&ports("{protocol: SCTP, port: 7}")], &[("web db:7/SCTP", "yes"), ("web db:7", "no p0:Ingress")]);
    // The name is that of a port of the Pod that is connected to, of the rule's protocol; a sidecar's counts.
    check(
        &[&ports("{port: sql}, {port: metrics}, {port: once}")],
        &[
            ("web db:5432", "yes"),
            ("web db:5353/UDP", "no p0:Ingress"),
            ("web db:9000", "yes"),
            ("web db:1", "no p0:Ingress"),
            ("db web:5432", "no p0:Ingress"),
            ("web bare:5432", "? p0:Ingress PortsOfPod"),
        ],
    );
    let out = "shop {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}";
    check(
        &[out],
        &[("db web:8080", "yes"), ("db web:80", "no p0:Egress"), ("db outside:8080", "no p0:Egress")],
    );
}

#[test]
fn nodes_and_oneself() {
    let closed = &["shop {podSelector: {}, policyTypes: [Ingress, Egress]}"];
    check(
        closed,
        &[
            ("web web:8080", "yes"),
            ("node-1 web:8080", "yes"),
            ("agent web:8080", "yes"),
            ("node-2 web:8080", "no p0:Ingress"),
            ("web node-1:10250", "yes"),
            ("web node-2:10250", "no p0:Egress"),
            // A Pod of its node's network is its node: no policy is about it, and no selector takes it.
            ("probe agent:80", "yes"),
        ],
    );
    let selected = "shop {podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: probe}}}]}]}";
    check(&[selected], &[("probe db:1", "yes"), ("agent db:1", "no p0:Ingress"), ("agent web:1", "yes")]);
}

#[test]
fn what_is_not_known_is_open_only_where_it_decides() {
    let by_label = "shop {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}";
    check(
        &[by_label],
        &[
            ("bare db:1", "? p0:Ingress LabelsOfPod"),
            ("nobody db:1", "? p0:Ingress NameOfPod"),
            ("probe bare:1", "? p0:Ingress LabelsOfPod"),
            // It lets `web` in, whether it is about it or not.
            ("web bare:1", "yes"),
            ("outside bare:1", "? p0:Ingress LabelsOfPod"),
            ("bare probe:1", "yes"),
            ("bare nobody:1", "? p0:Ingress NameOfPod"),
        ],
    );
    // Whoever it is, nobody is let in.
    check(&["shop {podSelector: {}}"], &[("nobody db:1", "no p0:Ingress"), ("bare db:1", "no p0:Ingress")]);
    // The node of a Pod that is not known may be the one that asks.
    check(&["shop {podSelector: {}}"], &[("node-1 nobody:1", "? p0:Ingress NameOfPod")]);
    let foreign =
        "shop {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: c}}}]}]}";
    let mut cluster = with(&[foreign]);
    cluster.policies.namespaces.remove("ops");
    assert_eq!(cluster.ask("probe db:1"), "? p0:Ingress LabelsOfNamespace");
    assert_eq!(cluster.ask("web db:1"), "no p0:Ingress");
}

#[test]
fn marks_tell_apart_whom_policies_do() {
    let cluster = with(&[
        "shop {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.3/32}}], ports: [{port: http}]}]}",
    ]);
    let mark = |name: &str| cluster.policies.mark(&cluster.parties[name]);
    assert_ne!(mark("web"), mark("db"));
    assert_ne!(mark("web"), mark("probe"));
    assert_eq!(mark("web").len(), mark("web").len());
    assert_eq!(mark("node-1"), mark("outside"));
}

//! What administrators say before and after NetworkPolicies, and policies that nobody here reads.

use super::*;
use crate::objects::NamespacedName;

const FROM_OPS: &str = "from: [{namespaces: {matchLabels: {team: b}}}]";

#[test]
fn the_first_rule_that_fits_counts_before_networkpolicies() {
    let deny = format!(
        "admin {{priority: 10, subject: {{namespaces: {{}}}}, ingress: [{{action: Deny, {FROM_OPS}}}]}}"
    );
    // Who is not meant by it goes on as ever; a NetworkPolicy's rule does not help against it.
    check(
        &[&deny],
        &[("probe db:5432", "no p0:Ingress"), ("web db:5432", "yes"), ("outside db:5432", "yes")],
    );
    check(
        &[&deny, "shop {podSelector: {}, ingress: [{}]}"],
        &[("probe db:1", "no p0:Ingress"), ("web db:1", "yes")],
    );
    // It allows what NetworkPolicies forbid.
    let allow = format!(
        "admin {{priority: 10, subject: {{namespaces: {{}}}}, ingress: [{{action: Allow, {FROM_OPS}}}]}}"
    );
    check(&[&allow, "shop {podSelector: {}}"], &[("probe db:1", "yes"), ("web db:1", "no p1:Ingress")]);
    // Within a policy the earlier rule, among policies the lower number.
    let order = format!(
        "admin {{priority: 10, subject: {{namespaces: {{}}}}, ingress: [{{action: Allow, {FROM_OPS}, ports: [{{portNumber: {{protocol: TCP, port: 80}}}}]}}, {{action: Deny, {FROM_OPS}}}]}}"
    );
    check(&[&order], &[("probe db:80", "yes"), ("probe db:81", "no p0:Ingress")]);
    let earlier = allow.replace("priority: 10", "priority: 9");
    check(&[&deny, &earlier], &[("probe db:1", "yes")]);
    check(&[&deny, &allow.replace("priority: 10", "priority: 11")], &[("probe db:1", "no p0:Ingress")]);
    // With one number either may be asked first; two that say the same leave no doubt.
    check(&[&deny, &allow], &[("probe db:1", "? p1:Ingress SamePriority")]);
    check(&[&deny, &deny], &[("probe db:1", "no p0:Ingress")]);
}

#[test]
fn what_is_passed_is_for_networkpolicies_then_the_baseline() {
    let pass = format!(
        "admin {{priority: 1, subject: {{namespaces: {{}}}}, ingress: [{{action: Pass, {FROM_OPS}}}]}}"
    );
    let deny =
        "admin {priority: 2, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}";
    let base = "baseline {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}";
    check(&[&pass, deny], &[("probe db:1", "yes"), ("web db:1", "no p1:Ingress")]);
    check(&[&pass, deny, base], &[("probe db:1", "no p2:Ingress"), ("web db:1", "no p1:Ingress")]);
    // The baseline is asked of Pods alone that no NetworkPolicy is about.
    let only_db = "shop {podSelector: {matchLabels: {app: db}}, ingress: [{}]}";
    check(
        &[base, only_db],
        &[("probe db:1", "yes"), ("probe web:1", "no p0:Ingress"), ("outside web:1", "yes")],
    );
    check(
        &[base, only_db],
        // Whether one is about it is not known, so neither is whether the baseline is asked.
        &[("probe bare:1", "? p0:Ingress LabelsOfPod")],
    );
}

#[test]
fn whom_rules_of_administrators_take() {
    let out = |peer: &str| {
        format!(
            "admin {{priority: 1, subject: {{pods: {{namespaceSelector: {{}}, podSelector: {{matchLabels: {{app: web}}}}}}}}, egress: [{{action: Deny, to: [{peer}]}}]}}"
        )
    };
    check(
        &[&out("{networks: [203.0.113.0/24]}")],
        &[("web outside:1", "no p0:Egress"), ("db outside:1", "yes"), ("web db:1", "yes")],
    );
    check(
        &[&out("{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}")],
        &[("web db:1", "no p0:Egress"), ("web probe:1", "yes"), ("web bare:1", "? p0:Egress LabelsOfPod")],
    );
    check(
        &[&out("{nodes: {}}")],
        &[
            ("web node-2:1", "no p0:Egress"),
            ("web agent:1", "? p0:Egress OwnNode"),
            ("web node-1:1", "? p0:Egress OwnNode"),
            ("web db:1", "yes"),
        ],
    );
    check(&[&out("{nodes: {matchLabels: {a: b}}}")], &[("web node-2:1", "? p0:Egress LabelsOfNode")]);
    check(
        &[&out("{domainNames: ['*.example.org']}")],
        &[("web outside:1", "? p0:Egress DomainNames"), ("web db:1", "yes")],
    );
    // A field that is not known, or several.
    check(&[&out("{}")], &[("web db:1", "? p0:Egress Field")]);
    // A Pod of its node's network is nobody's subject, and no selector takes it.
    let all =
        "admin {priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}";
    check(&[all], &[("web agent:1", "yes"), ("agent db:1", "yes"), ("web db:echo", "undefined")]);
}

#[test]
fn ports_of_administrators() {
    let at = |port: &str| {
        format!(
            "admin {{priority: 1, subject: {{namespaces: {{}}}}, ingress: [{{action: Deny, from: [{{namespaces: {{}}}}], ports: [{port}]}}]}}"
        )
    };
    check(
        &[&at("{portNumber: {protocol: UDP, port: 53}}")],
        &[("web db:53/UDP", "no p0:Ingress"), ("web db:53", "yes")],
    );
    check(
        &[&at("{portRange: {start: 100, end: 200}}")],
        &[("web db:200", "no p0:Ingress"), ("web db:201", "yes"), ("web db:150/UDP", "yes")],
    );
    check(
        &[&at("{namedPort: sql}")],
        &[
            ("web db:5432", "no p0:Ingress"),
            ("web db:5353/UDP", "no p0:Ingress"),
            ("web db:5353", "yes"),
            ("web bare:5432", "? p0:Ingress PortsOfPod"),
        ],
    );
    check(&[&at("{}")], &[("web db:1", "? p0:Ingress Field")]);
}

#[test]
fn what_a_kind_that_is_not_read_could_change_is_not_known() {
    let foreign = |kind: &str, namespace: &str| {
        PolicyRef::foreign("cilium.io/v2", kind, NamespacedName::new(namespace, "x"))
    };
    let mut cluster = with(&["shop {podSelector: {}}"]);
    cluster.policies = cluster.policies.with_foreign(&[foreign("CiliumNetworkPolicy", "shop")]);
    for (question, answer) in [
        ("probe db:1", "? x:Ingress Foreign"),
        ("web db:1", "? x:Egress Foreign x:Ingress Foreign"),
        ("db outside:1", "? x:Egress Foreign"),
        ("node-1 web:1", "? x:Ingress Foreign"),
        ("probe nobody:1", "? x:Ingress Foreign"),
        ("probe outside:1", "yes"),
        ("web web:1", "yes"),
        ("probe db:echo", "undefined"),
        ("probe agent:1", "yes"),
    ] {
        assert_eq!(cluster.ask(question), answer, "{question}");
    }
    let mut cluster = with(&[]);
    cluster.policies = cluster.policies.with_foreign(&[foreign("CiliumClusterwideNetworkPolicy", "")]);
    assert!(!cluster.policies.is_empty());
    assert_eq!(cluster.ask("probe outside:1"), "? x:Egress Foreign");
    assert_eq!(cluster.ask("outside node-1:1"), "? x:Ingress Foreign");
    let marks: Vec<_> = ["web", "probe"].map(|n| cluster.policies.mark(&cluster.parties[n])).into();
    assert_eq!(marks[0], marks[1]);
}

#[test]
fn a_plugins_policies_in_files_are_kept_by_name() {
    let text = "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: a, namespace: shop}}\n---\n\
                {apiVersion: example.org/v1, kind: Thing, metadata: {name: b}}\n";
    let read = manifest::merge([manifest::parse(text, "a.yaml").unwrap()]);
    assert_eq!(read.foreign, [foreign_of("shop")]);
    assert_eq!(read.warnings.len(), 2);
}

fn foreign_of(namespace: &str) -> PolicyRef {
    PolicyRef::foreign("cilium.io/v2", "CiliumNetworkPolicy", NamespacedName::new(namespace, "a"))
}

/// Of an earlier shape (`namespaces.namespaceSelector`) nothing may be left out: what is left would take everything.
#[test]
fn fields_of_other_shapes_are_errors() {
    let of = |peer: &str| {
        format!(
            "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {{name: a}}, spec: {{priority: 1, subject: {{namespaces: {{}}}}, ingress: [{{action: Deny, from: [{peer}]}}]}}}}"
        )
    };
    assert!(manifest::parse(&of("{namespaces: {matchLabels: {a: b}}}"), "a.yaml").is_ok());
    for peer in [
        "{namespaces: {namespaceSelector: {matchLabels: {a: b}}}}",
        "{pods: {namespaces: {}, podSelector: {}}}",
        "{externalSets: {}}",
    ] {
        let error = manifest::parse(&of(peer), "a.yaml").expect_err("another shape").to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}

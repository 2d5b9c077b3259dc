#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::{Value, json};

fn found(object: Value) -> Vec<String> {
    let violations = check(&Object::from_json(object).unwrap());
    violations.iter().map(|v| format!("{} {}", v.path, v.problem.id())).collect()
}

fn service(spec: Value, status: Value) -> Vec<String> {
    found(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec, "status": status}),
    )
}

#[test]
fn services() {
    let port = json!([{"port": 80}]);
    for (mut spec, wanted) in [
        (json!({}), &[][..]),
        (
            json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"], "ipFamilies": ["IPv4", "IPv6"]}),
            &[],
        ),
        (json!({"clusterIP": "010.0.0.1"}), &[]),
        (
            json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30000}),
            &[],
        ),
        (json!({"externalIPs": ["192.0.2.1"], "externalTrafficPolicy": "Local"}), &[]),
        (
            json!({"externalTrafficPolicy": "Cluster"}),
            &["spec.externalTrafficPolicy external-traffic-policy"],
        ),
        (
            json!({"type": "NodePort", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30000}),
            &["spec.healthCheckNodePort health-check-node-port"],
        ),
        (
            json!({"type": "LoadBalancer", "healthCheckNodePort": 30000}),
            &["spec.healthCheckNodePort health-check-node-port"],
        ),
        (json!({"ports": []}), &["spec.ports required"]),
        (json!({"ports": [], "clusterIP": "None"}), &[]),
        (json!({"ports": [{"port": 80, "nodePort": 30000}]}), &["spec.ports[0].nodePort node-port"]),
        (
            json!({"ports": [{"port": 80}, {"port": 80, "name": "B"}]}),
            &["spec.ports[0].name required", "spec.ports[1].name name", "spec.ports[1] duplicate-port"],
        ),
        (
            json!({"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "a", "protocol": "UDP"}]}),
            &["spec.ports[1].name duplicate"],
        ),
        (
            json!({"ports": [{"port": 0, "targetPort": 65536}]}),
            &["spec.ports[0].port port", "spec.ports[0].targetPort port"],
        ),
        (
            json!({"ports": [{"port": 1, "targetPort": "not a name"}]}),
            &["spec.ports[0].targetPort port-name"],
        ),
        (
            json!({"type": "NodePort", "ports": [{"name": "a", "port": 1, "nodePort": 30000}, {"name": "b", "port": 2, "nodePort": 30000}]}),
            &["spec.ports[1].nodePort duplicate-port"],
        ),
        (json!({"clusterIP": "x"}), &["spec.clusterIP not-an-ip"]),
        (json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.2"]}), &["spec.clusterIPs first-differs"]),
        (json!({"clusterIPs": ["10.0.0.2"]}), &["spec.clusterIPs first-differs"]),
        (
            json!({"clusterIP": "None", "clusterIPs": ["None", "10.0.0.1"]}),
            &["spec.clusterIPs none-among-others"],
        ),
        (
            json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "10.0.0.2"]}),
            &["spec.clusterIPs same-family"],
        ),
        (
            json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1", "fd00::2"]}),
            &["spec.clusterIPs too-many"],
        ),
        (json!({"clusterIP": "10.0.0.1", "ipFamilies": ["IPv6"]}), &["spec.clusterIP wrong-family"]),
        (json!({"ipFamilies": ["IPv6", "IPv6"]}), &["spec.ipFamilies[1] duplicate"]),
        (json!({"type": "NodePort", "clusterIP": "None"}), &["spec.clusterIP headless"]),
        (
            json!({"externalIPs": ["127.0.0.1", "a"]}),
            &["spec.externalIPs[0] special-ip", "spec.externalIPs[1] not-an-ip"],
        ),
        (
            json!({"loadBalancerSourceRanges": ["10.0.0.0/8 ", "10.0.0.1"]}),
            &[
                "spec.loadBalancerSourceRanges only-for-load-balancer",
                "spec.loadBalancerSourceRanges[1] not-a-cidr",
            ],
        ),
        (
            json!({"allocateLoadBalancerNodePorts": false}),
            &["spec.allocateLoadBalancerNodePorts only-for-load-balancer"],
        ),
        (
            json!({"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 5}}}),
            &["spec.sessionAffinityConfig affinity-config"],
        ),
        (
            json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}}}),
            &["spec.sessionAffinityConfig.clientIP.timeoutSeconds affinity-timeout"],
        ),
        (json!({"trafficDistribution": "PreferFar"}), &["spec.trafficDistribution not-one-of"]),
        (
            json!({"type": "ExternalName", "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"]}),
            &[
                "spec.clusterIP not-for-external-name",
                "spec.ipFamilies not-for-external-name",
                "spec.externalName required",
            ],
        ),
        (json!({"type": "ExternalName", "externalName": "a.example."}), &[]),
    ] {
        if spec.get("ports").is_none() {
            spec["ports"] = port.clone();
        }
        assert_eq!(service(spec.clone(), json!({})), wanted, "{spec}");
    }
}

#[test]
fn load_balancers() {
    let of = |kind: &str, ingress: Value| {
        service(
            json!({"type": kind, "ports": [{"port": 1}]}),
            json!({"loadBalancer": {"ingress": [ingress]}}),
        )
    };
    let path = "status.loadBalancer.ingress";
    assert_eq!(of("LoadBalancer", json!({"ip": "192.0.2.1", "ipMode": "VIP"})), [""; 0]);
    assert_eq!(of("NodePort", json!({"ip": "192.0.2.1"})), [format!("{path} no-load-balancer")]);
    assert_eq!(of("LoadBalancer", json!({"ip": "x"})), [format!("{path}[0].ip not-an-ip")]);
    assert_eq!(
        of("LoadBalancer", json!({"hostname": "192.0.2.1", "ipMode": "Proxy"})),
        [format!("{path}[0].ipMode ip-mode-without-ip"), format!("{path}[0].hostname hostname-is-address")]
    );
}

#[test]
fn slices_and_endpoints() {
    let slice = |fields: Value| {
        let mut slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "a-1", "labels": {"kubernetes.io/service-name": "a"}}, "addressType": "IPv4",
            "endpoints": [], "ports": []});
        slice.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        found(slice)
    };
    let endpoint = |address: &str| json!({"addresses": [address]});
    assert_eq!(slice(json!({"endpoints": [endpoint("10.0.0.1")]})), [""; 0]);
    assert_eq!(
        slice(json!({"metadata": {"name": "a"}})),
        ["metadata.labels[kubernetes.io/service-name] no-service-name"]
    );
    assert_eq!(
        slice(json!({"endpoints": [endpoint("fd00::1"), endpoint("x"), {"addresses": []}]})),
        [
            "endpoints[0].addresses[0] wrong-family",
            "endpoints[1].addresses[0] not-an-ip",
            "endpoints[2].addresses required"
        ]
    );
    assert_eq!(
        slice(json!({"addressType": "FQDN", "endpoints": [endpoint("a.example"), endpoint("_")]})),
        ["endpoints[1].addresses[0] name"]
    );
    assert_eq!(slice(json!({"endpoints": vec![endpoint("10.0.0.1"); 1001]})), ["endpoints too-many"]);
    let ports: Vec<Value> = (1..=101).map(|i| json!({"name": format!("p{i}"), "port": i})).collect();
    assert_eq!(slice(json!({"ports": ports})), ["ports too-many"]);
    assert_eq!(slice(json!({"ports": [{"port": 1}, {"name": "", "port": 2}]})), ["ports[1].name duplicate"]);

    let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "a"}, "subsets": [
        {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}, {"name": "b", "port": 0}]},
        {"notReadyAddresses": [{"ip": "10.0.0"}]}, {}]});
    assert_eq!(
        found(endpoints),
        [
            "subsets[0].ports[0].name required",
            "subsets[0].ports[1].port port",
            "subsets[1].notReadyAddresses[0].ip not-an-ip",
            "subsets[2] required"
        ]
    );
}

#[test]
fn names_and_other_kinds() {
    let of = |version: &str, kind: &str, name: &str, more: Value| {
        let mut o = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        o.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        found(o)
    };
    let none = json!({});
    assert_eq!(of("v1", "Service", "9a", json!({"spec": {"ports": [{"port": 1}]}})), ["metadata.name name"]);
    assert_eq!(of("v1", "Node", "node-1.example", none.clone()), [""; 0]);
    assert_eq!(of("v1", "Namespace", "a.b", none.clone()), ["metadata.name name"]);
    assert_eq!(
        of(
            "v1",
            "Pod",
            "a",
            json!({"status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}, {"ip": "10.0.0.1"}]}})
        ),
        ["status.podIPs first-differs", "status.podIPs same-family"]
    );
    assert_eq!(
        of("v1", "Node", "a", json!({"spec": {"podCIDRs": ["10.0.0.0/24", "10.0.1.0"]}})),
        ["spec.podCIDRs[1] not-a-cidr"]
    );
    assert_eq!(of("networking.k8s.io/v1", "ServiceCIDR", "a", none), ["spec.cidrs required"]);
}

#[test]
fn network_policies() {
    let of = |spec: serde_json::Value| -> Vec<String> {
        let object = serde_json::json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "a", "namespace": "b"}, "spec": spec});
        let object = Object::from_json(object).unwrap();
        check(&object).iter().map(|v| format!("{} {}", v.path, v.problem.id())).collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(
        of(
            serde_json::json!({"podSelector": {}, "ingress": [{"from": null, "ports": [{"port": 1, "endPort": 9}]}]})
        ),
        none
    );
    let ports = serde_json::json!([{"port": 0}, {"port": "HTTP"}, {"endPort": 9}, {"port": "http", "endPort": 9}, {"port": 9, "endPort": 8},
        {"port": 9, "endPort": 70000}]);
    assert_eq!(
        of(serde_json::json!({"ingress": [{"ports": ports}]})),
        [
            "spec.ingress[0].ports[0].port port",
            "spec.ingress[0].ports[1].port port-name",
            "spec.ingress[0].ports[2].endPort required",
            "spec.ingress[0].ports[3].endPort required",
            "spec.ingress[0].ports[4].endPort range-ends-early",
            "spec.ingress[0].ports[5].endPort port",
        ]
    );
    let to = serde_json::json!([{}, {"ipBlock": {"cidr": "10.0.0.0/33"}},
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.0.0.0/8", "11.0.0.0/16", "x"]}, "podSelector": {}}]);
    assert_eq!(
        of(serde_json::json!({"egress": [{"to": to}], "policyTypes": ["Egress", "Egress"]})),
        [
            "spec.egress[0].to[0] required",
            "spec.egress[0].to[1].ipBlock.cidr not-a-cidr",
            "spec.egress[0].to[2].ipBlock ip-block-among-others",
            "spec.egress[0].to[2].ipBlock.except[1] not-within",
            "spec.egress[0].to[2].ipBlock.except[2] not-within",
            "spec.egress[0].to[2].ipBlock.except[3] not-a-cidr",
            "spec.policyTypes[1] duplicate",
        ]
    );
    let selector = serde_json::json!({"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "a", "operator": "Exists", "values": ["x"]}]});
    assert_eq!(
        of(serde_json::json!({"podSelector": selector})),
        [
            "spec.podSelector.matchExpressions[0].values required",
            "spec.podSelector.matchExpressions[1].values needless-values",
        ]
    );
    let unread = serde_json::json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"},
        "spec": {"policyTypes": ["Sideways"]}});
    assert!(Object::from_json(unread).unwrap_err().to_string().contains("Sideways"));
}

//! Defaults and allocation of Services.

use super::*;

fn field<'a>(service: &'a Stored, path: &str) -> &'a Value {
    service.json.pointer(&format!("/spec/{path}")).unwrap_or(&Value::Null)
}

fn refused(result: Result<Arc<Stored>, Status>) -> Vec<String> {
    let status = result.expect_err("an error");
    assert_eq!(status.code, 422, "{status}");
    status.causes.into_iter().map(|c| c.field).collect()
}

#[test]
fn a_service_of_one_family() {
    let mut store = store();
    let a = service(&mut store, "a", json!({"selector": {"app": "a"}})).expect("a Service");
    assert_eq!(
        a.json["spec"],
        json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "selector": {"app": "a"}, "clusterIP": "10.96.1.0", "clusterIPs": ["10.96.1.0"],
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]})
    );
    assert_eq!(a.json["status"], json!({"loadBalancer": {}}));
    let b = service(
        &mut store,
        "b",
        json!({"clusterIP": "10.96.0.10", "type": "NodePort",
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53},
            {"name": "web", "port": 80, "nodePort": 30080}]}),
    );
    let b = b.expect("a Service");
    assert_eq!(field(&b, "clusterIPs/0"), "10.96.0.10");
    assert_eq!(field(&b, "ports/0/nodePort"), field(&b, "ports/1/nodePort"));
    assert_eq!(
        (field(&b, "ports/0/nodePort"), field(&b, "externalTrafficPolicy")),
        (&json!(30086), &json!("Cluster"))
    );
    assert_eq!(refused(service(&mut store, "c", json!({"clusterIP": "10.96.0.10"}))), ["spec.clusterIPs[0]"]);
    assert_eq!(refused(service(&mut store, "c", json!({"clusterIP": "10.200.0.1"}))), ["spec.clusterIPs[0]"]);
    let ports = json!([{"port": 80, "nodePort": 30080}]);
    let taken = service(&mut store, "c", json!({"type": "NodePort", "ports": ports}));
    assert_eq!(refused(taken), ["spec.ports[0].nodePort"]);
    let outside = json!([{"port": 80, "nodePort": 80}]);
    assert_eq!(
        refused(service(&mut store, "c", json!({"type": "NodePort", "ports": outside}))),
        ["spec.ports[0].nodePort"]
    );
    assert_eq!(refused(service(&mut store, "c", json!({"ports": []}))), ["spec.ports"]);
    // What was refused holds nothing; what is deleted gives back.
    store.delete(Kind::Service, &name("b"), &DeleteOptions::default()).expect("a deletion");
    let c = service(&mut store, "c", json!({"clusterIP": "10.96.0.10", "type": "NodePort", "ports": ports}));
    assert_eq!(field(&c.expect("a Service"), "ports/0/nodePort"), &json!(30080));
}

#[test]
fn both_families_by_policy() {
    let mut store = dual();
    let single = service(&mut store, "a", json!({})).expect("a Service");
    assert_eq!(field(&single, "ipFamilies"), &json!(["IPv4"]));
    let both = service(&mut store, "b", json!({"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]}));
    let both = both.expect("a Service");
    assert_eq!(field(&both, "ipFamilies"), &json!(["IPv6", "IPv4"]));
    assert!(field(&both, "clusterIP").as_str().is_some_and(|ip| ip.starts_with("fd00:96::")));
    assert_eq!(
        refused(service(&mut store, "c", json!({"ipFamilies": ["IPv4", "IPv6"]}))),
        ["spec.ipFamilyPolicy"]
    );
    let wrong = json!({"ipFamilies": ["IPv6"], "clusterIP": "10.96.0.9"});
    assert_eq!(refused(service(&mut store, "c", wrong)), ["spec.clusterIPs[0]"]);

    // Up to two families and down again; the first address stays.
    let patch = |store: &mut Store, policy: &str| {
        let patch = Patch::Merge(json!({"spec": {"ipFamilyPolicy": policy}}));
        store.patch(Kind::Service, &name("a"), Part::Main, patch).expect("a patch")
    };
    let up = patch(&mut store, "RequireDualStack");
    assert_eq!(field(&up, "clusterIPs/0"), field(&single, "clusterIP"));
    assert_eq!(field(&up, "clusterIPs").as_array().map(Vec::len), Some(2));
    let down = patch(&mut store, "SingleStack");
    assert_eq!(field(&down, "clusterIPs"), field(&single, "clusterIPs"));
}

#[test]
fn one_family_where_two_are_wanted() {
    let mut store = store();
    let prefer = service(&mut store, "a", json!({"ipFamilyPolicy": "PreferDualStack"})).expect("a Service");
    assert_eq!(field(&prefer, "ipFamilies"), &json!(["IPv4"]));
    let require = json!({"ipFamilyPolicy": "RequireDualStack"});
    assert_eq!(refused(service(&mut store, "b", require)), ["spec.ipFamilyPolicy"]);
    assert_eq!(refused(service(&mut store, "b", json!({"ipFamilies": ["IPv6"]}))), ["spec.ipFamilies[0]"]);
    // Headless without selector: whoever writes its endpoints knows.
    let headless = service(&mut store, "c", json!({"clusterIP": "None", "ports": []})).expect("a Service");
    assert_eq!(field(&headless, "ipFamilies"), &json!(["IPv4", "IPv6"]));
    assert_eq!(field(&headless, "clusterIPs"), &json!(["None"]));
    let headless =
        service(&mut store, "d", json!({"clusterIP": "None", "selector": {"a": "b"}})).expect("a Service");
    assert_eq!(field(&headless, "ipFamilies"), &json!(["IPv4"]));
}

#[test]
fn updates_keep_what_they_leave_out() {
    let mut store = store();
    let spec = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]});
    let old = service(&mut store, "a", spec).expect("a Service");
    let health = field(&old, "healthCheckNodePort").as_u64();
    assert!(health.is_some_and(|p| p >= 30000) && field(&old, "allocateLoadBalancerNodePorts") == true);
    let bare = json!({"metadata": {"name": "a"},
        "spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 81}]}});
    let new = put(&mut store, bare).expect("an update");
    for kept in ["clusterIP", "clusterIPs", "healthCheckNodePort", "ports/0/nodePort", "ipFamilies"] {
        assert_eq!(field(&new, kept), field(&old, kept), "{kept}");
    }
    let mut moved = new.json.clone();
    moved["spec"]["clusterIP"] = "10.96.9.9".into();
    moved["spec"]["clusterIPs"] = json!(["10.96.9.9"]);
    assert_eq!(refused(put(&mut store, moved)), ["spec.clusterIP"]);

    let mut inside = new.json.clone();
    inside["spec"]["type"] = "ClusterIP".into();
    let inside = put(&mut store, inside).expect("an update");
    for gone in
        ["healthCheckNodePort", "ports/0/nodePort", "externalTrafficPolicy", "allocateLoadBalancerNodePorts"]
    {
        assert_eq!(field(&inside, gone), &Value::Null, "{gone}");
    }
    let mut named = inside.json.clone();
    named["spec"]["type"] = "ExternalName".into();
    named["spec"]["externalName"] = "example.com".into();
    let named = put(&mut store, named).expect("an update");
    assert_eq!(field(&named, "clusterIP"), &Value::Null);
    assert_eq!(store.allocation.free_port(&[]), Some(30088));
    let ip = field(&old, "clusterIP").clone();
    assert!(service(&mut store, "b", json!({"clusterIP": ip})).is_ok());
}

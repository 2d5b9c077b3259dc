//! What becomes an endpoint, and of which kind.

use super::*;
use crate::ObjectKey;
use crate::objects::NamespacedName;

/// The slices that follow from a Service and its Pods.
fn slices(spec: Value, pods: Vec<Value>) -> Vec<String> {
    let mut controller = controller(std::iter::once(service("web", spec)).chain(pods));
    controller.reconcile(None);
    assert!(controller.reconcile(None).is_empty());
    all_short(&controller)
}

fn key(kind: Kind, name: &str) -> Change {
    let namespace = if kind.is_namespaced() { "default" } else { "" };
    Change::Deleted(ObjectKey { kind, name: NamespacedName::new(namespace, name) })
}

#[test]
fn pods_and_their_states() {
    let one = |more| slices(json!({}), vec![pod("web-0", "web", "10.244.0.2", more)]);
    let not_ready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    let leaving = json!({"metadata": {"deletionTimestamp": "2026-11-05T12:00:00Z"}});
    for (more, wanted) in [
        (json!({}), "V4 http:8080/tcp 10.244.0.2(rs)"),
        (not_ready.clone(), "V4 http:8080/tcp 10.244.0.2()"),
        (json!({"status": {"conditions": []}}), "V4 http:8080/tcp 10.244.0.2()"),
        (leaving.clone(), "V4 http:8080/tcp 10.244.0.2(st)"),
        (json!({"status": {"phase": "Succeeded"}}), "V4"),
        (json!({"status": {"phase": "Failed"}}), "V4"),
        (json!({"status": {"podIP": ""}}), "V4"),
        (json!({"status": {"podIP": "010.244.0.002"}}), "V4 http:8080/tcp 10.244.0.2(rs)"),
        (json!({"metadata": {"labels": {"app": "other"}}}), "V4"),
        (json!({"metadata": {"namespace": "elsewhere"}}), "V4"),
        (json!({"status": {"podIP": "fd00::2"}}), "V4"),
    ] {
        assert_eq!(one(more.clone()), [wanted], "{more}");
    }
    let published = |more| {
        let pods = vec![pod("web-0", "web", "10.244.0.2", more)];
        slices(json!({"publishNotReadyAddresses": true}), pods)
    };
    assert_eq!(published(not_ready), ["V4 http:8080/tcp 10.244.0.2(r)"]);
    assert_eq!(published(leaving), ["V4 http:8080/tcp 10.244.0.2(rst)"]);
}

#[test]
fn ports_by_number_and_by_name() {
    let container = |name: &str, port: u16, protocol: &str| json!({"spec": {"containers": [{"name": "c", "ports": [{"name": name, "containerPort": port, "protocol": protocol}]}]}});
    let pods = || {
        vec![
            pod("web-0", "web", "10.244.0.2", container("web", 8080, "TCP")),
            pod("web-1", "web", "10.244.0.3", container("web", 9090, "TCP")),
            pod("web-2", "web", "10.244.0.4", container("web", 8080, "UDP")),
            pod(
                "web-3",
                "web",
                "10.244.0.5",
                json!({"spec": {"containers": [], "initContainers": [
                {"name": "i", "ports": [{"name": "web", "containerPort": 1}]},
                {"name": "s", "restartPolicy": "Always", "ports": [{"name": "web", "containerPort": 8080}]}]}}),
            ),
        ]
    };
    let ports = |ports: Value| slices(json!({"ports": ports}), pods());
    assert_eq!(
        ports(json!([{"name": "http", "port": 80, "targetPort": "web"}])),
        [
            "V4 10.244.0.4(rs)",
            "V4 http:8080/tcp 10.244.0.2(rs) 10.244.0.5(rs)",
            "V4 http:9090/tcp 10.244.0.3(rs)"
        ]
    );
    assert_eq!(
        ports(
            json!([{"name": "a", "port": 80}, {"name": "b", "port": 53, "protocol": "UDP", "targetPort": "web"}])
        ),
        ["V4 a:80/tcp 10.244.0.2(rs) 10.244.0.3(rs) 10.244.0.5(rs)", "V4 a:80/tcp b:8080/udp 10.244.0.4(rs)"]
    );
    assert_eq!(
        ports(json!([{"port": 80, "targetPort": 70000}])),
        ["V4 10.244.0.2(rs) 10.244.0.3(rs) 10.244.0.4(rs) 10.244.0.5(rs)"]
    );
    let mut told = controller([service("web", json!({"ports": [{"port": 80, "targetPort": "web"}]}))]);
    told.apply(applied(pod("web-2", "web", "10.244.0.4", container("web", 8080, "UDP"))));
    let plan = told.reconcile(None);
    let pod = NamespacedName::new("default", "web-2");
    assert_eq!(plan.notes, [Note::PortMissing { pod, port: "web".into() }]);
}

#[test]
fn families_have_slices_of_their_own() {
    let both = json!({"status": {"podIPs": [{"ip": "10.244.0.2"}, {"ip": "FD00:0::2"}]}});
    let of = |spec| {
        slices(
            spec,
            vec![
                pod("web-0", "web", "10.244.0.2", both.clone()),
                pod("web-1", "web", "10.244.0.3", json!({})),
            ],
        )
    };
    let v4 = "V4 http:8080/tcp 10.244.0.2(rs) 10.244.0.3(rs)";
    let v6 = "V6 http:8080/tcp fd00::2(rs)";
    assert_eq!(of(json!({"ipFamilies": ["IPv4"]})), [v4]);
    assert_eq!(
        of(
            json!({"ipFamilies": ["IPv6", "IPv4"], "clusterIPs": ["fd00::1", "10.96.0.1"], "clusterIP": "fd00::1"})
        ),
        [v4, v6]
    );
    assert_eq!(of(json!({"clusterIP": "fd00::1"})), [v6]);
}

#[test]
fn only_headless_services_have_slices_that_proxies_pass_over() {
    for (address, headless) in [("None", true), ("", false), ("10.96.0.10", false)] {
        let mut controller = controller([service("web", json!({"clusterIP": address}))]);
        let plan = controller.reconcile(None);
        assert_eq!(
            plan.create[0].metadata.label("service.kubernetes.io/headless").is_some(),
            headless,
            "{address}"
        );
    }
}

#[test]
fn some_services_have_none() {
    let pods = || vec![pod("web-0", "web", "10.244.0.2", json!({}))];
    assert_eq!(slices(json!({"selector": null}), pods()), [""; 0]);
    let mut nothing = service("web", json!({}));
    nothing["spec"]["selector"] = json!({});
    let mut controller = controller(std::iter::once(nothing).chain(pods()));
    assert!(controller.reconcile(None).is_empty());
    assert_eq!(slices(json!({"type": "ExternalName", "externalName": "a.example"}), pods()), [""; 0]);
}

#[test]
fn what_a_slice_says_of_itself() {
    let mut web = service("web", json!({"clusterIP": "None", "ports": []}));
    merge(
        &mut web["metadata"],
        json!({"uid": "u1", "creationTimestamp": "2026-11-05T12:00:00Z",
        "labels": {"team": "a", "endpointslice.kubernetes.io/managed-by": "me"}}),
    );
    let named = json!({"metadata": {"uid": "p1"}, "spec": {"hostname": "zero", "subdomain": "web"}});
    let mut controller = controller([web, node("n1", "z1"), pod("web-0", "web", "10.244.0.2", named)]);
    let plan = controller.reconcile(None);
    let slice = serde_json::to_value(&plan.create[0]).unwrap();
    let name = slice["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("web-") && name.len() == 9, "{name}");
    assert_eq!(
        slice,
        json!({
            "metadata": {
                "name": name, "generateName": "web-", "namespace": "default",
                "labels": {"from": "service", "team": "a", "kubernetes.io/service-name": "web",
                    "service.kubernetes.io/headless": "", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
                "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "2026-11-05T12:00:00Z"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": "web", "uid": "u1",
                    "controller": true, "blockOwnerDeletion": true}],
            },
            "addressType": "IPv4",
            "endpoints": [{
                "addresses": ["10.244.0.2"], "conditions": {"ready": true, "serving": true, "terminating": false},
                "hostname": "zero", "nodeName": "n1", "zone": "z1",
                "targetRef": {"kind": "Pod", "namespace": "default", "name": "web-0", "uid": "p1"},
            }],
            "ports": [],
        })
    );
}

#[test]
fn hints_follow_the_traffic_distribution() {
    let hints = |distribution: &str| {
        let spec = json!({"trafficDistribution": distribution});
        let not_ready = json!({"status": {"conditions": []}});
        let mut controller = controller([
            service("web", json!({})),
            node("n1", "z1"),
            pod("web-0", "web", "10.244.0.2", json!({})),
            pod("web-1", "web", "10.244.0.3", not_ready),
        ]);
        controller.reconcile(None);
        controller.apply(applied(service("web", spec)));
        let plan = controller.reconcile(None);
        assert!(plan.create.is_empty() && plan.delete.is_empty());
        controller.apply(applied(service("web", json!({}))));
        assert_eq!(controller.reconcile(None).update.len(), plan.update.len(), "and are taken away again");
        plan.update
            .first()
            .map(|s| serde_json::to_value(s.endpoints.iter().map(|e| &e.hints).collect::<Vec<_>>()).unwrap())
    };
    let zone = json!([{"name": "z1"}]);
    assert_eq!(hints("PreferClose"), Some(json!([{"forZones": zone}, null])));
    assert_eq!(hints("PreferSameZone"), Some(json!([{"forZones": zone}, null])));
    assert_eq!(
        hints("PreferSameNode"),
        Some(json!([{"forZones": zone, "forNodes": [{"name": "n1"}]}, null]))
    );
    assert_eq!(hints("Anything"), None);
}

#[test]
fn pods_of_nodes_that_do_not_exist_wait() {
    let mut controller =
        controller([service("web", json!({})), pod("web-0", "web", "10.244.0.2", json!({}))]);
    controller.reconcile(None);
    assert_eq!(all_short(&controller), ["V4 http:8080/tcp 10.244.0.2(rs)"], "nobody tells of nodes");
    controller.apply(applied(node("n2", "z")));
    let plan = controller.reconcile(None);
    assert!(matches!(&plan.notes[..], [Note::NodeMissing { node, .. }] if &**node == "n1"));
    assert_eq!(all_short(&controller), ["V4"]);
    controller.apply(applied(node("n1", "z")));
    controller.reconcile(None);
    assert_eq!(all_short(&controller), ["V4 http:8080/tcp 10.244.0.2(rs)"]);
    assert_eq!(controller.slices().next().unwrap().endpoints[0].zone.as_deref(), Some("z"));
}

#[test]
fn only_what_changed_is_written() {
    let pods = (0..3).map(|i| pod(&format!("web-{i}"), "web", &format!("10.244.0.{i}"), json!({})));
    let mut controller = controller(
        [service("web", json!({})), service("db", json!({})), node("n1", "z1")].into_iter().chain(pods),
    );
    assert_eq!(controller.reconcile(None).create.len(), 2);
    // The echo of what was written, and a Pod that changed in nothing that counts.
    let echo: Vec<EndpointSlice> = controller.slices().cloned().collect();
    for mut slice in echo {
        slice.metadata.resource_version = Some("7".into());
        controller.apply(Change::Applied(Box::new(Object::EndpointSlice(slice))));
    }
    controller.apply(applied(pod(
        "web-0",
        "web",
        "10.244.0.0",
        json!({"metadata": {"annotations": {"a": "b"}}}),
    )));
    assert!(controller.reconcile(None).is_empty());
    // Somebody meddles with a slice.
    let mut slice = controller.slices().find(|s| !s.endpoints.is_empty()).cloned().unwrap();
    slice.endpoints.pop();
    controller.apply(Change::Applied(Box::new(Object::EndpointSlice(slice))));
    let plan = controller.reconcile(None);
    assert_eq!(plan.update.len(), 1);
    assert_eq!(plan.update[0].metadata.resource_version.as_deref(), Some("7"));
    // A Pod goes over to the other Service.
    controller.apply(applied(pod("web-0", "db", "10.244.0.0", json!({}))));
    assert_eq!(controller.reconcile(None).update.len(), 2);
    controller.apply(key(Kind::Pod, "web-1"));
    assert_eq!(controller.reconcile(None).update.len(), 1);
    assert_eq!(
        all_short(&controller),
        ["V4 http:8080/tcp 10.244.0.0(rs)", "V4 http:8080/tcp 10.244.0.2(rs)"]
    );
    controller.apply(key(Kind::Service, "web"));
    let plan = controller.reconcile(None);
    assert_eq!((plan.delete.len(), plan.update.len(), plan.create.len()), (1, 0, 0));
}

#[test]
fn times_are_those_of_the_change() {
    let since = |time: &str| json!({"status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": time}]}});
    let mut controller = controller([
        service("web", json!({})),
        pod("web-0", "web", "10.244.0.1", since("2026-11-05T12:00:00Z")),
    ]);
    let time = |plan: Plan| {
        let slice = plan.create.iter().chain(&plan.update).next().cloned();
        slice.and_then(|s| s.metadata.annotations.into_values().next()).map(String::from)
    };
    let now = Time::parse("2026-11-05T13:00:00.5Z");
    assert_eq!(time(controller.reconcile(now)).as_deref(), Some("2026-11-05T13:00:00.5Z"), "nothing tells");
    controller.apply(applied(pod("web-1", "web", "10.244.0.2", since("2026-11-05T12:30:00Z"))));
    controller.apply(applied(pod("web-2", "web", "10.244.0.3", since("2026-11-05T12:31:00Z"))));
    assert_eq!(
        time(controller.reconcile(now)).as_deref(),
        Some("2026-11-05T12:30:00Z"),
        "the earliest that is new"
    );
    controller.apply(key(Kind::Pod, "web-1"));
    assert_eq!(time(controller.reconcile(None)), None);
}

#[test]
fn slices_of_an_earlier_service_of_that_name_are_replaced() {
    let mut first = service("web", json!({}));
    first["metadata"]["uid"] = "u1".into();
    let mut second = service("web", json!({}));
    second["metadata"]["uid"] = "u2".into();
    let mut controller = controller([first, pod("web-0", "web", "10.244.0.1", json!({}))]);
    controller.reconcile(None);
    controller.apply(applied(second));
    let plan = controller.reconcile(None);
    assert_eq!((plan.create.len(), plan.update.len(), plan.delete.len()), (1, 0, 1));
    assert_ne!(plan.create[0].metadata.full_name(), plan.delete[0]);
    // One that is about to go gets no new ones.
    let mut leaving = service("web", json!({}));
    merge(&mut leaving["metadata"], json!({"uid": "u3", "deletionTimestamp": "2026-11-05T12:00:00Z"}));
    controller.apply(applied(leaving));
    assert!(controller.reconcile(None).create.is_empty());
}

#[test]
fn labels_of_the_service_come_along() {
    let mut controller =
        controller([service("web", json!({})), pod("web-0", "web", "10.244.0.1", json!({}))]);
    controller.reconcile(None);
    let mut web = service("web", json!({}));
    web["metadata"]["labels"] = json!({"team": "b"});
    controller.apply(applied(web));
    let plan = controller.reconcile(None);
    assert_eq!(plan.update[0].metadata.label("team"), Some("b"));
    assert_eq!(plan.update[0].metadata.label("from"), None);
    // The last Pod goes: its slice is emptied in place, and stays when nothing more changes.
    controller.apply(key(Kind::Pod, "web-0"));
    let plan = controller.reconcile(None);
    assert_eq!((plan.create.len(), plan.update.len(), plan.delete.len()), (0, 1, 0));
    controller.apply(applied(node("n1", "z")));
    assert!(controller.reconcile(None).is_empty());
}

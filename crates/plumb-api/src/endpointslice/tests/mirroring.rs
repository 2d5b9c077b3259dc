//! Endpoints that somebody writes by hand.

use super::*;

fn endpoints(metadata: Value, subsets: Value) -> Value {
    let mut endpoints =
        json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "db"}, "subsets": subsets});
    merge(&mut endpoints["metadata"], metadata);
    endpoints
}

fn addresses(ips: impl IntoIterator<Item = String>) -> Value {
    ips.into_iter().map(|ip| json!({"ip": ip})).collect()
}

fn mirrored(metadata: Value, subsets: Value) -> (Plan, Controller<SteadyNames>) {
    let without = service("db", json!({"selector": null}));
    let mut controller = controller([without, endpoints(metadata, subsets)]);
    let plan = controller.reconcile(None);
    assert!(controller.reconcile(None).is_empty());
    (plan, controller)
}

#[test]
fn each_set_of_ports_and_family_has_a_slice() {
    let (plan, controller) = mirrored(
        json!({"labels": {"a": "b"}, "uid": "e1", "annotations": {"c": "d", "kubectl.kubernetes.io/last-applied-configuration": "{}"}}),
        json!([
            {"addresses": [{"ip": "10.0.0.1", "nodeName": "n1", "hostname": "one"}, {"ip": "fd00::1"}],
             "notReadyAddresses": [{"ip": "10.0.0.2"}, {"ip": "x"}], "ports": [{"name": "p", "port": 5432}]},
            {"addresses": [{"ip": "10.0.0.2"}], "ports": [{"name": "p", "port": 5432}]},
            {"addresses": [{"ip": "10.0.0.3"}], "ports": [{"name": "q", "port": 1, "protocol": "UDP"}]},
        ]),
    );
    assert_eq!(
        all_short(&controller),
        ["V4 p:5432/tcp 10.0.0.2() 10.0.0.1(r)", "V4 q:1/udp 10.0.0.3(r)", "V6 p:5432/tcp fd00::1(r)"]
    );
    assert_eq!(plan.notes.len(), 1, "{:?}", plan.notes);
    let metadata = &plan.create[0].metadata;
    assert_eq!(metadata.label("a"), Some("b"));
    assert_eq!(metadata.label("endpointslice.kubernetes.io/managed-by"), Some(MIRROR_MANAGER));
    assert_eq!(metadata.label("kubernetes.io/service-name"), Some("db"));
    assert_eq!(metadata.annotations.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["c"]);
    assert_eq!(&*metadata.owner_references[0].kind, "Endpoints");
}

#[test]
fn a_thousand_addresses_are_mirrored() {
    let ips = |from: u32, count: u32| (from..from + count).map(|i| format!("10.0.{}.{}", i / 256, i % 256));
    let ports = json!([{"port": 1}]);
    let subset = json!([{"addresses": addresses(ips(0, 990)), "notReadyAddresses": addresses(ips(2000, 15)), "ports": ports}]);
    let (plan, _) = mirrored(json!({}), subset);
    assert_eq!(plan.create.len(), 1);
    assert_eq!(plan.create[0].endpoints.len(), MAX_ADDRESSES);
    let over = |plan: &Plan| {
        plan.create[0].metadata.annotations.get("endpoints.kubernetes.io/over-capacity").cloned()
    };
    assert_eq!(over(&plan).as_deref(), Some("truncated"));
    assert!(matches!(plan.notes[..], [Note::TooManyAddresses { skipped: 5, .. }]), "{:?}", plan.notes);
    let (plan, _) = mirrored(json!({}), json!([{"addresses": addresses(ips(0, 1000)), "ports": ports}]));
    assert_eq!(over(&plan), None);
    assert_eq!(plan.notes, []);
}

#[test]
fn what_is_not_mirrored_and_what_ceases_to_be() {
    let subsets = json!([{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}]}]);
    for metadata in [
        json!({"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}),
        json!({"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}),
        json!({"name": "without-service"}),
    ] {
        assert!(mirrored(metadata.clone(), subsets.clone()).0.is_empty(), "{metadata}");
    }
    let (plan, mut controller) = mirrored(json!({}), subsets.clone());
    assert_eq!(plan.create.len(), 1);
    // An address becomes another: in place.
    controller.apply(applied(endpoints(
        json!({}),
        json!([{"addresses": [{"ip": "10.0.0.2"}], "ports": [{"port": 1}]}]),
    )));
    let plan = controller.reconcile(None);
    assert_eq!((plan.create.len(), plan.update.len(), plan.delete.len()), (0, 1, 0));
    // Other ports: the slice is used again.
    controller.apply(applied(endpoints(
        json!({}),
        json!([{"addresses": [{"ip": "10.0.0.2"}], "ports": [{"port": 2}]}]),
    )));
    let plan = controller.reconcile(None);
    assert_eq!((plan.create.len(), plan.update.len(), plan.delete.len()), (0, 1, 0));
    // A selector: the other controller writes from now on, and not both.
    controller.apply(applied(service("db", json!({}))));
    let plan = controller.reconcile(None);
    assert_eq!((plan.create.len(), plan.delete.len()), (1, 1));
    assert_eq!(plan.create[0].metadata.label("endpointslice.kubernetes.io/managed-by"), Some(MANAGER));
}

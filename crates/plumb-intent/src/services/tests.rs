//! Any sequence of changes ends in the intent of the final objects.

use std::collections::BTreeMap;

use plumb_api::address::IpFamily;
use plumb_api::{EndpointSlice, NamespacedName, Object, Service};
use proptest::prelude::*;

use super::{Frontend, FrontendKey, Hairpin, NodeContext, Services};

fn service(name: u8, shape: u8) -> Service {
    let kind = ["ClusterIP", "NodePort", "LoadBalancer"][usize::from(shape % 3)];
    let (etp, itp) =
        (["Cluster", "Local"][usize::from(shape / 3 % 2)], ["Cluster", "Local"][usize::from(shape / 6 % 2)]);
    // Few addresses, so that Services get in each other's way.
    let node_port = if kind == "ClusterIP" { 0 } else { 30_000 + u16::from(shape / 12 % 3) };
    let value = serde_json::json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "n", "name": format!("s{name}"), "creationTimestamp": format!("2026-01-0{}T00:00:00Z", 1 + shape % 4)},
        "spec": {"type": kind, "clusterIP": format!("10.96.0.{}", 1 + name % 3), "externalTrafficPolicy": etp, "internalTrafficPolicy": itp,
            "externalIPs": if shape.is_multiple_of(5) { vec!["192.0.2.1"] } else { vec![] },
            "ports": [{"name": "a", "port": 80, "nodePort": node_port}, {"name": "b", "port": 81 + u16::from(shape % 2)}]},
        "status": {"loadBalancer": {"ingress": [{"ip": format!("192.0.2.{}", 1 + shape % 3)}]}}});
    match Object::from_json(value) {
        Ok(Object::Service(service)) => service,
        other => panic!("{other:?}"),
    }
}

fn slice(name: u8, of: u8, shape: u8) -> EndpointSlice {
    let endpoints: Vec<_> = (0..shape % 4)
        .map(|i| {
            serde_json::json!({"addresses": [format!("10.1.0.{}", (shape / 4 + i * 3) % 9)],
                "conditions": {"ready": (u16::from(shape) + u16::from(i)) % 3 != 0, "serving": (u16::from(shape) + u16::from(i)) % 5 != 0, "terminating": (u16::from(shape) + u16::from(i)) % 3 == 0},
                "nodeName": (["here", "there"][usize::from((u16::from(shape) + u16::from(i)) % 2)]),
                "hints": {"forZones": [{"name": (["z1", "z2"][usize::from(i % 2)])}]}})
        })
        .collect();
    let value = serde_json::json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"namespace": "n", "name": format!("e{name}"), "labels": {"kubernetes.io/service-name": format!("s{of}")}},
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "a", "port": 8080}, {"name": "b", "port": 8081}]});
    match Object::from_json(value) {
        Ok(Object::EndpointSlice(slice)) => slice,
        other => panic!("{other:?}"),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Service(u8, u8),
    NoService(u8),
    Slice(u8, u8, u8),
    NoSlice(u8),
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4u8, any::<u8>()).prop_map(|(n, s)| Step::Service(n, s)),
        1 => (0..4u8).prop_map(Step::NoService),
        3 => (0..5u8, 0..4u8, any::<u8>()).prop_map(|(n, of, s)| Step::Slice(n, of, s)),
        1 => (0..5u8).prop_map(Step::NoSlice),
        2 => Just(Step::Take),
    ]
}

type Image = (BTreeMap<FrontendKey, Frontend>, Vec<std::net::IpAddr>, Vec<Hairpin>);

fn image(services: &Services) -> Image {
    let mut ips: Vec<_> = services.cluster_ips().collect();
    let mut hairpins: Vec<_> = services.hairpins().collect();
    ips.sort_unstable();
    hairpins.sort_unstable();
    (services.frontends().map(|(k, f)| (*k, (**f).clone())).collect(), ips, hairpins)
}

/// Applies a delta to an image, as a backend does; what it says was there must have been there.
fn apply(image: &mut Image, delta: &super::Delta) {
    for change in &delta.frontends {
        assert_eq!(
            image.0.get(&change.key),
            change.before.as_deref(),
            "{} was not what the delta says",
            change.key
        );
        match &change.after {
            Some(frontend) => image.0.insert(change.key, (**frontend).clone()),
            None => image.0.remove(&change.key),
        };
    }
    image.1.retain(|ip| !delta.cluster_ips_removed.contains(ip));
    image.1.extend(&delta.cluster_ips_added);
    image.1.sort_unstable();
    image.2.retain(|h| !delta.hairpins_removed.contains(h));
    image.2.extend(&delta.hairpins_added);
    image.2.sort_unstable();
}

proptest! {
    #[test]
    fn any_sequence_ends_as_a_fresh_start(steps in prop::collection::vec(step(), 0..60)) {
        let node = NodeContext { name: "here".into(), zone: Some("z1".into()), node_ips: vec![] };
        let mut services = Services::new(IpFamily::V4, node.clone());
        let mut finally: (BTreeMap<u8, Service>, BTreeMap<u8, EndpointSlice>) = Default::default();
        let mut seen = Image::default();
        for step in steps {
            match step {
                Step::Service(n, s) => {
                    services.apply_service(&service(n, s));
                    finally.0.insert(n, service(n, s));
                }
                Step::NoService(n) => {
                    services.remove_service(&NamespacedName::new("n", &format!("s{n}")));
                    finally.0.remove(&n);
                }
                Step::Slice(n, of, s) => {
                    services.apply_slice(&slice(n, of, s));
                    finally.1.insert(n, slice(n, of, s));
                }
                Step::NoSlice(n) => {
                    services.remove_slice(&NamespacedName::new("n", &format!("e{n}")));
                    finally.1.remove(&n);
                }
                Step::Take => apply(&mut seen, &services.take()),
            }
        }
        apply(&mut seen, &services.take());
        prop_assert_eq!(&seen, &image(&services));

        let mut fresh = Services::new(IpFamily::V4, node);
        // In another order than they came.
        finally.1.values().rev().for_each(|s| fresh.apply_slice(s));
        finally.0.values().rev().for_each(|s| fresh.apply_service(s));
        fresh.take();
        prop_assert_eq!(&seen, &image(&fresh));

        for n in finally.0.keys() {
            services.remove_service(&NamespacedName::new("n", &format!("s{n}")));
        }
        for n in finally.1.keys() {
            services.remove_slice(&NamespacedName::new("n", &format!("e{n}")));
        }
        services.take();
        prop_assert_eq!(image(&services), Image::default());
        prop_assert!(services.entries_are_gone());
    }
}

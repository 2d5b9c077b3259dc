//! Any sequence of changes leaves slices as they ought to be.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ObjectKey;
use crate::objects::NamespacedName;

#[derive(Clone, Debug)]
enum Step {
    /// Pods of these numbers come, or change.
    Apply { from: u16, count: u16, ready: bool, port: u16, node: u8 },
    /// Every so many of these go.
    Delete { from: u16, count: u16, every: u16 },
    /// A node has another zone, or comes.
    Zone { node: u8, zone: u8 },
    /// A node goes.
    NoNode { node: u8 },
    /// The Service changes.
    Service { distribution: u8, publish: bool, label: bool, both: bool },
    /// Nothing more until what follows from it is written.
    Write,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u16..300, 1u16..250, any::<bool>(), 0u16..3, 0u8..3)
            .prop_map(|(from, count, ready, port, node)| Step::Apply { from, count, ready, port, node }),
        3 => (0u16..400, 1u16..300, 1u16..4).prop_map(|(from, count, every)| Step::Delete { from, count, every }),
        1 => (0u8..3, 0u8..3).prop_map(|(node, zone)| Step::Zone { node, zone }),
        1 => (0u8..3).prop_map(|node| Step::NoNode { node }),
        1 => (0u8..3, any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(distribution, publish, label, both)| Step::Service { distribution, publish, label, both }),
        3 => Just(Step::Write),
    ]
}

fn changes(step: &Step) -> Vec<Change> {
    let deleted = |kind: Kind, namespace: &str, name: String| {
        Change::Deleted(ObjectKey { kind, name: NamespacedName::new(namespace, &name) })
    };
    match *step {
        Step::Apply { from, count, ready, port, node } => (from..from + count)
            .map(|i| {
                let address = format!("10.244.{}.{}", i / 256, i % 256);
                let more = json!({
                    "spec": {"nodeName": format!("n{node}"), "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8000 + port}]}]},
                    "status": {"podIPs": [{"ip": address}, {"ip": format!("fd00::{i:x}")}],
                        "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}});
                applied(pod(&format!("web-{i}"), "web", &address, more))
            })
            .collect(),
        Step::Delete { from, count, every } => {
            (from..from + count).step_by(every.into()).map(|i| deleted(Kind::Pod, "default", format!("web-{i}"))).collect()
        }
        Step::Zone { node: n, zone } => vec![applied(node(&format!("n{n}"), &format!("z{zone}")))],
        Step::NoNode { node } => vec![deleted(Kind::Node, "", format!("n{node}"))],
        Step::Service { distribution, publish, label, both } => {
            let families = if both { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) };
            let mut web = service("web", json!({"publishNotReadyAddresses": publish, "ipFamilies": families,
                "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}));
            match distribution {
                0 => {}
                1 => web["spec"]["trafficDistribution"] = "PreferSameZone".into(),
                _ => web["spec"]["trafficDistribution"] = "PreferSameNode".into(),
            }
            if label {
                web["metadata"]["labels"]["more"] = "yes".into();
            }
            vec![applied(web)]
        }
        Step::Write => Vec::new(),
    }
}

/// What slices hold, without regard to which holds what.
fn content(controller: &Controller<SteadyNames>) -> Vec<String> {
    let endpoints = controller.slices().flat_map(|s| {
        s.endpoints.iter().map(|e| {
            let ports = PortSet::of(&s.ports);
            serde_json::to_string(e).unwrap()
                + &format!("{ports:?} {:?} {:?}", s.address_type, s.metadata.labels)
        })
    });
    let mut all: Vec<String> = endpoints.collect();
    all.sort();
    all
}

fn check(controller: &mut Controller<SteadyNames>) {
    let before: Vec<EndpointSlice> = controller.slices().cloned().collect();
    let plan = controller.reconcile(None);
    for slice in &plan.update {
        let old = before.iter().find(|s| s.metadata.name == slice.metadata.name);
        assert!(old.is_some_and(|old| old != slice), "an update changes something: {}", short(slice));
    }
    let again = controller.reconcile(None);
    assert!(again.is_empty(), "{again:?}");
    let mut keys = BTreeSet::new();
    for slice in controller.slices() {
        assert!(slice.endpoints.len() <= MAX_ENDPOINTS);
        for endpoint in &slice.endpoints {
            assert!(keys.insert(endpoint.addresses.clone()), "{:?} comes twice", endpoint.addresses);
        }
    }
    // Whatever is told again as it is leads to nothing.
    let all: Vec<EndpointSlice> = controller.slices().cloned().collect();
    all.into_iter().for_each(|s| controller.apply(Change::Applied(Box::new(Object::EndpointSlice(s)))));
    assert!(controller.reconcile(None).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_ends_where_a_fresh_start_does(steps in proptest::collection::vec(step(), 1..14)) {
        let first = changes(&Step::Service { distribution: 0, publish: false, label: false, both: false });
        let mut slow = controller([]);
        let mut last = controller([]);
        for change in first.into_iter().chain(steps.iter().flat_map(changes)) {
            last.apply(change);
        }
        for change in changes(&Step::Service { distribution: 0, publish: false, label: false, both: false }) {
            slow.apply(change);
        }
        for step in &steps {
            changes(step).into_iter().for_each(|change| slow.apply(change));
            if matches!(step, Step::Write) {
                check(&mut slow);
            }
        }
        check(&mut slow);
        check(&mut last);
        prop_assert_eq!(content(&slow), content(&last));
    }
}

#[test]
fn slices_are_filled_before_new_ones_are_made() {
    let mut controller = controller([service("web", json!({}))]);
    let apply = |c: &mut Controller<SteadyNames>, from: u16, count: u16| {
        let step = Step::Apply { from, count, ready: true, port: 80, node: 0 };
        changes(&step).into_iter().for_each(|change| c.apply(change));
        let plan = c.reconcile(None);
        let mut sizes: Vec<usize> = c.slices().map(|s| s.endpoints.len()).collect();
        sizes.sort_unstable();
        (plan.create.len(), plan.update.len(), sizes)
    };
    assert_eq!(apply(&mut controller, 0, 150), (2, 0, vec![50, 100]));
    assert_eq!(apply(&mut controller, 150, 20), (0, 1, vec![70, 100]), "into the one with room");
    assert_eq!(
        apply(&mut controller, 170, 31),
        (1, 0, vec![31, 70, 100]),
        "too many for it: a new one, one write"
    );
    assert_eq!(apply(&mut controller, 201, 25), (0, 1, vec![31, 95, 100]), "the fullest that takes all");
    let gone = Step::Delete { from: 0, count: 2, every: 1 };
    changes(&gone).into_iter().for_each(|change| controller.apply(change));
    assert_eq!(
        apply(&mut controller, 300, 10),
        (0, 2, vec![39, 95, 100]),
        "one that is written anyhow is filled first"
    );
}

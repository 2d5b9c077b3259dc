//! Whatever is done to a store, a watch that follows it knows what is there, and nobody holds what another holds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Create { name: u8, kind: u8, hidden: bool },
    Patch { name: u8, kind: u8, hidden: bool },
    Delete { name: u8 },
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..6_u8;
    prop_oneof![
        (name.clone(), 0..4_u8, any::<bool>()).prop_map(|(name, kind, hidden)| Step::Create {
            name,
            kind,
            hidden
        }),
        (name.clone(), 0..4_u8, any::<bool>()).prop_map(|(name, kind, hidden)| Step::Patch {
            name,
            kind,
            hidden
        }),
        name.prop_map(|name| Step::Delete { name }),
        Just(Step::Look),
    ]
}

fn spec(kind: u8) -> Value {
    let kind = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"][usize::from(kind)];
    json!({"type": kind, "externalName": "example.com", "ports": [{"port": 80}]})
}

fn labels(hidden: bool) -> Value {
    if hidden { json!({"hidden": "yes"}) } else { json!({"hidden": null}) }
}

fn do_step(store: &mut Store, step: &Step) {
    // Refusals are part of the game.
    let _ = match step {
        Step::Create { name: n, kind, hidden } => {
            let labels = if *hidden { json!({"hidden": "yes"}) } else { json!({}) };
            let object =
                json!({"metadata": {"name": format!("s{n}"), "labels": labels}, "spec": spec(*kind)});
            store.create(Kind::Service, "default", object)
        }
        Step::Patch { name: n, kind, hidden } => {
            let patch = Patch::Merge(json!({"metadata": {"labels": labels(*hidden)}, "spec": spec(*kind)}));
            store.patch(Kind::Service, &name(&format!("s{n}")), Part::Main, patch)
        }
        Step::Delete { name: n } => {
            store.delete(Kind::Service, &name(&format!("s{n}")), &DeleteOptions::default())
        }
        Step::Look => return,
    };
}

type View = BTreeMap<String, String>;

fn view(store: &Store, selector: &Selector) -> View {
    let options = ListOptions { selector: selector.clone(), ..ListOptions::default() };
    let list = store.list(Kind::Service, &options).expect("a list");
    list.items.iter().map(|o| (o.json["metadata"]["name"].to_string(), o.text.to_string())).collect()
}

proptest! {
    #[test]
    fn a_watch_follows(steps in prop::collection::vec(step(), 1..60), dual_stack: bool) {
        let mut store = if dual_stack { dual() } else { store() };
        let selector = Selector::parse(Kind::Service, "!hidden", "spec.type!=NodePort").expect("a selector");
        let (mut followed, mut at) = (View::new(), store.version());
        for step in &steps {
            do_step(&mut store, step);
            let services = store.list(Kind::Service, &ListOptions::default()).expect("a list").items;
            let mut taken = BTreeSet::new();
            for service in &services {
                let held = service::held(&service.json);
                for ip in &held.ips {
                    prop_assert!(taken.insert(ip.to_string()), "{ip} twice");
                }
                for port in &held.ports {
                    prop_assert!(taken.insert(port.to_string()), "{port} twice");
                }
            }
            if !matches!(step, Step::Look) {
                continue;
            }
            match store.events_since(Kind::Service, at, "", &selector) {
                Ok(events) => {
                    for WatchEvent { kind, object } in events {
                        let name = object.json["metadata"]["name"].to_string();
                        match kind {
                            EventKind::Added => prop_assert!(followed.insert(name, object.text.to_string()).is_none()),
                            EventKind::Modified => prop_assert!(followed.insert(name, object.text.to_string()).is_some()),
                            EventKind::Deleted => prop_assert!(followed.remove(&name).is_some()),
                        }
                    }
                }
                Err(status) => {
                    prop_assert_eq!(status.code, 410);
                    followed = view(&store, &selector);
                }
            }
            at = store.version();
            prop_assert_eq!(&followed, &view(&store, &selector));
        }
        // All that was held is given back.
        for n in 0..6 {
            let _ = store.delete(Kind::Service, &name(&format!("s{n}")), &DeleteOptions::default());
        }
        prop_assert!(store.allocation.is_free());
    }
}

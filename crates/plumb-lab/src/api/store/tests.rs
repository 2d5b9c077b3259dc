mod objects;
mod properties;
mod services;

use std::sync::Arc;

use plumb_api::{Kind, NamespacedName};
use serde_json::{Value, json};

use super::*;

fn name(name: &str) -> NamespacedName {
    NamespacedName::new("default", name)
}

fn store() -> Store {
    Store::new(StoreOptions { log_capacity: 16, ..StoreOptions::default() })
}

fn dual() -> Store {
    let cluster_ips = ["10.96.0.0/24", "fd00:96::/112"].map(|c| c.parse().expect("a range")).to_vec();
    Store::new(StoreOptions { cluster_ips, ..StoreOptions::default() })
}

/// A Service of this spec, with a port where it names none.
fn service(store: &mut Store, called: &str, spec: Value) -> Result<Arc<Stored>, Status> {
    let mut spec = spec;
    if spec.get("ports").is_none() {
        spec["ports"] = json!([{"port": 80}]);
    }
    store.create(Kind::Service, "default", json!({"metadata": {"name": called}, "spec": spec}))
}

fn put(store: &mut Store, object: Value) -> Result<Arc<Stored>, Status> {
    let called = object["metadata"]["name"].as_str().expect("a name").to_owned();
    store.update(Kind::Service, &name(&called), Part::Main, object)
}

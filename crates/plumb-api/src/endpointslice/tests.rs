#![allow(clippy::unwrap_used)]

mod cases;
mod mirroring;
mod packing;

use serde_json::{Value, json};

use super::*;
use crate::objects::Object;
use crate::{Change, Kind, defaults};

/// A controller that knows of these objects and nothing else.
fn controller(objects: impl IntoIterator<Item = Value>) -> Controller<SteadyNames> {
    let mut controller = Controller::new(SteadyNames::default());
    objects.into_iter().for_each(|o| controller.apply(applied(o)));
    Kind::ALL.into_iter().for_each(|kind| controller.apply(Change::Listed(kind)));
    controller
}

/// The object is there, as an API server would tell of it.
fn applied(mut object: Value) -> Change {
    if object["kind"] != "Node" && object["metadata"].get("namespace").is_none() {
        object["metadata"]["namespace"] = "default".into();
    }
    let mut object = Object::from_json(object).unwrap();
    defaults::fill(&mut object);
    if let Object::Service(service) = &mut object {
        defaults::families(service, &[IpFamily::V4]);
    }
    Change::Applied(Box::new(object))
}

fn service(name: &str, spec: Value) -> Value {
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": {"from": "service"}},
        "spec": {"clusterIP": "10.96.0.10", "selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}});
    merge(&mut service["spec"], spec);
    service
}

fn pod(name: &str, app: &str, ip: &str, more: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": ip, "conditions": [{"type": "Ready", "status": "True"}]}});
    merge(&mut pod, more);
    pod
}

fn node(name: &str, zone: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}})
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Slices in short: type, ports, endpoints with their states.
fn short(slice: &EndpointSlice) -> String {
    let ports = slice.ports.iter().map(|p| {
        format!("{}:{}/{}", p.name.as_deref().unwrap_or("?"), p.port.unwrap_or(0), p.protocol.lower())
    });
    let endpoints = slice.endpoints.iter().map(|e| {
        let state = |on: Option<bool>, letter: &'static str| if on == Some(true) { letter } else { "" };
        let c = e.conditions;
        format!(
            "{}({}{}{})",
            e.addresses.join("+"),
            state(c.ready, "r"),
            state(c.serving, "s"),
            state(c.terminating, "t")
        )
    });
    let all: Vec<String> = ports.chain(endpoints).collect();
    format!("{:?} {}", slice.address_type, all.join(" ")).trim_end().to_owned()
}

fn all_short(controller: &Controller<SteadyNames>) -> Vec<String> {
    let mut all: Vec<String> = controller.slices().map(short).collect();
    all.sort();
    all
}

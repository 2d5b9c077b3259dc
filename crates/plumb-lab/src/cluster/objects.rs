//! A topology as objects of the Kubernetes API. Pure.

use plumb_api::{Kind, Object};
use serde_json::{Value, json};

use crate::error::{LabError, Result};
use crate::topology::{Pod, Ready, Topology};
use plumb_model::Protocol;

/// An object to create: what it is called in errors, kind, namespace, JSON.
pub(super) type ToCreate = (String, Kind, String, Value);

/// Namespaces, nodes and pods of the topology, then its manifests.
pub(super) fn of(topology: &Topology) -> Result<Vec<ToCreate>> {
    let mut all = Vec::new();
    let mut add = |kind: Kind, namespace: &str, name: &str, object: Value| {
        all.push((format!("{kind} {name}"), kind, namespace.to_owned(), object));
    };
    let manifests: Vec<Object> = topology
        .manifests
        .iter()
        .map(|value| {
            Object::from_json(value.clone())
                .map_err(|e| LabError::Refused { what: "read a manifest".to_owned(), message: e.to_string() })
        })
        .collect::<Result<_>>()?;
    let in_pods = topology.pods.iter().map(|p| p.namespace.as_str());
    let in_manifests = manifests.iter().map(|m| &*m.metadata().namespace);
    let mut namespaces: Vec<&str> = in_pods.chain(in_manifests).filter(|n| !n.is_empty()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    // Those that every cluster has are there already, and those of manifests may have labels.
    let is_namespace = |object: &Object| object.kind() == Kind::Namespace;
    for (object, value) in manifests.iter().zip(&topology.manifests).filter(|(o, _)| is_namespace(o)) {
        let name = &*object.metadata().name;
        add(Kind::Namespace, "", name, value.clone());
        namespaces.retain(|n| *n != name);
    }
    for name in namespaces.into_iter().filter(|n| !n.starts_with("kube-") && *n != "default") {
        add(Kind::Namespace, "", name, json!({"metadata": {"name": name}}));
    }
    for node in &topology.nodes {
        let ranges: Vec<String> = node.pod_ranges.iter().map(ToString::to_string).collect();
        let addresses: Vec<Value> = topology
            .node_addresses(&node.name)
            .iter()
            .map(|ip| json!({"type": "InternalIP", "address": ip.to_string()}))
            .collect();
        let object = json!({"metadata": {"name": node.name}, "spec": {"podCIDR": ranges.first(), "podCIDRs": ranges},
            "status": {"addresses": addresses}});
        add(Kind::Node, "", &node.name, object);
    }
    for pod in &topology.pods {
        add(Kind::Pod, &pod.namespace, &pod.full_name(), pod_object(topology, pod));
    }
    for (object, value) in manifests.iter().zip(&topology.manifests).filter(|(o, _)| !is_namespace(o)) {
        let metadata = object.metadata();
        let namespace = match (object.kind().is_namespaced(), &*metadata.namespace) {
            (true, "") => "default",
            (_, namespace) => namespace,
        };
        add(object.kind(), namespace, &metadata.full_name().to_string(), value.clone());
    }
    Ok(all)
}

/// A running pod: its process serves as long as the lab stands. One whose readiness follows a port is not ready until it was probed.
fn pod_object(topology: &Topology, pod: &Pod) -> Value {
    let ports: Vec<Value> = pod
        .ports
        .iter()
        .map(|port| {
            let protocol = if port.protocol.transport() == Protocol::UDP { "UDP" } else { "TCP" };
            json!({"name": port.name, "containerPort": port.port, "protocol": protocol})
        })
        .collect();
    let ips: Vec<String> = topology.pod_addresses(pod).iter().map(ToString::to_string).collect();
    let ready = if pod.ready == Ready::Always { "True" } else { "False" };
    let pod_ips: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
    json!({"metadata": {"name": pod.name, "namespace": pod.namespace, "labels": pod.labels},
        "spec": {"nodeName": pod.node, "containers": [{"name": "server", "ports": ports}]},
        "status": {"phase": "Running", "podIP": ips.first(), "podIPs": pod_ips,
            "conditions": [{"type": "Ready", "status": ready}]}})
}

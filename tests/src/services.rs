//! Services and slices in numbers, for tests and benches of the proxy.

use std::net::{IpAddr, Ipv4Addr};

use plumb_api::address::IpFamily;
use plumb_api::{EndpointSlice, Object, Service};
use plumb_intent::{NodeContext, Services};
use plumb_kernel::NamespaceWriter;
use plumb_proxy::backend::nftables::{FrameConfig, LocalDetector, Nftables, Settings};
use serde_json::{Value, json};

use crate::error::{Failure, Result};

/// Cluster IP of the Service of this number.
#[must_use]
pub fn cluster_ip(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(10, 96, 0, 1)) + number)
}

/// Endpoint `index` of the Service of this number.
#[must_use]
pub fn endpoint(number: u32, index: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(172, 16, 0, 1)) + number * 4 + index)
}

/// A ClusterIP Service, TCP port 80, with more or other fields in its spec.
pub fn service(number: u32, spec: Value) -> Result<Service> {
    let mut whole =
        json!({"clusterIP": cluster_ip(number).to_string(), "ports": [{"name": "http", "port": 80}]});
    if let (Value::Object(whole), Value::Object(spec)) = (&mut whole, spec) {
        whole.extend(spec);
    }
    let metadata = json!({"namespace": "bench", "name": format!("svc-{number}")});
    let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": whole});
    match Object::from_json(object) {
        Ok(Object::Service(service)) => Ok(service),
        other => Err(Failure::Agent { what: "making a Service".into(), why: format!("{other:?}") }),
    }
}

/// The slice of that Service, with these endpoints on port 8080.
pub fn slice(number: u32, endpoints: &[IpAddr]) -> Result<EndpointSlice> {
    let endpoints: Vec<Value> = endpoints.iter().map(|ip| json!({"addresses": [ip.to_string()]})).collect();
    let object = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"namespace": "bench", "name": format!("svc-{number}-a"),
            "labels": {"kubernetes.io/service-name": format!("svc-{number}")}},
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}]});
    match Object::from_json(object) {
        Ok(Object::EndpointSlice(slice)) => Ok(slice),
        other => Err(Failure::Agent { what: "making a slice".into(), why: format!("{other:?}") }),
    }
}

/// The first `count` endpoints of a Service.
#[must_use]
pub fn endpoints(number: u32, count: u32) -> Vec<IpAddr> {
    (0..count).map(|index| endpoint(number, index).into()).collect()
}

/// So many Services of so many endpoints each.
pub fn many(services: u32, each: u32) -> Result<Services> {
    let mut view = view();
    for number in 0..services {
        view.apply_service(&service(number, json!({}))?);
        view.apply_slice(&slice(number, &endpoints(number, each))?);
    }
    Ok(view)
}

/// An empty view of a node called `here`.
#[must_use]
pub fn view() -> Services {
    Services::new(IpFamily::V4, NodeContext { name: "here".into(), zone: None, node_ips: Vec::new() })
}

/// The frame that tests use: pods are 10.244.0.0/16, node ports on all addresses.
#[must_use]
pub fn frame() -> FrameConfig {
    FrameConfig {
        family: IpFamily::V4,
        masquerade_mark: 0x4000,
        masquerade_all: false,
        detector: "10.244.0.0/16".parse().map_or(LocalDetector::None, LocalDetector::Cidr),
        all_node_ips: true,
    }
}

/// A backend for a namespace.
pub fn backend(namespace: &str, frame: FrameConfig) -> Result<Nftables> {
    let kernel =
        NamespaceWriter::open(format!("/run/netns/{namespace}")).map_err(failed("entering a namespace"))?;
    Ok(Nftables::new(kernel, frame))
}

/// Nothing that the configuration adds.
#[must_use]
pub fn settings() -> Settings {
    Settings::default()
}

/// An error of a library as a failure.
pub fn failed<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> Failure {
    let what = what.to_owned();
    move |e| Failure::Agent { what: what.clone(), why: e.to_string() }
}

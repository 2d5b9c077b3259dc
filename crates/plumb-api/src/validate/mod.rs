//! What the API server would refuse of an object, as far as it matters to whoever forwards packets
//! (`pkg/apis/core/validation`, `pkg/apis/discovery/validation`, `pkg/apis/networking/validation` of Kubernetes v1.36). Plumb takes such objects all the same,
//! from folders of manifests and from old clusters, and says so.
//!
//! Objects are judged as they are written, before [`crate::defaults`]: what the API server would fill in is not missed.

mod address;
mod admin;
mod name;
mod policy;
mod problem;
mod service;
mod slice;

use crate::field::FieldPath;
use crate::objects::{Kind, Node, Object, ObjectMeta, Pod, ServiceCidr};

pub use name::NameForm;
pub use problem::{Missing, Problem, Special, Violation};

/// Everything that is wrong with the object, in the order of its fields.
#[must_use]
pub fn check(object: &Object) -> Vec<Violation> {
    let mut found = Findings::default();
    names(object.kind(), object.metadata(), &mut found);
    match object {
        Object::Service(service) => service::check(service, &mut found),
        Object::EndpointSlice(slice) => slice::check(slice, &mut found),
        Object::Endpoints(endpoints) => slice::endpoints(endpoints, &mut found),
        Object::Pod(pod) => check_pod(pod, &mut found),
        Object::Node(node) => check_node(node, &mut found),
        Object::ServiceCidr(cidr) => check_service_cidr(cidr, &mut found),
        Object::NetworkPolicy(policy) => policy::check(policy, &mut found),
        Object::AdminNetworkPolicy(policy) => admin::check(&policy.spec, &mut found),
        Object::BaselineAdminNetworkPolicy(policy) => admin::check(&policy.spec, &mut found),
        Object::Namespace(_) => {}
    }
    found.0
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, path: FieldPath, problem: Problem) {
        self.0.push(Violation { path, problem });
    }
}

fn names(kind: Kind, metadata: &ObjectMeta, found: &mut Findings) {
    let form = match kind {
        // ValidateServiceName; v1.34 has a gate (off) that takes DNS-1123 labels too.
        Kind::Service => NameForm::Dns1035Label,
        Kind::Namespace => NameForm::Dns1123Label,
        _ => NameForm::Dns1123Subdomain,
    };
    let path = FieldPath::of(&["metadata"]);
    name::check(&metadata.name, form, path.field("name"), found);
    if kind.is_namespaced() && !metadata.namespace.is_empty() {
        name::check(&metadata.namespace, NameForm::Dns1123Label, path.field("namespace"), found);
    }
}

fn check_pod(pod: &Pod, found: &mut Findings) {
    let status = FieldPath::of(&["status"]);
    if let Some(first) = pod.status.pod_ips.first()
        && first.ip != pod.status.pod_ip
    {
        let (one, list) = ("podIP", "podIPs");
        let problem =
            Problem::FirstDiffers { one, list, value: pod.status.pod_ip.clone(), first: first.ip.clone() };
        found.add(status.field(list), problem);
    } else if pod.status.pod_ips.is_empty() && !pod.status.pod_ip.is_empty() {
        address::ip(&pod.status.pod_ip, status.field("podIP"), found);
    }
    let texts: Vec<&str> = pod.status.pod_ips.iter().map(|p| &*p.ip).collect();
    address::one_a_family(&texts, crate::address::parse_ip, &status.field("podIPs"), found);
    for (i, ip) in texts.iter().enumerate() {
        address::ip(ip, status.field("podIPs").index(i).field("ip"), found);
    }
    let containers = FieldPath::of(&["spec", "containers"]);
    let inits = FieldPath::of(&["spec", "initContainers"]);
    let lists = [(containers, &pod.spec.containers), (inits, &pod.spec.init_containers)];
    for (path, list) in lists {
        for (i, container) in list.iter().enumerate() {
            for (j, port) in container.ports.iter().enumerate() {
                if port.container_port == 0 {
                    let path = path.index(i).field("ports").index(j).field("containerPort");
                    found.add(path, Problem::Port { value: 0 });
                }
            }
        }
    }
}

fn check_node(node: &Node, found: &mut Findings) {
    let path = FieldPath::of(&["spec", "podCIDRs"]);
    if let Some(first) = node.spec.pod_cidrs.first()
        && *first != node.spec.pod_cidr
        && !node.spec.pod_cidr.is_empty()
    {
        let (one, list) = ("podCIDR", "podCIDRs");
        let problem =
            Problem::FirstDiffers { one, list, value: node.spec.pod_cidr.clone(), first: first.clone() };
        found.add(path.clone(), problem);
    } else if node.spec.pod_cidrs.is_empty() && !node.spec.pod_cidr.is_empty() {
        address::cidr(&node.spec.pod_cidr, FieldPath::of(&["spec", "podCIDR"]), found);
    }
    cidrs(&node.spec.pod_cidrs, &path, found);
}

fn check_service_cidr(cidr: &ServiceCidr, found: &mut Findings) {
    let path = FieldPath::of(&["spec", "cidrs"]);
    if cidr.spec.cidrs.is_empty() {
        found.add(path.clone(), Problem::Required { why: Missing::Ranges });
    }
    cidrs(&cidr.spec.cidrs, &path, found);
}

/// Ranges, at most one a family.
fn cidrs(texts: &[Box<str>], path: &FieldPath, found: &mut Findings) {
    let all: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    let address = |text: &str| crate::address::parse_cidr(text).map(crate::address::Cidr::address);
    address::one_a_family(&all, address, path, found);
    for (i, text) in texts.iter().enumerate() {
        address::cidr(text, path.index(i), found);
    }
}

#[cfg(test)]
mod tests;

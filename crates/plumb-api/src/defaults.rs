//! What the API server fills in where an object leaves it out, as far as whoever forwards packets needs it
//! (`pkg/apis/core/v1/defaults.go` and `pkg/registry/core/service/storage` of Kubernetes v1.36).
//!
//! | object | field | from |
//! |---|---|---|
//! | Service | `clusterIPs` | `clusterIP`, and the other way round |
//! | | `ipFamilies` | the families of `clusterIPs`; [`families`] where there are none |
//! | | `ipFamilyPolicy` | `RequireDualStack` for two families, else `SingleStack` |
//! | | `internalTrafficPolicy` | `Cluster` |
//! | | `externalTrafficPolicy` | `Cluster`, where something outside reaches it |
//! | | `sessionAffinityConfig` | 10,800 seconds, where affinity is on |
//! | | `allocateLoadBalancerNodePorts` | true, for type LoadBalancer |
//! | | `ports[].targetPort` | `port` |
//! | Pod | `status.podIPs` | `status.podIP`, and the other way round |
//! | Node | `spec.podCIDRs` | `spec.podCIDR`, and the other way round |
//!
//! Addresses, node ports and health check ports are not allocated. `protocol`, `type` and `sessionAffinity` have their
//! defaults in the types. What an object has is never changed.

use crate::address::{IpFamily, parse_cidr, parse_ip};
use crate::objects::{
    ClientIpConfig, ExternalTrafficPolicy, IntOrString, InternalTrafficPolicy, IpFamilyPolicy, Node, Object,
    Pod, PodIp, Service, ServiceCidr, ServiceType, SessionAffinity, SessionAffinityConfig,
};

/// Seconds of affinity where none are given (`DefaultClientIPServiceAffinitySeconds`).
pub const AFFINITY_SECONDS: u32 = 10_800;

/// Fills in what the object alone decides.
pub fn fill(object: &mut Object) {
    match object {
        Object::Service(service) => fill_service(service),
        Object::Pod(pod) => fill_pod(pod),
        Object::Node(node) => fill_node(node),
        _ => {}
    }
}

fn fill_service(service: &mut Service) {
    let spec = &mut service.spec;
    if spec.kind == ServiceType::ExternalName {
        return;
    }
    if spec.cluster_ips.is_empty() && !spec.cluster_ip.is_empty() {
        spec.cluster_ips = vec![spec.cluster_ip.clone()];
    } else if spec.cluster_ip.is_empty()
        && let Some(first) = spec.cluster_ips.first()
    {
        spec.cluster_ip = first.clone();
    }
    if spec.ip_families.is_empty() {
        spec.ip_families = spec.cluster_ips.iter().filter_map(|ip| parse_ip(ip)).map(IpFamily::of).collect();
        spec.ip_families.dedup();
    }
    set_policy(service);
    let spec = &mut service.spec;
    spec.internal_traffic_policy.get_or_insert(InternalTrafficPolicy::Cluster);
    if spec.is_externally_accessible() {
        spec.external_traffic_policy.get_or_insert(ExternalTrafficPolicy::Cluster);
    }
    if spec.session_affinity == SessionAffinity::ClientIP {
        let config = spec.session_affinity_config.get_or_insert_with(SessionAffinityConfig::default);
        let client_ip = config.client_ip.get_or_insert_with(ClientIpConfig::default);
        client_ip.timeout_seconds.get_or_insert(AFFINITY_SECONDS);
    }
    if spec.kind == ServiceType::LoadBalancer {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
    for port in &mut spec.ports {
        let none = match &port.target_port {
            None | Some(IntOrString::Int(0)) => true,
            Some(IntOrString::String(name)) => name.is_empty(),
            Some(IntOrString::Int(_)) => false,
        };
        if none {
            port.target_port = Some(IntOrString::Int(port.port.into()));
        }
    }
}

fn set_policy(service: &mut Service) {
    let policy = match service.spec.ip_families.len() {
        0 => return,
        1 => IpFamilyPolicy::SingleStack,
        _ => IpFamilyPolicy::RequireDualStack,
    };
    service.spec.ip_family_policy.get_or_insert(policy);
}

/// Gives a Service its families where neither they nor an address are written: those of the cluster, whose primary family
/// comes first. One that asks for a single stack gets the primary; a headless one without selector gets both.
pub fn families(service: &mut Service, cluster: &[IpFamily]) {
    let spec = &mut service.spec;
    let open = spec.ip_families.is_empty() && !spec.cluster_ips.iter().any(|ip| parse_ip(ip).is_some());
    if spec.kind == ServiceType::ExternalName || !open {
        return;
    }
    let primary = cluster.first().copied().unwrap_or(IpFamily::V4);
    let other = if primary == IpFamily::V4 { IpFamily::V6 } else { IpFamily::V4 };
    let without_selector = spec.is_headless()
        && spec.ip_family_policy.is_none()
        && spec.selector.as_ref().is_none_or(|s| s.is_empty());
    let both = match spec.ip_family_policy {
        Some(IpFamilyPolicy::RequireDualStack) => true,
        Some(IpFamilyPolicy::PreferDualStack) => cluster.contains(&other),
        Some(IpFamilyPolicy::SingleStack) => false,
        None => without_selector,
    };
    spec.ip_families = if both { vec![primary, other] } else { vec![primary] };
    set_policy(service);
}

/// The families of a cluster, the primary one first, as its ServiceCIDR `kubernetes` tells them, else any other; IPv4 where
/// there is none.
pub fn cluster_families<'a>(ranges: impl IntoIterator<Item = &'a ServiceCidr>) -> Vec<IpFamily> {
    let all: Vec<&ServiceCidr> = ranges.into_iter().collect();
    let first = all.iter().find(|c| &*c.metadata.name == "kubernetes").or(all.first());
    let mut families: Vec<IpFamily> = first
        .map(|c| c.spec.cidrs.iter().filter_map(|r| parse_cidr(r)).map(|r| r.family()).collect())
        .unwrap_or_default();
    families.dedup();
    if families.is_empty() {
        families.push(IpFamily::V4);
    }
    families
}

fn fill_pod(pod: &mut Pod) {
    let status = &mut pod.status;
    if status.pod_ips.is_empty() && !status.pod_ip.is_empty() {
        status.pod_ips = vec![PodIp { ip: status.pod_ip.clone() }];
    } else if status.pod_ip.is_empty()
        && let Some(first) = status.pod_ips.first()
    {
        status.pod_ip = first.ip.clone();
    }
}

fn fill_node(node: &mut Node) {
    let spec = &mut node.spec;
    if spec.pod_cidrs.is_empty() && !spec.pod_cidr.is_empty() {
        spec.pod_cidrs = vec![spec.pod_cidr.clone()];
    } else if spec.pod_cidr.is_empty()
        && let Some(first) = spec.pod_cidrs.first()
    {
        spec.pod_cidr = first.clone();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn service(spec: serde_json::Value) -> Service {
        let mut object = Object::from_json(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec}),
        )
        .unwrap();
        fill(&mut object);
        let Object::Service(mut service) = object else { unreachable!() };
        families(&mut service, &[IpFamily::V4, IpFamily::V6]);
        service
    }

    #[test]
    fn a_service_gets_what_the_api_server_gives_it() {
        let s = service(json!({"clusterIP": "fd00::1", "ports": [{"port": 80}]})).spec;
        assert_eq!(s.cluster_ips, ["fd00::1".into()]);
        assert_eq!(s.ip_families, [IpFamily::V6]);
        assert_eq!(s.ip_family_policy, Some(IpFamilyPolicy::SingleStack));
        assert_eq!(s.internal_traffic_policy, Some(InternalTrafficPolicy::Cluster));
        assert_eq!(s.external_traffic_policy, None);
        assert_eq!(s.session_affinity_config, None);
        assert_eq!(s.ports[0].target_port, Some(IntOrString::Int(80)));

        let s = service(json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP"})).spec;
        assert_eq!(s.external_traffic_policy, Some(ExternalTrafficPolicy::Cluster));
        assert_eq!(s.allocate_load_balancer_node_ports, Some(true));
        let config = s.session_affinity_config.and_then(|c| c.client_ip);
        assert_eq!(config.and_then(|c| c.timeout_seconds), Some(10_800));
    }

    #[test]
    fn families_follow_addresses_then_policy_then_the_cluster() {
        let of = |spec| service(spec).spec.ip_families;
        let both = [IpFamily::V4, IpFamily::V6];
        assert_eq!(of(json!({"clusterIPs": ["fd00::1", "10.0.0.1"]})), [IpFamily::V6, IpFamily::V4]);
        assert_eq!(of(json!({})), [IpFamily::V4]);
        assert_eq!(of(json!({"ipFamilyPolicy": "PreferDualStack"})), both);
        assert_eq!(of(json!({"clusterIP": "None"})), both);
        assert_eq!(of(json!({"clusterIP": "None", "selector": {"a": "b"}})), [IpFamily::V4]);
        assert_eq!(of(json!({"ipFamilies": ["IPv6"]})), [IpFamily::V6]);
        assert_eq!(of(json!({"type": "ExternalName", "externalName": "a.b"})), []);
    }

    #[test]
    fn the_cluster_is_what_its_ranges_say() {
        let range = |name: &str, cidrs: &[&str]| {
            let mut c = ServiceCidr::default();
            c.metadata.name = name.into();
            c.spec.cidrs = cidrs.iter().map(|r| (*r).into()).collect();
            c
        };
        assert_eq!(cluster_families(&[]), [IpFamily::V4]);
        let ranges = [range("a", &["10.0.0.0/16"]), range("kubernetes", &["fd00::/108", "10.1.0.0/16"])];
        assert_eq!(cluster_families(&ranges), [IpFamily::V6, IpFamily::V4]);
    }
}

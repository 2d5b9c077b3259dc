//! Services (`ValidateService`).

mod addresses;
mod ports;

pub(super) use ports::is_port_name;

use super::{Findings, NameForm, Problem, address, name};
use crate::field::FieldPath;
use crate::objects::{ExternalTrafficPolicy, Service, ServiceType, SessionAffinity};

/// Values of `spec.trafficDistribution` (KEP-3015).
const TRAFFIC_DISTRIBUTIONS: &[&str] = &["PreferSameZone", "PreferSameNode", "PreferClose"];
/// Longest time of affinity in seconds.
const MAX_AFFINITY_SECONDS: u32 = 86_400;

pub(super) fn check(service: &Service, found: &mut Findings) {
    addresses::check(service, found);
    ports::check(service, found);
    let spec = FieldPath::of(&["spec"]);
    let load_balancer = service.spec.kind == ServiceType::LoadBalancer;
    let ranges = spec.field("loadBalancerSourceRanges");
    if !service.spec.load_balancer_source_ranges.is_empty() && !load_balancer {
        found.add(ranges.clone(), Problem::OnlyForLoadBalancer);
    }
    for (i, range) in service.spec.load_balancer_source_ranges.iter().enumerate() {
        // Ranges came from an annotation once, which may hold spaces.
        address::cidr(range.trim(), ranges.index(i), found);
    }
    traffic(service, &spec, found);
    affinity(service, &spec, found);
    if service.spec.allocate_load_balancer_node_ports.is_some() && !load_balancer {
        found.add(spec.field("allocateLoadBalancerNodePorts"), Problem::OnlyForLoadBalancer);
    }
    status(service, found);
}

fn traffic(service: &Service, spec: &FieldPath, found: &mut Findings) {
    let policy = service.spec.external_traffic_policy;
    if policy.is_some() && !service.spec.is_externally_accessible() {
        found.add(spec.field("externalTrafficPolicy"), Problem::ExternalTrafficPolicy);
    }
    let asks_for_health =
        service.spec.kind == ServiceType::LoadBalancer && policy == Some(ExternalTrafficPolicy::Local);
    if service.spec.health_check_node_port != 0 && !asks_for_health {
        found.add(spec.field("healthCheckNodePort"), Problem::HealthCheckNodePort);
    }
    if let Some(value) = &service.spec.traffic_distribution
        && !TRAFFIC_DISTRIBUTIONS.contains(&&**value)
    {
        let problem = Problem::NotOneOf { value: value.clone(), allowed: TRAFFIC_DISTRIBUTIONS };
        found.add(spec.field("trafficDistribution"), problem);
    }
}

fn affinity(service: &Service, spec: &FieldPath, found: &mut Findings) {
    let Some(config) = &service.spec.session_affinity_config else { return };
    let path = spec.field("sessionAffinityConfig");
    if service.spec.session_affinity != SessionAffinity::ClientIP {
        found.add(path, Problem::AffinityConfig);
    } else if let Some(seconds) = config.client_ip.as_ref().and_then(|c| c.timeout_seconds)
        && !(1..=MAX_AFFINITY_SECONDS).contains(&seconds)
    {
        let problem = Problem::AffinityTimeout { seconds: seconds.into() };
        found.add(path.field("clientIP").field("timeoutSeconds"), problem);
    }
}

/// ValidateLoadBalancerStatus
fn status(service: &Service, found: &mut Findings) {
    let path = FieldPath::of(&["status", "loadBalancer", "ingress"]);
    let ingress = &service.status.load_balancer.ingress;
    if !ingress.is_empty() && service.spec.kind != ServiceType::LoadBalancer {
        found.add(path.clone(), Problem::NoLoadBalancer);
    }
    for (i, entry) in ingress.iter().enumerate() {
        let path = path.index(i);
        if !entry.ip.is_empty() {
            address::ip(&entry.ip, path.field("ip"), found);
        } else if entry.ip_mode.is_some() {
            found.add(path.field("ipMode"), Problem::IpModeWithoutIp);
        }
        if crate::address::parse_ip(&entry.hostname).is_some() {
            let problem = Problem::HostnameIsAddress { text: entry.hostname.clone() };
            found.add(path.field("hostname"), problem);
        } else if !entry.hostname.is_empty() {
            name::check(&entry.hostname, NameForm::Dns1123Subdomain, path.field("hostname"), found);
        }
    }
}

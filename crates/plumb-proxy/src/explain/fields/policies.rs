//! Who may use which endpoints, who comes back, who asks.

use plumb_api::{
    ExternalTrafficPolicy, InternalTrafficPolicy, ServiceType, SessionAffinity, defaults::AFFINITY_SECONDS,
};

use super::super::context::Context;
use super::super::{Field, Meaning, name};

pub(super) fn all(context: &Context<'_>, out: &mut Vec<Field>) {
    let spec = &context.service.spec;
    if spec.kind == ServiceType::ExternalName {
        return;
    }
    if let Some(policy) = spec.internal_traffic_policy {
        let (value, meaning) = match policy {
            InternalTrafficPolicy::Cluster => ("Cluster", Meaning::InternalCluster),
            InternalTrafficPolicy::Local => ("Local", Meaning::InternalLocal),
        };
        out.push(Field::new("spec.internalTrafficPolicy", value, vec![context.served(meaning)]));
    }
    if let Some(policy) = spec.external_traffic_policy {
        let (value, meaning) = match policy {
            ExternalTrafficPolicy::Cluster => ("Cluster", Meaning::ExternalCluster),
            ExternalTrafficPolicy::Local => ("Local", Meaning::ExternalLocal),
        };
        let meaning = if context.is_external() { meaning } else { Meaning::ExternalIdle };
        out.push(Field::new("spec.externalTrafficPolicy", value, vec![context.served(meaning)]));
    }
    affinity(context, out);
    if spec.health_check_node_port != 0 {
        let local = spec.external_traffic_policy == Some(ExternalTrafficPolicy::Local);
        let meaning = match (spec.kind, local) {
            (ServiceType::LoadBalancer, true) => Meaning::HealthPort,
            (kind, _) => Meaning::HealthPortIdle { type_is_other: kind != ServiceType::LoadBalancer },
        };
        out.push(Field::new(
            "spec.healthCheckNodePort",
            spec.health_check_node_port,
            vec![context.served(meaning)],
        ));
    }
    if spec.publish_not_ready_addresses {
        out.push(Field::new("spec.publishNotReadyAddresses", true, vec![Meaning::PublishNotReady]));
    }
    if let Some(distribution) = &spec.traffic_distribution {
        let ours = |s: &&plumb_api::EndpointSlice| {
            let owner = s.metadata.label(plumb_api::label::SERVICE_NAME);
            s.metadata.namespace == context.service.metadata.namespace
                && owner == Some(&context.service.metadata.name)
        };
        let hinted = context.slices.iter().filter(ours).flat_map(|s| &s.endpoints).any(|e| e.hints.is_some());
        let meaning = Meaning::TrafficDistribution { hinted };
        out.push(Field::new("spec.trafficDistribution", distribution, vec![meaning]));
    }
    if let Some(allocate) = spec.allocate_load_balancer_node_ports
        && (spec.kind == ServiceType::LoadBalancer || !allocate)
    {
        let meaning = Meaning::AllocateNodePorts { allocate };
        out.push(Field::new("spec.allocateLoadBalancerNodePorts", allocate, vec![meaning]));
    }
}

/// `spec.sessionAffinity` and its time; also where it is off, as long as the kernel holds chains of it.
fn affinity(context: &Context<'_>, out: &mut Vec<Field>) {
    let service = context.service;
    let spec = &service.spec;
    let sticks = spec.session_affinity == SessionAffinity::ClientIP;
    let (value, meaning) = match spec.session_affinity {
        SessionAffinity::None => ("None", Meaning::AffinityNone),
        SessionAffinity::ClientIP => ("ClientIP", Meaning::AffinityClientIp),
    };
    let mut field = Field::new("spec.sessionAffinity", value, vec![context.served(meaning)]);
    let own = std::sync::Arc::new(name(service));
    for family in &context.families {
        for port in &spec.ports {
            let port = plumb_intent::PortName {
                service: std::sync::Arc::clone(&own),
                port: port.name.clone(),
                protocol: port.protocol,
            };
            let (held, missing, stale) = family.kernel.affinity(&port, &family.frontends);
            field.held.extend(held);
            field.missing.extend(missing);
            field.stale.extend(stale);
        }
    }
    out.push(field);
    if sticks {
        let config = spec.session_affinity_config.as_ref().and_then(|c| c.client_ip.as_ref());
        let seconds = config.and_then(|c| c.timeout_seconds).unwrap_or(AFFINITY_SECONDS);
        let path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        out.push(Field::new(path, seconds, vec![context.served(Meaning::AffinityTimeout { seconds })]));
    }
}

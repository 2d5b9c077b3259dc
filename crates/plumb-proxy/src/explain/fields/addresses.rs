//! Addresses: inside the cluster, outside, the load balancer's.

use std::net::IpAddr;

use plumb_api::address::{IpFamily, parse_cidr, parse_ip};
use plumb_api::{IpFamilyPolicy, IpMode, ServiceType};
use plumb_intent::{FrontendKey, Origin};

use super::super::context::Context;
use super::super::{Field, Meaning};

/// `spec.clusterIP`, `spec.clusterIPs`, `spec.ipFamilies`
pub(super) fn inside(context: &Context<'_>, out: &mut Vec<Field>) {
    let spec = &context.service.spec;
    if spec.kind == ServiceType::ExternalName {
        return;
    }
    if spec.is_headless() {
        out.push(Field::new("spec.clusterIP", "None", vec![Meaning::Headless]));
        return;
    }
    let all = if spec.cluster_ips.is_empty() {
        std::slice::from_ref(&spec.cluster_ip)
    } else {
        &spec.cluster_ips[..]
    };
    for (i, text) in all.iter().enumerate() {
        // The first is both.
        let path = if i == 0 { "spec.clusterIP".to_owned() } else { format!("spec.clusterIPs[{i}]") };
        if text.is_empty() {
            out.push(Field::new(path, "", vec![Meaning::NotAllocated]));
            continue;
        }
        let mut field = Field::new(path, text, vec![context.served(Meaning::ClusterIp)]);
        match parse_ip(text.trim()) {
            Some(ip) => {
                at(context, ip, &[Origin::ClusterIp], &mut field);
                if let Some(family) = context.family(IpFamily::of(ip))
                    && family.serves
                {
                    if family.found {
                        let (family, rewritten) = (family.family, family.kernel.rewritten());
                        field.meaning.push(Meaning::ClusterIpSource { family, rewritten });
                    }
                    match family.kernel.cluster_ip(ip) {
                        Ok(held) => field.held.push(held),
                        Err(item) => field.missing.push(item),
                    }
                }
            }
            None => field.meaning = vec![Meaning::NotAnAddress],
        }
        out.push(field);
    }
    if spec.ip_families.len() > 1 {
        let families: Vec<String> = spec.ip_families.iter().map(ToString::to_string).collect();
        out.push(Field::new(
            "spec.ipFamilies",
            families.join(","),
            vec![context.served(Meaning::IpFamilies)],
        ));
    }
    let policy = match spec.ip_family_policy {
        Some(IpFamilyPolicy::PreferDualStack) => "PreferDualStack",
        Some(IpFamilyPolicy::RequireDualStack) => "RequireDualStack",
        // What every Service has that says nothing.
        Some(IpFamilyPolicy::SingleStack) | None => return,
    };
    out.push(Field::new("spec.ipFamilyPolicy", policy, vec![Meaning::IpFamilyPolicy]));
}

/// The frontends at an address, and those of them that another Service has.
fn at(context: &Context<'_>, ip: IpAddr, origins: &[Origin], field: &mut Field) {
    let family = IpFamily::of(ip);
    let Some(known) = context.family(family).filter(|f| f.serves) else {
        if context.is_served() {
            field.meaning.push(Meaning::FamilyUnused { family });
        }
        return;
    };
    field.frontends = known.at(ip, origins);
    let ports = context.service.spec.ports.iter();
    let keys = ports.map(|p| FrontendKey { address: Some(ip), protocol: p.protocol, port: p.port });
    field.missing.extend(known.claimed(context.service, keys));
}

/// `spec.externalIPs`
pub(super) fn outside(context: &Context<'_>, out: &mut Vec<Field>) {
    for (i, text) in context.service.spec.external_ips.iter().enumerate() {
        let mut field =
            Field::new(format!("spec.externalIPs[{i}]"), text, vec![context.served(Meaning::ExternalIp)]);
        match parse_ip(text.trim()) {
            Some(ip) => at(context, ip, &[Origin::ExternalIp], &mut field),
            None => field.meaning = vec![Meaning::NotAnAddress],
        }
        out.push(field);
    }
}

/// `spec.loadBalancerSourceRanges`, `status.loadBalancer.ingress`
pub(super) fn load_balancer(context: &Context<'_>, out: &mut Vec<Field>) {
    let service = context.service;
    let ranges = &service.spec.load_balancer_source_ranges;
    if !ranges.is_empty() {
        out.push(Field::new("spec.loadBalancerSourceRanges", ranges.join(","), source_ranges(context)));
    }
    for (i, ingress) in service.status.load_balancer.ingress.iter().enumerate() {
        let path = |name: &str| format!("status.loadBalancer.ingress[{i}].{name}");
        if !ingress.hostname.is_empty() {
            out.push(Field::new(path("hostname"), &ingress.hostname, vec![Meaning::IngressName]));
        }
        if ingress.ip.is_empty() {
            continue;
        }
        let is_proxy = ingress.ip_mode == Some(IpMode::Proxy);
        let value = if is_proxy { format!("{} (ipMode Proxy)", ingress.ip) } else { ingress.ip.to_string() };
        let meaning = if is_proxy { Meaning::IngressProxy } else { Meaning::IngressVip };
        let mut field = Field::new(path("ip"), value, vec![context.served(meaning)]);
        match parse_ip(ingress.ip.trim()) {
            Some(ip) if !is_proxy => at(context, ip, &[Origin::LoadBalancerIp], &mut field),
            Some(_) => {}
            None => field.meaning = vec![Meaning::NotAnAddress],
        }
        out.push(field);
    }
}

fn source_ranges(context: &Context<'_>) -> Vec<Meaning> {
    if !context.is_served() {
        return vec![Meaning::NotServed];
    }
    let texts = &context.service.spec.load_balancer_source_ranges;
    let ranges: Vec<_> = texts.iter().filter_map(|text| parse_cidr(text.trim())).collect();
    let mut families: Vec<IpFamily> = context.virtual_ips().map(IpFamily::of).collect();
    families.sort_unstable();
    families.dedup();
    if families.is_empty() {
        return vec![Meaning::SourceRangesUnused];
    }
    let mut meaning = vec![Meaning::SourceRanges];
    if ranges.len() < texts.len() {
        meaning.push(Meaning::NotAnAddress);
    }
    for family in families {
        let mut own = ranges.iter().filter(|r| r.family() == family).peekable();
        if own.peek().is_none() {
            meaning.push(Meaning::SourceRangesOtherFamily { family });
        } else if own.any(|r| r.length() == 0) {
            meaning.push(Meaning::SourceRangesOpen { family });
        }
    }
    meaning
}

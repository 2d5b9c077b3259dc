//! The node as configuration, Node object, ServiceCIDRs and its own devices say, to what a family's table is made of.

use std::net::IpAddr;

use plumb_api::address::{Cidr, IpFamily, parse_cidr, parse_ip};
use plumb_api::{Node, ServiceCidr, label};
use plumb_intent::Problem;

use crate::backend::nftables::{FrameConfig, LocalDetector, Settings};
use crate::config::{Config, DetectLocalMode, NodePortAddresses};

/// Where facts about the node come from.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// The Node object of this node.
    pub node: Option<&'a Node>,
    /// ServiceCIDR objects.
    pub service_cidrs: Vec<&'a ServiceCidr>,
    /// Addresses of the node's devices, loopback among them.
    pub local_addresses: &'a [IpAddr],
}

/// What one family's intent and table depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyFacts {
    /// Zone.
    pub zone: Option<Box<str>>,
    /// Primary address of each family, else loopback: a source range that holds one lets load balancers' addresses in.
    pub node_ips: Vec<IpAddr>,
    /// Rules.
    pub frame: FrameConfig,
    /// Contents of sets.
    pub settings: Settings,
}

/// The facts for a family.
#[must_use]
pub fn facts(config: &Config, sources: &Sources<'_>, family: IpFamily) -> FamilyFacts {
    let primary = primary_ips(config, sources);
    let ports = match &config.node_port_addresses {
        NodePortAddresses::Primary => {
            let own: Vec<IpAddr> = primary.iter().copied().filter(|ip| IpFamily::of(*ip) == family).collect();
            // As the reference: a family for which nothing is said takes node ports on all its addresses.
            if own.is_empty() { None } else { Some(own) }
        }
        NodePortAddresses::Ranges(ranges) => {
            let of_family: Vec<Cidr> = ranges.iter().copied().filter(|r| r.family() == family).collect();
            if of_family.is_empty() || of_family.iter().any(|r| r.length() == 0) {
                None
            } else {
                let taken = |ip: &&IpAddr| !ip.is_loopback() && of_family.iter().any(|r| r.contains(**ip));
                Some(sources.local_addresses.iter().filter(taken).copied().collect())
            }
        }
    };
    // A family without a primary address counts as loopback's (`getNodeIPs` in cmd/kube-proxy/app/server.go).
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)];
    let mut node_ips = primary.clone();
    let has = |ip: &IpAddr| primary.iter().any(|p| IpFamily::of(*p) == IpFamily::of(*ip));
    node_ips.extend(loopback.iter().filter(|ip| !has(ip)));
    let zone =
        config.node_zone.as_deref().or_else(|| sources.node.and_then(|n| n.metadata.label(label::ZONE)));
    FamilyFacts {
        zone: zone.map(Into::into),
        node_ips,
        frame: FrameConfig {
            family,
            masquerade_mark: config.masquerade_mark(),
            masquerade_all: config.masquerade_all,
            detector: detector(config, sources, family),
            all_node_ips: ports.is_none(),
        },
        settings: Settings {
            node_port_ips: ports.unwrap_or_default(),
            service_cidrs: service_cidrs(config, sources, family),
        },
    }
}

/// The node's addresses, at most one a family: those given, else the first InternalIP, else the first ExternalIP.
fn primary_ips(config: &Config, sources: &Sources<'_>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for family in IpFamily::ALL {
        let given = config.node_ips.iter().copied().find(|ip| IpFamily::of(*ip) == family);
        let of_kind = |kind: &str| {
            let addresses = sources.node.map_or(&[][..], |n| &n.status.addresses);
            let of_kind = addresses.iter().filter(|a| *a.kind == *kind);
            of_kind.filter_map(|a| parse_ip(&a.address)).find(|ip| IpFamily::of(*ip) == family)
        };
        found.extend(given.or_else(|| of_kind("InternalIP")).or_else(|| of_kind("ExternalIP")));
    }
    found
}

fn detector(config: &Config, sources: &Sources<'_>, family: IpFamily) -> LocalDetector {
    let ranges = match &config.detect_local_mode {
        DetectLocalMode::BridgeInterface(name) => return LocalDetector::Bridge(name.clone()),
        DetectLocalMode::InterfaceNamePrefix(prefix) => {
            return LocalDetector::InterfacePrefix(prefix.clone());
        }
        DetectLocalMode::ClusterCidr => config.cluster_cidrs.clone(),
        DetectLocalMode::NodeCidr => {
            let spec = sources.node.map(|n| &n.spec);
            let all = spec.map_or(&[][..], |s| &s.pod_cidrs);
            let one = spec.map(|s| &s.pod_cidr).filter(|_| all.is_empty());
            all.iter().chain(one).filter_map(|text| parse_cidr(text)).collect()
        }
    };
    // One range a family, as the reference has it.
    match ranges.into_iter().find(|r| r.family() == family) {
        Some(range) => LocalDetector::Cidr(range),
        None => LocalDetector::None,
    }
}

fn service_cidrs(config: &Config, sources: &Sources<'_>, family: IpFamily) -> Vec<Cidr> {
    let objects =
        sources.service_cidrs.iter().flat_map(|s| &s.spec.cidrs).filter_map(|text| parse_cidr(text));
    let mut all: Vec<Cidr> =
        config.service_cidrs.iter().copied().chain(objects).filter(|r| r.family() == family).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What in the Node and ServiceCIDRs cannot be read, and is therefore left out of the facts.
#[must_use]
pub fn unreadable(sources: &Sources<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    if let Some(node) = sources.node {
        let object = format!("Node {}", node.metadata.name);
        for (i, address) in node.status.addresses.iter().enumerate() {
            if matches!(&*address.kind, "InternalIP" | "ExternalIP") && parse_ip(&address.address).is_none() {
                found.push(Problem::Address {
                    object: object.clone(),
                    field: format!("status.addresses[{i}].address"),
                    value: address.address.to_string(),
                });
            }
        }
        found.extend(unreadable_ranges(&object, "spec.podCIDRs", &node.spec.pod_cidrs));
    }
    for range in &sources.service_cidrs {
        let object = format!("ServiceCIDR {}", range.metadata.name);
        found.extend(unreadable_ranges(&object, "spec.cidrs", &range.spec.cidrs));
    }
    found
}

fn unreadable_ranges(object: &str, field: &str, texts: &[Box<str>]) -> Vec<Problem> {
    let wrong = texts.iter().enumerate().filter(|(_, text)| parse_cidr(text).is_none());
    wrong
        .map(|(i, text)| Problem::Range {
            object: object.to_owned(),
            field: format!("{field}[{i}]"),
            value: text.to_string(),
        })
        .collect()
}

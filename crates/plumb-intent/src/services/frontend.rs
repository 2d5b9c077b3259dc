//! What packets are addressed to, and what they get.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use plumb_api::Protocol;
use plumb_api::address::Cidr;

use super::choose::Chosen;
use super::view::{PortView, ServiceView};
use super::{Endpoint, NodeContext, PortName};

/// What a packet is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrontendKey {
    /// Address; `None`: any of the node's addresses that take node ports.
    pub address: Option<IpAddr>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
}

impl fmt::Display for FrontendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(a)) => write!(f, "[{a}]:{} {}", self.port, self.protocol),
            Some(a) => write!(f, "{a}:{} {}", self.port, self.protocol),
            None => write!(f, "node port {} {}", self.port, self.protocol),
        }
    }
}

/// Which field of the Service a frontend comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the fields' own names")]
pub enum Origin {
    ClusterIp,
    ExternalIp,
    LoadBalancerIp,
    NodePort,
}

/// How packets to a frontend are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Any sender gets [`Frontend::cluster`]; the source of what no pod sent is rewritten where pods can be told from others.
    Internal,
    /// Any sender gets [`Frontend::cluster`]; the source is always rewritten.
    External,
    /// Pods get [`Frontend::cluster`] with their own source, the node the same with its source rewritten, others
    /// [`Frontend::local`] with their own source.
    ExternalLocal,
}

/// What a packet gets for which there is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// No node has an endpoint: an ICMP error.
    Reject,
    /// Another node has one: silence, since the sender may come back by way of that node.
    Drop,
}

/// A frontend and what its packets get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Port of a Service.
    pub name: Arc<PortName>,
    /// Where the frontend comes from.
    pub origin: Origin,
    /// How its packets are treated.
    pub class: Class,
    /// Set where the list that outside senders ([`Class::Internal`]: any) get is empty.
    pub refusal: Option<Refusal>,
    /// Endpoints; for [`Class::Internal`] those that `internalTrafficPolicy` allows.
    pub cluster: Arc<[Endpoint]>,
    /// Endpoints on this node, for [`Class::ExternalLocal`]; else empty.
    pub local: Arc<[Endpoint]>,
    /// Seconds that a client stays with an endpoint.
    pub affinity: Option<u32>,
    /// Where senders may be; `None`: anywhere.
    pub sources: Option<Arc<[Cidr]>>,
}

/// All frontends of one port, with the endpoints chosen for it.
pub(super) fn frontends(
    service: &ServiceView,
    port: &PortView,
    chosen: &Chosen,
    node: &NodeContext,
) -> Vec<(FrontendKey, Frontend)> {
    let name = Arc::new(PortName {
        service: Arc::clone(&service.name),
        port: port.name.clone(),
        protocol: port.protocol,
    });
    let none: Arc<[Endpoint]> = Arc::default();
    let refused = if chosen.anywhere { Refusal::Drop } else { Refusal::Reject };
    let mut out = Vec::with_capacity(1 + service.external_ips.len() + service.load_balancer_ips.len());
    let mut add = |address: Option<IpAddr>, number: u16, frontend: Frontend| {
        out.push((FrontendKey { address, protocol: port.protocol, port: number }, frontend));
    };

    let internal = if service.internal_local { &chosen.local } else { &chosen.cluster };
    let cluster_ip = Frontend {
        name: Arc::clone(&name),
        origin: Origin::ClusterIp,
        class: Class::Internal,
        refusal: internal.is_empty().then_some(refused),
        cluster: Arc::clone(internal),
        local: Arc::clone(&none),
        affinity: service.affinity,
        sources: None,
    };
    add(Some(service.cluster_ip), port.port, cluster_ip);

    let from_outside = if service.external_local { &chosen.local } else { &chosen.cluster };
    let external = Frontend {
        name,
        origin: Origin::ExternalIp,
        class: if service.external_local { Class::ExternalLocal } else { Class::External },
        refusal: from_outside.is_empty().then_some(refused),
        cluster: Arc::clone(&chosen.cluster),
        local: if service.external_local { Arc::clone(&chosen.local) } else { none },
        affinity: service.affinity,
        sources: None,
    };
    // An address that is both is guarded as the load balancer's.
    for ip in service.external_ips.iter().filter(|ip| !service.load_balancer_ips.contains(ip)) {
        add(Some(*ip), port.port, external.clone());
    }
    let sources = allowed_sources(service, node);
    for ip in &service.load_balancer_ips {
        let frontend =
            Frontend { origin: Origin::LoadBalancerIp, sources: sources.clone(), ..external.clone() };
        add(Some(*ip), port.port, frontend);
    }
    if port.node_port != 0 {
        add(None, port.node_port, Frontend { origin: Origin::NodePort, ..external });
    }
    out
}

/// The source ranges; where one holds the node itself, the load balancer's addresses too, since some load balancers make the node
/// speak with theirs.
fn allowed_sources(service: &ServiceView, node: &NodeContext) -> Option<Arc<[Cidr]>> {
    if service.source_ranges.is_empty() {
        return None;
    }
    let mut ranges = service.source_ranges.to_vec();
    if ranges.iter().any(|r| node.node_ips.iter().any(|ip| r.contains(*ip))) {
        ranges.extend(service.load_balancer_ips.iter().map(|ip| Cidr::host(*ip)));
    }
    Some(ranges.into())
}

//! A Service as the proxy sees it, in one family.

use std::net::IpAddr;
use std::sync::Arc;

use plumb_api::address::{Cidr, IpFamily, parse_cidr, parse_ip};
use plumb_api::defaults::AFFINITY_SECONDS;
use plumb_api::{
    ExternalTrafficPolicy, InternalTrafficPolicy, IpMode, NamespacedName, Protocol, Service, ServiceType,
    SessionAffinity, label,
};

use super::Problem;

/// What a Service asks for, in one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceView {
    /// Name.
    pub(super) name: Arc<NamespacedName>,
    /// When it was created (RFC 3339), which decides between two that want the same address.
    pub(super) created: Option<Box<str>>,
    /// Its address inside the cluster.
    pub(super) cluster_ip: IpAddr,
    /// `externalIPs` of this family.
    pub(super) external_ips: Box<[IpAddr]>,
    /// Addresses of the load balancer that packets come with.
    pub(super) load_balancer_ips: Box<[IpAddr]>,
    /// Where clients of those may be; empty: anywhere.
    pub(super) source_ranges: Box<[Cidr]>,
    /// Traffic from outside may use local endpoints only.
    pub(super) external_local: bool,
    /// Traffic to the cluster IP may use local endpoints only.
    pub(super) internal_local: bool,
    /// Seconds that a client stays with an endpoint.
    pub(super) affinity: Option<u32>,
    /// Ports.
    pub(super) ports: Box<[PortView]>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortView {
    /// Name.
    pub(super) name: Box<str>,
    /// Protocol.
    pub(super) protocol: Protocol,
    /// Port.
    pub(super) port: u16,
    /// Port on the node's addresses; 0: none.
    pub(super) node_port: u16,
}

impl ServiceView {
    /// What the object asks for in this family; `None` where a proxy has nothing to do for it: no cluster IP of the family,
    /// headless, an alias of a DNS name, or labelled for another proxy.
    #[must_use]
    pub(super) fn new(service: &Service, family: IpFamily, problems: &mut Vec<Problem>) -> Option<Self> {
        let spec = &service.spec;
        if service.metadata.labels.contains_key(label::SERVICE_PROXY_NAME)
            || spec.kind == ServiceType::ExternalName
        {
            return None;
        }
        let mut reader = Reader { service, family, problems };
        let cluster_ip = reader.cluster_ip()?;
        let external_ips = reader.addresses("spec.externalIPs", &spec.external_ips);
        let load_balancer_ips = reader.load_balancer_ips();
        let source_ranges = reader.source_ranges();
        let type_is_external = matches!(spec.kind, ServiceType::NodePort | ServiceType::LoadBalancer);
        let may_be_local = type_is_external || !spec.external_ips.is_empty();
        let affinity = (spec.session_affinity == SessionAffinity::ClientIP).then(|| {
            let config = spec.session_affinity_config.as_ref().and_then(|c| c.client_ip.as_ref());
            config.and_then(|c| c.timeout_seconds).unwrap_or(AFFINITY_SECONDS)
        });
        Some(Self {
            name: Arc::new(service.metadata.full_name()),
            created: service.metadata.creation_timestamp.clone(),
            cluster_ip,
            external_ips,
            load_balancer_ips,
            source_ranges,
            external_local: spec.external_traffic_policy == Some(ExternalTrafficPolicy::Local)
                && may_be_local,
            internal_local: spec.internal_traffic_policy == Some(InternalTrafficPolicy::Local),
            affinity,
            ports: spec
                .ports
                .iter()
                .map(|p| PortView {
                    name: p.name.clone(),
                    protocol: p.protocol,
                    port: p.port,
                    node_port: p.node_port,
                })
                .collect(),
        })
    }

    /// Whether anything but the cluster IP leads to this port.
    #[must_use]
    pub(super) fn is_external(&self, port: &PortView) -> bool {
        port.node_port != 0 || !self.external_ips.is_empty() || !self.load_balancer_ips.is_empty()
    }
}

struct Reader<'a> {
    service: &'a Service,
    family: IpFamily,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn object(&self) -> String {
        format!("Service {}", self.service.metadata.full_name())
    }

    /// An address of the family; one of the other family is none of ours, one that cannot be read is a problem.
    fn address(&mut self, field: impl Fn() -> String, text: &str) -> Option<IpAddr> {
        match parse_ip(text.trim()) {
            Some(ip) => (IpFamily::of(ip) == self.family).then_some(ip),
            None => {
                let object = self.object();
                self.problems.push(Problem::Address { object, field: field(), value: text.to_owned() });
                None
            }
        }
    }

    fn addresses(&mut self, field: &str, texts: &[Box<str>]) -> Box<[IpAddr]> {
        let mut found: Vec<IpAddr> = (0..)
            .zip(texts)
            .filter_map(|(i, text): (usize, _)| self.address(|| format!("{field}[{i}]"), text))
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into()
    }

    /// `clusterIPs[i]` where `ipFamilies[i]` is the family; the families of objects that hold none are those of the addresses.
    fn cluster_ip(&mut self) -> Option<IpAddr> {
        let spec = &self.service.spec;
        if spec.is_headless() || (spec.cluster_ip.is_empty() && spec.cluster_ips.is_empty()) {
            return None;
        }
        if spec.ip_families.is_empty() {
            let all = if spec.cluster_ips.is_empty() {
                std::slice::from_ref(&spec.cluster_ip)
            } else {
                &spec.cluster_ips[..]
            };
            return all.iter().find_map(|text| self.address(|| "spec.clusterIPs".to_owned(), text));
        }
        let index = spec.ip_families.iter().position(|f| *f == self.family)?;
        let text = spec.cluster_ips.get(index).or_else(|| (index == 0).then_some(&spec.cluster_ip))?;
        let ip = self.address(|| format!("spec.clusterIPs[{index}]"), text);
        if ip.is_none()
            && let Some(value) = parse_ip(text)
        {
            let object = self.object();
            self.problems.push(Problem::Family { object, field: format!("spec.clusterIPs[{index}]"), value });
        }
        ip
    }

    fn load_balancer_ips(&mut self) -> Box<[IpAddr]> {
        let ingress = &self.service.status.load_balancer.ingress;
        let texts: Vec<Box<str>> = ingress
            .iter()
            .filter(|i| i.ip_mode != Some(IpMode::Proxy) && !i.ip.is_empty())
            .map(|i| i.ip.clone())
            .collect();
        self.addresses("status.loadBalancer.ingress", &texts)
    }

    /// Ranges of the family; one that holds all addresses opens the Service, as none at all does.
    fn source_ranges(&mut self) -> Box<[Cidr]> {
        let mut ranges = Vec::new();
        for (i, text) in self.service.spec.load_balancer_source_ranges.iter().enumerate() {
            match parse_cidr(text.trim()) {
                Some(range) if range.family() == self.family => ranges.push(range),
                Some(_) => {}
                None => {
                    let field = format!("spec.loadBalancerSourceRanges[{i}]");
                    self.problems.push(Problem::Range {
                        object: self.object(),
                        field,
                        value: text.to_string(),
                    });
                }
            }
        }
        if ranges.iter().any(|r| r.length() == 0) {
            ranges.clear();
        }
        ranges.sort_unstable();
        ranges.dedup();
        ranges.into()
    }
}

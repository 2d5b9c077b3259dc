//! Why an endpoint is used on this node, or is not.

use std::fmt;
use std::sync::Arc;

use plumb_api::NamespacedName;

use super::choose::{Hint, gather, is_last_resort, uses};
use super::slice::{SliceEndpoint, SliceView};
use super::view::{PortView, ServiceView};
use super::{Endpoint, NodeContext, PortName, Services};

/// What a list of endpoints does with one that slices tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Used: it is ready.
    Ready,
    /// Used: nothing is ready, and it still answers while it ends.
    LastResort,
    /// Not used: it is not ready.
    NotReady,
    /// Not used: it ends, and others are ready.
    Ending,
    /// Not used: it is on another node.
    OtherNode,
    /// Not used: its hints name other nodes or zones.
    Hinted,
    /// No traffic uses this list.
    NoTraffic,
}

impl Why {
    /// The list has the endpoint.
    #[must_use]
    pub fn is_used(self) -> bool {
        matches!(self, Self::Ready | Self::LastResort)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::LastResort => "last-resort",
            Self::NotReady => "not-ready",
            Self::Ending => "ending",
            Self::OtherNode => "other-node",
            Self::Hinted => "hinted-elsewhere",
            Self::NoTraffic => "no-traffic",
        })
    }
}

/// An endpoint that slices tell, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// Address, port, whether it is on this node.
    pub endpoint: Endpoint,
    /// New connections are welcome.
    pub ready: bool,
    /// It answers.
    pub serving: bool,
    /// It is about to end.
    pub terminating: bool,
    /// In the list for traffic that may go to any node.
    pub cluster: Why,
    /// In the list for traffic that must stay on this node.
    pub local: Why,
}

/// The endpoints of a port of a Service, used or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortEndpoints {
    /// Port.
    pub name: PortName,
    /// Hints that are followed in the list for any node.
    pub hints: Hint,
    /// In the order of their addresses.
    pub all: Vec<Considered>,
}

impl Services {
    /// Every endpoint that the slices of a Service tell, port by port, and why it is used or not.
    #[must_use]
    pub fn endpoints_of(&self, service: &NamespacedName) -> Vec<PortEndpoints> {
        let Some((view, slices)) = self.told(service) else { return Vec::new() };
        view.ports.iter().map(|port| consider(view, port, slices.values(), self.node())).collect()
    }
}

fn consider<'a>(
    service: &ServiceView,
    port: &PortView,
    slices: impl Iterator<Item = &'a SliceView>,
    node: &NodeContext,
) -> PortEndpoints {
    let all = gather(slices, port);
    let (uses_cluster, uses_local) = uses(service, port);
    let hints = Hint::of(all.values().copied().filter(|e| e.ready), node);
    let some_ready = all.values().any(|e| e.ready);
    let some_local_ready = all.values().any(|e| e.ready && e.local);
    let unready = |e: &SliceEndpoint, others: bool| match (is_last_resort(e), others) {
        (true, true) => Why::Ending,
        (true, false) => Why::LastResort,
        (false, _) => Why::NotReady,
    };
    let cluster = |e: &SliceEndpoint| match e.ready {
        _ if !uses_cluster => Why::NoTraffic,
        true if hints.allows(e, node) => Why::Ready,
        true => Why::Hinted,
        false => unready(e, some_ready),
    };
    let local = |e: &SliceEndpoint| match e.ready {
        _ if !uses_local => Why::NoTraffic,
        _ if !e.local => Why::OtherNode,
        true => Why::Ready,
        false => unready(e, some_local_ready),
    };
    let considered = all.iter().map(|((ip, port), e)| Considered {
        endpoint: Endpoint { ip: *ip, port: *port, local: e.local },
        ready: e.ready,
        serving: e.serving,
        terminating: e.terminating,
        cluster: cluster(e),
        local: local(e),
    });
    PortEndpoints {
        name: PortName {
            service: Arc::clone(&service.name),
            port: port.name.clone(),
            protocol: port.protocol,
        },
        hints,
        all: considered.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::choose::choose;
    use super::super::slice::{Hints, SlicePort};
    use super::*;

    /// Each number is another mix of conditions, place and hints.
    fn endpoint(number: u32, host: u8) -> SliceEndpoint {
        let bit = |i: u32| number >> i & 1 == 1;
        let zone: Box<[Box<str>]> = [if bit(5) { "a".into() } else { "b".into() }].into();
        let nodes: Box<[Box<str>]> = if bit(6) { ["here".into()].into() } else { Box::default() };
        SliceEndpoint {
            ip: [10, 0, 0, host].into(),
            ready: bit(0),
            serving: bit(1),
            terminating: bit(2),
            local: bit(3),
            hints: bit(4).then(|| Box::new(Hints { zones: zone, nodes })),
        }
    }

    fn view(number: u32) -> ServiceView {
        let bit = |i: u32| number >> i & 1 == 1;
        ServiceView {
            name: Arc::new(NamespacedName::new("default", "web")),
            created: None,
            cluster_ip: [10, 96, 0, 1].into(),
            external_ips: if bit(0) { [[192, 0, 2, 1].into()].into() } else { Box::default() },
            load_balancer_ips: Box::default(),
            source_ranges: Box::default(),
            external_local: bit(1),
            internal_local: bit(2),
            affinity: None,
            ports: Box::default(),
        }
    }

    /// Whatever the mix: those that are told to be used are those that the intent has.
    #[test]
    fn reasons_agree_with_the_choice() {
        let node = NodeContext { name: "here".into(), zone: Some("a".into()), node_ips: Vec::new() };
        let port =
            PortView { name: "http".into(), protocol: plumb_api::Protocol::Tcp, port: 80, node_port: 0 };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..20_000u32 {
            // Knuth's multiplicative hash: 21 bits of state for three endpoints, spread over all mixes.
            let mix = number.wrapping_mul(2_654_435_761) >> 8;
            let endpoints = (0..3).map(|i| endpoint(mix >> (7 * i) & 0x7f, i as u8 + 1)).collect();
            let ports =
                [SlicePort { name: "http".into(), protocol: plumb_api::Protocol::Tcp, port: 8080 }].into();
            let slice = SliceView { ports, endpoints };
            let service = view(number % 8);
            let chosen = choose(&service, &port, [&slice].into_iter(), &node);
            let reasons = consider(&service, &port, [&slice].into_iter(), &node);
            let used = |why: fn(&Considered) -> Why| -> Vec<Endpoint> {
                reasons.all.iter().filter(|c| why(c).is_used()).map(|c| c.endpoint).collect()
            };
            assert_eq!(used(|c| c.cluster), *chosen.cluster, "mix {mix:x}");
            assert_eq!(used(|c| c.local), *chosen.local, "mix {mix:x}");
            for c in &reasons.all {
                *seen.entry(c.cluster.to_string()).or_default() += 1;
                *seen.entry(c.local.to_string()).or_default() += 1;
            }
        }
        assert_eq!(seen.len(), 7, "{seen:?}");
    }
}

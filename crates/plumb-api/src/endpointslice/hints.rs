//! Hints of `spec.trafficDistribution` (`k8s.io/endpointslice/trafficdist`, KEP-3015).

use crate::objects::{Endpoint, EndpointHints, EndpointSlice, ForNode, ForZone, Service};

/// Which hints endpoints get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hints {
    /// None: traffic is for everybody.
    None,
    /// The endpoint's own zone.
    Zone,
    /// The endpoint's own zone and node.
    Node,
}

/// On a Service: hints by a rule of its own, which comes before `trafficDistribution`; the first is its old name.
const TOPOLOGY_ANNOTATIONS: [&str; 2] =
    ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];

impl Hints {
    pub(super) fn of(service: &Service) -> Self {
        let mode = TOPOLOGY_ANNOTATIONS.iter().find_map(|a| service.metadata.annotations.get(*a));
        if mode.is_some_and(|m| matches!(&**m, "Auto" | "auto")) {
            return Self::None;
        }
        match service.spec.traffic_distribution.as_deref() {
            Some("PreferClose" | "PreferSameZone") => Self::Zone,
            Some("PreferSameNode") => Self::Node,
            _ => Self::None,
        }
    }

    /// What this endpoint ought to have; `Err` where it may have what it likes: it is not ready.
    fn wanted(self, endpoint: &Endpoint) -> Result<Option<EndpointHints>, ()> {
        if self == Self::None {
            return Ok(None);
        }
        if endpoint.conditions.ready != Some(true) {
            return Err(());
        }
        let hints = EndpointHints {
            for_zones: endpoint.zone.iter().map(|z| ForZone { name: z.clone() }).collect(),
            for_nodes: match self {
                Self::Node => endpoint.node_name.iter().map(|n| ForNode { name: n.clone() }).collect(),
                _ => Vec::new(),
            },
        };
        Ok((hints != EndpointHints::default()).then_some(hints))
    }

    /// Whether an endpoint of the slice has other hints than it ought to.
    pub(super) fn differ(self, slice: &EndpointSlice) -> bool {
        // Hints without content are as good as none.
        let given =
            |e: &Endpoint| e.hints.clone().filter(|h| self == Self::None || *h != EndpointHints::default());
        slice.endpoints.iter().any(|e| self.wanted(e).is_ok_and(|wanted| wanted != given(e)))
    }

    /// Gives the endpoints of the slice their hints.
    pub(super) fn set(self, slice: &mut EndpointSlice) {
        for endpoint in &mut slice.endpoints {
            if let Ok(hints) = self.wanted(endpoint) {
                endpoint.hints = hints;
            }
        }
    }
}

//! What one packet of a new connection gets.

use std::net::IpAddr;
use std::sync::Arc;

use plumb_api::Protocol;
use plumb_api::address::Cidr;

use super::{Class, Endpoint, Frontend, FrontendKey, Refusal, Services};

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A pod, as far as the node can tell pods from others.
    Pod,
    /// The node itself.
    Node,
    /// Anybody else.
    Outside,
}

/// The first packet of a connection, as it leaves its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// Who sent it.
    pub sender: Sender,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Protocol.
    pub protocol: Protocol,
    /// Destination port.
    pub port: u16,
}

/// Which of the node's addresses take node ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodePorts {
    /// Every address of the node but loopback.
    AllBut(Box<[Cidr]>),
    /// These.
    On(Box<[IpAddr]>),
}

/// What a packet's fate hangs on beside the Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The node can tell pods from others.
    pub detects_pods: bool,
    /// What goes to cluster IPs always gets the node's source.
    pub masquerade_all: bool,
    /// The node's own addresses.
    pub node_addresses: Box<[IpAddr]>,
    /// Those that take node ports.
    pub node_ports: NodePorts,
    /// Where cluster IPs are allocated from.
    pub service_cidrs: Box<[Cidr]>,
}

impl Surroundings {
    fn takes_node_ports(&self, address: IpAddr) -> bool {
        match &self.node_ports {
            NodePorts::AllBut(not) => {
                self.node_addresses.contains(&address) && !not.iter().any(|range| range.contains(address))
            }
            NodePorts::On(addresses) => addresses.contains(&address),
        }
    }
}

/// What a packet gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is done with it.
    Pass,
    /// An ICMP error, port unreachable.
    Reject,
    /// Silence.
    Drop,
    /// One of the endpoints, each as likely as the others.
    Dnat {
        /// Port of a Service that does it.
        frontend: Arc<Frontend>,
        /// Endpoints.
        endpoints: Arc<[Endpoint]>,
        /// The source becomes the node's; see [`masquerades`] for the sender that is its own endpoint.
        masquerade: bool,
    },
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Reject => Self::Reject,
            Refusal::Drop => Self::Drop,
        }
    }
}

/// Whether the packet's source is rewritten on its way to this endpoint of a [`Decision::Dnat`].
#[must_use]
pub fn masquerades(masquerade: bool, around: &Surroundings, packet: &Packet, endpoint: &Endpoint) -> bool {
    // Sources are rewritten after routing, where packets leave the node. What comes in and stays, since the endpoint has an
    // address of the node itself, never gets there.
    let stays = packet.sender != Sender::Node && around.node_addresses.contains(&endpoint.ip);
    // A pod that reaches itself would see its own address and answer past the node.
    !stays && (masquerade || (endpoint.local && endpoint.ip == packet.source))
}

/// What the packet gets.
#[must_use]
pub fn decide(services: &Services, around: &Surroundings, packet: &Packet) -> Decision {
    let key = FrontendKey { address: Some(packet.destination), protocol: packet.protocol, port: packet.port };
    if let Some(frontend) = services.frontend(&key) {
        if frontend.sources.as_ref().is_some_and(|s| !s.iter().any(|range| range.contains(packet.source))) {
            return Decision::Drop;
        }
        return through(frontend, around, packet);
    }
    if around.takes_node_ports(packet.destination)
        && let Some(frontend) = services.frontend(&FrontendKey { address: None, ..key })
    {
        return through(frontend, around, packet);
    }
    if services.is_cluster_ip(packet.destination) {
        return Decision::Reject;
    }
    if around.service_cidrs.iter().any(|range| range.contains(packet.destination)) {
        return Decision::Drop;
    }
    Decision::Pass
}

fn through(frontend: &Arc<Frontend>, around: &Surroundings, packet: &Packet) -> Decision {
    let (endpoints, masquerade) = match (frontend.class, packet.sender) {
        (Class::Internal, Sender::Pod) => (&frontend.cluster, around.masquerade_all),
        (Class::Internal, _) => (&frontend.cluster, around.masquerade_all || around.detects_pods),
        (Class::External, _) => (&frontend.cluster, true),
        (Class::ExternalLocal, Sender::Pod) => (&frontend.cluster, false),
        (Class::ExternalLocal, Sender::Node) => (&frontend.cluster, true),
        (Class::ExternalLocal, Sender::Outside) => (&frontend.local, false),
    };
    match (endpoints.is_empty(), frontend.refusal) {
        (false, _) => {
            Decision::Dnat { frontend: Arc::clone(frontend), endpoints: Arc::clone(endpoints), masquerade }
        }
        (true, Some(refusal)) => refusal.into(),
        // An empty list always has a refusal; without one the packet goes its way.
        (true, None) => Decision::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_the_node_keeps_its_source() {
        let address = |last| IpAddr::from([192, 168, 0, last]);
        let around = Surroundings {
            detects_pods: true,
            masquerade_all: false,
            node_addresses: [address(2)].into(),
            node_ports: NodePorts::On([address(2)].into()),
            service_cidrs: Box::default(),
        };
        let packet = |sender, source| Packet {
            sender,
            source,
            destination: IpAddr::from([172, 30, 0, 1]),
            protocol: Protocol::Tcp,
            port: 443,
        };
        let to = |last| Endpoint { ip: address(last), port: 6443, local: last == 2 };
        let outside = packet(Sender::Outside, IpAddr::from([203, 0, 113, 2]));
        assert!(!masquerades(true, &around, &outside, &to(2)));
        assert!(masquerades(true, &around, &outside, &to(3)));
        // What the node sends passes the hook even on its way to itself, marked or not.
        let own = packet(Sender::Node, address(2));
        assert!(masquerades(true, &around, &own, &to(2)));
        assert!(masquerades(false, &around, &own, &to(2)));
        assert!(!masquerades(false, &around, &own, &to(3)));
    }
}

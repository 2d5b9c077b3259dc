//! What a finding does to traffic: whose, and how it ends for the client.

use plumb_trace::session::{Flow, Transport};

use crate::finding::{Finding, Packet};
use crate::place;

/// Traffic such as that of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Protocol.
    pub transport: Transport,
    /// Address and port that are dialled; the address alone for an echo.
    pub to: String,
}

impl Traffic {
    /// Traffic like this flow.
    #[must_use]
    pub fn of(flow: &Flow) -> Self {
        Self { transport: flow.transport, to: place::endpoint(flow.dst, flow.port) }
    }
}

/// How attempts end that a finding breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing comes back.
    Silence,
    /// Refused at once.
    Refused,
    /// An ICMP error comes back at once.
    ErrorAtOnce,
    /// The client's own call fails at once.
    FailsLocally,
    /// Nobody answers ARP or ND: an error after about three seconds, silence for datagrams.
    NeighbourFails,
    /// They fail; how depends on what lies behind.
    Fails,
    /// They connect, and get no further once their packets are of full size.
    Stalls,
    /// The first one of that size is lost, and the client is told that it is too long.
    FailsTooLong,
    /// The translation is not undone, so that the client does not know the answer.
    StrangeAnswer,
}

/// How attempts of this protocol end.
#[must_use]
pub(super) fn ending(finding: &Finding, transport: Transport) -> Ending {
    use Finding as F;
    let neighbour = if transport == Transport::Tcp { Ending::NeighbourFails } else { Ending::Silence };
    let by_packet = |packet: Packet| match packet {
        Packet::NeighbourQuestion | Packet::NeighbourAnswer => neighbour,
        Packet::Payload | Packet::PayloadBack | Packet::TooBig if transport == Transport::Tcp => {
            Ending::Stalls
        }
        Packet::Request | Packet::Reply | Packet::Error => Ending::Silence,
        Packet::Payload | Packet::PayloadBack | Packet::TooBig => Ending::Silence,
    };
    match finding {
        F::RuleDrops { packet, .. } | F::PolicyDrops { packet, .. } => by_packet(*packet),
        F::RuleRejects { packet: Packet::Reply | Packet::PayloadBack | Packet::TooBig, .. } => {
            Ending::Silence
        }
        F::RuleRejects { answer, .. } if answer.refuses() => Ending::Refused,
        F::RuleRejects { .. } => Ending::ErrorAtOnce,
        F::NatToDeadPort { .. }
        | F::ListenerMissing { .. }
        | F::ListenerElsewhere { .. }
        | F::ListenerOtherFamily { .. } => Ending::Refused,
        F::RouteMissing { packet: Packet::Request, .. }
        | F::RoutingLoop { .. }
        | F::PolicyRuleDiscards { packet: Packet::Request, .. }
        | F::NatToNobody { .. }
        | F::RouteAstray { .. }
        | F::NatMissed { .. }
        | F::MarkNotRestored { .. }
        | F::MarkNotSaved { .. }
        | F::MarkMissed { .. }
        | F::MarkOverwritten { .. }
        | F::HopLimitTooLow { packet: Packet::Request, .. }
        | F::RouteDiscards { packet: Packet::Request, .. }
        | F::LinkDown { .. }
        | F::NotInBridge { .. } => Ending::Fails,
        F::RouteMissing { packet, .. }
        | F::RouteDiscards { packet, .. }
        | F::PolicyRuleDiscards { packet, .. }
            if *packet == Packet::TooBig =>
        {
            by_packet(*packet)
        }
        F::RouteMissing { .. } | F::RouteDiscards { .. } | F::PolicyRuleDiscards { .. } => Ending::Silence,
        F::NoNeighbourAnswer { .. }
        | F::ProxyEntryMissing { .. }
        | F::NeighbourMissing { .. }
        | F::PortNoBroadcast { .. }
        | F::NoCarrier { .. }
        | F::PortIsolated { .. }
        | F::PortState { .. } => neighbour,
        F::NotForwarding { packet, .. }
        | F::ReversePath { packet, .. }
        | F::HopLimitTooLow { packet, .. } => by_packet(*packet),
        F::BridgeNotFiltered { .. } | F::AnswerFromElsewhere { .. } => Ending::StrangeAnswer,
        F::NoSource { .. } | F::PortsUsedUp { .. } => Ending::FailsLocally,
        F::Untracked { .. } | F::ZoneDiffers { .. } => Ending::Fails,
        F::Ipv6Disabled { .. }
        | F::DuplicateAddress { .. }
        | F::DuplicateMac { .. }
        | F::DadFailed { .. } => Ending::Fails,
        F::PrefixTooWide { .. } => neighbour,
        F::NatSourceLost { .. }
        | F::NatExhausted { .. }
        | F::StaleEntry { .. }
        | F::LoopbackFromOutside { .. }
        | F::OwnSource { .. }
        | F::Martian { .. }
        | F::NeighbourWrong { .. }
        | F::EchoIgnored { .. }
        | F::ConntrackFull { .. }
        | F::PortNoFlood { .. }
        | F::PortNoHairpin { .. }
        | F::FdbWrong { .. }
        | F::QueueFull { .. }
        | F::SynQueueFull { .. }
        | F::BufferFull { .. }
        | F::ServerStopped { .. }
        | F::HandedOver { .. } => Ending::Silence,
        F::FrameTooBig { .. } => by_packet(Packet::Payload),
        F::TooBig { .. } if transport == Transport::Tcp => Ending::Stalls,
        F::TooBig { .. } => Ending::FailsTooLong,
    }
}

impl Finding {
    /// The namespace that it is about.
    #[must_use]
    pub fn namespace(&self) -> &str {
        use Finding as F;
        match self {
            F::RuleDrops { namespace, .. }
            | F::PolicyDrops { namespace, .. }
            | F::RuleRejects { namespace, .. }
            | F::NatToDeadPort { namespace, .. }
            | F::NatToNobody { namespace, .. }
            | F::NatSourceLost { namespace, .. }
            | F::NatExhausted { namespace, .. }
            | F::NatMissed { namespace, .. }
            | F::MarkNotRestored { namespace, .. }
            | F::MarkNotSaved { namespace, .. }
            | F::MarkMissed { namespace, .. }
            | F::MarkOverwritten { namespace, .. }
            | F::HopLimitTooLow { namespace, .. }
            | F::Untracked { namespace, .. }
            | F::ZoneDiffers { namespace, .. }
            | F::StaleEntry { namespace, .. }
            | F::RouteMissing { namespace, .. }
            | F::RouteDiscards { namespace, .. }
            | F::RouteAstray { namespace, .. }
            | F::PolicyRuleDiscards { namespace, .. }
            | F::RoutingLoop { namespace, .. }
            | F::NotForwarding { namespace, .. }
            | F::ReversePath { namespace, .. }
            | F::LoopbackFromOutside { namespace, .. }
            | F::OwnSource { namespace, .. }
            | F::Martian { namespace, .. }
            | F::NoNeighbourAnswer { namespace, .. }
            | F::ProxyEntryMissing { namespace, .. }
            | F::NeighbourMissing { namespace, .. }
            | F::NeighbourWrong { namespace, .. }
            | F::Ipv6Disabled { namespace, .. }
            | F::EchoIgnored { namespace, .. }
            | F::ConntrackFull { namespace, .. }
            | F::BridgeNotFiltered { namespace, .. }
            | F::LinkDown { namespace, .. }
            | F::NoCarrier { namespace, .. }
            | F::NotInBridge { namespace, .. }
            | F::PortNoFlood { namespace, .. }
            | F::PortNoBroadcast { namespace, .. }
            | F::PortIsolated { namespace, .. }
            | F::PortNoHairpin { namespace, .. }
            | F::PortState { namespace, .. }
            | F::FdbWrong { namespace, .. }
            | F::ListenerMissing { namespace, .. }
            | F::ListenerElsewhere { namespace, .. }
            | F::ListenerOtherFamily { namespace, .. }
            | F::DuplicateAddress { namespace, .. }
            | F::PrefixTooWide { namespace, .. }
            | F::PortsUsedUp { namespace, .. }
            | F::QueueFull { namespace, .. }
            | F::SynQueueFull { namespace, .. }
            | F::BufferFull { namespace, .. }
            | F::ServerStopped { namespace, .. }
            | F::DuplicateMac { namespace, .. }
            | F::DadFailed { namespace, .. }
            | F::HandedOver { namespace, .. }
            | F::AnswerFromElsewhere { namespace, .. }
            | F::NoSource { namespace, .. }
            | F::FrameTooBig { namespace, .. }
            | F::TooBig { namespace, .. } => namespace,
        }
    }
}

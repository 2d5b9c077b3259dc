//! What is said about a flow, as ids and parameters; sentences are made of them in [`messages`](crate::messages).

use plumb_model::IpFamily;
use plumb_trace::event::Answer;

/// A kind of cause, with what its sentences need. Names of namespaces, devices, tables are as in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields bear the names of what they hold")]
pub enum Finding {
    /// A rule drops the packet. `packet`: `request`, `reply`, `error`, `neighbour question`, `neighbour answer`.
    RuleDrops {
        namespace: String,
        backend: String,
        table: String,
        chain: String,
        rule: String,
        packet: Packet,
        mark_set_in: Option<String>,
    },
    /// A chain's policy drops it.
    PolicyDrops { namespace: String, backend: String, table: String, chain: String, packet: Packet },
    /// A rule rejects it with this answer.
    RuleRejects {
        namespace: String,
        backend: String,
        table: String,
        chain: String,
        rule: String,
        packet: Packet,
        answer: Rejection,
    },
    /// A NAT rule leads to a port that nobody serves while the port asked for is served.
    NatToDeadPort { namespace: String, rule: String, to: String },
    /// A NAT rule leads to an address that nobody has or that cannot be reached.
    NatToNobody { namespace: String, rule: String, to: String },
    /// A NAT rule gives a source that answers do not find back to.
    NatSourceLost { namespace: String, rule: String, source: String },
    /// A NAT rule found no free port or address.
    NatExhausted { namespace: String, rule: String },
    /// A NAT rule misses the packet by one condition; `condition` is the rule as it would read without it.
    NatMissed { namespace: String, rule: String, condition: String },
    /// A connection has a mark that a policy rule waits for, and nobody gives it to the replies; `rule` would.
    MarkNotRestored { namespace: String, rule: String, mark: u32 },
    /// The request has a mark that a policy rule waits for, and nobody keeps it for the replies; `rule` would.
    MarkNotSaved { namespace: String, rule: String },
    /// A rule that gives a mark which a policy rule waits for misses the packet by one condition.
    MarkMissed { namespace: String, rule: String, condition: String },
    /// A rule takes a mark away from the packet which a policy rule waits for.
    MarkOverwritten { namespace: String, rule: String, mark: u32 },
    /// A rule or setting (`by`) gives packets so short a life (TTL, hop limit) that they do not arrive.
    HopLimitTooLow { namespace: String, by: String, packet: Packet },
    /// A rule keeps the packet from being tracked, so that it is not translated back.
    Untracked { namespace: String, rule: String },
    /// A rule puts one direction into another conntrack zone.
    ZoneDiffers { namespace: String, rule: String, zone: u16 },
    /// An entry of the connection table holds a translation that no longer leads anywhere.
    StaleEntry { namespace: String, entry: String },
    /// No route to an address. `packet` tells for what.
    RouteMissing { namespace: String, table: String, address: String, packet: Packet },
    /// A blackhole, unreachable or prohibit route.
    /// `diverted`: a policy rule beside the three default ones led to its table.
    RouteDiscards { namespace: String, route: String, table: String, packet: Packet, diverted: bool },
    /// A route that leads the wrong way (to a next hop that does not carry the packet on).
    /// `by_source`: its preferred source is what answers do not find back to.
    RouteAstray { namespace: String, route: String, table: String, packet: Packet, by_source: bool },
    /// A policy rule that discards.
    PolicyRuleDiscards { namespace: String, rule: String, packet: Packet },
    /// A routing loop.
    RoutingLoop { namespace: String, route: String, table: String },
    /// The machine (or the device) does not forward.
    NotForwarding { namespace: String, sysctl: String, packet: Packet },
    /// Strict or loose reverse-path filter.
    ReversePath { namespace: String, sysctl: String, device: String, source: String, packet: Packet },
    /// A loopback address from outside.
    LoopbackFromOutside { namespace: String, sysctl: String, device: String },
    /// An own address as the source of a packet from outside.
    OwnSource { namespace: String, sysctl: String, device: String, source: String },
    /// A source or destination address that must not appear.
    Martian { namespace: String, device: String, address: String, source: bool },
    /// The owner of an address does not answer because of a sysctl.
    NoNeighbourAnswer { namespace: String, sysctl: String, value: String, address: String },
    /// A router that answers for others has no entry for the address.
    ProxyEntryMissing { namespace: String, device: String, address: String },
    /// Nobody has the address on that link.
    NeighbourMissing { namespace: String, device: String, address: String },
    /// A neighbour entry holds an address that is not its owner's.
    NeighbourWrong { namespace: String, device: String, address: String, lladdr: String },
    /// IPv6 is off on a device.
    Ipv6Disabled { namespace: String, sysctl: String, device: String },
    /// Echo requests are not answered.
    EchoIgnored { namespace: String, sysctl: String },
    /// The connection table is full.
    ConntrackFull { namespace: String, count: u64, max: u64 },
    /// Bridged packets do not pass the IP hooks, so that answers are not translated back.
    BridgeNotFiltered { namespace: String, sysctl: String, bridge: String },
    /// A device is down. `cuts`: it has no address of its own and is the other end of a link that it takes the carrier from.
    LinkDown { namespace: String, device: String, cuts: bool },
    /// A device has no carrier since its other end is down or gone.
    NoCarrier { namespace: String, device: String, peer: Option<String> },
    /// The host's end of a pod's link is in no bridge.
    NotInBridge { namespace: String, device: String, bridge: String },
    /// A bridge port does not flood unknown unicast and nothing says who is behind it.
    PortNoFlood { namespace: String, bridge: String, device: String, lladdr: String },
    /// A bridge port does not pass broadcasts, which ARP needs.
    PortNoBroadcast { namespace: String, bridge: String, device: String, attribute: String },
    /// Two isolated ports.
    PortIsolated { namespace: String, bridge: String, device: String, from: String },
    /// A bridge port that does not send back where it came from.
    PortNoHairpin { namespace: String, bridge: String, device: String },
    /// A bridge port that is not forwarding (spanning tree).
    PortState { namespace: String, bridge: String, device: String, state: String },
    /// An entry of the forwarding database leads to the wrong port.
    FdbWrong { namespace: String, bridge: String, device: String, lladdr: String },
    /// Nothing listens on the port.
    ListenerMissing { namespace: String, socket: String },
    /// Something listens, but on another address (or device).
    ListenerElsewhere { namespace: String, socket: String, listens: String },
    /// Something listens, but for the other IP family only.
    ListenerOtherFamily { namespace: String, socket: String, listens: String },
    /// The prefix of an own address covers an address that is not on the link.
    PrefixTooWide { namespace: String, device: String, prefix: String, address: String },
    /// All source ports towards a destination are in use.
    PortsUsedUp { namespace: String, destination: String, range: String, used: usize },
    /// Two namespaces have the address, and this one does not serve it.
    DuplicateAddress { namespace: String, device: String, address: String, other: String },
    /// Two on one link have the hardware address.
    DuplicateMac { namespace: String, device: String, mac: String, other: String },
    /// Duplicate address detection found the address taken, and it is not used.
    DadFailed { namespace: String, device: String, address: String },
    /// The listener's queue is full.
    QueueFull { namespace: String, socket: String, queue: u32, backlog: u32 },
    /// The listener's queue of half-open connections is full, and it sends no cookies.
    SynQueueFull { namespace: String, socket: String, count: u32, limit: u32 },
    /// The receive buffer of a UDP socket is full.
    BufferFull { namespace: String, socket: String, waiting: u32, size: u32 },
    /// Whoever serves the socket is stopped.
    ServerStopped { namespace: String, socket: String, process: String },
    /// A rule hands the packet to a transparent socket, and its route leads on instead of up.
    HandedOver { namespace: String, socket: String, mark: u32, device: String },
    /// The answer comes from another address than the one that was asked.
    AnswerFromElsewhere { namespace: String, expected: String, seen: String },
    /// No address to send from.
    NoSource { namespace: String, family: String },
    /// A frame is larger than the device at its other end, or a bridge's port, takes; nobody is told.
    FrameTooBig { namespace: String, device: String, mtu: u32, length: u32 },
    /// The packet is larger than the device takes.
    TooBig { namespace: String, device: String, mtu: u32 },
}

/// Which packet of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packet {
    /// From client to server.
    Request,
    /// From server to client.
    Reply,
    /// An error on its way back to the client.
    Error,
    /// Payload from client to server.
    Payload,
    /// Payload from server to client.
    PayloadBack,
    /// The ICMP error that tells a sender of a smaller MTU (RFC 1191, RFC 8201).
    TooBig,
    /// An ARP or ND question.
    NeighbourQuestion,
    /// An ARP or ND answer.
    NeighbourAnswer,
}

/// Something looked at that is in order, for `ruled_out`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields bear the names of what they hold")]
pub enum InOrder {
    /// A socket listens and its queue has room.
    Listener { namespace: String, socket: String, queue: u32, backlog: u32 },
    /// A route leads to the destination.
    Route { namespace: String, route: String },
    /// The neighbour is known or answers.
    Neighbour { namespace: String, address: String, lladdr: String },
    /// So many rules were passed and none of them stops the flow.
    Rules { namespace: String, chains: usize, rules: usize },
    /// nat chains that the packet does not meet since nothing there uses connection tracking.
    NatInactive { namespace: String, chain: String },
    /// Translation happens and is undone.
    Nat { namespace: String, from: String, to: String },
    /// The reply gets back.
    Reply { from: String },
    /// Payload gets through, in packets of this length at most.
    Payload { from: String, length: u32 },
}

/// What is shown in support of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownWhat {
    /// Packets counted by a rule.
    RuleCounter,
    /// Packets counted by a chain's policy.
    PolicyCounter,
    /// Value of a sysctl.
    Sysctl,
    /// Connections that wait to be accepted.
    Queue,
    /// Connections that are half open.
    HalfOpen,
    /// Bytes that wait to be read.
    Buffer,
    /// What listens on the port.
    Listener,
    /// Hardware address of a neighbour.
    Neighbour,
    /// A setting of a bridge port.
    PortSetting,
    /// What a route look-up gives.
    RouteLookup,
    /// MTU of a device.
    Mtu,
    /// Length of the packets that a sender sends, with DF set.
    PacketLength,
}

/// What a rule that rejects a packet answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Family of the packet, by which the numbers of ICMP are read.
    pub family: IpFamily,
    /// The answer.
    pub answer: Answer,
}

impl Rejection {
    /// Whether the client takes it for a refusal: ECONNREFUSED (`icmp_err_convert`, `icmpv6_err_convert`).
    #[must_use]
    pub fn refuses(self) -> bool {
        match (self.family, self.answer) {
            (_, Answer::TcpReset) => true,
            (IpFamily::V4, Answer::Icmp { kind, code }) => (kind, code) == (3, 3),
            (IpFamily::V6, Answer::Icmp { kind, code }) => (kind, code) == (1, 4),
            (_, Answer::Nothing) => false,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Packets.
    Packets,
    /// Connections.
    Connections,
    /// Bytes.
    Bytes,
}

/// Something seen in support of a cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// What.
    pub what: ShownWhat,
    /// As seen.
    pub seen: serde_json::Value,
    /// As it should be; null where that is not known.
    pub right: serde_json::Value,
    /// Unit.
    pub unit: Option<Unit>,
    /// Command that shows it.
    pub read_with: Option<String>,
}

impl Shown {
    /// A value that was seen, the right one, and the command that shows it.
    #[must_use]
    pub fn new(
        what: ShownWhat,
        seen: impl Into<serde_json::Value>,
        right: impl Into<serde_json::Value>,
        read_with: String,
    ) -> Self {
        Self { what, seen: seen.into(), right: right.into(), unit: None, read_with: Some(read_with) }
    }
}

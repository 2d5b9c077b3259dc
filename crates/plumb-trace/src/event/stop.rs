//! Why a packet ends.

use std::net::IpAddr;

use plumb_model::{IpFamily, Mac, Tuple};
use plumb_nft::Hook;

use super::{Answer, Decider, RouteRef};
use crate::state::{NsIndex, RuleRef};

/// Why a neighbour did not answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The address is on nobody that the question reached.
    Nobody,
    /// Who has the address does not answer because of this sysctl.
    Sysctl {
        /// Where.
        ns: NsIndex,
        /// Dotted name.
        name: String,
        /// Value.
        value: String,
    },
    /// The question or the answer ended on its way.
    Lost {
        /// Whether it was the answer.
        answer: bool,
        /// Why.
        stop: Box<Stop>,
    },
}

/// Why a packet ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stop {
    /// It reached a socket (or, for an echo request, the stack that answers; for a reply, the client).
    Delivered {
        /// Where.
        ns: NsIndex,
        /// Index of the socket, where there is one in the snapshot.
        socket: Option<usize>,
    },
    /// Dropped by a rule or policy.
    Dropped {
        /// By.
        by: Decider,
        /// On which hook.
        hook: Hook,
        /// It was handed to this queue, which no program reads: who made it here is not told.
        queue: Option<u16>,
    },
    /// Rejected by a rule.
    Rejected {
        /// By.
        by: Decider,
        /// On which hook.
        hook: Hook,
        /// With what.
        answer: Answer,
        /// The packet's route was known already: behind routing, or since it came over the loopback device.
        routed: bool,
    },
    /// A NAT rule found no free port or address.
    NatExhausted {
        /// The rule.
        rule: Option<RuleRef>,
        /// Where.
        ns: NsIndex,
    },
    /// No route.
    NoRoute {
        /// Where.
        ns: NsIndex,
        /// Whether the packet was made here (or came in).
        local: bool,
        /// Table that was looked up last.
        table: u32,
        /// Destination.
        addr: IpAddr,
    },
    /// A policy rule that says unreachable, prohibit or blackhole.
    PolicyRule {
        /// Where.
        ns: NsIndex,
        /// Index of the rule in the namespace's rules.
        rule: usize,
        /// Whether the packet was made here.
        local: bool,
    },
    /// A blackhole, unreachable, prohibit route.
    RouteDiscards {
        /// The route.
        route: RouteRef,
        /// Whether the packet was made here.
        local: bool,
    },
    /// A sysctl made the kernel discard it.
    Sysctl {
        /// Where.
        ns: NsIndex,
        /// Dotted name of the one that decides.
        name: String,
        /// Value as read.
        value: String,
        /// Value that would let it pass.
        right: String,
        /// What the kernel found wrong.
        because: Discard,
    },
    /// The source or destination address must not appear here (`ip_route_input_slow`, `fib_validate_source`).
    Martian {
        /// Where.
        ns: NsIndex,
        /// Device that it came in by.
        device: u32,
        /// The address.
        addr: IpAddr,
        /// Whether it is the source.
        source: bool,
    },
    /// The device is administratively down.
    LinkDown {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
    },
    /// No carrier: the other end is down or gone.
    NoCarrier {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
    },
    /// The next hop's hardware address could not be found.
    NeighbourFailed {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
        /// Address of the next hop.
        addr: IpAddr,
        /// Whether the packet was made here.
        local: bool,
        /// Why.
        why: NoAnswer,
    },
    /// The frame's hardware address is not that of the device that got it.
    OtherHost {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
        /// Address that the frame was sent to.
        lladdr: Mac,
    },
    /// No port of the bridge takes the frame.
    NoPort {
        /// Where.
        ns: NsIndex,
        /// The bridge.
        bridge: u32,
        /// Port it came in by.
        from: Option<u32>,
        /// Hardware address.
        lladdr: Mac,
        /// The ports that would have led there and what kept the frame from them.
        refused: Vec<(u32, PortRefusal)>,
    },
    /// The port that it came in by does not take frames.
    PortClosed {
        /// Where.
        ns: NsIndex,
        /// The port.
        port: u32,
        /// Why.
        why: PortRefusal,
    },
    /// The packet's life ended: a loop.
    TtlExceeded {
        /// Where.
        ns: NsIndex,
        /// Routes that were taken again and again.
        routes: Vec<RouteRef>,
    },
    /// A piece of a packet waits for the others; the walk goes on with them.
    FragmentWaits {
        /// Where.
        ns: NsIndex,
    },
    /// A frame that is larger than the device at its other end, or a bridge's port, takes: dropped, and nobody is told.
    FrameTooBig {
        /// Where.
        ns: NsIndex,
        /// The device that does not take it.
        device: u32,
        /// Its MTU.
        mtu: u32,
        /// The sender's own call fails (`NET_XMIT_DROP`): the frame did not get out of its machine.
        at_sender: bool,
    },
    /// Larger than the way on takes; the sender is told.
    TooBig {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
        /// Its MTU.
        mtu: u32,
    },
    /// Nothing listens.
    NoListener {
        /// Where.
        ns: NsIndex,
        /// Address and port as the packet had them.
        tuple: Tuple,
        /// Sockets with that port that do not take it: bound elsewhere, other family …
        near: Vec<usize>,
    },
    /// The queue of a listener, or the buffer of a socket, has no room.
    QueueFull {
        /// Where.
        ns: NsIndex,
        /// Index of the socket.
        socket: usize,
    },
    /// The processes that serve the listener are all stopped: the kernel takes what comes, and nobody answers.
    ServerStopped {
        /// Where.
        ns: NsIndex,
        /// Index of the socket.
        socket: usize,
    },
    /// It reached the client's socket but is not what that waits for (wrong source, no such socket).
    NotExpected {
        /// Where.
        ns: NsIndex,
        /// As it arrived.
        tuple: Tuple,
        /// As the client waits for it.
        expected: Tuple,
    },
    /// Every source port towards the destination is in use.
    PortsUsedUp {
        /// Where.
        ns: NsIndex,
        /// The range, as the sysctl has it.
        range: String,
        /// Ports in it.
        used: usize,
    },
    /// No address to send from.
    NoSource {
        /// Where.
        ns: NsIndex,
        /// Family.
        family: IpFamily,
    },
    /// A rule handed it to a socket, and its route leads on (`ip_forward`, `ip6_forward`).
    HandedOver {
        /// Where.
        ns: NsIndex,
        /// Index of the socket.
        socket: usize,
        /// Device that the route leads to.
        device: u32,
    },
    /// Nobody in the snapshot is at the other end of this device.
    LeavesSnapshot {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
    },
    /// The walk cannot go on: something it does not know stands here, and what lies behind it is unknown too.
    Unmodelled {
        /// Where.
        ns: NsIndex,
        /// What.
        what: String,
    },
}

/// What a sysctl made the kernel discard a packet for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// The machine does not forward.
    NotForwarding,
    /// The way back to the source is another (`rp_filter`).
    ReversePath,
    /// A loopback address came in from outside (`route_localnet`).
    Loopback,
    /// An own address came in from outside (`accept_local`).
    OwnSource,
    /// Echo requests are not answered (`icmp_echo_ignore_all`).
    EchoIgnored,
    /// IPv6 is off on the device (`disable_ipv6`).
    Ipv6Disabled,
    /// The tracker's table is full (`nf_conntrack_max`).
    ConntrackFull,
}

/// Why a bridge port does not take a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortRefusal {
    /// Spanning tree state: this `BR_STATE_*`.
    State(u8),
    /// Unknown unicast is not flooded there.
    NoFlood,
    /// Broadcast or multicast is not flooded there.
    NoBroadcast,
    /// Both ports are isolated.
    Isolated,
    /// It is the port that it came in by, and hairpin is off.
    NoHairpin,
    /// The port's device is down.
    Down,
    /// Only known sources get in.
    Locked,
    /// VLANs are filtered, which this version does not model.
    Vlan,
}

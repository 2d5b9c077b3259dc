//! A step of a walk, with names for everything it refers to.

use plumb_trace::event::{BridgeHow, Discard, NatKind, NeighbourHow, PortRefusal, RouteUse};

use crate::finding::Rejection;

/// A step.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields bear the names of what they hold")]
pub enum Step {
    /// A packet comes into being, or in from outside by a device.
    Start { packet: String, outside: Option<String> },
    /// The source address was chosen.
    Source { address: String },
    /// A route was found.
    Route { purpose: RouteUse, route: String, table: String, rule_pref: Option<u32> },
    /// The sender decided how large its packet is.
    Sized { len: u16, dont_fragment: bool, mss: Option<u16> },
    /// A base chain is entered.
    Chain { chain: String, hook: String, rules: usize },
    /// A rule matched.
    Rule { chain: String, number: u32, rule: String },
    /// A set was looked up.
    Lookup { set: Option<String>, element: Option<String> },
    /// A mark was set.
    Mark { from: u32, to: u32 },
    /// A base chain let it pass: by a rule, or by its policy.
    Accepted { chain: String, policy: bool },
    /// The tracker looked at it.
    Tracked { state: Option<&'static str>, reply: bool, entry: Option<String> },
    /// nat chains were passed over.
    NatPassedOver { hook: String, inactive: bool },
    /// An address was translated.
    Nat { kind: NatKind, from: String, to: String, by_rule: Option<String> },
    /// The next hop's hardware address.
    Neighbour { device: String, address: String, lladdr: Option<String>, how: NeighbourHow },
    /// It leaves by a device.
    Leaves { device: String, to: Option<String> },
    /// It comes in by a device.
    Enters { device: String },
    /// A bridge hands it on.
    Bridge { bridge: String, from: Option<String>, to: Option<String>, how: BridgeHow },
    /// Delivered on this machine.
    Local { socket: Option<String> },
    /// The kernel chose.
    Draw { share: String, rule: Option<String>, per_packet: bool },
    /// Something unknown might have decided.
    Unknown { what: String },
    /// Its end.
    End(End),
}

/// How a packet ends.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields bear the names of what they hold")]
pub enum End {
    Delivered { socket: Option<String> },
    Dropped { chain: String, rule: Option<String> },
    Rejected { chain: String, rule: Option<String>, answer: Rejection },
    NatExhausted { rule: Option<String> },
    NoRoute { table: String, address: String },
    PolicyRule { rule: String },
    RouteDiscards { table: String, route: String },
    Sysctl { name: String, value: String, because: Discard },
    Martian { device: String, address: String, source: bool },
    LinkDown { device: String },
    NoCarrier { device: String },
    NeighbourFailed { device: String, address: String, why: Why },
    OtherHost { device: String, lladdr: String },
    NoPort { bridge: String, lladdr: String, refused: Vec<(String, PortRefusal)> },
    PortClosed { port: String, why: PortRefusal },
    Loop { routes: Vec<String> },
    TooBig { device: String, mtu: u32 },
    FrameTooBig { device: String, mtu: u32 },
    NoListener { socket: String, near: Vec<String> },
    QueueFull { socket: String },
    ServerStopped { socket: String },
    HandedOver { socket: String, device: String },
    NotExpected { seen: String, expected: String },
    NoSource { family: &'static str },
    LeavesSnapshot { device: String },
    Unmodelled { what: String },
}

/// Why a neighbour did not answer.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields bear the names of what they hold")]
pub enum Why {
    Nobody,
    Sysctl { namespace: String, name: String, value: String },
    Lost { answer: bool, namespace: String, end: Box<End> },
}

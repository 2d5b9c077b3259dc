//! What happens to a packet, step by step, and why a packet ends ([`Stop`]).

mod stop;

use std::net::IpAddr;

use plumb_model::{Mac, Tuple};
use plumb_nft::Hook;

use crate::packet::{CtInfo, Packet};
use crate::share::Share;
use crate::state::{ChainPlace, NsIndex, RuleRef};

pub use stop::{Discard, NoAnswer, PortRefusal, Stop};

/// Who gave a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Decider {
    /// A rule.
    Rule(RuleRef),
    /// The policy of a base chain.
    Policy(ChainPlace),
}

/// A place of a set: namespace, table and set by their indices in the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetRef {
    /// Namespace.
    pub ns: NsIndex,
    /// Index of the table in the ruleset.
    pub table: u32,
    /// Index of the set in its table.
    pub set: u32,
}

/// Source or destination translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NatKind {
    /// `snat`, `masquerade`
    Source,
    /// `dnat`, `redirect`
    Destination,
}

/// Why a route was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteUse {
    /// For a packet of this machine.
    Output,
    /// For a packet that came in.
    Input,
    /// For the way back to the source (`rp_filter`).
    ReversePath,
}

/// A route that a look-up found, by its place in the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteRef {
    /// Namespace.
    pub ns: NsIndex,
    /// Index in the namespace's routes.
    pub route: usize,
    /// Index of the next hop that was taken.
    pub hop: usize,
    /// Preference of the policy rule that led to its table.
    pub rule_pref: u32,
    /// Index of that policy rule in the namespace's rules.
    pub rule: Option<usize>,
}

/// How a hardware address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NeighbourHow {
    /// The table of the snapshot has it: index in the namespace's neighbours.
    Entry(usize),
    /// The walk asked for it and was answered.
    Resolved,
    /// The walk learnt it when the other side asked.
    Learnt,
    /// The device needs none.
    NotNeeded,
}

/// How a bridge chose a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BridgeHow {
    /// By an entry of the snapshot's FDB.
    Fdb,
    /// By an address learnt on this walk.
    Learnt,
    /// Flooded.
    Flood,
    /// To the bridge's own address.
    Local,
}

/// A step of a walk.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A packet comes into being in this namespace (or arrives from outside the snapshot).
    Start {
        /// Where.
        ns: NsIndex,
        /// The packet.
        packet: Box<Packet>,
    },
    /// A route was looked up and found.
    Route {
        /// For what.
        purpose: RouteUse,
        /// The route.
        found: RouteRef,
    },
    /// The source address was chosen.
    Source {
        /// Where.
        ns: NsIndex,
        /// The address.
        addr: IpAddr,
    },
    /// The sender decided how large its packet is.
    Sized {
        /// Where.
        ns: NsIndex,
        /// Length of the packet; of one of several segments that set out together.
        len: u16,
        /// Whether DF is set, for IPv4.
        dont_fragment: Option<bool>,
        /// Maximum segment size that it offers.
        mss: Option<u16>,
    },
    /// A base chain is entered.
    Chain {
        /// The chain.
        chain: ChainPlace,
        /// Its hook.
        hook: Hook,
    },
    /// A rule matched (was carried out to its end or to its verdict).
    Rule {
        /// The rule.
        rule: RuleRef,
    },
    /// The counter of a rule counted the packet, whether or not the rule then went on to its end.
    Counted {
        /// The rule.
        rule: RuleRef,
    },
    /// A set or map was looked up.
    Lookup {
        /// By which rule.
        rule: RuleRef,
        /// The set.
        set: SetRef,
        /// Index of the element that was found.
        element: Option<usize>,
    },
    /// An ipset was asked for the packet.
    IpSet {
        /// By which rule.
        rule: RuleRef,
        /// Index of the set in the snapshot.
        set: usize,
        /// Index of the element that was found.
        element: Option<usize>,
    },
    /// A mark was set.
    Mark {
        /// By which rule.
        rule: RuleRef,
        /// From.
        from: u32,
        /// To.
        to: u32,
    },
    /// A verdict that ends a base chain.
    Verdict {
        /// Who gave it.
        by: Decider,
        /// Whether the packet goes on.
        accept: bool,
    },
    /// The tracker looked at the packet.
    Tracked {
        /// Where.
        ns: NsIndex,
        /// How it stands; `None`: invalid.
        info: Option<CtInfo>,
        /// Entry of the snapshot that it belongs to (index), where it is one.
        entry: Option<usize>,
    },
    /// nat chains were passed over: the packet is not tracked here.
    NatPassedOver {
        /// Where.
        ns: NsIndex,
        /// Which hook.
        hook: Hook,
        /// Whether because nothing in the namespace uses the tracker.
        inactive: bool,
    },
    /// An address was translated.
    Nat {
        /// Where.
        ns: NsIndex,
        /// By which rule; `None`: an earlier decision, recorded in the entry.
        rule: Option<RuleRef>,
        /// What.
        kind: NatKind,
        /// Before.
        from: Tuple,
        /// After.
        to: Tuple,
    },
    /// The next hop's hardware address.
    Neighbour {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
        /// Address of the next hop.
        addr: IpAddr,
        /// Its hardware address.
        lladdr: Option<Mac>,
        /// How it was found.
        how: NeighbourHow,
    },
    /// The packet leaves by a device.
    Leaves {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
    },
    /// The packet comes in by a device.
    Enters {
        /// Where.
        ns: NsIndex,
        /// Device.
        device: u32,
    },
    /// A bridge hands the packet on.
    Bridge {
        /// Where.
        ns: NsIndex,
        /// The bridge.
        bridge: u32,
        /// Port it came in by; `None`: from the bridge device itself.
        from: Option<u32>,
        /// Port it leaves by; `None`: up to the bridge device.
        to: Option<u32>,
        /// Why there.
        how: BridgeHow,
    },
    /// Delivered on this machine.
    Local {
        /// Where.
        ns: NsIndex,
        /// Index of the socket in the namespace's sockets.
        socket: Option<usize>,
    },
    /// The kernel chose; this branch has this share of the mass before.
    Draw {
        /// By which rule; `None`: between routes or sockets.
        rule: Option<RuleRef>,
        /// Share of this branch.
        share: Share,
        /// Whether the choice is made anew for every packet (and not kept by an entry of the tracker).
        per_packet: bool,
    },
    /// Something unknown might have decided here; the walk goes on as if it let the packet pass.
    Unknown {
        /// Index in the walk's list of unknown things.
        unknown: u32,
    },
}

/// What a rejecting rule answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A RST.
    TcpReset,
    /// An ICMP error of this type and code (of the packet's own family).
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// No answer can be sent (a RST for what is not TCP, say).
    Nothing,
}

/// Something that could have decided and that the walk does not know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unknown {
    /// Namespace.
    pub ns: NsIndex,
    /// The rule that it stands in, where it is one.
    pub rule: Option<RuleRef>,
    /// The device that it stands at, where it is one.
    pub device: Option<u32>,
    /// What it is, by name: `xt match "bpf"`, `table filter of iptables-legacy`, `tc filter bpf on eth0 ingress`.
    pub what: String,
}

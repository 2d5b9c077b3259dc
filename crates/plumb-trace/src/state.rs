//! A branch of a walk: a packet with the mass that it carries and everything that the walk has changed on the way.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use plumb_model::{Mac, Tuple};
use smallvec::SmallVec;

use crate::conntrack::CtTable;
use crate::event::Event;
use crate::packet::Packet;
use crate::routing::OutputRoute;
use crate::share::Share;

/// Index of a namespace in the snapshot.
pub type NsIndex = usize;

/// A rule, by where it stands in the snapshot's ruleset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleRef {
    /// Namespace.
    pub ns: NsIndex,
    /// Index of the table in the ruleset.
    pub table: u32,
    /// Index of the chain in its table.
    pub chain: u32,
    /// Index of the rule in its chain.
    pub rule: u32,
}

/// A chain, by where it stands in the snapshot's ruleset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainPlace {
    /// Namespace.
    pub ns: NsIndex,
    /// Index of the table in the ruleset.
    pub table: u32,
    /// Index of the chain in its table.
    pub chain: u32,
}

/// Steps of a walk, newest first; shared by the branches that went the same way.
#[derive(Clone, Debug, Default)]
pub struct History(Option<Rc<Node>>);

#[derive(Debug)]
struct Node {
    event: Event,
    before: History,
}

impl History {
    /// Adds a step.
    pub fn push(&mut self, event: Event) {
        let before = std::mem::take(self);
        *self = Self(Some(Rc::new(Node { event, before })));
    }

    /// The steps from the first to the last.
    #[must_use]
    pub fn events(&self) -> Vec<&Event> {
        let mut out = Vec::new();
        let mut at = self.0.as_deref();
        while let Some(node) = at {
            out.push(&node.event);
            at = node.before.0.as_deref();
        }
        out.reverse();
        out
    }
}

impl Drop for History {
    /// Unlinks step by step: a long list must not end in a deep recursion.
    fn drop(&mut self) {
        let mut at = self.0.take();
        while let Some(node) = at {
            match Rc::try_unwrap(node) {
                Ok(mut node) => at = node.before.0.take(),
                Err(_) => break,
            }
        }
    }
}

/// What a walk has learnt or drawn and will not draw again: it outlives the packet. Branches, and the packets that
/// follow one another, share one copy until one of them changes it: reading is free, the first change copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World(Rc<Known>);

impl Deref for World {
    type Target = Known;
    fn deref(&self) -> &Known {
        &self.0
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Known {
        Rc::make_mut(&mut self.0)
    }
}

/// The contents of a [`World`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    /// Connections, those of the snapshot that were met and those that the walk made.
    pub conntrack: CtTable,
    /// Neighbours that the walk resolved: namespace, device, address.
    pub neighbours: SmallVec<[(NsIndex, u32, IpAddr, Mac); 4]>,
    /// Addresses that bridges learnt from the walk's frames: namespace, bridge, address, port.
    pub learnt: SmallVec<[(NsIndex, u32, Mac, u32); 4]>,
    /// Source address that the first packet of the walk got.
    pub source: Option<IpAddr>,
    /// Namespace and socket of the client, as its own packets have it; kept where rules ask for sockets.
    pub client: Option<(NsIndex, Tuple)>,
    /// Next hops that were drawn between: namespace, route, destination, hop.
    pub paths: SmallVec<[(NsIndex, usize, IpAddr, usize); 1]>,
    /// Sockets of a group that shares a port which were drawn between (`reuseport_select_sock`: by a hash of both ends, so
    /// that a packet sent again goes to the same): namespace, addresses and ports, socket.
    pub members: SmallVec<[(NsIndex, Tuple, usize); 1]>,
    /// Counters with a phase (`numgen inc`, `statistic --mode nth`): what they stand at. Their value is drawn when
    /// first met, each equally likely, and counts on from there.
    pub phases: SmallVec<[(RuleRef, u32, u64); 1]>,
    /// Unknown things that this branch was let through by (indices into the walk's list).
    pub unknowns: SmallVec<[u32; 1]>,
    /// ipsets that rules added to or deleted from in the walk: namespace, index.
    pub ipsets: SmallVec<[(NsIndex, u16); 1]>,
    /// Elements of `bitmap:ip,mac` without a hardware address that took one over from a packet of the walk: namespace,
    /// index of the set, element.
    pub filled: SmallVec<[(NsIndex, u16, usize, Mac); 1]>,
    /// Dynamic set elements that the walk's packets added: namespace, table, set, key.
    pub dynamic: SmallVec<[(NsIndex, u32, u32, plumb_nft::Bytes); 1]>,
    /// MTUs of paths that machines learnt from ICMP errors.
    pub(crate) path_mtus: SmallVec<[crate::walk::PathMtu; 1]>,
    /// What counts or limits packets and connections, as far as the walk's packets changed it.
    pub meters: crate::meter::Meters,
}

/// What became of the route of a packet in the output hook of the machine that made it: chains of type route and
/// translations look it up again (`nf_route_table_hook4`, `nf_nat_ipv4_local_fn`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rerouted {
    /// It stayed.
    #[default]
    No,
    /// The last look-up found this way.
    To(Box<OutputRoute>),
    /// A look-up found none, and the packet ended.
    Failed,
}

/// A branch.
#[derive(Clone, Debug)]
pub struct State {
    /// Its mass.
    pub share: Share,
    /// The packet.
    pub packet: Packet,
    /// What was learnt and drawn.
    pub world: World,
    /// Whether its route was looked up once more in the output hook.
    pub(crate) rerouted: Rerouted,
    /// How it got here; empty where the walk does not record.
    pub history: History,
}

impl State {
    /// A packet with all of the mass, in a world where nothing was learnt yet.
    #[must_use]
    pub fn new(packet: Packet) -> Self {
        Self {
            share: Share::ONE,
            packet,
            world: World::default(),
            rerouted: Rerouted::No,
            history: History::default(),
        }
    }

    /// The same on a link.
    #[must_use]
    pub fn with_eth(mut self, src: Option<Mac>, dst: Option<Mac>) -> Self {
        self.packet.eth_src = src;
        self.packet.eth_dst = dst;
        self
    }

    /// Whether its route was looked up once more in the output hook of the machine that made it.
    #[must_use]
    pub fn is_rerouted(&self) -> bool {
        self.rerouted != Rerouted::No
    }

    /// Whether two branches go on alike.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.packet == other.packet && self.world == other.world && self.rerouted == other.rerouted
    }
}

//! The connections of a walk, and an index over those that the snapshot holds.

use plumb_model::{CtCounter, CtEntry, Namespace, Tuple};
use smallvec::SmallVec;

use crate::network::FastMap;
use crate::state::NsIndex;

/// `IPS_*` bits (include/uapi/linux/netfilter/nf_conntrack_common.h).
pub(crate) mod status {
    pub(crate) const SEEN_REPLY: u32 = 1 << 1;
    pub(crate) const CONFIRMED: u32 = 1 << 3;
    pub(crate) const SRC_NAT: u32 = 1 << 4;
    pub(crate) const DST_NAT: u32 = 1 << 5;
    pub(crate) const SRC_NAT_DONE: u32 = 1 << 7;
    pub(crate) const DST_NAT_DONE: u32 = 1 << 8;
    pub(crate) const DYING: u32 = 1 << 9;
}

/// A connection of the walk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Namespace.
    pub ns: NsIndex,
    /// Zone of the original direction.
    pub zone_original: u16,
    /// Zone of the reply direction.
    pub zone_reply: u16,
    /// As the first packet came.
    pub original: Tuple,
    /// As answers are expected.
    pub reply: Tuple,
    /// `IPS_*` bits.
    pub status: u32,
    /// Mark.
    pub mark: u32,
    /// Whether it is in the table: a packet of it got to the end of its way through this machine. What is not
    /// confirmed goes with its packet.
    pub confirmed: bool,
    /// Index of the entry in the snapshot that it was taken from.
    pub entry: Option<u32>,
    /// Helper.
    pub helper: Option<String>,
    /// Labels, 128 bits.
    pub labels: [u8; 16],
    /// What it has carried in each direction, where that is counted and rules ask for it.
    pub counters: Option<[CtCounter; 2]>,
}

impl Connection {
    /// A new connection, not confirmed yet.
    pub(crate) fn new(ns: NsIndex, original: Tuple, zones: (u16, u16)) -> Self {
        Self {
            ns,
            zone_original: zones.0,
            zone_reply: zones.1,
            original,
            reply: crate::network::inverse(&original),
            status: 0,
            mark: 0,
            confirmed: false,
            entry: None,
            helper: None,
            labels: [0; 16],
            counters: None,
        }
    }

    pub(crate) fn from_entry(ns: NsIndex, index: u32, e: &CtEntry) -> Self {
        let mut labels = [0; 16];
        labels.iter_mut().zip(e.labels.iter()).for_each(|(l, b)| *l = *b);
        let zone = |direction| if e.zone_direction.is_none_or(|d| d == direction) { e.zone } else { 0 };
        Self {
            ns,
            zone_original: zone(0),
            zone_reply: zone(1),
            original: e.original,
            reply: e.reply,
            status: e.status.0 | status::CONFIRMED | status::SRC_NAT_DONE | status::DST_NAT_DONE,
            mark: e.mark,
            confirmed: true,
            entry: Some(index),
            helper: e.helper.clone(),
            labels,
            counters: e.counters,
        }
    }

    /// Whether a look-up of these addresses finds it, in one direction or the other (`nf_conntrack_find_get`).
    pub(crate) fn has(&self, tuple: &Tuple) -> bool {
        self.original == *tuple || self.reply == *tuple
    }

    /// Whether it was taken out of the table: only the packet that it ended with still has it (`nf_ct_kill`).
    pub(crate) fn is_killed(&self) -> bool {
        self.status & status::DYING != 0
    }

    /// Whether it outlives its packet. What the walk took from the snapshot and killed is kept, so that it is not taken
    /// from there again.
    fn stays(&self) -> bool {
        self.confirmed && (!self.is_killed() || self.entry.is_some())
    }

    /// The tuple of a direction.
    #[must_use]
    pub fn tuple(&self, reply: bool) -> &Tuple {
        if reply { &self.reply } else { &self.original }
    }
}

/// The connections of a walk, in all namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CtTable(pub SmallVec<[Connection; 2]>);

impl CtTable {
    /// The connection at this index.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Connection> {
        self.0.get(index as usize)
    }

    /// The connection at this index, to change.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Connection> {
        self.0.get_mut(index as usize)
    }

    pub(crate) fn add(&mut self, c: Connection) -> u32 {
        self.0.push(c);
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    /// The confirmed connection that a tuple belongs to, and whether in the reply direction. Each direction has a zone of
    /// its own (`nf_conntrack_find_get`).
    pub(crate) fn find(&self, ns: NsIndex, zones: (u16, u16), t: &Tuple) -> Option<(u32, bool)> {
        let live = |c: &Connection| c.ns == ns && c.confirmed && !c.is_killed();
        self.0.iter().enumerate().filter(|(_, c)| live(c)).find_map(|(i, c)| {
            let i = u32::try_from(i).ok()?;
            if c.original == *t && c.zone_original == zones.0 {
                Some((i, false))
            } else if c.reply == *t && c.zone_reply == zones.1 {
                Some((i, true))
            } else {
                None
            }
        })
    }

    /// Whether the walk killed this entry of the snapshot.
    pub(crate) fn killed(&self, ns: NsIndex, entry: u32) -> bool {
        self.0.iter().any(|c| c.ns == ns && c.entry == Some(entry) && c.is_killed())
    }

    /// Whether there is a connection that goes with its packet.
    pub(crate) fn has_passing(&self) -> bool {
        self.0.iter().any(|c| !c.stays())
    }

    /// Forgets what was not confirmed, or was killed: its packet is gone.
    pub(crate) fn forget_passing(&mut self) {
        self.0.retain(|c| c.stays());
    }
}

/// The snapshot's entries by tuple.
pub(crate) struct ConntrackIndex(FastMap<(Tuple, u16), (u32, bool)>);

impl ConntrackIndex {
    pub(crate) fn compile(n: &Namespace) -> Self {
        let mut map = FastMap::default();
        if let Some(c) = n.conntrack.value() {
            for (i, e) in c.entries.iter().enumerate() {
                let Ok(i) = u32::try_from(i) else { break };
                let zone =
                    |direction| if e.zone_direction.is_none_or(|d| d == direction) { e.zone } else { 0 };
                map.insert((e.original, zone(0)), (i, false));
                map.entry((e.reply, zone(1))).or_insert((i, true));
            }
        }
        Self(map)
    }

    pub(crate) fn find(&self, zones: (u16, u16), t: &Tuple) -> Option<(u32, bool)> {
        let of = |zone, reply| self.0.get(&(*t, zone)).copied().filter(|(_, r)| *r == reply);
        of(zones.0, false).or_else(|| of(zones.1, true))
    }
}

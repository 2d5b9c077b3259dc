//! Counters of an ipset's elements, and conditions on them (`ip_set_match_extensions` in net/netfilter/ipset/ip_set_core.c,
//! as it is from Linux 5.6 on: the packet counts first).

use plumb_model::IpSet;
use plumb_xtables::matches::{CounterOp, CounterTest, Set as SetMatch};

use crate::meter::{Meter, Meters, Reading};
use crate::state::NsIndex;

/// `IPSET_FLAG_WITH_COUNTERS`
const WITH_COUNTERS: u32 = 8;

/// What a rule does with the counters of the element that it meets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting {
    packets: Option<CounterTest>,
    bytes: Option<CounterTest>,
    skips: bool,
    skips_members: bool,
}

impl Counting {
    pub(super) fn of(m: &SetMatch) -> Self {
        Self {
            packets: m.packets,
            bytes: m.bytes,
            skips: m.skip_counter_update,
            skips_members: m.skip_subcounter_update,
        }
    }

    /// What is done with the members of a list (`list_set_ktest`).
    pub(super) fn of_members(self) -> Self {
        Self { packets: None, bytes: None, skips: self.skips || self.skips_members, ..self }
    }

    fn holds(&self, packets: u64, bytes: u64) -> bool {
        let one = |test: Option<CounterTest>, counted: u64| {
            test.is_none_or(|t| match t.op {
                CounterOp::Eq => counted == t.value,
                CounterOp::Ne => counted != t.value,
                CounterOp::Lt => counted < t.value,
                CounterOp::Gt => counted > t.value,
            })
        };
        one(self.packets, packets) && one(self.bytes, bytes)
    }
}

/// The counters while a packet is looked up.
pub(super) struct Tally<'a> {
    meters: &'a Meters,
    ns: NsIndex,
    /// Length of the packet, bytes.
    len: u64,
    /// Whether some rule of the namespace asks for counters.
    matters: bool,
    counted: Vec<(Meter, Reading)>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(meters: &'a Meters, ns: NsIndex, len: u32, matters: bool) -> Self {
        Self { meters, ns, len: len.into(), matters, counted: Vec::new() }
    }

    /// The packet meets an element: whether the conditions on its counters hold.
    pub(super) fn meets(&mut self, set: &IpSet, element: usize, how: &Counting) -> bool {
        if !self.matters || set.flags & WITH_COUNTERS == 0 {
            return true;
        }
        let meter = self.meter(set, element);
        let read = || set.elements.get(element).and_then(|e| e.counters).unwrap_or_default();
        let (mut packets, mut bytes) = match self.meters.get(&meter) {
            Some(Reading::Counted { packets, bytes }) => (*packets, *bytes),
            _ => read(),
        };
        if !how.skips {
            (packets, bytes) = (packets.wrapping_add(1), bytes.wrapping_add(self.len));
            self.counted.push((meter, Reading::Counted { packets, bytes }));
        }
        how.holds(packets, bytes)
    }

    /// The packet completes an element, which counts from it on (`bitmap_ipmac_add` after `-EAGAIN`).
    pub(super) fn begins(&mut self, set: &IpSet, element: usize) {
        if self.matters && set.flags & WITH_COUNTERS != 0 {
            let meter = self.meter(set, element);
            self.counted.push((meter, Reading::Counted { packets: 1, bytes: self.len }));
        }
    }

    /// What the counters stand at now.
    pub(super) fn done(self) -> Vec<(Meter, Reading)> {
        self.counted
    }

    fn meter(&self, set: &IpSet, element: usize) -> Meter {
        Meter::IpSet(self.ns, set.index, u32::try_from(element).unwrap_or(u32::MAX))
    }
}

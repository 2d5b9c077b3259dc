//! What counts packets, bytes and connections and remembers it for the next packet: buckets of limits, quotas, counts of
//! connections, and the lists of `recent`. It is part of a walk's [`World`](crate::state::World).

use std::net::IpAddr;

use plumb_model::Tuple;
use plumb_nft::Bytes;
use smallvec::SmallVec;

use crate::state::{NsIndex, RuleRef};

/// Which counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Meter {
    /// Of a rule: the operation within it, and the network that it counts for (`connlimit`).
    Rule {
        /// The rule.
        rule: RuleRef,
        /// Number of the operation in the rule.
        slot: u32,
        /// Network that is counted for, where each has a count of its own.
        network: Option<IpAddr>,
    },
    /// A named object: namespace, table, name.
    Object(NsIndex, u32, Box<str>),
    /// Of an element of a set: namespace, table, set, key, and which of its expressions.
    Element(NsIndex, u32, u32, Bytes, u32),
    /// A bucket of a `hashlimit` table: namespace, name of the table, which of the options that it may have, what tells the
    /// bucket apart.
    Bucket(NsIndex, Box<str>, u32, Bytes),
    /// Of an element of an ipset: namespace, the set's index, number of the element.
    IpSet(NsIndex, u16, u32),
}

/// What it stands at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Nanoseconds' worth of tokens that are left, and when that was, in milliseconds of the walk.
    Tokens {
        /// Tokens.
        left: u64,
        /// When.
        at: u64,
    },
    /// Bytes that the walk's packets used up.
    Bytes(u64),
    /// Packets and bytes that were counted, the walk's among them.
    Counted {
        /// Packets.
        packets: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Connections that the walk made and that are still open, and those of the attempt that is under way.
    Connections {
        /// Of earlier attempts.
        earlier: u32,
        /// Of this one.
        own: SmallVec<[Tuple; 1]>,
    },
}

/// An address on a list of `recent`; an address that the walk took off a list stays here without stamps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listed {
    /// Namespace.
    pub ns: NsIndex,
    /// Name of the list.
    pub list: Box<str>,
    /// The address, under the list's mask.
    pub addr: IpAddr,
    /// Time to live of the packet that was noted last.
    pub ttl: u8,
    /// When it was seen, oldest first, in milliseconds of the walk: before it began, less than 0.
    pub stamps: Vec<i64>,
}

/// The counters of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meters {
    /// Milliseconds since the first packet was sent.
    pub clock: u64,
    /// Buckets, quotas and counts that packets of the walk came to; all others are unspent.
    pub readings: Vec<(Meter, Reading)>,
    /// Addresses on lists that packets of the walk came to; others are as the snapshot has them.
    pub listed: Vec<Listed>,
}

impl Meters {
    /// Whether packets came to anything that counts: the next packet may then fare otherwise.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.listed.is_empty()
    }

    /// What a counter stands at.
    #[must_use]
    pub fn get(&self, meter: &Meter) -> Option<&Reading> {
        self.readings.iter().find(|(m, _)| m == meter).map(|(_, r)| r)
    }

    /// Notes what a counter stands at.
    pub fn set(&mut self, meter: Meter, reading: Reading) {
        match self.readings.iter_mut().find(|(m, _)| *m == meter) {
            Some((_, r)) => *r = reading,
            None => self.readings.push((meter, reading)),
        }
    }

    /// Takes tokens out of a bucket that fills up with time (`limit_mt`, `nft_limit_eval`): whether there were enough.
    pub fn take(&mut self, meter: Meter, cost: u64, full: u64) -> bool {
        const NS_PER_MS: u64 = 1_000_000;
        let now = self.clock;
        let tokens = match self.get(&meter) {
            Some(Reading::Tokens { left, at }) => {
                left.saturating_add(now.saturating_sub(*at).saturating_mul(NS_PER_MS)).min(full)
            }
            _ => full,
        };
        let left = tokens.checked_sub(cost);
        self.set(meter, Reading::Tokens { left: left.unwrap_or(tokens), at: now });
        left.is_some()
    }

    /// An element was taken out of its set, and its counters with it.
    pub fn forget_element(&mut self, set: (NsIndex, u32, u32), key: &[u8]) {
        let its = |m: &Meter| matches!(m, Meter::Element(ns, table, index, k, _) if (*ns, *table, *index) == set && **k == *key);
        self.readings.retain(|(m, _)| !its(m));
    }

    /// An attempt is over. Its connections stay open where `open` says so.
    pub fn attempt_over(&mut self, open: impl Fn(&Tuple) -> bool) {
        for (_, reading) in &mut self.readings {
            if let Reading::Connections { earlier, own } = reading {
                *earlier += u32::try_from(own.iter().filter(|t| open(t)).count()).unwrap_or(u32::MAX);
                own.clear();
            }
        }
    }
}

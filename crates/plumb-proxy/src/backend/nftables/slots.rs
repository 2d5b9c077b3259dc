//! Which endpoint is in which slot. The order is of no meaning; what stays keeps its slot, so that a change writes little.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use plumb_intent::Endpoint;

/// Endpoints by slot, none empty.
#[derive(Clone, Debug)]
pub(super) enum Slots {
    /// In the order of the intent's list, shared with it.
    Same(Arc<[Endpoint]>),
    /// In an order of their own.
    Own(Box<[(IpAddr, u16)]>),
}

impl Default for Slots {
    fn default() -> Self {
        Self::Own(Box::default())
    }
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Same(list) => list.len(),
            Self::Own(list) => list.len(),
        }
    }

    pub(super) fn get(&self, slot: usize) -> Option<(IpAddr, u16)> {
        match self {
            Self::Same(list) => list.get(slot).map(|e| (e.ip, e.port)),
            Self::Own(list) => list.get(slot).copied(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (IpAddr, u16)> {
        (0..self.len()).filter_map(|i| self.get(i))
    }
}

/// Puts the wanted endpoints into slots, at most so many of them: those that are there already stay, the last ones move into the
/// holes of what went.
pub(super) fn place(old: Option<&Slots>, wanted: &Arc<[Endpoint]>, most: usize) -> Slots {
    let count = wanted.len().min(most);
    let wanted_ends = || wanted.iter().take(count).map(|e| (e.ip, e.port));
    match old {
        Some(old) if old.len() > 0 && count > 0 => {
            if old.len() == count && old.iter().eq(wanted_ends()) {
                return old.clone();
            }
            let is_wanted: HashSet<(IpAddr, u16), RandomState> = wanted_ends().collect();
            let was: HashSet<(IpAddr, u16), RandomState> = old.iter().collect();
            let mut slots: Vec<Option<(IpAddr, u16)>> =
                (0..count).map(|i| old.get(i).filter(|e| is_wanted.contains(e))).collect();
            let moved = old.iter().skip(count).filter(|e| is_wanted.contains(e));
            let mut homeless = moved.chain(wanted_ends().filter(|e| !was.contains(e)));
            for slot in slots.iter_mut().filter(|s| s.is_none()) {
                *slot = homeless.next();
            }
            Slots::Own(slots.into_iter().flatten().collect())
        }
        _ if count == wanted.len() => Slots::Same(Arc::clone(wanted)),
        _ => Slots::Own(wanted_ends().collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(hosts: &[u8]) -> Arc<[Endpoint]> {
        let mut hosts = hosts.to_vec();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
            .into_iter()
            .map(|h| Endpoint { ip: IpAddr::from([10, 0, 0, h]), port: 80, local: false })
            .collect()
    }

    proptest! {
        #[test]
        fn slots_hold_what_is_wanted_and_little_moves(a: Vec<u8>, b: Vec<u8>) {
            let (a, b) = (list(&a), list(&b));
            let old = place(None, &a, 1000);
            let new = place(Some(&old), &b, 1000);
            let mut held: Vec<_> = new.iter().collect();
            held.sort_unstable();
            let mut wanted: Vec<_> = b.iter().map(|e| (e.ip, e.port)).collect();
            wanted.sort_unstable();
            prop_assert_eq!(held, wanted);
            // No slot changes but for what came, what went, and what stood behind the new end.
            let changed = (0..old.len().max(new.len())).filter(|i| old.get(*i) != new.get(*i)).count();
            let came = new.iter().filter(|e| !old.iter().any(|o| o == *e)).count();
            let went = old.iter().filter(|e| !new.iter().any(|o| o == *e)).count();
            prop_assert!(changed <= came + went * 2, "{changed} slots for {came} that came and {went} that went");
        }
    }
}

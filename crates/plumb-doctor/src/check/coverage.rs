//! Which faults of the catalogue are found, and by what: the table that the tests complete.

use std::collections::{BTreeMap, BTreeSet};

use super::{kinds, motion, reach, state};
use crate::messages;

/// What is there for one fault of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Ids of the findings that tell it.
    pub ids: BTreeSet<&'static str>,
    /// A pair that it breaks leads to it.
    pub reach: bool,
    /// It is seen in a snapshot.
    pub state: bool,
    /// It is seen in what counters do.
    pub motion: bool,
}

/// Every fault that this version can name, by its number.
#[must_use]
pub fn coverage() -> BTreeMap<&'static str, Coverage> {
    let mut all: BTreeMap<&'static str, Coverage> = BTreeMap::new();
    for (fault, id) in messages::FAULTS.iter().chain(reach::REFINED) {
        let c = all.entry(fault).or_default();
        c.ids.insert(id);
        c.reach = true;
    }
    // What a namespace's own files say is seen in a snapshot; the rest of the names by a look-up that fails.
    for (id, fault) in crate::names::NAME_KINDS.iter().filter_map(|(id, fault)| Some((*id, (*fault)?))) {
        let c = all.entry(fault).or_default();
        c.ids.insert(id);
        c.state |= matches!(
            id,
            "dns-servers-beyond-three"
                | "dns-server-not-the-clusters"
                | "dns-server-local-down"
                | "dns-search-explosion"
        );
    }
    let moving = motion::CHECKS.iter().map(|c| c.kinds).chain(motion::HOST_CHECKS.iter().map(|c| c.kinds));
    for (check, is_motion) in
        state::CHECKS.iter().map(|c| (c.kinds, false)).chain(moving.map(|kinds| (kinds, true)))
    {
        for id in check {
            for fault in kinds::KINDS.iter().filter(|k| k.id == *id).filter_map(|k| k.fault) {
                let c = all.entry(fault).or_default();
                c.ids.insert(id);
                if is_motion {
                    c.motion = true;
                } else {
                    c.state = true;
                }
            }
        }
    }
    all
}

//! `SET` (`xt_set.h`, revisions 1 to 3).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::matches::SetRef;
use crate::text::Options;
use crate::types::{SetNames, XtFamily};

/// `struct xt_set_info_target_v1`, `v2`, `v3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SetTarget {
    /// The set that the packet is added to.
    pub add: Option<SetRef>,
    /// The set that it is deleted from.
    pub del: Option<SetRef>,
    /// The set that its mark, priority or queue is taken from.
    pub map: Option<SetRef>,
    /// An element that exists is added again: its timeout starts anew.
    pub exist: bool,
    /// Timeout of a new element in seconds; `None`: the set's own.
    pub timeout: Option<u32>,
    /// The mark is taken over.
    pub map_mark: bool,
    /// The priority is taken over.
    pub map_prio: bool,
    /// The queue is taken over.
    pub map_queue: bool,
}

impl Extension for SetTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if !(1..=3).contains(&revision) {
            return Err(BlobError::Revision(revision));
        }
        let (add, del) = (SetRef::decode(b)?, SetRef::decode(b)?);
        let map = if revision == 3 { Some(SetRef::decode(b)?) } else { None };
        let (flags, timeout) = if revision == 1 { (0, u32::MAX) } else { (b.u32()?, b.u32()?) };
        let used = |s: SetRef| (s.index != SetRef::NONE).then_some(s);
        Ok(Self {
            add: used(add),
            del: used(del),
            map: map.and_then(used),
            exist: flags & 1 != 0,
            timeout: (timeout != u32::MAX).then_some(timeout),
            map_mark: flags & 1 << 8 != 0,
            map_prio: flags & 1 << 9 != 0,
            map_queue: flags & 1 << 10 != 0,
        })
    }

    fn options(&self, sets: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.opt("--add-set", self.add.map(|s| s.text(sets)));
        o.flag(self.exist, "--exist").opt("--timeout", self.timeout.map(|t| t.to_string()));
        o.opt("--del-set", self.del.map(|s| s.text(sets)));
        o.opt("--map-set", self.map.map(|s| s.text(sets)));
        o.flag(self.map_mark, "--map-mark")
            .flag(self.map_prio, "--map-prio")
            .flag(self.map_queue, "--map-queue");
        o.build()
    }
}

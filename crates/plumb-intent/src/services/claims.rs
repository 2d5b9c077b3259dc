//! Who owns a frontend that several ports of Services ask for.

use std::sync::Arc;

use plumb_api::NamespacedName;
use smallvec::SmallVec;

use super::{Frontend, Origin};

/// A port that asks for a frontend.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) service: Arc<NamespacedName>,
    pub(super) created: Option<Box<str>>,
    pub(super) frontend: Arc<Frontend>,
}

impl Claim {
    /// The first owns. Older before younger, as a Service keeps what it has when another asks for it; what was never created (a
    /// manifest without a time) comes after what was.
    fn rank(&self) -> (bool, Option<&str>, &NamespacedName, Origin, &str) {
        let name = &self.frontend.name;
        (self.created.is_none(), self.created.as_deref(), &self.service, self.frontend.origin, &name.port)
    }
}

/// All that ask for one frontend.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims(SmallVec<[Claim; 1]>);

impl Claims {
    /// Who has it.
    pub(super) fn owner(&self) -> Option<&Arc<Frontend>> {
        self.0.first().map(|c| &c.frontend)
    }

    /// Who does not get it.
    pub(super) fn losers(&self) -> impl Iterator<Item = &Arc<Frontend>> {
        self.0.iter().skip(1).map(|c| &c.frontend)
    }

    pub(super) fn release(&mut self, service: &NamespacedName) {
        self.0.retain(|c| *c.service != *service);
    }

    pub(super) fn add(&mut self, claim: Claim) {
        let at = self.0.partition_point(|c| c.rank() <= claim.rank());
        self.0.insert(at, claim);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

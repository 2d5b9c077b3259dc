//! The backend in the node's namespace, both families.

use plumb_api::Object;
use plumb_api::address::IpFamily;
use plumb_intent::Services;
use plumb_proxy::backend::nftables::{Nftables, Synced};

use super::apply::{Applied, tell};
use super::case::{Case, Flow};
use super::intent;
use super::network::{Network, failed};
use crate::error::{Failure, Result};

/// What is loaded.
pub(super) struct Loaded(Vec<One>);

struct One {
    applied: Applied,
    services: Services,
    backend: Nftables,
}

impl Loaded {
    /// Loads a case in the place of whatever was there; no client is remembered from before.
    pub(super) fn new(case: &Case, network: &Network) -> Result<Self> {
        let load = |family: &IpFamily| {
            let applied = Applied::new(case, *family)?;
            let services = applied.services(&case.objects);
            let mut backend = Nftables::new(network.writer()?, applied.frame());
            backend.cleanup().map_err(failed("remove the table"))?;
            let synced = backend.load(&services, &applied.settings()).map_err(failed("load the table"))?;
            whole(&synced)?;
            let found = backend.verify(true).map_err(failed("read the table back"))?;
            let found: Vec<String> = found.iter().map(|d| format!("{d:?}")).collect();
            Failure::unless_same("the table read back", found)?;
            Ok(One { applied, services, backend })
        };
        Ok(Self(IpFamily::ALL.iter().map(load).collect::<Result<_>>()?))
    }

    /// Objects take the place of others.
    pub(super) fn change(&mut self, objects: &[Object]) -> Result<()> {
        for one in &mut self.0 {
            tell(&mut one.services, objects);
            let delta = one.services.take();
            let synced = one.backend.apply(&delta).map_err(failed("change the table"))?;
            whole(&synced)?;
        }
        Ok(())
    }

    /// Whether clients of a flow stay with their endpoint.
    pub(super) fn is_sticky(&self, flow: &Flow) -> bool {
        let mut of_family = self.0.iter().filter(|one| one.applied.family == flow.family());
        of_family.any(|one| intent::is_sticky(&one.services, flow))
    }
}

/// Everything is in force.
fn whole(synced: &Synced) -> Result<()> {
    let refused = synced.refused.iter().map(|r| format!("{}: {}", r.what, r.error)).collect();
    Failure::unless_same("the kernel refuses", refused)
}

//! The networks that cases run on.

use super::case::Case;
use super::network::Network;
use crate::error::Result;

/// Tables of iptables-legacy stay once they were asked for, and hold on to the tracker's hooks of address translation:
/// cases with such run on a network of their own. Both are made when they are needed.
#[derive(Debug, Default)]
pub struct Networks {
    plain: Option<Network>,
    legacy: Option<Network>,
}

impl Networks {
    /// The one for a case.
    pub fn of(&mut self, case: &Case) -> Result<&mut Network> {
        let slot = if case.is_legacy() { &mut self.legacy } else { &mut self.plain };
        if slot.is_none() {
            *slot = Some(Network::build()?);
        }
        slot.as_mut().ok_or_else(|| super::network::failed("make a network")("there is none"))
    }
}

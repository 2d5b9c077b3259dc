//! `recent` (`xt_recent.h`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::{Options, address};
use crate::types::{Inv, SetNames, XtFamily};

/// What is done with the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecentAction {
    /// Puts the address on the list; always holds.
    Set,
    /// Holds if it is on the list.
    Check,
    /// Holds if it is on the list, and notes the time.
    Update,
    /// Holds if it was on the list, and takes it off.
    Remove,
}

/// `struct xt_recent_mtinfo`, `struct xt_recent_mtinfo_v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recent {
    /// What is done.
    pub action: Inv<RecentAction>,
    /// Seen within so many seconds; 0: at any time.
    pub seconds: u32,
    /// Seen at least so often; 0: once.
    pub hit_count: u32,
    /// Older entries are dropped.
    pub reap: bool,
    /// With the same time to live.
    pub ttl: bool,
    /// Name of the list.
    pub name: String,
    /// The bits of the address that are listed; `None` in revision 0, where all are.
    pub mask: Option<IpAddr>,
    /// The destination is listed, not the source.
    pub dest: bool,
}

impl Extension for Recent {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision > 1 {
            return Err(BlobError::Revision(revision));
        }
        let (seconds, hit_count, flags, invert) = (b.u32()?, b.u32()?, b.u8()?, b.flag8()?);
        let (name, side) = (b.string(200)?, b.u8()?);
        let action = match flags & 0xf {
            1 => RecentAction::Check,
            2 => RecentAction::Set,
            4 => RecentAction::Update,
            8 => RecentAction::Remove,
            _ => return Err(BlobError::Value { field: "check_set", value: flags.into() }),
        };
        let mask = if revision == 0 {
            None
        } else {
            b.skip(1)?; // alignment of the address
            Some(b.inet(family)?)
        };
        Ok(Self {
            action: Inv::new(action, invert),
            seconds,
            hit_count,
            reap: flags & 0x20 != 0,
            ttl: flags & 0x10 != 0,
            name,
            mask,
            dest: side == 1,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let action = match self.action.value {
            RecentAction::Set => "--set",
            RecentAction::Check => "--rcheck",
            RecentAction::Update => "--update",
            RecentAction::Remove => "--remove",
        };
        o.push(format!("{}{action}", self.action.bang()));
        o.opt("--seconds", (self.seconds != 0).then(|| self.seconds.to_string()));
        o.flag(self.reap, "--reap");
        o.opt("--hitcount", (self.hit_count != 0).then(|| self.hit_count.to_string()));
        o.flag(self.ttl, "--rttl");
        o.opt("--name", (!self.name.is_empty()).then_some(&self.name));
        o.opt("--mask", self.mask.map(address));
        o.push(if self.dest { "--rdest" } else { "--rsource" }).build()
    }
}

//! `CT` and `NOTRACK` (`xt_CT.h`).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{SetNames, XtFamily};

/// Which direction of the connection a zone is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtZoneDirection {
    /// Both.
    Both,
    /// The original one.
    Original,
    /// The reply's.
    Reply,
}

/// The zone that a connection is looked up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtZone {
    /// A number.
    Number(u16),
    /// The packet's mark.
    FromMark,
}

/// `struct xt_ct_target_info`, `v1` (also of revision 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ct {
    /// The packet is not tracked.
    pub notrack: bool,
    /// Written as `-j NOTRACK`.
    pub notrack_alias: bool,
    /// Zone, and for which direction.
    pub zone: Option<(CtZone, CtZoneDirection)>,
    /// Helper that the connection gets.
    pub helper: Option<String>,
    /// Timeout policy that the connection gets.
    pub timeout: Option<String>,
    /// Events that are told, one bit each (`IPCT_*`); 0: all.
    pub ct_events: u32,
    /// Events of expectations that are told (`IPEXP_*`); 0: all.
    pub exp_events: u32,
}

impl Extension for Ct {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let (flags, zone) = (b.u16()?, b.u16()?);
        let (ct_events, exp_events) = (b.u32()?, b.u32()?);
        let helper = b.string(16)?;
        let timeout = match revision {
            0 => String::new(),
            1 | 2 => b.string(32)?,
            _ => return Err(BlobError::Revision(revision)),
        };
        if flags & !0x1f != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        let direction = match flags & 0xc {
            4 => CtZoneDirection::Original,
            8 => CtZoneDirection::Reply,
            _ => CtZoneDirection::Both,
        };
        let zone = match (flags & 0x10 != 0, zone) {
            (true, _) => Some((CtZone::FromMark, direction)),
            (false, 0) => None,
            (false, n) => Some((CtZone::Number(n), direction)),
        };
        Ok(Self {
            notrack: flags & 3 != 0,
            notrack_alias: flags & 2 != 0,
            zone,
            helper: (!helper.is_empty()).then_some(helper),
            timeout: (!timeout.is_empty()).then_some(timeout),
            ct_events,
            exp_events,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        const EVENTS: [&str; 10] = [
            "new",
            "related",
            "destroy",
            "reply",
            "assured",
            "protoinfo",
            "helper",
            "mark",
            "natseqinfo",
            "secmark",
        ];
        if self.notrack_alias {
            return String::new();
        }
        let names = |mask: u32, names: &[&'static str]| {
            let set = names.iter().enumerate().filter(|(i, _)| mask >> i & 1 != 0);
            (mask != 0).then(|| set.map(|(_, n)| *n).collect::<Vec<_>>().join(","))
        };
        let mut o = Options::new();
        o.flag(self.notrack, "--notrack");
        o.opt("--helper", self.helper.as_ref()).opt("--timeout", self.timeout.as_ref());
        o.opt("--ctevents", names(self.ct_events, &EVENTS))
            .opt("--expevents", names(self.exp_events, &["new"]));
        if let Some((zone, direction)) = self.zone {
            let name = match direction {
                CtZoneDirection::Both => "--zone",
                CtZoneDirection::Original => "--zone-orig",
                CtZoneDirection::Reply => "--zone-reply",
            };
            let zone = match zone {
                CtZone::FromMark => "mark".to_owned(),
                CtZone::Number(n) => n.to_string(),
            };
            o.opt(name, Some(zone));
        }
        o.build()
    }
}

/// `NOTRACK` as a target of its own, without a structure (older kernels and programs).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notrack {}

impl Extension for Notrack {
    fn decode(revision: u32, _: XtFamily, _: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision == 0 { Ok(Self {}) } else { Err(BlobError::Revision(revision)) }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        String::new()
    }
}

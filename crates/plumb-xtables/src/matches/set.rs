//! `set` (`xt_set.h`, revisions 1 to 4) and the reference to an ipset that its target shares.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{Inv, SetNames, XtFamily};

/// `struct xt_set_info`: a set, and which parts of the packet make the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SetRef {
    /// The kernel's index of the set.
    pub index: u16,
    /// Number of dimensions that the rule names.
    pub dimensions: u8,
    /// Bit 0: inverted; bit `n`: dimension `n`, counted from 1, is taken from the source.
    pub flags: u8,
}

impl SetRef {
    /// Index that stands for no set (`IPSET_INVALID_ID`).
    pub const NONE: u16 = u16::MAX;

    /// Whether each dimension is taken from the source, in order.
    pub fn from_source(&self) -> impl Iterator<Item = bool> + use<> {
        let flags = self.flags;
        (1..=u32::from(self.dimensions))
            .map(move |n| u32::from(flags).checked_shr(n).is_some_and(|f| f & 1 != 0))
    }

    pub(crate) fn decode(b: &mut Blob<'_>) -> Result<Self, BlobError> {
        Ok(Self { index: b.u16()?, dimensions: b.u8()?, flags: b.u8()? })
    }

    /// `name src,dst`; a set without a known name is given by its index.
    pub(crate) fn text(&self, sets: &dyn SetNames) -> String {
        let name = sets.set_name(self.index).unwrap_or_else(|| format!("[set {}]", self.index));
        let sides: Vec<_> = self.from_source().map(|src| if src { "src" } else { "dst" }).collect();
        format!("{name} {}", sides.join(","))
    }
}

/// How an element's counter is compared (`IPSET_COUNTER_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CounterOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Greater.
    Gt,
}

/// A condition on an element's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CounterTest {
    /// How it is compared.
    pub op: CounterOp,
    /// With what.
    pub value: u64,
}

impl CounterTest {
    fn decode(op: u8, value: u64, field: &'static str) -> Result<Option<Self>, BlobError> {
        let op = match op {
            0 => return Ok(None),
            1 => CounterOp::Eq,
            2 => CounterOp::Ne,
            3 => CounterOp::Lt,
            4 => CounterOp::Gt,
            v => return Err(BlobError::Value { field, value: v.into() }),
        };
        Ok(Some(Self { op, value }))
    }

    fn text(self, what: &str) -> String {
        let value = self.value;
        match self.op {
            CounterOp::Eq => format!("--{what}-eq {value}"),
            CounterOp::Ne => format!("! --{what}-eq {value}"),
            CounterOp::Lt => format!("--{what}-lt {value}"),
            CounterOp::Gt => format!("--{what}-gt {value}"),
        }
    }
}

/// `struct xt_set_info_match_v1`, `v3`, `v4`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Set {
    /// The set, and whether the packet must be in it or not.
    pub set: Inv<SetRef>,
    /// An element marked `nomatch` counts as a match.
    pub return_nomatch: bool,
    /// Counters of the element stay as they are.
    pub skip_counter_update: bool,
    /// Counters in the member sets of a list stay as they are.
    pub skip_subcounter_update: bool,
    /// The element's packets.
    pub packets: Option<CounterTest>,
    /// The element's bytes.
    pub bytes: Option<CounterTest>,
}

const SKIP_COUNTER: u32 = 1 << 3;
const SKIP_SUBCOUNTER: u32 = 1 << 4;
const RETURN_NOMATCH: u32 = 1 << 7;

impl Extension for Set {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if !(1..=4).contains(&revision) {
            return Err(BlobError::Revision(revision));
        }
        let set = SetRef::decode(b)?;
        let counter = |b: &mut Blob<'_>, field| {
            // Revision 3 has the operator before the number, revision 4 behind it.
            if revision == 3 {
                let op = b.u8()?;
                b.skip(7)?;
                CounterTest::decode(op, b.u64()?, field)
            } else {
                let value = b.u64()?;
                let op = b.u8()?;
                b.skip(7)?;
                CounterTest::decode(op, value, field)
            }
        };
        let (packets, bytes, flags) = if revision < 3 {
            (None, None, 0)
        } else {
            b.skip(4)?;
            (counter(b, "packets.op")?, counter(b, "bytes.op")?, b.u32()?)
        };
        // In revision 2 the same bit as `nomatch` lies in the set's own flags.
        let return_nomatch = flags & RETURN_NOMATCH != 0 || (revision == 2 && set.flags & 0x80 != 0);
        Ok(Self {
            set: Inv::new(set, set.flags & 1 != 0),
            return_nomatch,
            skip_counter_update: flags & SKIP_COUNTER != 0,
            skip_subcounter_update: flags & SKIP_SUBCOUNTER != 0,
            packets,
            bytes,
        })
    }

    fn options(&self, sets: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.push(format!("{}--match-set {}", self.set.bang(), self.set.value.text(sets)));
        o.flag(self.return_nomatch, "--return-nomatch");
        o.flag(self.skip_counter_update, "! --update-counters");
        o.flag(self.skip_subcounter_update, "! --update-subcounters");
        if let Some(t) = self.packets {
            o.push(t.text("packets"));
        }
        if let Some(t) = self.bytes {
            o.push(t.text("bytes"));
        }
        o.build()
    }
}

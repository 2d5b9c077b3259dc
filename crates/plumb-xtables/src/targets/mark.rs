//! `MARK`, `CONNMARK`, `SECMARK`, `CONNSECMARK`.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::types::{Masked, SetNames, XtFamily};

/// `struct xt_mark_tginfo2`: the mark becomes `(mark & !mask) ^ value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MarkTarget(pub Masked);

impl MarkTarget {
    /// The mark that a packet with this one gets.
    #[must_use]
    pub fn apply(&self, mark: u32) -> u32 {
        (mark & !self.0.mask) ^ self.0.value
    }
}

impl Extension for MarkTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 2 {
            return Err(BlobError::Revision(revision));
        }
        Ok(Self(Masked { value: b.u32()?, mask: b.u32()? }))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--set-xmark {}", self.0.full_text())
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        Ok((revision == 2).then(|| BlobWriter::default().u32(self.0.value).u32(self.0.mask).finish(8)))
    }
}

/// What `CONNMARK` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnmarkAction {
    /// The connection's mark becomes `(mark & !ctmask) ^ ctmark`.
    Set,
    /// The connection's mark becomes `(mark & !ctmask) ^ (packet's mark & nfmask)`.
    Save,
    /// The packet's mark becomes `(mark & !nfmask) ^ (connection's mark & ctmask)`.
    Restore,
}

/// `struct xt_connmark_tginfo1`, `2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConnmarkTarget {
    /// What it does.
    pub action: ConnmarkAction,
    /// The mark that is set.
    pub ctmark: u32,
    /// Bits of the connection's mark.
    pub ctmask: u32,
    /// Bits of the packet's mark.
    pub nfmask: u32,
    /// Bits that the result is shifted by; negative to the right.
    pub shift: i16,
}

impl Extension for ConnmarkTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let (ctmark, ctmask, nfmask) = (b.u32()?, b.u32()?, b.u32()?);
        let shift = match revision {
            1 => 0,
            2 => match (b.u8()?, b.u8()?) {
                (0, bits) => i16::from(bits),
                (1, bits) => -i16::from(bits),
                (v, _) => return Err(BlobError::Value { field: "shift_dir", value: v.into() }),
            },
            _ => return Err(BlobError::Revision(revision)),
        };
        let action = match b.u8()? {
            0 => ConnmarkAction::Set,
            1 => ConnmarkAction::Save,
            2 => ConnmarkAction::Restore,
            v => return Err(BlobError::Value { field: "mode", value: v.into() }),
        };
        Ok(Self { action, ctmark, ctmask, nfmask, shift })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let masks = format!("--nfmask {:#x} --ctmask {:#x}", self.nfmask, self.ctmask);
        let action = match self.action {
            ConnmarkAction::Set => format!("--set-xmark {:#x}/{:#x}", self.ctmark, self.ctmask),
            ConnmarkAction::Save => format!("--save-mark {masks}"),
            ConnmarkAction::Restore => format!("--restore-mark {masks}"),
        };
        match self.shift {
            0 => action,
            n if n > 0 => format!("{action} --left-shift-mark {n}"),
            n => format!("{action} --right-shift-mark {}", n.unsigned_abs()),
        }
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        let action = match self.action {
            ConnmarkAction::Set => 0,
            ConnmarkAction::Save => 1,
            ConnmarkAction::Restore => 2,
        };
        let marks = BlobWriter::default().u32(self.ctmark).u32(self.ctmask).u32(self.nfmask);
        match revision {
            1 if self.shift == 0 => Ok(Some(marks.u8(action).finish(16))),
            1 => Err("a shift".to_owned()),
            2 => {
                let bits = u8::try_from(self.shift.unsigned_abs()).map_err(|_| "the shift".to_owned())?;
                Ok(Some(marks.u8(u8::from(self.shift < 0)).u8(bits).u8(action).finish(16)))
            }
            _ => Ok(None),
        }
    }
}

/// `struct xt_connsecmark_target_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Connsecmark {
    /// From the connection to the packet, not the other way.
    pub restore: bool,
}

impl Extension for Connsecmark {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        match (revision, b.u8()?) {
            (0, 1) => Ok(Self { restore: false }),
            (0, 2) => Ok(Self { restore: true }),
            (0, v) => Err(BlobError::Value { field: "mode", value: v.into() }),
            (r, _) => Err(BlobError::Revision(r)),
        }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        if self.restore { "--restore" } else { "--save" }.to_owned()
    }
}

/// `struct xt_secmark_target_info`, `v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Secmark {
    /// Security context.
    pub context: String,
}

impl Extension for Secmark {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let mode = b.u8()?;
        match revision {
            0 => b.skip(7)?, // alignment and the kernel's own number
            1 => {}
            _ => return Err(BlobError::Revision(revision)),
        }
        if mode != 1 {
            return Err(BlobError::Value { field: "mode", value: mode.into() });
        }
        b.string(256).map(|context| Self { context })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--selctx {}", self.context)
    }
}

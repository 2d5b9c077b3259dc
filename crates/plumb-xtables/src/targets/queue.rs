//! `NFQUEUE` (`xt_NFQUEUE.h`).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{SetNames, XtFamily};

/// `struct xt_NFQ_info`, `v1` to `v3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Nfqueue {
    /// First queue.
    pub queue: u16,
    /// Number of queues that packets are spread over.
    pub total: u16,
    /// Packets pass when nobody listens.
    pub bypass: bool,
    /// The processor chooses the queue.
    pub cpu_fanout: bool,
}

impl Extension for Nfqueue {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let queue = b.u16()?;
        let total = if revision >= 1 { b.u16()? } else { 1 };
        let flags = match revision {
            0 | 1 => 0,
            2 => u16::from(b.u16()? != 0),
            3 => b.u16()?,
            _ => return Err(BlobError::Revision(revision)),
        };
        if flags & !3 != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        Ok(Self { queue, total, bypass: flags & 1 != 0, cpu_fanout: flags & 2 != 0 })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        if self.total > 1 {
            let last = u32::from(self.queue) + u32::from(self.total) - 1;
            o.push(format!("--queue-balance {}:{last}", self.queue));
        } else {
            o.push(format!("--queue-num {}", self.queue));
        }
        o.flag(self.bypass, "--queue-bypass").flag(self.cpu_fanout, "--queue-cpu-fanout").build()
    }
}

//! Packets for programs (`nf_queue`, `nfqnl_enqueue_packet`; net/netfilter/nf_queue.c, nfnetlink_queue.c).

use plumb_model::{PacketQueue, Read};

use super::branch::Branch;
use super::solve::Run;

/// Which queues a rule chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct To {
    pub first: u16,
    pub total: u16,
    /// The packet passes where nobody reads the queue.
    pub bypass: bool,
}

impl To {
    /// `NF_QUEUE` with its number in the upper half (`NF_QUEUE_NR`) and `NF_VERDICT_FLAG_QUEUE_BYPASS`.
    pub(super) fn of_verdict(code: u32) -> Self {
        Self { first: (code >> 16) as u16, total: 1, bypass: code & 0x8000 != 0 }
    }
}

/// What becomes of a packet.
pub(super) enum Fate {
    /// On to the next hook.
    Passes,
    /// Nobody takes it.
    Ends,
    /// What it depends on.
    Unknown(String),
}

impl Run<'_> {
    pub(super) fn queue(&self, to: To) -> Fate {
        let read = match &self.env.namespace.queues {
            Read::Got(all) | Read::Torn { value: all, .. } => all.as_slice(),
            // A kernel without queues has no reader either.
            Read::Absent { feature } if feature == "nfnetlink_queue" => &[],
            Read::Absent { .. } | Read::Denied { .. } => return Fate::Unknown(READER.to_owned()),
        };
        let numbers = (0..to.total.max(1)).map(|n| to.first.wrapping_add(n));
        let mut fates = numbers.map(|n| match read.iter().find(|q: &&PacketQueue| q.number == n) {
            // `-ESRCH`
            None if to.bypass => Some(true),
            None => Some(false),
            // `NFQNL_COPY_NONE`: `-EINVAL`, which no bypass is for.
            Some(q) if q.copy == 0 => Some(false),
            Some(_) => None,
        });
        let first = fates.next().flatten();
        match first {
            // Which of several queues a packet comes to, a hash says.
            Some(passes) if fates.all(|f| f == Some(passes)) => {
                if passes {
                    Fate::Passes
                } else {
                    Fate::Ends
                }
            }
            _ => Fate::Unknown(format!("{READER} ({})", to.first)),
        }
    }

    /// The queues of `nft queue`; a number from a register must be known.
    pub(super) fn queue_numbers(
        &self,
        b: &Branch,
        num: Option<u16>,
        total: Option<u16>,
        flags: u32,
        sreg: Option<u8>,
    ) -> Option<To> {
        let first = match sreg {
            Some(sreg) if !b.regs.known(sreg, 2) => return None,
            Some(sreg) => (b.regs.word(sreg) & 0xffff) as u16,
            None => num.unwrap_or(0),
        };
        let total = if sreg.is_some() { 1 } else { total.unwrap_or(1) };
        Some(To { first, total, bypass: flags & 1 != 0 })
    }
}

const READER: &str = "the answer of the program that reads the queue";

//! nftables transactions.

use plumb_model::Read;
use plumb_nft::{Batch, Ruleset};

use super::NamespaceWriter;
use crate::error::{KernelError, Result};
use crate::netlink::Messages;

/// `NLM_F_ACK`
const ACK: u16 = 4;

impl NamespaceWriter {
    /// Sends a transaction: all of it is done or nothing. The error is the first one, with what it is about.
    pub fn nftables(&mut self, batch: Batch) -> Result<()> {
        let subjects = batch.clone();
        let errors = self.nftables_bytes(&batch.finish())?;
        let Some((sequence, error)) = errors.into_iter().next() else { return Ok(()) };
        let subject = subjects.subject(sequence).unwrap_or("the transaction");
        Err(error.within(subject))
    }

    /// Sends the bytes of a transaction. Gives an error for each message that the kernel refused, by its sequence number;
    /// none means that the transaction was taken.
    pub fn nftables_bytes(&mut self, bytes: &[u8]) -> Result<Vec<(u32, KernelError)>> {
        let what = self.what("change nftables");
        let asks = |m: &crate::netlink::Message<'_>| m.flags & ACK != 0;
        let last = Messages::new(bytes).flatten().filter(asks).map(|m| m.sequence).last();
        let Some(last) = last else {
            let problem = "no message of the transaction asks for an acknowledgement".to_owned();
            return Err(KernelError::Protocol { what, problem });
        };
        self.netfilter()?.batch(&what, bytes, last)
    }

    /// Reads the ruleset of this one namespace, counters included: for whoever reads it again and again, as a whole
    /// snapshot takes far longer.
    pub fn ruleset(&mut self) -> Result<Read<Ruleset>> {
        crate::read::read_ruleset(self.netfilter()?, &mut Vec::new())
    }
}

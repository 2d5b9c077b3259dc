//! nftables transactions.

use plumb_model::Read;
use plumb_nft::{Batch, Family, Ruleset, Table, TableKey};

use super::NamespaceWriter;
use crate::error::{KernelError, Result};
use crate::netlink::Messages;

/// `NLM_F_ACK`
const ACK: u16 = 4;

impl NamespaceWriter {
    /// Sends a transaction: all of it is done or nothing. The error is the first one, with what it is about.
    pub fn nftables(&mut self, mut batch: Batch) -> Result<()> {
        let errors = self.nftables_bytes(batch.seal())?;
        let Some((sequence, error)) = errors.into_iter().next() else { return Ok(()) };
        let subject = batch.subject(sequence).unwrap_or("the transaction");
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

    /// Reads one table, with the elements of the sets that `elements` names; `None` where there is none.
    pub fn nftables_table(
        &mut self,
        key: &TableKey,
        elements: &dyn Fn(&str) -> bool,
    ) -> Result<Read<Option<Table>>> {
        crate::read::read_table(self.netfilter()?, key, elements)
    }

    /// The tables of a family, without what is in them.
    pub fn nftables_tables(&mut self, family: Family) -> Result<Vec<Table>> {
        crate::read::read_tables(self.netfilter()?, family)
    }

    /// The generation of this namespace's ruleset: it is another after every transaction, whosever.
    pub fn nftables_generation(&mut self) -> Result<u32> {
        crate::read::read_generation(self.netfilter()?)
    }

    /// Reads the ruleset of this one namespace, counters included: for whoever reads it again and again, as a whole
    /// snapshot takes far longer.
    pub fn ruleset(&mut self) -> Result<Read<Ruleset>> {
        crate::read::read_ruleset(self.netfilter()?, &mut Vec::new())
    }
}

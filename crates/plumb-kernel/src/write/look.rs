//! Reading back a part of a namespace through the socket that is open already.

use plumb_model::{Conntrack, Read};

use super::NamespaceWriter;
use crate::error::Result;
use crate::read;

impl NamespaceWriter {
    /// Conntrack entries of this namespace, without count and limit.
    pub fn conntrack(&mut self) -> Result<Read<Conntrack>> {
        read::conntrack_entries(self.netfilter()?)
    }
}

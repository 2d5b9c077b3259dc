//! Names of many rules in a row: what is found out about a table is kept.

use std::collections::HashMap;

use plumb_trace::Network;
use plumb_trace::state::{NsIndex, RuleRef};

use super::nft::{self, Listing};
use crate::report::Place;

/// Writes rules of one network. Which tool lists a table faithfully takes a look at all of its rules, so it is looked
/// up once.
pub struct Names<'n, 's> {
    net: &'n Network<'s>,
    listings: HashMap<(NsIndex, u32), Listing>,
}

impl<'n, 's> Names<'n, 's> {
    /// For the rules of this network.
    #[must_use]
    pub fn new(net: &'n Network<'s>) -> Self {
        Self { net, listings: HashMap::new() }
    }

    /// The network.
    #[must_use]
    pub fn net(&self) -> &'n Network<'s> {
        self.net
    }

    fn listing(&mut self, at: RuleRef) -> Listing {
        let net = self.net;
        *self.listings.entry((at.ns, at.table)).or_insert_with(|| nft::listing(net, at.ns, at.table))
    }

    /// As [`rule_text`](super::rule_text).
    pub fn rule_text(&mut self, at: RuleRef) -> String {
        let listing = self.listing(at);
        nft::rule_text_as(self.net, at, listing)
    }

    /// As [`rule`](super::rule).
    pub fn rule(&mut self, at: RuleRef, via: &[String]) -> Place {
        let listing = self.listing(at);
        nft::rule_as(self.net, at, listing, via)
    }
}

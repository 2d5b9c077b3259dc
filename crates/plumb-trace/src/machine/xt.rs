//! Matches and targets of xtables, as iptables-nft puts them into rules.

use plumb_nft::{Bytes, Family};

use super::branch::Branch;
use super::eval::Step;
use super::ops::Verd;
use super::solve::Run;

/// A match of a rule.
#[derive(Clone, Debug)]
pub(super) struct XtMatch {
    name: String,
}

/// A target of a rule.
#[derive(Clone, Debug)]
pub(super) struct XtTarget {
    name: String,
}

impl XtMatch {
    pub(super) fn decode(_family: Family, name: &str, _revision: u32, _info: &Bytes) -> Self {
        Self { name: name.to_owned() }
    }
}

impl XtTarget {
    pub(super) fn decode(_family: Family, name: &str, _revision: u32, _info: &Bytes) -> Self {
        Self { name: name.to_owned() }
    }
}

impl Run<'_> {
    pub(super) fn xt_match(&mut self, b: &mut Branch, _at: u32, m: &XtMatch) -> Step {
        let unknown = self.unknown(b, format!("xt match \"{}\"", m.name));
        Step::Maybe { unknown, matched: Verd::Continue }
    }

    pub(super) fn xt_target(&mut self, b: &mut Branch, _at: u32, t: &XtTarget) -> Step {
        self.pass(b, format!("xt target \"{}\"", t.name));
        Step::Next
    }
}

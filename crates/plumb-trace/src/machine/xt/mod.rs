//! Matches and targets of xtables, as iptables-nft puts them into rules (net/netfilter/nft_compat.c).

mod addresses;
mod connection;
mod ipset;
mod ipset_counters;
mod ipset_index;
mod matches;
mod targets;

use plumb_model::IpFamily;
use plumb_nft::{Bytes, Family};
use plumb_xtables::{Match, Target, XtFamily};

use super::branch::Branch;
use super::draw::Sticky;
use super::eval::{BREAK, Step, when};
use super::ops::Verd;
use super::solve::Run;
use super::split::remember;
use crate::event::Event;
use crate::share::Share;
pub(super) use ipset_index::IpSetIndex;

/// A match of a rule, as the extension reads it in each family that its table sees.
#[derive(Clone, Debug)]
pub(super) struct XtMatch {
    name: Box<str>,
    v4: Option<Match>,
    v6: Option<Match>,
}

/// A target of a rule.
#[derive(Clone, Debug)]
pub(super) struct XtTarget {
    name: Box<str>,
    v4: Option<Target>,
    v6: Option<Target>,
}

/// What a match says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Says {
    Yes,
    No,
    /// Yes for this share of packets.
    Chance(Share),
    /// A counter of so many steps that starts anywhere: yes at its zero.
    Phase {
        count: u64,
        sticky: Sticky,
        invert: bool,
    },
    /// What it depends on.
    Unknown(String),
}

impl From<bool> for Says {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

fn v4(family: Family) -> bool {
    matches!(family, Family::Ip | Family::Inet)
}

fn v6(family: Family) -> bool {
    matches!(family, Family::Ip6 | Family::Inet)
}

impl XtMatch {
    pub(super) fn decode(family: Family, name: &str, revision: u32, info: &Bytes) -> Self {
        Self {
            name: name.into(),
            v4: v4(family).then(|| Match::decode(name, revision, XtFamily::Ip, info)),
            v6: v6(family).then(|| Match::decode(name, revision, XtFamily::Ip6, info)),
        }
    }

    /// As each family reads it.
    pub(super) fn readings(&self) -> impl Iterator<Item = &Match> {
        self.v4.iter().chain(&self.v6)
    }
}

impl XtTarget {
    pub(super) fn decode(family: Family, name: &str, revision: u32, info: &Bytes) -> Self {
        Self {
            name: name.into(),
            v4: v4(family).then(|| Target::decode(name, revision, XtFamily::Ip, info)),
            v6: v6(family).then(|| Target::decode(name, revision, XtFamily::Ip6, info)),
        }
    }
}

impl Run<'_> {
    pub(super) fn xt_match(&mut self, b: &mut Branch, at: u32, m: &XtMatch) -> Step {
        let decoded = match self.env.family {
            IpFamily::V4 => &m.v4,
            IpFamily::V6 => &m.v6,
        };
        let says = match decoded {
            Some(decoded) => self.says(b, at, decoded),
            None => Says::Unknown(format!("xt match \"{}\"", m.name)),
        };
        match says {
            Says::Yes => Step::Next,
            Says::No => BREAK,
            Says::Chance(share) => self.chance(b, at, share),
            Says::Phase { count, sticky, invert } => self.phase(b, at, count, sticky, invert),
            Says::Unknown(what) => {
                let unknown = self.unknown(b, what);
                Step::Maybe { unknown, matched: Verd::Continue }
            }
        }
    }

    /// A condition that holds by chance, anew for each packet.
    fn chance(&mut self, b: &Branch, at: u32, share: Share) -> Step {
        if share.is_one() || share.is_zero() {
            return when(share.is_one());
        }
        let rule = Some(self.rule_of(b));
        let part = |share: Share| {
            let mut part = b.clone();
            part.state.share = part.state.share * share;
            if self.env.record {
                part.state.history.push(Event::Draw { rule, share, per_packet: true });
            }
            part
        };
        let (mut yes, mut no) = (part(share), part(Share::ONE - share));
        yes.resume = Some((at + 1, Verd::Continue));
        no.rule += 1;
        Step::Split(vec![yes, no])
    }

    /// A counter that nobody knows the state of: each is equally likely, and it counts on from there.
    fn phase(&mut self, b: &Branch, at: u32, count: u64, sticky: Sticky, invert: bool) -> Step {
        let rule = Some(self.rule_of(b));
        // Beyond a number of states only whether it is due is followed.
        let values: Vec<(u64, Share)> = if count <= 64 {
            (0..count).map(|v| (v, Share::new(1, count.into()))).collect()
        } else {
            vec![(0, Share::new(1, count.into())), (1, Share::new(u128::from(count) - 1, count.into()))]
        };
        let mut parts = Vec::with_capacity(values.len());
        for (value, share) in values {
            let mut part = b.clone();
            part.state.share = part.state.share * share;
            remember(&mut part, sticky, value);
            if self.env.record {
                part.state.history.push(Event::Draw { rule, share, per_packet: true });
            }
            if (value == 0) != invert {
                part.resume = Some((at + 1, Verd::Continue));
            } else {
                part.rule += 1;
            }
            parts.push(part);
        }
        Step::Split(parts)
    }

    pub(super) fn xt_target(&mut self, b: &mut Branch, at: u32, t: &XtTarget) -> Step {
        let decoded = match self.env.family {
            IpFamily::V4 => &t.v4,
            IpFamily::V6 => &t.v6,
        };
        match decoded {
            Some(decoded) => self.act(b, at, decoded),
            None => {
                self.pass(b, format!("xt target \"{}\"", t.name));
                Step::Next
            }
        }
    }
}

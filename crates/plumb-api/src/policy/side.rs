//! What all policies say in one direction: those of administrators, then NetworkPolicies, then the baseline.

use std::net::IpAddr;

use super::admin::{Connection, Ruled};
use super::party::Party;
use super::truth::{Doubt, Truth};
use super::{Policies, PolicyRef, Verdict};
use crate::objects::{AdminAction, Kind, PolicyType, Protocol};

/// What policies say in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Open,
    Forbidden(Vec<Verdict>),
    Unknown(Vec<(Verdict, Doubt)>),
}

/// Which policies are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    All,
    /// Those of administrators: no NetworkPolicy keeps a Pod from its node.
    Admin,
}

/// What NetworkPolicies say.
struct Networked {
    side: Side,
    /// Whether any is about the Pod: then the baseline is not asked.
    isolated: Truth,
}

impl Policies {
    /// What the policies about the first of the two say of a connection with the second.
    pub(super) fn side(
        &self,
        rules: Rules,
        direction: PolicyType,
        (about, other): (&Party, &Party),
        at: IpAddr,
        port: (Protocol, u16),
    ) -> Side {
        let connection = Connection { direction, about, other, at, port };
        if self.admin.is_empty() && self.baseline.is_empty() {
            return self.networked(rules, connection).side;
        }
        weigh(&self.ruled(&self.admin, connection), || self.below(rules, connection))
    }

    /// What NetworkPolicies say, and where none is about the Pod, the baseline.
    fn below(&self, rules: Rules, c: Connection<'_>) -> Side {
        let Networked { side, isolated } = self.networked(rules, c);
        let baseline = || weigh(&self.ruled(&self.baseline, c), || Side::Open);
        match isolated {
            Truth::Yes => side,
            Truth::No => baseline(),
            Truth::Open(doubt) => match (side, baseline()) {
                (a, b) if a == b => a,
                (side @ Side::Unknown(_), _) => side,
                (_, Side::Forbidden(all)) => Side::Unknown(all.into_iter().map(|v| (v, doubt)).collect()),
                (_, other) => other,
            },
        }
    }

    fn networked(&self, rules: Rules, c: Connection<'_>) -> Networked {
        let (mut forbids, mut open) = (Vec::new(), Vec::new());
        let (mut isolated, mut allowed, mut perhaps) = (false, false, None);
        let of_direction = self.policies.iter().filter(|p| p.spec.is_about(c.direction));
        for policy in of_direction.filter(|_| rules == Rules::All) {
            let selects = self.selects(policy, c.about);
            if selects == Truth::No {
                continue;
            }
            let allows = self.allows(policy, c.direction, (c.about, c.other), c.at, c.port);
            let verdict = || Verdict {
                policy: PolicyRef::of(Kind::NetworkPolicy, policy.metadata.full_name()),
                direction: c.direction,
            };
            isolated |= selects == Truth::Yes;
            allowed |= selects == Truth::Yes && allows == Truth::Yes;
            match (selects, allows) {
                (Truth::Yes, Truth::No) => forbids.push(verdict()),
                // One that may be about the Pod and takes the connection hurts nothing, and helps where another does not.
                (Truth::Open(doubt), Truth::Yes | Truth::No | Truth::Open(_)) => {
                    perhaps.get_or_insert(doubt);
                    open.push((verdict(), doubt, allows));
                }
                (_, Truth::Open(doubt)) => open.push((verdict(), doubt, allows)),
                _ => {}
            }
        }
        let side = if allowed || !isolated && open.iter().all(|(_, _, allows)| *allows == Truth::Yes) {
            Side::Open
        } else if isolated && open.iter().all(|(_, _, allows)| *allows == Truth::No) {
            Side::Forbidden(forbids)
        } else {
            Side::Unknown(open.into_iter().map(|(verdict, doubt, _)| (verdict, doubt)).collect())
        };
        let isolated = match perhaps {
            _ if isolated => Truth::Yes,
            Some(doubt) => Truth::Open(doubt),
            None => Truth::No,
        };
        Networked { side, isolated }
    }
}

/// What rules in an order come to, `below` being what is asked where none decides. What may be is what is, where all of it is alike.
fn weigh(ruled: &Ruled, below: impl Fn() -> Side) -> Side {
    let of = |action: AdminAction, verdict: &Verdict| match action {
        AdminAction::Allow => Side::Open,
        AdminAction::Deny => Side::Forbidden(vec![verdict.clone()]),
        AdminAction::Pass => below(),
    };
    let certain = match &ruled.certain {
        Some(d) => of(d.action, &d.verdict),
        None => below(),
    };
    let mut doubts = Vec::new();
    for (d, doubt) in &ruled.perhaps {
        let same = match (of(d.action, &d.verdict), &certain) {
            (Side::Open, Side::Open) | (Side::Forbidden(_), Side::Forbidden(_)) => true,
            (a, b) => a == *b,
        };
        if !same {
            doubts.push((d.verdict.clone(), *doubt));
        }
    }
    match (doubts.is_empty(), certain) {
        (true, certain) => certain,
        (false, Side::Unknown(more)) => {
            doubts.extend(more);
            Side::Unknown(doubts)
        }
        (false, _) => Side::Unknown(doubts),
    }
}

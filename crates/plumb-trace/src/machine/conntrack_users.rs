//! Who makes the tracker work in a namespace (callers of `nf_ct_netns_get`), and what else rules ask for that is not followed
//! unless some do.

use plumb_model::IpFamily;
use plumb_nft::{CtKey, Expr, Family, ObjectData, Table};
use plumb_xtables::Match;

use super::ops::Op;

/// Families that the tracker works for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Users {
    v4: bool,
    v6: bool,
    pub bridge: bool,
}

/// What is followed only where rules ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asks {
    /// Sockets of packets.
    pub sockets: bool,
    /// What connections have carried.
    pub counters: bool,
    /// Counters of elements of ipsets.
    pub ipset_counters: bool,
}

impl Asks {
    /// What the matches of rules ask for.
    pub(super) fn add_matches(&mut self, ops: &[Op]) {
        let sets = ops.iter().filter_map(|op| if let Op::Match(m) = op { Some(m.readings()) } else { None });
        self.ipset_counters |=
            sets.flatten().any(|m| matches!(m, Match::Set(s) if s.packets.is_some() || s.bytes.is_some()));
    }

    pub(super) fn add(&mut self, table: &Table) {
        for expr in table.chains.iter().flat_map(|c| &c.rules).flat_map(|r| &r.exprs) {
            match expr {
                Expr::Socket { .. } | Expr::Tproxy { .. } => self.sockets = true,
                Expr::Ct { key: CtKey::Pkts | CtKey::Bytes | CtKey::Avgpkt, .. } => self.counters = true,
                Expr::Match { name, .. } => {
                    self.sockets |= name == "socket";
                    self.counters |= name == "connbytes";
                }
                _ => {}
            }
        }
    }
}

impl Users {
    pub(super) fn of(self, family: IpFamily) -> bool {
        match family {
            IpFamily::V4 => self.v4,
            IpFamily::V6 => self.v6,
        }
    }

    /// Counts the references that a table's rules, objects and sets hold; a dormant table's count too.
    pub(super) fn add(&mut self, table: &Table) {
        let rules = table.chains.iter().flat_map(|c| &c.rules).flat_map(|r| &r.exprs);
        let sets =
            table.sets.iter().flat_map(|s| s.exprs.iter().chain(s.elements.iter().flat_map(|e| &e.exprs)));
        let objects = table.objects.iter().any(|o| {
            matches!(
                o.data,
                ObjectData::Connlimit { .. }
                    | ObjectData::CtHelper { .. }
                    | ObjectData::CtTimeout { .. }
                    | ObjectData::CtExpect { .. }
                    | ObjectData::Synproxy { .. }
            )
        });
        if objects {
            self.take(table.family);
        }
        for expr in rules.chain(sets) {
            match expr {
                // Its own family, also in a table of both (`nft_nat_init`).
                Expr::Snat { family, .. } | Expr::Dnat { family, .. } => self.take(*family),
                _ if uses(expr) => self.take(table.family),
                _ => {}
            }
        }
    }

    fn take(&mut self, family: Family) {
        match family {
            Family::Ip => self.v4 = true,
            Family::Ip6 => self.v6 = true,
            Family::Inet => (self.v4, self.v6) = (true, true),
            Family::Bridge => (self.v4, self.v6, self.bridge) = (true, true, true),
            _ => {}
        }
    }
}

fn uses(expr: &Expr) -> bool {
    match expr {
        Expr::Ct { .. }
        | Expr::CtSet { .. }
        | Expr::Masq { .. }
        | Expr::Redir { .. }
        | Expr::Connlimit { .. }
        | Expr::FlowOffload { .. }
        | Expr::Synproxy { .. } => true,
        Expr::Dynset { exprs, .. } => exprs.iter().any(uses),
        Expr::Match { name, .. } => matches!(
            name.as_str(),
            "conntrack"
                | "state"
                | "connmark"
                | "connbytes"
                | "connlimit"
                | "connlabel"
                | "helper"
                | "cluster"
        ),
        Expr::Target { name, info, .. } => match name.as_str() {
            "CONNMARK" | "CONNSECMARK" | "DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" | "NETMAP"
            | "SYNPROXY" => true,
            // xt_CT.c: with XT_CT_NOTRACK (flag 1) nothing is taken. The flags are the first 16 bits of every revision.
            "CT" => info.first().is_none_or(|flags| flags & 1 == 0),
            _ => false,
        },
        _ => false,
    }
}

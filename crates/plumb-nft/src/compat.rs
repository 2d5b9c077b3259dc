//! The protocol of a rule with xtables extensions.

use crate::types::*;

/// `NFT_RULE_COMPAT_F_INV`
const INVERTED: u32 = 2;

/// What `NFTA_RULE_COMPAT` was when the rule was made: protocol and flags. The kernel wants it with matches and
/// targets that work on one protocol only, but does not dump it; the rule's own match on the protocol tells it.
/// `None` for a rule without extensions or without such a match.
#[must_use]
pub fn compat_of(family: Family, rule: &Rule) -> Option<(u32, u32)> {
    if rule.compat.is_some() {
        return rule.compat;
    }
    if !rule.exprs.iter().any(|e| matches!(e, Expr::Match { .. } | Expr::Target { .. })) {
        return None;
    }
    let mut loaded = None;
    for expr in &rule.exprs {
        match expr {
            Expr::Meta { key: MetaKey::L4proto, dreg } => loaded = Some(*dreg),
            // `ip protocol`, `ip6 nexthdr`
            Expr::Payload { dreg, base: PayloadBase::Network, offset, len: 1 }
                if matches!((family, offset), (Family::Ip, 9) | (Family::Ip6, 6)) =>
            {
                loaded = Some(*dreg);
            }
            Expr::Cmp { sreg, op, data } if Some(*sreg) == loaded => {
                let flags = match op {
                    CmpOp::Eq => 0,
                    CmpOp::Neq => INVERTED,
                    _ => continue,
                };
                if let [protocol] = **data {
                    return Some((protocol.into(), flags));
                }
            }
            Expr::Meta { dreg, .. } | Expr::Payload { dreg, .. } if Some(*dreg) == loaded => loaded = None,
            _ => {}
        }
    }
    None
}

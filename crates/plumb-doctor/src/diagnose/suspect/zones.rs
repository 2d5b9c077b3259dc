//! Rules that keep packets from being tracked, or put them into a zone of connections.

use plumb_model::Change;
use plumb_nft::{Data, Expr, Rule};
use plumb_trace::event::Event;
use plumb_trace::state::RuleRef;

use super::Case;
use super::nat::add_before;
use super::rules::table_of;

/// `Some(None)`: not tracked; `Some(Some(zone))`: into a zone.
pub(crate) fn untracks(exprs: &[Expr]) -> Option<Option<u16>> {
    use plumb_nft::CtKey;
    exprs.iter().find_map(|e| match e {
        Expr::Notrack => Some(None),
        Expr::CtSet { key: CtKey::Zone, .. } => Some(Some(given(exprs).unwrap_or_default())),
        Expr::Target { name, revision, info } if name == "CT" || name == "NOTRACK" => {
            let family = plumb_xtables::XtFamily::Ip;
            match plumb_xtables::Target::decode(name, *revision, family, info) {
                plumb_xtables::Target::Ct(ct) if !ct.notrack => ct.zone.map(|(zone, _)| match zone {
                    plumb_xtables::targets::CtZone::Number(n) => Some(n),
                    plumb_xtables::targets::CtZone::FromMark => Some(0),
                }),
                _ => Some(None),
            }
        }
        _ => None,
    })
}

/// The zone that a rule of nftables gives, where it is a number.
fn given(exprs: &[Expr]) -> Option<u16> {
    exprs.iter().find_map(|e| match e {
        Expr::Immediate { data: Data::Value(v), .. } => {
            Some(u16::from_ne_bytes(v.get(..2)?.try_into().ok()?))
        }
        _ => None,
    })
}

/// The rule with the zone that another packet of the flow was put into in the same namespace, before it; once for each
/// such zone.
pub(super) fn joined(case: &Case, at: RuleRef, rule: &Rule, kind: Option<u16>) -> Vec<Change> {
    let Some(own) = kind else { return Vec::new() };
    let mut zones: Vec<u16> = case
        .failure
        .all_events()
        .filter_map(|e| match e {
            Event::Rule { rule } if rule.ns == at.ns => {
                let chain = table_of(case, rule.ns, rule.table)?.chains.get(rule.chain as usize)?;
                untracks(&chain.rules.get(rule.rule as usize)?.exprs)?
            }
            _ => None,
        })
        .filter(|zone| *zone != own)
        .collect();
    zones.sort_unstable();
    zones.dedup();
    zones.into_iter().filter_map(|zone| add_before(case, at, in_zone(rule, zone)?)).collect()
}

/// The rule with another zone; `None` where it does not give a number.
fn in_zone(rule: &Rule, zone: u16) -> Option<Rule> {
    let mut rule = rule.clone();
    let changed = rule.exprs.iter_mut().rev().find_map(|e| match e {
        Expr::Immediate { data: Data::Value(v), .. } if v.0.len() >= 2 => {
            v.0[..2].copy_from_slice(&zone.to_ne_bytes());
            Some(())
        }
        // `struct xt_ct_target_info`: flags, then the zone.
        Expr::Target { name, info, .. } if name == "CT" && info.0.len() >= 4 => {
            info.0[2..4].copy_from_slice(&zone.to_ne_bytes());
            Some(())
        }
        _ => None,
    });
    changed.map(|()| rule)
}

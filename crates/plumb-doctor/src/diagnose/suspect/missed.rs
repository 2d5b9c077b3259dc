//! Rules that a packet misses by one condition: source translations, and (for [`marks`](super::marks)) what should have
//! marked it.

use std::net::IpAddr;

use plumb_model::Prefix;
use plumb_nft::{Expr, Hook};
use plumb_trace::event::Event;
use plumb_trace::state::{NsIndex, RuleRef};

use super::nat::{add_before, delete, rule_text};
use super::{Case, Suspect};
use crate::finding::Finding;
use crate::place;
use crate::report::{Layer, Place};

/// Whether a rule has packets to translate besides those of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// None that can be seen: what it asks for exists nowhere.
    None,
    /// It serves a network, or an uplink, and misses the flow since that is none of its business.
    Other,
}

/// Source translations on the request's way that miss it by one condition.
pub(super) fn missed(case: &Case, work: Work) -> Vec<Suspect> {
    let mut out = Vec::new();
    let mut seen: Vec<NsIndex> = Vec::new();
    for e in &case.failure.request_events {
        let Event::Chain { chain, hook: Hook::Postrouting } = e else { continue };
        if !seen.contains(&chain.ns) {
            seen.push(chain.ns);
        }
    }
    // nat chains that were passed over are not entered: look at every namespace the request went through.
    for e in &case.failure.request_events {
        if let Event::Leaves { ns, .. } = e
            && !seen.contains(ns)
        {
            seen.push(*ns);
        }
    }
    for ns in seen {
        for (t, table) in case.net.namespace(ns).rule_tables().enumerate() {
            for (c, chain) in table.chains.iter().enumerate() {
                for (r, rule) in chain.rules.iter().enumerate() {
                    if !translates_source(&rule.exprs) || work_of(case, ns, &rule.exprs) != work {
                        continue;
                    }
                    let place = RuleRef { ns, table: t as u32, chain: c as u32, rule: r as u32 };
                    out.extend(relaxed(case, place, rule, Layer::ServiceNat, |at, condition| {
                        Finding::NatMissed { namespace: case.name(ns), rule: rule_text(at), condition }
                    }));
                }
            }
        }
    }
    out
}

/// A rule that names a source has work where that network is behind another device than the one it names; one that
/// names only a device that packets leave by, where that is an uplink.
fn work_of(case: &Case, ns: NsIndex, exprs: &[Expr]) -> Work {
    use plumb_nft::{MetaKey, PayloadBase};
    let n = case.net.namespace(ns);
    let (mut source, mut device, mut bits) = (None, None, None);
    let mut loaded = None;
    for e in exprs {
        match e {
            Expr::Payload { .. } | Expr::Meta { .. } => (loaded, bits) = (Some(e), None),
            Expr::Bitwise { op: plumb_nft::BitwiseOp::Bool { mask, .. }, .. } => {
                bits = Some(mask.iter().map(|b| b.count_ones() as u8).sum::<u8>());
            }
            Expr::Cmp { op: plumb_nft::CmpOp::Eq, data, .. } => match loaded {
                Some(Expr::Payload { base: PayloadBase::Network, offset: 12, .. })
                    if case.failure.request.packet.dst.is_ipv4() =>
                {
                    let mut octets = [0; 4];
                    octets.iter_mut().zip(data.iter()).for_each(|(o, d)| *o = *d);
                    source = Some(Prefix::new(octets.into(), bits.unwrap_or(data.len() as u8 * 8)));
                }
                Some(Expr::Payload { base: PayloadBase::Network, offset: 8, .. })
                    if case.failure.request.packet.dst.is_ipv6() =>
                {
                    let mut octets = [0; 16];
                    octets.iter_mut().zip(data.iter()).for_each(|(o, d)| *o = *d);
                    source = Some(Prefix::new(octets.into(), bits.unwrap_or(data.len() as u8 * 8)));
                }
                Some(Expr::Meta { key: MetaKey::Oifname, .. }) => {
                    let name: Vec<u8> = data.iter().copied().take_while(|b| *b != 0).collect();
                    device =
                        Some(n.links.items().iter().find(|l| l.name.as_bytes() == name).map(|l| l.index));
                }
                Some(Expr::Meta { key: MetaKey::Oif, .. }) => {
                    let index = data.get(..4).and_then(|b| Some(u32::from_ne_bytes(b.try_into().ok()?)));
                    device = Some(index.filter(|i| n.link(*i).is_some()));
                }
                _ => {}
            },
            _ => {}
        }
    }
    let by_other = |index: Option<u32>| index.is_some() && device.flatten() != index;
    let serves = match (source, device) {
        // It names a device that is not there.
        (_, Some(None)) => false,
        (Some(net), _) => {
            let lives_at = |a: &plumb_model::Address| {
                by_other(Some(a.index)) && (net.contains(a.prefix.addr) || a.prefix.contains(net.addr))
            };
            n.addresses.items().iter().any(lives_at)
        }
        (None, Some(Some(uplink))) => {
            let leads_on = |r: &plumb_model::Route| {
                r.next_hops.iter().any(|h| h.oif == Some(uplink) && h.gateway.is_some())
            };
            n.routes.items().iter().any(leads_on)
        }
        (None, None) => false,
    };
    if serves { Work::Other } else { Work::None }
}

fn translates_source(exprs: &[Expr]) -> bool {
    exprs.iter().any(|e| match e {
        Expr::Masq { .. } | Expr::Snat { .. } => true,
        Expr::Target { name, .. } => matches!(name.as_str(), "MASQUERADE" | "SNAT"),
        _ => false,
    })
}

/// The rule with one condition less, in its place; once for each condition that says for whom it is. `finding` is made of
/// the rule's place and how it would read.
pub(super) fn relaxed(
    case: &Case,
    at: RuleRef,
    rule: &plumb_nft::Rule,
    layer: Layer,
    finding: impl Fn(&Place, String) -> Finding,
) -> Vec<Suspect> {
    let conditions: Vec<usize> = rule
        .exprs
        .iter()
        .enumerate()
        .filter(|(i, e)| {
            // What says for whom the rule is: its sources, its devices. What it leaves out (`!=`) it leaves out on
            // purpose, and what else it asks for is another matter than its reach.
            let reg = match e {
                Expr::Cmp { sreg, op: plumb_nft::CmpOp::Eq, .. }
                | Expr::Range { sreg, op: plumb_nft::CmpOp::Eq, .. } => *sreg,
                Expr::Lookup { sreg, dreg: None, inverted: false, .. } => *sreg,
                _ => return false,
            };
            // A source that is the flow's own destination: the rule is for what comes back to itself.
            let hairpin =
                matches!(e, Expr::Cmp { data, .. } if starts_with(case.failure.request.packet.dst, data));
            !hairpin && says_for_whom(&rule.exprs[..*i], reg)
        })
        .map(|(i, _)| i)
        .collect();
    let mut out = Vec::new();
    for i in conditions {
        let mut wider = rule.clone();
        wider.exprs.remove(i);
        if !without_dead_loads(&mut wider.exprs) {
            continue;
        }
        let place = place::rule(case.net, at, &[]);
        let finding = finding(&place, place::condition_text(case.net, at, &wider));
        let (Some(add), Some(remove)) = (add_before(case, at, wider), delete(case, at)) else { continue };
        let changes = vec![add, remove];
        out.push(Suspect::new(finding, place, layer, vec![changes]).must_connect());
    }
    out
}

fn starts_with(addr: IpAddr, bytes: &[u8]) -> bool {
    match addr {
        IpAddr::V4(a) => a.octets().starts_with(bytes),
        IpAddr::V6(a) => a.octets().starts_with(bytes),
    }
}

/// Whether what was loaded last into a register is a source address or the name or index of a device.
fn says_for_whom(before: &[Expr], reg: plumb_nft::Register) -> bool {
    use plumb_nft::{MetaKey, PayloadBase};
    let loads = before.iter().rev().find_map(|e| match e {
        Expr::Payload { dreg, base, offset, len } if *dreg == reg => {
            // The source of IPv4 stands at 12, that of IPv6 at 8.
            Some(*base == PayloadBase::Network && (*offset == 12 || (*offset == 8 && *len > 1)))
        }
        Expr::Meta { key, dreg } if *dreg == reg => {
            Some(matches!(key, MetaKey::Oif | MetaKey::Oifname | MetaKey::Iif | MetaKey::Iifname))
        }
        _ => None,
    });
    loads.unwrap_or(false)
}

/// Removes loads whose register nobody reads any more; false where an expression is left that cannot stand alone.
pub(super) fn without_dead_loads(exprs: &mut Vec<Expr>) -> bool {
    let reads = |e: &Expr, reg: plumb_nft::Register| match e {
        Expr::Cmp { sreg, .. } | Expr::Range { sreg, .. } | Expr::Lookup { sreg, .. } => *sreg == reg,
        Expr::Bitwise { sreg, .. } | Expr::Byteorder { sreg, .. } => *sreg == reg,
        Expr::MetaSet { sreg, .. } | Expr::CtSet { sreg, .. } => *sreg == reg,
        _ => true,
    };
    let mut i = exprs.len();
    while i > 0 {
        i -= 1;
        let (dreg, plain) = match &exprs[i] {
            Expr::Payload { dreg, .. } | Expr::Meta { dreg, .. } | Expr::Ct { dreg, .. } => (*dreg, true),
            Expr::Bitwise { dreg, .. } => (*dreg, true),
            _ => continue,
        };
        let next_is_reader = exprs.get(i + 1).is_some_and(|e| {
            matches!(
                e,
                Expr::Cmp { .. }
                    | Expr::Range { .. }
                    | Expr::Lookup { .. }
                    | Expr::Bitwise { .. }
                    | Expr::Byteorder { .. }
                    | Expr::MetaSet { .. }
                    | Expr::CtSet { .. }
                    | Expr::Payload { .. }
                    | Expr::Meta { .. }
            ) && reads(e, dreg)
        });
        if plain && !next_is_reader && !exprs[i + 1..].iter().any(|e| reads_register(e, dreg)) {
            exprs.remove(i);
        }
    }
    true
}

fn reads_register(e: &Expr, reg: plumb_nft::Register) -> bool {
    match e {
        Expr::Cmp { sreg, .. }
        | Expr::Range { sreg, .. }
        | Expr::Lookup { sreg, .. }
        | Expr::Bitwise { sreg, .. }
        | Expr::Byteorder { sreg, .. }
        | Expr::MetaSet { sreg, .. }
        | Expr::CtSet { sreg, .. } => *sreg == reg,
        Expr::Snat { range, .. } | Expr::Dnat { range, .. } => {
            [range.addr_min, range.addr_max, range.port_min, range.port_max].contains(&Some(reg))
        }
        Expr::Masq { port_min, port_max, .. } | Expr::Redir { port_min, port_max, .. } => {
            [*port_min, *port_max].contains(&Some(reg))
        }
        _ => false,
    }
}

//! Rules that a packet misses by one condition: translations, and (for [`marks`](super::marks)) what should have
//! marked it.

use std::net::IpAddr;

use plumb_model::Prefix;
use plumb_nft::{Expr, Hook};
use plumb_trace::event::{Event, NatKind};
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
        for (place, rule) in rules(case, ns) {
            if translates(&rule.exprs, NatKind::Source) && work_of(case, ns, &rule.exprs) == work {
                out.extend(nat_missed(case, place, rule));
            }
        }
    }
    out
}

/// Destination translations that miss the request by one condition, where it ends for want of them.
pub(super) fn led_elsewhere(case: &Case) -> Vec<Suspect> {
    let mut seen: Vec<NsIndex> = Vec::new();
    for e in &case.failure.request_events {
        if let Event::Start { ns, .. } | Event::Enters { ns, .. } = e
            && !seen.contains(ns)
        {
            seen.push(*ns);
        }
    }
    let all = seen.into_iter().flat_map(|ns| rules(case, ns));
    all.filter(|(_, rule)| translates(&rule.exprs, NatKind::Destination))
        .flat_map(|(place, rule)| nat_missed(case, place, rule))
        .collect()
}

fn rules<'a>(case: &'a Case, ns: NsIndex) -> impl Iterator<Item = (RuleRef, &'a plumb_nft::Rule)> {
    case.net.namespace(ns).rule_tables().enumerate().flat_map(move |(t, table)| {
        table.chains.iter().enumerate().flat_map(move |(c, chain)| {
            chain.rules.iter().enumerate().map(move |(r, rule)| {
                (RuleRef { ns, table: t as u32, chain: c as u32, rule: r as u32 }, rule)
            })
        })
    })
}

fn nat_missed(case: &Case, place: RuleRef, rule: &plumb_nft::Rule) -> Vec<Suspect> {
    relaxed(case, place, rule, Layer::ServiceNat, |at, condition| Finding::NatMissed {
        namespace: case.name(place.ns),
        rule: rule_text(at),
        condition,
    })
}

/// A rule that names a source has work where that network is behind another device than the one it names; one that
/// names only a device that packets leave by, where that is an uplink or what the flow came in by.
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
        // Where the flow came in by the device, the rule is for what goes the other way.
        (None, Some(Some(uplink))) if came_in_by(case, ns, uplink) => true,
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

fn came_in_by(case: &Case, ns: NsIndex, by: u32) -> bool {
    let enters = |e: &Event| matches!(e, Event::Enters { ns: n, device } if (*n, *device) == (ns, by));
    case.failure.request_events.iter().any(|e| enters(e))
}

fn translates(exprs: &[Expr], kind: NatKind) -> bool {
    exprs.iter().any(|e| match (e, kind) {
        (Expr::Masq { .. } | Expr::Snat { .. }, NatKind::Source) => true,
        (Expr::Dnat { .. } | Expr::Redir { .. }, NatKind::Destination) => true,
        (Expr::Target { name, .. }, NatKind::Source) => matches!(name.as_str(), "MASQUERADE" | "SNAT"),
        (Expr::Target { name, .. }, NatKind::Destination) => matches!(name.as_str(), "DNAT" | "REDIRECT"),
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
                Expr::Match { name, .. } => return matches!(name.as_str(), "addrtype" | "iprange"),
                Expr::Cmp { sreg, op: plumb_nft::CmpOp::Eq, .. }
                | Expr::Range { sreg, op: plumb_nft::CmpOp::Eq, .. } => *sreg,
                Expr::Lookup { sreg, dreg: None, inverted: false, .. } => *sreg,
                _ => return false,
            };
            // A source that is the flow's own destination: the rule is for what comes back to itself.
            let hairpin =
                matches!(e, Expr::Cmp { data, .. } if starts_with(case.failure.request.packet.dst, data));
            let before = &rule.exprs[..*i];
            !hairpin && (says_for_whom(before, reg) || names_nobody(case, before, reg, e))
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

/// Whether a condition is a destination that nobody has: whatever the rule is for, it is for nothing.
fn names_nobody(case: &Case, before: &[Expr], reg: plumb_nft::Register, condition: &Expr) -> bool {
    use plumb_nft::PayloadBase::Network;
    let (Expr::Cmp { data, .. }, Some(Expr::Payload { dreg, base: Network, offset, .. })) =
        (condition, before.last())
    else {
        return false;
    };
    let octets = data.as_ref();
    let address: Option<IpAddr> = match *offset {
        16 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        24 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    };
    *dreg == reg && address.is_some_and(|a| !case.is_owned(a))
}

/// Removes loads whose register nobody reads any more; false where an expression is left that cannot stand alone.
pub(super) fn without_dead_loads(exprs: &mut Vec<Expr>) -> bool {
    let mut i = exprs.len();
    while i > 0 {
        i -= 1;
        if loaded_by(&exprs[i]).is_some_and(|reg| is_dead(&exprs[i + 1..], reg)) {
            exprs.remove(i);
        }
    }
    true
}

/// The register that an expression loads, and does nothing else.
fn loaded_by(e: &Expr) -> Option<plumb_nft::Register> {
    match e {
        Expr::Payload { dreg, .. } | Expr::Meta { dreg, .. } | Expr::Ct { dreg, .. } => Some(*dreg),
        Expr::Bitwise { dreg, .. } => Some(*dreg),
        _ => None,
    }
}

/// Whether nothing that follows reads a register before it is loaded anew.
fn is_dead(after: &[Expr], reg: plumb_nft::Register) -> bool {
    let mut concatenates = true;
    for e in after {
        if reads_register(e, reg) {
            return false;
        }
        match loaded_by(e) {
            Some(other) if other == reg => return true,
            Some(_) => {}
            // What was loaded one after the other is looked up together.
            None if concatenates && matches!(e, Expr::Lookup { .. }) => return false,
            None => concatenates = false,
        }
    }
    true
}

/// Whether an expression reads a register; one that is not known to leave it alone does.
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
        Expr::Immediate { .. }
        | Expr::Payload { .. }
        | Expr::Meta { .. }
        | Expr::Ct { .. }
        | Expr::Counter { .. }
        | Expr::Limit(_)
        | Expr::Quota { .. }
        | Expr::Connlimit { .. }
        | Expr::Last { .. }
        | Expr::Reject { .. }
        | Expr::Log { .. }
        | Expr::Numgen { .. }
        | Expr::Fib { .. }
        | Expr::Notrack
        | Expr::Objref { .. }
        | Expr::Match { .. }
        | Expr::Target { .. } => false,
        _ => true,
    }
}

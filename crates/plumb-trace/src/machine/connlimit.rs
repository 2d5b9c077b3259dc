//! `ct count` and `connlimit`: how many connections a rule has counted (`nf_conncount.c`).
//!
//! With each rule the kernel keeps the connections that came to it, and does not show them. What it shows is its table,
//! and of the list only what is alive there counts (`find_or_evict`, `already_closed`). So there is an upper bound: the
//! live entries whose packets can have come so far in the rule. Where even that is within the limit, so is the count;
//! else nobody can tell.

use std::net::IpAddr;

use plumb_model::{CtEntry, IpFamily, Protocol, Read, Tuple};
use plumb_nft::{BitwiseOp, CmpOp, Expr, MetaKey, PayloadBase, Register};
use plumb_xtables::XtFamily;
use plumb_xtables::matches::Connlimit;
use smallvec::SmallVec;

use super::branch::Branch;
use super::counting::masked;
use super::ct::Seen;
use super::eval::{Step, when};
use super::ops::Verd;
use super::solve::Run;
use super::xt::Says;
use crate::meter::{Meter, Reading};

/// `TCP_CONNTRACK_TIME_WAIT`, `TCP_CONNTRACK_CLOSE`
const CLOSED: [Option<u8>; 2] = [Some(7), Some(8)];

impl Run<'_> {
    /// `nft_connlimit_do_eval`. In an object or an element of a set, which other rules may count with, it has no place in
    /// the rule.
    pub(super) fn connections(&self, b: &mut Branch, at: u32, limit: u32, flags: u32) -> Step {
        let in_rule = self.owner.is_none();
        let before =
            if in_rule { self.exprs_before(b, |e| matches!(e, Expr::Connlimit { .. })) } else { &[] };
        let meter = self.meter(b, at);
        let inverted = flags & 1 != 0;
        match self.over(b, meter, limit, |e| ways(e).iter().any(|t| may_pass(before, t))) {
            Ok(over) => when(over == inverted),
            Err(why) => Step::Maybe { unknown: self.unknown(b, why), matched: Verd::Continue },
        }
    }

    /// `connlimit_mt`
    pub(super) fn connlimit(&self, b: &mut Branch, at: u32, m: &Connlimit) -> Says {
        let p = &b.state.packet;
        let network = m.network(if m.by_dest { p.dst } else { p.src });
        let before = self.exprs_before(b, |e| matches!(e, Expr::Match { name, .. } if name == "connlimit"));
        let counted = |e: &CtEntry| {
            let here = |t: &Tuple| network.contains(if m.by_dest { t.dst } else { t.src });
            ways(e).iter().any(|t| here(t) && may_pass(before, t))
        };
        let meter = Meter::Rule {
            rule: self.rule_of(b),
            slot: self.slot(b, at),
            network: Some(masked(network.addr, Some(network.mask))),
        };
        match self.over(b, meter, m.limit.value, counted) {
            Ok(over) => (over != m.limit.invert).into(),
            Err(why) => Says::Unknown(why),
        }
    }

    /// Whether more than `limit` connections are counted, this one among them; or what is not known of it.
    fn over(
        &self,
        b: &mut Branch,
        meter: Meter,
        limit: u32,
        counted: impl Fn(&CtEntry) -> bool,
    ) -> Result<bool, String> {
        let (tuple, own) = match self.seen(b) {
            Seen::Entry(_, c, _) => (c.original, c.entry),
            _ => (b.state.packet.tuple(), None),
        };
        let mut known = match b.state.world.meters.get(&meter) {
            Some(Reading::Connections { earlier, own }) => (*earlier, own.clone()),
            _ => (0, SmallVec::new()),
        };
        // What was dropped on its way, or closed, is taken off the list (`find_or_evict`). A packet that is not tracked
        // counts by its own addresses; those of a reply find the connection, too.
        let made = &b.state.world.conntrack.0;
        let alive =
            |t: &Tuple| made.iter().any(|c| c.ns == self.env.ns && c.confirmed && !c.is_killed() && c.has(t));
        known.1.retain(|t| *t == tuple || alive(t));
        if !known.1.contains(&tuple) {
            known.1.push(tuple);
        }
        let counted_here = known.0 as usize + known.1.len();
        b.state.world.meters.set(meter, Reading::Connections { earlier: known.0, own: known.1 });
        if counted_here > limit as usize {
            return Ok(true);
        }
        let entries = match &self.env.namespace.conntrack {
            Read::Got(table) | Read::Torn { value: table, .. } => table.entries.as_slice(),
            Read::Absent { .. } => &[],
            Read::Denied { .. } => return Err(format!("whether more than {limit} connections are counted")),
        };
        let others = entries.iter().enumerate().filter(|(i, e)| {
            let closed = e.original.protocol == Protocol::TCP && CLOSED.contains(&e.tcp_state);
            own.is_none_or(|own| own as usize != *i) && !closed && counted(e)
        });
        let most = others.count() + counted_here;
        if most <= limit as usize {
            return Ok(false);
        }
        Err(format!("how many of {most} live connections the rule has counted, of which it allows {limit}"))
    }

    /// The expressions of the rule that a branch is at, up to the first that is asked for.
    fn exprs_before(&self, b: &Branch, is_it: impl Fn(&Expr) -> bool) -> &[Expr] {
        let at = self.rule_of(b);
        let exprs = self.env.namespace.rule_table(at.table).and_then(|table| {
            let rule = table.chains.get(at.chain as usize)?.rules.get(at.rule as usize)?;
            rule.exprs.get(..rule.exprs.iter().position(is_it)?)
        });
        exprs.unwrap_or_default()
    }
}

/// The addresses that packets of a connection can bear where a rule sees them: either side translated or not, and in
/// both directions.
fn ways(e: &CtEntry) -> [Tuple; 8] {
    let (from, to) = (&e.original, &e.reply);
    let way = |source: bool, destination: bool| {
        let (src, sport) = if source { (to.dst, to.dport) } else { (from.src, from.sport) };
        let (dst, dport) = if destination { (to.src, to.sport) } else { (from.dst, from.dport) };
        Tuple { src, dst, sport, dport, ..*from }
    };
    let there = [way(false, false), way(false, true), way(true, false), way(true, true)];
    let back = there.map(|t| Tuple { src: t.dst, dst: t.src, sport: t.dport, dport: t.sport, ..t });
    let ([a, b, c, d], [e, f, g, h]) = (there, back);
    [a, b, c, d, e, f, g, h]
}

/// Whether a packet with these addresses can pass the expressions: false only where a comparison with what is known of
/// it fails.
fn may_pass(exprs: &[Expr], t: &Tuple) -> bool {
    // What the last load left; rules compare at once what they load.
    let mut loaded: Option<(Register, Vec<u8>)> = None;
    for expr in exprs {
        match expr {
            Expr::Payload { dreg, base, offset, len } => {
                loaded = payload(t, *base, *offset as usize, *len as usize).map(|bytes| (*dreg, bytes));
            }
            Expr::Meta { key, dreg } => {
                let bytes = match key {
                    MetaKey::L4proto => Some(vec![t.protocol.0]),
                    // NFPROTO_IPV4, NFPROTO_IPV6
                    MetaKey::Nfproto => Some(vec![if t.src.is_ipv4() { 2 } else { 10 }]),
                    _ => None,
                };
                loaded = bytes.map(|bytes| (*dreg, bytes));
            }
            Expr::Bitwise { sreg, dreg, op: BitwiseOp::Bool { mask, xor }, .. } => {
                loaded = loaded.filter(|(reg, _)| reg == sreg).map(|(_, mut bytes)| {
                    let bits = mask.iter().zip(xor.iter());
                    bytes.iter_mut().zip(bits).for_each(|(byte, (mask, xor))| *byte = *byte & mask ^ xor);
                    (*dreg, bytes)
                });
            }
            Expr::Cmp { sreg, op: op @ (CmpOp::Eq | CmpOp::Neq), data } => {
                let known = loaded.as_ref().filter(|(reg, bytes)| reg == sreg && bytes.len() >= data.len());
                if known.is_some_and(|(_, bytes)| (bytes[..data.len()] == data[..]) != (*op == CmpOp::Eq)) {
                    return false;
                }
            }
            Expr::Match { name, revision, info } if matches!(name.as_str(), "tcp" | "udp") => {
                if !ports_pass(name, *revision, info, t) {
                    return false;
                }
            }
            Expr::Counter { .. }
            | Expr::Range { .. }
            | Expr::Lookup { dreg: None, .. }
            | Expr::Match { .. } => {}
            _ => loaded = None,
        }
    }
    true
}

/// The port matches of xtables.
fn ports_pass(name: &str, revision: u32, info: &[u8], t: &Tuple) -> bool {
    use plumb_xtables::Match;
    let family = if t.src.is_ipv4() { XtFamily::Ip } else { XtFamily::Ip6 };
    match Match::decode(name, revision, family, info) {
        Match::Tcp(m) if !m.as_pair => {
            m.sport.holds(|r| r.contains(t.sport)) && m.dport.holds(|r| r.contains(t.dport))
        }
        Match::Udp(m) => m.sport.holds(|r| r.contains(t.sport)) && m.dport.holds(|r| r.contains(t.dport)),
        _ => true,
    }
}

/// What a packet with these addresses has there, where the addresses say it.
fn payload(t: &Tuple, base: PayloadBase, offset: usize, len: usize) -> Option<Vec<u8>> {
    let octets = |addr: IpAddr| match addr {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    };
    let (start, bytes) = match (base, IpFamily::of(t.src)) {
        // Source and destination stand side by side, from 12 on in IPv4, from 8 in IPv6.
        (PayloadBase::Network, family) => {
            (if family == IpFamily::V4 { 12 } else { 8 }, [octets(t.src), octets(t.dst)].concat())
        }
        (PayloadBase::Transport, _) if matches!(t.protocol, Protocol::TCP | Protocol::UDP) => {
            (0, [t.sport.to_be_bytes(), t.dport.to_be_bytes()].concat())
        }
        _ => return None,
    };
    let from = offset.checked_sub(start)?;
    bytes.get(from..from.checked_add(len)?).map(<[u8]>::to_vec)
}

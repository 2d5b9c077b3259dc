//! What rules that translate destinations are aimed at: addresses, protocols and ports, as far as the rules on the way
//! to them say.
//!
//! It errs on the side of too much: what a rule asks beside these (devices, sources, marks, states, the order of rules)
//! is left out. Whether a packet is translated in the end is for the walk to say.

use plumb_model::IpFamily;
use plumb_nft::{
    ChainRef, ChainType, CmpOp, Data, Expr, Family, Hook, MetaKey, Register, Rule, Set, Table, Verdict,
};
use plumb_xtables::matches::PortSide;
use plumb_xtables::{Match, XtFamily};

use super::elements::elements;
use super::ranges::Ranges;
use super::registers::{FILE, Field, Loaded, Piece, bitwise, forget, load, pieces, store};

/// Packets by where they go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Aim {
    pub(super) address: Ranges,
    pub(super) protocol: Ranges,
    pub(super) port: Ranges,
    /// The rule that translates: index of its chain in the table, and its own in the chain.
    pub(super) rule: (u32, u32),
}

/// Chains that jump into each other deeper than the kernel lets them (`NFT_JUMP_STACK_SIZE`).
const DEPTH: usize = 16;

/// What `meta nfproto` is (include/uapi/linux/netfilter.h).
const NFPROTO_IPV4: u128 = 2;
const NFPROTO_IPV6: u128 = 10;

/// Collects the aims of a table's translations, for packets of one family.
pub(super) struct Collector<'t> {
    table: &'t Table,
    family: IpFamily,
    /// Steps that are left before it gives up.
    budget: &'t mut u32,
    aims: Vec<Aim>,
}

/// The aims of all translations that a packet of this family can meet before it is routed. `budget` counts down with what
/// is looked at; nothing more is found once it is used up.
pub(super) fn aims(table: &Table, family: IpFamily, budget: &mut u32) -> Vec<Aim> {
    let fits = match table.family {
        Family::Ip => family == IpFamily::V4,
        Family::Ip6 => family == IpFamily::V6,
        Family::Inet => true,
        _ => false,
    };
    if !fits || table.is_dormant() {
        return Vec::new();
    }
    let mut collector = Collector { table, family, budget, aims: Vec::new() };
    let all = Aim {
        address: Ranges::span(0, Field::Address.max(family)),
        protocol: Ranges::span(0, Field::Protocol.max(family)),
        port: Ranges::span(0, Field::Port.max(family)),
        rule: (0, 0),
    };
    for (i, chain) in table.chains.iter().enumerate() {
        let translates = chain
            .base
            .as_ref()
            .is_some_and(|b| b.kind == ChainType::Nat && matches!(b.hook, Hook::Prerouting | Hook::Output));
        if translates {
            collector.chain(i, &all, DEPTH);
        }
    }
    collector.aims.sort_unstable();
    collector.aims.dedup();
    collector.aims
}

impl Collector<'_> {
    fn chain(&mut self, chain: usize, aim: &Aim, depth: usize) {
        let table = self.table;
        for (at, rule) in (0..).zip(&table.chains[chain].rules) {
            let aim = Aim { rule: (u32::try_from(chain).unwrap_or(u32::MAX), at), ..aim.clone() };
            self.rule(rule, aim, depth);
        }
    }

    fn jump(&mut self, to: &ChainRef, aims: &[Aim], depth: usize) {
        let ChainRef::Name(name) = to else { return };
        let chain = self.table.chains.iter().position(|c| c.name == *name);
        let (Some(chain), Some(depth)) = (chain, depth.checked_sub(1)) else { return };
        for aim in aims {
            self.chain(chain, aim, depth);
        }
    }

    fn rule(&mut self, rule: &Rule, aim: Aim, depth: usize) {
        let mut aims = vec![aim];
        let mut file: [Loaded; FILE] = [None; FILE];
        for expr in &rule.exprs {
            let cost = u32::try_from(aims.len()).unwrap_or(u32::MAX);
            *self.budget = self.budget.saturating_sub(cost);
            if aims.is_empty() || *self.budget == 0 {
                return;
            }
            match expr {
                Expr::Payload { dreg, base, offset, len } => {
                    load(self.family, &mut file, (*dreg, *len), *base, *offset)
                }
                Expr::Meta { key, dreg } => {
                    let field = match key {
                        MetaKey::L4proto => Some(Field::Protocol),
                        MetaKey::Nfproto => Some(Field::Family),
                        _ => None,
                    };
                    forget(&mut file, *dreg, 4);
                    store(&mut file, *dreg, 0, field.map(|f| (f, 0, 0xff)));
                }
                Expr::Bitwise { sreg, dreg, len, op } => bitwise(&mut file, *sreg, *dreg, *len, op),
                Expr::Cmp { sreg, op, data } => {
                    aims = self.compared(&file, (*sreg, *op), data, aims);
                }
                Expr::Range { sreg, op, from, to } => {
                    aims = self.ranged(&file, (*sreg, *op), from, to, aims);
                }
                Expr::Lookup { set, sreg, dreg, inverted, .. } => {
                    let Some(set) = self.table.set(set) else { continue };
                    aims = self.looked_up(&file, set, (*sreg, *inverted), aims, depth);
                    if let Some(dreg) = dreg {
                        forget(&mut file, *dreg, set.data_len.unwrap_or(0) as usize);
                    }
                }
                Expr::Match { name, revision, info } => {
                    let family = if self.family == IpFamily::V4 { XtFamily::Ip } else { XtFamily::Ip6 };
                    let known = Match::decode(name, *revision, family, info);
                    aims.iter_mut().for_each(|aim| self.matched(&known, aim));
                    aims.retain(|aim| !aim.is_empty());
                }
                Expr::Immediate { data: Data::Verdict(Verdict::Jump(to) | Verdict::Goto(to)), .. } => {
                    self.jump(to, &aims, depth);
                }
                Expr::Immediate { data: Data::Verdict(_), .. } => return,
                Expr::Dnat { .. } | Expr::Redir { .. } => return self.aims.append(&mut aims),
                Expr::Target { name, .. } if matches!(name.as_str(), "DNAT" | "REDIRECT" | "NETMAP") => {
                    return self.aims.append(&mut aims);
                }
                Expr::Immediate { dreg, .. }
                | Expr::Ct { dreg, .. }
                | Expr::Byteorder { dreg, .. }
                | Expr::Fib { dreg, .. }
                | Expr::Rt { dreg, .. }
                | Expr::Socket { dreg, .. }
                | Expr::Exthdr { dreg, .. }
                | Expr::Numgen { dreg, .. }
                | Expr::Jhash { dreg, .. }
                | Expr::Symhash { dreg, .. }
                | Expr::Osf { dreg, .. }
                | Expr::Xfrm { dreg, .. } => forget(&mut file, *dreg, 16),
                _ => {}
            }
        }
    }

    /// Holds the fields that a register begins with against a value.
    fn compared(
        &self,
        file: &[Loaded; FILE],
        (sreg, op): (Register, CmpOp),
        data: &[u8],
        mut aims: Vec<Aim>,
    ) -> Vec<Aim> {
        let pieces = pieces(file, sreg, data.len());
        for piece in &pieces {
            // An inequality of several things at once says nothing of each.
            let alone = piece.len == data.len();
            let Some(value) = data.get(piece.at..piece.at + piece.len) else { continue };
            if let Some(ranges) = self.compare(piece, op, value).filter(|_| alone || op == CmpOp::Eq) {
                aims = self.limited(aims, piece.field, &ranges);
            }
        }
        aims
    }

    fn compare(&self, piece: &Piece, op: CmpOp, value: &[u8]) -> Option<Ranges> {
        let equal = self.prefix(piece, value)?;
        let max = piece.field.max(self.family);
        let (first, last) = equal.iter().next()?;
        Some(match op {
            CmpOp::Eq => equal,
            CmpOp::Neq => equal.but(max),
            CmpOp::Lt => Ranges::span(0, first.checked_sub(1)?),
            CmpOp::Lte => Ranges::span(0, last),
            CmpOp::Gt => Ranges::span(last.checked_add(1)?, max),
            CmpOp::Gte => Ranges::span(first, max),
            _ => return None,
        })
    }

    /// The numbers whose first bits are those of a value.
    fn prefix(&self, piece: &Piece, value: &[u8]) -> Option<Ranges> {
        let len = piece.field.len(self.family);
        let (mut number, mut free) = (0_u128, 0_u128);
        for i in 0..len {
            let (byte, kept) = match (value.get(i), piece.masks.get(i)) {
                (Some(v), Some(m)) => (*v, *m),
                _ => (0, 0),
            };
            number = number << 8 | u128::from(byte & kept);
            free = free << 8 | u128::from(!kept);
        }
        // A mask with holes leaves no range.
        (free & free.wrapping_add(1) == 0).then(|| Ranges::span(number, number | free))
    }

    fn ranged(
        &self,
        file: &[Loaded; FILE],
        (sreg, op): (Register, CmpOp),
        from: &[u8],
        to: &[u8],
        aims: Vec<Aim>,
    ) -> Vec<Aim> {
        let pieces = pieces(file, sreg, from.len());
        let [piece] = &pieces[..] else { return aims };
        if piece.len != from.len() || to.len() != from.len() {
            return aims;
        }
        let (Some(first), Some(last)) = (self.prefix(piece, from), self.prefix(piece, to)) else {
            return aims;
        };
        let (Some((first, _)), Some((_, last))) = (first.iter().next(), last.iter().next()) else {
            return aims;
        };
        let inside = Ranges::span(first, last);
        let ranges = if op == CmpOp::Neq { inside.but(piece.field.max(self.family)) } else { inside };
        self.limited(aims, piece.field, &ranges)
    }

    /// What a look-up in a set or map leaves; verdicts of a map are followed.
    fn looked_up(
        &mut self,
        file: &[Loaded; FILE],
        set: &Set,
        (sreg, inverted): (Register, bool),
        aims: Vec<Aim>,
        depth: usize,
    ) -> Vec<Aim> {
        let pieces = pieces(file, sreg, set.key_len as usize);
        let all = elements(set);
        if inverted {
            let [piece] = &pieces[..] else { return aims };
            let inside = all.iter().filter_map(|(from, to, _)| self.between(piece, from, to));
            let inside = Ranges::of(inside.flat_map(|r| r.iter().collect::<Vec<_>>()).collect());
            let whole = piece.len == set.key_len as usize && piece.len == piece.field.len(self.family);
            return if whole {
                self.limited(aims, piece.field, &inside.but(piece.field.max(self.family)))
            } else {
                aims
            };
        }
        let is_verdicts = set.elements.iter().any(|e| matches!(e.data, Some(Data::Verdict(_))));
        if pieces.is_empty() && !is_verdicts {
            return aims;
        }
        let mut out = Vec::new();
        for (from, to, data) in &all {
            let mut here = aims.clone();
            for piece in &pieces {
                if let Some(ranges) = self.between(piece, from, to) {
                    here = self.limited(here, piece.field, &ranges);
                }
            }
            *self.budget = self.budget.saturating_sub(u32::try_from(aims.len()).unwrap_or(u32::MAX));
            if *self.budget == 0 {
                return Vec::new();
            }
            if here.is_empty() {
                continue;
            }
            match data {
                Some(Data::Verdict(Verdict::Jump(to) | Verdict::Goto(to))) => self.jump(to, &here, depth),
                Some(Data::Verdict(_)) => {}
                _ => out.append(&mut here),
            }
        }
        out
    }

    /// What the key of an element (first and last) leaves of a field; `None`: any.
    fn between(&self, piece: &Piece, from: &[u8], to: &[u8]) -> Option<Ranges> {
        let part = |key: &[u8]| key.get(piece.at..piece.at + piece.len).map(<[u8]>::to_vec);
        let (first, last) = (self.prefix(piece, &part(from)?)?, self.prefix(piece, &part(to)?)?);
        Some(Ranges::span(first.iter().next()?.0, last.iter().next()?.1))
    }

    fn limited(&self, aims: Vec<Aim>, field: Field, to: &Ranges) -> Vec<Aim> {
        let own = match self.family {
            IpFamily::V4 => NFPROTO_IPV4,
            IpFamily::V6 => NFPROTO_IPV6,
        };
        let mut out = aims;
        for aim in &mut out {
            match field {
                Field::Address => aim.address = aim.address.and(to),
                Field::Protocol => aim.protocol = aim.protocol.and(to),
                Field::Port => aim.port = aim.port.and(to),
                Field::Family if to.contains(own) => {}
                Field::Family => aim.address = Ranges::of(Vec::new()),
            }
        }
        out.retain(|aim| !aim.is_empty());
        out
    }

    /// What a match of xtables leaves.
    fn matched(&self, known: &Match, aim: &mut Aim) {
        let ports = |invert: bool, ranges: Vec<(u16, u16)>| {
            let inside = Ranges::of(ranges.into_iter().map(|(a, b)| (a.into(), b.into())).collect());
            if invert { inside.but(Field::Port.max(self.family)) } else { inside }
        };
        match known {
            Match::Tcp(m) if !m.as_pair => {
                aim.port = aim.port.and(&ports(m.dport.invert, vec![(m.dport.value.min, m.dport.value.max)]));
            }
            Match::Udp(m) if !m.as_pair => {
                aim.port = aim.port.and(&ports(m.dport.invert, vec![(m.dport.value.min, m.dport.value.max)]));
            }
            Match::Multiport(m) if m.side == PortSide::Destination => {
                let all = m.ports.value.iter().map(|p| (p.min, p.max)).collect();
                aim.port = aim.port.and(&ports(m.ports.invert, all));
            }
            Match::Iprange(m) => {
                let Some(dest) = &m.dest else { return };
                let (first, last) = (super::number(dest.value.0), super::number(dest.value.1));
                let inside = Ranges::span(first, last);
                let left = if dest.invert { inside.but(Field::Address.max(self.family)) } else { inside };
                aim.address = aim.address.and(&left);
            }
            _ => {}
        }
    }
}

impl Aim {
    fn is_empty(&self) -> bool {
        self.address.is_empty() || self.protocol.is_empty() || self.port.is_empty()
    }
}

//! Matches that a later one implies, and which of them may go.

use super::Post;
use super::flags::is_protocol;
use crate::text::ast::{Kind, Node, Op, Stmt};
use crate::text::proto::{self, Desc, Field, INNER, LL, NETWORK, TRANSPORT};
use crate::text::types::Ty;
use crate::types::{CtKey, Family, MetaKey};

impl<'a> Post<'a> {
    pub(super) fn store(&mut self, left: &Node<'a>, right: &Node<'a>, base: usize, statement: usize) {
        if let Kind::Payload { known: Some((desc, _)), .. } = left.kind
            && let Some(n) = right.number().and_then(|n| u8::try_from(n).ok())
            && right.len == 8
        {
            match desc.name {
                "icmp" => {
                    let n = if n == 0 { 8 } else { n };
                    self.dep_icmp_type = Some(n);
                    if n == 8 {
                        return;
                    }
                }
                "icmpv6" => {
                    self.dep_icmp_type = Some(n);
                    if n == 128 || n == 129 {
                        return;
                    }
                }
                _ => {}
            }
        }
        if let Some(slot) = self.deps.get_mut(base + 1) {
            *slot = Some(statement);
        }
    }

    pub(super) fn dep_index(&self, base: usize) -> Option<usize> {
        let inner = if base == TRANSPORT { self.deps[INNER] } else { None };
        self.deps.get(base).copied().flatten().or(inner)
    }

    pub(super) fn dep(&self, base: usize) -> Option<(Op, &Node<'a>, &Node<'a>)> {
        match self.out.get(self.dep_index(base)?)? {
            Some(Stmt::Expr(Node { kind: Kind::Relation(op, left, right), .. })) => Some((*op, left, right)),
            _ => None,
        }
    }

    pub(super) fn release(&mut self, base: usize) {
        let base = if base == TRANSPORT && self.deps[TRANSPORT].is_none() { INNER } else { base };
        let Some(at) = self.deps.get_mut(base).and_then(Option::take) else { return };
        if let Some(slot) = self.out.get_mut(at) {
            *slot = None;
        }
        if self.previous == Some(at) {
            self.previous = None;
        }
    }

    /// Removes the match that this one implies.
    pub(super) fn kill(&mut self, node: &mut Node<'a>) {
        let Kind::Payload { base, known, .. } = node.kind else { return };
        if self.dep_index(base).is_some() && self.may_kill(node, base, known) {
            self.release(base);
        }
    }

    pub(super) fn may_kill(
        &self,
        node: &mut Node<'a>,
        base: usize,
        known: Option<(&'static Desc, &'static Field)>,
    ) -> bool {
        let Some((op, left, right)) = self.dep(base) else { return false };
        let of_dep = match left.kind {
            Kind::Payload { base, known, .. } => Some((base, known.map(|(d, _)| d))),
            _ => None,
        };
        if matches!(self.family, Family::Bridge | Family::Netdev | Family::Inet)
            && let Some((dep_base, desc)) = of_dep
        {
            // `ip protocol tcp` says IPv4 too.
            let network = matches!(desc, Some(d) if d.name == "ip" || d.name == "ip6");
            if dep_base == NETWORK && network && base == TRANSPORT {
                return false;
            }
            if op == Op::Eq && base == dep_base {
                if is_protocol(node) {
                    return false;
                }
                if base == LL {
                    return match desc.map(|d| d.name) {
                        Some("vlan") => false,
                        Some("ether") if right.len == 16 => right.number() == Some(0x8100),
                        _ => true,
                    };
                }
            }
        }
        if base != TRANSPORT {
            return true;
        }
        let Some((TRANSPORT, desc)) = of_dep else { return true };
        match desc.map(|d| d.name) {
            Some("icmp" | "icmpv6") => match known {
                Some((own, field)) => {
                    desc == Some(own)
                        && matches!(field.icmp, Some(icmp) if Some(icmp.icmp_type()) == self.dep_icmp_type)
                }
                None => false,
            },
            _ => true,
        }
    }

    pub(super) fn meta_match(&mut self, key: MetaKey, op: Op, right: &Node<'a>, statement: usize) {
        let base = match key {
            MetaKey::Iftype => 0,
            MetaKey::Nfproto | MetaKey::Protocol => LL,
            MetaKey::L4proto => NETWORK,
            _ => return,
        };
        if op != Op::Eq {
            return;
        }
        let Some(n) = right.number().and_then(|n| u64::try_from(n).ok()) else { return };
        match key {
            MetaKey::Nfproto => proto::family(n).into_iter().for_each(|d| self.learn(d)),
            MetaKey::Protocol if matches!(self.family, Family::Netdev | Family::Bridge) => {
                proto::network(n).into_iter().for_each(|d| self.learn(d));
            }
            MetaKey::Iftype if n == 1 => self.known[LL] = Some(&proto::ETHER),
            MetaKey::L4proto => self.known[TRANSPORT] = proto::transport(n),
            _ => {}
        }
        self.replace(base, Some(key), n, statement);
    }

    /// A match on the network protocol stays in the families that see several, unless ICMP makes it plain.
    pub(super) fn meta_may_kill(&self, key: Option<MetaKey>, value: u64) -> bool {
        let Some((_, left, right)) = self.dep(NETWORK) else { return true };
        let n = right.number().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let of_ether = |n| match n {
            0x0800 => Some(2),
            0x86dd => Some(10),
            _ => None,
        };
        let nfproto = match left.kind {
            Kind::Meta(MetaKey::Nfproto) => Some(n),
            Kind::Meta(MetaKey::Protocol) => of_ether(n),
            Kind::Payload { base: LL, .. } if left.ty == Ty::EtherType => of_ether(n),
            _ => return true,
        };
        match self.family {
            Family::Ip => return nfproto == Some(2),
            Family::Ip6 => return nfproto == Some(10),
            Family::Inet | Family::Netdev | Family::Bridge => {}
            _ => return true,
        }
        match (key, value, nfproto) {
            (Some(MetaKey::L4proto), 1, Some(10)) | (Some(MetaKey::L4proto), 58, Some(2)) => false,
            (Some(MetaKey::L4proto), 1 | 58, _) => true,
            (Some(MetaKey::L4proto), ..) => false,
            _ => true,
        }
    }

    pub(super) fn ct_match(&mut self, key: CtKey, op: Op, right: &Node<'a>, statement: usize) {
        let base = match key {
            CtKey::L3protocol => LL,
            CtKey::Protocol => NETWORK,
            _ => return,
        };
        let Some(n) = right.number().and_then(|n| u64::try_from(n).ok()) else { return };
        if op != Op::Eq {
            return;
        }
        if key == CtKey::L3protocol {
            if self.family == Family::Inet && self.known[LL].is_none() {
                proto::family(n).into_iter().for_each(|d| self.learn(d));
            }
        } else if self.known[NETWORK].is_some() {
            proto::transport(n).into_iter().for_each(|d| self.learn(d));
        }
        self.replace(base, None, n, statement);
    }

    /// A match on a protocol takes the place of one that it implies, and may be implied by what follows.
    fn replace(&mut self, base: usize, key: Option<MetaKey>, value: u64, statement: usize) {
        if self.dep_index(base).is_some() && self.meta_may_kill(key, value) {
            self.release(base);
        }
        if let Some(slot) = self.deps.get_mut(base + 1) {
            *slot = Some(statement);
        }
    }
}

//! Comparisons: of one field or several, masked, in a range.

use super::Post;
use super::flags::{flag_list, is_protocol, narrow, same_kind};
use crate::text::ast::{Kind, Node, Op, Stmt, ones, shl, shr};
use crate::text::parse::relation;
use crate::text::proto::{self, LL, TRANSPORT};
use crate::text::range;
use crate::text::types::Order;
use crate::text::types::Ty;

impl<'a> Post<'a> {
    /// A match: types it, then writes it down.
    pub(super) fn relation(&mut self, op: Op, mut left: Node<'a>, mut right: Node<'a>) {
        if matches!(left.kind, Kind::Payload { .. }) {
            self.payload_match(op, left, right);
            return;
        }
        self.node(&mut left);
        right.set_type(left.ty, left.order);
        if let (Kind::Concat(parts), Kind::Concat(values)) = (&left.kind, &mut right.kind) {
            parts.iter().zip(values).for_each(|(part, value)| value.set_type(part.ty, part.order));
        }
        self.node(&mut right);
        match left.kind {
            Kind::Ct(key, _) => {
                let index = self.out.len();
                self.ct_match(key, op, &right, index);
            }
            Kind::Meta(key) => {
                let index = self.out.len();
                self.meta_match(key, op, &right, index);
            }
            Kind::Binop(..) => {
                self.binop_match(op, left, right);
                return;
            }
            _ => {}
        }
        self.finish_match(op, left, right);
    }

    /// Writes a match; two that make a range become one.
    pub(super) fn finish_match(&mut self, op: Op, left: Node<'a>, right: Node<'a>) {
        if let Some(at) = self.previous
            && let Some(Some(Stmt::Expr(Node { kind: Kind::Relation(before, low_left, low), .. }))) =
                self.out.get(at)
        {
            let merged = match (*before, op) {
                (Op::Gte, Op::Lte) => Some(Op::Eq),
                (Op::Lt, Op::Gt) => Some(Op::Neq),
                _ => None,
            };
            if let Some(merged) = merged
                && same_kind(low_left, &left)
            {
                let (ty, order, len) = (right.ty, right.order, right.len);
                let both = Node::new(Kind::Range(low.clone(), right.into()), ty, order, len);
                if let Some(slot) = self.out.get_mut(at) {
                    *slot = None;
                }
                self.push(Stmt::Expr(relation(merged, left, both)));
                return;
            }
        }
        self.push(Stmt::Expr(relation(op, left, right)));
    }

    pub(super) fn payload_match(&mut self, op: Op, mut left: Node<'a>, mut right: Node<'a>) {
        if matches!(op, Op::Eq | Op::Neq) && matches!(right.kind, Kind::Value(_)) {
            self.expand(op, left, right);
            return;
        }
        if let Kind::SetRef { set, .. } = right.kind
            && matches!(op, Op::Eq | Op::Neq)
            && set.has(crate::types::Set::ANONYMOUS)
            && let [first] = set.elements.first().map(|e| &*e.key).unwrap_or_default()
        {
            self.icmp_check(&left, *first);
        }
        self.complete(&mut left);
        right.set_type(left.ty, left.order);
        self.kill(&mut left);
        if let Kind::Prefix(..) = right.kind {
            let both = Node { ..right };
            self.finish_match(op, left, both);
            return;
        }
        self.finish_match(op, left, right);
    }

    /// A set of ICMP types says as much about the header as one type does.
    pub(super) fn icmp_check(&mut self, left: &Node<'a>, first: u8) {
        let is_icmp = matches!(self.known[TRANSPORT], Some(d) if d.name == "icmp" || d.name == "icmpv6");
        if let Kind::Payload { base: TRANSPORT, offset: 0, .. } = left.kind
            && left.len == 8
            && is_icmp
            && self.icmp_type.is_none()
        {
            self.icmp_type = Some(first);
        }
    }

    /// One comparison of several fields becomes several.
    pub(super) fn expand(&mut self, op: Op, left: Node<'a>, right: Node<'a>) {
        let Kind::Payload { base, offset, known } = left.kind else { return };
        let Kind::Value(mut value) = right.kind else { return };
        let mut value_len = right.len;
        for mut piece in self.pieces(base, offset, left.len, known) {
            let width = piece.len.min(value_len);
            let mut constant =
                Node::new(Kind::Value(shr(value, value_len - width)), piece.ty, piece.order, width);
            value_len -= width;
            value &= ones(value_len);
            if let Kind::Payload { known: Some((_, field)), .. } = piece.kind
                && piece.len < field.len
            {
                if let Kind::Value(v) = constant.kind {
                    constant.kind = Kind::Value(shl(v, field.len - piece.len));
                }
                constant.len = field.len;
                constant =
                    Node::new(Kind::Prefix(constant.into(), piece.len), piece.ty, piece.order, field.len);
            }
            if op == Op::Eq {
                self.learn_payload(&piece, &constant);
            }
            self.kill(&mut piece);
            let at = self.out.len();
            let mut dep_base = base;
            let protocol = is_protocol(&piece);
            if op == Op::Eq
                && protocol
                && let Some(n) = constant.number()
                && base == LL
                && matches!(proto::network(n as u64), Some(d) if d.base == LL)
            {
                dep_base -= 1;
            }
            if op == Op::Eq && protocol {
                self.store(&piece, &constant, dep_base, at);
            }
            self.out.push(Some(Stmt::Expr(relation(op, piece, constant))));
        }
        self.previous = None;
    }

    /// A masked comparison: flags, a prefix, or a field that is no whole byte.
    pub(super) fn binop_match(&mut self, op: Op, left: Node<'a>, right: Node<'a>) {
        let Kind::Binop(bin, inner, mask) = &left.kind else { return };
        let compared = matches!(op, Op::Eq | Op::Neq);
        if *bin == Op::And && compared && right.ty.is_bitmask() {
            match (&right.kind, &mask.kind) {
                (Kind::Value(0), _) => {
                    let list = flag_list((**mask).clone());
                    let op = if op == Op::Neq { Op::Implicit } else { Op::Not };
                    let inner = (**inner).clone();
                    self.finish_match(op, inner, list);
                    return;
                }
                (Kind::Value(v), Kind::Value(m)) if v == m => {}
                (Kind::Value(_) | Kind::Binop(..), _) => {
                    let (of, mask) = (inner.clone(), flag_list((**mask).clone()).into());
                    let value = flag_list(right).into();
                    let kind = Kind::Flags { op, of, value, mask };
                    self.push(Stmt::Expr(Node::new(kind, Ty::Verdict, Order::Host, 0)));
                    return;
                }
                _ => {}
            }
            self.finish_match(op, left, right);
            return;
        }
        if *bin == Op::And
            && inner.ty.has_prefix()
            && matches!(right.kind, Kind::Value(_))
            && let Kind::Value(m) = mask.kind
            && let Some(length) = range::mask_to_prefix(m, mask.len)
        {
            let (ty, order, len) = (right.ty, right.order, right.len);
            let inner = (**inner).clone();
            let prefix = Node::new(Kind::Prefix(right.into(), length), ty, order, len);
            self.finish_match(op, inner, prefix);
            return;
        }
        if *bin == Op::And
            && let Some((trimmed, shift)) = self.trim(inner, mask)
        {
            let mut right = right;
            narrow(&mut right, shift, trimmed.len, trimmed.ty);
            if matches!(trimmed.kind, Kind::Payload { .. }) {
                self.payload_match(op, trimmed, right);
            } else {
                right.set_type(trimmed.ty, trimmed.order);
                self.finish_match(op, trimmed, right);
            }
            return;
        }
        if *bin == Op::Rshift
            && let Kind::Binop(Op::And, field, inner_mask) = &inner.kind
            && let Kind::Value(amount) = mask.kind
            && let Some((mut trimmed, shift)) = self.trim(field, inner_mask)
            && amount == u128::from(shift)
        {
            self.complete(&mut trimmed);
            self.kill(&mut trimmed);
            let mut right = right;
            right.set_type(trimmed.ty, trimmed.order);
            self.finish_match(op, trimmed, right);
            return;
        }
        self.finish_match(op, left, right);
    }
}

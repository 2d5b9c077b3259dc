//! Small transformations: flags to lists, values to fields of fewer bits.

use crate::text::ast::{Kind, Node, Op, shr};
use crate::text::types::Ty;

/// Whether the field names the protocol that follows.
pub(super) fn is_protocol(node: &Node<'_>) -> bool {
    matches!(node.kind, Kind::Payload { known: Some((desc, field)), .. } if desc.key == Some(field.name))
}

/// Whether both sides of a range compare the same kind of thing.
pub(super) fn same_kind(a: &Node<'_>, b: &Node<'_>) -> bool {
    fn inner<'n, 'a>(node: &'n Node<'a>) -> &'n Kind<'a> {
        match &node.kind {
            Kind::Swap(inner) => &inner.kind,
            kind => kind,
        }
    }
    std::mem::discriminant(inner(a)) == std::mem::discriminant(inner(b))
}

/// Shifts a constant, or the keys of an anonymous set, down to a field of `len` bits.
pub(super) fn narrow(right: &mut Node<'_>, shift: u32, len: u32, ty: Ty) {
    match &mut right.kind {
        Kind::Value(v) => {
            *v = shr(*v, shift);
            right.len = len;
        }
        Kind::Range(low, high) => {
            narrow(low, shift, len, ty);
            narrow(high, shift, len, ty);
        }
        Kind::SetRef { shift: of_set, narrowed, .. } => {
            *of_set = shift;
            *narrowed = Some((len, ty));
        }
        _ => {}
    }
}

/// A value of several flags to `a | b`.
pub(super) fn split_flags(node: &mut Node<'_>) {
    let Kind::Value(value) = node.kind else { return };
    if value.count_ones() < 2 {
        return;
    }
    let one = |bit: u32| Node::new(Kind::Value(1 << bit), node.ty, node.order, node.len);
    let mut bits = (0..128).filter(|bit| value >> bit & 1 == 1);
    let Some(first) = bits.next() else { return };
    let mut all = one(first);
    for bit in bits {
        let kind = Kind::Binop(Op::Or, all.into(), one(bit).into());
        all = Node::new(kind, node.ty, node.order, node.len);
    }
    *node = all;
}

/// `a | b | c` to `a,b,c`.
pub(super) fn flag_list(node: Node<'_>) -> Node<'_> {
    fn flatten<'a>(node: Node<'a>, into: &mut Vec<Node<'a>>) {
        match node.kind {
            Kind::Binop(Op::Or, left, right) => {
                flatten(*left, into);
                flatten(*right, into);
            }
            _ => into.push(node),
        }
    }
    if !matches!(node.kind, Kind::Binop(Op::Or, ..)) {
        return node;
    }
    let (ty, order, len) = (node.ty, node.order, node.len);
    let mut all = Vec::new();
    flatten(node, &mut all);
    Node::new(Kind::List(all), ty, order, len)
}

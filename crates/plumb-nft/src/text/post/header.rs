//! Which headers a rule has established, and which of their fields a load of bytes is.

use super::Post;
use crate::text::ast::{Kind, Node, lowest_one, lowest_zero};
use crate::text::keys::option_field;
use crate::text::proto::{self, Desc, Field, LL};
use crate::text::types::{Order, Ty};

impl<'a> Post<'a> {
    /// Fields that `len` bits from `offset` on cover.
    pub(super) fn pieces(
        &self,
        base: usize,
        offset: u32,
        len: u32,
        raw: Option<(&'static Desc, &'static Field)>,
    ) -> Vec<Node<'a>> {
        let (mut out, mut at, mut left) = (Vec::new(), offset, len);
        if let Some((desc, skip)) = self.desc_at(base, offset) {
            for field in desc.fields {
                if field.offset + skip != at || self.other_icmp(field) {
                    continue;
                }
                let width = field.len.min(left);
                let kind = Kind::Payload { base, offset: at, known: Some((desc, field)) };
                out.push(Node::new(kind, field.ty, field.order, width));
                left -= width;
                at += width;
                if left == 0 {
                    return out;
                }
            }
        }
        let known = if out.is_empty() { raw } else { None };
        let (ty, order) = known.map_or((Ty::Hex, Order::Big), |(_, f)| (f.ty, f.order));
        out.push(Node::new(Kind::Payload { base, offset: at, known }, ty, order, left));
        out
    }

    pub(super) fn other_icmp(&self, field: &Field) -> bool {
        matches!((field.icmp, self.icmp_type), (Some(icmp), Some(seen)) if icmp.icmp_type() != seen)
    }

    /// The header that lies `offset` bits from a base, and the bits before it.
    pub(super) fn desc_at(&self, base: usize, offset: u32) -> Option<(&'static Desc, u32)> {
        let top = self.known.get(base).copied().flatten()?;
        if base != LL || offset < top.length {
            return Some((top, 0));
        }
        let (mut skip, mut rest) = (0, offset);
        for desc in &self.stacked {
            if rest < desc.length {
                return Some((desc, skip));
            }
            rest -= desc.length;
            skip += desc.length;
        }
        Some((top, skip))
    }

    /// Names a header field by what is known of the headers.
    pub(super) fn complete(&self, node: &mut Node<'a>) {
        let Kind::Payload { base, offset, known } = &mut node.kind else { return };
        let Some((desc, skip)) = self.desc_at(*base, *offset) else { return };
        let found = desc
            .fields
            .iter()
            .find(|f| f.offset + skip == *offset && f.len == node.len && !self.other_icmp(f));
        if let Some(field) = found {
            *known = Some((desc, field));
            node.ty = field.ty;
            node.order = field.order;
        }
    }

    /// What a match on a protocol field tells of the header that follows.
    pub(super) fn learn_payload(&mut self, left: &Node<'a>, right: &Node<'a>) {
        let Kind::Payload { known: Some((desc, field)), .. } = left.kind else { return };
        if desc.key != Some(field.name) {
            return;
        }
        let Some(n) = right.number().and_then(|n| u64::try_from(n).ok()) else { return };
        match desc.name {
            "icmp" | "icmpv6" => self.icmp_type = u8::try_from(n).ok(),
            "ether" | "vlan" => {
                if let Some(next) = proto::network(n) {
                    self.learn(next);
                }
            }
            _ => {
                if let Some(next) = proto::transport(n) {
                    self.learn(next);
                }
            }
        }
    }

    pub(super) fn learn(&mut self, desc: &'static Desc) {
        if desc.base == LL {
            // A tag: its header follows the one that names it.
            self.stacked.extend(self.known[LL]);
        }
        if let Some(slot) = self.known.get_mut(desc.base) {
            *slot = Some(desc);
        }
    }

    /// A masked field of whole bytes to the field of fewer bits that the mask cuts out, and its place.
    pub(super) fn trim(&self, node: &Node<'a>, mask: &Node<'a>) -> Option<(Node<'a>, u32)> {
        let Kind::Value(m) = mask.kind else { return None };
        let low = lowest_one(m)?;
        let high = lowest_zero(m, low + 1);
        let off = mask.len.div_ceil(8).saturating_mul(8).checked_sub(high)?;
        match node.kind {
            Kind::Payload { base, offset, .. } => {
                let (desc, skip) = self.desc_at(base, offset)?;
                let (mut at, mut left, mut len) = (offset.checked_add(off)?.checked_sub(skip)?, node.len, 0);
                for field in desc.fields {
                    if field.offset != at {
                        continue;
                    }
                    left = left.checked_sub(field.len).filter(|left| *left > 0)?;
                    at += field.len;
                    len += field.len;
                    if low + len == high {
                        let kind = Kind::Payload { base, offset: offset + off, known: None };
                        let mut node = Node::new(kind, Ty::Integer, Order::Big, len);
                        self.complete(&mut node);
                        return Some((node, low));
                    }
                }
                None
            }
            Kind::Exthdr { op, kind, offset, present: false } => {
                let len = high - low;
                let (_, field) = option_field(op, kind, offset.checked_add(off)?, len)?;
                let field = field?;
                let kind = Kind::Exthdr { op, kind, offset: offset + off, present: false };
                Some((Node::new(kind, field.2, Order::Big, len), low))
            }
            _ => None,
        }
    }
}

//! Types what the parser found, by the headers that a rule has established so far, and takes out the matches that
//! `nft` adds by itself (`meta l4proto tcp` before `tcp dport`). The order of these steps decides what is printed,
//! so they follow those of nft 1.0.6.

use super::ast::{Kind, Node, Op, Stmt, lowest_one, lowest_zero, ones, swap};
use super::proto::{self, Desc, Field, INNER, LL, NETWORK, TRANSPORT};
use super::range;
use super::types::{Order, Ty};
use crate::types::{CtKey, Family, MetaKey, RejectType};

/// Headers that are known to be there, and the matches that say so.
pub(super) struct Post<'a> {
    family: Family,
    /// Header at each base.
    known: [Option<&'static Desc>; 5],
    /// Link headers before the innermost one (before a VLAN tag).
    stacked: Vec<&'static Desc>,
    icmp_type: Option<u8>,
    /// Statement that establishes the header at each base: it goes when a later match implies it.
    deps: [Option<usize>; 5],
    dep_icmp_type: Option<u8>,
    /// The statement before, unless it was rewritten.
    previous: Option<usize>,
    out: Vec<Option<Stmt<'a>>>,
    in_concat: bool,
}

/// Types and thins out the statements of a rule.
pub(super) fn process<'a>(family: Family, statements: Vec<Stmt<'a>>) -> Vec<Stmt<'a>> {
    let mut known = [None; 5];
    match family {
        Family::Ip => known[NETWORK] = Some(&proto::IP),
        Family::Ip6 => known[NETWORK] = Some(&proto::IP6),
        Family::Arp => known[NETWORK] = Some(&proto::ARP),
        Family::Bridge => known[LL] = Some(&proto::ETHER),
        _ => {}
    }
    let mut post = Post {
        family,
        known,
        stacked: Vec::new(),
        icmp_type: None,
        deps: [None; 5],
        dep_icmp_type: None,
        previous: None,
        out: Vec::new(),
        in_concat: false,
    };
    for statement in statements {
        post.statement(statement);
    }
    post.out.into_iter().flatten().collect()
}

impl<'a> Post<'a> {
    fn statement(&mut self, mut statement: Stmt<'a>) {
        match statement {
            Stmt::Expr(Node { kind: Kind::Relation(op, left, right), .. }) => {
                self.relation(op, *left, *right);
                return;
            }
            Stmt::Expr(mut node) => {
                self.node(&mut node);
                self.push(Stmt::Expr(node));
                return;
            }
            Stmt::Payload(ref mut to, ref mut value) => {
                self.node(to);
                value.set_type(to.ty, to.order);
                if !matches!(to.kind, Kind::Payload { known: Some(_), .. }) {
                    self.payload_write(to, value);
                }
                self.node(value);
            }
            Stmt::MetaSet(_, ref mut value) => self.node(value),
            Stmt::CtSet(key, _, ref mut value) => {
                self.node(value);
                if key == CtKey::Eventmask && matches!(value.kind, Kind::Binop(..)) {
                    *value = flag_list(value.clone());
                }
            }
            Stmt::ExthdrSet(ref mut to, ref mut value) => {
                self.node(to);
                self.node(value);
            }
            Stmt::Nat(ref mut nat) => {
                if let Some(addr) = &mut nat.addr {
                    self.node(addr);
                }
                if let Some(port) = &mut nat.port {
                    self.reset();
                    self.node(port);
                }
            }
            Stmt::Tproxy { ref mut addr, ref mut port, .. } => {
                if let Some(addr) = addr {
                    self.node(addr);
                }
                if let Some(port) = port {
                    self.reset();
                    self.node(port);
                }
            }
            Stmt::Reject(ref mut reject) => self.reject(reject),
            Stmt::Set { ref mut key, ref mut data, .. } => {
                self.node(key);
                if let Some(data) = data {
                    self.node(data);
                }
            }
            Stmt::Meter { ref mut key, .. } => self.node(key),
            Stmt::Dup(ref mut to, ref mut dev) => {
                for node in [to, dev].into_iter().flatten() {
                    self.node(node);
                }
            }
            Stmt::Fwd { ref mut dev, ref mut addr, .. } => {
                for node in [dev, addr].into_iter().flatten() {
                    self.node(node);
                }
            }
            Stmt::Object(_, ref mut node) => self.node(node),
            Stmt::Queue { to: Some(ref mut node), .. } => self.node(node),
            _ => {}
        }
        self.push(statement);
        // What counts, logs or changes something sees only the packets that came so far: what stands before it
        // stays.
        self.reset();
    }

    fn push(&mut self, statement: Stmt<'a>) {
        self.previous = Some(self.out.len());
        self.out.push(Some(statement));
    }

    fn reset(&mut self) {
        self.deps = [None; 5];
        self.dep_icmp_type = None;
        self.previous = None;
    }

    /// A match: types it, then writes it down.
    fn relation(&mut self, op: Op, mut left: Node<'a>, mut right: Node<'a>) {
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
            Kind::Ct(key, _) => self.ct_match(key, op, &right),
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
    fn finish_match(&mut self, op: Op, left: Node<'a>, right: Node<'a>) {
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
                self.push(Stmt::Expr(super::parse::relation(merged, left, both)));
                return;
            }
        }
        self.push(Stmt::Expr(super::parse::relation(op, left, right)));
    }

    fn payload_match(&mut self, op: Op, mut left: Node<'a>, mut right: Node<'a>) {
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
    fn icmp_check(&mut self, left: &Node<'a>, first: u8) {
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
    fn expand(&mut self, op: Op, left: Node<'a>, right: Node<'a>) {
        let Kind::Payload { base, offset, known } = left.kind else { return };
        let Kind::Value(mut value) = right.kind else { return };
        let mut value_len = right.len;
        for mut piece in self.pieces(base, offset, left.len, known) {
            let width = piece.len.min(value_len);
            let mut constant =
                Node::new(Kind::Value(value >> (value_len - width)), piece.ty, piece.order, width);
            value_len -= width;
            value &= ones(value_len);
            if let Kind::Payload { known: Some((_, field)), .. } = piece.kind
                && piece.len < field.len
            {
                if let Kind::Value(v) = constant.kind {
                    constant.kind = Kind::Value(v << (field.len - piece.len));
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
            self.out.push(Some(Stmt::Expr(super::parse::relation(op, piece, constant))));
        }
        self.previous = None;
    }

    /// Fields that `len` bits from `offset` on cover.
    fn pieces(
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

    fn other_icmp(&self, field: &Field) -> bool {
        matches!((field.icmp, self.icmp_type), (Some(icmp), Some(seen)) if icmp.icmp_type() != seen)
    }

    /// The header that lies `offset` bits from a base, and the bits before it.
    fn desc_at(&self, base: usize, offset: u32) -> Option<(&'static Desc, u32)> {
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
    fn complete(&self, node: &mut Node<'a>) {
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
    fn learn_payload(&mut self, left: &Node<'a>, right: &Node<'a>) {
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

    fn learn(&mut self, desc: &'static Desc) {
        if desc.base == LL {
            // A tag: its header follows the one that names it.
            self.stacked.extend(self.known[LL]);
        }
        if let Some(slot) = self.known.get_mut(desc.base) {
            *slot = Some(desc);
        }
    }

    fn store(&mut self, left: &Node<'a>, right: &Node<'a>, base: usize, statement: usize) {
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

    fn dep_index(&self, base: usize) -> Option<usize> {
        let inner = if base == TRANSPORT { self.deps[INNER] } else { None };
        self.deps.get(base).copied().flatten().or(inner)
    }

    fn dep(&self, base: usize) -> Option<(Op, &Node<'a>, &Node<'a>)> {
        match self.out.get(self.dep_index(base)?)? {
            Some(Stmt::Expr(Node { kind: Kind::Relation(op, left, right), .. })) => Some((*op, left, right)),
            _ => None,
        }
    }

    fn release(&mut self, base: usize) {
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
    fn kill(&mut self, node: &mut Node<'a>) {
        let Kind::Payload { base, known, .. } = node.kind else { return };
        if self.dep_index(base).is_some() && self.may_kill(node, base, known) {
            self.release(base);
        }
    }

    fn may_kill(
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
        if matches!(known, Some((desc, _)) if desc.name == "th") {
            if let Kind::Payload { known, .. } = &mut node.kind {
                *known = None;
            }
            node.ty = Ty::Hex;
            return false;
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

    fn meta_match(&mut self, key: MetaKey, op: Op, right: &Node<'a>, statement: usize) {
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
            MetaKey::Protocol => proto::network(n).into_iter().for_each(|d| self.learn(d)),
            MetaKey::Iftype if n == 1 => self.known[LL] = Some(&proto::ETHER),
            MetaKey::L4proto => self.known[TRANSPORT] = proto::transport(n),
            _ => {}
        }
        if self.dep_index(base).is_some() && self.meta_may_kill(key, n) {
            self.release(base);
        }
        if let Some(slot) = self.deps.get_mut(base + 1) {
            *slot = Some(statement);
        }
    }

    /// A match on the network protocol stays in the families that see several, unless ICMP makes it plain.
    fn meta_may_kill(&self, key: MetaKey, value: u64) -> bool {
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
            (MetaKey::L4proto, 1, Some(10)) | (MetaKey::L4proto, 58, Some(2)) => false,
            (MetaKey::L4proto, 1 | 58, _) => true,
            (MetaKey::L4proto, ..) => false,
            _ => true,
        }
    }

    fn ct_match(&mut self, key: CtKey, op: Op, right: &Node<'a>) {
        let Some(n) = right.number().and_then(|n| u64::try_from(n).ok()) else { return };
        if op != Op::Eq {
            return;
        }
        match key {
            CtKey::L3protocol => proto::family(n).into_iter().for_each(|d| self.learn(d)),
            CtKey::Protocol => self.known[TRANSPORT] = proto::transport(n),
            _ => {}
        }
    }

    /// A masked comparison: flags, a prefix, or a field that is no whole byte.
    fn binop_match(&mut self, op: Op, left: Node<'a>, right: Node<'a>) {
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

    /// A masked field of whole bytes to the field of fewer bits that the mask cuts out, and its place.
    fn trim(&self, node: &Node<'a>, mask: &Node<'a>) -> Option<(Node<'a>, u32)> {
        let Kind::Value(m) = mask.kind else { return None };
        let low = lowest_one(m)?;
        let high = lowest_zero(m, low + 1);
        let off = mask.len.next_multiple_of(8).checked_sub(high)?;
        match node.kind {
            Kind::Payload { base, offset, .. } => {
                let (desc, skip) = self.desc_at(base, offset)?;
                let (mut at, mut left, mut len) = ((offset + off).checked_sub(skip)?, node.len, 0);
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
                let (_, field) = super::keys::option_field(op, kind, offset + off, len)?;
                let field = field?;
                let kind = Kind::Exthdr { op, kind, offset: offset + off, present: false };
                Some((Node::new(kind, field.2, Order::Big, len), low))
            }
            _ => None,
        }
    }

    /// Types an expression and all in it.
    fn node(&mut self, node: &mut Node<'a>) {
        match &mut node.kind {
            Kind::Payload { .. } => {
                self.complete(node);
                self.kill(node);
            }
            Kind::Exthdr { op, .. } => match op {
                1 if self.dep_index(TRANSPORT).is_some() => self.release(TRANSPORT),
                0 | 2 if self.dep_index(NETWORK).is_some() => self.release(NETWORK),
                _ => {}
            },
            Kind::Value(v) => {
                if node.order == Order::Host && !node.ty.is_string() {
                    *v = swap(*v, node.len);
                }
                if node.ty.is_bitmask() {
                    split_flags(node);
                }
            }
            Kind::Map(left, to) => {
                if let Kind::Binop(Op::And, inner, mask) = &left.kind
                    && let Some((mut trimmed, shift)) = self.trim(inner, mask)
                {
                    narrow(to, shift, trimmed.len, trimmed.ty);
                    self.kill(&mut trimmed);
                    **left = trimmed;
                    return;
                }
                self.node(left);
            }
            Kind::Concat(parts) => {
                self.in_concat = true;
                for part in parts.iter_mut() {
                    self.node(part);
                }
                self.in_concat = false;
            }
            Kind::Swap(inner) => {
                self.node(inner);
                node.ty = inner.ty;
                node.order = if inner.order == Order::Host { Order::Big } else { Order::Host };
            }
            Kind::Binop(op, left, right) => {
                self.node(left);
                match op {
                    Op::Lshift | Op::Rshift => right.set_type(Ty::Integer, Order::Big),
                    _ => right.set_type(left.ty, left.order),
                }
                if self.in_concat
                    && *op == Op::And
                    && matches!(left.kind, Kind::Payload { .. })
                    && let Some((mut trimmed, _)) = self.trim(left, right)
                {
                    self.kill(&mut trimmed);
                    *node = trimmed;
                    return;
                }
                self.node(right);
                (node.ty, node.order) = (left.ty, left.order);
            }
            Kind::Range(low, high) => {
                self.node(low);
                self.node(high);
            }
            Kind::Prefix(inner, _) => self.node(inner),
            Kind::Timed(inner, _) => self.node(inner),
            Kind::Jhash { of, .. } => self.node(of),
            Kind::Relation(..) | Kind::List(_) => {}
            _ => {}
        }
    }

    /// Writing a field of fewer bits than a byte reads the byte first; what is written is the field.
    fn payload_write(&mut self, to: &mut Node<'a>, value: &mut Node<'a>) {
        let Kind::Binop(op, left, right) = &value.kind else { return };
        let Kind::Value(outer) = right.kind else { return };
        let (field, mask, set) = match (&left.kind, op) {
            (Kind::Binop(Op::And, field, keep), Op::Or) => match keep.kind {
                Kind::Value(keep) => (field, ones(to.len) ^ keep ^ outer, outer),
                _ => return,
            },
            (Kind::Payload { .. }, Op::And) => (left, ones(to.len) ^ outer, 0),
            (Kind::Payload { .. }, Op::Or) => (left, outer, outer),
            _ => return,
        };
        let mask = Node::new(Kind::Value(mask), Ty::Integer, Order::Big, to.len);
        let Some((trimmed, shift)) = self.trim(field, &mask) else { return };
        if !matches!(trimmed.kind, Kind::Payload { known: Some(_), .. }) {
            return;
        }
        *value = Node::new(Kind::Value(set >> shift), trimmed.ty, trimmed.order, trimmed.len);
        *to = trimmed;
    }

    fn reject(&mut self, reject: &mut super::ast::Reject) {
        let only_reset = reject.kind == RejectType::TcpRst;
        match self.family {
            Family::Ip | Family::Ip6 => {
                let ipv4 = self.family == Family::Ip;
                reject.ipv4 = Some(ipv4);
                reject.ty = if ipv4 { Ty::IcmpCode } else { Ty::Icmp6Code };
                if only_reset && self.dep_index(TRANSPORT).is_some() {
                    self.release(TRANSPORT);
                }
            }
            Family::Inet | Family::Bridge | Family::Netdev => {
                if reject.kind == RejectType::IcmpxUnreach {
                    reject.ty = Ty::IcmpxCode;
                    return;
                }
                reject.verbose = true;
                match self.known[NETWORK].map(|d| d.name) {
                    Some("ip") => (reject.ipv4, reject.ty) = (Some(true), Ty::IcmpCode),
                    Some("ip6") => (reject.ipv4, reject.ty) = (Some(false), Ty::Icmp6Code),
                    _ => {}
                }
                if self.dep_index(NETWORK).is_some() {
                    self.release(NETWORK);
                }
            }
            _ => {}
        }
    }
}

fn is_protocol(node: &Node<'_>) -> bool {
    matches!(node.kind, Kind::Payload { known: Some((desc, field)), .. } if desc.key == Some(field.name))
}

fn same_kind(a: &Node<'_>, b: &Node<'_>) -> bool {
    fn inner<'n, 'a>(node: &'n Node<'a>) -> &'n Kind<'a> {
        match &node.kind {
            Kind::Swap(inner) => &inner.kind,
            kind => kind,
        }
    }
    std::mem::discriminant(inner(a)) == std::mem::discriminant(inner(b))
}

/// Shifts a constant, or the keys of an anonymous set, down to a field of `len` bits.
fn narrow(right: &mut Node<'_>, shift: u32, len: u32, ty: Ty) {
    match &mut right.kind {
        Kind::Value(v) => {
            *v >>= shift;
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
fn split_flags(node: &mut Node<'_>) {
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
fn flag_list(node: Node<'_>) -> Node<'_> {
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

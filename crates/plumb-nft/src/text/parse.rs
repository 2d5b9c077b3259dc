//! The kernel's expressions to statements: what each register holds, and who reads it.

use super::ast::{Kind, Node, Op, Reject, Stmt, lowest_zero, ones, shl};
use super::keys;
use super::proto::{self, TRANSPORT};
use super::registers::Registers;
use super::sets;
use super::types::{Order, Ty};
use crate::types::*;

fn op_of(op: CmpOp) -> Op {
    match op {
        CmpOp::Eq => Op::Eq,
        CmpOp::Neq => Op::Neq,
        CmpOp::Lt => Op::Lt,
        CmpOp::Lte => Op::Lte,
        CmpOp::Gt => Op::Gt,
        CmpOp::Gte => Op::Gte,
        CmpOp::Unknown(_) => Op::Unknown,
    }
}

/// Statements of a rule, not yet typed.
pub(super) fn statements<'a>(table: &'a Table, exprs: &'a [Expr]) -> Vec<Stmt<'a>> {
    let mut parser = Parser { table, registers: Registers { words: Default::default() } };
    exprs.iter().filter_map(|e| parser.expr(e)).collect()
}

/// Reads the expressions of one rule.
pub(super) struct Parser<'a> {
    pub(super) table: &'a Table,
    registers: Registers<'a>,
}

impl<'a> Parser<'a> {
    fn expr(&mut self, expr: &'a Expr) -> Option<Stmt<'a>> {
        match expr {
            Expr::Immediate { data: Data::Verdict(verdict), .. } => return Some(self.verdict(verdict)),
            Expr::Immediate { dreg, data: Data::Value(bytes) } => {
                self.registers.put(*dreg, Node::value(bytes))
            }
            Expr::Cmp { sreg, op, data } => return Some(Stmt::Expr(self.cmp(*sreg, op_of(*op), data))),
            Expr::Range { sreg, op, from, to } => {
                let left = self.registers.get(*sreg);
                let (from, to) = (Node::value(from), Node::value(to));
                let (order, len) = (from.order, from.len);
                let right = Node::new(Kind::Range(from.into(), to.into()), Ty::Integer, order, len);
                return Some(Stmt::Expr(relation(op_of(*op), left, right)));
            }
            Expr::Lookup { set, sreg, dreg, inverted, .. } => {
                return self.lookup(set, *sreg, *dreg, *inverted);
            }
            Expr::Payload { dreg, base, offset, len } => {
                self.registers.put(*dreg, payload(*base, *offset, *len));
            }
            Expr::PayloadWrite { sreg, base, offset, len, .. } => {
                return Some(Stmt::Payload(payload(*base, *offset, *len), self.registers.get(*sreg)));
            }
            Expr::Meta { key, dreg } => self.registers.put(*dreg, keys::meta(*key)),
            Expr::MetaSet { key, sreg } => {
                let like = keys::meta(*key);
                return Some(Stmt::MetaSet(*key, self.typed(*sreg, like.ty, like.order)));
            }
            Expr::Ct { key, dreg, direction } => self.registers.put(*dreg, keys::ct(*key, *direction)),
            Expr::CtSet { key, sreg, direction } => {
                let like = keys::ct(*key, *direction);
                return Some(Stmt::CtSet(*key, *direction, self.typed(*sreg, like.ty, like.order)));
            }
            Expr::Bitwise { sreg, dreg, len, op } => {
                let node = self.bitwise(*sreg, len.saturating_mul(8), op);
                self.registers.put(*dreg, node);
            }
            Expr::Byteorder { sreg, dreg, .. } => {
                let inner = self.registers.get(*sreg);
                let (ty, order, len) = (inner.ty, inner.order, inner.len);
                self.registers.put(*dreg, Node::new(Kind::Swap(inner.into()), ty, order, len));
            }
            Expr::Numgen { dreg, modulus, random, offset } => {
                let kind = Kind::Numgen { random: *random, modulus: *modulus, offset: *offset };
                self.registers.put(*dreg, Node::new(kind, Ty::Integer, Order::Host, 32));
            }
            Expr::Symhash { dreg, modulus, offset } => {
                let kind = Kind::Symhash { modulus: *modulus, offset: *offset };
                self.registers.put(*dreg, Node::new(kind, Ty::Integer, Order::Host, 32));
            }
            Expr::Jhash { sreg, dreg, len, modulus, seed, offset } => {
                let of = self.registers.span(*sreg, len.saturating_mul(8)).into();
                let kind = Kind::Jhash { of, modulus: *modulus, seed: *seed, offset: *offset };
                self.registers.put(*dreg, Node::new(kind, Ty::Integer, Order::Host, 32));
            }
            Expr::Fib { dreg, result, flags } => self.registers.put(*dreg, keys::fib(*result, *flags)),
            Expr::Rt { key, dreg } => self.registers.put(*dreg, keys::rt(*key)),
            Expr::Socket { key, dreg, level } => self.registers.put(*dreg, keys::socket(*key, *level)),
            Expr::Osf { dreg, ttl, flags } => {
                let kind = Kind::Osf { ttl: *ttl, flags: *flags };
                self.registers.put(*dreg, Node::new(kind, Ty::IfName, Order::Host, 128));
            }
            Expr::Xfrm { key, dreg, direction, spnum } => {
                self.registers.put(*dreg, keys::xfrm(*key, *direction, *spnum));
            }
            Expr::Exthdr { dreg, kind, offset, len, flags, op } => {
                self.registers.put(*dreg, keys::exthdr(*op, *kind, *offset, *len, *flags));
            }
            Expr::ExthdrWrite { sreg, kind, offset, len, flags, op } => {
                let left = keys::exthdr(*op, *kind, *offset, *len, *flags);
                let right = self.typed(*sreg, left.ty, left.order);
                return Some(Stmt::ExthdrSet(left, right));
            }
            Expr::ExthdrReset { kind, op } => {
                return Some(Stmt::Reset(keys::exthdr(*op, *kind, 0, 0, keys::EXTHDR_PRESENT)));
            }
            Expr::Reject { kind, code } => {
                let ty = Ty::IcmpCode;
                let reject = Reject { kind: *kind, code: *code, ipv4: None, verbose: false, ty };
                return Some(Stmt::Reject(reject));
            }
            Expr::Snat { family, range } => return Some(self.nat("snat", *family, range)),
            Expr::Dnat { family, range } => return Some(self.nat("dnat", *family, range)),
            Expr::Masq { flags, port_min, port_max } => {
                return Some(self.ports("masquerade", *flags, *port_min, *port_max));
            }
            Expr::Redir { flags, port_min, port_max } => {
                return Some(self.ports("redirect", *flags, *port_min, *port_max));
            }
            Expr::Tproxy { family, addr, port } => {
                let shown = if self.table.family == Family::Inet { family_word(*family) } else { None };
                let ty = if *family == Family::Ip6 { Ty::Ip6 } else { Ty::Ip };
                return Some(Stmt::Tproxy {
                    family: shown,
                    addr: addr.map(|r| self.typed(r, ty, Order::Big)),
                    port: port.map(|r| self.typed(r, Ty::Service, Order::Big)),
                });
            }
            Expr::Dynset { set, op, sreg_key, sreg_data, timeout, exprs, .. } => {
                let Some(known) = self.table.set(set) else {
                    return Some(Stmt::Text(format!("# dynset of unknown set {set}")));
                };
                let key = self.set_key(known, *sreg_key);
                let key = match timeout {
                    Some(ms) if *ms != 0 => {
                        let (ty, order, len) = (key.ty, key.order, key.len);
                        Node::new(Kind::Timed(key.into(), *ms), ty, order, len)
                    }
                    _ => key,
                };
                let data = sreg_data.map(|r| {
                    let like = sets::data_type(known);
                    self.typed_span(r, known.data_len.unwrap_or(0).saturating_mul(8), like)
                });
                if data.is_none() && sets::is_meter(known) && !exprs.is_empty() {
                    return Some(Stmt::Meter { set: known, key, exprs });
                }
                // Expressions that every element of the set has anyway are not said again.
                let exprs = if known.exprs.is_empty() { exprs.as_slice() } else { &[] };
                return Some(Stmt::Set { op: *op, set: known, key, data, exprs });
            }
            Expr::Objref { kind, name } => {
                return Some(Stmt::Object(*kind, Node::text(format!("\"{name}\""))));
            }
            Expr::ObjrefMap { set, sreg, .. } => {
                let Some(known) = self.table.set(set) else {
                    return Some(Stmt::Text(format!("# object map of unknown set {set}")));
                };
                let left = self.registers.span(*sreg, known.key_len.saturating_mul(8));
                let kind = known.object_type.unwrap_or(ObjectType::Unknown(0));
                return Some(Stmt::Object(kind, map(left, known)));
            }
            Expr::Queue { num, total, flags, sreg } => {
                let to = match (sreg, num) {
                    (Some(register), _) => Some(self.registers.get(*register)),
                    (None, Some(num)) => {
                        let last = num.saturating_add(total.unwrap_or(1).saturating_sub(1));
                        Some(Node::text(if last > *num { format!("{num}-{last}") } else { num.to_string() }))
                    }
                    (None, None) => None,
                };
                return Some(Stmt::Queue { flags: *flags, to });
            }
            Expr::Dup { addr, dev } => {
                let ty = if self.table.family == Family::Ip6 { Ty::Ip6 } else { Ty::Ip };
                let addr = addr.map(|r| self.typed(r, ty, Order::Big));
                let dev = dev.map(|r| self.typed(r, Ty::IfIndex, Order::Host));
                return Some(Stmt::Dup(addr, dev));
            }
            Expr::Fwd { dev, addr, family } => {
                let ty = if *family == Some(Family::Ip6) { Ty::Ip6 } else { Ty::Ip };
                return Some(Stmt::Fwd {
                    family: family.and_then(family_word),
                    dev: dev.map(|r| self.typed(r, Ty::IfIndex, Order::Host)),
                    addr: addr.map(|r| self.typed(r, ty, Order::Big)),
                });
            }
            plain => return Some(Stmt::Plain(plain)),
        }
        None
    }

    pub(super) fn typed(&self, register: Register, ty: Ty, order: Order) -> Node<'a> {
        let mut node = self.registers.get(register);
        node.set_type(ty, order);
        node
    }

    fn typed_span(&self, register: Register, len: u32, like: Option<(Ty, Order)>) -> Node<'a> {
        let mut node = self.registers.span(register, len);
        if let Some((ty, order)) = like {
            node.set_type(ty, order);
        }
        node
    }

    fn set_key(&self, set: &'a Set, register: Register) -> Node<'a> {
        let mut node = self.registers.span(register, set.key_len.saturating_mul(8));
        if let Kind::Concat(parts) = &mut node.kind {
            for (part, (ty, order, _)) in parts.iter_mut().zip(sets::key_fields(set)) {
                part.set_type(ty, order);
            }
        }
        node
    }

    fn verdict(&self, verdict: &'a Verdict) -> Stmt<'a> {
        match verdict {
            Verdict::Jump(ChainRef::Name(name)) | Verdict::Goto(ChainRef::Name(name)) => {
                // NFT_CHAIN_BINDING: a chain that was written where it is jumped to.
                match self.table.chain(name).filter(|c| c.flags & 4 != 0) {
                    Some(chain) => Stmt::Inline(matches!(verdict, Verdict::Goto(_)), chain),
                    None => Stmt::Verdict(verdict),
                }
            }
            _ => Stmt::Verdict(verdict),
        }
    }

    fn cmp(&self, sreg: Register, op: Op, data: &'a Bytes) -> Node<'a> {
        let left = self.registers.get(sreg);
        let mut right = Node::value(data);
        if left.len > right.len && !left.ty.is_string() && left.len <= 128 {
            let len = right.len;
            if let Kind::Value(v) = right.kind {
                right.kind = Kind::Value(shl(v, left.len - len));
            }
            right.len = left.len;
            let (ty, order) = (right.ty, right.order);
            right = Node::new(Kind::Prefix(right.into(), len), ty, order, left.len);
            return relation(op, left, right);
        }
        if left.len > 0 && left.len < right.len {
            let left = self.registers.span(sreg, right.len);
            if let Kind::Concat(parts) = &left.kind {
                let (mut values, mut at) = (Vec::new(), 0usize);
                for part in parts {
                    let bytes = (part.len as usize).div_ceil(8);
                    let slice = data.get(at..at + bytes).unwrap_or_default();
                    let mut value = Node::value(slice);
                    value.set_type(part.ty, part.order);
                    values.push(value);
                    at += bytes.next_multiple_of(4);
                }
                right.kind = Kind::Concat(values);
            }
            return relation(op, left, right);
        }
        relation(op, left, right)
    }

    fn lookup(
        &mut self,
        name: &'a str,
        sreg: Register,
        dreg: Option<Register>,
        inverted: bool,
    ) -> Option<Stmt<'a>> {
        let Some(set) = self.table.set(name) else {
            let (left, op) = (self.registers.get(sreg), if inverted { Op::Neq } else { Op::Eq });
            return Some(Stmt::Expr(relation(op, left, Node::text(format!("@{name}")))));
        };
        let left = self.registers.span(sreg, set.key_len.saturating_mul(8));
        match dreg {
            Some(Register::VERDICT) => Some(Stmt::Expr(map(left, set))),
            Some(dreg) => {
                let mut node = map(left, set);
                node.len = set.data_len.unwrap_or(0).saturating_mul(8);
                self.registers.put(dreg, node);
                None
            }
            None => {
                let op = if inverted { Op::Neq } else { Op::Eq };
                Some(Stmt::Expr(relation(op, left, set_ref(set))))
            }
        }
    }

    fn bitwise(&self, sreg: Register, len: u32, op: &BitwiseOp) -> Node<'a> {
        let left = self.registers.get(sreg);
        let bits = left.len;
        let binary = |op: Op, left: Node<'a>, right: Node<'a>| {
            let (ty, order) = (left.ty, left.order);
            Node::new(Kind::Binop(op, left.into(), right.into()), ty, order, bits)
        };
        let operand = |operand: &Operand| match operand {
            Operand::Register(r) => self.registers.get(*r),
            Operand::Value(bytes) => Node::value(bytes),
        };
        match op {
            BitwiseOp::Bool { mask, xor } => {
                let (mask_node, xor_node) = (Node::value(mask), Node::value(xor));
                let (Some(mut m), Some(mut x)) = (mask_node.number(), xor_node.number()) else {
                    return Node::new(
                        Kind::Text(format!("(concatenation & 0x{mask} ^ 0x{xor})")),
                        Ty::Hex,
                        Order::Big,
                        len,
                    );
                };
                let mut o = 0;
                if lowest_zero(m, 0) != mask_node.len || x != 0 {
                    o = (m & x) ^ x;
                    x &= m;
                    m |= o;
                }
                let width = mask_node.len;
                let constant = |v: u128| Node::new(Kind::Value(v), Ty::Integer, Order::Big, width);
                let mut node = left;
                if !(bits > 0 && m == ones(bits)) {
                    node = binary(Op::And, node, constant(m));
                }
                if x != 0 {
                    node = binary(Op::Xor, node, constant(x));
                }
                if o != 0 {
                    node = binary(Op::Or, node, constant(o));
                }
                node
            }
            BitwiseOp::Lshift(n) => binary(Op::Lshift, left, shift(*n)),
            BitwiseOp::Rshift(n) => binary(Op::Rshift, left, shift(*n)),
            BitwiseOp::And(o) => binary(Op::And, left, operand(o)),
            BitwiseOp::Or(o) => binary(Op::Or, left, operand(o)),
            BitwiseOp::Xor(o) => binary(Op::Xor, left, operand(o)),
        }
    }
}

pub(super) fn family_word(family: Family) -> Option<&'static str> {
    matches!(family, Family::Ip | Family::Ip6).then(|| family.word()).flatten()
}

fn shift<'a>(bits: u32) -> Node<'a> {
    Node::new(Kind::Value(bits.into()), Ty::Integer, Order::Big, 32)
}

pub(super) fn relation<'a>(op: Op, left: Node<'a>, right: Node<'a>) -> Node<'a> {
    Node::new(Kind::Relation(op, left.into(), right.into()), Ty::Verdict, Order::Host, 0)
}

fn set_ref(set: &Set) -> Node<'_> {
    Node::new(
        Kind::SetRef { set, shift: 0, narrowed: None },
        Ty::Integer,
        Order::Big,
        set.key_len.saturating_mul(8),
    )
}

fn map<'a>(left: Node<'a>, set: &'a Set) -> Node<'a> {
    let (ty, order) = sets::data_type(set).unwrap_or((Ty::Integer, Order::Big));
    Node::new(Kind::Map(left.into(), set_ref(set).into()), ty, order, 0)
}

fn payload<'a>(base: PayloadBase, offset: u32, len: u32) -> Node<'a> {
    let base = (base.number() as usize).saturating_add(1);
    let (offset, len) = (offset.saturating_mul(8), len.saturating_mul(8));
    let mut node = Node::new(Kind::Payload { base, offset, known: None }, Ty::Hex, Order::Big, len);
    if base == TRANSPORT
        && let Some(field) = proto::TH.fields.iter().find(|f| f.offset == offset && f.len == len)
    {
        node.kind = Kind::Payload { base, offset, known: Some((&proto::TH, field)) };
        node.ty = field.ty;
    }
    node
}

//! Types what the parser found, by the headers that a rule has established so far, and takes out the matches that
//! `nft` adds by itself (`meta l4proto tcp` before `tcp dport`). The order of these steps decides what is printed,
//! so they follow those of nft 1.0.6.

mod depend;
mod flags;
mod header;
mod matching;

use super::ast::{Kind, Node, Op, Stmt, ones, shr, swap};
use super::proto::{self, Desc, LL, NETWORK, TRANSPORT};
use super::types::{Order, Ty};
use crate::types::{CtKey, Family, RejectType};
use flags::{flag_list, narrow, split_flags};

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
            Kind::Ct(key @ (CtKey::Src | CtKey::Dst), _) => {
                let src = *key == CtKey::Src;
                match self.known[NETWORK].map(|d| d.name) {
                    Some("ip") => {
                        *key = if src { CtKey::SrcIp } else { CtKey::DstIp };
                        (node.ty, node.order, node.len) = (Ty::Ip, Order::Big, 32);
                    }
                    Some("ip6") => {
                        *key = if src { CtKey::SrcIp6 } else { CtKey::DstIp6 };
                        (node.ty, node.order, node.len) = (Ty::Ip6, Order::Big, 128);
                    }
                    _ => {}
                }
            }
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
        *value = Node::new(Kind::Value(shr(set, shift)), trimmed.ty, trimmed.order, trimmed.len);
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

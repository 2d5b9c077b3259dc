//! Expressions to attributes.

use super::data::{data, value};
use super::nat;
use crate::nlattr::Writer;
use crate::types::*;
use crate::uapi as u;

/// A list of expressions as attribute `number`.
pub(super) fn list(w: &mut Writer, number: u16, exprs: &[Expr]) {
    w.nest(number, |w| exprs.iter().for_each(|e| expr(w, u::list::ELEM, e)));
}

/// One expression as attribute `one`, several as a list `many`, none as nothing.
pub(super) fn one_or_list(w: &mut Writer, one: u16, many: u16, exprs: &[Expr]) {
    match exprs {
        [] => {}
        [only] => expr(w, one, only),
        all => list(w, many, all),
    }
}

/// One expression as attribute `number`.
pub(super) fn expr(w: &mut Writer, number: u16, expr: &Expr) {
    w.nest(number, |w| {
        w.text(u::expr::NAME, name(expr));
        match expr {
            Expr::Unknown { data, .. } => w.put(u::expr::DATA | crate::nlattr::NESTED, data),
            Expr::Notrack => {}
            known => w.nest(u::expr::DATA, |w| body(w, known)),
        }
    });
}

/// Declares the names: every variant has one, so that the list of them is whole.
macro_rules! names {
    ($($pattern:pat => $name:literal,)*) => {
        /// The kernel's names of the expressions that this version decodes; some have two variants.
        pub const NAMES: &[&str] = &[$($name),*];

        /// The kernel's name of the expression.
        #[must_use]
        pub fn name(expr: &Expr) -> &str {
            match expr {
                $($pattern => $name,)*
                Expr::Unknown { name, .. } => name,
            }
        }
    };
}

names! {
    Expr::Immediate { .. } => "immediate",
    Expr::Cmp { .. } => "cmp",
    Expr::Range { .. } => "range",
    Expr::Lookup { .. } => "lookup",
    Expr::Payload { .. } | Expr::PayloadWrite { .. } => "payload",
    Expr::Meta { .. } | Expr::MetaSet { .. } => "meta",
    Expr::Ct { .. } | Expr::CtSet { .. } => "ct",
    Expr::Bitwise { .. } => "bitwise",
    Expr::Byteorder { .. } => "byteorder",
    Expr::Counter { .. } => "counter",
    Expr::Limit(_) => "limit",
    Expr::Quota { .. } => "quota",
    Expr::Connlimit { .. } => "connlimit",
    Expr::Last { .. } => "last",
    Expr::Snat { .. } | Expr::Dnat { .. } => "nat",
    Expr::Masq { .. } => "masq",
    Expr::Redir { .. } => "redir",
    Expr::Reject { .. } => "reject",
    Expr::Log { .. } => "log",
    Expr::Numgen { .. } => "numgen",
    Expr::Jhash { .. } | Expr::Symhash { .. } => "hash",
    Expr::Fib { .. } => "fib",
    Expr::Dynset { .. } => "dynset",
    Expr::Notrack => "notrack",
    Expr::Objref { .. } | Expr::ObjrefMap { .. } => "objref",
    Expr::Queue { .. } => "queue",
    Expr::Tproxy { .. } => "tproxy",
    Expr::Socket { .. } => "socket",
    Expr::Exthdr { .. } | Expr::ExthdrWrite { .. } | Expr::ExthdrReset { .. } => "exthdr",
    Expr::Rt { .. } => "rt",
    Expr::Osf { .. } => "osf",
    Expr::Xfrm { .. } => "xfrm",
    Expr::Dup { .. } => "dup",
    Expr::Fwd { .. } => "fwd",
    Expr::FlowOffload { .. } => "flow_offload",
    Expr::Synproxy { .. } => "synproxy",
    Expr::Match { .. } => "match",
    Expr::Target { .. } => "target",
}

/// A register, where there is one.
pub(super) fn register(w: &mut Writer, number: u16, register: Option<Register>) {
    if let Some(register) = register {
        w.be32(number, register.0);
    }
}

fn optional(w: &mut Writer, number: u16, n: Option<u32>) {
    if let Some(n) = n {
        w.be32(number, n);
    }
}

fn body(w: &mut Writer, expr: &Expr) {
    match expr {
        Expr::Immediate { dreg, data: d } => {
            w.be32(u::immediate::DREG, dreg.0);
            data(w, u::immediate::DATA, d);
        }
        Expr::Cmp { sreg, op, data } => {
            w.be32(u::cmp::SREG, sreg.0);
            w.be32(u::cmp::OP, op.number());
            value(w, u::cmp::DATA, data);
        }
        Expr::Range { sreg, op, from, to } => {
            w.be32(u::range::SREG, sreg.0);
            w.be32(u::range::OP, op.number());
            value(w, u::range::FROM_DATA, from);
            value(w, u::range::TO_DATA, to);
        }
        Expr::Lookup { set, set_id, sreg, dreg, inverted } => {
            w.text(u::lookup::SET, set);
            optional(w, u::lookup::SET_ID, *set_id);
            w.be32(u::lookup::SREG, sreg.0);
            register(w, u::lookup::DREG, *dreg);
            if *inverted {
                w.be32(u::lookup::FLAGS, 1);
            }
        }
        Expr::Payload { dreg, base, offset, len } => {
            w.be32(u::payload::DREG, dreg.0);
            place(w, *base, *offset, *len);
        }
        Expr::PayloadWrite { sreg, base, offset, len, csum_type, csum_offset, csum_flags } => {
            w.be32(u::payload::SREG, sreg.0);
            place(w, *base, *offset, *len);
            w.be32(u::payload::CSUM_TYPE, *csum_type);
            w.be32(u::payload::CSUM_OFFSET, *csum_offset);
            if *csum_flags != 0 {
                w.be32(u::payload::CSUM_FLAGS, *csum_flags);
            }
        }
        Expr::Meta { key, dreg } => {
            w.be32(u::meta::KEY, key.number());
            w.be32(u::meta::DREG, dreg.0);
        }
        Expr::MetaSet { key, sreg } => {
            w.be32(u::meta::KEY, key.number());
            w.be32(u::meta::SREG, sreg.0);
        }
        Expr::Ct { key, dreg, direction } => {
            w.be32(u::ct::KEY, key.number());
            w.be32(u::ct::DREG, dreg.0);
            ct_direction(w, *direction);
        }
        Expr::CtSet { key, sreg, direction } => {
            w.be32(u::ct::KEY, key.number());
            w.be32(u::ct::SREG, sreg.0);
            ct_direction(w, *direction);
        }
        Expr::Bitwise { sreg, dreg, len, op } => {
            w.be32(u::bitwise::SREG, sreg.0);
            w.be32(u::bitwise::DREG, dreg.0);
            w.be32(u::bitwise::LEN, *len);
            bitwise(w, op);
        }
        Expr::Byteorder { sreg, dreg, hton, len, size } => {
            w.be32(u::byteorder::SREG, sreg.0);
            w.be32(u::byteorder::DREG, dreg.0);
            w.be32(u::byteorder::OP, u32::from(*hton));
            w.be32(u::byteorder::LEN, *len);
            w.be32(u::byteorder::SIZE, *size);
        }
        Expr::Counter { packets, bytes } => counter(w, *packets, *bytes),
        Expr::Limit(l) => limit(w, l),
        Expr::Quota { bytes, consumed, flags } => quota(w, *bytes, *consumed, *flags),
        Expr::Connlimit { count, flags } => connlimit(w, *count, *flags),
        Expr::Last { set, msecs } => {
            w.be32(u::last::SET, u32::from(*set));
            w.be64(u::last::MSECS, *msecs);
        }
        Expr::Numgen { dreg, modulus, random, offset } => {
            w.be32(u::numgen::DREG, dreg.0);
            w.be32(u::numgen::MODULUS, *modulus);
            w.be32(u::numgen::TYPE, u32::from(*random));
            w.be32(u::numgen::OFFSET, *offset);
        }
        Expr::Jhash { sreg, dreg, len, modulus, seed, offset } => {
            w.be32(u::hash::SREG, sreg.0);
            w.be32(u::hash::DREG, dreg.0);
            w.be32(u::hash::LEN, *len);
            w.be32(u::hash::MODULUS, *modulus);
            optional(w, u::hash::SEED, *seed);
            w.be32(u::hash::OFFSET, *offset);
            w.be32(u::hash::TYPE, 0);
        }
        Expr::Symhash { dreg, modulus, offset } => {
            w.be32(u::hash::DREG, dreg.0);
            w.be32(u::hash::MODULUS, *modulus);
            w.be32(u::hash::OFFSET, *offset);
            w.be32(u::hash::TYPE, 1);
        }
        Expr::Fib { dreg, result, flags } => {
            w.be32(u::fib::DREG, dreg.0);
            w.be32(u::fib::RESULT, result.number());
            w.be32(u::fib::FLAGS, *flags);
        }
        Expr::Dynset { set, set_id, op, sreg_key, sreg_data, timeout, exprs, flags } => {
            w.text(u::dynset::SET_NAME, set);
            optional(w, u::dynset::SET_ID, *set_id);
            w.be32(u::dynset::OP, *op);
            w.be32(u::dynset::SREG_KEY, sreg_key.0);
            register(w, u::dynset::SREG_DATA, *sreg_data);
            if let Some(timeout) = timeout {
                w.be64(u::dynset::TIMEOUT, *timeout);
            }
            one_or_list(w, u::dynset::EXPR, u::dynset::EXPRESSIONS, exprs);
            if *flags != 0 {
                w.be32(u::dynset::FLAGS, *flags);
            }
        }
        Expr::Objref { kind, name } => {
            w.be32(u::objref::IMM_TYPE, kind.number());
            w.text(u::objref::IMM_NAME, name);
        }
        Expr::ObjrefMap { set, set_id, sreg } => {
            w.be32(u::objref::SET_SREG, sreg.0);
            w.text(u::objref::SET_NAME, set);
            optional(w, u::objref::SET_ID, *set_id);
        }
        Expr::Socket { key, dreg, level } => {
            w.be32(u::socket::KEY, key.number());
            w.be32(u::socket::DREG, dreg.0);
            optional(w, u::socket::LEVEL, *level);
        }
        Expr::Exthdr { dreg, kind, offset, len, flags, op } => {
            w.be32(u::exthdr::DREG, dreg.0);
            exthdr(w, *kind, Some((*offset, *len, *flags)), *op);
        }
        Expr::ExthdrWrite { sreg, kind, offset, len, flags, op } => {
            w.be32(u::exthdr::SREG, sreg.0);
            exthdr(w, *kind, Some((*offset, *len, *flags)), *op);
        }
        Expr::ExthdrReset { kind, op } => exthdr(w, *kind, None, *op),
        Expr::Rt { key, dreg } => {
            w.be32(u::rt::KEY, key.number());
            w.be32(u::rt::DREG, dreg.0);
        }
        Expr::Osf { dreg, ttl, flags } => {
            w.be32(u::osf::DREG, dreg.0);
            w.u8(u::osf::TTL, *ttl);
            // The kernel takes no flags only when they are left out.
            if *flags != 0 {
                w.be32(u::osf::FLAGS, *flags);
            }
        }
        Expr::Xfrm { key, dreg, direction, spnum } => {
            w.be32(u::xfrm::KEY, *key);
            w.be32(u::xfrm::DREG, dreg.0);
            w.u8(u::xfrm::DIR, *direction);
            w.be32(u::xfrm::SPNUM, *spnum);
        }
        Expr::FlowOffload { flowtable } => w.text(u::flow::TABLE_NAME, flowtable),
        Expr::Match { name, revision, info } | Expr::Target { name, revision, info } => {
            w.text(u::compat::NAME, name);
            w.be32(u::compat::REV, *revision);
            w.put(u::compat::INFO, info);
        }
        Expr::Notrack | Expr::Unknown { .. } => {}
        other => nat::statement(w, other),
    }
}

fn place(w: &mut Writer, base: PayloadBase, offset: u32, len: u32) {
    w.be32(u::payload::BASE, base.number());
    w.be32(u::payload::OFFSET, offset);
    w.be32(u::payload::LEN, len);
}

fn ct_direction(w: &mut Writer, direction: Option<CtDirection>) {
    match direction {
        None => {}
        Some(CtDirection::Original) => w.u8(u::ct::DIRECTION, 0),
        Some(CtDirection::Reply) => w.u8(u::ct::DIRECTION, 1),
    }
}

fn bitwise(w: &mut Writer, op: &BitwiseOp) {
    let operand = |w: &mut Writer, number: u32, operand: &Operand| {
        w.be32(u::bitwise::OP, number);
        match operand {
            Operand::Register(r) => w.be32(u::bitwise::SREG2, r.0),
            Operand::Value(bytes) => value(w, u::bitwise::DATA, bytes),
        }
    };
    match op {
        BitwiseOp::Bool { mask, xor } => {
            w.be32(u::bitwise::OP, 0);
            value(w, u::bitwise::MASK, mask);
            value(w, u::bitwise::XOR, xor);
        }
        BitwiseOp::Lshift(bits) => {
            w.be32(u::bitwise::OP, 1);
            value(w, u::bitwise::DATA, &bits.to_ne_bytes());
        }
        BitwiseOp::Rshift(bits) => {
            w.be32(u::bitwise::OP, 2);
            value(w, u::bitwise::DATA, &bits.to_ne_bytes());
        }
        BitwiseOp::And(o) => operand(w, 3, o),
        BitwiseOp::Or(o) => operand(w, 4, o),
        BitwiseOp::Xor(o) => operand(w, 5, o),
    }
}

fn exthdr(w: &mut Writer, kind: u8, place: Option<(u32, u32, u32)>, op: u32) {
    w.u8(u::exthdr::TYPE, kind);
    w.be32(u::exthdr::OP, op);
    let Some((offset, len, flags)) = place else { return };
    w.be32(u::exthdr::OFFSET, offset);
    w.be32(u::exthdr::LEN, len);
    if flags != 0 {
        w.be32(u::exthdr::FLAGS, flags);
    }
}

pub(super) fn counter(w: &mut Writer, packets: u64, bytes: u64) {
    w.be64(u::counter::BYTES, bytes);
    w.be64(u::counter::PACKETS, packets);
}

pub(super) fn quota(w: &mut Writer, bytes: u64, consumed: u64, flags: u32) {
    w.be64(u::quota::BYTES, bytes);
    w.be64(u::quota::CONSUMED, consumed);
    w.be32(u::quota::FLAGS, flags);
}

pub(super) fn connlimit(w: &mut Writer, count: u32, flags: u32) {
    w.be32(u::connlimit::COUNT, count);
    w.be32(u::connlimit::FLAGS, flags);
}

pub(super) fn limit(w: &mut Writer, limit: &Limit) {
    w.be64(u::limit::RATE, limit.rate);
    w.be64(u::limit::UNIT, limit.unit);
    w.be32(u::limit::BURST, limit.burst);
    w.be32(u::limit::TYPE, u32::from(limit.bytes));
    w.be32(u::limit::FLAGS, u32::from(limit.over));
}

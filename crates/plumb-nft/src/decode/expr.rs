//! Expressions (`NFTA_EXPR_*`): a name and that expression's own attributes.

use super::data::{data, value};
use super::fields::Fields;
use super::nat;
use crate::nlattr::{Attr, DecodeError};
use crate::types::*;
use crate::uapi::{self as u, elem, list};

type Result<T> = std::result::Result<T, DecodeError>;

/// The kernel nests one level (`dynset`, set elements); more is refused.
const MAX_DEPTH: u8 = 4;

/// A list of expressions (`NFTA_LIST_ELEM` each).
pub(super) fn list(attr: Attr<'_>, depth: u8) -> Result<Vec<Expr>> {
    attr.nested("list of expressions")
        .map(|item| {
            let item = item?;
            if item.number != list::ELEM {
                return Err(DecodeError::Missing {
                    what: "list of expressions",
                    attribute: "NFTA_LIST_ELEM",
                });
            }
            expr(item, depth)
        })
        .collect()
}

/// One expression or a list, as sets, elements and dynset carry them.
pub(super) fn one_or_list(f: &Fields<'_>, one: u16, many: u16, depth: u8) -> Result<Vec<Expr>> {
    match (f.get(many), f.get(one)) {
        (Some(many), _) => list(many, depth),
        (None, Some(one)) => Ok(vec![expr(one, depth)?]),
        (None, None) => Ok(Vec::new()),
    }
}

/// One expression. What is not understood to the last attribute becomes [`Expr::Unknown`] with all its bytes: an
/// attribute that is passed over might change what the expression does.
pub(super) fn expr(attr: Attr<'_>, depth: u8) -> Result<Expr> {
    if depth >= MAX_DEPTH {
        return Err(DecodeError::TooDeep { what: "expressions" });
    }
    let f = Fields::read(attr.data, "expression", u::expr::DATA)?;
    let name = f.need_text(u::expr::NAME, "NFTA_EXPR_NAME")?;
    let bytes = f.get(u::expr::DATA).map_or(&[][..], |a| a.data);
    Ok(match known(&name, bytes, depth) {
        Ok(Some(expr)) => expr,
        Ok(None) | Err(_) => Expr::Unknown { name, data: bytes.into() },
    })
}

/// `None`: an expression or an attribute that this version does not know.
fn known(name: &str, bytes: &[u8], depth: u8) -> Result<Option<Expr>> {
    let Some((what, max)) = shape(name) else { return Ok(None) };
    let f = Fields::read(bytes, what, max)?;
    if !f.strange.is_empty() {
        return Ok(None);
    }
    Ok(Some(match what {
        "immediate" => Expr::Immediate {
            dreg: f.need_register(u::immediate::DREG, "NFTA_IMMEDIATE_DREG")?,
            data: data(f.need(u::immediate::DATA, "NFTA_IMMEDIATE_DATA")?)?,
        },
        "cmp" => Expr::Cmp {
            sreg: f.need_register(u::cmp::SREG, "NFTA_CMP_SREG")?,
            op: CmpOp::from_number(f.need_be32(u::cmp::OP, "NFTA_CMP_OP")?),
            data: value(f.need(u::cmp::DATA, "NFTA_CMP_DATA")?)?,
        },
        "range" => Expr::Range {
            sreg: f.need_register(u::range::SREG, "NFTA_RANGE_SREG")?,
            op: CmpOp::from_number(f.need_be32(u::range::OP, "NFTA_RANGE_OP")?),
            from: value(f.need(u::range::FROM_DATA, "NFTA_RANGE_FROM_DATA")?)?,
            to: value(f.need(u::range::TO_DATA, "NFTA_RANGE_TO_DATA")?)?,
        },
        "lookup" => {
            let flags = f.be32(u::lookup::FLAGS)?.unwrap_or(0);
            if flags > 1 {
                return Ok(None);
            }
            Expr::Lookup {
                set: f.need_text(u::lookup::SET, "NFTA_LOOKUP_SET")?,
                set_id: f.be32(u::lookup::SET_ID)?,
                sreg: f.need_register(u::lookup::SREG, "NFTA_LOOKUP_SREG")?,
                dreg: f.register(u::lookup::DREG)?,
                inverted: flags & 1 != 0,
            }
        }
        "payload" => payload(&f)?,
        "meta" => {
            let key = MetaKey::from_number(f.need_be32(u::meta::KEY, "NFTA_META_KEY")?);
            match (f.register(u::meta::DREG)?, f.register(u::meta::SREG)?) {
                (Some(dreg), None) => Expr::Meta { key, dreg },
                (None, Some(sreg)) => Expr::MetaSet { key, sreg },
                _ => return Ok(None),
            }
        }
        "ct" => {
            let key = CtKey::from_number(f.need_be32(u::ct::KEY, "NFTA_CT_KEY")?);
            let direction = match f.u8(u::ct::DIRECTION)? {
                None => None,
                Some(0) => Some(CtDirection::Original),
                Some(1) => Some(CtDirection::Reply),
                Some(_) => return Ok(None),
            };
            match (f.register(u::ct::DREG)?, f.register(u::ct::SREG)?) {
                (Some(dreg), None) => Expr::Ct { key, dreg, direction },
                (None, Some(sreg)) => Expr::CtSet { key, sreg, direction },
                _ => return Ok(None),
            }
        }
        "bitwise" => {
            let Some(op) = bitwise(&f)? else { return Ok(None) };
            Expr::Bitwise {
                sreg: f.need_register(u::bitwise::SREG, "NFTA_BITWISE_SREG")?,
                dreg: f.need_register(u::bitwise::DREG, "NFTA_BITWISE_DREG")?,
                len: f.need_be32(u::bitwise::LEN, "NFTA_BITWISE_LEN")?,
                op,
            }
        }
        "byteorder" => {
            let op = f.need_be32(u::byteorder::OP, "NFTA_BYTEORDER_OP")?;
            if op > 1 {
                return Ok(None);
            }
            Expr::Byteorder {
                sreg: f.need_register(u::byteorder::SREG, "NFTA_BYTEORDER_SREG")?,
                dreg: f.need_register(u::byteorder::DREG, "NFTA_BYTEORDER_DREG")?,
                hton: op == 1,
                len: f.need_be32(u::byteorder::LEN, "NFTA_BYTEORDER_LEN")?,
                size: f.need_be32(u::byteorder::SIZE, "NFTA_BYTEORDER_SIZE")?,
            }
        }
        "counter" => {
            let (packets, bytes) = counter(&f)?;
            Expr::Counter { packets, bytes }
        }
        "limit" => match limit(&f)? {
            Some(limit) => Expr::Limit(limit),
            None => return Ok(None),
        },
        "quota" => {
            let (bytes, consumed, flags) = quota(&f)?;
            Expr::Quota { bytes, consumed, flags }
        }
        "connlimit" => {
            let (count, flags) = connlimit(&f)?;
            Expr::Connlimit { count, flags }
        }
        "last" => Expr::Last {
            set: f.be32(u::last::SET)?.unwrap_or(0) != 0,
            msecs: f.be64(u::last::MSECS)?.unwrap_or(0),
        },
        "nat" | "masq" | "redir" | "tproxy" | "dup" | "fwd" | "reject" | "queue" | "synproxy" | "log" => {
            return nat::statement(what, &f);
        }
        "numgen" => {
            let kind = f.need_be32(u::numgen::TYPE, "NFTA_NG_TYPE")?;
            if kind > 1 || f.get(u::numgen::SET_NAME).is_some() {
                return Ok(None);
            }
            Expr::Numgen {
                dreg: f.need_register(u::numgen::DREG, "NFTA_NG_DREG")?,
                modulus: f.need_be32(u::numgen::MODULUS, "NFTA_NG_MODULUS")?,
                random: kind == 1,
                offset: f.be32(u::numgen::OFFSET)?.unwrap_or(0),
            }
        }
        "hash" => {
            if f.get(u::hash::SET_NAME).is_some() {
                return Ok(None);
            }
            let dreg = f.need_register(u::hash::DREG, "NFTA_HASH_DREG")?;
            let modulus = f.need_be32(u::hash::MODULUS, "NFTA_HASH_MODULUS")?;
            let offset = f.be32(u::hash::OFFSET)?.unwrap_or(0);
            match f.be32(u::hash::TYPE)?.unwrap_or(0) {
                0 => Expr::Jhash {
                    sreg: f.need_register(u::hash::SREG, "NFTA_HASH_SREG")?,
                    dreg,
                    len: f.need_be32(u::hash::LEN, "NFTA_HASH_LEN")?,
                    modulus,
                    seed: f.be32(u::hash::SEED)?,
                    offset,
                },
                1 => Expr::Symhash { dreg, modulus, offset },
                _ => return Ok(None),
            }
        }
        "fib" => Expr::Fib {
            dreg: f.need_register(u::fib::DREG, "NFTA_FIB_DREG")?,
            result: FibResult::from_number(f.need_be32(u::fib::RESULT, "NFTA_FIB_RESULT")?),
            flags: f.need_be32(u::fib::FLAGS, "NFTA_FIB_FLAGS")?,
        },
        "dynset" => Expr::Dynset {
            set: f.need_text(u::dynset::SET_NAME, "NFTA_DYNSET_SET_NAME")?,
            set_id: f.be32(u::dynset::SET_ID)?,
            op: f.need_be32(u::dynset::OP, "NFTA_DYNSET_OP")?,
            sreg_key: f.need_register(u::dynset::SREG_KEY, "NFTA_DYNSET_SREG_KEY")?,
            sreg_data: f.register(u::dynset::SREG_DATA)?,
            // Always dumped; 0 is the set's own, and refused in a set without time-outs.
            timeout: f.be64(u::dynset::TIMEOUT)?.filter(|ms| *ms != 0),
            exprs: one_or_list(&f, u::dynset::EXPR, u::dynset::EXPRESSIONS, depth + 1)?,
            flags: f.be32(u::dynset::FLAGS)?.unwrap_or(0),
        },
        "notrack" => Expr::Notrack,
        "objref" => match f.text(u::objref::SET_NAME) {
            Some(set) => Expr::ObjrefMap {
                set,
                set_id: f.be32(u::objref::SET_ID)?,
                sreg: f.need_register(u::objref::SET_SREG, "NFTA_OBJREF_SET_SREG")?,
            },
            None => Expr::Objref {
                kind: ObjectType::from_number(f.need_be32(u::objref::IMM_TYPE, "NFTA_OBJREF_IMM_TYPE")?),
                name: f.need_text(u::objref::IMM_NAME, "NFTA_OBJREF_IMM_NAME")?,
            },
        },
        "socket" => Expr::Socket {
            key: SocketKey::from_number(f.need_be32(u::socket::KEY, "NFTA_SOCKET_KEY")?),
            dreg: f.need_register(u::socket::DREG, "NFTA_SOCKET_DREG")?,
            level: f.be32(u::socket::LEVEL)?,
        },
        "exthdr" => exthdr(&f)?,
        "rt" => Expr::Rt {
            key: RtKey::from_number(f.need_be32(u::rt::KEY, "NFTA_RT_KEY")?),
            dreg: f.need_register(u::rt::DREG, "NFTA_RT_DREG")?,
        },
        "osf" => Expr::Osf {
            dreg: f.need_register(u::osf::DREG, "NFTA_OSF_DREG")?,
            ttl: f.u8(u::osf::TTL)?.unwrap_or(0),
            flags: f.be32(u::osf::FLAGS)?.unwrap_or(0),
        },
        "xfrm" => Expr::Xfrm {
            key: f.need_be32(u::xfrm::KEY, "NFTA_XFRM_KEY")?,
            dreg: f.need_register(u::xfrm::DREG, "NFTA_XFRM_DREG")?,
            direction: f.u8(u::xfrm::DIR)?.unwrap_or(0),
            spnum: f.be32(u::xfrm::SPNUM)?.unwrap_or(0),
        },
        "flow_offload" => {
            Expr::FlowOffload { flowtable: f.need_text(u::flow::TABLE_NAME, "NFTA_FLOW_TABLE_NAME")? }
        }
        "match" | "target" => {
            let name = f.need_text(u::compat::NAME, "NFTA_MATCH_NAME")?;
            let revision = f.need_be32(u::compat::REV, "NFTA_MATCH_REV")?;
            let info = f.bytes(u::compat::INFO).unwrap_or_default();
            if what == "match" {
                Expr::Match { name, revision, info }
            } else {
                Expr::Target { name, revision, info }
            }
        }
        _ => return Ok(None),
    }))
}

/// Name of an expression and the highest attribute number that is understood.
fn shape(name: &str) -> Option<(&'static str, u16)> {
    Some(match name {
        "immediate" => ("immediate", u::immediate::DATA),
        "cmp" => ("cmp", u::cmp::DATA),
        "range" => ("range", u::range::TO_DATA),
        "lookup" => ("lookup", u::lookup::FLAGS),
        "payload" => ("payload", u::payload::CSUM_FLAGS),
        "meta" => ("meta", u::meta::SREG),
        "ct" => ("ct", u::ct::SREG),
        "bitwise" => ("bitwise", u::bitwise::SREG2),
        "byteorder" => ("byteorder", u::byteorder::SIZE),
        "counter" => ("counter", u::counter::PAD),
        "limit" => ("limit", u::limit::PAD),
        "quota" => ("quota", u::quota::CONSUMED),
        "connlimit" => ("connlimit", u::connlimit::FLAGS),
        "last" => ("last", u::last::PAD),
        "nat" => ("nat", u::nat::FLAGS),
        "masq" => ("masq", u::masq::REG_PROTO_MAX),
        "redir" => ("redir", u::redir::FLAGS),
        "reject" => ("reject", u::reject::ICMP_CODE),
        "log" => ("log", u::log::FLAGS),
        "numgen" => ("numgen", u::numgen::SET_ID),
        "hash" => ("hash", u::hash::SET_ID),
        "fib" => ("fib", u::fib::FLAGS),
        "dynset" => ("dynset", u::dynset::EXPRESSIONS),
        "notrack" => ("notrack", 0),
        "objref" => ("objref", u::objref::SET_ID),
        "queue" => ("queue", u::queue::SREG_QNUM),
        "tproxy" => ("tproxy", u::tproxy::REG_PORT),
        "socket" => ("socket", u::socket::LEVEL),
        "exthdr" => ("exthdr", u::exthdr::SREG),
        "rt" => ("rt", u::rt::KEY),
        "osf" => ("osf", u::osf::FLAGS),
        "xfrm" => ("xfrm", u::xfrm::SPNUM),
        "dup" => ("dup", u::dup::SREG_DEV),
        "fwd" => ("fwd", u::fwd::NFPROTO),
        "flow_offload" => ("flow_offload", u::flow::TABLE_NAME),
        "synproxy" => ("synproxy", u::synproxy::FLAGS),
        "match" => ("match", u::compat::INFO),
        "target" => ("target", u::compat::INFO),
        _ => return None,
    })
}

fn payload(f: &Fields<'_>) -> Result<Expr> {
    let base = PayloadBase::from_number(f.need_be32(u::payload::BASE, "NFTA_PAYLOAD_BASE")?);
    let offset = f.need_be32(u::payload::OFFSET, "NFTA_PAYLOAD_OFFSET")?;
    let len = f.need_be32(u::payload::LEN, "NFTA_PAYLOAD_LEN")?;
    Ok(match f.register(u::payload::SREG)? {
        Some(sreg) => Expr::PayloadWrite {
            sreg,
            base,
            offset,
            len,
            csum_type: f.be32(u::payload::CSUM_TYPE)?.unwrap_or(0),
            csum_offset: f.be32(u::payload::CSUM_OFFSET)?.unwrap_or(0),
            csum_flags: f.be32(u::payload::CSUM_FLAGS)?.unwrap_or(0),
        },
        None => {
            let dreg = f.need_register(u::payload::DREG, "NFTA_PAYLOAD_DREG")?;
            Expr::Payload { dreg, base, offset, len }
        }
    })
}

fn bitwise(f: &Fields<'_>) -> Result<Option<BitwiseOp>> {
    let operand = || -> Result<Operand> {
        match f.register(u::bitwise::SREG2)? {
            Some(register) => Ok(Operand::Register(register)),
            None => Ok(Operand::Value(value(f.need(u::bitwise::DATA, "NFTA_BITWISE_DATA")?)?)),
        }
    };
    // A shift's width lies in its register as the processor has it.
    let shift = || -> Result<u32> {
        let bytes = value(f.need(u::bitwise::DATA, "NFTA_BITWISE_DATA")?)?;
        let array = <[u8; 4]>::try_from(&*bytes).map_err(|_| DecodeError::Size {
            what: "bitwise",
            attribute: u::bitwise::DATA,
            want: 4,
            got: bytes.len(),
        })?;
        Ok(u32::from_ne_bytes(array))
    };
    Ok(Some(match f.be32(u::bitwise::OP)?.unwrap_or(0) {
        0 => BitwiseOp::Bool {
            mask: value(f.need(u::bitwise::MASK, "NFTA_BITWISE_MASK")?)?,
            xor: value(f.need(u::bitwise::XOR, "NFTA_BITWISE_XOR")?)?,
        },
        1 => BitwiseOp::Lshift(shift()?),
        2 => BitwiseOp::Rshift(shift()?),
        3 => BitwiseOp::And(operand()?),
        4 => BitwiseOp::Or(operand()?),
        5 => BitwiseOp::Xor(operand()?),
        _ => return Ok(None),
    }))
}

fn exthdr(f: &Fields<'_>) -> Result<Expr> {
    let kind = f.u8(u::exthdr::TYPE)?;
    let kind = kind.ok_or(DecodeError::Missing { what: "exthdr", attribute: "NFTA_EXTHDR_TYPE" })?;
    let op = f.be32(u::exthdr::OP)?.unwrap_or(0);
    let flags = f.be32(u::exthdr::FLAGS)?.unwrap_or(0);
    let offset = f.be32(u::exthdr::OFFSET)?;
    let len = f.be32(u::exthdr::LEN)?;
    Ok(match (f.register(u::exthdr::DREG)?, f.register(u::exthdr::SREG)?) {
        (Some(dreg), _) => {
            Expr::Exthdr { dreg, kind, offset: offset.unwrap_or(0), len: len.unwrap_or(0), flags, op }
        }
        (None, Some(sreg)) => {
            Expr::ExthdrWrite { sreg, kind, offset: offset.unwrap_or(0), len: len.unwrap_or(0), flags, op }
        }
        (None, None) => Expr::ExthdrReset { kind, op },
    })
}

/// Packets, bytes.
pub(super) fn counter(f: &Fields<'_>) -> Result<(u64, u64)> {
    Ok((f.be64(u::counter::PACKETS)?.unwrap_or(0), f.be64(u::counter::BYTES)?.unwrap_or(0)))
}

/// Bytes, consumed, flags.
pub(super) fn quota(f: &Fields<'_>) -> Result<(u64, u64, u32)> {
    Ok((
        f.need_be64(u::quota::BYTES, "NFTA_QUOTA_BYTES")?,
        f.be64(u::quota::CONSUMED)?.unwrap_or(0),
        f.be32(u::quota::FLAGS)?.unwrap_or(0),
    ))
}

/// Count, flags.
pub(super) fn connlimit(f: &Fields<'_>) -> Result<(u32, u32)> {
    Ok((f.need_be32(u::connlimit::COUNT, "NFTA_CONNLIMIT_COUNT")?, f.be32(u::connlimit::FLAGS)?.unwrap_or(0)))
}

/// `None` for a type or flag that this version does not know.
pub(super) fn limit(f: &Fields<'_>) -> Result<Option<Limit>> {
    let kind = f.be32(u::limit::TYPE)?.unwrap_or(0);
    let flags = f.be32(u::limit::FLAGS)?.unwrap_or(0);
    if kind > 1 || flags > 1 {
        return Ok(None);
    }
    Ok(Some(Limit {
        rate: f.need_be64(u::limit::RATE, "NFTA_LIMIT_RATE")?,
        unit: f.need_be64(u::limit::UNIT, "NFTA_LIMIT_UNIT")?,
        burst: f.be32(u::limit::BURST)?.unwrap_or(0),
        bytes: kind == 1,
        over: flags == 1,
    }))
}

/// Expressions that a set element carries.
pub(super) fn of_element(f: &Fields<'_>) -> Result<Vec<Expr>> {
    one_or_list(f, elem::EXPR, elem::EXPRESSIONS, 0)
}

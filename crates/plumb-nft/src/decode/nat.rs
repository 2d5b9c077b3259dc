//! Statements that send the packet elsewhere or answer it: NAT, tproxy, dup, fwd, reject, queue, synproxy, log.

use super::fields::Fields;
use crate::nlattr::DecodeError;
use crate::types::*;
use crate::uapi as u;

/// The statement `what`; `None` when this version does not know a value in it.
pub(super) fn statement(what: &str, f: &Fields<'_>) -> Result<Option<Expr>, DecodeError> {
    Ok(Some(match what {
        "nat" => {
            let Some(family) = family(f.need_be32(u::nat::FAMILY, "NFTA_NAT_FAMILY")?) else {
                return Ok(None);
            };
            let range = NatRange {
                addr_min: f.register(u::nat::REG_ADDR_MIN)?,
                addr_max: f.register(u::nat::REG_ADDR_MAX)?,
                port_min: f.register(u::nat::REG_PROTO_MIN)?,
                port_max: f.register(u::nat::REG_PROTO_MAX)?,
                flags: f.be32(u::nat::FLAGS)?.unwrap_or(0),
            };
            match f.need_be32(u::nat::TYPE, "NFTA_NAT_TYPE")? {
                0 => Expr::Snat { family, range },
                1 => Expr::Dnat { family, range },
                _ => return Ok(None),
            }
        }
        "masq" => Expr::Masq {
            flags: f.be32(u::masq::FLAGS)?.unwrap_or(0),
            port_min: f.register(u::masq::REG_PROTO_MIN)?,
            port_max: f.register(u::masq::REG_PROTO_MAX)?,
        },
        "redir" => Expr::Redir {
            flags: f.be32(u::redir::FLAGS)?.unwrap_or(0),
            port_min: f.register(u::redir::REG_PROTO_MIN)?,
            port_max: f.register(u::redir::REG_PROTO_MAX)?,
        },
        "tproxy" => {
            let Some(family) = family(f.need_be32(u::tproxy::FAMILY, "NFTA_TPROXY_FAMILY")?) else {
                return Ok(None);
            };
            Expr::Tproxy {
                family,
                addr: f.register(u::tproxy::REG_ADDR)?,
                port: f.register(u::tproxy::REG_PORT)?,
            }
        }
        "dup" => Expr::Dup { addr: f.register(u::dup::SREG_ADDR)?, dev: f.register(u::dup::SREG_DEV)? },
        "fwd" => {
            let to = match f.be32(u::fwd::NFPROTO)? {
                None => None,
                Some(number) => match family(number) {
                    None => return Ok(None),
                    some => some,
                },
            };
            Expr::Fwd { dev: f.register(u::fwd::SREG_DEV)?, addr: f.register(u::fwd::SREG_ADDR)?, family: to }
        }
        "reject" => Expr::Reject {
            kind: RejectType::from_number(f.need_be32(u::reject::TYPE, "NFTA_REJECT_TYPE")?),
            code: f.u8(u::reject::ICMP_CODE)?.unwrap_or(0),
        },
        "queue" => Expr::Queue {
            num: f.be16(u::queue::NUM)?,
            total: f.be16(u::queue::TOTAL)?,
            flags: f.be16(u::queue::FLAGS)?.unwrap_or(0).into(),
            sreg: f.register(u::queue::SREG_QNUM)?,
        },
        "synproxy" => Expr::Synproxy {
            mss: f.be16(u::synproxy::MSS)?.unwrap_or(0),
            wscale: f.u8(u::synproxy::WSCALE)?.unwrap_or(0),
            flags: f.be32(u::synproxy::FLAGS)?.unwrap_or(0),
        },
        "log" => Expr::Log {
            prefix: f.text(u::log::PREFIX),
            group: f.be16(u::log::GROUP)?,
            snaplen: f.be32(u::log::SNAPLEN)?,
            qthreshold: f.be16(u::log::QTHRESHOLD)?,
            level: f.be32(u::log::LEVEL)?,
            flags: f.be32(u::log::FLAGS)?,
        },
        _ => return Ok(None),
    }))
}

/// A family given in 32 bits.
fn family(number: u32) -> Option<Family> {
    u8::try_from(number).ok().map(Family::from_number)
}

//! Statements that send the packet elsewhere or answer it.

use super::expr::register;
use crate::nlattr::Writer;
use crate::types::*;
use crate::uapi as u;

/// The body of such a statement; nothing for any other.
pub(super) fn statement(w: &mut Writer, expr: &Expr) {
    match expr {
        Expr::Snat { family, range } => nat(w, 0, *family, range),
        Expr::Dnat { family, range } => nat(w, 1, *family, range),
        Expr::Masq { flags, port_min, port_max } => {
            if *flags != 0 {
                w.be32(u::masq::FLAGS, *flags);
            }
            register(w, u::masq::REG_PROTO_MIN, *port_min);
            register(w, u::masq::REG_PROTO_MAX, *port_max);
        }
        Expr::Redir { flags, port_min, port_max } => {
            register(w, u::redir::REG_PROTO_MIN, *port_min);
            register(w, u::redir::REG_PROTO_MAX, *port_max);
            if *flags != 0 {
                w.be32(u::redir::FLAGS, *flags);
            }
        }
        Expr::Tproxy { family, addr, port } => {
            w.be32(u::tproxy::FAMILY, family.number().into());
            register(w, u::tproxy::REG_ADDR, *addr);
            register(w, u::tproxy::REG_PORT, *port);
        }
        Expr::Dup { addr, dev } => {
            register(w, u::dup::SREG_ADDR, *addr);
            register(w, u::dup::SREG_DEV, *dev);
        }
        Expr::Fwd { dev, addr, family } => {
            register(w, u::fwd::SREG_DEV, *dev);
            register(w, u::fwd::SREG_ADDR, *addr);
            if let Some(family) = family {
                w.be32(u::fwd::NFPROTO, family.number().into());
            }
        }
        Expr::Reject { kind, code } => {
            w.be32(u::reject::TYPE, kind.number());
            if *kind != RejectType::TcpRst || *code != 0 {
                w.u8(u::reject::ICMP_CODE, *code);
            }
        }
        Expr::Queue { num, total, flags, sreg } => {
            if let Some(num) = num {
                w.be16(u::queue::NUM, *num);
            }
            if let Some(total) = total {
                w.be16(u::queue::TOTAL, *total);
            }
            if *flags != 0 {
                // Sixteen bits on the wire, of which the kernel knows two.
                w.be16(u::queue::FLAGS, u16::try_from(*flags).unwrap_or(u16::MAX));
            }
            register(w, u::queue::SREG_QNUM, *sreg);
        }
        Expr::Synproxy { mss, wscale, flags } => {
            w.be16(u::synproxy::MSS, *mss);
            w.u8(u::synproxy::WSCALE, *wscale);
            w.be32(u::synproxy::FLAGS, *flags);
        }
        Expr::Log { prefix, group, snaplen, qthreshold, level, flags } => {
            if let Some(prefix) = prefix {
                w.text(u::log::PREFIX, prefix);
            }
            if let Some(group) = group {
                w.be16(u::log::GROUP, *group);
            }
            if let Some(snaplen) = snaplen {
                w.be32(u::log::SNAPLEN, *snaplen);
            }
            if let Some(qthreshold) = qthreshold {
                w.be16(u::log::QTHRESHOLD, *qthreshold);
            }
            if let Some(level) = level {
                w.be32(u::log::LEVEL, *level);
            }
            if let Some(flags) = flags {
                w.be32(u::log::FLAGS, *flags);
            }
        }
        _ => {}
    }
}

fn nat(w: &mut Writer, kind: u32, family: Family, range: &NatRange) {
    w.be32(u::nat::TYPE, kind);
    w.be32(u::nat::FAMILY, family.number().into());
    register(w, u::nat::REG_ADDR_MIN, range.addr_min);
    register(w, u::nat::REG_ADDR_MAX, range.addr_max);
    register(w, u::nat::REG_PROTO_MIN, range.port_min);
    register(w, u::nat::REG_PROTO_MAX, range.port_max);
    if range.flags != 0 {
        w.be32(u::nat::FLAGS, range.flags);
    }
}

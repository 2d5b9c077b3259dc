//! Routes, sockets, options (nft_fib*.c, nft_socket.c, nft_exthdr.c).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol};
use plumb_nft::{FibResult, Hook};
use smallvec::SmallVec;

use super::branch::Branch;
use super::content::{TcpOption, tcp_option};
use super::eval::{BREAK, Step, when};
use super::headers::IPV6_FRAGMENT;
use super::regs::Why;
use super::solve::Run;
use crate::env::{AddrType, FibQuery};
use crate::packet::PacketType;

/// `TCPOPT_MSS`
const TCP_MAXSEG: u8 = 2;

/// `NFTA_FIB_F_*`
mod fib_flag {
    pub(super) const DADDR: u32 = 1 << 1;
    pub(super) const MARK: u32 = 1 << 2;
    pub(super) const IIF: u32 = 1 << 3;
    pub(super) const OIF: u32 = 1 << 4;
    pub(super) const PRESENT: u32 = 1 << 5;
}

impl Run<'_> {
    /// `nft_fib4_eval`, `nft_fib6_eval` and their `_type` forms.
    pub(super) fn fib(&mut self, b: &mut Branch, dreg: u8, result: FibResult, flags: u32) -> Step {
        let env = self.env;
        let p = &b.state.packet;
        let daddr = flags & fib_flag::DADDR != 0;
        let addr = if daddr { p.dst } else { p.src };
        if result == FibResult::AddrType {
            let device = if flags & fib_flag::IIF != 0 {
                env.iif
            } else if flags & fib_flag::OIF != 0 {
                env.oif
            } else {
                None
            };
            let mut kind = env.lookups.addr_type(env.ns, addr, device);
            // Of IPv6 a route is looked up in any case, and what rejects says so (`__nft_fib6_eval_type`).
            if kind == AddrType::Unicast && addr.is_ipv6() {
                let other = if daddr { p.src } else { p.dst };
                let query = FibQuery {
                    dst: addr,
                    src: (!other.is_multicast() && !other.is_unspecified()).then_some(other),
                    mark: if flags & fib_flag::MARK != 0 { p.mark } else { 0 },
                    iif: None,
                    oif: None,
                    tos: p.tos,
                };
                kind = env.lookups.reject_type(env.ns, &query).unwrap_or(kind);
            }
            b.regs.store4(dreg, u32::from(kind.number()));
            return Step::Next;
        }
        let input = self.device(env.iif);
        let entering = matches!(env.hook, Hook::Prerouting | Hook::Ingress | Hook::Input);
        let looped = p.packet_type == PacketType::Loopback || input.is_some_and(|d| d.loopback);
        let unspecified = p.src.is_unspecified();
        // Answers that need no route: what is looped back, and what cannot have an address yet.
        let without_address = unspecified
            && match p.dst {
                IpAddr::V4(d) => d.is_broadcast() || d.octets().starts_with(&[224, 0, 0]),
                IpAddr::V6(d) => {
                    let link_local =
                        d.is_unicast_link_local() || (d.is_multicast() && d.octets()[1] & 0xf == 2);
                    entering && p.protocol == Protocol::ICMPV6 && link_local
                }
            };
        let found = if (entering && looped) || without_address {
            env.iif
        } else {
            let device = if flags & fib_flag::OIF != 0 {
                env.oif
            } else if flags & fib_flag::IIF != 0 {
                env.iif
            } else {
                None
            };
            let other = if daddr { p.src } else { p.dst };
            let pseudo = |a: IpAddr| match a {
                IpAddr::V4(a) => a.is_multicast() || a.is_broadcast() || a.is_unspecified(),
                IpAddr::V6(a) => a.is_multicast() || a.is_unspecified(),
            };
            let forwarded = env.hook == Hook::Forward && !daddr && flags & fib_flag::IIF != 0;
            env.lookups.fib_device(
                env.ns,
                &FibQuery {
                    dst: addr,
                    src: (!pseudo(other)).then_some(other),
                    mark: if flags & fib_flag::MARK != 0 { p.mark } else { 0 },
                    iif: if forwarded { env.oif } else { None },
                    oif: device,
                    tos: p.tos & 0xfc,
                },
            )
        };
        let present = flags & fib_flag::PRESENT != 0;
        match result {
            FibResult::Oif | FibResult::Oifname if present => b.regs.store4(dreg, u32::from(found.is_some())),
            FibResult::Oif => b.regs.store4(dreg, found.unwrap_or(0)),
            FibResult::Oifname => {
                let name = self.device(found).map_or([0; 16], |d| d.name);
                b.regs.store(dreg, &name);
            }
            _ => b.regs.store_unknown(dreg, 16, &"result of a fib expression".into()),
        }
        Step::Next
    }

    /// `nft_exthdr_*_eval`; `op`: 0 IPv6, 1 TCP option, 2 IPv4 option, 3 SCTP chunk, 4 DCCP option. The walk's packets have
    /// no extension headers but that of a fragment, and no IP options.
    pub(super) fn extension(
        &mut self,
        b: &mut Branch,
        dreg: u8,
        kind: u8,
        (offset, len): (usize, usize),
        flags: u32,
        op: u32,
    ) -> Step {
        let present = flags & 1 != 0;
        let p = &b.state.packet;
        let known: Option<SmallVec<[u8; 4]>> = match (op, kind) {
            (0, IPV6_FRAGMENT) if p.family == IpFamily::V6 => p.sizing.fragment.map(|f| {
                let [high, low] = (f.offset | u16::from(f.more)).to_be_bytes();
                SmallVec::from_slice(&[p.protocol.0, 0, high, low])
            }),
            // Where the options themselves are known they have it among them.
            (1, TCP_MAXSEG) if p.protocol == Protocol::TCP && p.tcp_options.is_none() => {
                p.sizing.mss.map(|mss| {
                    let [high, low] = mss.to_be_bytes();
                    SmallVec::from_slice(&[TCP_MAXSEG, 4, high, low])
                })
            }
            _ => None,
        };
        if let Some(bytes) = known {
            match bytes.get(offset..offset + len) {
                _ if present => b.regs.store4(dreg, 1),
                Some(bytes) => b.regs.store(dreg, bytes),
                None => b.regs.store_unknown(dreg, len, &"bytes of an extension header".into()),
            }
            return Step::Next;
        }
        let has = match op {
            0 | 2 => false,
            1 if p.is_later_fragment() => false,
            1 => b.state.packet.protocol == Protocol::TCP,
            3 => b.state.packet.protocol == Protocol::SCTP,
            4 => b.state.packet.protocol.0 == 33,
            _ => true,
        };
        let option = if has && op == 1 { tcp_option(b, kind) } else { TcpOption::Unknown };
        if !has || matches!(option, TcpOption::Absent) {
            if present {
                b.regs.store4(dreg, 0);
            }
            return when(present);
        }
        let what: Why = match op {
            1 => "TCP options".into(),
            3 => "SCTP chunks".into(),
            _ => "options of the transport header".into(),
        };
        if let TcpOption::At(at, size) = option {
            if present {
                b.regs.store(dreg, &[1]);
                return Step::Next;
            }
            let h = &b.headers().transport;
            let known =
                (h.bytes.get(at + offset..at + offset + len), h.unknown.get(at + offset..at + offset + len));
            let (Some(bytes), Some(hidden)) = known else { return BREAK };
            if offset + len > size {
                return BREAK;
            }
            let (bytes, hidden) = (bytes.to_vec(), hidden.to_vec());
            b.regs.store_partly(dreg, &bytes, &hidden, &what);
            return Step::Next;
        }
        if !present {
            // An option that is not there ends the rule, so that also the load itself is a condition.
            b.regs.store_unknown(dreg, len, &what);
            return Step::Next;
        }
        b.regs.store_partly(dreg, &[0], &[1], &what);
        Step::Next
    }
}

//! Loads: header bytes, metadata, conntrack, routes (nft_payload.c, nft_meta.c, nft_ct.c, nft_fib*.c, nft_rt.c …).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol};
use plumb_nft::{CtDirection, CtKey, Family, FibResult, Hook, MetaKey, PayloadBase, SocketKey};

use super::branch::Branch;
use super::draw::Draw;
use super::eval::{BREAK, Step, when};
use super::headers::{self, Header};
use super::ops::Device;
use super::regs::Why;
use super::solve::Run;
use crate::conntrack::Connection;
use crate::env::FibQuery;
use crate::packet::{CtInfo, CtState, PacketType, Tracking};

/// `NFTA_FIB_F_*`
mod fib_flag {
    pub(super) const DADDR: u32 = 1 << 1;
    pub(super) const MARK: u32 = 1 << 2;
    pub(super) const IIF: u32 = 1 << 3;
    pub(super) const OIF: u32 = 1 << 4;
    pub(super) const PRESENT: u32 = 1 << 5;
}

/// What the packet has of the tracker here.
pub(super) enum Seen<'a> {
    /// No entry: invalid, or not looked at.
    Nothing,
    Untracked,
    /// A template that carries a zone to the tracker (`nf_ct_is_template`).
    Template(u16),
    Entry(u32, &'a Connection, CtInfo),
}

/// An address as bytes.
pub(super) fn octets(a: IpAddr) -> smallvec::SmallVec<[u8; 16]> {
    match a {
        IpAddr::V4(a) => a.octets().as_slice().into(),
        IpAddr::V6(a) => a.octets().as_slice().into(),
    }
}

impl Run<'_> {
    pub(super) fn device(&self, index: Option<u32>) -> Option<&Device> {
        let devices = &self.nf.devices;
        let at = devices.binary_search_by_key(&index?, |d| d.index).ok()?;
        devices.get(at)
    }

    /// Whether this chain runs before the tracker.
    fn before_tracker(&self) -> bool {
        matches!(self.env.hook, Hook::Prerouting | Hook::Output) && self.base.priority < -200
    }

    pub(super) fn seen<'b>(&self, b: &'b Branch) -> Seen<'b> {
        match b.state.packet.tracking {
            Tracking::Untracked => Seen::Untracked,
            Tracking::None => match b.state.packet.zone {
                Some((zone, _)) if self.before_tracker() => Seen::Template(zone),
                _ => Seen::Nothing,
            },
            Tracking::Entry { entry, info } => match b.state.world.conntrack.get(entry) {
                Some(c) => Seen::Entry(entry, c, info),
                None => Seen::Nothing,
            },
        }
    }

    /// `nft_pf`: the family that rules see.
    fn protocol_family(&self) -> u8 {
        match self.base.family {
            Family::Bridge | Family::Netdev | Family::Arp => self.base.family.number(),
            _ => match self.env.family {
                IpFamily::V4 => 2,
                IpFamily::V6 => 10,
            },
        }
    }

    pub(super) fn load_payload(
        &mut self,
        b: &mut Branch,
        dreg: u8,
        base: PayloadBase,
        offset: usize,
        len: usize,
    ) -> Step {
        let network_len = headers::network_len(&b.state.packet);
        match base {
            PayloadBase::Link => {
                let loopback = self.device(self.env.iif).is_some_and(|d| d.loopback);
                let Some(bytes) = headers::link(&b.state.packet, loopback) else { return BREAK };
                match bytes.get(offset..offset + len) {
                    Some(bytes) => b.regs.store(dreg, bytes),
                    // What follows the Ethernet header is the network header.
                    None if offset >= 14 => {
                        return self.load_payload(b, dreg, PayloadBase::Network, offset - 14, len);
                    }
                    None => b.regs.store_unknown(dreg, len, &"bytes over the end of the link header".into()),
                }
                Step::Next
            }
            PayloadBase::Network if offset >= network_len => {
                self.load_payload(b, dreg, PayloadBase::Transport, offset - network_len, len)
            }
            PayloadBase::Network => {
                let h = b.headers();
                if offset + len > h.packet_len {
                    return BREAK;
                }
                let (network, transport) = (h.network.clone(), h.transport.clone());
                if offset + len <= network.len {
                    store(b, dreg, &network, offset, len);
                } else {
                    let mut joined = [0_u8; 128];
                    let mut unknown = [0xff_u8; 128];
                    for (i, (to, hide)) in joined.iter_mut().zip(unknown.iter_mut()).enumerate() {
                        let (h, i) =
                            if i < network_len { (&network, i) } else { (&transport, i - network_len) };
                        if i < h.len {
                            *to = h.bytes.get(i).copied().unwrap_or(0);
                            *hide = h.unknown.get(i).copied().unwrap_or(0xff);
                        }
                    }
                    let bytes = joined.get(offset..offset + len).unwrap_or(&[]);
                    let hidden = unknown.get(offset..offset + len).unwrap_or(&[]);
                    b.regs.store_partly(dreg, bytes, hidden, &"bytes of the packet".into());
                }
                Step::Next
            }
            PayloadBase::Transport => {
                let packet_len = b.headers().packet_len;
                if network_len + offset + len > packet_len {
                    return BREAK;
                }
                let header = b.headers().transport.clone();
                store(b, dreg, &header, offset, len);
                Step::Next
            }
            PayloadBase::Inner => {
                // Behind the transport header: only for protocols that have one of a known length.
                let skip = match b.state.packet.protocol {
                    Protocol::UDP => 8,
                    Protocol::ICMP | Protocol::ICMPV6 => 8,
                    Protocol::TCP => 20,
                    _ => return BREAK,
                };
                if network_len + skip + offset + len > usize::from(b.state.packet.len) {
                    return BREAK;
                }
                b.regs.store_unknown(dreg, len, &"bytes that the packet carries".into());
                Step::Next
            }
            other => {
                let what = format!("bytes behind header {}", other.number());
                b.regs.store_unknown(dreg, len, &what.as_str().into());
                Step::Next
            }
        }
    }

    /// `nft_meta_get_eval`
    pub(super) fn meta(&mut self, b: &mut Branch, key: MetaKey, dreg: u8) -> Step {
        let env = self.env;
        let p = &b.state.packet;
        match key {
            MetaKey::Mark => b.regs.store4(dreg, p.mark),
            MetaKey::L4proto => b.regs.store(dreg, &[p.protocol.0]),
            MetaKey::Nfproto => b.regs.store(dreg, &[self.protocol_family()]),
            MetaKey::Protocol => b.regs.store(dreg, &headers::ether_type(p).to_be_bytes()),
            MetaKey::Priority => b.regs.store4(dreg, p.priority),
            MetaKey::Len => {
                let link = if env.hook == Hook::Egress { 14 } else { 0 };
                b.regs.store4(dreg, u32::from(p.len) + link);
            }
            MetaKey::Iif => b.regs.store4(dreg, env.iif.unwrap_or(0)),
            MetaKey::Oif => b.regs.store4(dreg, env.oif.unwrap_or(0)),
            MetaKey::Iifname => {
                let name = self.device(env.iif).map_or([0; 16], |d| d.name);
                b.regs.store(dreg, &name);
            }
            MetaKey::Oifname => {
                let name = self.device(env.oif).map_or([0; 16], |d| d.name);
                b.regs.store(dreg, &name);
            }
            MetaKey::Iftype | MetaKey::Oiftype => {
                let device = if key == MetaKey::Iftype { env.iif } else { env.oif };
                let Some(d) = self.device(device) else { return BREAK };
                let kind = d.hardware.to_le_bytes();
                b.regs.store(dreg, &kind);
            }
            MetaKey::Iifgroup | MetaKey::Oifgroup => {
                let device = if key == MetaKey::Iifgroup { env.iif } else { env.oif };
                let Some(d) = self.device(device) else { return BREAK };
                let group = d.group;
                b.regs.store4(dreg, group);
            }
            MetaKey::Iifkind | MetaKey::Oifkind => {
                let device = if key == MetaKey::Iifkind { env.iif } else { env.oif };
                let Some(d) = self.device(device).filter(|d| d.kind[0] != 0) else { return BREAK };
                let kind = d.kind;
                b.regs.store(dreg, &kind);
            }
            MetaKey::Skuid | MetaKey::Skgid => {
                let Some(owner) = p.owner else { return BREAK };
                b.regs.store4(dreg, if key == MetaKey::Skuid { owner.uid } else { owner.gid });
            }
            MetaKey::Pkttype => {
                let kind = match p.packet_type {
                    PacketType::Host => 0,
                    PacketType::Broadcast => 1,
                    PacketType::Multicast => 2,
                    PacketType::OtherHost => 3,
                    // nft_meta_get_eval_pkttype_lo
                    PacketType::Loopback if p.dst.is_multicast() || p.family == IpFamily::V6 => 2,
                    PacketType::Loopback => 1,
                };
                b.regs.store(dreg, &[kind]);
            }
            MetaKey::Prandom => return self.draw(b, dreg, Draw::new(1 << 32, 0, None)),
            MetaKey::Secpath => b.regs.store(dreg, &[0]),
            MetaKey::BriIifname | MetaKey::BriOifname => {
                let port = if key == MetaKey::BriIifname { env.iif } else { env.oif };
                let bridge = self.device(port).and_then(|d| self.device(d.master));
                let Some(bridge) = bridge.filter(|d| d.kind.starts_with(b"bridge\0")) else { return BREAK };
                let name = bridge.name;
                b.regs.store(dreg, &name);
            }
            // Virtual routing domains are not modelled: without one the input device itself counts.
            MetaKey::Sdif | MetaKey::Sdifname => {
                if env.iif.is_none() {
                    return BREAK;
                }
                b.regs.store(dreg, &[0; 16][..if key == MetaKey::Sdif { 4 } else { 16 }]);
            }
            other => {
                let len = match other {
                    MetaKey::TimeNs => 8,
                    MetaKey::BriIifhwaddr => 6,
                    _ => 4,
                };
                let what = format!("meta {}", other.word().unwrap_or("key"));
                b.regs.store_unknown(dreg, len, &what.as_str().into());
            }
        }
        Step::Next
    }

    /// `nft_ct_get_eval`
    pub(super) fn ct(
        &mut self,
        b: &mut Branch,
        key: CtKey,
        dreg: u8,
        direction: Option<CtDirection>,
    ) -> Step {
        let seen = self.seen(b);
        if key == CtKey::State {
            let bits: u32 = match seen {
                Seen::Nothing => 1,
                Seen::Untracked => 64,
                Seen::Template(_) => 8,
                Seen::Entry(_, _, info) => match info.state {
                    CtState::Established => 2,
                    CtState::Related => 4,
                    CtState::New => 8,
                },
            };
            b.regs.store4(dreg, bits);
            return Step::Next;
        }
        let (c, info) = match seen {
            Seen::Entry(_, c, info) => (c, info),
            Seen::Template(zone) => {
                match key {
                    CtKey::Zone => b.regs.store(dreg, &zone.to_le_bytes()),
                    CtKey::Mark | CtKey::Status => b.regs.store4(dreg, 0),
                    CtKey::Direction => b.regs.store(dreg, &[0]),
                    _ => b.regs.store_unknown(dreg, 4, &"ct keys of a template".into()),
                }
                return Step::Next;
            }
            _ => return BREAK,
        };
        let tuple = match direction {
            Some(CtDirection::Reply) => c.reply,
            _ => c.original,
        };
        // ICMP keeps its id as the source "port", type and code as the destination's.
        let ports = match tuple.icmp {
            Some(i) => (i.id, u16::from_be_bytes([i.kind, i.code])),
            None => (tuple.sport, tuple.dport),
        };
        let v4 = tuple.src.is_ipv4();
        match key {
            CtKey::Direction => b.regs.store(dreg, &[u8::from(info.reply)]),
            CtKey::Status => {
                let status = c.status;
                b.regs.store4(dreg, status);
            }
            CtKey::Mark => {
                let mark = c.mark;
                b.regs.store4(dreg, mark);
            }
            CtKey::L3protocol => b.regs.store(dreg, &[if v4 { 2 } else { 10 }]),
            CtKey::Protocol => b.regs.store(dreg, &[tuple.protocol.0]),
            CtKey::Src => b.regs.store(dreg, &octets(tuple.src)),
            CtKey::Dst => b.regs.store(dreg, &octets(tuple.dst)),
            CtKey::SrcIp | CtKey::DstIp | CtKey::SrcIp6 | CtKey::DstIp6 => {
                if v4 != matches!(key, CtKey::SrcIp | CtKey::DstIp) {
                    return BREAK;
                }
                let source = matches!(key, CtKey::SrcIp | CtKey::SrcIp6);
                b.regs.store(dreg, &octets(if source { tuple.src } else { tuple.dst }));
            }
            CtKey::ProtoSrc => b.regs.store(dreg, &ports.0.to_be_bytes()),
            CtKey::ProtoDst => b.regs.store(dreg, &ports.1.to_be_bytes()),
            CtKey::Labels => {
                let labels = c.labels;
                b.regs.store(dreg, &labels);
            }
            CtKey::Zone => {
                let zone = match direction {
                    Some(CtDirection::Original) => c.zone_original,
                    Some(CtDirection::Reply) => c.zone_reply,
                    None => c.zone_original.max(c.zone_reply),
                };
                b.regs.store(dreg, &zone.to_le_bytes());
            }
            // The helper of the connection that this one was expected by (`ct->master`); bit 0 is IPS_EXPECTED.
            CtKey::Helper if c.status & 1 == 0 => return BREAK,
            other => {
                let len = match other {
                    CtKey::Helper => 16,
                    CtKey::Pkts | CtKey::Bytes | CtKey::Avgpkt => 8,
                    _ => 4,
                };
                let what = format!("ct {}", other.word().unwrap_or("key"));
                b.regs.store_unknown(dreg, len, &what.as_str().into());
            }
        }
        Step::Next
    }

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
            let kind = env.lookups.addr_type(env.ns, addr, device).number();
            b.regs.store4(dreg, u32::from(kind));
            return Step::Next;
        }
        let input = self.device(env.iif);
        let entering = matches!(env.hook, Hook::Prerouting | Hook::Ingress | Hook::Input);
        let looped = p.packet_type == PacketType::Loopback || input.is_some_and(|d| d.loopback);
        let unspecified = p.src.is_unspecified();
        let found = if entering && looped {
            env.iif
        } else if unspecified
            && matches!(p.dst, IpAddr::V4(d) if d.is_broadcast() || d.octets().starts_with(&[224, 0, 0]))
        {
            env.iif
        } else if matches!(p.dst, IpAddr::V6(d) if d.is_multicast() || d.is_unicast_link_local())
            && p.protocol == Protocol::ICMPV6
            && unspecified
        {
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
                IpAddr::V4(a) => a.is_multicast() || a.is_broadcast() || a.octets()[0] == 0,
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

    /// `nft_socket_eval`
    pub(super) fn socket(&mut self, b: &mut Branch, key: SocketKey, dreg: u8) -> Step {
        let what = format!("socket {}", key.word().unwrap_or("key"));
        let len = if key == SocketKey::Cgroupv2 { 8 } else { 4 };
        match self.env.lookups.has_socket(self.env.ns, &b.state.packet.tuple()) {
            Some(false) => BREAK,
            _ => {
                b.regs.store_unknown(dreg, len, &what.as_str().into());
                Step::Next
            }
        }
    }

    /// `nft_exthdr_*_eval`; `op`: 0 IPv6, 1 TCP option, 2 IPv4 option, 3 SCTP chunk, 4 DCCP option. The walk's packets have
    /// no extension headers and no IP options.
    pub(super) fn extension(&mut self, b: &mut Branch, dreg: u8, len: usize, flags: u32, op: u32) -> Step {
        let present = flags & 1 != 0;
        let has = match op {
            0 | 2 => false,
            1 => b.state.packet.protocol == Protocol::TCP,
            3 => b.state.packet.protocol == Protocol::SCTP,
            4 => b.state.packet.protocol.0 == 33,
            _ => true,
        };
        if !has {
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
        if !present {
            // An option that is not there ends the rule, so that also the load itself is a condition.
            b.regs.store_unknown(dreg, len, &what);
            return Step::Next;
        }
        b.regs.store_partly(dreg, &[0], &[1], &what);
        Step::Next
    }
}

fn store(b: &mut Branch, dreg: u8, header: &Header, offset: usize, len: usize) {
    let why: fn() -> Why = || "bytes of the packet".into();
    if offset >= header.len {
        b.regs.store_unknown(dreg, len, &why());
        return;
    }
    let end = (offset + len).min(header.len);
    let bytes = header.bytes.get(offset..end).unwrap_or(&[]);
    let unknown = header.unknown.get(offset..end).unwrap_or(&[]);
    if end == offset + len && unknown.iter().all(|u| *u == 0) {
        b.regs.store(dreg, bytes);
        return;
    }
    let mut padded = bytes.to_vec();
    let mut hidden = unknown.to_vec();
    padded.resize(len, 0);
    hidden.resize(len, 0xff);
    b.regs.store_partly(dreg, &padded, &hidden, &why());
}

//! Loads: header bytes and metadata (nft_payload.c, nft_meta.c).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol};
use plumb_nft::{Family, Hook, MetaKey, PayloadBase};

use super::branch::Branch;
use super::draw::Draw;
use super::eval::{BREAK, Step};
use super::headers::{self, Header};
use super::ops::Device;
use super::regs::Why;
use super::solve::Run;
use crate::packet::PacketType;

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
        // The usual case: bytes of a header that are all known.
        let packet = &b.state.packet;
        let h = b.headers.get_or_insert_with(|| Box::new(headers::Headers::of(packet)));
        let header = match base {
            PayloadBase::Network => Some(&h.network),
            PayloadBase::Transport => Some(&h.transport),
            _ => None,
        };
        if let Some((bytes, unknown)) = header.and_then(|h| h.get(offset, len))
            && unknown.iter().all(|u| *u == 0)
        {
            b.regs.store(dreg, bytes);
            return Step::Next;
        }
        let network_len = headers::network_len(&b.state.packet);
        // `pkt->fragoff`
        let later = b.state.packet.is_later_fragment();
        if later && matches!(base, PayloadBase::Transport | PayloadBase::Inner) {
            return BREAK;
        }
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
            PayloadBase::Network if offset >= network_len && b.state.packet.sizing.fragment.is_none() => {
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
            MetaKey::L4proto if p.arp.is_some() => return BREAK,
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
                // NFT_META_IFTYPE is that of `skb->dev`, which is where the packet leaves once it is routed out.
                let leaves = key == MetaKey::Oiftype || env.hook == Hook::Postrouting;
                let device = if leaves { env.oif } else { env.iif };
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
                let Some(owner) = p.owner.filter(|o| !o.kernel) else { return BREAK };
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
            MetaKey::TimeNs | MetaKey::TimeDay | MetaKey::TimeHour => return self.meta_time(b, key, dreg),
            // Of the sender's socket, which no other packet has.
            MetaKey::Cgroup if p.owner.is_none() => return BREAK,
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
                    MetaKey::BriIifhwaddr => 6,
                    _ => 4,
                };
                let what = format!("meta {}", other.word().unwrap_or("key"));
                b.regs.store_unknown(dreg, len, &what.as_str().into());
            }
        }
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

//! What rules see of the tracker (nft_ct.c).

use plumb_model::CtCounter;
use plumb_nft::{CtDirection, CtKey, Hook};

use super::branch::Branch;
use super::eval::{BREAK, Step};
use super::load::octets;
use super::solve::Run;
use crate::conntrack::Connection;
use crate::packet::{CtInfo, CtState, Tracking};

/// What the packet has of the tracker here.
pub(super) enum Seen<'a> {
    /// No entry: invalid, or not looked at.
    Nothing,
    Untracked,
    /// A template that carries a zone to the tracker (`nf_ct_is_template`).
    Template,
    Entry(u32, &'a Connection, CtInfo),
}

/// What a connection has carried, in one direction or both.
#[derive(Clone, Copy, Default)]
pub(super) struct Carried(CtCounter);

impl Carried {
    /// Nothing where it is not counted.
    pub(super) fn of(counters: Option<&[CtCounter; 2]>, reply: Option<bool>) -> Self {
        let Some([original, back]) = counters else { return Self::default() };
        Self(match reply {
            Some(false) => *original,
            Some(true) => *back,
            None => CtCounter {
                packets: original.packets.wrapping_add(back.packets),
                bytes: original.bytes.wrapping_add(back.bytes),
            },
        })
    }

    pub(super) fn value(self, key: CtKey) -> u64 {
        match key {
            CtKey::Pkts => self.0.packets,
            CtKey::Bytes => self.0.bytes,
            _ => self.0.bytes.checked_div(self.0.packets).unwrap_or(0),
        }
    }
}

impl Run<'_> {
    /// Whether this chain runs before the tracker.
    fn before_tracker(&self) -> bool {
        matches!(self.env.hook, Hook::Prerouting | Hook::Output) && self.base.priority < -200
    }

    pub(super) fn seen<'b>(&self, b: &'b Branch) -> Seen<'b> {
        match b.state.packet.tracking {
            Tracking::Untracked => Seen::Untracked,
            Tracking::None => match b.state.packet.zone {
                Some(_) if self.before_tracker() => Seen::Template,
                _ => Seen::Nothing,
            },
            Tracking::Entry { entry, info } => match b.state.world.conntrack.get(entry) {
                Some(c) => Seen::Entry(entry, c, info),
                None => Seen::Nothing,
            },
        }
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
                Seen::Template => 8,
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
            // Nor does the kernel tell anything but the state of a template.
            Seen::Nothing | Seen::Untracked | Seen::Template => return BREAK,
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
            CtKey::Pkts | CtKey::Bytes | CtKey::Avgpkt => {
                let reply = direction.map(|d| d == CtDirection::Reply);
                let carried = Carried::of(c.counters.as_ref(), reply);
                b.regs.store(dreg, &carried.value(key).to_ne_bytes());
            }
            // The helper of the connection that this one was expected by (`ct->master`); bit 0 is IPS_EXPECTED.
            CtKey::Helper if c.status & 1 == 0 => return BREAK,
            other => {
                let len = match other {
                    CtKey::Helper => 16,
                    _ => 4,
                };
                let what = format!("ct {}", other.word().unwrap_or("key"));
                b.regs.store_unknown(dreg, len, &what.as_str().into());
            }
        }
        Step::Next
    }
}

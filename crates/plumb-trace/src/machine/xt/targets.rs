//! What each target does with a packet.

use plumb_model::Protocol;
use plumb_nft::Hook;
use plumb_xtables::Target;
use plumb_xtables::targets::{ConnmarkAction, ConnmarkTarget, Ct, CtZone, CtZoneDirection, NatRange};

use crate::conntrack::nat::{self, NatRequest};
use crate::event::{Answer, NatKind};
use crate::machine::branch::Branch;
use crate::machine::ct::Seen;
use crate::machine::eval::Step;
use crate::machine::ops::Verd;
use crate::machine::queue::To;
use crate::machine::solve::Run;
use crate::packet::Tracking;

/// `NF_NAT_RANGE_*` of a range.
fn flags(r: &NatRange) -> u32 {
    let bit = |on: bool, bit: u32| if on { bit } else { 0 };
    bit(r.addrs.is_some(), 1)
        | bit(r.ports.is_some(), 2)
        | bit(r.random, 4)
        | bit(r.persistent, 8)
        | bit(r.random_fully, 16)
        | bit(r.netmap, 64)
}

impl Run<'_> {
    pub(super) fn act(&mut self, b: &mut Branch, at: u32, t: &Target) -> Step {
        let rule = self.rule_of(b);
        match t {
            Target::Mark(m) => {
                let to = m.apply(b.state.packet.mark);
                self.set_mark(b, to);
                Step::Next
            }
            Target::Connmark(c) => self.connmark(b, c),
            Target::Dnat(d) => self.translate(b, NatKind::Destination, &d.0),
            Target::Snat(s) => self.translate(b, NatKind::Source, &s.0),
            Target::Netmap(n) => {
                let destination = matches!(self.env.hook, Hook::Prerouting | Hook::Output);
                let kind = if destination { NatKind::Destination } else { NatKind::Source };
                let range = NatRange { netmap: true, ..n.0.clone() };
                self.translate(b, kind, &range)
            }
            Target::Masquerade(m) => {
                let ports = m.0.ports.map(|p| (p.min, p.max));
                let done = nat::masquerade(self.env, &mut b.state, ports, flags(&m.0), rule);
                self.translated(b, done)
            }
            Target::Redirect(r) => {
                let ports = r.0.ports.map(|p| (p.min, p.max));
                let done = nat::redirect(self.env, &mut b.state, ports, flags(&r.0), rule);
                self.translated(b, done)
            }
            Target::Reject(r) => {
                let answer = match r.0.icmp() {
                    None if b.state.packet.protocol == Protocol::TCP => Answer::TcpReset,
                    None => Answer::Nothing,
                    Some(_) if b.state.packet.is_icmp_error() => Answer::Nothing,
                    Some((kind, code)) => Answer::Icmp { kind, code },
                };
                self.rejected(b, answer)
            }
            Target::Ct(ct) => self.template(b, ct),
            Target::Notrack(_) => self.notrack(b),
            Target::Dscp(d) => {
                b.state.packet.tos = b.state.packet.tos & 3 | d.0 << 2;
                self.rewritten(b)
            }
            Target::Tos(t) => {
                b.state.packet.tos = (b.state.packet.tos & !t.mask.unwrap_or(0xff)) ^ t.value;
                self.rewritten(b)
            }
            Target::Ttl(t) => {
                b.state.packet.ttl = t.action.apply(b.state.packet.ttl, t.value);
                self.rewritten(b)
            }
            Target::Hl(t) => {
                b.state.packet.ttl = t.action.apply(b.state.packet.ttl, t.value);
                self.rewritten(b)
            }
            Target::Ecn(e) => {
                let p = &mut b.state.packet;
                if let Some(ect) = e.ip_ect {
                    p.tos = p.tos & !3 | ect & 3;
                }
                if p.protocol == Protocol::TCP {
                    for (value, bit) in [(e.tcp_ece, 0x40), (e.tcp_cwr, 0x80)] {
                        match value {
                            Some(true) => p.tcp_flags |= bit,
                            Some(false) => p.tcp_flags &= !bit,
                            None => {}
                        }
                    }
                }
                self.rewritten(b)
            }
            Target::Tcpmss(t) => {
                self.clamp_mss(b, t);
                Step::Next
            }
            Target::Classify(c) => {
                b.state.packet.priority = c.0;
                Step::Next
            }
            // The processor may choose the queue instead of a hash; either is one of them.
            Target::Nfqueue(q) => {
                let to = To { first: q.queue, total: q.total, bypass: q.bypass };
                Step::Verdict(Verd::Queue(to))
            }
            Target::Tproxy(t) => self.xt_tproxy(b, at, t.addr, t.port, t.mark),
            Target::Synproxy(_) => {
                self.pass(b, "xt target \"SYNPROXY\"");
                Step::Next
            }
            Target::Set(s) if s.map.is_some() => {
                self.change_ipsets(b, s);
                self.pass(b, "mark, priority or queue taken from an ipset (xt target \"SET\")");
                Step::Next
            }
            Target::Set(s) => {
                self.change_ipsets(b, s);
                Step::Next
            }
            Target::Tcpoptstrip(t) => {
                t.0.iter().for_each(|kind| b.state.packet.strip_option(*kind));
                self.rewritten(b)
            }
            Target::Log(_)
            | Target::Nflog(_)
            | Target::Audit(_)
            | Target::Trace(_)
            | Target::Checksum(_)
            | Target::Tee(_)
            | Target::Idletimer(_)
            | Target::Secmark(_)
            | Target::Connsecmark(_) => Step::Next,
            other => {
                self.pass(b, format!("xt target \"{}\"", other.name()));
                Step::Next
            }
        }
    }

    fn rewritten(&self, b: &mut Branch) -> Step {
        b.headers = None;
        Step::Next
    }

    fn translate(&mut self, b: &mut Branch, kind: NatKind, r: &NatRange) -> Step {
        let p = &b.state.packet;
        let ports = match (r.ports, r.base_port) {
            // Shifted: the distance from the base port is kept, within the range.
            (Some(range), Some(base)) => {
                let size = u32::from(range.max).saturating_sub(range.min.into()) + 1;
                let port = if kind == NatKind::Source { p.sport } else { p.dport };
                let shifted = u32::from(range.min) + u32::from(port.wrapping_sub(base)) % size;
                u16::try_from(shifted).ok().map(|port| (port, port))
            }
            (ports, _) => ports.map(|p| (p.min, p.max)),
        };
        let request =
            NatRequest { kind, addrs: r.addrs, ports, flags: flags(r), rule: Some(self.rule_of(b)) };
        let done = nat::setup(self.env, &mut b.state, &request);
        self.translated(b, done)
    }

    /// `connmark_tg_shift`
    fn connmark(&mut self, b: &mut Branch, t: &ConnmarkTarget) -> Step {
        let Seen::Entry(entry, c, _) = self.seen(b) else { return Step::Next };
        let old = c.mark;
        let shift = |v: u32| {
            let n = u32::from(t.shift.unsigned_abs());
            if t.shift < 0 { v.checked_shr(n) } else { v.checked_shl(n) }.unwrap_or(0)
        };
        let new = match t.action {
            ConnmarkAction::Set => shift((old & !t.ctmask) ^ t.ctmark),
            ConnmarkAction::Save => (old & !t.ctmask) ^ shift(b.state.packet.mark & t.nfmask),
            ConnmarkAction::Restore => {
                let to = (b.state.packet.mark & !t.nfmask) ^ shift(old & t.ctmask);
                self.set_mark(b, to);
                return Step::Next;
            }
        };
        if let Some(c) = b.state.world.conntrack.get_mut(entry) {
            c.mark = new;
        }
        Step::Next
    }

    /// `xt_ct_target`
    fn template(&mut self, b: &mut Branch, ct: &Ct) -> Step {
        if !matches!(self.seen(b), Seen::Nothing) {
            return Step::Next;
        }
        if ct.notrack {
            b.state.packet.tracking = Tracking::Untracked;
            return Step::Next;
        }
        let (zone, direction) = ct.zone.unwrap_or((CtZone::Number(0), CtZoneDirection::Both));
        let number = match zone {
            CtZone::Number(n) => n,
            CtZone::FromMark => (b.state.packet.mark & 0xffff) as u16,
        };
        b.state.packet.zone = Some((
            number,
            match direction {
                CtZoneDirection::Both => None,
                CtZoneDirection::Original => Some(false),
                CtZoneDirection::Reply => Some(true),
            },
        ));
        Step::Next
    }
}

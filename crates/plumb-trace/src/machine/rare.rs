//! Expressions that are carried out from their decoded form.

use plumb_model::{IpFamily, Protocol};
use plumb_nft::{Expr, Hook, RejectType, RtKey};

use super::branch::Branch;
use super::compile::at as offset_of;
use super::draw::{Draw, Sticky};
use super::eval::{BREAK, Step, when};
use super::ops::Verd;
use super::solve::Run;
use crate::event::{Answer, Decider, NatKind, Stop};
use crate::hash::{jhash, scale};
use crate::state::RuleRef;

impl Run<'_> {
    pub(super) fn rare(&mut self, b: &mut Branch, at: u32, expr: &Expr) -> Step {
        match expr {
            Expr::Bitwise { sreg, dreg, len, op } => {
                self.bitwise(b, at, offset_of(*sreg), offset_of(*dreg), *len as usize, op)
            }
            Expr::Byteorder { sreg, dreg, len, size, .. } => {
                self.byteorder(b, at, offset_of(*sreg), offset_of(*dreg), *len as usize, *size as usize)
            }
            Expr::MetaSet { key, sreg } => self.meta_set(b, at, *key, offset_of(*sreg)),
            Expr::CtSet { key, sreg, direction } => self.ct_set(b, at, *key, offset_of(*sreg), *direction),
            Expr::PayloadWrite { sreg, base, offset, len, .. } => {
                self.write(b, at, offset_of(*sreg), *base, *offset as usize, *len as usize)
            }
            Expr::Snat { family, range } => self.nat(b, at, NatKind::Source, *family, range),
            Expr::Dnat { family, range } => self.nat(b, at, NatKind::Destination, *family, range),
            Expr::Masq { flags, port_min, port_max } => self.masquerade(b, at, *flags, *port_min, *port_max),
            Expr::Redir { flags, port_min, port_max } => self.redirect(b, at, *flags, *port_min, *port_max),
            Expr::Reject { kind, code } => self.reject(b, *kind, *code),
            Expr::Limit(limit) => self.limit(b, at, limit),
            Expr::Quota { bytes, consumed, flags } => self.quota(b, at, *bytes, *consumed, *flags),
            Expr::Connlimit { count, flags } => self.connections(b, at, *count, *flags),
            Expr::Numgen { dreg, modulus, random, offset } => {
                let dreg = offset_of(*dreg);
                if *random {
                    return self.draw(b, dreg, Draw::new(u64::from(*modulus), *offset, None));
                }
                let sticky = Sticky { rule: self.rule_of(b), slot: self.slot(b, at) };
                self.counting(b, dreg, *modulus, *offset, sticky)
            }
            Expr::Jhash { sreg, dreg, len, modulus, seed, offset } => self.jenkins(
                b,
                at,
                offset_of(*sreg),
                offset_of(*dreg),
                *len as usize,
                (*modulus, *seed, *offset),
            ),
            Expr::Symhash { dreg, modulus, offset } => {
                let flow = flow_hash(b);
                self.fixed(b, offset_of(*dreg), *modulus, *offset, flow)
            }
            Expr::Fib { dreg, result, flags } => self.fib(b, offset_of(*dreg), *result, *flags),
            Expr::Notrack => self.notrack(b),
            Expr::Socket { key, dreg, .. } => self.socket(b, *key, offset_of(*dreg)),
            Expr::Exthdr { dreg, kind, offset, len, flags, op } => {
                let bytes = (*offset as usize, *len as usize);
                self.extension(b, offset_of(*dreg), *kind, bytes, *flags, *op)
            }
            Expr::ExthdrReset { op: 1, kind } if b.state.packet.protocol == Protocol::TCP => {
                b.state.packet.strip_option(*kind);
                b.headers = None;
                Step::Next
            }
            Expr::ExthdrWrite { op: 1, kind: 2, sreg, offset: 2, len: 2, .. } => {
                self.set_mss(b, offset_of(*sreg))
            }
            Expr::ExthdrWrite { op, .. } | Expr::ExthdrReset { op, .. } => {
                when(*op != 1 || b.state.packet.protocol == Protocol::TCP)
            }
            Expr::Rt { key, dreg } => {
                let dreg = offset_of(*dreg);
                match key {
                    RtKey::Xfrm => b.regs.store(dreg, &[0]),
                    // `rt_nexthop`, `rt6_nexthop`: before it is routed a packet has none.
                    RtKey::Nexthop4 | RtKey::Nexthop6 => {
                        let v4 = self.env.family == IpFamily::V4;
                        let hop = match self.env.hook {
                            Hook::Prerouting | Hook::Ingress => None,
                            Hook::Input => Some(b.state.packet.dst),
                            _ => self.env.next_hop,
                        };
                        let Some(hop) = hop.filter(|_| v4 == (*key == RtKey::Nexthop4)) else { return BREAK };
                        b.regs.store(dreg, &super::load::octets(hop));
                    }
                    RtKey::Tcpmss => self.rt_mss(b, dreg),
                    key => {
                        let what = format!("rt {}", key.word().unwrap_or("key"));
                        b.regs.store_unknown(dreg, 4, &what.as_str().into());
                    }
                }
                Step::Next
            }
            // No packet of the walk was or will be transformed by IPsec.
            Expr::Xfrm { .. } => BREAK,
            Expr::Osf { dreg, .. } => {
                if b.state.packet.protocol != Protocol::TCP {
                    return BREAK;
                }
                b.regs.store_unknown(
                    offset_of(*dreg),
                    16,
                    &"fingerprint of the sender's system (osf)".into(),
                );
                Step::Next
            }
            Expr::Queue { num, total, flags, sreg } => {
                match self.queue_numbers(b, *num, *total, *flags, sreg.map(offset_of)) {
                    Some(to) => Step::Verdict(Verd::Queue(to)),
                    None => {
                        self.pass(b, "the number of a queue");
                        Step::Verdict(Verd::Accept)
                    }
                }
            }
            Expr::Tproxy { .. } => self.tproxy(b, at, expr),
            Expr::Synproxy { .. } => self.synproxy(b),
            Expr::Fwd { .. } => {
                self.pass(b, "fwd: the packet leaves by another device");
                Step::Verdict(Verd::Accept)
            }
            Expr::Counter { .. }
            | Expr::Last { .. }
            | Expr::Log { .. }
            | Expr::Dup { .. }
            | Expr::FlowOffload { .. } => Step::Next,
            other => {
                self.pass(b, format!("expression {other:?}"));
                Step::Next
            }
        }
    }

    /// Number of an operation within its rule: tells draws of one rule apart.
    pub(super) fn slot(&self, b: &Branch, at: u32) -> u32 {
        at.wrapping_sub(self.nf.rules.get(b.rule as usize).map_or(0, |r| r.start))
    }

    /// `nft_reject_*_eval`
    fn reject(&mut self, b: &mut Branch, kind: RejectType, code: u8) -> Step {
        let v4 = self.env.family == IpFamily::V4;
        let error = |code| Answer::Icmp { kind: if v4 { 3 } else { 1 }, code };
        let answer = match kind {
            RejectType::TcpRst if b.state.packet.protocol == Protocol::TCP => Answer::TcpReset,
            RejectType::TcpRst => Answer::Nothing,
            _ if b.state.packet.is_icmp_error() => Answer::Nothing,
            RejectType::IcmpUnreach => error(code),
            // nft_reject_icmp_code, nft_reject_icmpv6_code
            RejectType::IcmpxUnreach => error(match (v4, code) {
                (true, 0) => 0,
                (true, 1) => 3,
                (true, 2) => 1,
                (true, _) => 13,
                (false, 0) => 0,
                (false, 1) => 4,
                (false, 2) => 3,
                (false, _) => 1,
            }),
            _ => Answer::Nothing,
        };
        self.rejected(b, answer)
    }

    pub(super) fn rejected(&self, b: &Branch, answer: Answer) -> Step {
        let by = Decider::Rule(self.rule_of(b));
        let hook = self.env.hook;
        let looped = || self.device(self.env.iif).is_some_and(|d| d.loopback);
        Step::Stop(Stop::Rejected { by, hook, answer, routed: hook != Hook::Prerouting || looped() })
    }

    /// A counter that starts anywhere and counts on (`nft_ng_inc_gen`).
    pub(super) fn counting(
        &mut self,
        b: &mut Branch,
        dreg: u8,
        modulus: u32,
        offset: u32,
        sticky: Sticky,
    ) -> Step {
        match phase(b, sticky) {
            Some(last) => {
                let next = if last + 1 < u64::from(modulus) { last + 1 } else { 0 };
                super::split::remember(b, sticky, next);
                b.regs.store4(dreg, (next as u32).wrapping_add(offset));
                Step::Next
            }
            None => self.draw(b, dreg, Draw::new(u64::from(modulus), offset, Some(sticky))),
        }
    }

    /// A hash with a seed that is not known: any value, but the same one for the same input.
    fn fixed(&mut self, b: &mut Branch, dreg: u8, modulus: u32, offset: u32, input: (u32, u32)) -> Step {
        let rule = RuleRef { ns: self.nf.ns, table: u32::MAX, chain: modulus, rule: input.0 };
        let sticky = Sticky { rule, slot: input.1 };
        match phase(b, sticky) {
            Some(value) => {
                b.regs.store4(dreg, (value as u32).wrapping_add(offset));
                Step::Next
            }
            None => self.draw(b, dreg, Draw::new(u64::from(modulus), offset, Some(sticky))),
        }
    }

    /// `nft_jhash_eval`
    fn jenkins(
        &mut self,
        b: &mut Branch,
        at: u32,
        sreg: u8,
        dreg: u8,
        len: usize,
        (modulus, seed, offset): (u32, Option<u32>, u32),
    ) -> Step {
        if let Some(step) = self.resolve(b, at, sreg, len) {
            return step;
        }
        if !b.regs.known(sreg, len) {
            let why = b.regs.why(sreg, len).cloned().unwrap_or_else(|| "a register".into());
            b.regs.store_unknown(dreg, 4, &why);
            return Step::Next;
        }
        let bytes = b.regs.raw(sreg, len);
        match seed {
            Some(seed) => {
                let value = scale(jhash(bytes, seed), modulus).wrapping_add(offset);
                b.regs.store4(dreg, value);
                Step::Next
            }
            // The kernel chose the seed of this rule itself.
            None => {
                let rule = self.rule_of(b);
                let input =
                    (jhash(bytes, rule.rule), jhash(bytes, rule.chain ^ rule.table << 16 ^ 0x9e37_79b9));
                self.fixed(b, dreg, modulus, offset, input)
            }
        }
    }
}

fn phase(b: &Branch, sticky: Sticky) -> Option<u64> {
    let phases = &b.state.world.phases;
    phases.iter().find(|(rule, slot, _)| *rule == sticky.rule && *slot == sticky.slot).map(|(_, _, v)| *v)
}

/// A number for the flow that is the same in both directions (`__skb_get_hash_symmetric`).
fn flow_hash(b: &Branch) -> (u32, u32) {
    let p = &b.state.packet;
    let end = |addr, port: u16| {
        let mut v = super::load::octets(addr).to_vec();
        v.extend_from_slice(&port.to_be_bytes());
        v
    };
    let mut ends = [end(p.src, p.sport), end(p.dst, p.dport)];
    ends.sort();
    let mut all = ends.concat();
    all.push(p.protocol.0);
    (jhash(&all, 1), jhash(&all, 2))
}

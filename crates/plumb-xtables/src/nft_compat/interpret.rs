//! One rule: expressions in, iptables' view of them out.

use plumb_nft::{
    BitwiseOp, ChainRef, CmpOp, Data, Expr, MetaKey, PayloadBase, Register, Verdict as NftVerdict,
};
use thiserror::Error;

use super::values::{Ports, address, be16, free, iface, le32, name, port_range};
use crate::matches::{Limit, Mark, Match, Tcp, Udp};
use crate::rule::{Action, Verdict, XtRule};
use crate::targets::{Nflog, Target, Trace};
use crate::types::{Inv, Masked, PortRange, XtFamily};

/// Why a rule is none of iptables-nft's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "expression {index} of the rule is none that iptables-nft writes: {what}; print the rule as nft does"
)]
pub struct NotXtables {
    /// Which expression, from 0.
    pub index: usize,
    /// What is odd about it.
    pub what: String,
}

/// Reads a rule of iptables-nft back.
///
/// # Errors
/// If an expression, or the place where it stands, is none that iptables-nft writes.
pub fn xtables_rule(family: XtFamily, chain: &str, exprs: &[Expr]) -> Result<XtRule, NotXtables> {
    let mut reader = Reader::new(family, chain);
    for (index, expr) in exprs.iter().enumerate() {
        reader.step(expr).map_err(|what| NotXtables { index, what })?;
    }
    reader.nothing_pending().map_err(|what| NotXtables { index: exprs.len(), what })?;
    Ok(reader.rule)
}

/// What a register was loaded with.
#[derive(Clone, Debug)]
enum Source {
    Meta(MetaKey),
    Payload(PayloadBase, u32, u32),
    Constant(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Loaded {
    register: Register,
    what: Source,
    mask: Option<Vec<u8>>,
}

struct Reader {
    rule: XtRule,
    pending: Option<Loaded>,
    /// Places of the `tcp` and `udp` matches that native expressions add to.
    tcp: Option<usize>,
    udp: Option<usize>,
}

const NO_PROTOCOL: &str = "ports without `-p tcp` or `-p udp` before them";

impl Reader {
    fn new(family: XtFamily, chain: &str) -> Self {
        Self { rule: XtRule::new(family, chain), pending: None, tcp: None, udp: None }
    }

    fn step(&mut self, expr: &Expr) -> Result<(), String> {
        if matches!(expr, Expr::Counter { .. }) {
            return Ok(());
        }
        if self.rule.action.is_some() {
            return Err(format!("{} after the verdict or target", name(expr)));
        }
        match expr {
            Expr::Meta { key, dreg } => self.load(*dreg, Source::Meta(*key)),
            Expr::Payload { dreg, base, offset, len } => {
                self.load(*dreg, Source::Payload(*base, *offset, *len))
            }
            Expr::Bitwise { sreg, dreg, op: BitwiseOp::Bool { mask, xor }, .. } => {
                self.mask(*sreg, *dreg, mask, xor)
            }
            Expr::Cmp { sreg, op, data } => self.compare(*sreg, *op, data),
            Expr::Range { sreg, op, from, to } => self.range(*sreg, *op, from, to),
            Expr::Immediate { data: Data::Verdict(v), .. } => self.verdict(v),
            Expr::Immediate { dreg, data: Data::Value(v) } => self.load(*dreg, Source::Constant(v.to_vec())),
            Expr::MetaSet { key: MetaKey::Nftrace, sreg } => match self.take(*sreg)?.what {
                Source::Constant(v) if v.first() == Some(&1) => {
                    self.act(Action::Target(Target::Trace(Trace {})))
                }
                what => Err(format!("nftrace is set to {what:?}")),
            },
            Expr::Limit(l) => self.limit(l),
            Expr::Log { prefix, group: Some(group), snaplen, qthreshold, .. } => {
                self.act(Action::Target(Target::Nflog(Nflog {
                    group: *group,
                    prefix: prefix.clone().unwrap_or_default(),
                    size: snaplen.filter(|n| *n != 0),
                    range: None,
                    threshold: qthreshold.unwrap_or(0),
                })))
            }
            Expr::Match { name, revision, info } => {
                self.rule.matches.push(Match::decode(name, *revision, self.rule.family, info));
                Ok(())
            }
            Expr::Target { name, revision, info } => {
                self.act(Action::Target(Target::decode(name, *revision, self.rule.family, info)))
            }
            other => Err(name(other)),
        }
    }

    fn load(&mut self, register: Register, what: Source) -> Result<(), String> {
        self.nothing_pending()?;
        self.pending = Some(Loaded { register, what, mask: None });
        Ok(())
    }

    /// For `-i +`, which every interface matches, iptables-nft loads the name and compares nothing.
    fn nothing_pending(&mut self) -> Result<(), String> {
        match self.pending.take() {
            None | Some(Loaded { what: Source::Meta(MetaKey::Iifname | MetaKey::Oifname), .. }) => Ok(()),
            Some(loaded) => Err(format!("{:?} is loaded and not compared", loaded.what)),
        }
    }

    fn take(&mut self, register: Register) -> Result<Loaded, String> {
        self.pending
            .take()
            .filter(|l| l.register == register)
            .ok_or_else(|| format!("register {} is used and was not loaded", register.0))
    }

    fn mask(&mut self, sreg: Register, dreg: Register, mask: &[u8], xor: &[u8]) -> Result<(), String> {
        let loaded = self.take(sreg)?;
        if loaded.mask.is_some() || xor.iter().any(|b| *b != 0) {
            return Err("a bitwise expression that does more than mask".to_owned());
        }
        self.pending = Some(Loaded { register: dreg, mask: Some(mask.to_vec()), ..loaded });
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        self.nothing_pending()?;
        self.rule.action = Some(action);
        Ok(())
    }

    fn verdict(&mut self, verdict: &NftVerdict) -> Result<(), String> {
        self.act(match verdict {
            NftVerdict::Accept => Action::Verdict(Verdict::Accept),
            NftVerdict::Drop => Action::Verdict(Verdict::Drop),
            NftVerdict::Return => Action::Verdict(Verdict::Return),
            NftVerdict::Jump(ChainRef::Name(chain)) => Action::Jump(chain.clone()),
            NftVerdict::Goto(ChainRef::Name(chain)) => Action::Goto(chain.clone()),
            other => return Err(format!("verdict {other:?}")),
        })
    }

    fn limit(&mut self, l: &plumb_nft::Limit) -> Result<(), String> {
        if l.bytes || l.over {
            return Err("a limit on bytes, or one that is exceeded".to_owned());
        }
        let period = l.unit.saturating_mul(10_000).checked_div(l.rate).ok_or("a limit with rate 0")?;
        let period = u32::try_from(period).map_err(|_| "a limit slower than iptables can tell")?;
        self.rule.matches.push(Match::Limit(Limit { period, burst: l.burst }));
        Ok(())
    }

    fn compare(&mut self, register: Register, op: CmpOp, data: &[u8]) -> Result<(), String> {
        let loaded = self.take(register)?;
        if let (Source::Payload(PayloadBase::Transport, offset @ (0 | 2), 2), None) =
            (&loaded.what, &loaded.mask)
        {
            return self.port(*offset, port_range(op, be16(data)?)?);
        }
        if let (Source::Payload(PayloadBase::Transport, 0, 4), None) = (&loaded.what, &loaded.mask) {
            return self.both_ports(op, data);
        }
        let invert = match op {
            CmpOp::Eq => false,
            CmpOp::Neq => true,
            other => return Err(format!("comparison {} of {:?}", other.word().unwrap_or("?"), loaded.what)),
        };
        match (&loaded.what, loaded.mask) {
            (Source::Meta(MetaKey::Iifname), None) => {
                set(&mut self.rule.in_iface, iface(data, invert), "iifname")
            }
            (Source::Meta(MetaKey::Oifname), None) => {
                set(&mut self.rule.out_iface, iface(data, invert), "oifname")
            }
            (Source::Meta(MetaKey::L4proto), None) => self.proto(data, invert),
            (Source::Meta(MetaKey::Mark), mask) => {
                let (value, mask) = (le32(data)?, mask.map_or(Ok(u32::MAX), |m| le32(&m))?);
                self.rule.matches.push(Match::Mark(Mark(Inv::new(Masked { value, mask }, invert))));
                Ok(())
            }
            (Source::Payload(PayloadBase::Network, offset, len), mask) => {
                self.network_header(*offset, *len, mask, data, invert)
            }
            (Source::Payload(PayloadBase::Transport, 13, 1), mask) => {
                let mask = mask.as_ref().map_or(Some(&0xff), |m| m.first());
                let (mask, flags) = mask.zip(data.first()).ok_or("an empty comparison")?;
                let (mask, flags) = (*mask, Inv::new(*flags, invert));
                self.tcp_option(|t| t.flags_mask == 0, |t| (t.flags_mask, t.flags) = (mask, flags))
            }
            (what, _) => Err(format!("a comparison of {what:?}")),
        }
    }

    /// Both ports in one comparison, which is not that of each where it is negated.
    fn both_ports(&mut self, op: CmpOp, data: &[u8]) -> Result<(), String> {
        if !matches!(op, CmpOp::Eq | CmpOp::Neq) {
            return Err(format!("comparison {op:?} of both ports"));
        }
        let (sport, dport) = data.split_at_checked(2).ok_or("two ports of less than four bytes")?;
        let (sport, dport) = (port_range(op, be16(sport)?)?, port_range(op, be16(dport)?)?);
        let pair = op == CmpOp::Neq;
        match self.rule.proto {
            Some(Inv { value: 6, invert: false }) => {
                let both = |t: &Tcp| free(&t.sport) && free(&t.dport);
                self.tcp_option(both, |t| (t.sport, t.dport, t.as_pair) = (sport, dport, pair))
            }
            Some(Inv { value: 17, invert: false }) => {
                let both = |u: &Udp| free(&u.sport) && free(&u.dport);
                self.udp_option(both, |u| (u.sport, u.dport, u.as_pair) = (sport, dport, pair))
            }
            _ => Err(NO_PROTOCOL.to_owned()),
        }
    }

    fn network_header(
        &mut self,
        offset: u32,
        len: u32,
        mask: Option<Vec<u8>>,
        data: &[u8],
        invert: bool,
    ) -> Result<(), String> {
        let odd = || format!("a comparison of {len} bytes at offset {offset} of the network header");
        let family = self.rule.family;
        match (family, offset, len) {
            (XtFamily::Ip, 6, 2) if mask.as_deref() == Some(&[0x1f, 0xff]) && data == [0, 0] => {
                // The comparison is with offset 0: what differs from it is a further fragment.
                set(&mut self.rule.fragment, Inv::new((), !invert), "fragment offset")
            }
            (XtFamily::Ip, 9, 1) | (XtFamily::Ip6, 6, 1) if mask.is_none() => self.proto(data, invert),
            (XtFamily::Ip, 12, 1..=4) | (XtFamily::Ip6, 8, 1..=16) => {
                let net = address(family, len, mask, data).ok_or_else(odd)?;
                set(&mut self.rule.src, Inv::new(net, invert), "source address")
            }
            (XtFamily::Ip, 16, 1..=4) | (XtFamily::Ip6, 24, 1..=16) => {
                let net = address(family, len, mask, data).ok_or_else(odd)?;
                set(&mut self.rule.dst, Inv::new(net, invert), "destination address")
            }
            _ => Err(odd()),
        }
    }

    fn proto(&mut self, data: &[u8], invert: bool) -> Result<(), String> {
        let number = *data.first().ok_or("an empty comparison")?;
        set(&mut self.rule.proto, Inv::new(number, invert), "protocol")
    }

    fn range(&mut self, register: Register, op: CmpOp, from: &[u8], to: &[u8]) -> Result<(), String> {
        let loaded = self.take(register)?;
        let invert = op == CmpOp::Neq;
        match (loaded.what, loaded.mask, op) {
            (Source::Payload(PayloadBase::Transport, offset @ (0 | 2), 2), None, CmpOp::Eq | CmpOp::Neq) => {
                self.port(offset, Inv::new(PortRange { min: be16(from)?, max: be16(to)? }, invert))
            }
            (what, ..) => Err(format!("a range of {what:?}")),
        }
    }

    fn port(&mut self, offset: u32, ports: Ports) -> Result<(), String> {
        match self.rule.proto {
            Some(Inv { value: 6, invert: false }) if offset == 0 => {
                self.tcp_option(|t| free(&t.sport), |t| t.sport = ports)
            }
            Some(Inv { value: 6, invert: false }) => self.tcp_option(|t| free(&t.dport), |t| t.dport = ports),
            Some(Inv { value: 17, invert: false }) if offset == 0 => {
                self.udp_option(|u| free(&u.sport), |u| u.sport = ports)
            }
            Some(Inv { value: 17, invert: false }) => {
                self.udp_option(|u| free(&u.dport), |u| u.dport = ports)
            }
            _ => Err(NO_PROTOCOL.to_owned()),
        }
    }

    /// Adds to the `tcp` match that is being collected, if it does not ask for the same yet; else begins a new one.
    fn tcp_option(
        &mut self,
        free: impl Fn(&Tcp) -> bool,
        change: impl FnOnce(&mut Tcp),
    ) -> Result<(), String> {
        if self.rule.proto != Some(Inv::new(6, false)) {
            return Err("TCP flags without `-p tcp` before them".to_owned());
        }
        if let Some(Match::Tcp(t)) = self.tcp.and_then(|i| self.rule.matches.get_mut(i))
            && free(t)
        {
            change(t);
            return Ok(());
        }
        let mut tcp = Tcp::default();
        change(&mut tcp);
        self.tcp = Some(self.rule.matches.len());
        self.rule.matches.push(Match::Tcp(tcp));
        Ok(())
    }

    /// The same for `udp`.
    fn udp_option(
        &mut self,
        free: impl Fn(&Udp) -> bool,
        change: impl FnOnce(&mut Udp),
    ) -> Result<(), String> {
        if let Some(Match::Udp(u)) = self.udp.and_then(|i| self.rule.matches.get_mut(i))
            && free(u)
        {
            change(u);
            return Ok(());
        }
        let mut udp = Udp::default();
        change(&mut udp);
        self.udp = Some(self.rule.matches.len());
        self.rule.matches.push(Match::Udp(udp));
        Ok(())
    }
}

/// Notes a condition that a rule can have only once.
fn set<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match slot.replace(value) {
        Some(_) => Err(format!("a second comparison of the {what}")),
        None => Ok(()),
    }
}

//! Translations that rules ask for (nft_nat.c, nft_masq.c, nft_redir.c).

use std::net::IpAddr;

use plumb_model::IpFamily;
use plumb_nft::{Family, NatRange, Register};

use super::branch::Branch;
use super::compile::at;
use super::eval::Step;
use super::ops::Verd;
use super::solve::Run;
use crate::conntrack::nat::{self, NatRequest};
use crate::event::{NatKind, Stop};

/// First and last port, big-endian in their registers.
type Ports = Option<(u16, u16)>;

impl Run<'_> {
    fn port(b: &Branch, register: Register) -> u16 {
        match b.regs.raw(at(register), 2) {
            [hi, lo] => u16::from_be_bytes([*hi, *lo]),
            _ => 0,
        }
    }

    fn ports(b: &Branch, min: Option<Register>, max: Option<Register>) -> Ports {
        let min = min?;
        Some((Self::port(b, min), Self::port(b, max.unwrap_or(min))))
    }

    fn address(&self, b: &Branch, register: Register) -> Option<IpAddr> {
        match self.env.family {
            IpFamily::V4 => <[u8; 4]>::try_from(b.regs.raw(at(register), 4)).ok().map(IpAddr::from),
            IpFamily::V6 => <[u8; 16]>::try_from(b.regs.raw(at(register), 16)).ok().map(IpAddr::from),
        }
    }

    /// Makes registers that hold draws known, one branch a value; or says what is unknown in them.
    fn settle_registers(
        &mut self,
        b: &mut Branch,
        op: u32,
        registers: &[(Option<Register>, usize)],
    ) -> Option<Step> {
        for (register, len) in registers {
            let Some(register) = register else { continue };
            if let Some(step) = self.resolve(b, op, at(*register), *len) {
                return Some(step);
            }
            if !b.regs.known(at(*register), *len) {
                let why = b.regs.why(at(*register), *len).map_or_else(String::new, ToString::to_string);
                self.pass(b, format!("address or port of a translation: {why}"));
                return Some(Step::Verdict(Verd::Accept));
            }
        }
        None
    }

    /// `nft_nat_eval`
    pub(super) fn nat(
        &mut self,
        b: &mut Branch,
        op: u32,
        kind: NatKind,
        family: Family,
        r: &NatRange,
    ) -> Step {
        // nft_nat_inet_eval: a translation for the other family does nothing.
        let mine = match self.env.family {
            IpFamily::V4 => Family::Ip,
            IpFamily::V6 => Family::Ip6,
        };
        if family != mine && family != Family::Inet {
            return Step::Next;
        }
        let len = if self.env.family == IpFamily::V4 { 4 } else { 16 };
        let registers = [(r.addr_min, len), (r.addr_max, len), (r.port_min, 2), (r.port_max, 2)];
        if let Some(step) = self.settle_registers(b, op, &registers) {
            return step;
        }
        let addrs = r
            .addr_min
            .and_then(|min| Some((self.address(b, min)?, self.address(b, r.addr_max.unwrap_or(min))?)));
        let request = NatRequest {
            kind,
            addrs,
            ports: Self::ports(b, r.port_min, r.port_max),
            flags: r.flags,
            rule: Some(self.rule_of(b)),
        };
        let done = nat::setup(self.env, &mut b.state, &request);
        self.translated(b, done)
    }

    /// `nft_masq_eval`
    pub(super) fn masquerade(
        &mut self,
        b: &mut Branch,
        op: u32,
        flags: u32,
        min: Option<Register>,
        max: Option<Register>,
    ) -> Step {
        if let Some(step) = self.settle_registers(b, op, &[(min, 2), (max, 2)]) {
            return step;
        }
        let (ports, rule) = (Self::ports(b, min, max), self.rule_of(b));
        let done = nat::masquerade(self.env, &mut b.state, ports, flags, rule);
        self.translated(b, done)
    }

    /// `nft_redir_eval`
    pub(super) fn redirect(
        &mut self,
        b: &mut Branch,
        op: u32,
        flags: u32,
        min: Option<Register>,
        max: Option<Register>,
    ) -> Step {
        if let Some(step) = self.settle_registers(b, op, &[(min, 2), (max, 2)]) {
            return step;
        }
        let (ports, rule) = (Self::ports(b, min, max), self.rule_of(b));
        let done = nat::redirect(self.env, &mut b.state, ports, flags, rule);
        self.translated(b, done)
    }

    /// The verdict of a translation: accept, or the packet ends.
    pub(super) fn translated(&mut self, b: &mut Branch, done: Result<(), Stop>) -> Step {
        b.headers = None;
        match done {
            Ok(()) => Step::Verdict(Verd::Accept),
            Err(stop) => Step::Stop(stop),
        }
    }
}

//! The sockets that packets belong to or are handed to: `tproxy`, `socket` and their xtables forms
//! (nf_tproxy_ipv4.c, nf_socket_ipv4.c and their IPv6 counterparts; xt_TPROXY.c, nft_tproxy.c, xt_socket.c, nft_socket.c).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol, Socket, SocketState, Tuple};
use plumb_nft::{Expr, Family, SocketKey};
use plumb_xtables::{Masked, matches};
use smallvec::SmallVec;

use super::branch::Branch;
use super::compile::at as offset_of;
use super::ct::Seen;
use super::eval::{BREAK, Step};
use super::ops::Verd;
use super::solve::Run;
use super::xt::Says;
use crate::network::inverse;
use crate::packet::{CtState, PacketSocket, tcp_flags};
use crate::share::Share;

/// What could not be read.
const NOT_READ: &str = "the sockets, which could not be read";
const NOT_TOLD: &str = "whether a socket is transparent, which the kernel did not say";

/// What rules can ask of a socket.
struct Asked {
    /// A whole socket, and none of a connection that is being opened or was closed (`sk_fullsock`).
    full: bool,
    wildcard: bool,
    transparent: Option<bool>,
    mark: Option<u32>,
}

impl Asked {
    fn of(s: &Socket) -> Self {
        Self {
            full: s.state != SocketState::TimeWait && s.state != SocketState::NewSynRecv,
            wildcard: s.src.is_unspecified(),
            transparent: s.transparent,
            mark: s.mark,
        }
    }

    /// The socket of the flow's client, which is connected.
    fn client() -> Self {
        Self { full: true, wildcard: false, transparent: Some(false), mark: Some(0) }
    }
}

impl Run<'_> {
    fn socket_at(&self, index: u32) -> Option<&Socket> {
        self.env.namespace.sockets.items().get(index as usize)
    }

    /// The socket that a packet bears, else the one that a look-up finds (`nf_sk_lookup_slow_v4`, `…_v6`).
    fn socket_of(&self, b: &Branch) -> Result<Option<Asked>, &'static str> {
        let p = &b.state.packet;
        match p.socket {
            Some(PacketSocket::Client) => return Ok(Some(Asked::client())),
            Some(PacketSocket::Of(i)) => return Ok(self.socket_at(i).map(Asked::of)),
            Some(PacketSocket::Request(i)) => {
                return Ok(self.socket_at(i).map(|s| Asked { full: false, ..Asked::of(s) }));
            }
            None => {}
        }
        let mut tuple = match (p.protocol, &p.inner) {
            (Protocol::TCP | Protocol::UDP, _) => p.tuple(),
            // An error is for whoever sent the packet that it is about.
            (_, Some(inner)) if p.is_icmp_error() => inverse(inner),
            _ => return Ok(None),
        };
        // A reply to a connection whose source was translated: its socket knows the address before.
        if p.family == IpFamily::V4
            && let Seen::Entry(_, c, info) = self.seen(b)
            && info.reply
            && info.state != CtState::New
            && c.status & crate::conntrack::SRC_NAT_DONE != 0
        {
            (tuple.dst, tuple.dport) = (c.original.src, c.original.sport);
        }
        let ns = self.env.ns;
        if b.state.world.client.as_ref().is_some_and(|(n, sent)| *n == ns && inverse(sent) == tuple) {
            return Ok(Some(Asked::client()));
        }
        let lookups = self.env.lookups;
        let found = match lookups.connected(ns, &tuple, self.env.iif).ok_or(NOT_READ)? {
            Some(i) => Some(i),
            None => lookups.listeners(ns, &tuple, self.env.iif).ok_or(NOT_READ)?.first().copied(),
        };
        Ok(found.and_then(|i| self.env.namespace.sockets.items().get(i)).map(Asked::of))
    }

    /// `socket_match`
    pub(super) fn xt_socket(&mut self, b: &mut Branch, m: &matches::Socket) -> Says {
        let socket = match self.socket_of(b) {
            Ok(Some(socket)) => socket,
            Ok(None) => return Says::No,
            Err(what) => return Says::Unknown(what.to_owned()),
        };
        if !m.nowildcard && socket.full && socket.wildcard {
            return Says::No;
        }
        match socket.transparent {
            _ if !m.transparent => {}
            Some(true) => {}
            Some(false) => return Says::No,
            None => return Says::Unknown(NOT_TOLD.to_owned()),
        }
        if m.restore_skmark && socket.full {
            match socket.mark {
                Some(mark) => self.set_mark(b, mark),
                None => self.pass(b, "the mark of a socket, which the kernel did not say"),
            }
        }
        Says::Yes
    }

    /// `nft_socket_eval`
    pub(super) fn socket(&mut self, b: &mut Branch, key: SocketKey, dreg: u8) -> Step {
        let unknown = |b: &mut Branch, len, what: &str| {
            b.regs.store_unknown(dreg, len, &what.into());
            Step::Next
        };
        let len = if key == SocketKey::Cgroupv2 { 8 } else { 4 };
        let socket = match self.socket_of(b) {
            Ok(Some(socket)) => socket,
            Ok(None) => return BREAK,
            Err(what) => return unknown(b, len, what),
        };
        match (key, socket.transparent, socket.mark) {
            (SocketKey::Transparent, Some(is), _) => b.regs.store(dreg, &[u8::from(is)]),
            (SocketKey::Transparent, None, _) => return unknown(b, 1, NOT_TOLD),
            (SocketKey::Mark | SocketKey::Wildcard, ..) if !socket.full => return BREAK,
            (SocketKey::Mark, _, Some(mark)) => b.regs.store4(dreg, mark),
            (SocketKey::Wildcard, ..) => b.regs.store(dreg, &[u8::from(socket.wildcard)]),
            _ => return unknown(b, len, &format!("socket {}", key.word().unwrap_or("key"))),
        }
        Step::Next
    }

    /// The sockets that a packet may be handed to: that of its connection, else listeners at the address and port asked for
    /// (`nf_tproxy_get_sock_v4`), those of them that are transparent.
    fn handed_to(
        &self,
        b: &Branch,
        addr: Option<IpAddr>,
        port: u16,
    ) -> Result<SmallVec<[usize; 2]>, &'static str> {
        let (p, ns, lookups) = (&b.state.packet, self.env.ns, self.env.lookups);
        let sockets = self.env.namespace.sockets.items();
        let tuple = p.tuple();
        // nf_tproxy_laddr4, nf_tproxy_laddr6: else the first address of the device it came in by.
        let addr = addr.filter(|a| !a.is_unspecified());
        let own = || self.env.iif.and_then(|d| lookups.redirect_target(ns, p.family, d));
        let to = Tuple {
            dst: addr.or_else(own).unwrap_or(p.dst),
            dport: if port == 0 { p.dport } else { port },
            ..tuple
        };
        let listeners = || lookups.listeners(ns, &to, self.env.iif).ok_or(NOT_READ);
        let connected = lookups.connected(ns, &tuple, self.env.iif).ok_or(NOT_READ)?;
        let mut found = match connected {
            Some(i) => {
                // nf_tproxy_handle_time_wait4: a SYN opens a connection anew, where somebody listens.
                let waits = sockets.get(i).is_some_and(|s| s.state == SocketState::TimeWait);
                let flags = tcp_flags::SYN | tcp_flags::ACK | tcp_flags::RST | tcp_flags::FIN;
                let anew = waits && p.tcp_flags & flags == tcp_flags::SYN;
                let listeners = if anew { listeners()? } else { SmallVec::new() };
                if listeners.is_empty() { smallvec::smallvec![i] } else { listeners }
            }
            None => listeners()?,
        };
        let transparent = |i: &usize| sockets.get(*i).and_then(|s| s.transparent);
        if found.iter().any(|i| transparent(i).is_none()) {
            return Err(NOT_TOLD);
        }
        found.retain(|i| transparent(i) == Some(true));
        Ok(found)
    }

    /// Hands a packet to one of these sockets, each as likely; then the rule goes on with this verdict.
    fn hand(&self, b: &mut Branch, at: u32, to: &[usize], verdict: Verd) -> Step {
        let index = |i: &usize| u32::try_from(*i).unwrap_or(u32::MAX);
        if let [one] = to {
            b.state.packet.socket = Some(PacketSocket::Of(index(one)));
            return Step::Verdict(verdict);
        }
        let share = Share::new(1, to.len() as u128);
        let part = |i: &usize| {
            let mut part = b.clone();
            part.state.share = part.state.share * share;
            part.state.packet.socket = Some(PacketSocket::Of(index(i)));
            part.resume = Some((at + 1, verdict));
            part
        };
        Step::Split(to.iter().map(part).collect())
    }

    /// `tproxy_tg4`, `tproxy_tg6_v1`: what no transparent socket takes is dropped.
    pub(super) fn xt_tproxy(
        &mut self,
        b: &mut Branch,
        at: u32,
        addr: IpAddr,
        port: u16,
        mark: Masked,
    ) -> Step {
        match self.handed_to(b, Some(addr), port) {
            Ok(to) if to.is_empty() => Step::Verdict(Verd::Drop),
            Ok(to) => {
                self.mark_by(b, mark);
                self.hand(b, at, &to, Verd::Accept)
            }
            Err(what) => {
                self.pass(b, what);
                self.mark_by(b, mark);
                Step::Verdict(Verd::Accept)
            }
        }
    }

    fn mark_by(&mut self, b: &mut Branch, mark: Masked) {
        let to = (b.state.packet.mark & !mark.mask) ^ mark.value;
        self.set_mark(b, to);
    }

    /// `nft_tproxy_eval`: where no transparent socket takes the packet the rule ends.
    pub(super) fn tproxy(&mut self, b: &mut Branch, at: u32, expr: &Expr) -> Step {
        let Expr::Tproxy { family, addr, port } = expr else { return BREAK };
        let p = &b.state.packet;
        let mine = match family {
            Family::Ip => p.family == IpFamily::V4,
            Family::Ip6 => p.family == IpFamily::V6,
            _ => true,
        };
        if !mine || !matches!(p.protocol, Protocol::TCP | Protocol::UDP) {
            return BREAK;
        }
        let addr_len = if p.family == IpFamily::V4 { 4 } else { 16 };
        for (register, len) in [(addr, addr_len), (port, 2)] {
            let Some(register) = register else { continue };
            if let Err(step) = self.needed(b, at, offset_of(*register), len, "tproxy") {
                return step;
            }
        }
        let addr = addr.and_then(|r| {
            let bytes = b.regs.raw(offset_of(r), addr_len);
            match addr_len {
                4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            }
        });
        let port = port.and_then(|r| <[u8; 2]>::try_from(b.regs.raw(offset_of(r), 2)).ok());
        match self.handed_to(b, addr, port.map_or(0, u16::from_be_bytes)) {
            Ok(to) if to.is_empty() => BREAK,
            Ok(to) => self.hand(b, at, &to, Verd::Continue),
            Err(what) => {
                self.pass(b, what);
                Step::Next
            }
        }
    }
}

//! Matches on the connection: `conntrack`, `state`, `connmark`, `connlabel`, `helper`, `connlimit`.

use std::net::IpAddr;

use plumb_model::{Protocol, Tuple};
use plumb_nft::CtKey;
use plumb_xtables::matches::{Cluster, Connbytes, ConnbytesOf, Conntrack, CtStates, Helper};
use plumb_xtables::{AddrMask, Inv, PortRange};

use super::Says;
use crate::conntrack::Connection;
use crate::hash::{jhash, scale};
use crate::machine::branch::Branch;
use crate::machine::ct::{Carried, Seen};
use crate::machine::load::octets;
use crate::machine::solve::Run;
use crate::packet::{CtInfo, CtState};

/// `IPS_EXPECTED`
const EXPECTED: u32 = 1;
/// `IPS_TEMPLATE`, `IPS_CONFIRMED`: what templates are made with (`xt_ct_tg_check`).
const TEMPLATE: u32 = 1 << 11 | 1 << 3;

impl Run<'_> {
    /// The state as `XT_CONNTRACK_STATE_*` numbers it, the translations apart.
    pub(super) fn state_bit(&self, b: &Branch) -> u16 {
        match self.seen(b) {
            Seen::Nothing => CtStates::INVALID,
            Seen::Untracked => CtStates::UNTRACKED,
            Seen::Template => CtStates::NEW,
            Seen::Entry(_, _, info) => match info.state {
                CtState::Established => CtStates::ESTABLISHED,
                CtState::Related => CtStates::RELATED,
                CtState::New => CtStates::NEW,
            },
        }
    }

    /// `xt_cluster_mt`: the first packet's source decides which node takes a connection.
    pub(super) fn cluster(&self, b: &Branch, m: &Cluster) -> Says {
        let Seen::Entry(_, c, _) = self.seen(b) else { return Says::No };
        if c.status & EXPECTED != 0 {
            return Says::Unknown("the connection that this one was expected by".to_owned());
        }
        let node = scale(jhash(&octets(c.original.src), m.hash_seed), m.total_nodes);
        m.node_mask.holds(|mask| mask.checked_shr(node).unwrap_or(0) & 1 != 0).into()
    }

    /// `connbytes_mt`: a connection that is not counted never matches.
    pub(super) fn connbytes(&self, b: &Branch, m: &Connbytes) -> Says {
        let Seen::Entry(_, c, _) = self.seen(b) else { return Says::No };
        let Some(counters) = &c.counters else { return Says::No };
        let key = match m.of {
            ConnbytesOf::Packets => CtKey::Pkts,
            ConnbytesOf::Bytes => CtKey::Bytes,
            ConnbytesOf::AveragePacket => CtKey::Avgpkt,
        };
        let carried = Carried::of(Some(counters), m.reply).value(key);
        ((m.from <= carried && carried <= m.to) != m.invert).into()
    }

    /// `conntrack_mt`
    pub(super) fn conntrack(&self, b: &Branch, m: &Conntrack) -> Says {
        let seen = self.seen(b);
        let mut state = self.state_bit(b);
        if let Seen::Entry(_, c, _) = &seen {
            if c.status & plumb_model::CtStatus::SRC_NAT != 0 {
                state |= CtStates::SNAT;
            }
            if c.status & plumb_model::CtStatus::DST_NAT != 0 {
                state |= CtStates::DNAT;
            }
        }
        if m.states.is_some_and(|s| !s.holds(|s| s.intersects(state))) {
            return Says::No;
        }
        let template;
        let (c, info) = match seen {
            Seen::Entry(_, c, info) => (c, info),
            // A connection like any other, but that all in it is zero (`nf_ct_tmpl_alloc`).
            Seen::Template => {
                let zero = b.state.packet.family.unspecified();
                let none =
                    Tuple { src: zero, dst: zero, protocol: Protocol(0), sport: 0, dport: 0, icmp: None };
                template = Connection { status: TEMPLATE, ..Connection::new(self.env.ns, none, (0, 0)) };
                (&template, CtInfo { state: CtState::New, reply: false })
            }
            Seen::Nothing | Seen::Untracked => return m.states.is_some().into(),
        };
        if m.reply_direction.is_some_and(|reply| reply != info.reply) {
            return Says::No;
        }
        let addr = |c: &Option<Inv<AddrMask>>, a: IpAddr| c.is_none_or(|c| c.holds(|n| n.contains(a)));
        let port = |c: &Option<Inv<PortRange>>, p: u16| c.is_none_or(|c| c.holds(|r| r.contains(p)));
        let (orig, reply) = (&c.original, &c.reply);
        let holds = m.proto.is_none_or(|p| p.holds(|p| *p == u16::from(orig.protocol.0)))
            && addr(&m.orig_src, orig.src)
            && addr(&m.orig_dst, orig.dst)
            && addr(&m.repl_src, reply.src)
            && addr(&m.repl_dst, reply.dst)
            && port(&m.orig_src_port, ports(orig).0)
            && port(&m.orig_dst_port, ports(orig).1)
            && port(&m.repl_src_port, ports(reply).0)
            && port(&m.repl_dst_port, ports(reply).1)
            && m.status.is_none_or(|s| s.holds(|s| u32::from(s.0) & c.status != 0));
        match m.expires {
            Some(_) if holds => Says::Unknown("seconds that the connection has left".to_owned()),
            _ => holds.into(),
        }
    }

    /// `helper_mt`: the helper of the connection that this one was expected by.
    pub(super) fn helper(&self, b: &Branch, m: &Helper) -> Says {
        match self.seen(b) {
            Seen::Entry(_, c, _) if c.status & EXPECTED != 0 => {
                Says::Unknown(format!("xt match \"helper\": whether {} expected the connection", m.0.value))
            }
            _ => m.0.invert.into(),
        }
    }
}

/// The two halves that stand where ports do: of ICMP the id, and type and code.
fn ports(t: &Tuple) -> (u16, u16) {
    match t.icmp {
        Some(i) => (i.id, u16::from_be_bytes([i.kind, i.code])),
        None => (t.sport, t.dport),
    }
}

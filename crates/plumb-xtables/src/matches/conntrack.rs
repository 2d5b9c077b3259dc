//! `conntrack` (`xt_conntrack.h`, revisions 1 to 3) and `state` (`xt_state.h`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::text::{Options, address};
use crate::types::{AddrMask, Inv, PortRange, Range32, SetNames, XtFamily};

/// Connection states, one bit each, as `XT_CONNTRACK_STATE_*` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CtStates(pub u16);

impl CtStates {
    /// The packet could not be assigned to a connection.
    pub const INVALID: u16 = 1;
    /// The connection has seen packets both ways.
    pub const ESTABLISHED: u16 = 1 << 1;
    /// An expected connection, or an error about one.
    pub const RELATED: u16 = 1 << 2;
    /// Opens a connection.
    pub const NEW: u16 = 1 << 3;
    /// Virtual: the connection's source is translated (`IPS_SRC_NAT`).
    pub const SNAT: u16 = 1 << 6;
    /// Virtual: the connection's destination is translated (`IPS_DST_NAT`).
    pub const DNAT: u16 = 1 << 7;
    /// Exempt from tracking.
    pub const UNTRACKED: u16 = 1 << 8;

    /// Whether one of these bits is in the set.
    #[must_use]
    pub fn intersects(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    fn text(self) -> String {
        const NAMES: [(u16, &str); 7] = [
            (CtStates::INVALID, "INVALID"),
            (CtStates::NEW, "NEW"),
            (CtStates::RELATED, "RELATED"),
            (CtStates::ESTABLISHED, "ESTABLISHED"),
            (CtStates::UNTRACKED, "UNTRACKED"),
            (CtStates::SNAT, "SNAT"),
            (CtStates::DNAT, "DNAT"),
        ];
        NAMES.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, n)| *n).collect::<Vec<_>>().join(",")
    }
}

/// Status bits of a connection (`IPS_*` in `nf_conntrack_common.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CtStatus(pub u16);

impl CtStatus {
    fn text(self) -> String {
        const NAMES: [(u16, &str); 4] =
            [(1, "EXPECTED"), (2, "SEEN_REPLY"), (4, "ASSURED"), (8, "CONFIRMED")];
        let names: Vec<_> = NAMES.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, n)| *n).collect();
        if names.is_empty() { "NONE".to_owned() } else { names.join(",") }
    }
}

/// `struct xt_conntrack_mtinfo1`, `2`, `3`. Every condition that is there must hold. For a packet without a connection
/// the kernel looks at `states` alone, and without that the match fails (`conntrack_mt` in net/netfilter/xt_conntrack.c).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Conntrack {
    /// One of these states.
    pub states: Option<Inv<CtStates>>,
    /// Layer 4 protocol.
    pub proto: Option<Inv<u16>>,
    /// Source of the original direction.
    pub orig_src: Option<Inv<AddrMask>>,
    /// Destination of the original direction.
    pub orig_dst: Option<Inv<AddrMask>>,
    /// Source of the reply direction.
    pub repl_src: Option<Inv<AddrMask>>,
    /// Destination of the reply direction.
    pub repl_dst: Option<Inv<AddrMask>>,
    /// Source port of the original direction.
    pub orig_src_port: Option<Inv<PortRange>>,
    /// Destination port of the original direction.
    pub orig_dst_port: Option<Inv<PortRange>>,
    /// Source port of the reply direction.
    pub repl_src_port: Option<Inv<PortRange>>,
    /// Destination port of the reply direction.
    pub repl_dst_port: Option<Inv<PortRange>>,
    /// One of these status bits; an empty set (`NONE`) never holds, unless inverted.
    pub status: Option<Inv<CtStatus>>,
    /// Seconds that the connection has left.
    pub expires: Option<Inv<Range32>>,
    /// The direction that the packet goes in: `Some(true)` for the reply's.
    pub reply_direction: Option<bool>,
    /// Written as `-m state --state`.
    pub state_alias: bool,
}

const STATE: u16 = 1;
const PROTO: u16 = 1 << 1;
const ORIG_SRC: u16 = 1 << 2;
const ORIG_DST: u16 = 1 << 3;
const REPL_SRC: u16 = 1 << 4;
const REPL_DST: u16 = 1 << 5;
const STATUS: u16 = 1 << 6;
const EXPIRES: u16 = 1 << 7;
const ORIG_SRC_PORT: u16 = 1 << 8;
const ORIG_DST_PORT: u16 = 1 << 9;
const REPL_SRC_PORT: u16 = 1 << 10;
const REPL_DST_PORT: u16 = 1 << 11;
const DIRECTION: u16 = 1 << 12;
const STATE_ALIAS: u16 = 1 << 13;

impl Extension for Conntrack {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if !(1..=3).contains(&revision) {
            return Err(BlobError::Revision(revision));
        }
        let mut net = || Ok(AddrMask { addr: b.inet(family)?, mask: b.inet(family)? });
        let (orig_src, orig_dst, repl_src, repl_dst) = (net()?, net()?, net()?, net()?);
        let expires = Range32 { min: b.u32()?, max: b.u32()? };
        let proto = b.u16()?;
        // Revision 3 has the ports in the machine's order, the others in the network's.
        let mut port = || if revision == 3 { b.u16() } else { b.be16() };
        let low = [port()?, port()?, port()?, port()?];
        let (flags, inv) = (b.u16()?, b.u16()?);
        let mask = |b: &mut Blob<'_>| if revision == 1 { b.u8().map(u16::from) } else { b.u16() };
        let (states, status) = (mask(b)?, mask(b)?);
        let high = if revision == 3 { [b.u16()?, b.u16()?, b.u16()?, b.u16()?] } else { low };
        let known = STATE_ALIAS | (STATE_ALIAS - 1);
        if flags & !known != 0 {
            return Err(BlobError::Value { field: "match_flags", value: flags.into() });
        }
        let [p0, p1, p2, p3] = [0, 1, 2, 3].map(|i: usize| PortRange {
            min: low.get(i).copied().unwrap_or_default(),
            max: high.get(i).copied().unwrap_or_default(),
        });
        let has = |bit: u16| flags & bit != 0;
        let not = |bit: u16| inv & bit != 0;
        let net = |bit, n| has(bit).then_some(Inv::new(n, not(bit)));
        let ports = |bit, p| has(bit).then_some(Inv::new(p, not(bit)));
        Ok(Self {
            states: has(STATE).then_some(Inv::new(CtStates(states), not(STATE))),
            proto: has(PROTO).then_some(Inv::new(proto, not(PROTO))),
            orig_src: net(ORIG_SRC, orig_src),
            orig_dst: net(ORIG_DST, orig_dst),
            repl_src: net(REPL_SRC, repl_src),
            repl_dst: net(REPL_DST, repl_dst),
            orig_src_port: ports(ORIG_SRC_PORT, p0),
            orig_dst_port: ports(ORIG_DST_PORT, p1),
            repl_src_port: ports(REPL_SRC_PORT, p2),
            repl_dst_port: ports(REPL_DST_PORT, p3),
            status: has(STATUS).then_some(Inv::new(CtStatus(status), not(STATUS))),
            expires: has(EXPIRES).then_some(Inv::new(expires, not(EXPIRES))),
            reply_direction: has(DIRECTION).then_some(not(DIRECTION)),
            state_alias: has(STATE_ALIAS),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        if self.state_alias {
            return o.inv("--state", self.states.as_ref(), |s| s.text()).build();
        }
        o.inv("--ctstate", self.states.as_ref(), |s| s.text());
        o.inv("--ctproto", self.proto.as_ref(), u16::to_string);
        o.inv("--ctorigsrc", self.orig_src.as_ref(), net_text);
        o.inv("--ctorigdst", self.orig_dst.as_ref(), net_text);
        o.inv("--ctreplsrc", self.repl_src.as_ref(), net_text);
        o.inv("--ctrepldst", self.repl_dst.as_ref(), net_text);
        o.inv("--ctorigsrcport", self.orig_src_port.as_ref(), |p| p.text(':'));
        o.inv("--ctorigdstport", self.orig_dst_port.as_ref(), |p| p.text(':'));
        o.inv("--ctreplsrcport", self.repl_src_port.as_ref(), |p| p.text(':'));
        o.inv("--ctrepldstport", self.repl_dst_port.as_ref(), |p| p.text(':'));
        o.inv("--ctstatus", self.status.as_ref(), |s| s.text());
        o.inv("--ctexpire", self.expires.as_ref(), |e| e.text(':'));
        o.opt("--ctdir", self.reply_direction.map(|reply| if reply { "REPLY" } else { "ORIGINAL" }));
        o.build()
    }

    fn encode(&self, revision: u32, family: XtFamily) -> Result<Option<Vec<u8>>, String> {
        if !(1..=3).contains(&revision) {
            return Ok(None);
        }
        let mut flags = if self.state_alias { STATE_ALIAS } else { 0 };
        let mut inv = 0;
        let mut w = BlobWriter::default();
        let zero = AddrMask { addr: family.unspecified(), mask: family.unspecified() };
        let nets = [
            (ORIG_SRC, self.orig_src),
            (ORIG_DST, self.orig_dst),
            (REPL_SRC, self.repl_src),
            (REPL_DST, self.repl_dst),
        ];
        for (bit, net) in nets {
            let net = take(bit, net, zero, &mut flags, &mut inv);
            if net.addr.is_ipv4() != (family == XtFamily::Ip) || net.mask.is_ipv4() != net.addr.is_ipv4() {
                return Err(format!("{} is an address of the other family", net.addr));
            }
            w = w.inet(net.addr).inet(net.mask);
        }
        let none = PortRange { min: 0, max: 0 };
        let expires = take(EXPIRES, self.expires, Range32 { min: 0, max: 0 }, &mut flags, &mut inv);
        w = w.u32(expires.min).u32(expires.max).u16(take(PROTO, self.proto, 0, &mut flags, &mut inv));
        let ports = [
            take(ORIG_SRC_PORT, self.orig_src_port, none, &mut flags, &mut inv),
            take(ORIG_DST_PORT, self.orig_dst_port, none, &mut flags, &mut inv),
            take(REPL_SRC_PORT, self.repl_src_port, none, &mut flags, &mut inv),
            take(REPL_DST_PORT, self.repl_dst_port, none, &mut flags, &mut inv),
        ];
        for p in ports {
            if revision < 3 && p.min != p.max {
                return Err("ranges of ports came with revision 3".to_owned());
            }
            w = if revision == 3 { w.u16(p.min) } else { w.be16(p.min) };
        }
        let states = take(STATE, self.states, CtStates(0), &mut flags, &mut inv).0;
        let status = take(STATUS, self.status, CtStatus(0), &mut flags, &mut inv).0;
        take(DIRECTION, self.reply_direction.map(|r| Inv::new((), r)), (), &mut flags, &mut inv);
        w = w.u16(flags).u16(inv);
        if revision == 1 {
            let narrow = |v: u16| u8::try_from(v).map_err(|_| "revision 1 has 8 bits for states and status");
            return Ok(Some(w.u8(narrow(states)?).u8(narrow(status)?).finish(152)));
        }
        w = w.u16(states).u16(status);
        if revision == 3 {
            w = ports.iter().fold(w, |w, p| w.u16(p.max));
        }
        Ok(Some(w.finish(156)))
    }
}

/// The value of a condition, whose bits are noted; the default where there is none.
fn take<T>(bit: u16, condition: Option<Inv<T>>, absent: T, flags: &mut u16, inv: &mut u16) -> T {
    match condition {
        Some(c) => {
            *flags |= bit;
            *inv |= if c.invert { bit } else { 0 };
            c.value
        }
        None => absent,
    }
}

/// Without the length of a full mask; iptables leaves out an IPv4 mask that is no prefix, too.
fn net_text(n: &AddrMask) -> String {
    match (n.prefix_len(), n.addr) {
        (Some(32), IpAddr::V4(_)) | (Some(128), IpAddr::V6(_)) | (None, IpAddr::V4(_)) => address(n.addr),
        (Some(len), _) => format!("{}/{len}", address(n.addr)),
        (None, IpAddr::V6(_)) => format!("{}/{}", address(n.addr), address(n.mask)),
    }
}

/// `struct xt_state_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    /// One of these states, numbered as in `conntrack`.
    pub states: CtStates,
}

/// `XT_STATE_UNTRACKED`, which `conntrack` uses for something else.
const STATE_UNTRACKED: u32 = 1 << 6;

impl Extension for State {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let mask = b.u32()?;
        if mask & !(STATE_UNTRACKED | 0xf) != 0 {
            return Err(BlobError::Value { field: "statemask", value: mask.into() });
        }
        let untracked = if mask & STATE_UNTRACKED == 0 { 0 } else { CtStates::UNTRACKED };
        Ok(Self { states: CtStates(u16::try_from(mask & 0xf).unwrap_or_default() | untracked) })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--state {}", self.states.text())
    }
}

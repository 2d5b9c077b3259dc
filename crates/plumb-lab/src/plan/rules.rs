//! Rules of nftables as `nft` itself would write them, so that its listing reads as a person would type them.

use std::net::IpAddr;

use plumb_model::{IpFamily, Prefix, Protocol};
use plumb_nft::{
    BaseChain, BitwiseOp, Bytes, Chain, ChainRef, ChainType, CmpOp, CtKey, Data, Element, Expr, Family, Hook,
    Limit, MetaKey, NatRange, PayloadBase, Register, RejectType, Rule, Set, Table, Verdict,
};

/// The register that `nft` loads first.
const R1: Register = Register(1);
/// The second.
const R2: Register = Register(2);
/// The third.
const R3: Register = Register(3);
/// `NF_NAT_RANGE_PROTO_SPECIFIED`: the translation names a port.
const PORT_GIVEN: u32 = 2;

/// Bytes of an address in network order.
pub(crate) fn address_bytes(address: IpAddr) -> Bytes {
    match address {
        IpAddr::V4(a) => Bytes(a.octets().to_vec()),
        IpAddr::V6(a) => Bytes(a.octets().to_vec()),
    }
}

/// nft's family of tables that hold one address family.
pub(crate) fn table_family(family: IpFamily) -> Family {
    match family {
        IpFamily::V4 => Family::Ip,
        IpFamily::V6 => Family::Ip6,
    }
}

/// A comment as `nft` stores it with rules, chains and tables: type 0, length, text and NUL (at most 128 bytes).
pub(crate) fn comment(text: &str) -> Bytes {
    let mut text: Vec<u8> = text.bytes().take(127).collect();
    text.push(0);
    let mut out = vec![0, u8::try_from(text.len()).unwrap_or(128)];
    out.append(&mut text);
    Bytes(out)
}

/// Which address of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// A rule in the making.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    exprs: Vec<Expr>,
    comment: Option<String>,
    table: Option<Family>,
}

/// Begins a rule of a table of this family.
pub(crate) fn rule(table: Family) -> Draft {
    Draft { table: Some(table), ..Draft::default() }
}

impl Draft {
    fn push(mut self, expr: Expr) -> Self {
        self.exprs.push(expr);
        self
    }

    fn equal(self, data: Bytes) -> Self {
        self.compare(CmpOp::Eq, data)
    }

    fn compare(self, op: CmpOp, data: Bytes) -> Self {
        self.push(Expr::Cmp { sreg: R1, op, data })
    }

    /// `ip daddr …` in this table; an `inet` table asks for the protocol first, as `nft` does.
    fn network(self, family: IpFamily) -> Self {
        if self.table != Some(Family::Inet) {
            return self;
        }
        // NFPROTO_IPV4, NFPROTO_IPV6
        let number = match family {
            IpFamily::V4 => 2,
            IpFamily::V6 => 10,
        };
        self.push(Expr::Meta { key: MetaKey::Nfproto, dreg: R1 }).equal(Bytes(vec![number]))
    }

    /// Whether an address of the packet lies in a prefix (or, `inside` being false, does not).
    pub(crate) fn address(mut self, side: Side, prefix: Prefix, inside: bool) -> Self {
        let family = prefix.family();
        let size = u32::from(family.bits() / 8);
        let offset = match (family, side) {
            (IpFamily::V4, Side::Source) => 12,
            (IpFamily::V4, Side::Destination) => 16,
            (IpFamily::V6, Side::Source) => 8,
            (IpFamily::V6, Side::Destination) => 24,
        };
        // The second test of a rule need not ask for the protocol again.
        if !self.exprs.iter().any(|e| matches!(e, Expr::Meta { key: MetaKey::Nfproto, .. })) {
            self = self.network(family);
        }
        let op = if inside { CmpOp::Eq } else { CmpOp::Neq };
        let bytes = address_bytes(prefix.masked().addr);
        if prefix.len.is_multiple_of(8) && prefix.len > 0 {
            let len = u32::from(prefix.len / 8);
            let data = Bytes(bytes.iter().copied().take(len as usize).collect());
            return self
                .push(Expr::Payload { dreg: R1, base: PayloadBase::Network, offset, len })
                .compare(op, data);
        }
        let mask = address_bytes(Prefix::new(ones(family), prefix.len).masked().addr);
        let zero = Bytes(vec![0; size as usize]);
        self.push(Expr::Payload { dreg: R1, base: PayloadBase::Network, offset, len: size })
            .push(Expr::Bitwise { sreg: R1, dreg: R1, len: size, op: BitwiseOp::Bool { mask, xor: zero } })
            .compare(op, bytes)
    }

    /// `meta l4proto …`
    pub(crate) fn protocol(self, protocol: Protocol) -> Self {
        self.push(Expr::Meta { key: MetaKey::L4proto, dreg: R1 }).equal(Bytes(vec![protocol.0]))
    }

    /// `tcp dport …`
    pub(crate) fn destination_port(self, protocol: Protocol, port: u16) -> Self {
        self.protocol(protocol)
            .push(Expr::Payload { dreg: R1, base: PayloadBase::Transport, offset: 2, len: 2 })
            .equal(Bytes(port.to_be_bytes().to_vec()))
    }

    /// `tcp dport FIRST-LAST`
    pub(crate) fn destination_ports(self, protocol: Protocol, first: u16, last: u16) -> Self {
        self.protocol(protocol)
            .push(Expr::Payload { dreg: R1, base: PayloadBase::Transport, offset: 2, len: 2 })
            .compare(CmpOp::Gte, Bytes(first.to_be_bytes().to_vec()))
            .compare(CmpOp::Lte, Bytes(last.to_be_bytes().to_vec()))
    }

    /// `icmpv6 type …`
    pub(crate) fn icmpv6_type(self, kind: u8) -> Self {
        self.protocol(Protocol::ICMPV6)
            .push(Expr::Payload { dreg: R1, base: PayloadBase::Transport, offset: 0, len: 1 })
            .equal(Bytes(vec![kind]))
    }

    /// `icmp type … icmp code …`
    pub(crate) fn icmp_code(self, kind: u8, code: u8) -> Self {
        self.protocol(Protocol::ICMP)
            .push(Expr::Payload { dreg: R1, base: PayloadBase::Transport, offset: 0, len: 1 })
            .equal(Bytes(vec![kind]))
            .push(Expr::Payload { dreg: R1, base: PayloadBase::Transport, offset: 1, len: 1 })
            .equal(Bytes(vec![code]))
    }

    /// `ether type ip`, `ether type ip6`: what a table of the bridge family asks first.
    pub(crate) fn ether(self, family: IpFamily) -> Self {
        // ETH_P_IP, ETH_P_IPV6
        let kind: u16 = if family == IpFamily::V4 { 0x0800 } else { 0x86dd };
        self.push(Expr::Meta { key: MetaKey::Protocol, dreg: R1 }).equal(Bytes(kind.to_be_bytes().to_vec()))
    }

    /// `ip daddr @SET`
    pub(crate) fn destination_in(self, family: IpFamily, set: &str) -> Self {
        let (offset, len) = if family == IpFamily::V4 { (16, 4) } else { (24, 16) };
        self.network(family)
            .push(Expr::Payload { dreg: R1, base: PayloadBase::Network, offset, len })
            .push(Expr::Lookup { set: set.to_owned(), set_id: None, sreg: R1, dreg: None, inverted: false })
    }

    /// `ct state new`
    pub(crate) fn new_connection(self) -> Self {
        // `NF_CT_STATE_BIT(IP_CT_NEW)`
        self.connection_state(8)
    }

    /// `ct state invalid`
    pub(crate) fn invalid(self) -> Self {
        // `NF_CT_STATE_INVALID_BIT`
        self.connection_state(1)
    }

    /// Any bit of a mask, asked for as nft does it, by `!= 0`.
    fn connection_state(self, bit: u32) -> Self {
        let (mask, zero) = (Bytes(bit.to_ne_bytes().to_vec()), Bytes(vec![0; 4]));
        self.push(Expr::Ct { key: CtKey::State, dreg: R1, direction: None })
            .push(Expr::Bitwise {
                sreg: R1,
                dreg: R1,
                len: 4,
                op: BitwiseOp::Bool { mask, xor: zero.clone() },
            })
            .compare(CmpOp::Neq, zero)
    }

    /// `limit rate RATE/minute burst BURST packets`
    pub(crate) fn limit_a_minute(self, rate: u64, burst: u32) -> Self {
        self.push(Expr::Limit(Limit { rate, unit: 60, burst, bytes: false, over: false }))
    }

    /// `meta skuid …`
    pub(crate) fn owner(self, uid: u32) -> Self {
        self.push(Expr::Meta { key: MetaKey::Skuid, dreg: R1 }).equal(Bytes(uid.to_ne_bytes().to_vec()))
    }

    /// `meta mark …`
    pub(crate) fn mark(self, mark: u32) -> Self {
        self.push(Expr::Meta { key: MetaKey::Mark, dreg: R1 }).equal(Bytes(mark.to_ne_bytes().to_vec()))
    }

    /// `numgen random mod N < M`
    pub(crate) fn one_of(self, modulus: u32, below: u32) -> Self {
        // The kernel's number is in host order; comparisons of size are of bytes, so it is turned round first.
        self.push(Expr::Numgen { dreg: R1, modulus, random: true, offset: 0 })
            .push(Expr::Byteorder { sreg: R1, dreg: R1, hton: true, len: 4, size: 4 })
            .compare(CmpOp::Lt, Bytes(below.to_be_bytes().to_vec()))
    }

    /// `counter`
    pub(crate) fn counter(self) -> Self {
        self.push(Expr::Counter { packets: 0, bytes: 0 })
    }

    /// `comment "…"`
    pub(crate) fn comment(mut self, text: &str) -> Self {
        self.comment = Some(text.to_owned());
        self
    }

    fn end(self, expr: Expr) -> Rule {
        let mut exprs = self.exprs;
        exprs.push(expr);
        Rule {
            handle: 0,
            exprs,
            userdata: self.comment.as_deref().map(comment).unwrap_or_default(),
            compat: None,
        }
    }

    /// Ends with a verdict.
    pub(crate) fn verdict(self, verdict: Verdict) -> Rule {
        self.end(Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(verdict) })
    }

    /// `jump CHAIN`
    pub(crate) fn jump(self, chain: &str) -> Rule {
        self.verdict(Verdict::Jump(ChainRef::Name(chain.to_owned())))
    }

    /// `goto CHAIN`
    pub(crate) fn goto(self, chain: &str) -> Rule {
        self.verdict(Verdict::Goto(ChainRef::Name(chain.to_owned())))
    }

    /// `reject with tcp reset`
    pub(crate) fn reset(self) -> Rule {
        self.end(Expr::Reject { kind: RejectType::TcpRst, code: 0 })
    }

    /// `ct zone set …`
    pub(crate) fn set_zone(self, zone: u16) -> Rule {
        self.push(Expr::Immediate { dreg: R1, data: Data::Value(Bytes(zone.to_ne_bytes().to_vec())) })
            .end(Expr::CtSet { key: CtKey::Zone, sreg: R1, direction: None })
    }

    /// `masquerade`
    pub(crate) fn masquerade(self) -> Rule {
        self.end(Expr::Masq { flags: 0, port_min: None, port_max: None })
    }

    /// `notrack`
    pub(crate) fn notrack(self) -> Rule {
        self.end(Expr::Notrack)
    }

    /// `meta mark set …`
    pub(crate) fn set_mark(self, mark: u32) -> Rule {
        self.push(Expr::Immediate { dreg: R1, data: Data::Value(Bytes(mark.to_ne_bytes().to_vec())) })
            .end(Expr::MetaSet { key: MetaKey::Mark, sreg: R1 })
    }

    /// `redirect to :PORT`
    pub(crate) fn redirect(self, port: u16) -> Rule {
        self.push(Expr::Immediate { dreg: R1, data: Data::Value(Bytes(port.to_be_bytes().to_vec())) })
            .end(Expr::Redir { flags: PORT_GIVEN, port_min: Some(R1), port_max: None })
    }

    /// `ct mark set …`
    pub(crate) fn set_connection_mark(self, mark: u32) -> Rule {
        self.push(Expr::Immediate { dreg: R1, data: Data::Value(Bytes(mark.to_ne_bytes().to_vec())) })
            .end(Expr::CtSet { key: CtKey::Mark, sreg: R1, direction: None })
    }

    /// `meta mark set ct mark`
    pub(crate) fn restore_mark(self) -> Rule {
        self.push(Expr::Ct { key: CtKey::Mark, dreg: R1, direction: None })
            .end(Expr::MetaSet { key: MetaKey::Mark, sreg: R1 })
    }

    /// `snat to ADDRESS:FIRST-LAST`
    pub(crate) fn snat_ports(self, to: IpAddr, first: u16, last: u16) -> Rule {
        let family = table_family(IpFamily::of(to));
        let port = |p: u16| Data::Value(Bytes(p.to_be_bytes().to_vec()));
        let range = NatRange {
            addr_min: Some(R1),
            port_min: Some(R2),
            port_max: Some(R3),
            flags: PORT_GIVEN,
            ..NatRange::default()
        };
        self.push(Expr::Immediate { dreg: R1, data: Data::Value(address_bytes(to)) })
            .push(Expr::Immediate { dreg: R2, data: port(first) })
            .push(Expr::Immediate { dreg: R3, data: port(last) })
            .end(Expr::Snat { family, range })
    }

    /// `snat to ADDRESS`
    pub(crate) fn snat(self, to: IpAddr) -> Rule {
        let family = table_family(IpFamily::of(to));
        self.push(Expr::Immediate { dreg: R1, data: Data::Value(address_bytes(to)) })
            .end(Expr::Snat { family, range: NatRange { addr_min: Some(R1), ..NatRange::default() } })
    }

    /// `dnat to ADDRESS:PORT`
    pub(crate) fn dnat(self, to: IpAddr, port: u16) -> Rule {
        let family = table_family(IpFamily::of(to));
        // An IPv6 address fills the first register of 16 bytes whole; the second is the next in any case.
        let range =
            NatRange { addr_min: Some(R1), port_min: Some(R2), flags: PORT_GIVEN, ..NatRange::default() };
        self.push(Expr::Immediate { dreg: R1, data: Data::Value(address_bytes(to)) })
            .push(Expr::Immediate { dreg: R2, data: Data::Value(Bytes(port.to_be_bytes().to_vec())) })
            .end(Expr::Dnat { family, range })
    }

    /// `numgen random mod N vmap { 0 : goto …, 1 : goto … }` with this anonymous map.
    pub(crate) fn choose(self, map: &Set) -> Rule {
        let modulus = u32::try_from(map.elements.len()).unwrap_or(u32::MAX);
        self.push(Expr::Numgen { dreg: R1, modulus, random: true, offset: 0 }).end(Expr::Lookup {
            set: map.name.clone(),
            set_id: None,
            sreg: R1,
            dreg: Some(Register::VERDICT),
            inverted: false,
        })
    }
}

fn ones(family: IpFamily) -> IpAddr {
    match family {
        IpFamily::V4 => IpAddr::V4(u32::MAX.into()),
        IpFamily::V6 => IpAddr::V6(u128::MAX.into()),
    }
}

/// The anonymous verdict map of number `number` in its table: slot → chain.
pub(crate) fn choice_map(number: usize, chains: &[String]) -> Set {
    let elements = chains.iter().zip(0u32..).map(|(chain, slot)| Element {
        key: Bytes(slot.to_ne_bytes().to_vec()),
        data: Some(Data::Verdict(Verdict::Goto(ChainRef::Name(chain.clone())))),
        ..Element::default()
    });
    // Byte order of the key: the host's (type 0, length 4, value 1).
    let mut userdata = vec![0, 4];
    userdata.extend_from_slice(&1u32.to_ne_bytes());
    Set {
        name: format!("__map{number}"),
        handle: 0,
        flags: Set::ANONYMOUS | Set::CONSTANT | Set::MAP,
        // nft's type `integer`, 4 bytes.
        key_type: 4,
        key_len: 4,
        data_type: Some(0xffff_ff00),
        data_len: None,
        object_type: None,
        policy: None,
        size: u32::try_from(chains.len()).ok(),
        field_lens: Vec::new(),
        timeout_ms: None,
        gc_interval_ms: None,
        userdata: Bytes(userdata),
        exprs: Vec::new(),
        elements: elements.collect(),
    }
}

/// A set of addresses by this name.
pub(crate) fn address_set(name: &str, addresses: &[IpAddr]) -> Set {
    let of_v4 = addresses.first().is_none_or(IpAddr::is_ipv4);
    let elements =
        addresses.iter().map(|a| Element { key: address_bytes(*a), ..Element::default() }).collect();
    Set {
        name: name.to_owned(),
        handle: 0,
        flags: 0,
        // nft's types `ipv4_addr` and `ipv6_addr`.
        key_type: if of_v4 { 7 } else { 8 },
        key_len: if of_v4 { 4 } else { 16 },
        data_type: None,
        data_len: None,
        object_type: None,
        policy: None,
        size: None,
        field_lens: Vec::new(),
        timeout_ms: None,
        gc_interval_ms: None,
        userdata: Bytes::default(),
        exprs: Vec::new(),
        elements,
    }
}

/// A chain.
pub(crate) fn chain(name: &str, base: Option<BaseChain>, note: Option<&str>, rules: Vec<Rule>) -> Chain {
    let userdata = note.map(comment).unwrap_or_default();
    Chain { name: name.to_owned(), handle: 0, base, flags: 0, userdata, rules }
}

/// Where a chain is hooked, with policy accept.
pub(crate) fn base(kind: ChainType, hook: Hook, priority: i32) -> Option<BaseChain> {
    Some(BaseChain { kind, hook, priority, policy: Verdict::Accept, devices: Vec::new(), counters: None })
}

/// A table.
pub(crate) fn table(family: Family, name: &str, note: &str, chains: Vec<Chain>, sets: Vec<Set>) -> Table {
    Table {
        family,
        name: name.to_owned(),
        handle: 0,
        flags: 0,
        userdata: comment(note),
        chains,
        sets,
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    }
}

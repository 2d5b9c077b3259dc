//! Rules, expression by expression, as `nft` compiles the same text: whatever else would make `nft list ruleset` stumble.

use std::net::IpAddr;

use plumb_api::address::{Cidr, IpFamily};
use plumb_nft::{
    BitwiseOp, Bytes, ChainRef, CmpOp, CtKey, Data, Expr, Family, FibResult, MetaKey, NatRange, PayloadBase,
    Register, RejectType, Rule, Verdict,
};

/// `IP_CT_NEW` as `ct state new` tests it: bit 3 of the state's mask (`NF_CT_STATE_BIT`).
const CT_STATE_NEW: u32 = 8;
/// `IPS_DST_NAT`
const CT_STATUS_DNAT: u32 = 32;
/// `RTN_LOCAL`
const RTN_LOCAL: u32 = 2;
/// `NF_NAT_RANGE_PROTO_RANDOM_FULLY`
const RANDOM_FULLY: u32 = 0x10;
/// `NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED`
const TO_ADDRESS_AND_PORT: u32 = 3;

/// Which address a `fib` expression looks up.
#[derive(Clone, Copy)]
pub(super) enum FibAddress {
    Source = 1,
    Destination = 2,
}

/// A field of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Saddr,
    Daddr,
    L4proto,
    Dport,
    /// A random number below this.
    Slot(u32),
}

impl Field {
    /// Bytes.
    pub(super) fn len(self, family: IpFamily) -> u32 {
        match self {
            Self::Saddr | Self::Daddr => u32::from(family.bits() / 8),
            Self::L4proto => 1,
            Self::Dport => 2,
            Self::Slot(_) => 4,
        }
    }
}

/// Where the source address is in the IP header (RFC 791, RFC 8200).
pub(super) fn saddr_offset(family: IpFamily) -> u32 {
    match family {
        IpFamily::V4 => 12,
        IpFamily::V6 => 8,
    }
}

fn daddr_offset(family: IpFamily) -> u32 {
    match family {
        IpFamily::V4 => 16,
        IpFamily::V6 => 24,
    }
}

/// A register by the index of its first 32-bit word; `nft` writes one that starts at a multiple of four as `NFT_REG_1` … and the
/// others as `NFT_REG32_01` ….
fn register(word: u32) -> Register {
    if word.is_multiple_of(4) { Register(1 + word / 4) } else { Register(8 + word) }
}

/// A rule under construction.
pub(super) struct Build {
    family: IpFamily,
    exprs: Vec<Expr>,
}

impl Build {
    pub(super) fn new(family: IpFamily) -> Self {
        Self { family, exprs: Vec::new() }
    }

    fn nft_family(&self) -> Family {
        match self.family {
            IpFamily::V4 => Family::Ip,
            IpFamily::V6 => Family::Ip6,
        }
    }

    fn add(mut self, expr: Expr) -> Self {
        self.exprs.push(expr);
        self
    }

    /// Loads fields one after the other, from the first register on.
    fn load(mut self, fields: &[Field]) -> Self {
        // Ports are where TCP, UDP and SCTP have them alike.
        let (saddr, daddr) = (saddr_offset(self.family), daddr_offset(self.family));
        let mut word = 0;
        for field in fields {
            let dreg = register(word);
            let len = field.len(self.family);
            self.exprs.push(match *field {
                Field::Saddr => Expr::Payload { dreg, base: PayloadBase::Network, offset: saddr, len },
                Field::Daddr => Expr::Payload { dreg, base: PayloadBase::Network, offset: daddr, len },
                Field::L4proto => Expr::Meta { key: MetaKey::L4proto, dreg },
                Field::Dport => Expr::Payload { dreg, base: PayloadBase::Transport, offset: 2, len },
                Field::Slot(modulus) => Expr::Numgen { dreg, modulus, random: true, offset: 0 },
            });
            word += len.div_ceil(4);
        }
        self
    }

    fn look_up(self, set: &str, dreg: Option<Register>, inverted: bool) -> Self {
        self.add(Expr::Lookup { set: set.to_owned(), set_id: None, sreg: register(0), dreg, inverted })
    }

    /// `FIELDS @set`
    pub(super) fn in_set(self, fields: &[Field], set: &str) -> Self {
        self.load(fields).look_up(set, None, false)
    }

    /// `FIELDS != @set`
    pub(super) fn not_in_set(self, fields: &[Field], set: &str) -> Self {
        self.load(fields).look_up(set, None, true)
    }

    /// `FIELDS vmap @map`
    pub(super) fn vmap(self, fields: &[Field], map: &str) -> Rule {
        self.load(fields).look_up(map, Some(Register::VERDICT), false).rule()
    }

    /// `dnat to FIELDS map @map`
    pub(super) fn dnat_map(self, fields: &[Field], map: &str) -> Rule {
        let (address, port) = (register(0), register(Field::Daddr.len(self.family).div_ceil(4)));
        let family = self.nft_family();
        let range = NatRange {
            addr_min: Some(address),
            addr_max: Some(address),
            port_min: Some(port),
            port_max: Some(port),
            flags: TO_ADDRESS_AND_PORT,
        };
        self.load(fields).look_up(map, Some(address), false).add(Expr::Dnat { family, range }).rule()
    }

    /// `meta l4proto PROTOCOL dnat to ADDRESS:PORT`
    pub(super) fn dnat(self, protocol: u8, address: &[u8], port: u16) -> Rule {
        let family = self.nft_family();
        let (at, behind) = (Register(1), Register(2));
        let range = NatRange {
            addr_min: Some(at),
            addr_max: Some(at),
            port_min: Some(behind),
            port_max: Some(behind),
            flags: TO_ADDRESS_AND_PORT,
        };
        let value = |dreg, bytes: &[u8]| Expr::Immediate { dreg, data: Data::Value(Bytes(bytes.to_vec())) };
        self.load(&[Field::L4proto])
            .add(Expr::Cmp { sreg: at, op: CmpOp::Eq, data: Bytes(vec![protocol]) })
            .add(value(at, address))
            .add(value(behind, &port.to_be_bytes()))
            .add(Expr::Dnat { family, range })
            .rule()
    }

    /// `update @set { saddr timeout SECONDS }`
    pub(super) fn remember_source(self, set: &str, seconds: u32) -> Self {
        /// `NFT_DYNSET_OP_UPDATE`
        const UPDATE: u32 = 1;
        self.load(&[Field::Saddr]).add(Expr::Dynset {
            set: set.to_owned(),
            set_id: None,
            op: UPDATE,
            sreg_key: register(0),
            sreg_data: None,
            timeout: Some(u64::from(seconds) * 1000),
            exprs: Vec::new(),
            flags: 0,
        })
    }

    /// `numgen random mod MODULUS 0`: one packet in so many.
    pub(super) fn one_in(self, modulus: u32) -> Self {
        self.load(&[Field::Slot(modulus)]).add(Expr::Cmp {
            sreg: register(0),
            op: CmpOp::Eq,
            data: Bytes(0u32.to_ne_bytes().to_vec()),
        })
    }

    /// `ct state new`
    pub(super) fn ct_new(self) -> Self {
        self.ct_bits(CtKey::State, CT_STATE_NEW)
    }

    /// `ct status dnat`
    pub(super) fn ct_dnat(self) -> Self {
        self.ct_bits(CtKey::Status, CT_STATUS_DNAT)
    }

    fn ct_bits(self, key: CtKey, bits: u32) -> Self {
        self.add(Expr::Ct { key, dreg: Register(1), direction: None }).any_bit(bits)
    }

    /// `& bits != 0` of the first register.
    fn any_bit(self, bits: u32) -> Self {
        self.bitwise(bits, 0).add(Expr::Cmp {
            sreg: Register(1),
            op: CmpOp::Neq,
            data: Bytes(0u32.to_ne_bytes().to_vec()),
        })
    }

    fn bitwise(self, mask: u32, xor: u32) -> Self {
        let bytes = |n: u32| Bytes(n.to_ne_bytes().to_vec());
        self.add(Expr::Bitwise {
            sreg: Register(1),
            dreg: Register(1),
            len: 4,
            op: BitwiseOp::Bool { mask: bytes(mask), xor: bytes(xor) },
        })
    }

    /// `meta mark & bits != 0`
    pub(super) fn marked(self, bits: u32) -> Self {
        self.add(Expr::Meta { key: MetaKey::Mark, dreg: Register(1) }).any_bit(bits)
    }

    /// `meta mark set meta mark | bits`
    pub(super) fn mark(self, bits: u32) -> Self {
        self.change_mark(!bits, bits)
    }

    /// `meta mark set meta mark ^ bits`
    pub(super) fn flip_mark(self, bits: u32) -> Self {
        self.change_mark(u32::MAX, bits)
    }

    fn change_mark(self, mask: u32, xor: u32) -> Self {
        self.add(Expr::Meta { key: MetaKey::Mark, dreg: Register(1) })
            .bitwise(mask, xor)
            .add(Expr::MetaSet { key: MetaKey::Mark, sreg: Register(1) })
    }

    /// `fib saddr|daddr type local`
    pub(super) fn when_local(self, address: FibAddress) -> Self {
        self.add(Expr::Fib { dreg: Register(1), result: FibResult::AddrType, flags: address as u32 }).add(
            Expr::Cmp { sreg: Register(1), op: CmpOp::Eq, data: Bytes(RTN_LOCAL.to_ne_bytes().to_vec()) },
        )
    }

    /// `ip daddr != 127.0.0.0/8`, `ip6 daddr != ::1`
    pub(super) fn not_to_loopback(self) -> Self {
        let offset = daddr_offset(self.family);
        let data = match self.family {
            IpFamily::V4 => vec![127],
            IpFamily::V6 => std::net::Ipv6Addr::LOCALHOST.octets().to_vec(),
        };
        let len = u32::try_from(data.len()).unwrap_or(1);
        self.add(Expr::Payload { dreg: Register(1), base: PayloadBase::Network, offset, len })
            .add(Expr::Cmp { sreg: Register(1), op: CmpOp::Neq, data: Bytes(data) })
    }

    /// `saddr (!=) RANGE`: whole bytes are compared as such, other lengths behind a mask.
    pub(super) fn saddr(self, op: CmpOp, range: Cidr) -> Self {
        let bytes = match range.address() {
            IpAddr::V4(a) => a.octets().to_vec(),
            IpAddr::V6(a) => a.octets().to_vec(),
        };
        let (bits, offset) = (usize::from(range.length()), saddr_offset(self.family));
        let whole = bits > 0 && bits.is_multiple_of(8);
        let data = if whole { bytes.get(..bits / 8).unwrap_or_default().to_vec() } else { bytes };
        let len = u32::try_from(data.len()).unwrap_or_default();
        let load = Expr::Payload { dreg: Register(1), base: PayloadBase::Network, offset, len };
        let mut build = self.add(load);
        if !whole {
            let mask = (0..data.len()).map(|i| {
                let ones = bits.saturating_sub(i * 8).min(8);
                !(u8::MAX.checked_shr(u32::try_from(ones).unwrap_or(8)).unwrap_or(0))
            });
            let (mask, xor) = (Bytes(mask.collect()), Bytes(vec![0; data.len()]));
            let op = BitwiseOp::Bool { mask, xor };
            build = build.add(Expr::Bitwise { sreg: Register(1), dreg: Register(1), len, op });
        }
        build.add(Expr::Cmp { sreg: Register(1), op, data: Bytes(data) })
    }

    /// `iifname (!=) NAME`, or a name's beginning.
    pub(super) fn iifname(self, op: CmpOp, name: &str, prefix: bool) -> Self {
        let mut data = name.as_bytes().to_vec();
        if !prefix {
            // IFNAMSIZ
            data.resize(16, 0);
        }
        self.add(Expr::Meta { key: MetaKey::Iifname, dreg: Register(1) }).add(Expr::Cmp {
            sreg: Register(1),
            op,
            data: Bytes(data),
        })
    }

    fn verdict(self, verdict: Verdict) -> Rule {
        self.add(Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(verdict) }).rule()
    }

    pub(super) fn goto(self, chain: &str) -> Rule {
        self.verdict(Verdict::Goto(ChainRef::Name(chain.to_owned())))
    }

    pub(super) fn jump(self, chain: &str) -> Rule {
        self.verdict(Verdict::Jump(ChainRef::Name(chain.to_owned())))
    }

    pub(super) fn accept(self) -> Rule {
        self.verdict(Verdict::Accept)
    }

    pub(super) fn drop(self) -> Rule {
        self.verdict(Verdict::Drop)
    }

    /// `reject`: port unreachable, the default of `nft`.
    pub(super) fn reject(self) -> Rule {
        // ICMP_PORT_UNREACH, ICMPV6_PORT_UNREACH
        let code = match self.family {
            IpFamily::V4 => 3,
            IpFamily::V6 => 4,
        };
        self.add(Expr::Reject { kind: RejectType::IcmpUnreach, code }).rule()
    }

    /// `masquerade fully-random`
    pub(super) fn masquerade(self) -> Rule {
        self.add(Expr::Masq { flags: RANDOM_FULLY, port_min: None, port_max: None }).rule()
    }

    /// The rule as it stands.
    pub(super) fn rule(self) -> Rule {
        Rule { handle: 0, exprs: self.exprs, userdata: Bytes::default(), compat: None }
    }
}

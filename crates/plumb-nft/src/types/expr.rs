//! Expressions: what a rule is made of. One variant per kernel expression (net/netfilter/nft_*.c).

use serde::{Deserialize, Serialize};

use super::{
    Bytes, CmpOp, CtKey, Family, FibResult, MetaKey, ObjectType, PayloadBase, Register, RejectType, RtKey,
    SocketKey,
};

/// What a rule, an element or a policy decides (`NFT_JUMP` …, `NF_ACCEPT` …).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The packet goes on to the next base chain.
    Accept,
    /// The packet ends here.
    Drop,
    /// To user space; the number holds queue and flags as the kernel packs them.
    Queue(u32),
    /// On to the next rule.
    Continue,
    /// Ends this rule without a decision.
    Break,
    /// Back to the calling chain.
    Return,
    /// Into a chain, with return.
    Jump(ChainRef),
    /// Into a chain, without return.
    Goto(ChainRef),
    /// A code that this version does not know.
    Unknown(i32),
}

/// The chain that a verdict leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainRef {
    /// By name, as dumps give it.
    Name(String),
    /// By id, within one batch only.
    Id(u32),
}

/// Value of an immediate, of an element's data.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// Bytes as they lie in the registers.
    Value(Bytes),
    /// A verdict.
    Verdict(Verdict),
}

/// Direction of a `ct` key (`IP_CT_DIR_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtDirection {
    /// As the first packet went.
    Original,
    /// As the answers go.
    Reply,
}

/// How a `bitwise` expression changes its operand (`NFT_BITWISE_*`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BitwiseOp {
    /// `(source & mask) ^ xor`.
    Bool {
        /// Bits that are kept.
        mask: Bytes,
        /// Bits that are flipped afterwards.
        xor: Bytes,
    },
    /// Shift left by so many bits.
    Lshift(u32),
    /// Shift right by so many bits.
    Rshift(u32),
    /// `source & source2` (registers; kernel ≥ 6.13), also with an immediate.
    And(Operand),
    /// `source | source2`.
    Or(Operand),
    /// `source ^ source2`.
    Xor(Operand),
}

/// Second operand of a bitwise and, or, xor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// A register.
    Register(Register),
    /// Bytes.
    Value(Bytes),
}

/// Statements on rates (`NFTA_LIMIT_*`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limit {
    /// Packets or bytes per `unit`.
    pub rate: u64,
    /// Seconds that `rate` is counted over.
    pub unit: u64,
    /// Packets or bytes above the rate that pass at once.
    pub burst: u32,
    /// Bytes instead of packets.
    pub bytes: bool,
    /// Matches what is over the limit (`limit rate over`).
    pub over: bool,
}

/// Address and port registers of a NAT statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NatRange {
    /// First (or only) address.
    pub addr_min: Option<Register>,
    /// Last address.
    pub addr_max: Option<Register>,
    /// First (or only) port, big-endian in its register.
    pub port_min: Option<Register>,
    /// Last port.
    pub port_max: Option<Register>,
    /// `NF_NAT_RANGE_*` flags.
    pub flags: u32,
}

/// One expression of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields bear the names of their NFTA_* attributes")]
pub enum Expr {
    /// Loads a value or gives a verdict.
    Immediate { dreg: Register, data: Data },
    /// Goes on when the comparison holds.
    Cmp { sreg: Register, op: CmpOp, data: Bytes },
    /// Goes on when the value is (not) in the range.
    Range { sreg: Register, op: CmpOp, from: Bytes, to: Bytes },
    /// Looks up a set, map or verdict map.
    Lookup { set: String, set_id: Option<u32>, sreg: Register, dreg: Option<Register>, inverted: bool },
    /// Loads bytes of the packet.
    Payload { dreg: Register, base: PayloadBase, offset: u32, len: u32 },
    /// Writes bytes of the packet.
    PayloadWrite {
        sreg: Register,
        base: PayloadBase,
        offset: u32,
        len: u32,
        csum_type: u32,
        csum_offset: u32,
        csum_flags: u32,
    },
    /// Loads metadata.
    Meta { key: MetaKey, dreg: Register },
    /// Sets metadata.
    MetaSet { key: MetaKey, sreg: Register },
    /// Loads from the conntrack entry.
    Ct { key: CtKey, dreg: Register, direction: Option<CtDirection> },
    /// Sets something of the conntrack entry.
    CtSet { key: CtKey, sreg: Register, direction: Option<CtDirection> },
    /// Boolean or shift.
    Bitwise { sreg: Register, dreg: Register, len: u32, op: BitwiseOp },
    /// Host to network order or back, `size` bytes at a time.
    Byteorder { sreg: Register, dreg: Register, hton: bool, len: u32, size: u32 },
    /// Counts.
    Counter { packets: u64, bytes: u64 },
    /// A rate.
    Limit(Limit),
    /// A quota in bytes (`flags` 1: over; 2: depleted).
    Quota { bytes: u64, consumed: u64, flags: u32 },
    /// Number of connections.
    Connlimit { count: u32, flags: u32 },
    /// Seconds since the rule was last hit.
    Last { set: bool, msecs: u64 },
    /// Source translation.
    Snat { family: Family, range: NatRange },
    /// Destination translation.
    Dnat { family: Family, range: NatRange },
    /// Source translation to the address of the device that the packet leaves by.
    Masq { flags: u32, port_min: Option<Register>, port_max: Option<Register> },
    /// Destination translation to this machine.
    Redir { flags: u32, port_min: Option<Register>, port_max: Option<Register> },
    /// Drops and answers.
    Reject { kind: RejectType, code: u8 },
    /// Logs (or, with a group, sends to user space).
    Log {
        prefix: Option<String>,
        group: Option<u16>,
        snaplen: Option<u32>,
        qthreshold: Option<u16>,
        level: Option<u32>,
        flags: Option<u32>,
    },
    /// Random or incrementing number.
    Numgen { dreg: Register, modulus: u32, random: bool, offset: u32 },
    /// Jenkins hash of registers.
    Jhash { sreg: Register, dreg: Register, len: u32, modulus: u32, seed: Option<u32>, offset: u32 },
    /// Symmetric hash of the flow.
    Symhash { dreg: Register, modulus: u32, offset: u32 },
    /// Routing look-up.
    Fib { dreg: Register, result: FibResult, flags: u32 },
    /// Adds to, updates or deletes from a set (`op`: 0 add, 1 update, 2 delete).
    Dynset {
        set: String,
        set_id: Option<u32>,
        op: u32,
        sreg_key: Register,
        sreg_data: Option<Register>,
        timeout: Option<u64>,
        exprs: Vec<Expr>,
        flags: u32,
    },
    /// Not tracked.
    Notrack,
    /// A named object of this type.
    Objref { kind: ObjectType, name: String },
    /// A named object chosen by a map.
    ObjrefMap { set: String, set_id: Option<u32>, sreg: Register },
    /// To user space.
    Queue { num: Option<u16>, total: Option<u16>, flags: u32, sreg: Option<Register> },
    /// To a local socket without translation.
    Tproxy { family: Family, addr: Option<Register>, port: Option<Register> },
    /// From the socket that the packet belongs to.
    Socket { key: SocketKey, dreg: Register, level: Option<u32> },
    /// Extension header, TCP option, IP option, SCTP chunk (`op` as NFT_EXTHDR_OP_*; flag 1: present).
    Exthdr { dreg: Register, kind: u8, offset: u32, len: u32, flags: u32, op: u32 },
    /// Writes an option.
    ExthdrWrite { sreg: Register, kind: u8, offset: u32, len: u32, flags: u32, op: u32 },
    /// Removes a TCP option.
    ExthdrReset { kind: u8, op: u32 },
    /// From the route.
    Rt { key: RtKey, dreg: Register },
    /// Passive fingerprint of the sender's system.
    Osf { dreg: Register, ttl: u8, flags: u32 },
    /// From the IPsec state (`direction`: 0 in, 1 out).
    Xfrm { key: u32, dreg: Register, direction: u8, spnum: u32 },
    /// Copies to an address.
    Dup { addr: Option<Register>, dev: Option<Register> },
    /// Sends out of a device.
    Fwd { dev: Option<Register>, addr: Option<Register>, family: Option<Family> },
    /// Hands the flow to a flowtable.
    FlowOffload { flowtable: String },
    /// Answers SYNs for the server.
    Synproxy { mss: u16, wscale: u8, flags: u32 },
    /// An xtables match (made by iptables-nft).
    Match { name: String, revision: u32, info: Bytes },
    /// An xtables target (made by iptables-nft).
    Target { name: String, revision: u32, info: Bytes },
    /// An expression that this version does not decode; its attributes as they came.
    Unknown { name: String, data: Bytes },
}

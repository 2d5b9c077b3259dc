//! Tables, chains, sets, rules, stateful objects, flowtables, and the ruleset that holds them.

use serde::{Deserialize, Serialize};

use super::{Bytes, ChainType, Data, Expr, Family, Hook, Limit, ObjectType, Verdict};

/// A table, by family and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableKey {
    /// Family.
    pub family: Family,
    /// Name.
    pub name: String,
}

/// A table and all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Family.
    pub family: Family,
    /// Name.
    pub name: String,
    /// Handle.
    pub handle: u64,
    /// `NFT_TABLE_F_*`: 1 dormant (no chain of it is hooked), 2 owner, 4 persist.
    #[serde(default)]
    pub flags: u32,
    /// Comment and whatever else user space keeps there.
    #[serde(default)]
    pub userdata: Bytes,
    /// Chains in the kernel's order.
    #[serde(default)]
    pub chains: Vec<Chain>,
    /// Sets and maps, anonymous ones included.
    #[serde(default)]
    pub sets: Vec<Set>,
    /// Named counters, quotas, limits, helpers …
    #[serde(default)]
    pub objects: Vec<Object>,
    /// Flowtables.
    #[serde(default)]
    pub flowtables: Vec<Flowtable>,
    /// Attributes that this version does not know: (message, attribute number, bytes).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_attributes: Vec<UnknownAttribute>,
}

impl Table {
    /// A table in which there is nothing.
    #[must_use]
    pub fn new(family: Family, name: &str) -> Self {
        Self {
            family,
            name: name.to_owned(),
            handle: 0,
            flags: 0,
            userdata: Bytes::default(),
            chains: Vec::new(),
            sets: Vec::new(),
            objects: Vec::new(),
            flowtables: Vec::new(),
            unknown_attributes: Vec::new(),
        }
    }
}

/// Where a base chain is hooked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseChain {
    /// Type.
    pub kind: ChainType,
    /// Hook. `Ingress` and `Egress` for netdev chains and the inet ingress hook.
    pub hook: Hook,
    /// Priority; smaller runs first.
    pub priority: i32,
    /// What happens to a packet that reaches the end: accept or drop.
    pub policy: Verdict,
    /// Devices of netdev chains.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Packets and bytes that the policy decided, where counted.
    #[serde(default)]
    pub counters: Option<(u64, u64)>,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Name.
    pub name: String,
    /// Handle.
    pub handle: u64,
    /// Hook, type, priority and policy of a base chain.
    pub base: Option<BaseChain>,
    /// `NFT_CHAIN_*` flags: 1 base, 2 hardware offload, 4 binding (anonymous).
    #[serde(default)]
    pub flags: u32,
    /// Comment.
    #[serde(default)]
    pub userdata: Bytes,
    /// Rules in order.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Handle.
    pub handle: u64,
    /// Expressions in order.
    pub exprs: Vec<Expr>,
    /// Comment and whatever else user space keeps there.
    #[serde(default)]
    pub userdata: Bytes,
    /// `NFTA_RULE_COMPAT` (protocol, flags): set on rules with xtables extensions.
    #[serde(default)]
    pub compat: Option<(u32, u32)>,
}

/// A set or map (`NFTA_SET_*`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// Name; anonymous sets are called `__set0`, `__map1` …
    pub name: String,
    /// Handle.
    #[serde(default)]
    pub handle: u64,
    /// `NFT_SET_*`: 1 anonymous, 2 constant, 4 interval, 8 map, 0x10 timeout, 0x20 eval, 0x40 object, 0x80 concat, 0x100 expr.
    pub flags: u32,
    /// nft's number for the key's type (6 bits a field in a concatenation).
    pub key_type: u32,
    /// Length of a key in bytes; each field of a concatenation is padded to 4.
    pub key_len: u32,
    /// nft's number for the data's type; `0xffffff00` for verdicts.
    #[serde(default)]
    pub data_type: Option<u32>,
    /// Length of the data in bytes.
    #[serde(default)]
    pub data_len: Option<u32>,
    /// Kind of objects that an object map holds.
    #[serde(default)]
    pub object_type: Option<ObjectType>,
    /// `NFT_SET_POL_*`.
    #[serde(default)]
    pub policy: Option<u32>,
    /// Largest number of elements, where limited.
    #[serde(default)]
    pub size: Option<u32>,
    /// Lengths in bytes of the fields of a concatenation, where the kernel knows them.
    #[serde(default)]
    pub field_lens: Vec<u32>,
    /// Default life of an element in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// How often dead elements are collected, milliseconds.
    #[serde(default)]
    pub gc_interval_ms: Option<u32>,
    /// Byte orders, typeof, comment: what `nft` needs to print the set.
    #[serde(default)]
    pub userdata: Bytes,
    /// Expressions that each element carries.
    #[serde(default)]
    pub exprs: Vec<Expr>,
    /// Elements in dump order.
    #[serde(default)]
    pub elements: Vec<Element>,
}

impl Set {
    /// `NFT_SET_ANONYMOUS`
    pub const ANONYMOUS: u32 = 0x1;
    /// `NFT_SET_CONSTANT`
    pub const CONSTANT: u32 = 0x2;
    /// `NFT_SET_INTERVAL`
    pub const INTERVAL: u32 = 0x4;
    /// `NFT_SET_MAP`
    pub const MAP: u32 = 0x8;
    /// `NFT_SET_TIMEOUT`
    pub const TIMEOUT: u32 = 0x10;
    /// `NFT_SET_EVAL`
    pub const EVAL: u32 = 0x20;
    /// `NFT_SET_OBJECT`
    pub const OBJECT: u32 = 0x40;
    /// `NFT_SET_CONCAT`
    pub const CONCAT: u32 = 0x80;
    /// `NFT_SET_EXPR`
    pub const EXPR: u32 = 0x100;

    /// Whether the set has this flag.
    #[must_use]
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// An element of a set or map (`NFTA_SET_ELEM_*`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// Key; empty for the catch-all element.
    pub key: Bytes,
    /// Last key of the range, for concatenations of intervals (`NFTA_SET_ELEM_KEY_END`).
    #[serde(default)]
    pub key_end: Option<Bytes>,
    /// `NFT_SET_ELEM_*`: 1 end of an interval (the first key after it), 2 catch-all.
    #[serde(default)]
    pub flags: u32,
    /// Value or verdict of a map.
    #[serde(default)]
    pub data: Option<Data>,
    /// Object of an object map.
    #[serde(default)]
    pub object: Option<String>,
    /// Life in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What is left of it.
    #[serde(default)]
    pub expires_ms: Option<u64>,
    /// Comment.
    #[serde(default)]
    pub userdata: Bytes,
    /// Counter, limit … of this element.
    #[serde(default)]
    pub exprs: Vec<Expr>,
}

impl Element {
    /// `NFT_SET_ELEM_INTERVAL_END`
    pub const INTERVAL_END: u32 = 1;
    /// `NFT_SET_ELEM_CATCHALL`
    pub const CATCHALL: u32 = 2;

    /// Whether this is the end of an interval: its key is the first one *after* the interval.
    #[must_use]
    pub fn is_interval_end(&self) -> bool {
        self.flags & Self::INTERVAL_END != 0
    }

    /// Whether this element matches whatever no other element does.
    #[must_use]
    pub fn is_catchall(&self) -> bool {
        self.flags & Self::CATCHALL != 0
    }
}

/// A named stateful object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Name.
    pub name: String,
    /// Handle.
    #[serde(default)]
    pub handle: u64,
    /// What it is.
    pub kind: ObjectType,
    /// Its state.
    pub data: ObjectData,
    /// Comment.
    #[serde(default)]
    pub userdata: Bytes,
}

/// State of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields bear the names of their NFTA_* attributes")]
pub enum ObjectData {
    Counter { packets: u64, bytes: u64 },
    Quota { bytes: u64, consumed: u64, flags: u32 },
    Limit(Limit),
    Connlimit { count: u32, flags: u32 },
    CtHelper { name: String, l3proto: u16, l4proto: u8 },
    CtTimeout { l3proto: u16, l4proto: u8, data: Bytes },
    CtExpect { l3proto: u16, l4proto: u8, dport: u16, timeout_ms: u32, size: u8 },
    Secmark { context: String },
    Synproxy { mss: u16, wscale: u8, flags: u32 },
    Unknown(Bytes),
}

/// A flowtable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flowtable {
    /// Name.
    pub name: String,
    /// Handle.
    #[serde(default)]
    pub handle: u64,
    /// Priority on the ingress hook.
    pub priority: i32,
    /// Devices.
    pub devices: Vec<String>,
    /// `NFT_FLOWTABLE_*`: 1 hardware offload, 2 counter.
    #[serde(default)]
    pub flags: u32,
}

/// An attribute that this version does not know, kept so that nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownAttribute {
    /// The object that carried it: `table filter`, `chain filter forward`, `rule … handle 7`.
    pub of: String,
    /// Attribute number.
    pub number: u16,
    /// Its bytes.
    pub data: Bytes,
}

/// All of nftables in one network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruleset {
    /// Generation id that all dumps were read under.
    #[serde(default)]
    pub generation: u32,
    /// Tables in the kernel's order.
    #[serde(default)]
    pub tables: Vec<Table>,
}

impl Ruleset {
    /// The table of this family and name.
    #[must_use]
    pub fn table(&self, family: Family, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.family == family && t.name == name)
    }
}

impl Table {
    /// The table is loaded but none of its chains is hooked.
    #[must_use]
    pub fn is_dormant(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The chain of this name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|c| c.name == name)
    }

    /// The set of this name.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|s| s.name == name)
    }

    /// The object of this kind and name.
    #[must_use]
    pub fn object(&self, kind: ObjectType, name: &str) -> Option<&Object> {
        self.objects.iter().find(|o| o.kind == kind && o.name == name)
    }
}

impl Chain {
    /// The rule with this handle.
    #[must_use]
    pub fn rule(&self, handle: u64) -> Option<&Rule> {
        self.rules.iter().find(|r| r.handle == handle)
    }
}

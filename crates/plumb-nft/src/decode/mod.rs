//! Payloads of netlink messages (`nfgenmsg` and attributes, without the `nlmsghdr`) to types.
//!
//! Nothing is lost: an expression that is not understood becomes [`Expr::Unknown`], an attribute that is not
//! understood an [`UnknownAttribute`] beside the object. Only bytes that are no attributes at all are an error.

mod data;
mod expr;
mod fields;
mod nat;
mod object;
mod set;

pub use crate::nlattr::DecodeError;
pub use object::{flowtable, object};
pub use set::{elements, set};

use crate::types::*;
use crate::uapi as u;
use fields::Fields;

/// Something that belongs to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// Its table.
    pub table: TableKey,
    /// Itself.
    pub value: T,
    /// Attributes that this version does not know.
    pub unknown: Vec<UnknownAttribute>,
}

/// A rule and the chain that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOf {
    /// Name of the chain.
    pub chain: String,
    /// The rule.
    pub rule: Rule,
}

/// Elements and the set that they are in; a set comes in several messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementsOf {
    /// Name of the set.
    pub set: String,
    /// Some of its elements.
    pub elements: Vec<Element>,
}

/// Family of `nfgenmsg` (family, version, resource id) and the attributes after it.
fn header<'a>(payload: &'a [u8], what: &'static str) -> Result<(Family, u16, &'a [u8]), DecodeError> {
    match payload.split_first_chunk::<4>() {
        Some((&[family, _version, high, low], rest)) => {
            Ok((Family::from_number(family), u16::from_be_bytes([high, low]), rest))
        }
        None => Err(DecodeError::Short { what, need: 4, left: payload.len() }),
    }
}

fn unknown(f: &Fields<'_>, of: impl Fn() -> String) -> Vec<UnknownAttribute> {
    let keep =
        |a: &crate::nlattr::Attr<'_>| UnknownAttribute { of: of(), number: a.number, data: a.data.into() };
    f.strange.iter().map(keep).collect()
}

/// `NFT_MSG_NEWGEN`: the generation id, which every transaction raises by one.
pub fn generation(payload: &[u8]) -> Result<u32, DecodeError> {
    let (_, _, rest) = header(payload, "generation")?;
    let f = Fields::read(rest, "generation", u::generation::PROC_NAME)?;
    f.need_be32(u::generation::ID, "NFTA_GEN_ID")
}

/// Lower 16 bits of the generation that a dump's message was made under (`nfgenmsg.res_id`): all messages of one
/// dump, and the generations before and after it, must agree.
pub fn message_generation(payload: &[u8]) -> Result<u16, DecodeError> {
    header(payload, "message").map(|(_, generation, _)| generation)
}

/// `NFT_MSG_NEWTABLE`.
pub fn table(payload: &[u8]) -> Result<Table, DecodeError> {
    let (family, _, rest) = header(payload, "table")?;
    let f = Fields::read(rest, "table", u::table::USERDATA)?;
    let name = f.need_text(u::table::NAME, "NFTA_TABLE_NAME")?;
    Ok(Table {
        family,
        handle: f.be64(u::table::HANDLE)?.unwrap_or(0),
        flags: f.be32(u::table::FLAGS)?.unwrap_or(0),
        userdata: f.bytes(u::table::USERDATA).unwrap_or_default(),
        chains: Vec::new(),
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: unknown(&f, || format!("table {name}")),
        name,
    })
}

/// `NFT_MSG_NEWCHAIN`.
pub fn chain(payload: &[u8]) -> Result<Part<Chain>, DecodeError> {
    let (family, _, rest) = header(payload, "chain")?;
    let f = Fields::read(rest, "chain", u::chain::USERDATA)?;
    let table = TableKey { family, name: f.need_text(u::chain::TABLE, "NFTA_CHAIN_TABLE")? };
    let name = f.need_text(u::chain::NAME, "NFTA_CHAIN_NAME")?;
    let mut lost = unknown(&f, || format!("chain {} {name}", table.name));
    let base = match f.get(u::chain::HOOK) {
        None => None,
        Some(hook) => {
            let h = Fields::read(hook.data, "hook", u::hook::DEVS)?;
            lost.extend(unknown(&h, || format!("hook of chain {} {name}", table.name)));
            let number = h.need_be32(u::hook::HOOKNUM, "NFTA_HOOK_HOOKNUM")?;
            let mut devices = devices(&h, u::hook::DEVS)?;
            // One device is told twice, alone and in the list.
            if let (true, Some(device)) = (devices.is_empty(), h.text(u::hook::DEV)) {
                devices.push(device);
            }
            let counters = f
                .get(u::chain::COUNTERS)
                .map(|c| Fields::read(c.data, "counters", u::counter::PAD).and_then(|c| expr::counter(&c)))
                .transpose()?;
            let policy =
                f.be32(u::chain::POLICY)?.map_or(Verdict::Accept, |p| data::verdict_code(p.cast_signed()));
            Some(BaseChain {
                kind: chain_type(f.text(u::chain::TYPE).as_deref()),
                hook: hook_of(family, number),
                priority: h.be32(u::hook::PRIORITY)?.unwrap_or(0).cast_signed(),
                policy,
                devices,
                counters,
            })
        }
    };
    let value = Chain {
        name,
        handle: f.be64(u::chain::HANDLE)?.unwrap_or(0),
        base,
        flags: f.be32(u::chain::FLAGS)?.unwrap_or(0),
        userdata: f.bytes(u::chain::USERDATA).unwrap_or_default(),
        rules: Vec::new(),
    };
    Ok(Part { table, value, unknown: lost })
}

/// The kernel has three chain types, by name; a fourth is `Unknown(255)`.
fn chain_type(name: Option<&str>) -> ChainType {
    match name {
        None | Some("filter") => ChainType::Filter,
        Some("route") => ChainType::Route,
        Some("nat") => ChainType::Nat,
        Some(_) => ChainType::Unknown(u8::MAX),
    }
}

/// The hook that `number` means in `family`: arp counts input, output, forward; netdev ingress, egress.
#[must_use]
pub fn hook_of(family: Family, number: u32) -> Hook {
    match (family, number) {
        (Family::Arp, 0) => Hook::Input,
        (Family::Arp, 1) => Hook::Output,
        (Family::Arp, 2) => Hook::Forward,
        (Family::Netdev, 0) => Hook::Ingress,
        (Family::Netdev, 1) => Hook::Egress,
        (Family::Arp | Family::Netdev, n) => Hook::Unknown(n),
        (_, n @ 0..=5) => Hook::from_number(n),
        (_, n) => Hook::Unknown(n),
    }
}

/// Devices in order; a prefix (`NFTA_DEVICE_PREFIX`, Linux 6.18) is written with `*`.
fn devices(f: &Fields<'_>, list: u16) -> Result<Vec<String>, DecodeError> {
    let Some(list) = f.get(list) else { return Ok(Vec::new()) };
    let name = |attr: Result<crate::nlattr::Attr<'_>, DecodeError>| {
        attr.map(|a| if a.number == u::device::PREFIX { format!("{}*", a.text()) } else { a.text() })
    };
    list.nested("devices").map(name).collect()
}

/// `NFT_MSG_NEWRULE`.
pub fn rule(payload: &[u8]) -> Result<Part<RuleOf>, DecodeError> {
    let (family, _, rest) = header(payload, "rule")?;
    let f = Fields::read(rest, "rule", u::rule::CHAIN_ID)?;
    let table = TableKey { family, name: f.need_text(u::rule::TABLE, "NFTA_RULE_TABLE")? };
    let chain = f.need_text(u::rule::CHAIN, "NFTA_RULE_CHAIN")?;
    let handle = f.be64(u::rule::HANDLE)?.unwrap_or(0);
    let compat = match f.get(u::rule::COMPAT) {
        None => None,
        Some(compat) => {
            let c = Fields::read(compat.data, "compat", u::rule_compat::FLAGS)?;
            let flags = c.be32(u::rule_compat::FLAGS)?.unwrap_or(0);
            Some((c.need_be32(u::rule_compat::PROTO, "NFTA_RULE_COMPAT_PROTO")?, flags))
        }
    };
    let exprs = f.get(u::rule::EXPRESSIONS).map(|e| expr::list(e, 0)).transpose()?.unwrap_or_default();
    let unknown = unknown(&f, || format!("rule {} {chain} handle {handle}", table.name));
    let userdata = f.bytes(u::rule::USERDATA).unwrap_or_default();
    Ok(Part { table, value: RuleOf { chain, rule: Rule { handle, exprs, userdata, compat } }, unknown })
}

//! Types to payloads of netlink messages (`nfgenmsg` and attributes): what [`crate::decode`] reads.
//!
//! A handle of 0 is left out: the kernel gives handles itself, and reads one in a request as "change this one".

mod data;
mod expr;
mod nat;
mod object;

pub use expr::{NAMES, name};
pub use object::{flowtable, object};

use thiserror::Error;

use crate::batch::ElementRef;
use crate::nlattr::Writer;
use crate::request::nfgenmsg;
use crate::types::*;
use crate::uapi as u;

/// What cannot be said in a netlink message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Attributes carry their length in 16 bits.
    #[error("{what} takes more than 65,535 bytes in one attribute; split it")]
    TooLong {
        /// What was being written.
        what: String,
    },
}

/// Longest list of elements in one message; the length of an attribute has 16 bits.
const MAX_ELEMENTS: usize = 60_000;

fn start(family: Family) -> Writer {
    let mut w = Writer::new();
    w.raw(&nfgenmsg(family.number(), 0));
    w
}

fn finish(w: Writer, what: impl FnOnce() -> String) -> Result<Vec<u8>, EncodeError> {
    if w.overflowed() { Err(EncodeError::TooLong { what: what() }) } else { Ok(w.into_bytes()) }
}

fn userdata(w: &mut Writer, number: u16, bytes: &Bytes) {
    if !bytes.is_empty() {
        w.put(number, bytes);
    }
}

fn handle(w: &mut Writer, number: u16, handle: u64) {
    if handle != 0 {
        w.be64(number, handle);
    }
}

/// A table itself, without what is in it.
pub fn table(table: &Table) -> Result<Vec<u8>, EncodeError> {
    let mut w = start(table.family);
    w.text(u::table::NAME, &table.name);
    w.be32(u::table::FLAGS, table.flags);
    handle(&mut w, u::table::HANDLE, table.handle);
    userdata(&mut w, u::table::USERDATA, &table.userdata);
    finish(w, || format!("table {}", table.name))
}

/// A chain without its rules.
pub fn chain(key: &TableKey, chain: &Chain) -> Result<Vec<u8>, EncodeError> {
    let mut w = start(key.family);
    w.text(u::chain::TABLE, &key.name);
    handle(&mut w, u::chain::HANDLE, chain.handle);
    w.text(u::chain::NAME, &chain.name);
    if let Some(base) = &chain.base {
        w.nest(u::chain::HOOK, |w| {
            w.be32(u::hook::HOOKNUM, hook_number(key.family, base.hook));
            w.be32(u::hook::PRIORITY, base.priority.cast_unsigned());
            match base.devices.as_slice() {
                [] => {}
                [one] if !one.ends_with('*') => w.text(u::hook::DEV, one),
                many => devices(w, u::hook::DEVS, many),
            }
        });
        w.be32(u::chain::POLICY, data::code(&base.policy).cast_unsigned());
        w.text(u::chain::TYPE, base.kind.word().unwrap_or("unknown"));
        if let Some((packets, bytes)) = base.counters {
            w.nest(u::chain::COUNTERS, |w| expr::counter(w, packets, bytes));
        }
    }
    // The kernel works out "base" and "binding" itself but takes them.
    if chain.flags != 0 {
        w.be32(u::chain::FLAGS, chain.flags);
    }
    userdata(&mut w, u::chain::USERDATA, &chain.userdata);
    finish(w, || format!("chain {}", chain.name))
}

/// Number of a hook in a family; the reverse of [`crate::decode::hook_of`].
#[must_use]
pub fn hook_number(family: Family, hook: Hook) -> u32 {
    match (family, hook) {
        (Family::Arp, Hook::Input) => 0,
        (Family::Arp, Hook::Output) => 1,
        (Family::Arp, Hook::Forward) => 2,
        (Family::Netdev, Hook::Ingress) => 0,
        (Family::Netdev, Hook::Egress) => 1,
        (_, hook) => hook.number(),
    }
}

fn devices(w: &mut Writer, number: u16, names: &[String]) {
    w.nest(number, |w| {
        for name in names {
            match name.strip_suffix('*') {
                Some(prefix) => w.text(u::device::PREFIX, prefix),
                None => w.text(u::device::NAME, name),
            }
        }
    });
}

/// A rule. `position`: handle of the rule that it is put after or before (the message's flags say which).
pub fn rule(key: &TableKey, chain: &str, rule: &Rule, position: Option<u64>) -> Result<Vec<u8>, EncodeError> {
    let mut w = start(key.family);
    w.text(u::rule::TABLE, &key.name);
    w.text(u::rule::CHAIN, chain);
    handle(&mut w, u::rule::HANDLE, rule.handle);
    if let Some(position) = position {
        w.be64(u::rule::POSITION, position);
    }
    expr::list(&mut w, u::rule::EXPRESSIONS, &rule.exprs);
    if let Some((protocol, flags)) = rule.compat {
        w.nest(u::rule::COMPAT, |w| {
            w.be32(u::rule_compat::PROTO, protocol);
            w.be32(u::rule_compat::FLAGS, flags);
        });
    }
    userdata(&mut w, u::rule::USERDATA, &rule.userdata);
    finish(w, || format!("rule in chain {chain}"))
}

/// A set without its elements. `id`: its number within the batch, which the kernel wants of a new set.
pub fn set(key: &TableKey, set: &Set, id: Option<u32>) -> Result<Vec<u8>, EncodeError> {
    let mut w = start(key.family);
    let optional = |w: &mut Writer, number: u16, n: Option<u32>| {
        if let Some(n) = n {
            w.be32(number, n);
        }
    };
    w.text(u::set::TABLE, &key.name);
    w.text(u::set::NAME, &set.name);
    handle(&mut w, u::set::HANDLE, set.handle);
    if set.flags != 0 {
        w.be32(u::set::FLAGS, set.flags);
    }
    w.be32(u::set::KEY_TYPE, set.key_type);
    w.be32(u::set::KEY_LEN, set.key_len);
    optional(&mut w, u::set::DATA_TYPE, set.data_type);
    optional(&mut w, u::set::DATA_LEN, set.data_len);
    optional(&mut w, u::set::OBJ_TYPE, set.object_type.map(ObjectType::number));
    optional(&mut w, u::set::POLICY, set.policy);
    if set.size.is_some() || !set.field_lens.is_empty() {
        w.nest(u::set::DESC, |w| {
            optional(w, u::set_desc::SIZE, set.size);
            if !set.field_lens.is_empty() {
                w.nest(u::set_desc::CONCAT, |w| {
                    for len in &set.field_lens {
                        w.nest(u::list::ELEM, |w| w.be32(u::set_field::LEN, *len));
                    }
                });
            }
        });
    }
    optional(&mut w, u::set::ID, id);
    if let Some(timeout) = set.timeout_ms {
        w.be64(u::set::TIMEOUT, timeout);
    }
    optional(&mut w, u::set::GC_INTERVAL, set.gc_interval_ms);
    userdata(&mut w, u::set::USERDATA, &set.userdata);
    expr::one_or_list(&mut w, u::set::EXPR, u::set::EXPRESSIONS, &set.exprs);
    finish(w, || format!("set {}", set.name))
}

/// Elements of a set, in as many messages as they need.
pub fn elements(key: &TableKey, set: &str, elements: &[Element]) -> Result<Vec<Vec<u8>>, EncodeError> {
    let messages = in_messages(key, set, elements, usize::MAX, element)?;
    Ok(messages.into_iter().map(|(payload, _)| payload).collect())
}

/// Elements by reference, in as many messages as they need, each with the number of elements in it.
pub fn element_refs<'a>(
    key: &TableKey,
    set: &str,
    elements: impl IntoIterator<Item = ElementRef<'a>>,
    at_most: usize,
) -> Result<Vec<(Vec<u8>, usize)>, EncodeError> {
    in_messages(key, set, elements, at_most, |w, e| element_ref(w, &e))
}

/// Fills messages: each takes as many elements as go into it, at most `at_most` and at least one.
fn in_messages<T>(
    key: &TableKey,
    set: &str,
    elements: impl IntoIterator<Item = T>,
    at_most: usize,
    write: impl Fn(&mut Writer, T),
) -> Result<Vec<(Vec<u8>, usize)>, EncodeError> {
    let mut messages = Vec::new();
    let mut rest = elements.into_iter();
    let mut one = Writer::new();
    let mut waiting = rest.next().map(|e| write(&mut one, e));
    while waiting.is_some() {
        let mut w = start(key.family);
        w.text(u::elem_list::TABLE, &key.name);
        w.text(u::elem_list::SET, set);
        let list = w.open(u::elem_list::ELEMENTS);
        let begin = w.len();
        let mut count = 0;
        while waiting.is_some()
            && (count == 0 || (count < at_most && w.len() - begin + one.len() <= MAX_ELEMENTS))
        {
            if one.overflowed() {
                return Err(EncodeError::TooLong { what: format!("an element of {set}") });
            }
            w.raw(one.bytes());
            count += 1;
            one.clear();
            waiting = rest.next().map(|e| write(&mut one, e));
        }
        w.close(list);
        messages.push((finish(w, || format!("elements of {set}"))?, count));
    }
    Ok(messages)
}

fn element_ref(w: &mut Writer, element: &ElementRef<'_>) {
    w.nest(u::list::ELEM, |w| {
        data::value(w, u::elem::KEY, element.key);
        if let Some(end) = element.key_end {
            data::value(w, u::elem::KEY_END, end);
        }
        if element.flags != 0 {
            w.be32(u::elem::FLAGS, element.flags);
        }
        if let Some(value) = element.data {
            data::value(w, u::elem::DATA, value);
        }
        if let Some(chain) = element.goto {
            data::goto(w, u::elem::DATA, chain);
        }
        if !element.userdata.is_empty() {
            w.put(u::elem::USERDATA, element.userdata);
        }
    });
}

fn element(w: &mut Writer, element: &Element) {
    w.nest(u::list::ELEM, |w| {
        if !element.key.is_empty() {
            data::value(w, u::elem::KEY, &element.key);
        }
        if let Some(end) = &element.key_end {
            data::value(w, u::elem::KEY_END, end);
        }
        if element.flags != 0 {
            w.be32(u::elem::FLAGS, element.flags);
        }
        if let Some(d) = &element.data {
            data::data(w, u::elem::DATA, d);
        }
        if let Some(object) = &element.object {
            w.text(u::elem::OBJREF, object);
        }
        if let Some(timeout) = element.timeout_ms {
            w.be64(u::elem::TIMEOUT, timeout);
        }
        if let Some(expires) = element.expires_ms {
            w.be64(u::elem::EXPIRATION, expires);
        }
        userdata(w, u::elem::USERDATA, &element.userdata);
        expr::one_or_list(w, u::elem::EXPR, u::elem::EXPRESSIONS, &element.exprs);
    });
}

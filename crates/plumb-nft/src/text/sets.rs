//! Sets and maps: their types, their elements, their declaration.

use super::ast::{Kind, Node, shr, swap};
use super::types::{Order, Ty};
use super::userdata::{self, set as udata};
use super::{Options, print, range, statement, typeof_, value};
use crate::types::*;

/// Type, byte order and width in bits of a field.
pub(super) type Fields = Vec<(Ty, Order, u32)>;

/// Data of an element gives a verdict.
pub(super) fn is_verdict_map(set: &Set) -> bool {
    set.has(Set::MAP) && set.data_type == Some(0xffff_ff00)
}

/// A set that a `meter` statement made.
pub(super) fn is_meter(set: &Set) -> bool {
    set.has(Set::ANONYMOUS) && set.has(Set::EVAL)
}

/// Data of an element is a range.
pub(super) fn has_data_interval(set: &Set) -> bool {
    userdata::number(&set.userdata, udata::DATA_INTERVAL).is_some_and(|n| n != 0)
}

/// The types in a type number: six bits each, first field on top.
fn split_type(id: u32) -> Vec<Ty> {
    let mut all: Vec<Ty> = Vec::new();
    for shift in (0..6).rev() {
        let part = id >> (6 * shift) & 0x3f;
        if part != 0 || !all.is_empty() {
            all.push(Ty::from_id(part).unwrap_or(Ty::Integer));
        }
    }
    all
}

fn order_of(userdata: &[u8], kind: u8) -> Option<Order> {
    match userdata::number(userdata, kind) {
        Some(1) => Some(Order::Host),
        Some(2) => Some(Order::Big),
        _ => None,
    }
}

/// Fields of the key.
pub(super) fn key_fields(set: &Set) -> Fields {
    fields(&set.userdata, udata::KEY_TYPEOF, udata::KEY_ORDER, set.key_type, set.key_len)
}

/// Fields of the data.
pub(super) fn data_fields(set: &Set) -> Fields {
    let len = set.data_len.unwrap_or(0);
    let len = if has_data_interval(set) { len / 2 } else { len };
    fields(&set.userdata, udata::DATA_TYPEOF, udata::DATA_ORDER, set.data_type.unwrap_or(0), len)
}

/// The data's type where it is one field.
pub(super) fn data_type(set: &Set) -> Option<(Ty, Order)> {
    match data_fields(set).as_slice() {
        [(ty, order, _)] => Some((*ty, *order)),
        _ => None,
    }
}

fn fields(userdata: &[u8], typeof_kind: u8, order_kind: u8, type_id: u32, len: u32) -> Fields {
    if let Some(described) = userdata::entry(userdata, typeof_kind).and_then(typeof_::describe) {
        let mut fields = described.fields;
        if let [only] = fields.as_mut_slice() {
            only.2 = len.saturating_mul(8);
        }
        return fields;
    }
    let types = split_type(type_id);
    if let [ty] = types.as_slice() {
        let order = order_of(userdata, order_kind).unwrap_or(ty.order());
        return vec![(*ty, order, len.saturating_mul(8))];
    }
    if types.is_empty() {
        return vec![(Ty::Hex, Order::Big, len.saturating_mul(8))];
    }
    types.into_iter().map(|ty| (ty, ty.order(), ty.bits().max(8).div_ceil(8) * 8)).collect()
}

/// A constant of these bytes.
fn constant<'a>(bytes: &[u8], ty: Ty, order: Order) -> Node<'a> {
    let mut node = Node::value(bytes);
    (node.ty, node.order) = (ty, order);
    if let Kind::Value(v) = &mut node.kind
        && order == Order::Host
        && !ty.is_string()
    {
        *v = swap(*v, node.len);
    }
    node
}

/// Bytes of the fields of a concatenation; each is padded to four.
fn split<'b>(bytes: &'b [u8], fields: &Fields) -> Vec<&'b [u8]> {
    let mut at = 0usize;
    fields
        .iter()
        .map(|(_, _, bits)| {
            let len = (*bits as usize).div_ceil(8);
            let part = bytes.get(at..at + len).unwrap_or_default();
            at += len.next_multiple_of(4);
            part
        })
        .collect()
}

fn whole<'a>(bytes: &[u8], fields: &Fields) -> Node<'a> {
    if let [(ty, order, _)] = fields.as_slice() {
        return constant(bytes, *ty, *order);
    }
    let parts = split(bytes, fields).into_iter().zip(fields);
    let parts = parts.map(|(part, (ty, order, _))| constant(part, *ty, *order)).collect();
    Node::new(Kind::Concat(parts), Ty::Integer, Order::Big, 0)
}

/// One value, or the prefix or range from one to the other.
fn between<'a>(low: Node<'a>, high: Node<'a>) -> Node<'a> {
    let (Kind::Value(a), Kind::Value(b)) = (&low.kind, &high.kind) else { return low };
    let (a, b) = (*a, *b);
    if a == b {
        return low;
    }
    let (ty, order, len) = (low.ty, low.order, low.len);
    match range::range_to_prefix(a, b, len) {
        Some(length) if ty.has_prefix() || ty.is_string() => {
            Node::new(Kind::Prefix(low.into(), length), ty, order, len)
        }
        _ => Node::new(Kind::Range(low.into(), high.into()), ty, order, len),
    }
}

/// A key and the element that it is of; sorted as nft sorts.
struct Shown<'a> {
    sort: Vec<u8>,
    key: Option<Node<'a>>,
    element: &'a Element,
}

fn sort_key(bytes: &[u8], fields: &Fields) -> Vec<u8> {
    if let [(ty, order, _)] = fields.as_slice() {
        // Numbers by size; text of the machine's byte order from its last character.
        let mut bytes = bytes.to_vec();
        if *order == Order::Host || ty.is_string() {
            bytes.reverse();
        }
        return bytes;
    }
    let mut all: Vec<u8> = split(bytes, fields).concat();
    all.reverse();
    all
}

fn collect<'a>(set: &'a Set, fields: &Fields) -> Vec<Shown<'a>> {
    let mut shown: Vec<Shown<'a>> = Vec::new();
    let mut fields = fields.clone();
    if set.has(Set::INTERVAL) {
        // Intervals are compared byte by byte: their keys are big-endian whatever the type.
        fields.iter_mut().for_each(|(_, order, _)| *order = Order::Big);
    }
    let fields = &fields;
    if set.has(Set::INTERVAL) && fields.len() == 1 {
        intervals(set, fields, &mut shown);
    } else {
        for element in set.elements.iter().filter(|e| !e.is_catchall()) {
            let key = match &element.key_end {
                Some(end) if fields.len() > 1 => {
                    let parts = split(&element.key, fields).into_iter().zip(split(end, fields)).zip(fields);
                    let parts = parts.map(|((low, high), (ty, order, _))| {
                        between(constant(low, *ty, *order), constant(high, *ty, *order))
                    });
                    Node::new(Kind::Concat(parts.collect()), Ty::Integer, Order::Big, 0)
                }
                _ => whole(&element.key, fields),
            };
            shown.push(Shown { sort: sort_key(&element.key, fields), key: Some(key), element });
        }
        // Concatenations of ranges are left in the kernel's order.
        if !set.has(Set::INTERVAL) {
            shown.sort_by(|a, b| a.sort.cmp(&b.sort));
        }
    }
    let rest = set.elements.iter().filter(|e| e.is_catchall());
    shown.extend(rest.map(|element| Shown { sort: Vec::new(), key: None, element }));
    shown
}

/// Keys of an interval set come as starts and ends (the first key after the interval), in big-endian order.
fn intervals<'a>(set: &'a Set, fields: &Fields, shown: &mut Vec<Shown<'a>>) {
    let Some((ty, order, _)) = fields.first() else { return };
    let mut ordered: Vec<&Element> = set.elements.iter().filter(|e| !e.is_catchall()).collect();
    ordered.sort_by(|a, b| (&*a.key, !a.is_interval_end()).cmp(&(&*b.key, !b.is_interval_end())));
    for (i, element) in ordered.iter().enumerate() {
        if element.is_interval_end() {
            continue;
        }
        let low = constant_be(&element.key, *ty);
        let high = ordered.get(i + 1).map(|next| constant_be(&next.key, *ty));
        let top = super::ast::ones(low.len);
        let high = match high.and_then(|n| n.number()) {
            Some(after) => after.saturating_sub(1),
            None => top,
        };
        let mut end = low.clone();
        end.kind = Kind::Value(high);
        let mut key = between(low, end);
        key.order = *order;
        shown.push(Shown { sort: element.key.to_vec(), key: Some(key), element });
    }
}

fn constant_be<'a>(bytes: &[u8], ty: Ty) -> Node<'a> {
    let mut node = Node::value(bytes);
    node.ty = ty;
    node
}

/// The elements of a set, `per_line` of them on a line.
pub(super) fn elements(
    options: &Options,
    set: &Set,
    shift: u32,
    narrowed: Option<(u32, Ty)>,
    per_line: usize,
) -> String {
    let fields = key_fields(set);
    let mut out = String::new();
    let mut on_line = 0;
    for shown in collect(set, &fields) {
        if !out.is_empty() {
            if on_line >= per_line {
                out.push_str(",\n\t\t\t     ");
                on_line = 0;
            } else {
                out.push_str(", ");
            }
        }
        on_line += 1;
        let key = shown.key.map_or_else(
            || "*".to_owned(),
            |mut key| {
                if let Some((len, ty)) = narrowed {
                    adjust(&mut key, shift, len, ty);
                }
                print::node(options, &key)
            },
        );
        out.push_str(&element(options, set, &key, shown.element));
    }
    out
}

fn adjust(key: &mut Node<'_>, shift: u32, len: u32, ty: Ty) {
    match &mut key.kind {
        Kind::Value(v) => *v = shr(*v, shift),
        Kind::Range(low, high) => {
            adjust(low, shift, len, ty);
            adjust(high, shift, len, ty);
        }
        _ => {}
    }
    (key.len, key.ty) = (len, ty);
}

fn element(options: &Options, set: &Set, key: &str, element: &Element) -> String {
    let mut out = key.to_owned();
    for expr in &element.exprs {
        out.push_str(&format!(" {}", statement::plain(options, expr)));
    }
    if let Some(ms) = element.timeout_ms {
        out.push_str(&format!(" timeout {}", value::time(ms)));
    }
    if let Some(ms) = element.expires_ms.filter(|_| options.counters) {
        out.push_str(&format!(" expires {}", value::time(ms)));
    }
    if let Some(comment) = userdata::text(&element.userdata, userdata::COMMENT) {
        out.push_str(&format!(" comment \"{comment}\""));
    }
    match (&element.data, &element.object) {
        (Some(Data::Verdict(v)), _) => out.push_str(&format!(" : {}", print::verdict(v))),
        (Some(Data::Value(bytes)), _) => out.push_str(&format!(" : {}", data(options, set, bytes))),
        (None, Some(object)) => out.push_str(&format!(" : \"{object}\"")),
        (None, None) => {}
    }
    out
}

fn data(options: &Options, set: &Set, bytes: &[u8]) -> String {
    let fields = data_fields(set);
    if has_data_interval(set) {
        let (low, high) = bytes.split_at(bytes.len() / 2);
        if let [(ty, order, _)] = fields.as_slice() {
            return print::node(options, &between(constant(low, *ty, *order), constant(high, *ty, *order)));
        }
        let parts = split(low, &fields).into_iter().zip(split(high, &fields)).zip(&fields);
        let parts: Vec<String> = parts
            .map(|((low, high), (ty, order, _))| {
                print::node(options, &between(constant(low, *ty, *order), constant(high, *ty, *order)))
            })
            .collect();
        return parts.join(" . ");
    }
    print::node(options, &whole(bytes, &fields))
}

fn type_words(fields: &Fields) -> String {
    fields.iter().map(|(ty, ..)| print::type_name(*ty)).collect::<Vec<_>>().join(" . ")
}

/// `type …` or `typeof …`.
fn type_line(set: &Set) -> String {
    let described = |kind| userdata::entry(&set.userdata, kind).and_then(typeof_::describe).map(|d| d.text);
    let key_typeof = described(udata::KEY_TYPEOF);
    let word = if key_typeof.is_some() { "typeof" } else { "type" };
    let key = key_typeof.unwrap_or_else(|| type_words(&key_fields(set)));
    let interval = if has_data_interval(set) { "interval " } else { "" };
    if is_verdict_map(set) {
        format!("{word} {key} : verdict")
    } else if set.has(Set::MAP) {
        let data = described(udata::DATA_TYPEOF).unwrap_or_else(|| type_words(&data_fields(set)));
        format!("{word} {key} : {interval}{data}")
    } else if let Some(kind) = set.object_type.filter(|_| set.has(Set::OBJECT)) {
        format!("{word} {key} : {}", kind.word().unwrap_or("unknown"))
    } else {
        format!("{word} {key}")
    }
}

/// The declaration of a set, as in a listing.
pub(super) fn declaration(options: &Options, set: &Set) -> String {
    let word = if set.has(Set::MAP) || set.has(Set::OBJECT) { "map" } else { "set" };
    let handle = if options.handles { format!(" # handle {}", set.handle) } else { String::new() };
    let mut out = format!("\t{word} {} {{{handle}\n", set.name);
    let mut line = |text: &str| out.push_str(&format!("\t\t{text}\n"));
    line(&type_line(set));
    if !set.has(Set::CONSTANT) {
        match set.policy {
            None | Some(0) => {}
            Some(1) => line("policy memory"),
            Some(n) => line(&format!("policy {n}")),
        }
        if let Some(size) = set.size.filter(|n| *n > 0) {
            line(&format!("size {size}"));
        }
    }
    let flags: Vec<&str> = [
        (Set::CONSTANT, "constant"),
        (Set::EVAL, "dynamic"),
        (Set::INTERVAL, "interval"),
        (Set::TIMEOUT, "timeout"),
    ]
    .iter()
    .filter(|(bit, _)| set.has(*bit))
    .map(|(_, name)| *name)
    .collect();
    // A default time-out says `timeout` by itself.
    let implied = set.timeout_ms.is_some_and(|ms| ms > 0) && flags == ["timeout"];
    if !flags.is_empty() && !implied {
        line(&format!("flags {}", flags.join(",")));
    }
    if !set.exprs.is_empty() {
        let bare = Options { counters: false, ..options.clone() };
        line(&set.exprs.iter().map(|e| statement::plain(&bare, e)).collect::<Vec<_>>().join(" "));
    }
    if userdata::number(&set.userdata, udata::MERGE).is_some_and(|n| n != 0) {
        line("auto-merge");
    }
    if let Some(ms) = set.timeout_ms.filter(|n| *n > 0) {
        line(&format!("timeout {}", value::time(ms)));
    }
    if let Some(ms) = set.gc_interval_ms.filter(|n| *n > 0) {
        line(&format!("gc-interval {}", value::time(ms.into())));
    }
    if let Some(comment) = userdata::text(&set.userdata, udata::COMMENT) {
        line(&format!("comment \"{comment}\""));
    }
    if !set.elements.is_empty() {
        let per_line = match key_fields(set).as_slice() {
            [(ty, ..)] => ty.per_line(),
            _ => 1,
        };
        line(&format!("elements = {{ {} }}", elements(options, set, 0, None, per_line)));
    }
    out.push_str("\t}\n");
    out
}

//! Expressions to text.

use super::Options;
use super::ast::{Kind, Node, Op, shr};
use super::keys::{FIB_PRESENT, option_field};
use super::types::Ty;
use super::{sets, value};
use crate::types::{ChainRef, CtDirection, CtKey, MetaKey, RtKey, Set, SocketKey, Verdict};

/// A verdict as nft writes it.
pub(super) fn verdict(verdict: &Verdict) -> String {
    let name = |chain: &ChainRef| match chain {
        ChainRef::Name(name) => name.clone(),
        ChainRef::Id(id) => format!("(chain {id} of this batch)"),
    };
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Queue(n) if *n == 3 => "queue".to_owned(),
        Verdict::Queue(n) => format!("queue to {}", n >> 16),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Break => "break".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(to) => format!("jump {}", name(to)),
        Verdict::Goto(to) => format!("goto {}", name(to)),
        Verdict::Unknown(n) => format!("# verdict {n}"),
    }
}

/// The words for a `meta` key: some stand alone.
pub(super) fn meta_key(key: MetaKey) -> String {
    let word = key.word().map_or_else(|| format!("key{}", key.number()), str::to_owned);
    match key {
        MetaKey::Iif
        | MetaKey::Oif
        | MetaKey::Iifname
        | MetaKey::Oifname
        | MetaKey::Iifgroup
        | MetaKey::Oifgroup => word,
        _ => format!("meta {word}"),
    }
}

/// The words for a `ct` key.
pub(super) fn ct_key(key: CtKey, direction: Option<CtDirection>) -> String {
    let word = key.word().map_or_else(|| format!("key{}", key.number()), str::to_owned);
    match direction {
        None => format!("ct {word}"),
        Some(CtDirection::Original) => format!("ct original {word}"),
        Some(CtDirection::Reply) => format!("ct reply {word}"),
    }
}

/// The expression as text.
pub(super) fn node(options: &Options, node_: &Node<'_>) -> String {
    let show = |n: &Node<'_>| node(options, n);
    match &node_.kind {
        Kind::Value(v) => value::value(options, node_.ty, *v, node_.len),
        Kind::Blob(bytes) => format!("0x{}", crate::types::Bytes::from(bytes.as_slice())),
        Kind::Text(text) => text.clone(),
        Kind::Payload { known: Some((desc, field)), .. } => format!("{} {}", desc.name, field.name),
        Kind::Payload { base, offset, .. } => {
            let base = ["?", "ll", "nh", "th", "ih"].get(*base).unwrap_or(&"?");
            format!("@{base},{offset},{}", node_.len)
        }
        Kind::Exthdr { op, kind, offset, present } => exthdr(*op, *kind, *offset, *present, node_.len),
        Kind::Meta(key) => meta_key(*key),
        Kind::Ct(key, direction) => ct_key(*key, *direction),
        Kind::Rt(key) => match key {
            RtKey::Unknown(n) => format!("rt key{n}"),
            known => format!("rt {}", known.word().unwrap_or_default()),
        },
        Kind::Socket(key, level) => match (key, level) {
            (SocketKey::Cgroupv2, Some(level)) => format!("socket cgroupv2 level {level}"),
            (SocketKey::Unknown(n), _) => format!("socket key{n}"),
            (known, _) => format!("socket {}", known.word().unwrap_or_default()),
        },
        Kind::Osf { ttl, flags } => {
            let ttl = match ttl {
                1 => "ttl loose ",
                2 => "ttl skip ",
                _ => "",
            };
            format!("osf {ttl}{}", if flags & 1 != 0 { "version" } else { "name" })
        }
        Kind::Xfrm { key, direction, spnum } => {
            let direction = if *direction == 0 { "in" } else { "out" };
            let spnum = if *spnum == 0 { String::new() } else { format!("spnum {spnum} ") };
            let key = match key {
                1 => "ip daddr",
                2 => "ip6 daddr",
                3 => "ip saddr",
                4 => "ip6 saddr",
                5 => "reqid",
                6 => "spi",
                _ => "unknown",
            };
            format!("ipsec {direction} {spnum}{key}")
        }
        Kind::Fib { result, flags } => {
            let names = [(1, "saddr"), (2, "daddr"), (4, "mark"), (8, "iif"), (16, "oif")];
            let keys: Vec<&str> = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, n)| *n).collect();
            let rest = flags & !(FIB_PRESENT | 31);
            let rest = if rest == 0 { String::new() } else { format!(" . flags {rest:#x}") };
            let result = result.word().map_or_else(|| format!("result{}", result.number()), str::to_owned);
            format!("fib {}{rest} {result}", keys.join(" . "))
        }
        Kind::Numgen { random, modulus, offset } => {
            format!("numgen {} mod {modulus}{}", if *random { "random" } else { "inc" }, offset_text(*offset))
        }
        Kind::Symhash { modulus, offset } => format!("symhash mod {modulus}{}", offset_text(*offset)),
        Kind::Jhash { of, modulus, seed, offset } => {
            let seed = seed.map(|s| format!(" seed 0x{s:x}")).unwrap_or_default();
            format!("jhash {} mod {modulus}{seed}{}", show(of), offset_text(*offset))
        }
        Kind::Prefix(inner, length) => prefix(options, inner, *length),
        // Words have no order: the ends of a range are numbers.
        Kind::Range(low, high) => {
            let end = |n: &Node<'_>| match n.kind {
                Kind::Value(v) => value::number(options, n.ty, v, n.len),
                _ => show(n),
            };
            format!("{}-{}", end(low), end(high))
        }
        Kind::Concat(parts) => parts.iter().map(show).collect::<Vec<_>>().join(" . "),
        Kind::List(all) => all.iter().map(show).collect::<Vec<_>>().join(","),
        Kind::Swap(inner) => show(inner),
        Kind::Timed(inner, ms) => format!("{} timeout {}", show(inner), value::time(*ms)),
        Kind::Map(left, to) => {
            let verdicts = matches!(&to.kind, Kind::SetRef { set, .. } if sets::is_verdict_map(set));
            format!("{} {} {}", show(left), if verdicts { "vmap" } else { "map" }, show(to))
        }
        Kind::SetRef { set, shift, narrowed } => {
            if set.has(Set::ANONYMOUS) && !set.has(Set::EVAL) {
                format!("{{ {} }}", sets::elements(options, set, *shift, *narrowed, usize::MAX))
            } else if set.has(Set::ANONYMOUS) {
                set.name.clone()
            } else {
                format!("@{}", set.name)
            }
        }
        Kind::Binop(op, left, right) | Kind::Relation(op, left, right) => {
            let symbol = match op {
                Op::Eq if !must_show_eq(left, right) => String::new(),
                op => op.symbol().to_owned(),
            };
            let (left, right) = (operand(options, *op, left), operand(options, *op, right));
            if symbol.is_empty() { format!("{left} {right}") } else { format!("{left} {symbol} {right}") }
        }
        Kind::Flags { op, of, value, mask } => {
            let sign = if *op == Op::Neq { "!= " } else { "" };
            format!("{} {sign}{} / {}", show(of), show(value), show(mask))
        }
    }
}

fn offset_text(offset: u32) -> String {
    if offset == 0 { String::new() } else { format!(" offset {offset}") }
}

fn must_show_eq(left: &Node<'_>, right: &Node<'_>) -> bool {
    right.ty.is_bitmask() && matches!(right.kind, Kind::Value(_)) || matches!(left.kind, Kind::Binop(..))
}

fn operand(options: &Options, op: Op, arg: &Node<'_>) -> String {
    let text = node(options, arg);
    match &arg.kind {
        Kind::Binop(inner, ..) if op.precedence() != 0 && op.precedence() < inner.precedence() => {
            format!("({text})")
        }
        _ => text,
    }
}

fn prefix(options: &Options, inner: &Node<'_>, length: u32) -> String {
    if inner.ty.is_string()
        && let Kind::Value(v) = inner.kind
    {
        let bytes = length / 8;
        return value::string(shr(v, inner.len - length.min(inner.len)), bytes * 8);
    }
    if inner.ty.has_prefix() || inner.len == 0 {
        return format!("{}/{length}", node(options, inner));
    }
    format!("{}/{length}", node(options, inner))
}

fn exthdr(op: u32, kind: u8, offset: u32, present: bool, len: u32) -> String {
    let found = option_field(op, kind, offset, len);
    let (class, raw) = match op {
        0 => ("exthdr ", "exthdr"),
        1 => ("tcp option ", "tcp option"),
        2 => ("ip option ", "ip option"),
        3 => ("sctp chunk ", "sctp chunk"),
        4 => ("dccp option ", "dccp option"),
        _ => ("exthdr ", "unknown option"),
    };
    match (present, found) {
        (true, Some((name, _))) => format!("{class}{name}"),
        (true, None) => format!("{raw} {kind}"),
        (false, Some((name, Some(field)))) if op == 0 => format!("{name} {}", field.0),
        (false, Some((name, Some(field)))) => format!("{class}{name} {}", field.0),
        (false, _) => format!("{raw} @{kind},{offset},{len}"),
    }
}

/// A type's name, or what a set was declared to be the type of.
pub(super) fn type_name(ty: Ty) -> &'static str {
    ty.name()
}

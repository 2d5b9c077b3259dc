//! YAML files: any number of documents.
//!
//! Values are read as kubectl reads them (`sigs.k8s.io/yaml`: YAML 1.1): `no` is false and `0644` octal where they are not
//! quoted. A key that comes twice is an error, as the API server's strict validation has it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::Flaw;
use super::place::Position;
use super::tree::{MAX_DEPTH, Node, Value};

/// Enough for [`MAX_DEPTH`] levels: each takes up to 45 KB where nothing is optimised.
const STACK: usize = 16 << 20;

/// The documents of a file; those without content are left out.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, Flaw> {
    let read = || {
        let written: Result<Vec<Written>, _> = serde_saphyr::from_multiple_with_options(text, options());
        Ok(written.map_err(|e| flaw(&e))?.into_iter().map(|w| w.0).collect())
    };
    // The parser calls itself for every level, and the caller's stack may be small.
    std::thread::scope(|scope| {
        let failed = |message: String| Err(Flaw { at: Position::default(), message });
        match std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read) {
            Ok(thread) => thread.join().unwrap_or_else(|_| failed("the YAML parser failed".to_owned())),
            Err(e) => failed(format!("cannot start a thread to read it: {e}")),
        }
    })
}

/// Files of manifests grow with the cluster, so what grows with them is not limited; what makes much out of little
/// (aliases, nesting) is.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: usize::MAX,
            max_nodes: usize::MAX,
            max_events: usize::MAX,
            max_total_scalar_bytes: usize::MAX,
            max_total_comment_bytes: usize::MAX,
            max_buffered_comment_events: 4096,
            max_depth: MAX_DEPTH,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        legacy_octal_numbers: true,
    }
}

fn flaw(error: &serde_saphyr::Error) -> Flaw {
    let location = error.location();
    let mut message = error.without_snippet().to_string();
    let number = |n: u64| usize::try_from(n).unwrap_or(0);
    let at = location
        .map_or_else(Position::default, |l| Position { line: number(l.line()), column: number(l.column()) });
    // The parser tells the place in the message too; it stands in front of it here.
    for tail in [
        format!(" at line {}, column {}", at.line, at.column),
        format!("line {} column {}: ", at.line, at.column),
    ] {
        message = message.replace(&tail, "");
    }
    Flaw { at, message }
}

/// A node that deserializes itself with its place.
struct Written(Node);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(d)?;
        let number = |n: u64| usize::try_from(n).unwrap_or(0);
        let at =
            Position { line: number(spanned.referenced.line()), column: number(spanned.referenced.column()) };
        Ok(Self(Node { at, value: spanned.value.0 }))
    }
}

struct Content(Value);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Anything).map(Self)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, a list, text, a number, a boolean or nothing")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Int(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(i64::try_from(v).map_or(Value::Unsigned(v), Value::Int))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Float(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.into()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::Text(v.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(Written(entry)) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Value::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Box<str>, Node)> = Vec::new();
        while let Some(key) = map.next_key::<Box<str>>()? {
            let Written(value) = map.next_value()?;
            if entries.len() >= 1_000_000 {
                return Err(A::Error::custom("a mapping of more than a million entries"));
            }
            entries.push((key, value));
        }
        Ok(Value::Map(entries))
    }
}

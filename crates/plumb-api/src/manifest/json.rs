//! JSON files: one document, or several one after the other.
//!
//! `serde_json` knows places of its errors only, so each value is taken as the piece of text that it is (`RawValue`), which
//! tells where it stands, and is taken apart level by level. Of a key that comes twice the last counts, as in Go.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::Flaw;
use super::place::Position;
use super::tree::{MAX_DEPTH, Node, Value};

/// The documents of a file.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, Flaw> {
    let file = File::new(text);
    let mut documents = Vec::new();
    for piece in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let piece = piece.map_err(|e| file.flaw(&e, 0))?;
        let node = file.node(piece.get(), 0)?;
        if node.value != Value::Null {
            documents.push(node);
        }
    }
    Ok(documents)
}

struct File<'a> {
    text: &'a str,
    /// Offsets of the first bytes of lines.
    lines: Vec<usize>,
    /// The offset that was asked for last, and the characters before it in its line: places are asked for in the order of the
    /// text, and whole clusters stand in one line.
    last: Cell<(usize, usize)>,
}

impl<'a> File<'a> {
    fn new(text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { text, lines, last: Cell::new((0, 0)) }
    }

    /// Offset of a piece of the text.
    fn offset(&self, piece: &str) -> usize {
        (piece.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let (from, counted) = match self.last.get() {
            (last, counted) if (start..=offset).contains(&last) => (last, counted),
            _ => (start, 0),
        };
        let column = counted + self.text.get(from..offset).unwrap_or_default().chars().count();
        self.last.set((offset, column));
        Position { line, column: column + 1 }
    }

    /// An error of the parser on the piece of text that begins at `base`.
    fn flaw(&self, error: &serde_json::Error, base: usize) -> Flaw {
        let start = self.position(base);
        let at = match error.line() {
            0 => start,
            1 => Position { line: start.line, column: start.column + error.column().saturating_sub(1) },
            n => Position { line: start.line + n - 1, column: error.column().max(1) },
        };
        let tail = format!(" at line {} column {}", error.line(), error.column());
        Flaw { at, message: error.to_string().replace(&tail, "") }
    }

    fn node(&self, piece: &str, depth: usize) -> Result<Node, Flaw> {
        let base = self.offset(piece);
        let at = self.position(base);
        if depth >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Flaw { at, message });
        }
        let failed = |e: serde_json::Error| self.flaw(&e, base);
        let value = match piece.as_bytes().first() {
            Some(b'{') => {
                let Entries(pieces) = serde_json::from_str(piece).map_err(failed)?;
                let mut entries: Vec<(Box<str>, Node)> = Vec::with_capacity(pieces.len());
                for (key, value) in pieces {
                    entries.push((key, self.node(value.get(), depth + 1)?));
                }
                Value::Map(last_of_each(entries))
            }
            Some(b'[') => {
                let pieces: Vec<&RawValue> = serde_json::from_str(piece).map_err(failed)?;
                let entries = pieces.into_iter().map(|p| self.node(p.get(), depth + 1));
                Value::List(entries.collect::<Result<_, _>>()?)
            }
            _ => match serde_json::from_str(piece).map_err(failed)? {
                serde_json::Value::Bool(b) => Value::Bool(b),
                serde_json::Value::String(s) => Value::Text(s.into()),
                serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                    (Some(i), _) => Value::Int(i),
                    (None, Some(u)) => Value::Unsigned(u),
                    (None, None) => Value::Float(n.as_f64().unwrap_or(f64::MAX)),
                },
                _ => Value::Null,
            },
        };
        Ok(Node { at, value })
    }
}

/// Drops entries whose key comes again.
fn last_of_each(entries: Vec<(Box<str>, Node)>) -> Vec<(Box<str>, Node)> {
    let mut last = std::collections::BTreeMap::new();
    for (i, (key, _)) in entries.iter().enumerate() {
        last.insert(key.clone(), i);
    }
    entries.into_iter().enumerate().filter(|(i, (key, _))| last.get(key) == Some(i)).map(|(_, e)| e).collect()
}

/// A JSON object as pieces of text, in its order.
struct Entries<'a>(Vec<(Box<str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Pieces;
        impl<'de> Visitor<'de> for Pieces {
            type Value = Vec<(Box<str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        d.deserialize_map(Pieces).map(Self)
    }
}

//! A document as it is written, every value with its place, whether it came as YAML or as JSON.

use super::place::Position;
use crate::field::{FieldPath, Step};

/// Nesting beyond this is refused: the deepest object of the API (a CustomResourceDefinition's schema) stays far below.
pub(crate) const MAX_DEPTH: usize = 100;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// What YAML and JSON can hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<(Box<str>, Node)>),
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Unsigned(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| &**k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where the path leads, as far as the document goes along with it.
    pub(crate) fn locate(&self, path: &FieldPath) -> Position {
        let mut node = self;
        for step in path.steps() {
            let next = match (step, &node.value) {
                (Step::Field(name), _) => node.get(name),
                (Step::Key(key), _) => node.get(key),
                (Step::Index(index), Value::List(entries)) => entries.get(*index),
                (Step::Index(_), _) => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        node.at
    }

    /// Calls `change` for every value that the pattern leads to; `*` is every entry of a list.
    pub(crate) fn visit(
        &mut self,
        pattern: &[&'static str],
        path: &FieldPath,
        change: &mut impl FnMut(&FieldPath, &mut Node),
    ) {
        let Some((first, rest)) = pattern.split_first() else { return change(path, self) };
        match &mut self.value {
            Value::List(entries) if *first == "*" => {
                for (i, entry) in entries.iter_mut().enumerate() {
                    entry.visit(rest, &path.index(i), change);
                }
            }
            Value::Map(entries) => {
                if let Some((_, entry)) = entries.iter_mut().find(|(k, _)| &**k == *first) {
                    entry.visit(rest, &path.field(first), change);
                }
            }
            _ => {}
        }
    }
}

//! Evidence: what was looked at, what was seen there, what would be right.

use super::{Lang, en, zh};
use crate::finding::{Shown, ShownWhat, Unit};
use crate::report::Evidence;

/// What is looked at, in words: the `what` of an evidence.
#[must_use]
pub fn shown(lang: Lang, what: ShownWhat) -> String {
    match lang {
        Lang::En => en::shown(what),
        Lang::Zh => zh::shown(what),
    }
    .to_owned()
}

/// The unit of an evidence.
#[must_use]
pub fn unit(lang: Lang, unit: Unit) -> &'static str {
    match (lang, unit) {
        (Lang::En, Unit::Packets) => "packets",
        (Lang::En, Unit::Connections) => "connections",
        (Lang::En, Unit::Bytes) => "bytes",
        (Lang::Zh, Unit::Bytes) => "字节",
        (Lang::Zh, Unit::Packets) => "个报文",
        (Lang::Zh, Unit::Connections) => "个连接",
    }
}

/// The evidence, with its value, the right one where it is known, and the command that shows it.
#[must_use]
pub fn evidence(lang: Lang, seen: &Shown) -> Evidence {
    Evidence {
        what: shown(lang, seen.what),
        seen: seen.seen.clone(),
        right: seen.right.clone(),
        delta: None,
        unit: seen.unit.map(|u| unit(lang, u).to_owned()),
        read_with: seen.read_with.clone(),
    }
}

//! What the command says, apart from what it does: a module a language.

mod en;
pub mod explain;
pub mod lab;
pub mod notice;
pub mod proxy;
mod zh;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use plumb_doctor::messages::Lang;

/// Everything that the command says of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the English module says what each is")]
pub enum Say<'a> {
    Namespace,
    LivesHere,
    Addresses,
    Listeners,
    Devices,
    Device,
    Routes,
    Rules,
    Neighbours,
    Kind,
    State,
    Chains,
    Sets,
    FilterRules,
    Everything,
    Conntrack,
    Sockets,
    Peer,
    Nobody,
    Nothing,
    More { count: usize },
    NoRules,
    Down,
    NoCarrier,
    OutsideSnapshot,
    Unread { what: &'a str, why: &'a str },
    Absent { what: &'a str, feature: &'a str },
    Torn { what: &'a str, reason: &'a str },
    Gap { text: &'a str },
    OtherEngines { names: &'a str },
    MissingRights { names: &'a str, hides_namespaces: bool },
    Reading,
    Probing,
    Walking,
    Listing,
    NobodyKnown,
    SeveralOwners { namespace: &'a str, pods: &'a str },
    NothingYet,
    Taken { host: &'a str, kernel: &'a str, at: &'a str },
    Redacted,
    Redaction { warning: &'a str },
    Written { file: &'a str, namespaces: usize, bytes: u64 },
    NoMatch { patterns: &'a str },
    Table { name: &'a str },
    Entries { count: usize, max: &'a str },
    Complete,
    NotComplete,
    Created,
    Updated,
    Deleted { name: &'a str },
}

/// Says it.
#[must_use]
pub fn say(lang: Lang, what: &Say<'_>) -> String {
    match lang {
        Lang::En => en::say(what),
        Lang::Zh => zh::say(what),
    }
}

/// Reads a language's name as a flag gives it.
pub fn parser() -> impl TypedValueParser<Value = Lang> {
    PossibleValuesParser::new([
        PossibleValue::new("en").help("English"),
        PossibleValue::new("zh").help("中文"),
    ])
    .map(|name| if name == "zh" { Lang::Zh } else { Lang::En })
}

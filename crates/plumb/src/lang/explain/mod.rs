//! Sentences of `plumb explain`, a module a language. What is said is decided elsewhere; every match over meanings is
//! exhaustive, so that a new one does not compile before each language can say it.

mod en;
mod zh;

use plumb_doctor::messages::Lang;
use plumb_intent::{Hint, Why};
use plumb_proxy::explain::{Detector, Item, Meaning, Rest, Senders, Verdict};

/// What stands around the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the English module says what each is")]
pub enum Word {
    Missing,
    Stale,
    Way,
    Slot,
    Share,
    ThisNode,
    OtherNode,
    Untold,
    Hairpin,
    NotReached,
    NoEndpoints,
    NotSet,
    LeftOver,
    AnyNode,
    ThisNodeOnly,
    Unless,
}

/// What a field does.
#[must_use]
pub fn meaning(lang: Lang, meaning: &Meaning) -> String {
    match lang {
        Lang::En => en::meaning(meaning),
        Lang::Zh => zh::meaning(meaning),
    }
}

/// A heading or a word.
#[must_use]
pub fn word(lang: Lang, word: Word) -> &'static str {
    match lang {
        Lang::En => en::word(word),
        Lang::Zh => zh::word(word),
    }
}

/// Whether all is in force.
#[must_use]
pub fn verdict(lang: Lang, service: &str, node: &str, verdict: Verdict) -> String {
    match lang {
        Lang::En => en::verdict(service, node, verdict),
        Lang::Zh => zh::verdict(service, node, verdict),
    }
}

/// Who sends.
#[must_use]
pub fn senders(lang: Lang, senders: Senders) -> &'static str {
    match lang {
        Lang::En => en::senders(senders),
        Lang::Zh => zh::senders(senders),
    }
}

/// What becomes of packets for which there is no endpoint: `reject` or `drop`.
#[must_use]
pub fn refused(lang: Lang, with: &str) -> &'static str {
    match (lang, with) {
        (Lang::En, "reject") => "refused with an ICMP error: no node has an endpoint",
        (Lang::En, _) => "dropped: this node has no endpoint, another one has",
        (Lang::Zh, "reject") => "以 ICMP 差错拒绝：所有节点都没有端点",
        (Lang::Zh, _) => "丢弃：本节点没有端点，其他节点有",
    }
}

/// What draws leave over.
#[must_use]
pub fn rest(lang: Lang, rest: &Rest) -> String {
    match lang {
        Lang::En => en::rest(rest),
        Lang::Zh => zh::rest(rest),
    }
}

/// How pods are told from others.
#[must_use]
pub fn detector(lang: Lang, detector: &Detector) -> String {
    match lang {
        Lang::En => en::detector(detector),
        Lang::Zh => zh::detector(detector),
    }
}

/// Something that is missing or stale.
#[must_use]
pub fn item(lang: Lang, item: &Item) -> String {
    match lang {
        Lang::En => en::item(item),
        Lang::Zh => zh::item(item),
    }
}

/// The endpoints of a port, counted.
#[must_use]
pub fn counts(lang: Lang, port: &str, family: &str, [ready, serving, terminating]: [usize; 3]) -> String {
    match lang {
        Lang::En => format!(
            "EndpointSlices, {port} ({family}): {ready} ready, {serving} serving, {terminating} terminating"
        ),
        Lang::Zh => format!(
            "EndpointSlice，{port}（{family}）：就绪 {ready}，可服务 {serving}，正在终止 {terminating}"
        ),
    }
}

/// Which hints are followed; nothing where there are none to follow.
#[must_use]
pub fn hints(lang: Lang, followed: Hint, some: bool) -> Option<&'static str> {
    match lang {
        Lang::En => en::hints(followed, some),
        Lang::Zh => zh::hints(followed, some),
    }
}

/// Why an endpoint is used or not.
#[must_use]
pub fn why(lang: Lang, why: Why) -> &'static str {
    match lang {
        Lang::En => en::why(why),
        Lang::Zh => zh::why(why),
    }
}

/// Clients that are remembered for an endpoint.
#[must_use]
pub fn clients(lang: Lang, count: usize) -> String {
    match (lang, count) {
        (Lang::En, 1) => "1 client".to_owned(),
        (Lang::En, n) => format!("{n} clients"),
        (Lang::Zh, n) => format!("{n} 个客户端"),
    }
}

//! What the findings of `plumb check` are called: sentences with places for words (`{device}`), a table a language.

mod en;
mod labels;
#[cfg(test)]
mod tests;
mod zh;

use std::collections::BTreeMap;

pub(crate) use labels::{in_order, label, unit};

use super::Lang;

/// What is said of one kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    /// What is there.
    pub(crate) summary: &'static str,
    /// What it does to traffic.
    pub(crate) effect: &'static str,
    /// What to do about it.
    pub(crate) advice: &'static str,
}

/// The sentences of a kind. A test finds kinds without any.
pub(crate) fn texts(lang: Lang, id: &str) -> Texts {
    tables(lang)
        .find(|(known, _)| *known == id)
        .map_or(Texts { summary: "", effect: "", advice: "" }, |(_, texts)| *texts)
}

fn tables(lang: Lang) -> impl Iterator<Item = &'static (&'static str, Texts)> {
    let (first, more) = match lang {
        Lang::En => (en::TEXTS, en::MORE),
        Lang::Zh => (zh::TEXTS, zh::MORE),
    };
    first.iter().chain(more.iter().copied().flatten())
}

/// A sentence with its words put in. A word that is missing stays as it is written, which a test finds.
pub(crate) fn fill(text: &str, words: &BTreeMap<&'static str, String>) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match words.get(name) {
            Some(word) => out.push_str(word),
            None => out.push_str(&format!("{{{name}}}")),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

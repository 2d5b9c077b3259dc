#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use super::*;
use crate::check::kind_ids;

fn words(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|t| Some(t.split_once('}')?.0)).collect()
}

#[test]
fn every_kind_is_said_in_every_language_with_the_same_words() {
    for id in kind_ids() {
        let (en, zh) = (texts(Lang::En, id), texts(Lang::Zh, id));
        for (what, a, b) in [
            ("summary", en.summary, zh.summary),
            ("effect", en.effect, zh.effect),
            ("advice", en.advice, zh.advice),
        ] {
            assert!(!a.is_empty() && !b.is_empty(), "{id} has no {what}");
            let all = [words(en.summary), words(zh.summary)].concat_sets();
            assert!(
                words(a).is_subset(&all) && words(b).is_subset(&all),
                "{what} of {id} uses a word of its own"
            );
        }
        assert_eq!(words(en.summary), words(zh.summary), "{id}");
    }
    for lang in [Lang::En, Lang::Zh] {
        for (id, _) in tables(lang) {
            assert!(kind_ids().any(|k| k == *id), "{id} is said and never found");
        }
    }
}

trait ConcatSets<'a> {
    fn concat_sets(self) -> BTreeSet<&'a str>;
}

impl<'a> ConcatSets<'a> for [BTreeSet<&'a str>; 2] {
    fn concat_sets(self) -> BTreeSet<&'a str> {
        self.into_iter().flatten().chain(["namespace"]).collect()
    }
}

#[test]
fn words_are_put_in() {
    let words = BTreeMap::from([("a", "x".to_owned())]);
    assert_eq!(fill("{a} and {b}{", &words), "x and {b}{");
}

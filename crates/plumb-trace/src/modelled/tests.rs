#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use plumb_nft::{CtKey, MetaKey, RtKey};

use super::*;

fn names(part: &Part) -> Vec<&str> {
    part.entries.iter().map(|(name, _)| *name).collect()
}

#[test]
fn the_pages_are_current() {
    for (language, file) in [(Language::English, "modelled.md"), (Language::Chinese, "modelled.zh.md")] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
        if std::env::var_os("PLUMB_BLESS").is_some() {
            std::fs::write(&file, page(language)).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(published == page(language), "run this test with PLUMB_BLESS=1");
    }
}

#[test]
fn all_that_is_decoded_is_in_the_table() {
    let sorted =
        |all: Vec<&'static str>| all.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let known = |word: &dyn Fn(u32) -> Option<&'static str>| sorted((0..256).filter_map(word).collect());
    assert_eq!(names(&MATCHES), sorted(plumb_xtables::Match::NAMES.to_vec()));
    assert_eq!(names(&TARGETS), sorted(plumb_xtables::Target::NAMES.to_vec()));
    assert_eq!(names(&EXPRESSIONS), sorted(plumb_nft::encode::NAMES.to_vec()));
    assert_eq!(names(&META), known(&|n| MetaKey::from_number(n).word()));
    assert_eq!(names(&CT), known(&|n| CtKey::from_number(n).word()));
    assert_eq!(names(&RT), known(&|n| RtKey::from_number(n).word()));
}

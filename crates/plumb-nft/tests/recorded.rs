//! Every ruleset of `testdata/` was loaded into a network namespace; `nft` 1.0.6 listed it (three ways) and its dump
//! was recorded. Decoded and printed, it must give the same lines. See `testdata/README.md`.

#![allow(clippy::unwrap_used, missing_docs)]
#![cfg(target_endian = "little")]

mod common;

use common::{NAMES, path, ruleset};
use plumb_nft::text::{self, Options};

fn compare(suffix: &str, options: &Options) {
    let mut wrong = String::new();
    for name in NAMES {
        let ours = text::ruleset(&ruleset(name), options);
        let theirs = std::fs::read_to_string(path(&format!("{name}.{suffix}"))).unwrap();
        for (i, (a, b)) in ours.lines().zip(theirs.lines()).enumerate().filter(|(_, (a, b))| a != b) {
            wrong.push_str(&format!("{name}.{suffix}:{}\n  nft:  {b}\n  ours: {a}\n", i + 1));
        }
        if ours.lines().count() != theirs.lines().count() {
            wrong.push_str(&format!(
                "{name}.{suffix}: {} lines, ours {}\n",
                theirs.lines().count(),
                ours.lines().count()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn as_nft_lists() {
    compare("txt", &Options { counters: true, ..Options::default() });
}

#[test]
fn as_nft_lists_stateless() {
    compare("stateless.txt", &Options::default());
}

#[test]
fn as_nft_lists_with_handles() {
    compare("handles.txt", &Options { counters: true, handles: true, ..Options::default() });
}

#[test]
fn nothing_unknown() {
    for name in NAMES {
        let ruleset = ruleset(name);
        for table in &ruleset.tables {
            assert!(table.unknown_attributes.is_empty(), "{name}: {:?}", table.unknown_attributes);
        }
        assert!(!format!("{ruleset:?}").contains("Unknown {"), "{name}");
    }
}

#[test]
fn through_a_file_and_back() {
    for name in NAMES {
        let ruleset = ruleset(name);
        let json = serde_json::to_string(&ruleset).unwrap();
        assert_eq!(serde_json::from_str::<plumb_nft::Ruleset>(&json).unwrap(), ruleset, "{name}");
    }
}

#[test]
fn every_rule_has_a_line() {
    for name in NAMES {
        for table in &ruleset(name).tables {
            for rule in table.chains.iter().flat_map(|c| &c.rules) {
                assert!(!text::rule(table, rule).is_empty(), "{name} handle {}", rule.handle);
            }
        }
    }
}

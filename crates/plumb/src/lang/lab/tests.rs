use std::collections::BTreeSet;

use plumb_lab::faults;

use super::*;

/// Parts of the faults' sentences that are no words of a language.
const SAME: [&str; 8] =
    ["eth0", "cni0", "arp_ignore=8", "rp_filter=1", "IPv6", "15001", "127.0.0.1", "0.0.0.0"];

fn chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn every_fault_has_a_name_and_a_sentence_in_both_languages() {
    let mut names = BTreeSet::new();
    for one in faults::all() {
        assert_eq!(fault(Lang::En, &one), (one.name, one.does));
        let (name, does) = fault(Lang::Zh, &one);
        assert!(chinese(name) && chinese(does), "{} has no Chinese sentence: {name}, {does}", one.id);
        assert!(names.insert(name), "two faults are called {name}");
        // What is a number or a name of the kernel's is the same in every language.
        for word in SAME.into_iter().filter(|word| one.does.contains(word)) {
            assert!(does.contains(word), "{}: `{word}` is not in {does}", one.id);
        }
    }
}

#[test]
fn every_look_alike_has_a_sentence_in_both_languages() {
    for one in faults::look_alike::all() {
        assert_eq!(look_alike(Lang::En, &one), one.does);
        let does = look_alike(Lang::Zh, &one);
        assert!(chinese(does), "{} has no Chinese sentence: {does}", one.of);
        for word in SAME.into_iter().filter(|word| one.does.contains(word)) {
            assert!(does.contains(word), "{}: `{word}` is not in {does}", one.of);
        }
    }
}

#[test]
fn an_effect_is_the_labs_own_words_only_in_english() {
    let effect_of = |lang, id| effect(lang, id, false, "node-2 forwards nothing").to_owned();
    assert_eq!(effect_of(Lang::En, "R10"), "node-2 forwards nothing");
    assert_eq!(effect_of(Lang::Zh, "R10"), "关闭该 Pod 所在节点的转发");
    assert!(effect(Lang::Zh, "R10", true, "node-2 …").contains("以后"));
    // A fault of a later version.
    assert_eq!(effect_of(Lang::Zh, "Z99"), "node-2 forwards nothing");
}

#[test]
fn steps_and_outcomes_in_chinese() {
    for one in Step::ALL {
        assert!(chinese(step(Lang::Zh, one)) && !chinese(step(Lang::En, one)), "{one:?}");
    }
    assert_eq!(outcome(Lang::En, Outcome::TimesOut), "times_out");
    assert!(chinese(&outcome(Lang::Zh, Outcome::TimesOut)));
}

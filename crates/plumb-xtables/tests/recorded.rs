//! Rules as the kernel told them, against the lines that iptables 1.8.9 printed of the same rules.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;

use plumb_nft::{Expr, decode};
use plumb_xtables::nft_compat::xtables_rule;
use plumb_xtables::{Action, Match, Target, XtFamily, XtRule};

const IP: &str = include_str!("fixtures/ip.rules");
const IP6: &str = include_str!("fixtures/ip6.rules");

/// Hexadecimal digits, `*N.` for N zero bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(run) = rest.strip_prefix('*') {
            let (count, after) = run.split_once('.').unwrap();
            out.resize(out.len() + count.parse::<usize>().unwrap(), 0);
            rest = after;
        } else {
            let (byte, after) = rest.split_at(2);
            out.push(u8::from_str_radix(byte, 16).unwrap());
            rest = after;
        }
    }
    out
}

/// Each line with its rule, as recorded.
fn recorded(fixture: &str, family: XtFamily) -> Vec<(&str, Vec<Expr>, XtRule)> {
    let mut lines = fixture.lines().filter(|l| !l.starts_with('#'));
    let mut rules = Vec::new();
    while let (Some(line), Some(message)) = (lines.next(), lines.next()) {
        let rule = decode::rule(&bytes(message)).unwrap().value;
        let read = xtables_rule(family, &rule.chain, &rule.rule.exprs);
        rules.push((line, rule.rule.exprs, read.unwrap_or_else(|e| panic!("{line}: {e}"))));
    }
    rules
}

fn all() -> Vec<(&'static str, Vec<Expr>, XtRule, XtFamily)> {
    let of =
        |f: &'static str, family| recorded(f, family).into_iter().map(move |(l, e, r)| (l, e, r, family));
    of(IP, XtFamily::Ip).chain(of(IP6, XtFamily::Ip6)).collect()
}

#[test]
fn every_rule_prints_as_iptables_prints_it() {
    let sets = BTreeMap::from([(0, "s1".to_owned()), (1, "s2".to_owned())]);
    let rules = all();
    assert!(rules.len() > 450);
    for (line, _, rule, _) in rules {
        assert_eq!(rule.text(&sets), line);
    }
}

#[test]
fn nothing_recorded_is_unknown() {
    for (line, _, rule, _) in all() {
        for m in &rule.matches {
            assert!(!matches!(m, Match::Unknown(_)), "{line}: {m:?}");
        }
        assert!(
            !matches!(rule.action, Some(Action::Target(Target::Unknown(_)))),
            "{line}: {:?}",
            rule.action
        );
    }
}

#[test]
fn what_is_encoded_decodes_to_the_same() {
    let mut encoded = BTreeMap::new();
    for (line, exprs, _, family) in all() {
        for expr in exprs {
            let same = match &expr {
                Expr::Match { name, revision, info } => {
                    let m = Match::decode(name, *revision, family, info);
                    m.encode(*revision, family)
                        .map(|b| (b.len(), Match::decode(name, *revision, family, &b) == m))
                }
                Expr::Target { name, revision, info } => {
                    let t = Target::decode(name, *revision, family, info);
                    t.encode(*revision, family)
                        .map(|b| (b.len(), Target::decode(name, *revision, family, &b) == t))
                }
                _ => continue,
            };
            let (Expr::Match { name, info, .. } | Expr::Target { name, info, .. }) = &expr else { continue };
            if let Ok((len, same)) = same {
                assert!(same, "{line}");
                assert_eq!(len, info.len(), "length of {name} in {line}");
                *encoded.entry(name.clone()).or_insert(0) += 1;
            }
        }
    }
    let names = [
        "tcp",
        "udp",
        "icmp",
        "icmp6",
        "conntrack",
        "connmark",
        "comment",
        "addrtype",
        "multiport",
        "statistic",
        "MASQUERADE",
        "DNAT",
        "SNAT",
        "REDIRECT",
        "NETMAP",
        "MARK",
        "REJECT",
    ];
    for name in names {
        assert!(encoded.contains_key(name), "{name} was never encoded");
    }
}

#[test]
fn rules_survive_a_file() {
    for (line, _, rule, _) in all() {
        let json = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<XtRule>(&json).unwrap(), rule, "{line}: {json}");
    }
}

#[test]
fn every_shorter_structure_is_unknown_or_read_and_never_a_panic() {
    for (_, exprs, _, family) in all() {
        for expr in exprs {
            match &expr {
                Expr::Match { name, revision, info } => {
                    for len in 0..info.len() {
                        let m = Match::decode(name, *revision, family, &info[..len]);
                        let _ = m.options(&plumb_xtables::NoSetNames);
                    }
                }
                Expr::Target { name, revision, info } => {
                    for len in 0..info.len() {
                        let t = Target::decode(name, *revision, family, &info[..len]);
                        let _ = t.options(&plumb_xtables::NoSetNames);
                    }
                }
                _ => {}
            }
        }
    }
}

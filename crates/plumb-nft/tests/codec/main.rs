//! What is encoded decodes to itself; what is no message is an error, never a panic.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod exprs;
mod objects;

use common::{NAMES, messages, ruleset};
use exprs::{expr, name};
use objects::{chain, element, key, object, rule, set};
use plumb_nft::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

fn all(bytes: &[u8]) {
    let _ = decode::table(bytes);
    let _ = decode::chain(bytes);
    let _ = decode::set(bytes);
    let _ = decode::elements(bytes);
    let _ = decode::rule(bytes);
    let _ = decode::object(bytes);
    let _ = decode::flowtable(bytes);
    let _ = decode::generation(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_returns(key in key(), chain in name(), rule in rule()) {
        let part = decode::rule(&encode::rule(&key, &chain, &rule, None).unwrap()).unwrap();
        prop_assert_eq!(part.table, key);
        prop_assert_eq!(part.value.chain, chain);
        prop_assert_eq!(part.value.rule, rule);
        prop_assert!(part.unknown.is_empty());
    }

    #[test]
    fn a_chain_returns((key, chain) in chain()) {
        let part = decode::chain(&encode::chain(&key, &chain).unwrap()).unwrap();
        prop_assert_eq!((part.table, part.value), (key, chain));
    }

    #[test]
    fn a_set_returns(key in key(), set in set(), id in of(any::<u32>())) {
        let part = decode::set(&encode::set(&key, &set, id).unwrap()).unwrap();
        prop_assert_eq!((part.table, part.value), (key, set));
    }

    #[test]
    fn elements_return(key in key(), set in name(), all in vec(element(), 0..20)) {
        let mut back = Vec::new();
        for message in encode::elements(&key, &set, &all).unwrap() {
            let part = decode::elements(&message).unwrap();
            prop_assert_eq!(&part.value.set, &set);
            back.extend(part.value.elements);
        }
        prop_assert_eq!(back, all);
    }

    #[test]
    fn an_object_returns(key in key(), object in object()) {
        let part = decode::object(&encode::object(&key, &object).unwrap()).unwrap();
        prop_assert_eq!((part.table, part.value), (key, object));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..300)) {
        all(&bytes);
    }

    #[test]
    fn no_damage_makes_a_decoder_panic(
        pick in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let all_messages = messages("statements");
        let (_, mut bytes) = pick.get(&all_messages).clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        all(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        all(&bytes);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn no_damaged_ruleset_makes_the_printer_panic(
        name in prop::sample::select(NAMES.as_slice()),
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..60),
    ) {
        let mut all = messages(name);
        for (message, at, byte) in damage {
            let message = message.index(all.len());
            let bytes = &mut all[message].1;
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut assembler = Assembler::new();
        for (kind, bytes) in all {
            let _ = assembler.push(kind, &bytes);
        }
        let _ = text::ruleset(&assembler.finish().ruleset, &text::Options::default());
    }

    #[test]
    fn no_rule_makes_the_printer_panic(exprs in vec(expr(), 0..12), set in set(), elements in vec(element(), 0..6)) {
        let mut table = table();
        let mut set = set;
        for expr in &exprs {
            if let Expr::Lookup { set: name, .. } | Expr::Dynset { set: name, .. } = expr {
                set.name.clone_from(name);
            }
        }
        set.elements = elements;
        table.sets.push(set);
        let rule = Rule { handle: 1, exprs, userdata: Bytes::default(), compat: None };
        for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev] {
            table.family = family;
            let _ = text::rule(&table, &rule);
            let _ = text::table(&table, &text::Options::default());
        }
    }
}

/// What the kernel sent, encoded by us and decoded again, is what it was.
#[test]
#[cfg(target_endian = "little")]
fn recorded_rulesets_return() {
    for name in NAMES {
        for table in ruleset(name).tables {
            let key = TableKey { family: table.family, name: table.name.clone() };
            for chain in &table.chains {
                let bare = Chain { rules: Vec::new(), ..chain.clone() };
                assert_eq!(decode::chain(&encode::chain(&key, &bare).unwrap()).unwrap().value, bare);
                for rule in &chain.rules {
                    let bytes = encode::rule(&key, &chain.name, rule, None).unwrap();
                    assert_eq!(decode::rule(&bytes).unwrap().value.rule, *rule);
                }
            }
            for set in &table.sets {
                let bare = Set { elements: Vec::new(), ..set.clone() };
                assert_eq!(decode::set(&encode::set(&key, &bare, Some(1)).unwrap()).unwrap().value, bare);
                let messages = encode::elements(&key, &set.name, &set.elements).unwrap();
                let back: Vec<Element> =
                    messages.iter().flat_map(|m| decode::elements(m).unwrap().value.elements).collect();
                assert_eq!(back, set.elements);
            }
            for object in &table.objects {
                assert_eq!(decode::object(&encode::object(&key, object).unwrap()).unwrap().value, *object);
            }
        }
    }
}

#[test]
fn many_elements_are_split() {
    let key = TableKey { family: Family::Inet, name: "t".to_owned() };
    let all: Vec<Element> = (0..20_000u32)
        .map(|n| Element { key: Bytes(n.to_be_bytes().to_vec()), ..Element::default() })
        .collect();
    let messages = encode::elements(&key, "s", &all).unwrap();
    assert!(messages.len() > 1 && messages.iter().all(|m| m.len() < 65_536));
    let back: Vec<Element> =
        messages.iter().flat_map(|m| decode::elements(m).unwrap().value.elements).collect();
    assert_eq!(back, all);
}

#[test]
fn a_flowtable_returns() {
    let key = TableKey { family: Family::Inet, name: "t".to_owned() };
    let flowtable = Flowtable {
        name: "ft".to_owned(),
        handle: 7,
        priority: -5,
        devices: vec!["eth0".to_owned(), "wg*".to_owned()],
        flags: 2,
    };
    let part = decode::flowtable(&encode::flowtable(&key, &flowtable).unwrap()).unwrap();
    assert_eq!((part.table, part.value), (key, flowtable));
}

#[test]
fn attributes_of_a_newer_kernel_are_kept() {
    let mut bytes = vec![1, 0, 0, 0];
    let mut w = nlattr::Writer::new();
    w.text(uapi::table::NAME, "t");
    w.be32(200, 5);
    bytes.extend(w.into_bytes());
    let table = decode::table(&bytes).unwrap();
    let kept = UnknownAttribute { of: "table t".to_owned(), number: 200, data: Bytes(vec![0, 0, 0, 5]) };
    assert_eq!(table.unknown_attributes, [kept]);
}

#[test]
fn the_protocol_of_a_rule_with_extensions() {
    let reg = Register(1);
    let rule = |op, target: bool| {
        let mut exprs = vec![
            Expr::Meta { key: MetaKey::L4proto, dreg: reg },
            Expr::Cmp { sreg: reg, op, data: Bytes(vec![6]) },
        ];
        if target {
            exprs.push(Expr::Target { name: "REDIRECT".to_owned(), revision: 0, info: Bytes::default() });
        }
        Rule { handle: 0, exprs, userdata: Bytes::default(), compat: None }
    };
    assert_eq!(compat_of(Family::Ip, &rule(CmpOp::Eq, true)), Some((6, 0)));
    assert_eq!(compat_of(Family::Ip, &rule(CmpOp::Neq, true)), Some((6, 2)));
    assert_eq!(compat_of(Family::Ip, &rule(CmpOp::Eq, false)), None);
}

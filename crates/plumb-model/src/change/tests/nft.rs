use plumb_nft::{
    BaseChain, Chain, ChainType, CmpOp, Data, Element, Expr, Family, Hook, Register, Rule, Ruleset, Set,
    Table, Verdict,
};

use super::*;
use crate::{ChangeError, Position};

pub(super) fn drop_rule(handle: u64) -> Rule {
    let verdict = Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(Verdict::Drop) };
    Rule { handle, exprs: vec![verdict], userdata: Default::default(), compat: None }
}

pub(super) fn set(name: &str, flags: u32) -> Set {
    Set {
        name: name.into(),
        handle: 0,
        flags,
        key_type: 7,
        key_len: 4,
        data_type: None,
        data_len: None,
        object_type: None,
        policy: None,
        size: None,
        field_lens: vec![],
        timeout_ms: None,
        gc_interval_ms: None,
        userdata: Default::default(),
        exprs: vec![],
        elements: vec![],
    }
}

pub(super) fn with_nft() -> Snapshot {
    let chain = |name: &str, base, rules| Chain {
        name: name.into(),
        handle: 1,
        base,
        flags: 0,
        userdata: Default::default(),
        rules,
    };
    let base = BaseChain {
        kind: ChainType::Filter,
        hook: Hook::Forward,
        priority: 0,
        policy: Verdict::Drop,
        devices: vec![],
        counters: None,
    };
    let lookup =
        Expr::Lookup { set: "__set0".into(), set_id: None, sreg: Register(1), dreg: None, inverted: false };
    let with_set = Rule { exprs: vec![lookup], ..drop_rule(9) };
    let table = Table {
        family: Family::Ip,
        name: "filter".into(),
        handle: 1,
        flags: 0,
        userdata: Default::default(),
        chains: vec![
            chain("forward", Some(base), vec![drop_rule(7), with_set]),
            chain("other", None, vec![]),
        ],
        sets: vec![
            set("__set0", Set::ANONYMOUS | Set::CONSTANT),
            set("plain", 0),
            set("ranges", Set::INTERVAL),
        ],
        objects: vec![],
        flowtables: vec![],
        unknown_attributes: vec![],
    };
    let mut s = machine();
    s.namespace_mut(A).unwrap().nft = Read::Got(Ruleset { generation: 1, tables: vec![table] });
    s
}

fn table(s: &Snapshot) -> &Table {
    s.namespace(A).unwrap().nft.value().unwrap().tables.first().unwrap()
}

fn handles(s: &Snapshot) -> Vec<u64> {
    table(s).chain("forward").unwrap().rules.iter().map(|r| r.handle).collect()
}

#[test]
fn rules_go_where_they_should() {
    let mut s = with_nft();
    let mut add = |position, rule| {
        let (table, chain) = ("filter".into(), "forward".into());
        change(A, Action::AddRule { family: Family::Ip, table, chain, position, rule, xtables: None })
            .apply(&mut s)
            .map(|()| handles(&s))
    };
    assert_eq!(add(Position::Last, drop_rule(0)).unwrap(), [7, 9, 10]);
    assert_eq!(add(Position::First, drop_rule(0)).unwrap(), [11, 7, 9, 10]);
    assert_eq!(add(Position::Before(9), drop_rule(0)).unwrap(), [11, 7, 12, 9, 10]);
    assert_eq!(add(Position::After(7), drop_rule(0)).unwrap(), [11, 7, 13, 12, 9, 10]);
    assert!(matches!(add(Position::After(99), drop_rule(0)), Err(ChangeError::NotFound(_))));
    let to = Verdict::Jump(plumb_nft::ChainRef::Name("nowhere".into()));
    let jump = Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(to) };
    let bad = Rule {
        exprs: vec![Expr::Cmp { sreg: Register(1), op: CmpOp::Eq, data: Default::default() }, jump],
        ..drop_rule(0)
    };
    assert!(matches!(add(Position::Last, bad), Err(ChangeError::NotFound(_))));
}

#[test]
fn a_rule_takes_its_anonymous_set_along() {
    let mut s = with_nft();
    let delete = |chain: &str, handle| {
        let (table, chain) = ("filter".into(), chain.into());
        change(A, Action::DeleteRule { family: Family::Ip, table, chain, handle })
    };
    delete("forward", 9).apply(&mut s).unwrap();
    assert_eq!((handles(&s), table(&s).set("__set0")), (vec![7], None));
    assert!(matches!(delete("forward", 9).apply(&mut s), Err(ChangeError::NotFound(_))));
    assert!(matches!(delete("nope", 9).apply(&mut s), Err(ChangeError::NotFound(_))));
}

#[test]
fn a_policy_is_that_of_a_base_chain() {
    let mut s = with_nft();
    let policy = |chain: &str, policy| {
        let (table, chain) = ("filter".into(), chain.into());
        change(A, Action::SetPolicy { family: Family::Ip, table, chain, policy })
    };
    policy("forward", Verdict::Accept).apply(&mut s).unwrap();
    assert_eq!(table(&s).chain("forward").unwrap().base.as_ref().unwrap().policy, Verdict::Accept);
    assert!(matches!(policy("other", Verdict::Accept).apply(&mut s), Err(ChangeError::Refused { .. })));
    assert!(matches!(policy("forward", Verdict::Return).apply(&mut s), Err(ChangeError::Refused { .. })));
}

#[test]
fn elements_and_their_ends() {
    let mut s = with_nft();
    let key = |b: [u8; 4]| Element { key: b.to_vec().into(), ..Element::default() };
    let range = |a, b: [u8; 4]| Element { key_end: Some(b.to_vec().into()), ..key(a) };
    let add = |set: &str, element| {
        change(A, Action::AddElement { family: Family::Ip, table: "filter".into(), set: set.into(), element })
    };
    let delete = |set: &str, element| {
        change(
            A,
            Action::DeleteElement { family: Family::Ip, table: "filter".into(), set: set.into(), element },
        )
    };
    add("plain", key([10, 0, 0, 1])).apply(&mut s).unwrap();
    assert!(matches!(add("plain", key([10, 0, 0, 1])).apply(&mut s), Err(ChangeError::AlreadyThere(_))));
    delete("plain", key([10, 0, 0, 1])).apply(&mut s).unwrap();
    assert!(matches!(delete("plain", key([10, 0, 0, 1])).apply(&mut s), Err(ChangeError::NotFound(_))));
    let short = Element { key: vec![1].into(), ..Element::default() };
    assert!(matches!(add("plain", short).apply(&mut s), Err(ChangeError::Refused { .. })));

    add("ranges", range([10, 0, 0, 0], [10, 0, 0, 255])).apply(&mut s).unwrap();
    add("ranges", range([10, 0, 1, 0], [10, 0, 1, 7])).apply(&mut s).unwrap();
    add("ranges", range([255, 255, 255, 0], [255, 255, 255, 255])).apply(&mut s).unwrap();
    let shown = |s: &Snapshot| -> Vec<(String, bool)> {
        let elements = &table(s).set("ranges").unwrap().elements;
        elements.iter().map(|e| (e.key.to_string(), e.is_interval_end())).collect()
    };
    let expected = |all: &[(&str, bool)]| all.iter().map(|(k, e)| ((*k).to_owned(), *e)).collect::<Vec<_>>();
    assert_eq!(
        shown(&s),
        expected(&[
            ("ffffff00", false),
            ("0a000108", true),
            ("0a000100", false),
            ("0a000100", true),
            ("0a000000", false)
        ])
    );
    for overlap in [key([10, 0, 0, 5]), range([9, 0, 0, 0], [11, 0, 0, 0]), key([255, 255, 255, 255])] {
        assert!(matches!(add("ranges", overlap).apply(&mut s), Err(ChangeError::AlreadyThere(_))));
    }
    delete("ranges", key([10, 0, 0, 0])).apply(&mut s).unwrap();
    delete("ranges", key([255, 255, 255, 0])).apply(&mut s).unwrap();
    assert_eq!(shown(&s), expected(&[("0a000108", true), ("0a000100", false)]));
    let whole = s.namespace(A).unwrap().nft.value().unwrap().table(Family::Ip, "filter").unwrap().clone();
    let gone = Action::DeleteTable { family: Family::Ip, table: "filter".into() };
    change(A, gone.clone()).apply(&mut s).unwrap();
    assert!(matches!(change(A, gone).apply(&mut s), Err(ChangeError::NotFound(_))));
    let back = change(A, Action::AddTable(whole.clone()));
    let commands = back.commands(&s);
    assert!(commands[0].starts_with("ip netns exec a nft 'table ip filter { "), "{commands:?}");
    assert!(!commands[0].contains('\n') && commands[0].ends_with("}'"), "{commands:?}");
    back.apply(&mut s).unwrap();
    assert!(matches!(back.apply(&mut s), Err(ChangeError::AlreadyThere(_))));
    let again = s.namespace(A).unwrap().nft.value().unwrap().table(Family::Ip, "filter").unwrap();
    assert_eq!((again.chains.len(), again.sets.len()), (whole.chains.len(), whole.sets.len()));
}

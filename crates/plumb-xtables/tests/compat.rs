//! What is, and what is not, a rule or a table of iptables-nft.
#![allow(clippy::unwrap_used, missing_docs)]

use plumb_nft::{
    BaseChain, Bytes, Chain, ChainType, CmpOp, Data, Expr, Family, Hook, MetaKey, PayloadBase, Register,
    Rule, Table, Verdict,
};
use plumb_xtables::nft_compat::{has_xtables_expression, is_xtables_table, xtables_rule};
use plumb_xtables::{Match, NoSetNames, Target, XtFamily};

const REG: Register = Register(1);

fn meta(key: MetaKey) -> Expr {
    Expr::Meta { key, dreg: REG }
}

fn cmp(op: CmpOp, data: &[u8]) -> Expr {
    Expr::Cmp { sreg: REG, op, data: data.into() }
}

fn payload(base: PayloadBase, offset: u32, len: u32) -> Expr {
    Expr::Payload { dreg: REG, base, offset, len }
}

fn accept() -> Expr {
    Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(Verdict::Accept) }
}

fn text(exprs: &[Expr]) -> String {
    xtables_rule(XtFamily::Ip, "INPUT", exprs).unwrap().text(&NoSetNames)
}

fn refused(exprs: &[Expr]) -> (usize, String) {
    let e = xtables_rule(XtFamily::Ip, "INPUT", exprs).unwrap_err();
    (e.index, e.what)
}

#[test]
fn older_programs_compare_the_protocol_in_the_header() {
    let exprs = [payload(PayloadBase::Network, 9, 1), cmp(CmpOp::Eq, &[6]), accept()];
    assert_eq!(text(&exprs), "-A INPUT -p tcp -j ACCEPT");
}

#[test]
fn both_ports_in_one_comparison() {
    let exprs = [
        meta(MetaKey::L4proto),
        cmp(CmpOp::Eq, &[17]),
        payload(PayloadBase::Transport, 0, 4),
        cmp(CmpOp::Eq, &[0, 53, 1, 0]),
    ];
    assert_eq!(text(&exprs), "-A INPUT -p udp -m udp --sport 53 --dport 256");
}

#[test]
fn two_negated_ports_are_one_comparison_that_fails_for_both_alone() {
    let exprs = [
        meta(MetaKey::L4proto),
        cmp(CmpOp::Eq, &[6]),
        payload(PayloadBase::Transport, 0, 4),
        cmp(CmpOp::Neq, &[0, 80, 0, 1]),
    ];
    assert_eq!(text(&exprs), "-A INPUT -p tcp -m tcp ! --sport 80 ! --dport 1");
    let rule = xtables_rule(XtFamily::Ip, "INPUT", &exprs).unwrap();
    let [Match::Tcp(tcp)] = rule.matches.as_slice() else { panic!("{rule:?}") };
    assert!(!tcp.ports_match(80, 1));
    assert!(tcp.ports_match(80, 2) && tcp.ports_match(81, 1) && tcp.ports_match(3, 4));
}

#[test]
fn two_conditions_on_one_port_stay_two_matches() {
    let port = |n| [payload(PayloadBase::Transport, 2, 2), cmp(CmpOp::Neq, &[0, n])];
    let exprs = [vec![meta(MetaKey::L4proto), cmp(CmpOp::Eq, &[6])], port(1).into(), port(2).into()].concat();
    assert_eq!(text(&exprs), "-A INPUT -p tcp -m tcp ! --dport 1 -m tcp ! --dport 2");
}

#[test]
fn other_expressions_are_refused_by_name() {
    let reject = Expr::Reject { kind: plumb_nft::RejectType::IcmpUnreach, code: 3 };
    assert_eq!(refused(&[reject]), (0, "reject".to_owned()));
    let ct = Expr::Ct { key: plumb_nft::CtKey::State, dreg: REG, direction: None };
    assert_eq!(refused(&[meta(MetaKey::Iifname), cmp(CmpOp::Eq, b"lo\0"), ct]), (2, "ct".to_owned()));
}

#[test]
fn ports_need_a_protocol() {
    let exprs = [payload(PayloadBase::Transport, 2, 2), cmp(CmpOp::Eq, &[0, 80])];
    assert_eq!(refused(&exprs).0, 1);
}

#[test]
fn a_register_that_is_not_compared_is_refused() {
    assert_eq!(refused(&[meta(MetaKey::Mark), accept()]).0, 1);
    assert_eq!(refused(&[cmp(CmpOp::Eq, &[1])]).0, 0);
}

#[test]
fn nothing_follows_the_verdict() {
    assert_eq!(refused(&[accept(), meta(MetaKey::Mark)]).0, 1);
}

#[test]
fn an_unknown_extension_keeps_the_rule() {
    let exprs = [Expr::Match { name: "geoip".into(), revision: 1, info: Bytes(vec![1, 2]) }, accept()];
    assert_eq!(text(&exprs), "-A INPUT -m geoip [revision 1 not decoded: 0102] -j ACCEPT");
    let rule = xtables_rule(XtFamily::Ip, "INPUT", &exprs).unwrap();
    let [Match::Unknown(u)] = rule.matches.as_slice() else { panic!("{rule:?}") };
    assert_eq!((u.name.as_str(), u.revision, u.reason.as_str()), ("geoip", 1, "the extension is not known"));
}

#[test]
fn a_revision_and_a_length_that_do_not_fit_are_told() {
    let reason = |m| match m {
        Match::Unknown(u) => u.reason,
        known => panic!("{known:?}"),
    };
    assert_eq!(reason(Match::decode("mark", 9, XtFamily::Ip, &[0; 16])), "revision 9 is not known");
    let short = reason(Match::decode("mark", 1, XtFamily::Ip, &[0; 6]));
    assert_eq!(short, "too short: byte 8 of the structure is wanted, 6 bytes came");
    let Target::Unknown(u) = Target::decode("REJECT", 0, XtFamily::Ip, &[99, 0, 0, 0]) else { panic!() };
    assert_eq!(u.reason, "field `with` holds 0x63, which is not known");
}

fn table(name: &str, chain: &str, priority: i32, exprs: Vec<Expr>) -> Table {
    let base = BaseChain {
        kind: ChainType::Filter,
        hook: Hook::Input,
        priority,
        policy: Verdict::Accept,
        devices: Vec::new(),
        counters: None,
    };
    let rule = Rule { handle: 2, exprs, userdata: Bytes::default(), compat: None };
    let chain = Chain {
        name: chain.into(),
        handle: 1,
        base: Some(base),
        flags: 1,
        userdata: Bytes::default(),
        rules: vec![rule],
    };
    Table {
        family: Family::Ip,
        name: name.into(),
        handle: 1,
        flags: 0,
        userdata: Bytes::default(),
        chains: vec![chain],
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    }
}

#[test]
fn tables_of_iptables_are_told_from_others() {
    assert!(is_xtables_table(&table("filter", "INPUT", 0, vec![accept()])));
    // The name of the chain, its priority, the name of the table, the family, a rule that iptables does not write.
    assert!(!is_xtables_table(&table("filter", "input", 0, vec![accept()])));
    assert!(!is_xtables_table(&table("filter", "INPUT", 1, vec![accept()])));
    assert!(!is_xtables_table(&table("kube-proxy", "INPUT", 0, vec![accept()])));
    let inet = Table { family: Family::Inet, ..table("filter", "INPUT", 0, vec![accept()]) };
    assert!(!is_xtables_table(&inet));
    let masq = Expr::Masq { flags: 0, port_min: None, port_max: None };
    assert!(!is_xtables_table(&table("filter", "INPUT", 0, vec![masq])));
}

#[test]
fn extensions_are_seen_in_any_rule() {
    assert!(!has_xtables_expression(&[accept()]));
    assert!(has_xtables_expression(&[Expr::Target {
        name: "LOG".into(),
        revision: 0,
        info: Bytes::default()
    }]));
}

use plumb_model::LegacyTable;
use plumb_nft::{
    BaseChain, Bytes, Chain, ChainRef, ChainType, Data, Expr, Family, Hook, MetaKey, Register, Rule, Table,
    Verdict,
};

use super::*;

pub(super) fn ruleset(name: &str, chains: Vec<Chain>) -> Ruleset {
    let mut table = Table::new(Family::Ip, name);
    table.chains = chains;
    Ruleset { tables: vec![table], ..Ruleset::default() }
}

pub(super) fn chain(name: &str, base: Option<BaseChain>, rules: Vec<Rule>) -> Chain {
    Chain { name: name.to_owned(), handle: 1, base, flags: 0, userdata: Bytes::default(), rules }
}

fn base(kind: ChainType, hook: Hook, priority: i32) -> Option<BaseChain> {
    let policy = Verdict::Accept;
    Some(BaseChain { kind, hook, priority, policy, devices: Vec::new(), counters: None })
}

fn prerouting(rules: Vec<Rule>) -> Chain {
    chain("PREROUTING", base(ChainType::Nat, Hook::Prerouting, -100), rules)
}

fn rule(exprs: Vec<Expr>) -> Rule {
    Rule { handle: 7, exprs, userdata: Bytes::default(), compat: None }
}

fn verdict(v: Verdict) -> Rule {
    rule(vec![
        Expr::Counter { packets: 0, bytes: 0 },
        Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(v) },
    ])
}

pub(super) fn jump(to: &str) -> Rule {
    verdict(Verdict::Jump(ChainRef::Name(to.to_owned())))
}

fn services(hooked: bool) -> Vec<Chain> {
    vec![
        prerouting(if hooked { vec![jump("KUBE-SERVICES")] } else { Vec::new() }),
        chain("KUBE-SERVICES", None, vec![jump("KUBE-SVC-A")]),
        chain("KUBE-SVC-A", None, vec![verdict(Verdict::Return)]),
    ]
}

#[test]
fn no_rule_leads_to_the_services() {
    let mut s = bridged();
    ns(&mut s, "node").nft = Read::Got(ruleset("nat", services(true)));
    is_silent(&s);
    // Nothing ever went there: rules that were only written down.
    ns(&mut s, "node").nft = Read::Got(ruleset("nat", services(false)));
    is_silent(&s);
    let mut used = services(false);
    used[1].rules[0].exprs[0] = Expr::Counter { packets: 9, bytes: 540 };
    ns(&mut s, "node").nft = Read::Got(ruleset("nat", used));
    finds(&s, "service-rules-unhooked", "node", false);
    let mut emptied = services(false);
    emptied.iter_mut().for_each(|c| c.rules.clear());
    ns(&mut s, "node").nft = Read::Got(ruleset("nat", emptied));
    finds(&s, "service-rules-unhooked", "node", false);
    // The kubelet's own chains are no proxy's.
    let kubelet = vec![prerouting(Vec::new()), chain("KUBE-KUBELET-CANARY", None, Vec::new())];
    ns(&mut s, "node").nft = Read::Got(ruleset("nat", kubelet));
    is_silent(&s);
}

fn with_nft_proxy(chains: Vec<Chain>) -> Ruleset {
    let mut both = ruleset("nat", chains);
    let rules = vec![verdict(Verdict::Return)];
    let hook = chain("nat-prerouting", base(ChainType::Nat, Hook::Prerouting, -100), rules);
    both.tables.extend(ruleset("kube-proxy", vec![hook]).tables);
    both
}

#[test]
fn two_proxies_at_once() {
    let mut s = bridged();
    ns(&mut s, "node").nft = Read::Got(with_nft_proxy(services(true)));
    finds(&s, "proxy-leftovers", "node", false);
    // What no packet gets to decides nothing, and the other proxy is at work.
    ns(&mut s, "node").nft = Read::Got(with_nft_proxy(services(false)));
    is_silent(&s);
}

fn redirect(port: u16, packets: u64) -> Rule {
    let reg = Register(1);
    rule(vec![
        Expr::Counter { packets, bytes: 60 * packets },
        Expr::Immediate { dreg: reg, data: Data::Value(port.to_be_bytes().to_vec().into()) },
        Expr::Redir { flags: 0, port_min: Some(reg), port_max: None },
    ])
}

#[test]
fn a_redirect_to_nobody() {
    let mut s = bridged();
    ns(&mut s, "pod1").nft = Read::Got(ruleset("t", vec![prerouting(vec![redirect(15001, 3)])]));
    finds(&s, "nat-dead-port", "pod1", true);
    // No packet met it yet; somebody listens; no packet gets there; nobody lives there.
    ns(&mut s, "pod1").nft = Read::Got(ruleset("t", vec![prerouting(vec![redirect(15001, 0)])]));
    is_silent(&s);
    ns(&mut s, "pod1").nft = Read::Got(ruleset("t", vec![prerouting(vec![redirect(15001, 3)])]));
    ns(&mut s, "pod1").sockets.value_mut().unwrap().push(listener(15001));
    is_silent(&s);
    ns(&mut s, "pod1").sockets.value_mut().unwrap().pop();
    ns(&mut s, "pod1").nft = Read::Got(ruleset("t", vec![chain("c", None, vec![redirect(15001, 3)])]));
    is_silent(&s);
    ns(&mut s, "pod1").nft = Read::Got(ruleset("t", vec![prerouting(vec![redirect(15001, 3)])]));
    ns(&mut s, "pod1").sockets = Read::Got(Vec::new());
    is_silent(&s);
}

#[test]
fn a_nat_chain_that_nobody_asks() {
    let mut s = bridged();
    let drops = || prerouting(vec![verdict(Verdict::Drop)]);
    ns(&mut s, "node").nft = Read::Got(ruleset("t", vec![drops()]));
    finds(&s, "nat-chain-ignored", "node", false);
    // It decides nothing.
    ns(&mut s, "node").nft = Read::Got(ruleset("t", vec![prerouting(vec![verdict(Verdict::Accept)])]));
    is_silent(&s);
    // Something uses connection tracking.
    let masquerade = rule(vec![Expr::Masq { flags: 0, port_min: None, port_max: None }]);
    let post = chain("post", base(ChainType::Nat, Hook::Postrouting, 100), vec![masquerade]);
    ns(&mut s, "node").nft = Read::Got(ruleset("t", vec![drops(), post]));
    is_silent(&s);
}

#[test]
fn a_mark_in_a_nat_chain() {
    let mut s = bridged();
    let reg = Register(1);
    let mark = rule(vec![
        Expr::Immediate { dreg: reg, data: Data::Value(vec![1, 0, 0, 0].into()) },
        Expr::MetaSet { key: MetaKey::Mark, sreg: reg },
    ]);
    ns(&mut s, "node").nft = Read::Got(ruleset("t", vec![prerouting(vec![mark])]));
    finds(&s, "nat-chain-ignored", "node", false);
}

#[test]
fn rules_in_both_backends() {
    let mut s = bridged();
    let forward =
        || chain("FORWARD", base(ChainType::Filter, Hook::Forward, 0), vec![verdict(Verdict::Drop)]);
    let legacy = |only_accepts| LegacyTable {
        family: IpFamily::V4,
        name: "filter".to_owned(),
        valid_hooks: 14,
        hook_entry: [0; 5],
        underflow: [0; 5],
        num_entries: 5,
        entries: Bytes::default(),
        only_accepts,
        table: None,
        problem: None,
    };
    ns(&mut s, "node").nft = Read::Got(ruleset("filter", vec![forward()]));
    ns(&mut s, "node").legacy = Read::Got(vec![legacy(false)]);
    finds(&s, "two-backends", "node", false);
    // Policies alone decide nothing; neither do empty chains.
    ns(&mut s, "node").legacy = Read::Got(vec![legacy(true)]);
    is_silent(&s);
    ns(&mut s, "node").legacy = Read::Got(vec![legacy(false)]);
    let empty = Chain { rules: Vec::new(), ..forward() };
    ns(&mut s, "node").nft = Read::Got(ruleset("filter", vec![empty]));
    is_silent(&s);
}

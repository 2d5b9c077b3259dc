//! Who makes the tracker work.

use super::*;

fn uses(family: Family, exprs: Vec<Expr>) -> (bool, bool) {
    let mut t = table(vec![chain("alone", vec![exprs])], vec![]);
    t.family = family;
    let nf = Netfilter::compile(0, &namespace(vec![t]));
    (nf.uses_conntrack(IpFamily::V4), nf.uses_conntrack(IpFamily::V6))
}

#[test]
fn by_expression_and_family() {
    let ct = || vec![Expr::Ct { key: CtKey::State, dreg: R1, direction: None }];
    assert_eq!(uses(Family::Ip, ct()), (true, false));
    assert_eq!(uses(Family::Ip6, ct()), (false, true));
    assert_eq!(uses(Family::Inet, ct()), (true, true));
    assert_eq!(
        uses(Family::Ip, vec![Expr::Masq { flags: 0, port_min: None, port_max: None }]),
        (true, false)
    );
    assert_eq!(uses(Family::Ip, vec![Expr::Notrack]), (false, false));
    let target =
        |name: &str, first: u8| Expr::Target { name: name.into(), revision: 2, info: vec![first, 0].into() };
    assert_eq!(uses(Family::Ip, vec![target("CT", 1)]), (false, false));
    assert_eq!(uses(Family::Ip, vec![target("CT", 0)]), (true, false));
    assert_eq!(uses(Family::Ip, vec![target("MARK", 0)]), (false, false));
}

#[test]
fn a_nat_chain_alone_does_not() {
    let mut nat = base("nat", Verdict::Accept, vec![]);
    nat.base.as_mut().unwrap().kind = ChainType::Nat;
    let nf = Netfilter::compile(0, &namespace(vec![table(vec![nat], vec![])]));
    assert!(!nf.uses_conntrack(IpFamily::V4));
    assert_eq!(nf.base_chains(Path::Ip, Hook::Input)[0].kind, ChainType::Nat);
}

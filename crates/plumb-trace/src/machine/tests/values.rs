//! Loads, masks, byte order, statements that change the packet.

use super::*;

fn matches(exprs: Vec<Expr>) -> bool {
    let rule = [exprs, vec![verdict(Verdict::Accept)]].concat();
    let out = run(vec![base("in", Verdict::Drop, vec![rule])], vec![]);
    assert!(out.ends[0].0.world.unknowns.is_empty());
    out.accepts()
}

fn mask(mask: &[u8]) -> Expr {
    let op = BitwiseOp::Bool { mask: mask.into(), xor: vec![0; mask.len()].as_slice().into() };
    Expr::Bitwise { sreg: R1, dreg: R1, len: mask.len() as u32, op }
}

#[test]
fn headers() {
    assert!(matches(vec![daddr(R1), cmp(CmpOp::Eq, &[10, 0, 0, 2])]));
    assert!(matches(vec![daddr(R1), mask(&[255, 255, 255, 0]), cmp(CmpOp::Eq, &[10, 0, 0, 0])]));
    assert!(matches(vec![dport(R1), cmp(CmpOp::Eq, &[0, 80])]));
    assert!(matches(vec![
        payload(R1, PayloadBase::Network, 12, 8),
        cmp(CmpOp::Eq, &[10, 0, 0, 1, 10, 0, 0, 2])
    ]));
    assert!(matches(vec![payload(R1, PayloadBase::Transport, 13, 1), cmp(CmpOp::Eq, &[2])]));
    assert!(matches(vec![payload(R1, PayloadBase::Network, 8, 2), cmp(CmpOp::Eq, &[64, 6])]));
}

#[test]
fn fragments_are_known_although_a_bit_is_not() {
    let fragment =
        vec![payload(R1, PayloadBase::Network, 6, 2), mask(&[0x1f, 0xff]), cmp(CmpOp::Neq, &[0, 0])];
    assert!(!matches(fragment));
}

#[test]
fn a_load_behind_the_end_ends_the_rule() {
    assert!(!matches(vec![payload(R1, PayloadBase::Transport, 60, 4)]));
    assert!(!matches(vec![payload(R1, PayloadBase::Link, 0, 6)]));
}

#[test]
fn comparisons_are_byte_by_byte() {
    assert!(matches(vec![dport(R1), cmp(CmpOp::Lt, &[1, 0])]));
    assert!(matches(vec![dport(R1), cmp(CmpOp::Gte, &[0, 80])]));
    assert!(!matches(vec![dport(R1), cmp(CmpOp::Gt, &[0, 80])]));
    let range = |op| Expr::Range {
        sreg: R1,
        op,
        from: vec![0, 70].as_slice().into(),
        to: vec![0, 90].as_slice().into(),
    };
    assert!(matches(vec![dport(R1), range(CmpOp::Eq)]));
    assert!(!matches(vec![dport(R1), range(CmpOp::Neq)]));
}

#[test]
fn byteorder_and_shifts() {
    let swap = |size| Expr::Byteorder { sreg: R1, dreg: R1, hton: true, len: size, size };
    assert!(matches(vec![imm(R1, &[1, 2, 3, 4]), swap(4), cmp(CmpOp::Eq, &[4, 3, 2, 1])]));
    assert!(matches(vec![imm(R1, &[1, 2]), swap(2), cmp(CmpOp::Eq, &[2, 1])]));
    assert!(matches(vec![
        imm(R1, &[1, 2, 3, 4, 5, 6, 7, 8]),
        swap(8),
        cmp(CmpOp::Eq, &[8, 7, 6, 5, 4, 3, 2, 1])
    ]));
    let shift = |op| Expr::Bitwise { sreg: R1, dreg: R1, len: 4, op };
    assert!(matches(vec![
        imm(R1, &[0, 1, 0, 0]),
        shift(BitwiseOp::Rshift(8)),
        cmp(CmpOp::Eq, &[1, 0, 0, 0])
    ]));
    assert!(matches(vec![
        imm(R1, &[1, 0, 0, 0]),
        shift(BitwiseOp::Lshift(8)),
        cmp(CmpOp::Eq, &[0, 1, 0, 0])
    ]));
}

#[test]
fn devices_by_name() {
    let mut eth0 = [0; 16];
    eth0[..4].copy_from_slice(b"eth0");
    assert!(matches(vec![Expr::Meta { key: MetaKey::Iifname, dreg: R1 }, cmp(CmpOp::Eq, &eth0)]));
    assert!(matches(vec![Expr::Meta { key: MetaKey::Iifname, dreg: R1 }, cmp(CmpOp::Eq, b"eth")]));
    assert!(matches(vec![Expr::Meta { key: MetaKey::Oifname, dreg: R1 }, cmp(CmpOp::Eq, &[0; 16])]));
    assert!(!matches(vec![Expr::Meta { key: MetaKey::Oiftype, dreg: R1 }]), "no device, no type");
}

#[test]
fn the_state_of_what_is_not_tracked_is_invalid() {
    let state = || Expr::Ct { key: CtKey::State, dreg: R1, direction: None };
    assert!(matches(vec![state(), cmp(CmpOp::Eq, &[1, 0, 0, 0])]));
    assert!(!matches(vec![Expr::Ct { key: CtKey::Mark, dreg: R1, direction: None }]));
    assert!(matches(vec![Expr::Notrack, state(), cmp(CmpOp::Eq, &[64, 0, 0, 0])]));
}

#[test]
fn limits_are_unspent() {
    let limit = |over| Expr::Limit(Limit { rate: 1, unit: 60, burst: 5, bytes: false, over });
    assert!(matches(vec![limit(false)]));
    assert!(!matches(vec![limit(true)]));
    assert!(matches(vec![Expr::Quota { bytes: 100, consumed: 200, flags: 1 }]));
    assert!(!matches(vec![Expr::Quota { bytes: 100, consumed: 0, flags: 1 }]));
    assert!(matches(vec![Expr::Connlimit { count: 10, flags: 0 }]));
    assert!(!matches(vec![Expr::Connlimit { count: 10, flags: 1 }]));
}

#[test]
fn writes_change_the_packet() {
    let write = |offset, base, len| Expr::PayloadWrite {
        sreg: R1,
        base,
        offset,
        len,
        csum_type: 1,
        csum_offset: 10,
        csum_flags: 1,
    };
    let rules = vec![
        vec![imm(R1, &[192, 0, 2, 1]), write(16, PayloadBase::Network, 4)],
        vec![imm(R1, &[0, 53]), write(2, PayloadBase::Transport, 2)],
        vec![imm(R1, &[7, 6]), write(8, PayloadBase::Network, 2)],
    ];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    let p = &out.ends[0].0.packet;
    assert_eq!((p.dst, p.dport, p.ttl), ([192, 0, 2, 1].into(), 53, 7));
}

#[test]
fn fib_types_and_devices() {
    let fib = |result, flags| Expr::Fib { dreg: R1, result, flags };
    assert!(matches(vec![fib(FibResult::AddrType, 2), cmp(CmpOp::Eq, &[2, 0, 0, 0])]));
    assert!(matches(vec![fib(FibResult::Oif, 1 | 8 | 32), cmp(CmpOp::Eq, &[1, 0, 0, 0])]));
}

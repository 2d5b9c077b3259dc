//! What a rule's first questions are answered without running it, running it answers as well.

use super::*;

/// Ends of a packet at a rule that drops, as shares, and how many unknown things were named.
fn ends(exprs: &[Expr], packet: Packet) -> (Share, Share, usize) {
    let rule = [exprs, &[verdict(Verdict::Drop)]].concat();
    let out = run_state(vec![table(vec![base("in", Verdict::Accept, vec![rule])], vec![])], state(packet));
    let named = out.ends.iter().map(|(s, _)| s.world.unknowns.len()).sum();
    (out.accepted(), out.dropped(), named)
}

/// The same rule with a counter before its questions, so that all of it is run.
fn alike(exprs: &[Expr], packet: &Packet) {
    let counted = [&[Expr::Counter { packets: 0, bytes: 0 }], exprs].concat();
    assert_eq!(ends(exprs, packet.clone()), ends(&counted, packet.clone()), "{exprs:?}");
}

#[test]
fn every_load_and_comparison() {
    let short = Packet { len: 41, ..syn() };
    // SYN flags, ports, addresses, and the like: some of these bytes are right somewhere.
    let bytes = [0x45, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 2, 64, 6, 0];
    for packet in [syn(), short] {
        for (base, offset) in [PayloadBase::Network, PayloadBase::Transport]
            .into_iter()
            .flat_map(|b| (0..44).map(move |offset| (b, offset)))
        {
            for len in [1, 2, 3, 4, 8] {
                for at in [0, 2, 6, 10, 12, 15_usize.saturating_sub(len)] {
                    let Some(data) = bytes.get(at..at + len) else { continue };
                    for op in [CmpOp::Eq, CmpOp::Neq] {
                        alike(&[payload(R1, base, offset, len as u32), cmp(op, data)], &packet);
                    }
                }
            }
        }
    }
}

#[test]
fn masks_and_protocols() {
    let bits = |mask: [u8; 4], xor: [u8; 4]| Expr::Bitwise {
        sreg: R1,
        dreg: R1,
        len: 4,
        op: BitwiseOp::Bool { mask: mask.as_slice().into(), xor: xor.as_slice().into() },
    };
    for mask in [[255, 255, 0, 0], [255; 4], [0; 4], [1, 0, 0, 3]] {
        for xor in [[0; 4], [0, 0, 0, 1], [10, 0, 0, 2]] {
            for data in [&[10, 0, 0, 0][..], &[10, 0, 0, 3], &[0; 4], &[0, 0], &[10]] {
                for op in [CmpOp::Eq, CmpOp::Neq] {
                    alike(&[daddr(R1), bits(mask, xor), cmp(op, data)], &syn());
                    alike(&[dport(R1), bits(mask, xor), cmp(op, data)], &syn());
                }
            }
        }
    }
    let arp = Packet { arp: Some(1), protocol: Protocol(0), ..syn() };
    for packet in [syn(), arp] {
        for data in [&[6][..], &[17], &[6, 0, 0, 0], &[6, 0, 0, 1]] {
            for op in [CmpOp::Eq, CmpOp::Neq] {
                alike(&[Expr::Meta { key: MetaKey::L4proto, dreg: R1 }, cmp(op, data)], &packet);
            }
        }
    }
}

#[test]
fn what_is_surely_refused_is_so_behind_something_unknown() {
    let checksum = [payload(R1, PayloadBase::Network, 10, 2), cmp(CmpOp::Eq, &[1, 2])];
    let port = |n| [dport(R1), cmp(CmpOp::Eq, &[0, n])];
    alike(&[&checksum[..], &port(81)].concat(), &syn());
    alike(&[&checksum[..], &port(80)].concat(), &syn());
    assert_eq!(ends(&[&checksum[..], &port(81)].concat(), syn()), (Share::ONE, Share::ZERO, 0));
}

#[test]
fn a_range_of_what_is_not_known_lets_through_what_else_the_policy_drops() {
    let range = [
        payload(R1, PayloadBase::Network, 10, 2),
        cmp(CmpOp::Gte, &[1, 2]),
        cmp(CmpOp::Lte, &[3, 4]),
        verdict(Verdict::Accept),
    ];
    let chain = base("in", Verdict::Drop, vec![range.to_vec()]);
    let out = run_state(vec![table(vec![chain], vec![])], state(syn()));
    assert_eq!((out.accepted(), out.dropped()), (Share::ONE, Share::ZERO));
    assert!(out.ends.iter().all(|(s, _)| s.world.unknowns.len() == 1), "{:?}", out.ends);
}

//! Each line of docs/modelled.md against what the machine does: what is modelled decodes and compiles without anything
//! unknown, what is named becomes an unknown.

use plumb_xtables::{Match, Target, XtFamily};

use super::unknowns::is_named;
use super::*;
use crate::modelled::{CT, EXPRESSIONS, MATCHES, META, Part, RT, Standing, TARGETS};

/// Lines of a part that are not as they say.
fn wrong(part: &Part, named: impl Fn(&str) -> Option<bool>) -> Vec<String> {
    let lines = part.entries.iter();
    lines
        .filter(|(name, standing)| match (standing, named(name)) {
            // With such an exception either is right, by what is asked of it.
            (Standing::But(_), _) => false,
            (_, None) => true,
            (Standing::Named(_), Some(named)) => !named,
            (Standing::Modelled | Standing::NoEffect(_), Some(named)) => named,
        })
        .map(|(name, standing)| format!("{name}: {standing:?}"))
        .collect()
}

/// A rule that loads a value and compares it.
fn loaded(load: Expr, len: usize) -> bool {
    is_named(vec![load, cmp(CmpOp::Eq, &[0; 16][..len])])
}

/// Revision, family and info with which an extension is decoded: zeros, or a 1 first where 0 stands for nothing.
fn decoded(unknown: &dyn Fn(u32, XtFamily, &[u8]) -> bool) -> Option<(u32, XtFamily, Bytes)> {
    let mut all = Vec::new();
    for family in [XtFamily::Ip, XtFamily::Ip6] {
        for revision in 0..5 {
            for first in [0, 1] {
                let mut info = [0; 1024];
                info[0] = first;
                all.push((revision, family, Bytes::from(&info[..])));
            }
        }
    }
    all.into_iter().find(|(revision, family, info)| !unknown(*revision, *family, info))
}

#[test]
fn matches_and_targets() {
    let found = wrong(&MATCHES, |name| {
        let (revision, family, info) =
            decoded(&|r, f, i| matches!(Match::decode(name, r, f, i), Match::Unknown(_)))?;
        // Those of IPv6 alone are not looked at for a packet of IPv4.
        let asks = vec![Expr::Match { name: name.into(), revision, info }];
        Some(family == XtFamily::Ip && is_named(asks))
    });
    assert!(found.is_empty(), "{found:#?}");
    let found = wrong(&TARGETS, |name| {
        let (revision, family, info) =
            decoded(&|r, f, i| matches!(Target::decode(name, r, f, i), Target::Unknown(_)))?;
        let does = vec![Expr::Target { name: name.into(), revision, info }];
        Some(family == XtFamily::Ip && is_named(does))
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn keys() {
    let meta = wrong(&META, |name| {
        let key = (0..256).map(MetaKey::from_number).find(|k| k.word() == Some(name))?;
        let len = if key == MetaKey::Prandom { 4 } else { 1 };
        Some(loaded(Expr::Meta { key, dreg: R1 }, len))
    });
    assert!(meta.is_empty(), "{meta:#?}");
    let rt = wrong(&RT, |name| {
        let key = (0..256).map(RtKey::from_number).find(|k| k.word() == Some(name))?;
        Some(loaded(Expr::Rt { key, dreg: R1 }, 1))
    });
    assert!(rt.is_empty(), "{rt:#?}");
    // Of a packet that the tracker knows.
    let ct = wrong(&CT, |name| {
        let key = (0..256).map(CtKey::from_number).find(|k| k.word() == Some(name))?;
        let direction = matches!(key, CtKey::Src | CtKey::Dst | CtKey::ProtoSrc | CtKey::ProtoDst)
            .then_some(CtDirection::Original);
        let ask = match key {
            // It cannot be asked for.
            CtKey::Eventmask => Expr::CtSet { key, sreg: R1, direction },
            key => Expr::Ct { key, dreg: R1, direction },
        };
        let rule = vec![ask, cmp(CmpOp::Eq, &[0]), verdict(Verdict::Drop)];
        let out = run_state(vec![table(vec![base("in", Verdict::Accept, vec![rule])], vec![])], tracked());
        Some(out.ends.iter().any(|(s, _)| !s.world.unknowns.is_empty()))
    });
    assert!(ct.is_empty(), "{ct:#?}");
}

/// A packet of a connection of its own.
fn tracked() -> State {
    let mut state = state(syn());
    let connection = crate::conntrack::Connection::new(0, state.packet.tuple(), (0, 0));
    let entry = state.world.conntrack.add(connection);
    let info = crate::packet::CtInfo { state: crate::packet::CtState::New, reply: false };
    state.packet.tracking = crate::packet::Tracking::Entry { entry, info };
    state
}

/// An example of an expression, and how many bytes it loads.
fn example(name: &str) -> Option<(Expr, usize)> {
    let loads = |expr, len| Some((expr, len));
    let does = |expr| Some((expr, 0));
    match name {
        "bitwise" => {
            let op = BitwiseOp::Bool { mask: Bytes::from(&[0; 4][..]), xor: Bytes::from(&[0; 4][..]) };
            loads(Expr::Bitwise { sreg: R2, dreg: R1, len: 4, op }, 4)
        }
        "byteorder" => loads(Expr::Byteorder { sreg: R2, dreg: R1, hton: true, len: 4, size: 4 }, 4),
        "cmp" => does(Expr::Cmp { sreg: R2, op: CmpOp::Eq, data: Bytes::from(&[0; 4][..]) }),
        "range" => {
            let (from, to) = (Bytes::from(&[0; 4][..]), Bytes::from(&[0xff; 4][..]));
            does(Expr::Range { sreg: R2, op: CmpOp::Eq, from, to })
        }
        "counter" => does(Expr::Counter { packets: 0, bytes: 0 }),
        "immediate" => loads(imm(R1, &[0; 4]), 4),
        "masq" => does(Expr::Masq { flags: 0, port_min: None, port_max: None }),
        "redir" => does(Expr::Redir { flags: 0, port_min: None, port_max: None }),
        "notrack" => does(Expr::Notrack),
        "osf" => loads(Expr::Osf { dreg: R1, ttl: 0, flags: 0 }, 16),
        "reject" => does(Expr::Reject { kind: RejectType::IcmpUnreach, code: 3 }),
        "synproxy" => does(Expr::Synproxy { mss: 1460, wscale: 7, flags: 0 }),
        "fwd" => does(Expr::Fwd { dev: None, addr: None, family: None }),
        "dup" => does(Expr::Dup { addr: None, dev: None }),
        "flow_offload" => does(Expr::FlowOffload { flowtable: "f".into() }),
        "fib" => loads(Expr::Fib { dreg: R1, result: FibResult::Oif, flags: 1 << 1 }, 4),
        "quota" => does(Expr::Quota { bytes: 1 << 20, consumed: 0, flags: 0 }),
        _ => None,
    }
}

#[test]
fn expressions() {
    // Those with exceptions are held by tests of their own; of the others each has an example, but for what needs a
    // program of more than one expression.
    const ELSEWHERE: [&str; 5] = ["last", "limit", "log", "lookup", "nat"];
    let found = wrong(&EXPRESSIONS, |name| match example(name) {
        Some((expr, 0)) => Some(is_named(vec![expr])),
        Some((expr, len)) => Some(loaded(expr, len)),
        None => {
            let standing = EXPRESSIONS.entries.iter().find(|(n, _)| *n == name).map(|(_, s)| *s);
            let excepted = matches!(standing, Some(Standing::But(_)));
            (excepted || ELSEWHERE.contains(&name)).then_some(false)
        }
    });
    assert!(found.is_empty(), "{found:#?}");
}

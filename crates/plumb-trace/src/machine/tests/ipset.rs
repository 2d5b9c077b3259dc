//! Rules that ask ipsets.

use plumb_model::{IpSet, IpSetElement};

use super::*;

fn net(text: &str, len: u8, flags: u32) -> IpSetElement {
    IpSetElement { ip: Some(text.parse().unwrap()), cidr: Some(len), flags, ..IpSetElement::default() }
}

fn ipset(index: u16, name: &str, kind: &str, elements: Vec<IpSetElement>) -> IpSet {
    let family = (!matches!(kind, "bitmap:port" | "list:set")).then_some(IpFamily::V4);
    IpSet { index, name: name.into(), kind: kind.into(), family, elements, ..IpSet::default() }
}

/// `-m set --match-set`, revision 1: index, dimensions, flags (1: inverted, 2: the first from the source).
fn asks(index: u8, dimensions: u8, flags: u8) -> Expr {
    Expr::Match { name: "set".into(), revision: 1, info: vec![index, 0, dimensions, flags].into() }
}

fn outcome(sets: Vec<IpSet>, mut before: Vec<Vec<Expr>>, ask: Expr) -> Outcome {
    before.push(vec![ask, verdict(Verdict::Accept)]);
    let mut ns = namespace(vec![table(vec![base("in", Verdict::Drop, before)], vec![])]);
    ns.ipsets = Read::Got(sets);
    run_in(&ns, state(syn()))
}

fn matches(sets: Vec<IpSet>, ask: Expr) -> bool {
    let out = outcome(sets, vec![], ask);
    assert_eq!(out.unknowns, []);
    out.accepts()
}

#[test]
fn the_longest_network_decides() {
    let sets = || {
        let elements = vec![net("10.0.0.0", 8, 0), net("10.0.0.0", 24, IpSetElement::NOMATCH)];
        vec![ipset(0, "nets", "hash:net", elements)]
    };
    assert!(!matches(sets(), asks(0, 1, 2)));
    assert!(matches(sets(), asks(0, 1, 3)), "inverted");
    let wider = vec![net("10.0.0.0", 8, 0), net("10.9.0.0", 16, IpSetElement::NOMATCH)];
    assert!(matches(vec![ipset(0, "nets", "hash:net", wider)], asks(0, 1, 2)));
}

#[test]
fn keys_come_from_the_ends_that_the_rule_names() {
    let pair = |ip: &str, port| IpSetElement {
        ip: Some(ip.parse().unwrap()),
        protocol: Some(6),
        port: Some(port),
        ..IpSetElement::default()
    };
    let sets = |ip, port| vec![ipset(3, "pairs", "hash:ip,port", vec![pair(ip, port)])];
    assert!(matches(sets("10.0.0.1", 80), asks(3, 2, 2)), "src,dst");
    assert!(matches(sets("10.0.0.2", 80), asks(3, 2, 0)), "dst,dst");
    assert!(matches(sets("10.0.0.2", 40000), asks(3, 2, 4)), "dst,src");
    assert!(!matches(sets("10.0.0.1", 80), asks(3, 1, 2)), "too few dimensions");
}

#[test]
fn one_device_hides_wider_networks() {
    let of = |len, iface: &str| IpSetElement { iface: Some(iface.into()), ..net("10.0.0.0", len, 0) };
    let sets = |elements| vec![ipset(0, "devices", "hash:net,iface", elements)];
    assert!(matches(sets(vec![of(8, "eth0")]), asks(0, 2, 6)));
    assert!(!matches(sets(vec![of(8, "eth0"), of(24, "eth1")]), asks(0, 2, 6)));
}

#[test]
fn lists_ask_their_members() {
    let member = |name: &str| IpSetElement { set: Some(name.into()), ..IpSetElement::default() };
    let sets = vec![
        ipset(0, "a", "hash:net", vec![net("192.0.2.0", 24, 0)]),
        ipset(1, "b", "hash:net", vec![net("10.0.0.0", 8, 0)]),
        ipset(2, "both", "list:set", vec![member("a"), member("b")]),
    ];
    let out = outcome(sets, vec![], asks(2, 1, 2));
    assert!(out.accepts());
    let found = out.ends[0].0.history.events().into_iter().find_map(|e| match e {
        Event::IpSet { set, element, .. } => Some((*set, *element)),
        _ => None,
    });
    assert_eq!(found, Some((1, Some(0))), "the member that holds it is named");
}

/// Revision 4: conditions on packets and bytes as operator (1 =, 2 ≠, 3 <, 4 >) and number, and flags.
fn counts(index: u8, packets: (u8, u64), bytes: (u8, u64), flags: u32) -> Expr {
    let mut info = vec![0; 48];
    info[..4].copy_from_slice(&[index, 0, 1, 2]);
    for (at, (op, value)) in [(8, packets), (24, bytes)] {
        info[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        info[at + 8] = op;
    }
    info[40..44].copy_from_slice(&flags.to_le_bytes());
    Expr::Match { name: "set".into(), revision: 4, info: info.into() }
}

/// Whether each packet, of 60 bytes, matches.
fn each(sets: &[IpSet], ask: &Expr, packets: usize) -> Vec<bool> {
    let rules = vec![vec![ask.clone(), verdict(Verdict::Accept)]];
    let mut ns = namespace(vec![table(vec![base("in", Verdict::Drop, rules)], vec![])]);
    ns.ipsets = Read::Got(sets.to_vec());
    let mut world = crate::state::World::default();
    (0..packets)
        .map(|_| {
            let mut s = state(syn());
            s.world = world.clone();
            let out = run_in(&ns, s);
            assert_eq!(out.unknowns, []);
            world = out.ends[0].0.world.clone();
            out.accepts()
        })
        .collect()
}

const LESS: u8 = 3;
const MORE: u8 = 4;
const SKIP: u32 = 1 << 3;

#[test]
fn a_packet_counts_before_it_asks_for_counters() {
    let counted = |elements: Vec<IpSetElement>| {
        let with = |counters| move |e| IpSetElement { counters: Some(counters), ..e };
        vec![IpSet {
            flags: 8,
            ..ipset(0, "nets", "hash:net", elements.into_iter().map(with((3, 300))).collect())
        }]
    };
    let one = counted(vec![net("10.0.0.0", 8, 0)]);
    assert_eq!(each(&one, &counts(0, (LESS, 5), (0, 0), 0), 3), [true, false, false]);
    assert_eq!(each(&one, &counts(0, (0, 0), (MORE, 400), 0), 3), [false, true, true]);
    assert_eq!(each(&one, &counts(0, (MORE, 3), (0, 0), SKIP), 2), [false, false], "not counted");
    let without = vec![ipset(0, "nets", "hash:net", vec![net("10.0.0.0", 8, 0)])];
    assert_eq!(each(&without, &counts(0, (MORE, 3), (0, 0), 0), 1), [true], "no counters, no conditions");
    // Where the longest network's counters do not hold, the next one is asked.
    let mut two = counted(vec![net("10.0.0.0", 8, 0), net("10.0.0.0", 24, IpSetElement::NOMATCH)]);
    assert_eq!(each(&two, &counts(0, (LESS, 9), (0, 0), 0), 1), [false]);
    two[0].elements[1].counters = Some((9, 900));
    assert_eq!(each(&two, &counts(0, (LESS, 9), (0, 0), 0), 1), [true]);
}

#[test]
fn a_list_has_counters_of_its_own() {
    let member = |name: &str| IpSetElement {
        set: Some(name.into()),
        counters: Some((7, 700)),
        ..IpSetElement::default()
    };
    let sets = [
        IpSet { flags: 8, ..ipset(0, "a", "hash:net", vec![net("10.0.0.0", 8, 0)]) },
        IpSet { flags: 8, ..ipset(1, "list", "list:set", vec![member("a")]) },
    ];
    assert_eq!(each(&sets, &counts(1, (LESS, 9), (0, 0), 0), 2), [true, false]);
}

#[test]
fn what_is_not_known_is_named() {
    let named = |out: Outcome, what: &str| {
        assert!(out.unknowns.iter().any(|u| u.what.contains(what)), "{:?}", out.unknowns);
    };
    named(outcome(vec![], vec![], asks(9, 1, 2)), "ipset with index 9");
    named(outcome(vec![ipset(0, "odd", "hash:strange", vec![])], vec![], asks(0, 1, 2)), "hash:strange");
    // SET, revision 1: adds the source to set 0, deletes from none.
    let add = Expr::Target { name: "SET".into(), revision: 1, info: vec![0, 0, 1, 2, 255, 255, 0, 0].into() };
    named(
        outcome(vec![ipset(0, "seen", "hash:ip", vec![])], vec![vec![add]], asks(0, 1, 2)),
        "what rules have put into ipset seen",
    );
}

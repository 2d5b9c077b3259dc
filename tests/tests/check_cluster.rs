//! `plumb check` on many nodes: walks that are shared give what walking each pair gives.

#![allow(clippy::unwrap_used)]

use plumb_doctor::check::{CheckReport, Expectation, Options, Severity, Sharing, Yardstick, check};
use plumb_model::{Action, Change, IpFamily, LegacyTable, Protocol, Read, Route, RouteKind, Snapshot};
use plumb_nft::{
    BaseChain, Bytes, Chain, ChainType, CmpOp, Data, Expr, Family, Hook, PayloadBase, Register, Rule, Table,
    Verdict,
};
use plumb_tests::cluster::cluster;
use plumb_trace::Network;
use plumb_trace::session::{Flow, Origin, Outcome, Transport};

fn report(snapshot: &Snapshot, sharing: Sharing) -> CheckReport {
    let net = Network::compile(snapshot);
    let options = Options { sharing, ..Options::default() };
    check(snapshot, &Yardstick::of_snapshot(&net, None), &options)
}

/// Pairs that were asked, that some finding breaks at least, that are not known; and the walks that it took.
fn totals(snapshot: &Snapshot, sharing: Sharing) -> (u64, u64, u64, u64) {
    let r = report(snapshot, sharing);
    (r.scope.pairs, r.scope.pairs_broken, r.scope.pairs_unknown, r.scope.walks)
}

#[test]
fn a_healthy_cluster_takes_few_walks() {
    let s = cluster(4, 5);
    let (all, failing, unknown, walks) = totals(&s, Sharing::Always);
    // Twenty pods and four nodes ask twenty pods: themselves left out.
    assert_eq!((all, failing, unknown), (20 * 19 + 4 * 20, 0, 0));
    assert!(walks <= 4 * 4 + 4 * 4 + 4, "{walks} walks");
    assert_eq!(totals(&s, Sharing::Never), (all, 0, 0, all));
    assert!(report(&s, Sharing::Always).findings.is_empty());
}

/// A network that is broken for one pod, one node, one pair of nodes: the sums are those of walking each pair.
#[test]
fn broken_clusters_have_the_same_sums() {
    let whole = cluster(4, 5);
    let id = |name: &str| whole.namespace_by_name(name).unwrap().id;
    let set = |ns: &str, name: &str, value: &str| Change {
        namespace: id(ns),
        action: Action::SetSysctl { name: name.into(), value: value.into() },
    };
    let delete = |ns: &str, dst: &str| {
        let n = whole.namespace_by_name(ns).unwrap();
        let r = n
            .routes
            .items()
            .iter()
            .find(|r| r.dst.to_string() == dst && r.table == Route::TABLE_MAIN)
            .unwrap();
        Change { namespace: n.id, action: Action::DeleteRoute(r.clone()) }
    };
    let blackhole = |ns: &str, dst: &str| {
        let n = whole.namespace_by_name(ns).unwrap();
        let like = n.routes.items().iter().find(|r| r.table == Route::TABLE_MAIN).unwrap().clone();
        let (kind, dst) = (RouteKind::Blackhole, dst.parse().unwrap());
        let route = Route { kind, dst, next_hops: Vec::new(), scope: 0, ..like };
        Change { namespace: n.id, action: Action::AddRoute(route) }
    };
    let down = |ns: &str, device: &str| Change {
        namespace: id(ns),
        action: Action::SetLinkUp { device: device.into(), up: false },
    };
    let stop = |ns: &str| Change {
        namespace: id(ns),
        action: Action::StopListener {
            family: IpFamily::V4,
            protocol: Protocol::TCP,
            address: IpFamily::V4.unspecified(),
            port: 8080,
        },
    };
    let cases: Vec<Vec<Change>> = vec![
        vec![set("node-2", "net.ipv4.ip_forward", "0")],
        vec![set("node-2", "net.ipv4.conf.cali2x3.forwarding", "0")],
        vec![delete("node-1", "10.3.0.0/16")],
        vec![delete("node-1", "10.1.2.2/32")],
        vec![blackhole("node-3", "10.1.4.2/32")],
        vec![blackhole("node-3", "10.1.0.0/17"), set("node-4", "net.ipv4.conf.eth0.forwarding", "0")],
        vec![blackhole("node-2", "10.4.2.0/23")],
        vec![down("node-1", "cali1x1")],
        vec![down("cni-4-0", "eth0"), stop("cni-2-2")],
        vec![delete("cni-3-3", "0.0.0.0/0")],
    ];
    for (i, changes) in cases.iter().enumerate() {
        let mut s = whole.clone();
        for c in changes {
            c.apply(&mut s).unwrap();
        }
        let (all, failing, unknown, walks) = totals(&s, Sharing::Always);
        let alone = totals(&s, Sharing::Never);
        assert_eq!((all, failing, unknown), (alone.0, alone.1, alone.2), "case {i}");
        // What leaves by the default route goes where no snapshot knows: that is not known, and no finding.
        assert!(failing + unknown > 0, "case {i} breaks nothing");
        assert!(walks < alone.3, "case {i} shares nothing");
        assert_eq!(report(&s, Sharing::Always).findings.is_empty(), failing == 0, "case {i}");
    }
}

/// A table of iptables-legacy whose FORWARD chain drops what comes from an address.
fn legacy_drop(source: [u8; 4]) -> LegacyTable {
    let rule = Rule {
        handle: 1,
        exprs: vec![
            Expr::Payload { dreg: Register(1), base: PayloadBase::Network, offset: 12, len: 4 },
            Expr::Cmp { sreg: Register(1), op: CmpOp::Eq, data: Bytes(source.to_vec()) },
            Expr::Counter { packets: 0, bytes: 0 },
            Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(Verdict::Drop) },
        ],
        userdata: Bytes::default(),
        compat: None,
    };
    let mut table = Table::new(Family::Ip, "filter");
    table.chains.push(Chain {
        name: "FORWARD".into(),
        handle: 1,
        base: Some(BaseChain {
            kind: ChainType::Filter,
            hook: Hook::Forward,
            priority: 0,
            policy: Verdict::Accept,
            devices: Vec::new(),
            counters: None,
        }),
        flags: 1,
        userdata: Bytes::default(),
        rules: vec![rule],
    });
    LegacyTable {
        family: IpFamily::V4,
        name: "filter".into(),
        valid_hooks: 0,
        hook_entry: [0; 5],
        underflow: [0; 5],
        num_entries: 4,
        entries: Bytes::default(),
        only_accepts: false,
        table: Some(table),
        problem: None,
    }
}

/// Rules of iptables-legacy tell pods apart as those of nftables do: one pod's address in them is a pod of its own kind.
#[test]
fn rules_of_iptables_legacy_tell_pods_apart() {
    let mut s = cluster(4, 5);
    let node = s.namespaces.iter_mut().find(|n| n.name == "node-2").unwrap();
    node.legacy = Read::Got(vec![legacy_drop([10, 2, 3, 2])]);
    let (shared, alone) = (report(&s, Sharing::Always), report(&s, Sharing::Never));
    // That pod reaches no other, and answers nobody's: its own node's packets pass no FORWARD.
    assert!(alone.scope.pairs_broken > 0);
    let sums = |r: &CheckReport| (r.scope.pairs, r.scope.pairs_broken, r.scope.pairs_unknown);
    assert_eq!(sums(&shared), sums(&alone));
    assert!(shared.scope.walks < alone.scope.walks, "nothing is shared");
    let places = |r: &CheckReport| -> Vec<(String, u64)> {
        r.findings.iter().map(|f| (f.id.clone(), f.pairs.as_ref().map_or(0, |p| p.broken))).collect()
    };
    assert_eq!(places(&shared), places(&alone));
    // The same rule for another node's pod, on this node: its packets are dropped here alone.
    let node = s.namespaces.iter_mut().find(|n| n.name == "node-2").unwrap();
    node.legacy = Read::Got(vec![legacy_drop([10, 4, 0, 2])]);
    assert_eq!(sums(&report(&s, Sharing::Always)), sums(&report(&s, Sharing::Never)));
}

/// What is asked for and cannot be told is no success and no failure.
#[test]
fn an_expectation_that_cannot_be_told() {
    let s = cluster(2, 2);
    let net = Network::compile(&s);
    let ns = (0..s.namespaces.len()).find(|i| s.namespaces[*i].name == "cni-1-0").unwrap();
    let status = |dst: &str, outcome| {
        let flow = Flow {
            origin: Origin::Process { ns, source: None },
            transport: Transport::Tcp,
            dst: dst.parse().unwrap(),
            port: 8080,
            source_port: None,
            uid: 0,
            gid: 0,
            connections: 1,
            bytes: None,
        };
        let mut yardstick = Yardstick::of_snapshot(&net, None);
        yardstick.expectations = vec![Expectation {
            from: "pod:default/pod-1-0".into(),
            to: format!("{dst}:8080"),
            flow,
            outcome,
        }];
        let r = check(&s, &yardstick, &Options::default());
        (r.exit_status(Severity::Warning), r.findings.iter().map(|f| f.symptom.clone()).collect::<Vec<_>>())
    };
    // The network beyond the nodes' gateway is in no snapshot.
    let open = (3, vec!["unknown".to_owned()]);
    assert_eq!(status("192.0.2.1", Some(Outcome::Connects)), open);
    assert_eq!(status("192.0.2.1", None), open);
    assert_eq!(status("10.2.0.2", Some(Outcome::Connects)), (0, Vec::new()));
    assert_eq!(status("10.2.0.2", None), (1, vec!["connects".to_owned()]));
}

/// More causes than are looked for: what is left is told all the same.
#[test]
fn more_causes_than_are_looked_for() {
    let mut s = cluster(2, 34);
    for n in s.namespaces.iter_mut().filter(|n| n.name.starts_with("cni-") && n.name != "cni-1-0") {
        n.sockets = Read::Got(Vec::new());
    }
    let net = Network::compile(&s);
    let mut yardstick = Yardstick::of_snapshot(&net, None);
    for m in &mut yardstick.members {
        m.is_source = m.name == "pod:default/pod-1-0";
        m.serves.extend(m.addresses.iter().map(|a| (*a, Protocol::TCP, 8080)));
    }
    let r = check(&s, &yardstick, &Options { sharing: Sharing::Never, ..Options::default() });
    assert_eq!(r.scope.pairs_broken, 67);
    let of = |id: &str| r.findings.iter().filter(|f| f.id == id).count();
    assert_eq!((of("listener-missing"), of("pair-unexplained"), r.findings.len()), (60, 1, 61));
    assert_eq!(r.exit_status(Severity::Error), 1);
}

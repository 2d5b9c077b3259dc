//! `plumb check` on many nodes: walks that are shared give what walking each pair gives.

#![allow(clippy::unwrap_used)]

use plumb_doctor::check::{CheckReport, Options, Sharing, Yardstick, check};
use plumb_model::{Action, Change, IpFamily, Protocol, Route, RouteKind, Snapshot};
use plumb_tests::cluster::cluster;
use plumb_trace::Network;

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

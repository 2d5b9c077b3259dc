#![allow(clippy::unwrap_used)]

use plumb_model::{Address, Host, Link, NamespaceId, Peer, Read, Snapshot};

use super::*;

/// Two machines and the veth between them, with these addresses.
fn pair(id: u64, names: [&str; 2], addresses: [&str; 2]) -> [Namespace; 2] {
    let namespace = |end: usize| {
        let mut n = Namespace::empty(NamespaceId(id + end as u64), names[end]);
        let peer = Peer { namespace: NamespaceId(id + 1 - end as u64), index: 2 };
        let flags = Link::UP | Link::LOWER_UP;
        n.links = Read::Got(vec![Link { index: 2, peer: Some(peer), flags, ..Link::default() }]);
        let prefix = addresses[end].parse().unwrap();
        n.addresses = Read::Got(vec![Address::permanent(2, prefix)]);
        n
    };
    [namespace(0), namespace(1)]
}

#[test]
fn two_networks_of_a_plain_host_are_told_apart() {
    let addresses = ["10.0.0.1/24", "10.0.0.2/24"];
    let namespaces = [pair(1, ["a1", "a2"], addresses), pair(3, ["b1", "b2"], addresses)].concat();
    let snapshot = Snapshot {
        version: Snapshot::VERSION,
        taken_at: 0,
        host: Host::default(),
        namespaces,
        gaps: Vec::new(),
        redacted: false,
    };
    let yardstick = Yardstick::of_snapshot(&Network::compile(&snapshot), None);
    assert!(yardstick.plain_host);
    let cluster = |at: usize| yardstick.members[at].cluster.as_str();
    assert_eq!((cluster(0), cluster(2)), (cluster(1), cluster(3)));
    assert_ne!(cluster(0), cluster(2));
}

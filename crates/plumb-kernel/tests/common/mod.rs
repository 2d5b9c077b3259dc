//! Namespaces that go away with the test, however it ends.
#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::atomic::{AtomicU32, Ordering};

use plumb_kernel::{
    NamespaceHandle, NamespaceWriter, NewLink, NewLinkKind, Options, VethPeer, create_named, delete_named,
    snapshot,
};
use plumb_model::{Address, IpFamily, Namespace, NextHop, Prefix, Route, RouteKind, Snapshot};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A namespace with its loopback up, deleted when dropped.
pub(crate) struct Net {
    pub(crate) name: String,
    pub(crate) handle: NamespaceHandle,
    pub(crate) writer: NamespaceWriter,
}

impl Net {
    pub(crate) fn new(what: &str) -> Self {
        let name = format!("kern{}-{}-{what}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let handle = create_named(&name).unwrap();
        let mut writer = NamespaceWriter::new(&handle).unwrap();
        writer.set_up("lo", true).unwrap();
        Self { name, handle, writer }
    }

    /// A veth pair between this namespace and another, both ends up.
    pub(crate) fn join(&mut self, name: &str, other: &Net, other_name: &str) {
        let peer =
            VethPeer { name: other_name, namespace: Some(&other.handle), up: true, ..VethPeer::default() };
        let link = NewLink { up: true, ..NewLink::new(name, NewLinkKind::Veth(peer)) };
        self.writer.add_link(&link).unwrap();
    }

    pub(crate) fn address(&mut self, device: &str, prefix: &str) {
        self.writer.add_address(device, &address(prefix)).unwrap();
    }

    pub(crate) fn route(&mut self, dst: &str, via: &str) {
        self.writer.add_route(&route(dst, Some(via), None)).unwrap();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = delete_named(&self.name);
    }
}

/// An address; for IPv6 used at once.
pub(crate) fn address(prefix: &str) -> Address {
    Address {
        index: 0,
        prefix: prefix.parse().unwrap(),
        peer: None,
        scope: 0,
        flags: if prefix.contains(':') { Address::NODAD } else { 0 },
        label: None,
        broadcast: None,
        preferred: true,
    }
}

pub(crate) fn route(dst: &str, via: Option<&str>, oif: Option<u32>) -> Route {
    let dst: Prefix = dst.parse().unwrap();
    let hop = NextHop { gateway: via.map(|v| v.parse().unwrap()), oif, weight: 1, flags: 0 };
    Route {
        family: IpFamily::of(dst.addr),
        table: 0,
        kind: RouteKind::Unicast,
        dst,
        src: None,
        tos: 0,
        priority: 0,
        protocol: 0,
        scope: 0,
        prefsrc: None,
        next_hops: if hop.gateway.is_none() && hop.oif.is_none() { Vec::new() } else { vec![hop] },
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: std::collections::BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

/// Reads these namespaces, and requires that nothing was left out.
pub(crate) fn read(nets: &[&Net]) -> Snapshot {
    let only = Some(nets.iter().map(|n| n.name.clone()).collect());
    let snapshot = snapshot(&Options { only, ..Options::default() }).unwrap();
    let about = |gap: &&String| nets.iter().any(|n| gap.contains(&n.name));
    assert_eq!(snapshot.gaps.iter().find(about), None, "{:?}", snapshot.gaps);
    assert_eq!(snapshot.namespaces.len(), nets.len());
    snapshot
}

pub(crate) fn of<'a>(snapshot: &'a Snapshot, net: &Net) -> &'a Namespace {
    snapshot.namespace(net.handle.id()).unwrap()
}

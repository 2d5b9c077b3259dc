//! Which devices hear each other's frames: veth pairs, and the ports of a bridge.

use std::collections::HashMap;

use plumb_model::Link;
use plumb_trace::Network;
use plumb_trace::state::NsIndex;

/// A device: its namespace and its index there.
pub(crate) type Device = (NsIndex, u32);

/// The devices of a snapshot, those on one segment together. What VLANs tell apart is not put together, and neither is
/// what a tunnel or a cable connects that no snapshot covers.
pub(crate) struct Segments {
    number: HashMap<Device, usize>,
    devices: Vec<Vec<Device>>,
}

impl Segments {
    pub(crate) fn new(net: &Network) -> Self {
        let mut of: HashMap<Device, Device> = HashMap::new();
        for (ns, n) in net.snapshot.namespaces.iter().enumerate() {
            for l in n.links.items().iter().filter(|l| !l.is_loopback()) {
                let here = (ns, l.index);
                let others = [veth_end(net, l), bridge(net, ns, l)];
                root(&mut of, here);
                for other in others.into_iter().flatten() {
                    let (a, b) = (root(&mut of, here), root(&mut of, other));
                    of.insert(a.max(b), a.min(b));
                }
            }
        }
        let mut all: Vec<Device> = of.keys().copied().collect();
        all.sort_unstable();
        let (mut roots, mut number, mut devices) = (HashMap::new(), HashMap::new(), Vec::new());
        for device in all {
            let at = *roots.entry(root(&mut of, device)).or_insert_with(|| {
                devices.push(Vec::new());
                devices.len() - 1
            });
            number.insert(device, at);
            if let Some(segment) = devices.get_mut(at) {
                segment.push(device);
            }
        }
        Self { number, devices }
    }

    /// Every segment.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[Device]> {
        self.devices.iter().map(Vec::as_slice)
    }

    /// Every device on the segment of one, itself included.
    pub(crate) fn around(&self, device: Device) -> &[Device] {
        self.number.get(&device).and_then(|&at| self.devices.get(at)).map_or(&[], Vec::as_slice)
    }
}

fn root(of: &mut HashMap<Device, Device>, device: Device) -> Device {
    let mut at = device;
    while let Some(&up) = of.get(&at).filter(|up| **up != at) {
        at = up;
    }
    of.insert(device, at);
    at
}

/// The other end of a veth pair.
pub(crate) fn veth_end(net: &Network, link: &Link) -> Option<Device> {
    let peer = link.peer.filter(|_| link.kind == "veth")?;
    let ns = net.index_of(peer.namespace)?;
    net.namespace(ns).link(peer.index).map(|l| (ns, l.index))
}

/// The bridge that a device is a port of, unless VLANs make several segments of it.
fn bridge(net: &Network, ns: NsIndex, link: &Link) -> Option<Device> {
    let master = net.namespace(ns).link(link.master?)?;
    let one = master.kind == "bridge" && !master.bridge.as_ref().is_some_and(|b| b.vlan_filtering);
    one.then_some((ns, master.index))
}

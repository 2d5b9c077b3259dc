use plumb_model::{FdbEntry, NeighbourState};

use super::*;

#[test]
fn a_device_that_is_down() {
    let mut s = bridged();
    device(&mut s, "pod1", "eth0").flags = 0;
    device(&mut s, "node", "v1").carrier = Some(false);
    finds(&s, "link-down", "pod1", true);
    // Nobody lives behind it.
    ns(&mut s, "pod1").addresses = Read::Got(Vec::new());
    is_silent(&s);
}

#[test]
fn the_other_end_is_down() {
    let mut s = bridged();
    device(&mut s, "node", "v1").flags = 0;
    device(&mut s, "pod1", "eth0").carrier = Some(false);
    finds(&s, "link-down", "node", true);
    assert_eq!(found(&s)[0].fault.as_deref(), Some("L02"));
}

#[test]
fn no_carrier_and_nobody_to_explain_it() {
    let mut s = bridged();
    let eth0 = device(&mut s, "pod1", "eth0");
    (eth0.carrier, eth0.peer) = (Some(false), None);
    finds(&s, "link-no-carrier", "pod1", false);
    // A bridge without ports has no carrier: `docker0` while no container runs.
    let mut s = bridged();
    device(&mut s, "node", "br0").carrier = Some(false);
    is_silent(&s);
    // A socket without a cable, and no route by a gateway.
    let mut s = bridged();
    let mut eth1 = link(9, "eth1", "");
    eth1.carrier = Some(false);
    ns(&mut s, "node").links.value_mut().unwrap().push(eth1);
    ns(&mut s, "node").addresses.value_mut().unwrap().push(address(9, "192.0.2.1/24"));
    is_silent(&s);
    ns(&mut s, "node").routes.value_mut().unwrap().push(route("0.0.0.0/0", Some("192.0.2.9"), 9));
    finds(&s, "link-no-carrier", "node", false);
}

#[test]
fn one_hardware_address_for_two() {
    let mut s = bridged();
    device(&mut s, "pod2", "eth0").mac = device(&mut s, "pod1", "eth0").mac;
    finds(&s, "duplicate-mac", "pod2", true);
    // The copy is the one that gets the frames of both, where the bridge has learnt it.
    let mac = device(&mut s, "pod1", "eth0").mac.unwrap();
    let index = device(&mut s, "node", "v1").index;
    let (state, master) = (NeighbourState(2), Some(BRIDGE));
    let learnt = FdbEntry {
        index,
        lladdr: mac,
        master,
        vlan: None,
        state,
        flags: 4,
        dst: None,
        vni: None,
        port: None,
    };
    ns(&mut s, "node").fdb = Read::Got(vec![learnt]);
    finds(&s, "duplicate-mac", "pod1", true);
    ns(&mut s, "node").fdb = Read::Got(Vec::new());
    // One device in the snapshots of two nodes.
    let addresses = ns(&mut s, "pod1").addresses.clone();
    ns(&mut s, "pod2").addresses = addresses;
    for name in ["pod1", "pod2"] {
        ns(&mut s, name).node = Some(name.to_owned());
    }
    is_silent(&s);
    // A bridge takes its port's.
    let mut s = bridged();
    device(&mut s, "node", "br0").mac = device(&mut s, "node", "v1").mac;
    is_silent(&s);
}

#[test]
fn ends_of_different_size() {
    let mut s = bridged();
    device(&mut s, "pod1", "eth0").mtu = 1400;
    finds(&s, "mtu-differs", "pod1", true);
    device(&mut s, "node", "v1").mtu = 1400;
    is_silent(&s);
}

#[test]
fn a_link_in_no_bridge() {
    let mut s = bridged();
    let v1 = device(&mut s, "node", "v1");
    (v1.master, v1.port) = (None, None);
    finds(&s, "bridge-port-detached", "node", true);
    // A routed link.
    ns(&mut s, "node").routes.value_mut().unwrap().push(route("10.0.8.2/32", None, BRIDGE + 1));
    is_silent(&s);
}

#[test]
fn a_port_that_does_not_forward() {
    let mut s = bridged();
    device(&mut s, "node", "v1").port.as_mut().unwrap().state = 1;
    finds(&s, "bridge-port-state", "node", true);
    // A spanning tree chose it.
    device(&mut s, "node", "br0").bridge.as_mut().unwrap().stp_state = 1;
    is_silent(&s);
}

#[test]
fn a_port_that_neither_floods_nor_learns() {
    let mut s = bridged();
    let port = device(&mut s, "node", "v1").port.as_mut().unwrap();
    (port.flood, port.learning) = (false, false);
    finds(&s, "bridge-port-no-flood", "node", true);
    // A static entry leads there.
    let entry = plumb_model::FdbEntry {
        index: BRIDGE + 1,
        lladdr: device(&mut s, "pod1", "eth0").mac.unwrap(),
        master: Some(BRIDGE),
        vlan: None,
        state: plumb_model::NeighbourState::NOARP,
        flags: 4,
        dst: None,
        vni: None,
        port: None,
    };
    ns(&mut s, "node").fdb.value_mut().unwrap().push(entry);
    is_silent(&s);
}

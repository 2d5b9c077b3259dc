use plumb_model::{FdbEntry, Neighbour, NeighbourState};

use super::*;

/// Index of a node's VXLAN device.
const VX: u32 = 9;

fn mac(i: u8) -> Mac {
    Mac([2, 0, 0, 0, 7, i])
}

fn entry(to: u8, dst: &str) -> FdbEntry {
    FdbEntry {
        index: VX,
        lladdr: mac(to),
        master: None,
        vlan: None,
        state: NeighbourState::PERMANENT,
        flags: 2,
        dst: Some(ip(dst)),
        vni: None,
        port: None,
    }
}

/// The pods of [`bridged`] as nodes with a tunnel to each other.
fn tunnels() -> Snapshot {
    let mut s = bridged();
    for i in 1..=3_u8 {
        let node = ns(&mut s, &format!("pod{i}"));
        let mut vx = link(VX, "flannel.1", "vxlan");
        vx.mac = Some(mac(i));
        let local = format!("10.0.8.{}", i + 1);
        for (key, value) in [("id", "1"), ("dstport", "8472"), ("learning", "false"), ("local", &local)] {
            vx.settings.insert(key.to_owned(), value.to_owned());
        }
        node.links.value_mut().unwrap().push(vx);
        for to in (1..=3).filter(|to| *to != i) {
            node.fdb.value_mut().unwrap().push(entry(to, &format!("10.0.8.{}", to + 1)));
            node.neighbours.value_mut().unwrap().push(Neighbour {
                index: VX,
                addr: ip(&format!("10.9.{to}.0")),
                lladdr: Some(mac(to)),
                state: NeighbourState::PERMANENT,
                flags: 0,
            });
        }
    }
    s
}

fn set(s: &mut Snapshot, name: &str, key: &str, value: &str) {
    device(s, name, "flannel.1").settings.insert(key.to_owned(), value.to_owned());
}

#[test]
fn tunnels_that_fit_have_no_findings() {
    is_silent(&tunnels());
}

#[test]
fn another_number_or_port() {
    let mut s = tunnels();
    set(&mut s, "pod2", "id", "2");
    finds(&s, "vxlan-id-differs", "pod2", false);
    let mut s = tunnels();
    set(&mut s, "pod1", "dstport", "4789");
    finds(&s, "vxlan-port-differs", "pod1", false);
    // Entries of their own say which port the others have.
    let own = ns(&mut s, "pod1").fdb.value_mut().unwrap();
    own.iter_mut().for_each(|e| e.port = Some(8472));
    for name in ["pod2", "pod3"] {
        let entries = ns(&mut s, name).fdb.value_mut().unwrap();
        entries.iter_mut().filter(|e| e.lladdr == mac(1)).for_each(|e| e.port = Some(4789));
    }
    is_silent(&s);
}

#[test]
fn an_entry_to_the_wrong_node() {
    let mut s = tunnels();
    ns(&mut s, "pod1").fdb.value_mut().unwrap()[0] = entry(2, "10.0.8.4");
    finds(&s, "vxlan-fdb-wrong", "pod1", true);
    ns(&mut s, "pod1").fdb.value_mut().unwrap()[0] = entry(2, "10.0.8.99");
    finds(&s, "vxlan-fdb-wrong", "pod1", true);
    // An address outside may be translated on the way.
    ns(&mut s, "pod1").fdb.value_mut().unwrap()[0] = entry(2, "203.0.113.7");
    is_silent(&s);
}

#[test]
fn an_entry_that_is_missing() {
    let mut s = tunnels();
    ns(&mut s, "pod1").fdb.value_mut().unwrap().remove(0);
    finds(&s, "vxlan-fdb-missing", "pod1", false);
    // It floods, or learns.
    let mut flood = entry(0, "10.0.8.3");
    flood.lladdr = Mac([0; 6]);
    ns(&mut s, "pod1").fdb.value_mut().unwrap().push(flood);
    is_silent(&s);
    ns(&mut s, "pod1").fdb.value_mut().unwrap().pop();
    set(&mut s, "pod1", "learning", "true");
    is_silent(&s);
}

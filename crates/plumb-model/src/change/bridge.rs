//! Bridge ports, forwarding databases, neighbours (net/bridge, net/core/neighbour.c).

use std::net::IpAddr;

use super::ChangeError;
use super::address::{follow, kernel_routes};
use super::error::read;
use super::link::settle;
use crate::{BridgePort, FdbEntry, Link, Namespace, NamespaceId, Neighbour, NeighbourState, Peer, Snapshot};

/// `BR_STATE_*`
const DISABLED: u8 = 0;
const FORWARDING: u8 = 3;
/// `NTF_SELF`, `NTF_MASTER`
pub(super) const NTF_SELF: u8 = 2;

pub(super) fn set_master(
    snapshot: &mut Snapshot,
    id: NamespaceId,
    device: &str,
    master: Option<&str>,
) -> Result<(), ChangeError> {
    let ns = snapshot.namespace_mut(id).ok_or(ChangeError::NoNamespace(id))?;
    let index = ns.device(device)?;
    let to =
        master.map(|m| ns.device(m)).transpose()?.and_then(|i| ns.link(i)).map(|l| (l.index, l.kind.clone()));
    let Some(link) = ns.link(index) else { return Ok(()) };
    let refused = |why: &str| ChangeError::Refused {
        what: format!("putting `{device}` under `{}`", master.unwrap_or_default()),
        why: why.to_owned(),
    };
    match &to {
        Some((_, kind)) if !matches!(kind.as_str(), "bridge" | "bond" | "team" | "vrf" | "hsr") => {
            return Err(refused("that device takes no others under it"));
        }
        Some((i, _)) if *i == index => return Err(refused("a device cannot be under itself")),
        Some((_, kind)) if kind == "bridge" && (link.is_loopback() || link.kind == "bridge") => {
            return Err(refused("a bridge takes neither loopback nor bridges as ports"));
        }
        _ => {}
    }
    let old = link.master;
    let mac = link.mac;
    let before = kernel_routes(ns, index);
    if let Some(all) = ns.fdb.value_mut() {
        all.retain(|e| e.index != index || e.master.is_none());
        if let (Some((bridge, kind)), Some(mac)) = (&to, mac)
            && kind == "bridge"
        {
            // The port's own address, which the bridge takes for itself.
            all.push(FdbEntry {
                index,
                lladdr: mac,
                master: Some(*bridge),
                vlan: None,
                state: NeighbourState::PERMANENT,
                flags: 0,
                dst: None,
                vni: None,
                port: None,
            });
        }
    }
    if let Some(link) = ns.link_mut(index) {
        link.master = to.as_ref().map(|(i, _)| *i);
        link.port = to.as_ref().filter(|(_, kind)| kind == "bridge").map(|_| BridgePort::default());
    }
    settle_port(ns, index);
    follow(ns, index, &before);
    for bridge in old.into_iter().chain(to.map(|(i, _)| i)) {
        settle(snapshot, Peer { namespace: id, index: bridge });
    }
    Ok(())
}

/// A port forwards while it and its bridge are up and it has a carrier (without spanning tree, which has its own mind).
pub(super) fn settle_port(ns: &mut Namespace, index: u32) {
    let ports: Vec<u32> = match ns.link(index) {
        Some(l) if l.kind == "bridge" => {
            ns.links.items().iter().filter(|p| p.master == Some(index)).map(|p| p.index).collect()
        }
        Some(l) if l.port.is_some() => vec![index],
        _ => return,
    };
    for port in ports {
        let Some(link) = ns.link(port) else { continue };
        let Some(bridge) = link.master.and_then(|m| ns.link(m)) else { continue };
        let live = bridge.is_up() && link.is_up() && link.carrier != Some(false);
        let stp = bridge.bridge.as_ref().is_some_and(|b| b.stp_state != 0);
        if let Some(settings) = ns.link_mut(port).and_then(|l| l.port.as_mut()) {
            match (live, settings.state) {
                (false, _) => settings.state = DISABLED,
                (true, DISABLED) if !stp => settings.state = FORWARDING,
                _ => {}
            }
        }
    }
}

pub(super) fn set_port(
    ns: &mut Namespace,
    device: &str,
    attribute: &str,
    value: &str,
) -> Result<(), ChangeError> {
    let refused = |why: &str| ChangeError::Refused {
        what: format!("setting {attribute} of port `{device}` to {value}"),
        why: why.to_owned(),
    };
    let index = ns.device(device)?;
    let port = ns
        .link_mut(index)
        .and_then(|l| l.port.as_mut())
        .ok_or_else(|| ChangeError::NotFound(format!("bridge port `{device}`: it has no bridge")))?;
    if attribute == "state" {
        port.state = match value {
            "disabled" | "0" => 0,
            "listening" | "1" => 1,
            "learning" | "2" => 2,
            "forwarding" | "3" => 3,
            "blocking" | "4" => 4,
            _ => return Err(refused("states are disabled, listening, learning, forwarding, blocking")),
        };
        return Ok(());
    }
    let on = match value {
        "on" => true,
        "off" => false,
        _ => return Err(refused("it is on or off")),
    };
    let field = match attribute {
        "flood" => &mut port.flood,
        "learning" => &mut port.learning,
        "hairpin" => &mut port.hairpin,
        "isolated" => &mut port.isolated,
        "mcast_flood" => &mut port.mcast_flood,
        "bcast_flood" => &mut port.bcast_flood,
        "locked" => &mut port.locked,
        "neigh_suppress" => &mut port.neigh_suppress,
        "proxy_arp" => &mut port.proxy_arp,
        _ => return Err(refused("the model does not keep this attribute")),
    };
    *field = on;
    Ok(())
}

pub(super) fn set_neighbour(
    ns: &mut Namespace,
    device: &str,
    neighbour: &Neighbour,
) -> Result<(), ChangeError> {
    let index = ns.device(device)?;
    let of = ns.name.clone();
    if !ns.link(index).is_some_and(Link::is_up) {
        return Err(ChangeError::Refused {
            what: format!("setting neighbour {} on `{device}`", neighbour.addr),
            why: "the device is down".to_owned(),
        });
    }
    let all = read(&mut ns.neighbours, "neighbours", &of)?;
    let proxy = |n: &Neighbour| n.flags & Neighbour::PROXY;
    all.retain(|n| n.index != index || n.addr != neighbour.addr || proxy(n) != proxy(neighbour));
    all.push(Neighbour { index, ..neighbour.clone() });
    Ok(())
}

pub(super) fn delete_neighbour(ns: &mut Namespace, device: &str, address: IpAddr) -> Result<(), ChangeError> {
    let index = ns.device(device)?;
    let of = ns.name.clone();
    let all = read(&mut ns.neighbours, "neighbours", &of)?;
    let i = all
        .iter()
        .position(|n| n.index == index && n.addr == address && n.flags & Neighbour::PROXY == 0)
        .ok_or_else(|| ChangeError::NotFound(format!("neighbour {address} on `{device}`")))?;
    all.remove(i);
    Ok(())
}

/// Adds an entry. One for the same address and VLAN is replaced, as `bridge fdb replace` does: on a bridge whatever
/// its port, on a VXLAN device the entry with the same destination.
pub(super) fn add_fdb(ns: &mut Namespace, device: &str, entry: &FdbEntry) -> Result<(), ChangeError> {
    let index = ns.device(device)?;
    let of = ns.name.clone();
    let new = FdbEntry { index, ..entry.clone() };
    if new.master.is_some()
        && ns.link(index).map(|l| l.master) != Some(new.master)
        && new.master != Some(index)
    {
        return Err(ChangeError::NotFound(format!("bridge that `{device}` is a port of")));
    }
    let all = read(&mut ns.fdb, "forwarding database", &of)?;
    all.retain(|e| {
        let same_table = e.master == new.master && (new.master.is_some() || e.index == index);
        !(same_table
            && e.lladdr == new.lladdr
            && e.vlan == new.vlan
            && (new.master.is_some() || e.dst == new.dst))
    });
    all.push(new);
    Ok(())
}

pub(super) fn delete_fdb(ns: &mut Namespace, device: &str, entry: &FdbEntry) -> Result<(), ChangeError> {
    let index = ns.device(device)?;
    let of = ns.name.clone();
    let all = read(&mut ns.fdb, "forwarding database", &of)?;
    let i = all
        .iter()
        .position(|e| {
            e.index == index
                && e.lladdr == entry.lladdr
                && e.vlan == entry.vlan
                && e.master == entry.master
                && (entry.dst.is_none() || e.dst == entry.dst)
        })
        .ok_or_else(|| ChangeError::NotFound(format!("forwarding entry {} on `{device}`", entry.lladdr)))?;
    all.remove(i);
    Ok(())
}

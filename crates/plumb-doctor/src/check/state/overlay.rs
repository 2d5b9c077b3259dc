//! VXLAN devices of nodes that send to each other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plumb_model::{Action, Change, FdbEntry, Link, Mac, Neighbour, NeighbourState};

use super::Look;
use super::segments::Device;
use crate::check::told::{Observation, Seen};
use crate::place;

/// A VXLAN device that does one network alone.
fn is_vxlan(l: &Link) -> bool {
    let flag =
        |name: &str| l.settings.get(name).is_some_and(|v| !matches!(v.as_str(), "off" | "0" | "false"));
    l.kind == "vxlan" && l.is_up() && !flag("external")
}

/// Every VXLAN device, also of namespaces that are not looked at.
fn devices<'a>(look: &Look<'a>) -> Vec<(Device, &'a Link)> {
    let all = look.snapshot.namespaces.iter().enumerate();
    all.flat_map(|(ns, n)| n.links.items().iter().filter(|l| is_vxlan(l)).map(move |l| ((ns, l.index), l)))
        .collect()
}

fn setting<'a>(l: &'a Link, name: &str) -> &'a str {
    l.settings.get(name).map_or("", String::as_str)
}

/// M04, M05: a device sends to a node whose own device takes another network's number, or another port.
pub(super) fn differs(look: &Look<'_>) -> Vec<Observation> {
    let all = devices(look);
    let mut wrong: BTreeMap<(Device, &'static str), (Device, String)> = BTreeMap::new();
    for (here, l) in &all {
        for e in look.ns(here.0).fdb.items().iter().filter(|e| e.index == here.1) {
            let Some(node) = e.dst.and_then(|d| owner(look, d)).filter(|n| *n != here.0) else { continue };
            let vni = e.vni.map_or_else(|| setting(l, "id").to_owned(), |v| v.to_string());
            let port = e.port.map_or_else(|| setting(l, "dstport").to_owned(), |p| p.to_string());
            let there: Vec<&(Device, &Link)> = all.iter().filter(|(d, _)| d.0 == node).collect();
            let fits = |o: &Link, id: bool, dstport: bool| {
                (setting(o, "id") == vni) == id && (setting(o, "dstport") == port) == dstport
            };
            if there.iter().any(|(_, o)| fits(o, true, true)) {
                continue;
            }
            for (attribute, id, dstport) in [("id", false, true), ("dstport", true, false)] {
                let Some((other, o)) = there.iter().find(|(_, o)| fits(o, id, dstport)) else { continue };
                // Of two alike either may be wrong: the later one, from wherever it is looked at.
                let count = |l: &Link| {
                    all.iter().filter(|(_, k)| setting(k, attribute) == setting(l, attribute)).count()
                };
                let other_is_odd = (count(l), *other) > (count(o), *here);
                let (odd, peer, right): (_, _, &Link) =
                    if other_is_odd { (*other, *here, l) } else { (*here, *other, o) };
                wrong.entry((odd, attribute)).or_insert((peer, setting(right, attribute).to_owned()));
                break;
            }
        }
    }
    let wrong = wrong.into_iter().filter(|((odd, _), _)| look.yardstick.looks_at(odd.0));
    wrong.map(|((odd, attribute), (peer, right))| differing(look, odd, attribute, peer, &right)).collect()
}

/// The one namespace that has an address.
fn owner(look: &Look<'_>, addr: IpAddr) -> Option<usize> {
    match look.net.owners_of(addr).as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

fn differing(look: &Look<'_>, odd: Device, attribute: &str, peer: Device, right: &str) -> Observation {
    let n = look.ns(odd.0);
    let name = n.link_name(odd.1);
    let value = look.link(odd).map_or("", |l| setting(l, attribute));
    let id = if attribute == "id" { "vxlan-id-differs" } else { "vxlan-port-differs" };
    Observation::new(id, place::device(look.net, odd.0, odd.1, attribute, value))
        .with("device", &name)
        .with("value", value)
        .with("right", right)
        .with("other", look.name(peer.0))
        .seen(Seen::new("vxlan-setting", value, right, n.command(&format!("ip -d link show {name}"))))
        .affects([look.name(odd.0), look.name(peer.0)])
}

/// M03: an entry sends what is for one node's device to another node, or there is none where nothing else would do.
pub(super) fn forwarding(look: &Look<'_>) -> Vec<Observation> {
    let all = devices(look);
    let node_of = |mac: Mac| {
        let mut with = all.iter().filter(|(_, l)| l.mac == Some(mac));
        with.next().filter(|_| with.next().is_none()).map(|(d, _)| d.0)
    };
    let mut found = Vec::new();
    for (here, l) in all.iter().filter(|(d, _)| look.yardstick.looks_at(d.0)) {
        let n = look.ns(here.0);
        let entries: Vec<&FdbEntry> = n.fdb.items().iter().filter(|e| e.index == here.1).collect();
        for e in &entries {
            let (Some(node), Some(dst)) = (node_of(e.lladdr).filter(|o| *o != here.0), e.dst) else {
                continue;
            };
            if leads_astray(look, node, dst) {
                found.push(wrong_entry(look, *here, e, node, dst));
            }
        }
        // What floods or learns needs no entry of its own.
        let floods = entries.iter().any(|e| e.lladdr.0 == [0; 6]) || l.settings.contains_key("group");
        let learns = !matches!(setting(l, "learning"), "off" | "0" | "false");
        if floods || learns || n.fdb.value().is_none() {
            continue;
        }
        let permanent = |e: &&Neighbour| e.index == here.1 && e.state == NeighbourState::PERMANENT;
        for e in n.neighbours.items().iter().filter(permanent) {
            let Some(mac) = e.lladdr else { continue };
            let Some(node) = node_of(mac).filter(|o| *o != here.0) else { continue };
            if entries.iter().any(|f| f.lladdr == mac) {
                continue;
            }
            let name = &l.name;
            found.push(
                Observation::new("vxlan-fdb-missing", place::fdb(look.net, here.0, here.1, mac, None, true))
                    .with("device", name)
                    .with("lladdr", mac.to_string())
                    .with("address", e.addr.to_string())
                    .with("node", look.name(node))
                    .seen(Seen::new(
                        "entries-for-mac",
                        0,
                        1,
                        n.command(&format!("bridge fdb show dev {name}")),
                    ))
                    .affects([look.name(here.0), look.name(node)]),
            );
        }
    }
    found
}

/// Whether an address is certainly none of a node: another has it, or nobody has though the node's network holds it. An
/// address outside may be translated to the node's on the way.
fn leads_astray(look: &Look<'_>, node: usize, dst: IpAddr) -> bool {
    let owners = look.net.owners_of(dst);
    if owners.contains(&node) {
        return false;
    }
    let n = look.ns(node);
    let in_network =
        n.addresses.items().iter().any(|a| a.scope == 0 && !a.prefix.is_host() && a.prefix.contains(dst));
    !owners.is_empty() || in_network
}

fn wrong_entry(look: &Look<'_>, here: Device, e: &FdbEntry, node: usize, dst: IpAddr) -> Observation {
    let n = look.ns(here.0);
    let name = n.link_name(here.1);
    let right = devices(look)
        .into_iter()
        .find(|(d, l)| d.0 == node && l.mac == Some(e.lladdr))
        .and_then(|(_, l)| setting(l, "local").parse::<IpAddr>().ok());
    let observation =
        Observation::new("vxlan-fdb-wrong", place::fdb(look.net, here.0, here.1, e.lladdr, Some(dst), false))
            .with("device", &name)
            .with("lladdr", e.lladdr.to_string())
            .with("address", dst.to_string())
            .with("node", look.name(node))
            .seen(Seen::new(
                "vxlan-destination",
                dst.to_string(),
                right.map(|a| a.to_string()),
                n.command(&format!("bridge fdb show dev {name}")),
            ))
            .affects([look.name(here.0), look.name(node)]);
    let Some(right) = right else { return observation };
    let change = |action| Change { namespace: n.id, action };
    observation.change(vec![
        change(Action::DeleteFdb { device: name.clone(), entry: e.clone() }),
        change(Action::AddFdb { device: name, entry: FdbEntry { dst: Some(right), ..e.clone() } }),
    ])
}

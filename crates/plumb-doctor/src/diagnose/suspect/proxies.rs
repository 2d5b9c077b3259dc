//! Routers that are to answer for addresses which live behind them.

use std::net::IpAddr;

use plumb_model::{Action, Change, Neighbour, NeighbourState};
use plumb_trace::state::NsIndex;

use super::{Case, Suspect};
use crate::finding::{Finding, Shown, ShownWhat};
use crate::place;
use crate::report::Layer;

/// A link-local gateway that nobody has: the other end of the link is to answer for it (`arp_process`), and has `proxy_arp`
/// off.
pub(super) fn gateway(case: &Case, ns: NsIndex, device: u32, addr: IpAddr) -> Option<Suspect> {
    let is_gateway = matches!(addr, IpAddr::V4(a) if a.is_link_local()) && !case.is_owned(addr);
    let peer = case.net.namespace(ns).link(device).filter(|_| is_gateway)?.peer?;
    let host = case.net.index_of(peer.namespace)?;
    let n = case.net.namespace(host);
    let end = n.link(peer.index).filter(|l| l.is_up() && l.master.is_none())?;
    let key = |device: &str| format!("net.ipv4.conf.{device}.proxy_arp");
    if [end.name.as_str(), "all"].iter().any(|d| n.sysctls.number(&key(d)) != Some(0)) {
        return None;
    }
    let sysctl = key(&end.name);
    Some(silent(case, host, &sysctl, addr, &[]))
}

/// The sysctl by which a machine would answer for an address that is not its own, with what else it needs for that.
fn silent(case: &Case, ns: NsIndex, sysctl: &str, addr: IpAddr, entry: &[Change]) -> Suspect {
    let finding = Finding::NoNeighbourAnswer {
        namespace: case.name(ns),
        sysctl: sysctl.to_owned(),
        value: "0".to_owned(),
        address: addr.to_string(),
    };
    let shown = Shown::new(ShownWhat::Sysctl, "0", "1", case.command(ns, &format!("sysctl {sysctl}")));
    let place = place::sysctl(case.net, ns, sysctl, "0");
    let on = vec![case.set_sysctl(ns, sysctl, "1")];
    let mut cures = vec![on.clone()];
    if !entry.is_empty() {
        cures.push(on.iter().chain(entry).cloned().collect());
    }
    Suspect::new(finding, place, Layer::Sysctl, cures).show([shown])
}

/// Routers on the link that would answer in the owner's place, were it not for a sysctl (`arp_fwd_proxy`,
/// `pndisc_is_router`) or for the entry that IPv6 needs for each address.
pub(super) fn routers(case: &Case, ns: NsIndex, device: u32, addr: IpAddr) -> Vec<Suspect> {
    // Nobody lives behind a router with an address of the link itself, or one that nobody has.
    let of_link = matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local());
    if of_link || !(case.is_owned(addr) || case.failure.state.packet.dst == addr) {
        return Vec::new();
    }
    let (family, key) = if addr.is_ipv4() { ("ipv4", "proxy_arp") } else { ("ipv6", "proxy_ndp") };
    let mut out = Vec::new();
    let segment = case.segment((ns, device));
    for (i, n) in case.net.snapshot.namespaces.iter().enumerate().filter(|(i, _)| *i != ns) {
        for link in n.links.items().iter().filter(|l| !l.is_loopback()) {
            if !segment.contains(&(i, link.index)) {
                continue;
            }
            let on = |device: &str| n.sysctls.number(&format!("net.{family}.conf.{device}.{key}"));
            let is_entry =
                |e: &&Neighbour| e.index == link.index && e.addr == addr && e.flags & Neighbour::PROXY != 0;
            let entry = (addr.is_ipv6() && !n.neighbours.items().iter().any(|e| is_entry(&e)))
                .then(|| entry(case, i, &link.name, addr));
            match (on(&link.name), entry) {
                // The larger of the two holds.
                (Some(0), entry) if on("all").unwrap_or(0) == 0 => {
                    let name = format!("net.{family}.conf.{}.{key}", link.name);
                    out.push(silent(case, i, &name, addr, entry.as_slice()).must_connect());
                }
                (Some(_), Some(entry)) => {
                    let finding = Finding::ProxyEntryMissing {
                        namespace: case.name(i),
                        device: link.name.clone(),
                        address: addr.to_string(),
                    };
                    let place = place::missing_proxy(case.net, i, link.index, addr);
                    let read_with = case.command(i, "ip neigh show proxy");
                    let shown = Shown::new(ShownWhat::Neighbour, None::<String>, addr.to_string(), read_with);
                    let suspect = Suspect::new(finding, place, Layer::Neighbour, vec![vec![entry]]);
                    out.push(suspect.show([shown]).must_connect());
                }
                _ => {}
            }
        }
    }
    out
}

fn entry(case: &Case, ns: NsIndex, device: &str, addr: IpAddr) -> Change {
    let neighbour =
        Neighbour { index: 0, addr, lladdr: None, state: NeighbourState(0), flags: Neighbour::PROXY };
    case.change(ns, Action::SetNeighbour { device: device.to_owned(), neighbour })
}

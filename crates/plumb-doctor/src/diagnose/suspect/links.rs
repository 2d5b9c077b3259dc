//! Devices that are down.

use std::net::IpAddr;

use plumb_model::{Action, Route};
use plumb_trace::state::NsIndex;

use super::{Case, Suspect, added, lost};
use crate::finding::Finding;
use crate::place;
use crate::report::Layer;

pub(super) fn down(case: &Case, ns: NsIndex, device: u32) -> Suspect {
    let name = case.net.device_name(ns, device);
    let n = case.net.namespace(ns);
    let cuts = n.link(device).is_some_and(|l| l.peer.is_some())
        && !n.addresses.items().iter().any(|a| a.index == device);
    let finding = Finding::LinkDown { namespace: case.name(ns), device: name.clone(), cuts };
    let up = case.change(ns, Action::SetLinkUp { device: name, up: true });
    let mut cures = vec![vec![up.clone()]];
    cures.extend(lost::with_link(case, ns, device, &up));
    Suspect::new(finding, place::device(case.net, ns, device, "state", "DOWN"), Layer::Link, cures)
}

/// Devices that are down and have (or lead to) the network of an address.
pub(super) fn down_that_led_to(case: &Case, ns: NsIndex, addr: IpAddr) -> Vec<Suspect> {
    let n = case.net.namespace(ns);
    n.links
        .items()
        .iter()
        .filter(|l| !l.is_up())
        .filter(|l| {
            n.addresses
                .items()
                .iter()
                .any(|a| a.index == l.index && a.prefix.addr.is_ipv4() == addr.is_ipv4())
        })
        .map(|l| {
            let mut suspect = down(case, ns, l.index);
            // Routes by gateways went with the device and do not come back by themselves.
            let up = suspect.alternatives.first().cloned().unwrap_or_default();
            let adds = added::added_routes(case, ns, Route::TABLE_MAIN, addr, Some(l.index));
            suspect.alternatives.extend(adds.into_iter().map(|add| [up.clone(), add].concat()));
            suspect
        })
        .collect()
}

pub(super) fn no_carrier(case: &Case, ns: NsIndex, device: u32) -> Suspect {
    let name = case.net.device_name(ns, device);
    let peer = case.net.snapshot.namespaces[ns].link(device).and_then(|l| l.peer);
    if let Some((other, link)) = peer
        .and_then(|p| Some((case.net.index_of(p.namespace)?, p)))
        .and_then(|(i, p)| case.net.namespace(i).link(p.index).map(|l| (i, l)))
        && !link.is_up()
    {
        return down(case, other, link.index);
    }
    let finding = Finding::NoCarrier { namespace: case.name(ns), device: name, peer: None };
    let place = place::device(case.net, ns, device, "carrier", "off");
    Suspect::new(finding, place, Layer::Link, Vec::new())
}

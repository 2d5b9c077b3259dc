//! What goes with a device and does not come back by itself: routes by gateways, IPv6 addresses.

use std::net::IpAddr;

use plumb_model::{Action, Address, Change, IpFamily, Prefix, Route};
use plumb_trace::event::Stop;
use plumb_trace::state::NsIndex;

use super::{Case, added};

/// An address that another device of a link has.
pub(super) struct Near<'a> {
    pub(super) ns: NsIndex,
    pub(super) address: &'a Address,
}

/// Addresses of a family that others on a device's link have.
pub(super) fn near<'a>(case: &'a Case, ns: NsIndex, device: u32, family: IpFamily) -> Vec<Near<'a>> {
    let segment = case.segment((ns, device));
    let others = case.net.snapshot.namespaces.iter().enumerate().filter(|(i, _)| *i != ns);
    others
        .flat_map(|(i, m)| m.addresses.items().iter().map(move |address| Near { ns: i, address }))
        .filter(|at| IpFamily::of(at.address.prefix.addr) == family && at.address.scope == 0)
        .filter(|at| segment.contains(&(at.ns, at.address.index)))
        .collect()
}

/// An address of IPv6, given to a device.
pub(super) fn given(case: &Case, ns: NsIndex, device: u32, prefix: Prefix) -> Change {
    let address = Address::permanent(device, prefix);
    case.change(ns, Action::AddAddress { device: case.net.device_name(ns, device), address })
}

/// Changes with a default route by a router of the link behind them, one for each, where the namespace has none.
pub(super) fn with_default_route(
    case: &Case,
    (ns, device): (NsIndex, u32),
    family: IpFamily,
    changes: &[Change],
    near: &[Near],
) -> Vec<Vec<Change>> {
    let n = case.net.namespace(ns);
    let is_default = |r: &Route| r.family == family && r.table == Route::TABLE_MAIN && r.dst.len == 0;
    if n.routes.items().iter().any(is_default) {
        return Vec::new();
    }
    let forwarding = match family {
        IpFamily::V4 => "net.ipv4.ip_forward",
        IpFamily::V6 => "net.ipv6.conf.all.forwarding",
    };
    let everywhere = Prefix::new(family.unspecified(), 0);
    near.iter()
        .filter(|at| case.net.namespace(at.ns).sysctls.number(forwarding).is_some_and(|f| f != 0))
        .map(|at| {
            let gateway = Some(at.address.prefix.addr);
            let route = added::plain(Route::TABLE_MAIN, everywhere, gateway, device);
            let add = case.change(ns, Action::AddRoute(route));
            changes.iter().cloned().chain([add]).collect()
        })
        .collect()
}

/// What else brings a device back that was set down, behind that it is set up.
pub(super) fn with_link(case: &Case, ns: NsIndex, device: u32, up: &Change) -> Vec<Vec<Change>> {
    let family = case.failure.state.packet.family;
    let near = near(case, ns, device, family);
    let mut changes = vec![up.clone()];
    let mut out = Vec::new();
    if let Stop::NeighbourFailed { addr: IpAddr::V6(asked), .. } = case.failure.stop
        && let asked = IpAddr::V6(*asked)
        && let Some(at) = near.iter().find(|at| at.address.prefix.contains(asked))
        && !case.is_owned(asked)
    {
        changes.push(given(case, ns, device, Prefix::new(asked, at.address.prefix.len)));
        out.push(changes.clone());
    }
    out.extend(with_default_route(case, (ns, device), family, &changes, &near));
    out
}

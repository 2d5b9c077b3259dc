//! Places of a report: where a cause stands, in the words of the tool that shows it.
//!
//! Every builder takes the network and the references that a walk leaves behind (a rule by its indices, a device by
//! its number) and gives the keys of the contract. `namespace` is always there.

mod ipset;
mod layer;
mod names;
mod nft;

use std::net::IpAddr;

use plumb_model::{
    Mac, Namespace, NamespaceId, Owner, Protocol, Route, Socket, fmt_ct_entry, fmt_listener, fmt_route,
    fmt_rule, fmt_socket,
};
use plumb_trace::Network;
use plumb_trace::event::{RouteRef, Unknown};
use plumb_trace::state::NsIndex;
use serde_json::Value;

pub use ipset::{ipset_words, rule_by_ipset};
pub use layer::layer;
pub use names::Names;
pub(crate) use nft::listing_of_table;
pub use nft::{
    Listing, chain_length, chain_of, chain_size, chain_words, condition_text, element_text, listing,
    missing_rule, new_rule_text, policy, rule, rule_by_element, rule_number, rule_of, rule_text, set_name,
};

use crate::report::Place;

/// Preferences of the policy rules that every namespace has: local, main, default (net/ipv4/fib_rules.c).
pub(crate) const DEFAULT_RULES: [u32; 3] = [0, 32766, 32767];

pub(crate) fn set(place: &mut Place, key: &str, value: impl Into<Value>) {
    place.insert(key.to_owned(), value.into());
}

pub(crate) fn of<'s>(net: &Network<'s>, ns: NsIndex) -> Option<&'s Namespace> {
    net.snapshot.namespaces.get(ns)
}

/// Name of a namespace in reports.
#[must_use]
pub fn namespace_name(net: &Network, ns: NsIndex) -> String {
    of(net, ns).map_or_else(|| format!("namespace {ns}"), |n| n.name.clone())
}

/// What every place has: node and namespace.
#[must_use]
pub fn namespace(net: &Network, ns: NsIndex) -> Place {
    let node = match of(net, ns).and_then(|n| n.owner.as_ref()) {
        Some(Owner::Node { node } | Owner::Pod { node, .. }) => Some(node.clone()),
        Some(Owner::Other { .. }) => None,
        None => of(net, ns).and_then(|n| n.node.clone()).or_else(|| net.snapshot.host.node.clone()),
    };
    let mut place = Place::new();
    set(&mut place, "node", node);
    set(&mut place, "namespace", namespace_name(net, ns));
    place
}

/// A route. `rule_pref` is there where another than the three default policy rules led to its table.
#[must_use]
pub fn route(net: &Network, found: RouteRef) -> Place {
    let mut place = namespace(net, found.ns);
    if let Some((n, r)) = of(net, found.ns).and_then(|n| Some((n, n.routes.items().get(found.route)?))) {
        set(&mut place, "table", Route::table_name(r.table));
        set(&mut place, "route", fmt_route(r, n));
    }
    if !DEFAULT_RULES.contains(&found.rule_pref) {
        set(&mut place, "rule_pref", found.rule_pref);
    }
    place
}

/// A route that is not there: the table that was looked up last, and the destination.
#[must_use]
pub fn missing_route(net: &Network, ns: NsIndex, table: u32, address: IpAddr) -> Place {
    let mut place = namespace(net, ns);
    set(&mut place, "table", Route::table_name(table));
    set(&mut place, "address", address.to_string());
    set(&mut place, "missing", "route");
    place
}

/// A policy rule, as `ip rule` prints it.
#[must_use]
pub fn policy_rule(net: &Network, ns: NsIndex, rule: usize) -> Place {
    let mut place = namespace(net, ns);
    if let Some(r) = of(net, ns).and_then(|n| n.rules.items().get(rule)) {
        set(&mut place, "rule_pref", r.priority);
        set(&mut place, "policy_rule", fmt_rule(r));
    }
    place
}

/// A sysctl, or a limit that one sets.
#[must_use]
pub fn sysctl(net: &Network, ns: NsIndex, name: &str, value: &str) -> Place {
    let mut place = namespace(net, ns);
    set(&mut place, "sysctl", name);
    set(&mut place, "value", value.trim());
    place
}

/// A neighbour entry.
#[must_use]
pub fn neighbour(net: &Network, ns: NsIndex, device: u32, address: IpAddr, lladdr: Option<Mac>) -> Place {
    let mut place = device_place(net, ns, device);
    set(&mut place, "address", address.to_string());
    set(&mut place, "lladdr", lladdr.map(|m| m.to_string()));
    place
}

/// An entry that is not there, by which a router would answer for an address behind it.
#[must_use]
pub fn missing_proxy(net: &Network, ns: NsIndex, device: u32, address: IpAddr) -> Place {
    let mut place = neighbour(net, ns, device, address, None);
    set(&mut place, "missing", "proxy");
    place
}

/// An entry of a forwarding database; `address` is where a VXLAN device sends it. `missing`: it is not there.
#[must_use]
pub fn fdb(
    net: &Network,
    ns: NsIndex,
    device: u32,
    lladdr: Mac,
    address: Option<IpAddr>,
    missing: bool,
) -> Place {
    let mut place = device_place(net, ns, device);
    if let Some(master) = master(net, ns, device) {
        set(&mut place, "master", master);
    }
    set(&mut place, "lladdr", lladdr.to_string());
    if let Some(address) = address {
        set(&mut place, "address", address.to_string());
    }
    if missing {
        set(&mut place, "missing", "fdb");
    }
    place
}

/// A setting of a bridge's port, with the value as `bridge -d link` prints it (`flood` `off`).
#[must_use]
pub fn port(net: &Network, ns: NsIndex, port: u32, attribute: &str, value: &str) -> Place {
    let mut place = device(net, ns, port, attribute, value);
    if let Some(master) = master(net, ns, port) {
        set(&mut place, "master", master);
    }
    place
}

/// A setting of a device, with the value as `ip -d link` prints it (`mtu` `1400`, `state` `DOWN`).
#[must_use]
pub fn device(net: &Network, ns: NsIndex, device: u32, attribute: &str, value: &str) -> Place {
    let mut place = device_place(net, ns, device);
    set(&mut place, "attribute", attribute);
    set(&mut place, "value", value);
    if let Some(l) = of(net, ns).and_then(|n| n.link(device))
        && matches!(l.kind.as_str(), "macvlan" | "macvtap" | "ipvlan" | "ipvtap" | "vlan")
        && let Some(parent) = parent(net, ns, device)
    {
        set(&mut place, "parent", parent);
    }
    place
}

/// An address of a device.
#[must_use]
pub fn address(net: &Network, ns: NsIndex, device: u32, address: IpAddr) -> Place {
    let mut place = device_place(net, ns, device);
    set(&mut place, "address", address.to_string());
    place
}

/// A socket, by its index in the namespace's sockets, as `ss` prints its local end.
#[must_use]
pub fn socket(net: &Network, ns: NsIndex, index: usize) -> Place {
    let mut place = namespace(net, ns);
    if let Some((n, s)) = of(net, ns).and_then(|n| Some((n, n.sockets.items().get(index)?))) {
        set(&mut place, "socket", fmt_socket(s, n));
    }
    place
}

/// A listener that is not there, by the address and port that were asked for.
#[must_use]
pub fn missing_socket(net: &Network, ns: NsIndex, protocol: Protocol, address: IpAddr, port: u16) -> Place {
    let mut place = namespace(net, ns);
    set(&mut place, "socket", fmt_listener(protocol, address, port));
    set(&mut place, "missing", "listener");
    place
}

/// An entry of the connection table, by its index in the snapshot.
#[must_use]
pub fn ct_entry(net: &Network, ns: NsIndex, index: usize) -> Place {
    let mut place = namespace(net, ns);
    if let Some(e) = of(net, ns).and_then(|n| n.conntrack.value()).and_then(|c| c.entries.get(index)) {
        set(&mut place, "entry", fmt_ct_entry(e));
        if e.zone != 0 {
            set(&mut place, "zone", e.zone);
        }
    }
    place
}

/// A queueing discipline or filter; `hook` is `ingress`, `egress` or `root`.
#[must_use]
pub fn traffic_control(
    net: &Network,
    ns: NsIndex,
    device: u32,
    qdisc: &str,
    hook: &str,
    priority: Option<u16>,
) -> Place {
    let mut place = device_place(net, ns, device);
    set(&mut place, "qdisc", qdisc);
    set(&mut place, "hook", hook);
    if let Some(priority) = priority {
        set(&mut place, "priority", priority);
    }
    place
}

/// Where something unknown stands: its rule, its device, or the namespace.
#[must_use]
pub fn unknown(net: &Network, unknown: &Unknown) -> Place {
    match (unknown.rule, unknown.device) {
        (Some(r), _) => rule(net, r, &[]),
        (None, Some(d)) => device_place(net, unknown.ns, d),
        (None, None) => namespace(net, unknown.ns),
    }
}

/// A route as `ip route show table T` prints it.
#[must_use]
pub fn route_text(net: &Network, found: &RouteRef) -> String {
    of(net, found.ns)
        .and_then(|n| Some(fmt_route(n.routes.items().get(found.route)?, n)))
        .unwrap_or_else(|| format!("route {}", found.route))
}

/// A socket's local end as `ss` prints it; of a socket that is bound to a device, without the device's name.
#[must_use]
pub fn socket_text(socket: &Socket) -> String {
    let unbound = Socket { bound_dev: None, ..socket.clone() };
    fmt_socket(&unbound, &Namespace::empty(NamespaceId(0), ""))
}

/// Address and port, an IPv6 address in brackets; the address alone for port 0.
#[must_use]
pub fn endpoint(address: IpAddr, port: u16) -> String {
    match (address, port) {
        (a, 0) => a.to_string(),
        (IpAddr::V4(a), p) => format!("{a}:{p}"),
        (IpAddr::V6(a), p) => format!("[{a}]:{p}"),
    }
}

fn device_place(net: &Network, ns: NsIndex, device: u32) -> Place {
    let mut place = namespace(net, ns);
    set(&mut place, "device", net.device_name(ns, device));
    place
}

fn master(net: &Network, ns: NsIndex, device: u32) -> Option<String> {
    let n = of(net, ns)?;
    Some(n.link_name(n.link(device)?.master?))
}

/// Name of the lower device, with its namespace where it is another.
fn parent(net: &Network, ns: NsIndex, device: u32) -> Option<String> {
    let n = of(net, ns)?;
    let peer = n.link(device)?.peer?;
    let of = net.snapshot.namespace(peer.namespace)?;
    let name = of.link_name(peer.index);
    Some(if of.id == n.id { name } else { format!("{name} in {}", of.name) })
}

#[cfg(test)]
pub(crate) mod tests;

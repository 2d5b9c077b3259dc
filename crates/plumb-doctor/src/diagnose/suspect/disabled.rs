//! Devices on which IPv6 is off, with what went along: addresses, and routes by them.

use std::net::{IpAddr, Ipv6Addr};

use plumb_model::{Address, IpFamily, Link, Prefix};
use plumb_trace::state::NsIndex;

use super::lost::{self, Near};
use super::{Case, Suspect};
use crate::finding::Finding;
use crate::place;
use crate::report::Layer;

/// Nobody answers for an address: whoever is to have it on the link, where IPv6 is off.
pub(super) fn asked_for(case: &Case, ns: NsIndex, device: u32, addr: IpAddr) -> Vec<Suspect> {
    let on_link = |a: &&Address| a.index == device && a.prefix.contains(addr);
    let asker = case.net.namespace(ns).addresses.items().iter().find(on_link);
    let (IpAddr::V6(_), Some(address), false) = (addr, asker, case.is_owned(addr)) else {
        return Vec::new();
    };
    let near = [Near { ns, address }];
    let mut out = Vec::new();
    let segment = case.segment((ns, device));
    for (i, m) in case.net.snapshot.namespaces.iter().enumerate().filter(|(i, _)| *i != ns) {
        for link in m.links.items().iter().filter(|l| segment.contains(&(i, l.index))) {
            out.extend(suspect(case, i, link, Prefix::new(addr, address.prefix.len), &near));
        }
    }
    out
}

/// A namespace has no route to an address: its devices on which IPv6 is off. What address they had shows where others on
/// the link have routes by it; else only a namespace that is left without any can have lost one.
pub(super) fn without_route(case: &Case, ns: NsIndex, addr: IpAddr) -> Vec<Suspect> {
    let n = case.net.namespace(ns);
    if addr.is_ipv4() {
        return Vec::new();
    }
    let is_global = |a: &Address| a.prefix.addr.is_ipv6() && a.scope == 0;
    let has_none = !n.addresses.items().iter().any(is_global);
    let mut out = Vec::new();
    for link in n.links.items() {
        let near = lost::near(case, ns, link.index, IpFamily::V6);
        let gateways = near.iter().flat_map(|at| gateways(case, at));
        let mut had: Vec<Prefix> = gateways.collect();
        if had.is_empty() && has_none {
            had.extend(near.first().and_then(|at| free(case, at.address.prefix)));
        }
        had.dedup();
        let suspects = had.into_iter().filter_map(|address| suspect(case, ns, link, address, &near));
        out.extend(suspects.map(Suspect::must_connect));
    }
    out
}

/// Next hops in the network of an address by which its owner sends, and that nobody has.
fn gateways(case: &Case, at: &Near) -> Vec<Prefix> {
    let routes = case.net.namespace(at.ns).routes.items().iter();
    let hops = routes.flat_map(|r| &r.next_hops).filter(|h| h.oif == Some(at.address.index));
    hops.filter_map(|h| h.gateway)
        .filter(|g| at.address.prefix.contains(*g) && !case.is_owned(*g))
        .map(|g| Prefix::new(g, at.address.prefix.len))
        .collect()
}

/// An address of a network that nobody has.
fn free(case: &Case, network: Prefix) -> Option<Prefix> {
    let IpAddr::V6(base) = network.masked().addr else { return None };
    let hosts = (1..=u128::from(u16::MAX)).map(|host| IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() | host)));
    let mut free = hosts.filter(|a| network.contains(*a) && !case.is_owned(*a));
    free.next().map(|a| Prefix::new(a, network.len))
}

/// A device on which IPv6 is off, and which would have an address: it comes back by nobody, nor does the default route.
fn suspect(case: &Case, ns: NsIndex, link: &Link, address: Prefix, near: &[Near]) -> Option<Suspect> {
    let n = case.net.namespace(ns);
    let key = format!("net.ipv6.conf.{}.disable_ipv6", link.name);
    if link.is_loopback() || n.sysctls.number(&key) != Some(1) {
        return None;
    }
    let on = case.set_sysctl(ns, &key, "0");
    let back = vec![on, lost::given(case, ns, link.index, address)];
    let mut cures = vec![back.clone()];
    cures.extend(lost::with_default_route(case, (ns, link.index), IpFamily::V6, &back, near));
    let finding =
        Finding::Ipv6Disabled { namespace: case.name(ns), sysctl: key.clone(), device: link.name.clone() };
    Some(Suspect::new(finding, place::sysctl(case.net, ns, &key, "1"), Layer::Sysctl, cures))
}

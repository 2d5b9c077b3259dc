//! Routes, and the sysctls that decide about them.

use std::net::IpAddr;

use plumb_model::{
    Action, Address, Change, IpFamily, Namespace, NeighbourState, NextHop, Prefix, Route, RouteKind,
};
use plumb_trace::event::RouteRef;

use super::Look;
use super::segments::Device;
use crate::check::told::{Observation, Seen};
use crate::place;

/// Preference of the policy rule that leads to the table `main`.
const MAIN_RULE: u32 = 32766;

/// Whether nothing but the three default policy rules chooses a table.
fn plain_rules(n: &Namespace) -> bool {
    n.rules.value().is_some_and(|all| all.iter().all(|r| place::DEFAULT_RULES.contains(&r.priority)))
}

/// The route of the tables `local` and `main` that an address has, by its index.
fn look_up(n: &Namespace, addr: IpAddr) -> Option<(usize, &Route)> {
    let best = |table: u32| {
        let fits = n.routes.items().iter().enumerate().filter(move |(_, r)| {
            r.table == table && r.tos == 0 && r.src.is_none_or(|s| s.len == 0) && r.dst.contains(addr)
        });
        fits.max_by_key(|(_, r)| (r.dst.len, std::cmp::Reverse(r.priority)))
    };
    best(Route::TABLE_LOCAL).or_else(|| best(Route::TABLE_MAIN))
}

fn at(ns: usize, route: usize, hop: usize) -> RouteRef {
    RouteRef { ns, route, hop, rule_pref: MAIN_RULE, rule: None }
}

fn number(n: &Namespace, name: &str) -> i64 {
    n.sysctls.number(name).unwrap_or(0)
}

fn set(n: &Namespace, name: &str, value: &str) -> Change {
    let action = Action::SetSysctl { name: name.to_owned(), value: value.to_owned() };
    Change { namespace: n.id, action }
}

/// R09: a route over several next hops still uses one that is dead, for a share of all flows (`fib_select_multipath`).
pub(super) fn dead_hop(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for (ri, r) in n.routes.items().iter().enumerate() {
            if r.next_hops.len() < 2 || r.kind != RouteKind::Unicast {
                continue;
            }
            for (hi, hop) in r.next_hops.iter().enumerate() {
                let Some((why, cure)) = dead(n, r, hop) else { continue };
                let mut alive = r.clone();
                alive.next_hops.remove(hi);
                let change = |action| Change { namespace: n.id, action };
                let word = hop.gateway.map_or_else(|| n.link_name(hop.oif.unwrap_or(0)), |g| g.to_string());
                found.push(
                    Observation::new("multipath-dead-hop", place::route(look.net, at(ns, ri, hi)))
                        .with("hop", word)
                        .with("route", place::route_text(look.net, &at(ns, ri, hi)))
                        .seen(Seen::new(
                            "next-hop",
                            why,
                            "reachable",
                            n.command(&format!("ip route show {}", r.dst)),
                        ))
                        .affects([look.name(ns)])
                        .change(vec![cure])
                        .change(vec![
                            change(Action::DeleteRoute(r.clone())),
                            change(Action::AddRoute(alive)),
                        ]),
                );
            }
        }
    }
    found
}

/// Why a next hop is dead though it is used, and the setting by which the kernel would leave it out.
fn dead(n: &Namespace, r: &Route, hop: &NextHop) -> Option<(&'static str, Change)> {
    if hop.flags & NextHop::DEAD != 0 {
        return None;
    }
    let device = n.link_name(hop.oif?);
    let family = r.family.sysctl_name();
    let ignored = ["all", &device]
        .iter()
        .any(|d| number(n, &format!("net.{family}.conf.{d}.ignore_routes_with_linkdown")) != 0);
    if hop.flags & NextHop::LINKDOWN != 0 {
        let name = format!("net.{family}.conf.{device}.ignore_routes_with_linkdown");
        return (!ignored).then(|| ("linkdown", set(n, &name, "1")));
    }
    // IPv6 leaves out neighbours that failed by itself (`fib6_nh_find_match`).
    let use_neigh = "net.ipv4.fib_multipath_use_neigh";
    if r.family == IpFamily::V6 || number(n, use_neigh) != 0 {
        return None;
    }
    let gateway = hop.gateway?;
    let failed = n
        .neighbours
        .items()
        .iter()
        .any(|e| Some(e.index) == hop.oif && e.addr == gateway && e.state == NeighbourState::FAILED);
    failed.then(|| ("neighbour FAILED", set(n, use_neigh, "1")))
}

/// R06: two routers have each other as next hop for one network.
pub(super) fn loops(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces().filter(|(_, n)| plain_rules(n)) {
        for (ri, r) in n.routes.items().iter().enumerate().filter(|(_, r)| r.table == Route::TABLE_MAIN) {
            // Two default routes may point at each other where nobody asks for anything else.
            if r.dst.len == 0 || !forwards(n, r.family) || look_up(n, r.dst.addr).map(|(i, _)| i) != Some(ri)
            {
                continue;
            }
            let Some(other) = next_router(look, ns, r) else { continue };
            let m = look.ns(other);
            if other < ns || !plain_rules(m) || !forwards(m, r.family) {
                continue;
            }
            let Some((_, back)) = look_up(m, r.dst.addr).filter(|(_, b)| b.dst == r.dst) else { continue };
            if next_router(look, other, back) != Some(ns) {
                continue;
            }
            let delete = Change { namespace: n.id, action: Action::DeleteRoute(r.clone()) };
            let delete_back = Change { namespace: m.id, action: Action::DeleteRoute(back.clone()) };
            let command = format!("ip route show {}", r.dst);
            found.push(
                Observation::new("routing-loop", place::route(look.net, at(ns, ri, 0)))
                    .with("network", r.dst.to_string())
                    .with("other", look.name(other))
                    .seen(Seen::new(
                        "next-router",
                        look.name(other),
                        serde_json::Value::Null,
                        n.command(&command),
                    ))
                    .seen(Seen::new(
                        "next-router",
                        look.name(ns),
                        serde_json::Value::Null,
                        m.command(&command),
                    ))
                    .affects([look.name(ns), look.name(other)])
                    .change(vec![delete])
                    .change(vec![delete_back]),
            );
        }
    }
    found
}

fn forwards(n: &Namespace, family: IpFamily) -> bool {
    match family {
        IpFamily::V4 => number(n, "net.ipv4.ip_forward") != 0,
        IpFamily::V6 => number(n, "net.ipv6.conf.all.forwarding") != 0,
    }
}

/// Whose address the only gateway of a route is.
fn next_router(look: &Look<'_>, ns: usize, r: &Route) -> Option<usize> {
    let [hop] = r.next_hops.as_slice() else { return None };
    let owner = look.owner_near((ns, hop.oif?), hop.gateway?)?;
    (r.kind == RouteKind::Unicast && owner.0 != ns).then_some(owner.0)
}

/// R07: a device takes only packets whose way back leads out of it, and the way back to a neighbour there leads
/// elsewhere (`__fib_validate_source`).
pub(super) fn reverse_path(look: &Look<'_>) -> Vec<Observation> {
    const STRICT: i64 = 1;
    let mut found = Vec::new();
    for (ns, n) in look.namespaces().filter(|(_, n)| plain_rules(n) && n.routes.value().is_some()) {
        for l in n.links.items().iter().filter(|l| look.is_station((ns, l.index))) {
            let own = format!("net.ipv4.conf.{}.rp_filter", l.name);
            let all = "net.ipv4.conf.all.rp_filter".to_owned();
            let name = if number(n, &all) > number(n, &own) { all } else { own };
            if number(n, &name) != STRICT {
                continue;
            }
            let Some((source, leads)) = unexpected_source(look, (ns, l.index)) else { continue };
            found.push(
                Observation::new("rp-filter-asymmetric", place::sysctl(look.net, ns, &name, "1"))
                    .with("device", &l.name)
                    .with("sysctl", &name)
                    .with("source", source.to_string())
                    .with("leads", &leads)
                    .seen(Seen::new("sysctl", "1", "2", n.command(&format!("sysctl {name}"))))
                    .seen(Seen::new(
                        "way-back",
                        leads,
                        l.name.clone(),
                        n.command(&format!("ip route get {source}")),
                    ))
                    .affects([look.name(ns)])
                    .change(vec![set(n, &name, "2")]),
            );
        }
    }
    found
}

/// The address of a neighbour that sends to this device, while the route back to it leads to a device on another segment.
fn unexpected_source(look: &Look<'_>, device: Device) -> Option<(IpAddr, String)> {
    let n = look.ns(device.0);
    let here: Vec<Prefix> = look.addresses(device).map(|a| a.prefix).filter(|p| p.addr.is_ipv4()).collect();
    let near = look.segments.around(device);
    look.stations(device).filter(|d| d.0 != device.0).find_map(|d| {
        // What it sends to an address of this device it sends straight here, from its address in that network.
        let sends = |a: &&Address| here.iter().any(|p| a.prefix.contains(p.addr) && a.prefix.addr != p.addr);
        look.addresses(d).filter(sends).find_map(|a| {
            let source = a.prefix.addr;
            let straight = here.iter().any(|p| {
                look_up(look.ns(d.0), p.addr).is_some_and(|(_, r)| {
                    r.next_hops.iter().all(|h| h.oif == Some(d.1) && h.gateway.is_none())
                })
            });
            let (_, back) = look_up(n, source)?;
            let elsewhere = back.kind == RouteKind::Unicast
                && !back.next_hops.is_empty()
                && back.next_hops.iter().all(|h| h.oif.is_some_and(|o| !near.contains(&(device.0, o))));
            let leads = n.link_name(back.next_hops.first()?.oif?);
            (straight && elsewhere).then_some((source, leads))
        })
    })
}

/// R11: a machine forwards, but not what comes in by one device, and somebody there has it as a router.
pub(super) fn forwarding_off(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces().filter(|(_, n)| number(n, "net.ipv4.ip_forward") == 1) {
        for l in n.links.items().iter().filter(|l| look.is_station((ns, l.index))) {
            let name = format!("net.ipv4.conf.{}.forwarding", l.name);
            if n.sysctls.number(&name) != Some(0) {
                continue;
            }
            let device = (ns, l.index);
            let Some(client) = look.stations(device).find(|d| d.0 != ns && routes_by(look, *d, device))
            else {
                continue;
            };
            found.push(
                Observation::new("forwarding-off", place::sysctl(look.net, ns, &name, "0"))
                    .with("device", &l.name)
                    .with("sysctl", &name)
                    .with("client", look.name(client.0))
                    .seen(Seen::new("sysctl", "0", "1", n.command(&format!("sysctl {name}"))))
                    .affects([look.name(client.0)])
                    .change(vec![set(n, &name, "1")]),
            );
        }
    }
    found
}

/// Whether a route of somebody has an address of this device as its gateway.
fn routes_by(look: &Look<'_>, somebody: Device, router: Device) -> bool {
    let hops = look.ns(somebody.0).routes.items().iter().flat_map(|r| &r.next_hops);
    hops.into_iter().any(|h| {
        h.oif == Some(somebody.1)
            && h.gateway.is_some_and(|g| g.is_ipv4() && look.addresses(router).any(|a| a.prefix.addr == g))
    })
}

/// R12: a router takes no router advertisements unless `accept_ra` is 2 (`ipv6_accept_ra`): the address that it once got
/// from one is there, the default route is gone.
pub(super) fn advertisements(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let has_default = n
            .routes
            .items()
            .iter()
            .any(|r| r.family == IpFamily::V6 && r.dst.len == 0 && r.kind == RouteKind::Unicast);
        if has_default || n.routes.value().is_none() {
            continue;
        }
        for l in n.links.items().iter().filter(|l| look.is_station((ns, l.index))) {
            let name = format!("net.ipv6.conf.{}.accept_ra", l.name);
            let forwards = number(n, &format!("net.ipv6.conf.{}.forwarding", l.name)) != 0;
            let from_router = |a: &&Address| {
                a.prefix.addr.is_ipv6() && a.prefix.len == 64 && a.flags & Address::PERMANENT == 0
            };
            let Some(a) = look.addresses((ns, l.index)).find(from_router) else { continue };
            if !forwards || n.sysctls.number(&name) != Some(1) {
                continue;
            }
            found.push(
                Observation::new("advertisements-ignored", place::sysctl(look.net, ns, &name, "1"))
                    .with("device", &l.name)
                    .with("sysctl", &name)
                    .with("address", a.prefix.to_string())
                    .seen(Seen::new("sysctl", "1", "2", n.command(&format!("sysctl {name}"))))
                    .affects([look.name(ns)])
                    .change(vec![set(n, &name, "2")]),
            );
        }
    }
    found
}

//! Routes and policy rules (`fib_check_nh` in net/ipv4/fib_semantics.c, `ip6_route_info_create` in net/ipv6/route.c).

use std::net::IpAddr;

use super::ChangeError;
use super::error::read;
use crate::{IpFamily, Link, Namespace, NextHop, PolicyRule, Prefix, Route, RouteKind, fmt_route, fmt_rule};

const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// `RTPROT_BOOT`: what `ip route add` writes.
const BOOT: u8 = 3;
/// Metric of an IPv6 route that names none (`IP6_RT_PRIO_USER`).
const DEFAULT_V6_METRIC: u32 = 1024;

pub(super) fn add(ns: &mut Namespace, route: &Route) -> Result<(), ChangeError> {
    let of = ns.name.clone();
    read(&mut ns.routes, "routes", &of)?;
    let mut new = normal(ns, route);
    let same = |r: &&Route| {
        r.family == new.family
            && r.table == new.table
            && r.dst == new.dst
            && r.src == new.src
            && r.priority == new.priority
            && (new.family == IpFamily::V6 || r.tos == new.tos)
    };
    if let Some(old) = ns.routes.items().iter().find(same) {
        return Err(ChangeError::AlreadyThere(format!("route `{}`", fmt_route(old, ns))));
    }
    let mut hops = std::mem::take(&mut new.next_hops);
    for hop in &mut hops {
        if let Err(why) = check_hop(ns, hop) {
            new.next_hops = hops;
            let what = format!("adding route `{}`", fmt_route(&new, ns));
            return Err(ChangeError::Refused { what, why });
        }
    }
    new.next_hops = hops;
    if let Some(routes) = ns.routes.value_mut() {
        routes.push(new);
    }
    Ok(())
}

/// With what `ip route add` and the kernel fill in.
fn normal(ns: &Namespace, route: &Route) -> Route {
    let mut new = Route { dst: route.dst.masked(), ..route.clone() };
    if new.table == 0 {
        new.table = Route::TABLE_MAIN;
    }
    if new.protocol == 0 {
        new.protocol = BOOT;
    }
    let gateway = new.next_hops.iter().any(|h| h.gateway.is_some());
    match (new.family, new.kind) {
        (IpFamily::V6, kind) => {
            if new.priority == 0 && new.protocol != 2 {
                new.priority = DEFAULT_V6_METRIC;
            }
            let rejects = matches!(
                kind,
                RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw
            );
            let lo = ns.links.items().iter().find(|l| l.is_loopback()).map(|l| l.index);
            if rejects && new.next_hops.is_empty() {
                new.next_hops.push(NextHop { gateway: None, oif: lo.or(Some(1)), weight: 1, flags: 0 });
            }
        }
        (IpFamily::V4, RouteKind::Local) if new.scope == 0 => new.scope = SCOPE_HOST,
        (IpFamily::V4, RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast)
            if new.scope == 0 =>
        {
            new.scope = SCOPE_LINK;
        }
        (IpFamily::V4, RouteKind::Unicast) if new.scope == 0 && !gateway && new.next_hops.len() == 1 => {
            new.scope = SCOPE_LINK;
        }
        _ => {}
    }
    new
}

/// Fills in the device of a hop that names only its gateway, and says why a hop cannot be.
fn check_hop(ns: &Namespace, hop: &mut NextHop) -> Result<(), String> {
    hop.flags &= !(NextHop::DEAD | NextHop::LINKDOWN);
    hop.weight = hop.weight.max(1);
    if let Some(gateway) = hop.gateway
        && hop.flags & NextHop::ONLINK == 0
    {
        let link_local = matches!(gateway, IpAddr::V6(a) if a.is_unicast_link_local());
        match (link_local, hop.oif) {
            (true, None) => return Err("a link-local gateway needs a device".to_owned()),
            (true, Some(_)) => {}
            (false, oif) => hop.oif = Some(on_link(ns, gateway, oif)?),
        }
    }
    let Some(oif) = hop.oif else { return Err("a hop names a gateway, a device, or both".to_owned()) };
    let link = ns.link(oif).ok_or_else(|| format!("there is no device {oif}"))?;
    if !link.is_up() {
        return Err(format!("the device `{}` is down", link.name));
    }
    if link.carrier == Some(false) {
        hop.flags |= NextHop::LINKDOWN;
    }
    Ok(())
}

/// The device by which a gateway is reached without another gateway.
fn on_link(ns: &Namespace, gateway: IpAddr, oif: Option<u32>) -> Result<u32, String> {
    let by = |r: &Route| {
        let hop = r.next_hops.iter().find(|h| oif.is_none_or(|o| h.oif == Some(o)))?;
        (hop.gateway.is_none()).then_some(hop.oif?)
    };
    let routes = ns.routes.items().iter().filter(|r| {
        r.kind == RouteKind::Unicast && r.dst.contains(gateway) && (r.dst.len > 0 || r.scope == SCOPE_LINK)
    });
    let in_table = |t: u32| {
        let of_table = routes.clone().filter(move |r| r.table == t);
        of_table.filter_map(|r| Some((r.dst.len, by(r)?))).max_by_key(|(len, _)| *len)
    };
    let device_table = oif.and_then(|o| ns.link(o)?.master).and_then(|m| vrf_table(ns.link(m)?));
    let found = device_table.into_iter().chain([Route::TABLE_MAIN]).find_map(in_table);
    found.map(|(_, index)| index).ok_or_else(|| {
        let by = oif.map(|o| format!(" by `{}`", ns.link_name(o))).unwrap_or_default();
        format!("the gateway {gateway} is on no network that is reached directly{by} (Nexthop has invalid gateway)")
    })
}

fn vrf_table(link: &Link) -> Option<u32> {
    (link.kind == "vrf").then(|| link.settings.get("table")?.parse().ok())?
}

pub(super) fn delete(ns: &mut Namespace, route: &Route) -> Result<(), ChangeError> {
    let of = ns.name.clone();
    let routes = read(&mut ns.routes, "routes", &of)?;
    let key = |r: &Route| (r.family, r.table, r.kind, Prefix::masked(&r.dst), r.src, r.tos, r.priority);
    let hops = |r: &Route| r.next_hops.iter().map(|h| (h.gateway, h.oif)).collect::<Vec<_>>();
    let i = routes.iter().position(|r| r == route).or_else(|| {
        routes
            .iter()
            .position(|r| key(r) == key(route) && (route.next_hops.is_empty() || hops(r) == hops(route)))
    });
    match i {
        Some(i) => {
            routes.remove(i);
            Ok(())
        }
        None => Err(ChangeError::NotFound(format!(
            "route `{}` in table {}",
            fmt_route(route, ns),
            Route::table_name(route.table)
        ))),
    }
}

pub(super) fn add_rule(ns: &mut Namespace, rule: &PolicyRule) -> Result<(), ChangeError> {
    let of = ns.name.clone();
    let rules = read(&mut ns.rules, "policy rules", &of)?;
    if rules.iter().any(|r| PolicyRule { protocol: rule.protocol, ..r.clone() } == *rule) {
        return Err(ChangeError::AlreadyThere(format!("policy rule `{}`", fmt_rule(rule))));
    }
    let i = rules
        .iter()
        .position(|r| r.family == rule.family && r.priority > rule.priority)
        .unwrap_or(rules.len());
    rules.insert(i, rule.clone());
    Ok(())
}

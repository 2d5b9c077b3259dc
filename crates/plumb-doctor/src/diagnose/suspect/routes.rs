//! Routes that are missing, discard, lead astray or in circles.

use std::net::IpAddr;

use plumb_model::{Action, Change, Route, RouteKind};
use plumb_trace::Network;
use plumb_trace::event::{Discard, Event, NoAnswer, RouteRef, RouteUse, Stop};
use plumb_trace::session::Outcome;
use plumb_trace::state::NsIndex;

use super::added::added_routes;
use super::{Case, Suspect, disabled, links, nat};
use crate::diagnose::{Failure, walk, with};
use crate::finding::{Finding, Packet, Shown, ShownWhat};
use crate::place;
use crate::report::Layer;

/// No route: a device that is down took it along, or it was never there.
pub(super) fn missing(case: &Case, ns: NsIndex, table: u32, addr: IpAddr, packet: Packet) -> Vec<Suspect> {
    let mut out = links::down_that_led_to(case, ns, addr);
    out.extend(disabled::without_route(case, ns, addr));
    if !case.is_owned(addr) {
        out.extend(nat::to_nobody(case, addr));
    }
    let finding = Finding::RouteMissing {
        namespace: case.name(ns),
        table: Route::table_name(table),
        address: addr.to_string(),
        packet,
    };
    let place = place::missing_route(case.net, ns, table, addr);
    let mut alternatives = added_routes(case, ns, table, addr, None);
    // A throw route leaves the matter to later tables, and none of them has one.
    let thrown = case
        .net
        .namespace(ns)
        .routes
        .items()
        .iter()
        .filter(|r| r.kind == RouteKind::Throw && r.dst.contains(addr));
    alternatives.extend(thrown.map(|r| vec![case.change(ns, Action::DeleteRoute(r.clone()))]));
    let read_with = case.command(ns, &format!("ip route get {addr}"));
    let shown = Shown::new(ShownWhat::RouteLookup, "no route", serde_json::Value::Null, read_with);
    out.push(Suspect::new(finding, place, Layer::Routing, alternatives).show([shown]));
    out
}

/// A route deleted, and others added for the same network. One to whoever is at the other end of a device goes before a
/// wider one that stays.
fn in_place_of(delete: &Change, old: &Route, add: &[Change]) -> Vec<Change> {
    let to_other_end = |c: &Change| match &c.action {
        Action::AddRoute(new) => new.dst.is_host() && new.next_hops.iter().all(|h| h.gateway.is_none()),
        _ => false,
    };
    if !old.dst.is_host() && add.iter().all(to_other_end) {
        return add.to_vec();
    }
    let same_network = add.iter().map(|c| match &c.action {
        Action::AddRoute(new) => {
            let new = Route { dst: old.dst, priority: old.priority, ..new.clone() };
            Change { namespace: c.namespace, action: Action::AddRoute(new) }
        }
        _ => c.clone(),
    });
    std::iter::once(delete.clone()).chain(same_network).collect()
}

pub(super) fn discards(case: &Case, route: &RouteRef, packet: Packet) -> Vec<Suspect> {
    let Some(r) = case.net.namespace(route.ns).routes.items().get(route.route) else { return Vec::new() };
    let finding = Finding::RouteDiscards {
        namespace: case.name(route.ns),
        route: place::route_text(case.net, route),
        table: Route::table_name(r.table),
        packet,
        diverted: !place::DEFAULT_RULES.contains(&route.rule_pref),
    };
    let addr = case.failure.state.packet.dst;
    let delete = case.change(route.ns, Action::DeleteRoute(r.clone()));
    let mut alternatives = vec![vec![delete.clone()]];
    // Where nothing else leads there, one in its place does, or a narrower one beside it.
    let others = added_routes(case, route.ns, r.table, addr, None);
    alternatives.extend(others.iter().map(|add| in_place_of(&delete, r, add)));
    alternatives.extend(others);
    vec![Suspect::new(finding, place::route(case.net, *route), Layer::Routing, alternatives)]
}

pub(super) fn policy_rule(case: &Case, ns: NsIndex, rule: usize, packet: Packet) -> Vec<Suspect> {
    let Some(r) = case.net.namespace(ns).rules.items().get(rule) else { return Vec::new() };
    let finding =
        Finding::PolicyRuleDiscards { namespace: case.name(ns), rule: plumb_model::fmt_rule(r), packet };
    let cure = case.change(ns, Action::DeletePolicyRule(r.clone()));
    vec![Suspect::new(finding, place::policy_rule(case.net, ns, rule), Layer::Routing, vec![vec![cure]])]
}

/// A loop: the one route without which the packet would arrive.
pub(super) fn looping(case: &Case) -> Vec<Suspect> {
    let mut seen: Vec<(RouteRef, usize)> = Vec::new();
    for e in &case.failure.events {
        let Event::Route { purpose: RouteUse::Input, found } = e else { continue };
        match seen.iter_mut().find(|(r, _)| r == found) {
            Some(s) => s.1 += 1,
            None => seen.push((*found, 1)),
        }
    }
    round(case, seen.into_iter().filter(|(_, times)| *times > 1).map(|(route, _)| route).collect())
}

/// Checks of sources that are mended one after the other to see where a packet would go without them.
const MOST_CHECKS: usize = 8;

/// A loop that ends before the packet's life does, since somebody on the way checks its source: the routes by which it would
/// go round without these checks.
pub(super) fn cut_short(case: &Case) -> Vec<Suspect> {
    let mut model = case.net.snapshot.clone();
    for _ in 0..MOST_CHECKS {
        let net = Network::compile(&model);
        let walked = walk(&net, case.flow).attempt;
        let failing = walked.branches.iter().filter(|b| b.outcome != Outcome::Connects);
        let Some(failure) = failing.max_by_key(|b| b.share).and_then(Failure::of_branch) else { break };
        let mut stop = failure.stop;
        while let Stop::NeighbourFailed { why: NoAnswer::Lost { stop: inner, .. }, .. } = stop {
            stop = inner;
        }
        match stop {
            Stop::TtlExceeded { .. } => {
                return looping(&Case { net: &net, flow: case.flow, failure: &failure });
            }
            Stop::Sysctl { ns, name, because: Discard::OwnSource | Discard::ReversePath, right, .. } => {
                let (value, also) = match name.strip_suffix("rp_filter") {
                    Some(_) => ("0", Some("net.ipv4.conf.all.rp_filter")),
                    None => (right.as_str(), None),
                };
                let names = [Some(name.as_str()), also];
                let changes: Vec<Change> =
                    names.into_iter().flatten().map(|name| case.set_sysctl(*ns, name, value)).collect();
                match with(&model, &changes) {
                    Some(mended) if mended != model => model = mended,
                    _ => break,
                }
            }
            _ => break,
        }
    }
    Vec::new()
}

/// Whether the failing packet had already been in a namespace and left it before.
pub(super) fn has_come_back(case: &Case, ns: NsIndex) -> bool {
    let events = &case.failure.events;
    let left = events.iter().position(|e| matches!(e, Event::Leaves { ns: n, .. } if *n == ns));
    left.is_some_and(|at| events[at..].iter().any(|e| matches!(e, Event::Enters { ns: n, .. } if *n == ns)))
}

/// The routes of a circle: first each taken away, then, the narrowest first, another beside it or in its place. A default
/// route stays where anything else helps: the rest of the machine's traffic goes by it.
fn round(case: &Case, routes: Vec<RouteRef>) -> Vec<Suspect> {
    let of = |at: &RouteRef| case.net.namespace(at.ns).routes.items().get(at.route);
    let suspect = |at: &RouteRef, replace: bool| {
        let r = of(at)?;
        let finding = Finding::RoutingLoop {
            namespace: case.name(at.ns),
            route: place::route_text(case.net, at),
            table: Route::table_name(r.table),
        };
        let delete = case.change(at.ns, Action::DeleteRoute(r.clone()));
        let cures = if replace {
            let others = added_routes(case, at.ns, r.table, case.failure.state.packet.dst, None);
            let is_narrower = |c: &Change| match &c.action {
                Action::AddRoute(new) => new.dst.len > r.dst.len,
                _ => false,
            };
            let beside = others.iter().filter(|add| add.iter().all(is_narrower)).cloned();
            beside.chain(others.iter().map(|add| in_place_of(&delete, r, add))).collect()
        } else {
            vec![vec![delete]]
        };
        Some(Suspect::new(finding, place::route(case.net, *at), Layer::Routing, cures))
    };
    let length = |at: &RouteRef| of(at).map(|r| r.dst.len);
    let (defaults, others): (Vec<RouteRef>, Vec<RouteRef>) =
        routes.iter().copied().partition(|at| length(at) == Some(0));
    let mut narrowest = routes;
    narrowest.sort_by_key(|at| std::cmp::Reverse(length(at)));
    let mut out: Vec<Suspect> = others.iter().filter_map(|at| suspect(at, false)).collect();
    out.extend(narrowest.iter().filter_map(|at| suspect(at, true)).map(Suspect::must_connect));
    out.extend(defaults.iter().filter_map(|at| suspect(at, false)));
    out
}

/// The request's source is one that its route prefers and that answers do not find back to.
pub(super) fn preferred_source(case: &Case) -> Option<Suspect> {
    let source = case.failure.request.world.source?;
    let found = case.failure.request_events.iter().find_map(|e| match e {
        Event::Route { purpose: RouteUse::Output, found } => Some(*found),
        _ => None,
    })?;
    let r = case.net.namespace(found.ns).routes.items().get(found.route)?;
    if r.prefsrc != Some(source) || r.kind != RouteKind::Unicast {
        return None;
    }
    let finding = Finding::RouteAstray {
        namespace: case.name(found.ns),
        route: place::route_text(case.net, &found),
        table: Route::table_name(r.table),
        packet: Packet::Request,
        by_source: true,
    };
    let delete = case.change(found.ns, Action::DeleteRoute(r.clone()));
    let plain = case.change(found.ns, Action::AddRoute(Route { prefsrc: None, ..r.clone() }));
    let place = place::route(case.net, found);
    Some(Suspect::new(finding, place, Layer::Routing, vec![vec![delete, plain]]).must_connect())
}

/// The route that a packet took last in a namespace leads to a next hop that is not there: a stale one hides a
/// better one.
pub(super) fn astray(case: &Case, ns: NsIndex, gateway: IpAddr, packet: Packet) -> Option<Suspect> {
    let route = case.last(|e| match e {
        Event::Route { purpose: RouteUse::Input | RouteUse::Output, found } if found.ns == ns => Some(*found),
        _ => None,
    })?;
    let r = case.net.namespace(ns).routes.items().get(route.route)?;
    let hop = r.next_hops.get(route.hop)?;
    let shadow = hop.gateway.is_none().then(|| shadowing(case, ns, r, hop.oif, gateway)).flatten();
    if shadow.is_none() && hop.gateway != Some(gateway) {
        return None;
    }
    let finding = Finding::RouteAstray {
        namespace: case.name(ns),
        route: place::route_text(case.net, &route),
        table: Route::table_name(r.table),
        packet,
        by_source: false,
    };
    let delete = shadow.unwrap_or_else(|| case.change(ns, Action::DeleteRoute(r.clone())));
    let mut alternatives = vec![vec![delete.clone()]];
    // Where nothing else leads there: the same network by a machine that exists.
    let others = added_routes(case, ns, r.table, case.failure.state.packet.dst, None);
    alternatives.extend(others.iter().map(|add| in_place_of(&delete, r, add)));
    Some(Suspect::new(finding, place::route(case.net, route), Layer::Routing, alternatives).must_connect())
}

/// The route by which a packet came to a machine that does not forward.
pub(super) fn to_no_router(case: &Case, ns: NsIndex) -> Option<Suspect> {
    let events = &case.failure.events;
    let by = events.iter().rev().find_map(|e| match e {
        Event::Route { purpose: RouteUse::Input | RouteUse::Output, found } if found.ns != ns => Some(*found),
        _ => None,
    })?;
    let r = case.net.namespace(by.ns).routes.items().get(by.route)?;
    let gateway = r.next_hops.get(by.hop)?.gateway?;
    let leads_here = case.net.owners_of(gateway).contains(&ns);
    leads_here.then(|| astray(case, by.ns, gateway, case.failure.packet)).flatten()
}

/// What takes away a route that looks on a link for an address whose owner lives elsewhere: the route itself, or the
/// address that brought it. An owner in the very network of the route is where it should be, if the machine that has the
/// route has an address of that network on the link, too.
fn shadowing(case: &Case, ns: NsIndex, r: &Route, device: Option<u32>, addr: IpAddr) -> Option<Change> {
    // RTPROT_KERNEL
    const KERNEL: u8 = 2;
    let owners = case.net.owners_of(addr);
    let lives_there = |a: &plumb_model::Address| a.prefix.addr == addr && a.prefix.masked() == r.dst;
    let on_link = |a: &plumb_model::Address| Some(a.index) == device && a.prefix.masked() == r.dst;
    let elsewhere = owners.into_iter().next().is_some()
        && (!case.net.snapshot.namespaces.iter().flat_map(|n| n.addresses.items()).any(lives_there)
            || !case.net.namespace(ns).addresses.items().iter().any(on_link));
    if !elsewhere || r.kind != RouteKind::Unicast {
        return None;
    }
    if r.protocol != KERNEL {
        return Some(case.change(ns, Action::DeleteRoute(r.clone())));
    }
    let n = case.net.namespace(ns);
    let address = n.addresses.items().iter().find(|a| on_link(a))?;
    let device = n.link_name(address.index);
    Some(case.change(ns, Action::DeleteAddress { device, address: address.clone() }))
}

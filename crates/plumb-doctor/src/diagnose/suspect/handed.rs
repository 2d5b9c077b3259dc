//! Packets that rules hand to transparent sockets (TPROXY) and that are not routed to this machine.

use std::collections::BTreeMap;

use plumb_model::{Action, Change, IpFamily, NextHop, PolicyAction, PolicyRule, Prefix, Route, RouteKind};
use plumb_trace::state::NsIndex;

use super::{Case, Suspect};
use crate::finding::Finding;
use crate::place;
use crate::report::Layer;

/// The table that documentation of the kernel uses (Documentation/networking/tproxy.rst).
const CUSTOMARY_TABLE: u32 = 100;
/// `RTPROT_BOOT`, as `ip` writes.
const BOOT: u8 = 3;

pub(super) fn over(case: &Case, ns: NsIndex, socket: usize, device: u32) -> Vec<Suspect> {
    let n = case.net.namespace(ns);
    let packet = &case.failure.state.packet;
    let (family, mark) = (packet.family, packet.mark);
    let Some(taker) = n.sockets.items().get(socket) else { return Vec::new() };
    let finding = Finding::HandedOver {
        namespace: case.name(ns),
        socket: place::socket_text(taker),
        mark,
        device: case.net.device_name(ns, device),
    };
    // Rules that lead marked packets to a table of their own; else one is made, to a table that is there for it or will be.
    let led: Vec<u32> = n.rules.items().iter().filter_map(|r| table_for(r, family, mark)).collect();
    let mut alternatives: Vec<Vec<Change>> = Vec::new();
    for &table in &led {
        alternatives.extend(local_route(case, ns, family, table).map(|route| vec![route]));
    }
    if mark != 0 {
        let ready = n.routes.items().iter().find(|r| takes_all(r, family)).map(|r| r.table);
        let table = ready.unwrap_or(CUSTOMARY_TABLE);
        let rule = PolicyRule {
            fwmark: Some((mark, u32::MAX)),
            ..PolicyRule::to_table(family, before_main(case, ns, family), table, BOOT)
        };
        let mut changes = vec![case.change(ns, Action::AddPolicyRule(rule))];
        if ready.is_none() {
            changes.extend(local_route(case, ns, family, table));
        }
        alternatives.push(changes);
    }
    let table = led.first().copied().unwrap_or(Route::TABLE_MAIN);
    let place = place::missing_route(case.net, ns, table, packet.dst);
    vec![Suspect::new(finding, place, Layer::Routing, alternatives)]
}

/// The table that a rule leads packets with this mark to, and others not.
fn table_for(r: &PolicyRule, family: IpFamily, mark: u32) -> Option<u32> {
    let (value, mask) = r.fwmark?;
    match r.action {
        PolicyAction::ToTable(table) if r.family == family && mark & mask == value => Some(table),
        _ => None,
    }
}

fn takes_all(r: &Route, family: IpFamily) -> bool {
    r.family == family && r.kind == RouteKind::Local && r.dst.len == 0
}

fn local_route(case: &Case, ns: NsIndex, family: IpFamily, table: u32) -> Option<Change> {
    let n = case.net.namespace(ns);
    if n.routes.items().iter().any(|r| r.table == table && takes_all(r, family)) {
        return None;
    }
    let loopback = n.links.items().iter().find(|l| l.is_loopback())?.index;
    let route = Route {
        family,
        table,
        kind: RouteKind::Local,
        dst: Prefix::new(family.unspecified(), 0),
        src: None,
        tos: 0,
        priority: 0,
        protocol: BOOT,
        // RT_SCOPE_HOST
        scope: if family == IpFamily::V4 { 254 } else { 0 },
        prefsrc: None,
        next_hops: vec![NextHop { gateway: None, oif: Some(loopback), weight: 1, flags: 0 }],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: BTreeMap::new(),
        unknown_attributes: Vec::new(),
    };
    Some(case.change(ns, Action::AddRoute(route)))
}

/// A preference that no rule has yet, before those for the main table.
fn before_main(case: &Case, ns: NsIndex, family: IpFamily) -> u32 {
    let rules = case.net.namespace(ns).rules.items();
    let taken = |p: u32| rules.iter().any(|r| r.family == family && r.priority == p);
    (1..32766).rev().find(|p| !taken(*p)).unwrap_or(1)
}

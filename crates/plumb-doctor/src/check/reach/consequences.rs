//! What comes along with a cause: routes and addresses that went with a device, families of one server, one default route
//! in place of many.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_model::{Action, Address, Change, IpFamily, Prefix, Route, Snapshot};
use plumb_trace::Network;
use plumb_trace::session::Outcome;

use super::answers::{Answer, some};
use super::causes::walked_again;
use super::pairs::Asked;
use crate::check::yardstick::{Member, Yardstick, global_addresses};
use crate::diagnose::{self, Diagnosed};
use crate::finding::{Finding, Packet, Shown, ShownWhat};
use crate::messages::{self, Lang};
use crate::place;
use crate::report::{Cause, Layer, Remedy};

/// Whether a cause takes the addresses of a namespace with it.
fn takes_addresses(d: &Diagnosed) -> bool {
    matches!(d.cause.id.as_str(), "link-down" | "ipv6-disabled")
}

/// The member that a cause stands at.
fn member_at<'y>(snapshot: &Snapshot, yardstick: &'y Yardstick, d: &Diagnosed) -> Option<&'y Member> {
    let name = d.cause.place.get("namespace").and_then(|v| v.as_str())?;
    yardstick.members.iter().find(|m| snapshot.namespaces[m.ns].name == name)
}

/// IPv6 addresses that a member should have and has not.
fn lost(snapshot: &Snapshot, member: &Member) -> Vec<IpAddr> {
    let has = global_addresses(&snapshot.namespaces[member.ns]);
    member.addresses.iter().copied().filter(|a| a.is_ipv6() && !has.contains(a)).collect()
}

/// IPv6 addresses go with a device, and do not come back with it: they are given back as the siblings of the namespace have
/// theirs, with the default route. Nothing where no sibling shows how.
pub(super) fn given_back(snapshot: &Snapshot, yardstick: &Yardstick, d: &Diagnosed) -> Vec<Change> {
    let Some(member) = member_at(snapshot, yardstick, d).filter(|_| takes_addresses(d)) else {
        return Vec::new();
    };
    let n = &snapshot.namespaces[member.ns];
    // The device that has the addresses of the other family.
    let device =
        n.addresses.items().iter().find(|a| member.addresses.contains(&a.prefix.addr)).map(|a| a.index);
    let Some(device) = device.and_then(|i| n.link(i)) else { return Vec::new() };
    let siblings = || yardstick.members.iter().filter(|m| m.ns != member.ns && m.node == member.node);
    let mut changes = Vec::new();
    for address in lost(snapshot, member) {
        let like = siblings().find_map(|m| {
            let s = &snapshot.namespaces[m.ns];
            let own = s
                .addresses
                .items()
                .iter()
                .find(|a| m.addresses.contains(&a.prefix.addr) && a.prefix.contains(address));
            Some((s, own?.clone()))
        });
        let Some((sibling, own)) = like else { continue };
        let given =
            Address { index: device.index, prefix: Prefix::new(address, own.prefix.len), ..own.clone() };
        let add = Action::AddAddress { device: device.name.clone(), address: given };
        changes.push(Change { namespace: n.id, action: add });
        let default = sibling.routes.items().iter().find(|r| {
            r.family == IpFamily::V6 && r.dst.len == 0 && r.next_hops.iter().any(|h| h.gateway.is_some())
        });
        if let Some(route) = default {
            let mut route = route.clone();
            route.next_hops.iter_mut().for_each(|h| h.oif = Some(device.index));
            changes.push(Change { namespace: n.id, action: Action::AddRoute(route) });
        }
    }
    changes
}

/// Whether a missing route went with a device that was set down.
pub(super) fn took_along(down: &Diagnosed, missing: &Diagnosed) -> bool {
    let namespace = |d: &Diagnosed| d.cause.place.get("namespace").cloned();
    takes_addresses(down)
        && matches!(missing.cause.id.as_str(), "route-missing" | "return-route-missing")
        && namespace(down) == namespace(missing)
        && !missing.cure.is_empty()
}

/// Members that lost their IPv6 addresses to `disable_ipv6`, each with a pair that fails for it.
pub(super) fn disabled(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    asked: &Asked,
    open: &[(usize, Answer)],
    lang: Lang,
) -> Vec<(usize, Diagnosed)> {
    let net = Network::compile(snapshot);
    let mut all = Vec::new();
    for member in &yardstick.members {
        let lost = lost(snapshot, member);
        let n = &snapshot.namespaces[member.ns];
        let own = n.addresses.items().iter().find(|a| member.addresses.contains(&a.prefix.addr));
        let Some(device) = own.and_then(|a| n.link(a.index)).filter(|_| !lost.is_empty()) else { continue };
        let sysctl = format!("net.ipv6.conf.{}.disable_ipv6", device.name);
        let Some(value) = n.sysctls.text(&sysctl).filter(|v| v.trim() != "0") else { continue };
        let fails = |i: usize| {
            let (ask, target) = (&asked.asks[i], &asked.targets[asked.asks[i].target]);
            lost.contains(&target.address)
                || target.address.is_ipv6() && asked.sources[ask.source].1 == member.ns
        };
        let Some(ask) = open.iter().map(|(i, _)| *i).find(|i| fails(*i)) else { continue };
        let finding = Finding::Ipv6Disabled {
            namespace: n.name.clone(),
            sysctl: sysctl.clone(),
            device: device.name.clone(),
        };
        let set = Action::SetSysctl { name: sysctl.clone(), value: "0".to_owned() };
        let shown = Shown::new(ShownWhat::Sysctl, value.trim(), "0", n.command(&format!("sysctl {sysctl}")));
        let mut d = Diagnosed {
            cause: Cause {
                id: messages::id(&finding).to_owned(),
                share: 1.0,
                layer: Layer::Sysctl,
                place: place::sysctl(&net, member.ns, &sysctl, value),
                summary: messages::summary(lang, &finding),
                evidence: vec![messages::evidence(lang, &shown)],
                effect: messages::effect(lang, &finding, &asked.flow(&asked.asks[ask])),
                remedy: Vec::new(),
                delay_s: None,
            },
            fault: messages::fault(&finding),
            packet: Packet::Request,
            cure: vec![Change { namespace: n.id, action: set }],
        };
        let back = given_back(snapshot, yardstick, &d);
        d.cure.extend(back);
        d.cause.remedy = vec![remedy_of(snapshot, &d.cure, asked, ask, lang)];
        all.push((ask, d));
    }
    all
}

/// Open pairs that need an address which IPv6 gave up with a device (set down, or IPv6 disabled on it) and which does not
/// come back by itself: they are part of that, not faults of their own.
pub(super) fn lost_addresses(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    asked: &Asked,
    d: &Diagnosed,
    open: &[(usize, Answer)],
) -> BTreeSet<usize> {
    if !takes_addresses(d) {
        return BTreeSet::new();
    }
    let Some(member) = member_at(snapshot, yardstick, d) else { return BTreeSet::new() };
    let lost = lost(snapshot, member);
    if lost.is_empty() {
        return BTreeSet::new();
    }
    let leads_there = |name: &str, address: std::net::IpAddr| {
        lost.contains(&address)
            || yardstick.services.iter().any(|s| {
                s.address == address
                    && name.starts_with(&s.name)
                    && s.endpoints.iter().any(|(a, _)| lost.contains(a))
            })
    };
    open.iter()
        .map(|(i, _)| *i)
        .filter(|&i| {
            let (ask, target) = (&asked.asks[i], &asked.targets[asked.asks[i].target]);
            target.address.is_ipv6()
                && (asked.sources[ask.source].1 == member.ns || leads_there(&target.name, target.address))
        })
        .collect()
}

/// Changes as a remedy, tried on one pair.
pub(super) fn remedy_of(model: &Snapshot, cure: &[Change], asked: &Asked, ask: usize, lang: Lang) -> Remedy {
    let (command, advice) = diagnose::commands(model, cure, lang);
    let tried = diagnose::with(model, cure).map(|mended| {
        let net = Network::compile(&mended);
        let answers = some(&net, asked, &[ask], &|_, _| {});
        answers.first().map_or(Outcome::Unknown, |a| a.outcome).name().to_owned()
    });
    Remedy { tried_in_model: tried, advice, ..Remedy::of(command) }
}

/// A default route in place of one to a single network, where the table has none and more pairs connect by it.
pub(super) fn default_route(
    model: &Snapshot,
    asked: &Asked,
    open: &[(usize, Answer)],
    cure: &[Change],
) -> Option<Vec<Change>> {
    let [Change { namespace, action: Action::AddRoute(route) }] = cure else { return None };
    route.next_hops.first()?.gateway?;
    let n = model.namespace(*namespace)?;
    let is_default = |r: &Route| r.dst.len == 0 && r.table == route.table && r.family == route.family;
    if n.routes.items().iter().any(is_default) {
        return None;
    }
    let all = Prefix::new(route.family.unspecified(), 0);
    let wider =
        vec![Change { namespace: *namespace, action: Action::AddRoute(Route { dst: all, ..route.clone() }) }];
    let left = |changes: &[Change]| {
        Some(walked_again(&diagnose::with(model, changes)?, asked, open, Answer::needs_cause).len())
    };
    (left(&wider)? < left(cure)?).then_some(wider)
}

/// A server that is started serves every address of its namespace: one cause for all of them, not one for each.
pub(super) fn whole_listener(model: &Snapshot, cure: &[Change]) -> Vec<Change> {
    let mut all = Vec::new();
    for change in cure {
        let Action::StartListener { protocol, port, address, .. } = change.action else { continue };
        let Some(n) = model.namespace(change.namespace) else { continue };
        let others = global_addresses(n).into_iter().filter(|a| *a != address);
        all.extend(others.map(|address| Change {
            namespace: change.namespace,
            action: Action::StartListener { family: IpFamily::of(address), protocol, address, port },
        }));
    }
    all
}

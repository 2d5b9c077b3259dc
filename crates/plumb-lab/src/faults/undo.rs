//! What undoes a change, worked out from what was there before.

use plumb_model::{
    Action, Address, BridgePort, Change, IpFamily, Link, Namespace, Position, Read, Route, RouteKind,
    Snapshot,
};
use plumb_nft::{Chain, Expr, Family, Rule};

use super::Act;

/// `RTPROT_KERNEL`: routes that come and go with addresses.
const KERNEL: u8 = 2;

/// What undoes these acts, in the order in which it must be done. `before` is what was there; `after`, where there
/// is one, tells the handles that the kernel gave to new rules.
pub(crate) fn undo(acts: &[Act], before: &Snapshot, after: &Snapshot) -> Vec<Act> {
    let mut all: Vec<Act> = Vec::new();
    for act in acts.iter().rev() {
        let change = match act {
            Act::Change(change) => change,
            Act::Deed(deed) => {
                all.extend(deed.undo().map(Act::Deed));
                continue;
            }
        };
        let Some(was) = before.namespace(change.namespace) else { continue };
        let is = after.namespace(change.namespace);
        // Two rules may be made in one chain: each has its own handle.
        let here = all.iter().filter_map(Act::change).filter(|c| c.namespace == change.namespace);
        let claimed: Vec<_> = here.filter_map(|c| deleted(&c.action)).collect();
        let actions = one(&change.action, was, is, &claimed);
        all.extend(other_end(&change.action, was, before).map(Act::Change));
        all.extend(actions.into_iter().map(|action| Change { namespace: change.namespace, action }.into()));
        all.extend(stale_neighbours(&change.action, was, [before, after]).into_iter().map(Act::Change));
    }
    all
}

/// Whoever knows a device by a hardware address that it had meanwhile must ask again.
fn stale_neighbours(action: &Action, was: &Namespace, seen: [&Snapshot; 2]) -> Vec<Change> {
    let Action::SetMac { device, .. } = action else { return Vec::new() };
    let index = was.link_by_name(device).map(|l| l.index);
    let own = |addr| was.addresses.items().iter().any(|a| Some(a.index) == index && a.prefix.addr == addr);
    let namespaces = seen.into_iter().flat_map(|s| &s.namespaces);
    let known = namespaces.flat_map(|n| n.neighbours.items().iter().map(move |e| (n, e)));
    known
        .filter(|(_, e)| own(e.addr))
        .map(|(n, e)| Change {
            namespace: n.id,
            action: Action::DeleteNeighbour { device: n.link_name(e.index), address: e.addr },
        })
        .collect()
}

/// Where two ends of a veth pair disagree, a remedy may have changed the other one.
fn other_end(action: &Action, was: &Namespace, before: &Snapshot) -> Option<Change> {
    let Action::SetMtu { device, .. } = action else { return None };
    let end = was.link_by_name(device)?.peer?;
    let link = before.namespace(end.namespace)?.link(end.index)?;
    let action = Action::SetMtu { device: link.name.clone(), mtu: link.mtu };
    Some(Change { namespace: end.namespace, action })
}

fn chain<'n>(ns: &'n Namespace, family: Family, table: &str, chain: &str) -> Option<&'n Chain> {
    ns.nft.value()?.table(family, table)?.chain(chain)
}

type RuleName<'a> = (Family, &'a str, &'a str, u64);

/// The rule that an action deletes.
fn deleted(action: &Action) -> Option<RuleName<'_>> {
    match action {
        Action::DeleteRule { family, table, chain, handle } => Some((*family, table, chain, *handle)),
        _ => None,
    }
}

/// Whether the rule that was read is the one that was written: counters have counted since, and the kernel may tell an
/// expression otherwise than it was told.
fn is_like(read: &Rule, written: &Rule) -> bool {
    let plain = |rule: &Rule| -> Vec<Expr> {
        let zero = |e: &Expr| match e {
            Expr::Counter { .. } => Expr::Counter { packets: 0, bytes: 0 },
            other => other.clone(),
        };
        rule.exprs.iter().map(zero).collect()
    };
    plain(read) == plain(written)
}

fn one(action: &Action, was: &Namespace, is: Option<&Namespace>, claimed: &[RuleName<'_>]) -> Vec<Action> {
    let single = |action| vec![action];
    match action {
        Action::AddRule { family, table, chain: name, rule, .. } => {
            let old = chain(was, *family, table, name).map(|c| c.rules.as_slice()).unwrap_or_default();
            let new = is
                .and_then(|n| chain(n, *family, table, name))
                .map(|c| c.rules.as_slice())
                .unwrap_or_default();
            let is_claimed = |r: &Rule| claimed.contains(&(*family, table, name, r.handle));
            let is_new = |r: &&Rule| !old.iter().any(|o| o.handle == r.handle) && !is_claimed(r);
            let long_as = |r: &&Rule| r.exprs.len() == rule.exprs.len();
            let fresh = new.iter().filter(is_new).find(|r| is_like(r, rule));
            let fresh = fresh.or_else(|| new.iter().filter(is_new).find(long_as));
            let delete = |handle| Action::DeleteRule {
                family: *family,
                table: table.clone(),
                chain: name.clone(),
                handle,
            };
            fresh.map(|r| delete(r.handle)).into_iter().collect()
        }
        Action::DeleteRule { family, table, chain: name, handle } => {
            let Some(rules) = chain(was, *family, table, name).map(|c| &c.rules) else { return Vec::new() };
            let Some(place) = rules.iter().position(|r| r.handle == *handle) else { return Vec::new() };
            let position = match place.checked_sub(1).and_then(|p| rules.get(p)) {
                Some(previous) => Position::After(previous.handle),
                None => Position::First,
            };
            let rule = rules.get(place).cloned();
            rule.map(|rule| Action::AddRule {
                family: *family,
                table: table.clone(),
                chain: name.clone(),
                position,
                rule,
                xtables: None,
            })
            .into_iter()
            .collect()
        }
        Action::SetPolicy { family, table, chain: name, .. } => {
            let base = chain(was, *family, table, name).and_then(|c| c.base.as_ref());
            base.map(|b| Action::SetPolicy {
                family: *family,
                table: table.clone(),
                chain: name.clone(),
                policy: b.policy.clone(),
            })
            .into_iter()
            .collect()
        }
        Action::AddTable(table) => {
            single(Action::DeleteTable { family: table.family, table: table.name.clone() })
        }
        Action::AddRoute(route) => single(Action::DeleteRoute(route.clone())),
        Action::DeleteRoute(route) => single(Action::AddRoute(settled(route))),
        Action::AddPolicyRule(rule) => single(Action::DeletePolicyRule(rule.clone())),
        Action::DeletePolicyRule(rule) => single(Action::AddPolicyRule(rule.clone())),
        Action::SetSysctl { name, .. } => {
            let mut actions: Vec<_> = was
                .sysctls
                .text(name)
                .map(|value| Action::SetSysctl { name: name.clone(), value: value.trim().to_owned() })
                .into_iter()
                .collect();
            // With IPv6 off a device loses its IPv6 addresses and routes.
            let device = name.strip_prefix("net.ipv6.conf.").and_then(|n| n.strip_suffix(".disable_ipv6"));
            if let Some(link) = device.and_then(|d| was.link_by_name(d)) {
                actions.extend(restore(was, link));
            }
            actions
        }
        Action::SetLinkUp { device, up } => match was.link_by_name(device) {
            Some(link) if link.is_up() != *up => {
                let mut actions = vec![Action::SetLinkUp { device: device.clone(), up: link.is_up() }];
                if link.is_up() {
                    actions.extend(restore(was, link));
                }
                actions
            }
            _ => Vec::new(),
        },
        Action::SetMtu { device, .. } => was
            .link_by_name(device)
            .map(|l| Action::SetMtu { device: device.clone(), mtu: l.mtu })
            .into_iter()
            .collect(),
        Action::SetMac { device, .. } => was
            .link_by_name(device)
            .and_then(|l| l.mac)
            .map(|mac| Action::SetMac { device: device.clone(), mac })
            .into_iter()
            .collect(),
        Action::SetMaster { device, .. } => {
            let Some(link) = was.link_by_name(device) else { return Vec::new() };
            let master = link.master.map(|m| was.link_name(m));
            let mut actions = vec![Action::SetMaster { device: device.clone(), master }];
            // A port that comes back has the kernel's settings again.
            if let Some(port) = &link.port {
                actions.extend(port_settings(device, port));
            }
            actions
        }
        Action::SetBridgePort { device, attribute, .. } => was
            .link_by_name(device)
            .and_then(|l| l.port.as_ref())
            .and_then(|p| port_value(p, attribute))
            .map(|value| Action::SetBridgePort {
                device: device.clone(),
                attribute: attribute.clone(),
                value,
            })
            .into_iter()
            .collect(),
        Action::AddAddress { device, address } => {
            single(Action::DeleteAddress { device: device.clone(), address: address.clone() })
        }
        Action::DeleteAddress { device, address } => {
            single(Action::AddAddress { device: device.clone(), address: address.clone() })
        }
        Action::SetNeighbour { device, neighbour } => {
            single(Action::DeleteNeighbour { device: device.clone(), address: neighbour.addr })
        }
        Action::AddFdb { device, entry } => {
            single(Action::DeleteFdb { device: device.clone(), entry: entry.clone() })
        }
        // What was decided since then is the fault's.
        Action::DeleteConntrack(entry) => single(Action::DeleteConntrack(entry.clone())),
        Action::StopListener { family, protocol, address, port } => single(Action::StartListener {
            family: *family,
            protocol: *protocol,
            address: *address,
            port: *port,
        }),
        Action::StartListener { family, protocol, address, port } => single(Action::StopListener {
            family: *family,
            protocol: *protocol,
            address: *address,
            port: *port,
        }),
        // Learnt again by themselves.
        _ => Vec::new(),
    }
}

/// A route without what the kernel reports of its present state.
fn settled(route: &Route) -> Route {
    let mut route = route.clone();
    route.flags = 0;
    for hop in &mut route.next_hops {
        // RTNH_F_ONLINK alone is a setting.
        hop.flags &= 4;
    }
    route
}

/// What a device loses when it goes down and does not get back by itself: IPv6 addresses, and routes that somebody added.
fn restore(was: &Namespace, link: &Link) -> Vec<Action> {
    let device = &link.name;
    let mut actions = Vec::new();
    // Scope 0 is global; link-local addresses come back.
    for address in was.addresses.items().iter().filter(|a| a.index == link.index && a.scope == 0) {
        if address.prefix.family() == IpFamily::V6 {
            let address = Address { flags: address.flags & !Address::TENTATIVE, ..address.clone() };
            actions.push(Action::AddAddress { device: device.clone(), address });
        }
    }
    let added = |r: &&Route| {
        r.protocol != KERNEL
            && r.kind == RouteKind::Unicast
            && r.next_hops.iter().any(|h| h.oif == Some(link.index))
    };
    actions.extend(was.routes.items().iter().filter(added).map(|r| Action::AddRoute(settled(r))));
    actions
}

fn on(value: bool) -> String {
    if value { "on" } else { "off" }.to_owned()
}

fn port_value(port: &BridgePort, attribute: &str) -> Option<String> {
    Some(match attribute {
        "flood" => on(port.flood),
        "learning" => on(port.learning),
        "hairpin" => on(port.hairpin),
        "isolated" => on(port.isolated),
        "mcast_flood" => on(port.mcast_flood),
        "bcast_flood" => on(port.bcast_flood),
        "state" => match port.state {
            0 => "disabled",
            1 => "listening",
            2 => "learning",
            4 => "blocking",
            _ => "forwarding",
        }
        .to_owned(),
        _ => return None,
    })
}

fn port_settings(device: &str, port: &BridgePort) -> Vec<Action> {
    let usual = BridgePort::default();
    ["flood", "learning", "hairpin", "isolated", "mcast_flood", "bcast_flood"]
        .into_iter()
        .filter_map(|attribute| {
            let value = port_value(port, attribute)?;
            (port_value(&usual, attribute).as_ref() != Some(&value)).then(|| Action::SetBridgePort {
                device: device.to_owned(),
                attribute: attribute.to_owned(),
                value,
            })
        })
        .collect()
}

/// Whether enough was read to undo changes in this namespace.
pub(crate) fn readable(ns: &Namespace) -> Result<(), String> {
    let missing = |what: &str| Err(format!("{what} of {} could not be read", ns.name));
    match () {
        () if matches!(ns.links, Read::Denied { .. }) => missing("devices"),
        () if matches!(ns.routes, Read::Denied { .. }) => missing("routes"),
        () if matches!(ns.nft, Read::Denied { .. }) => missing("nftables"),
        () => Ok(()),
    }
}

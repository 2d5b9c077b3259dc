//! How a packet ended, in words and with its place.

use plumb_model::{IpFamily, Route, fmt_listener, fmt_route, fmt_rule, fmt_socket};
use plumb_trace::End as WalkEnd;
use plumb_trace::event::{Decider, NoAnswer, RouteRef, Stop};
use plumb_trace::state::NsIndex;

use super::{Told, chain_of};
use crate::finding::Rejection;
use crate::messages::{End, Step, Why};
use crate::place::{self, Names};
use crate::report::Place;

/// The last step of a packet that was in namespace `at` before.
pub(super) fn told(names: &mut Names, end: &WalkEnd, at: NsIndex) -> Told {
    let family = end.state.packet.family;
    let (ns, said, place) = of(names, &end.stop, family, at);
    let kind = if matches!(end.stop, Stop::Delivered { .. }) { "socket" } else { "end" };
    Told { ns, kind, step: Step::End(said), place }
}

#[allow(clippy::too_many_lines, reason = "one arm a way to end")]
fn of(names: &mut Names, stop: &Stop, family: IpFamily, at: NsIndex) -> (NsIndex, End, Place) {
    let net = names.net();
    let snapshot = &net.snapshot.namespaces;
    let device_name = |ns: NsIndex, d: u32| net.device_name(ns, d);
    let socket_name = |ns: NsIndex, s: usize| {
        let n = snapshot.get(ns)?;
        Some(fmt_socket(n.sockets.items().get(s)?, n))
    };
    match stop {
        Stop::Delivered { ns, socket } => {
            let place = socket.map(|s| place::socket(net, *ns, s)).unwrap_or_default();
            (*ns, End::Delivered { socket: socket.and_then(|s| socket_name(*ns, s)) }, place)
        }
        Stop::Dropped { by, .. } => {
            let (ns, chain, rule, place) = decider(names, *by);
            (ns, End::Dropped { chain, rule }, place)
        }
        Stop::Rejected { by, answer, .. } => {
            let (ns, chain, rule, place) = decider(names, *by);
            (ns, End::Rejected { chain, rule, answer: Rejection { family, answer: *answer } }, place)
        }
        Stop::NatExhausted { rule, ns } => {
            let place = rule.map_or_else(|| place::namespace(net, *ns), |r| names.rule(r, &[]));
            (*ns, End::NatExhausted { rule: rule.map(|r| names.rule_text(r)) }, place)
        }
        Stop::NoRoute { ns, table, addr, .. } => {
            let said = End::NoRoute { table: Route::table_name(*table), address: addr.to_string() };
            (*ns, said, place::missing_route(net, *ns, *table, *addr))
        }
        Stop::PolicyRule { ns, rule, .. } => {
            let text = snapshot.get(*ns).and_then(|n| n.rules.items().get(*rule)).map(fmt_rule);
            (*ns, End::PolicyRule { rule: text.unwrap_or_default() }, place::policy_rule(net, *ns, *rule))
        }
        Stop::RouteDiscards { route, .. } => {
            let said =
                End::RouteDiscards { table: table_of(names, *route), route: place::route_text(net, route) };
            (route.ns, said, place::route(net, *route))
        }
        Stop::Sysctl { ns, name, value, because, .. } => {
            let said = End::Sysctl { name: name.clone(), value: value.clone(), because: *because };
            (*ns, said, place::sysctl(net, *ns, name, value))
        }
        Stop::Martian { ns, device, addr, source } => {
            let said = End::Martian {
                device: device_name(*ns, *device),
                address: addr.to_string(),
                source: *source,
            };
            (*ns, said, place::namespace(net, *ns))
        }
        Stop::LinkDown { ns, device } => {
            let said = End::LinkDown { device: device_name(*ns, *device) };
            (*ns, said, place::device(net, *ns, *device, "state", "DOWN"))
        }
        Stop::NoCarrier { ns, device } => {
            let said = End::NoCarrier { device: device_name(*ns, *device) };
            (*ns, said, place::device(net, *ns, *device, "carrier", "off"))
        }
        Stop::NeighbourFailed { ns, device, addr, why, .. } => {
            let why = match why {
                NoAnswer::Nobody => Why::Nobody,
                NoAnswer::Sysctl { ns, name, value } => Why::Sysctl {
                    namespace: place::namespace_name(net, *ns),
                    name: name.clone(),
                    value: value.clone(),
                },
                NoAnswer::Lost { answer, stop } => {
                    let (lost_in, end, _) = of(names, stop, family, *ns);
                    let namespace = place::namespace_name(net, lost_in);
                    Why::Lost { answer: *answer, namespace, end: Box::new(end) }
                }
                _ => Why::Nobody,
            };
            let said =
                End::NeighbourFailed { device: device_name(*ns, *device), address: addr.to_string(), why };
            (*ns, said, place::neighbour(net, *ns, *device, *addr, None))
        }
        Stop::OtherHost { ns, device, lladdr } => {
            let said = End::OtherHost { device: device_name(*ns, *device), lladdr: lladdr.to_string() };
            (*ns, said, place::namespace(net, *ns))
        }
        Stop::NoPort { ns, bridge, lladdr, refused, .. } => {
            let said = End::NoPort {
                bridge: device_name(*ns, *bridge),
                lladdr: lladdr.to_string(),
                refused: refused.iter().map(|(p, why)| (device_name(*ns, *p), *why)).collect(),
            };
            (*ns, said, place::namespace(net, *ns))
        }
        Stop::PortClosed { ns, port, why } => {
            (*ns, End::PortClosed { port: device_name(*ns, *port), why: *why }, place::namespace(net, *ns))
        }
        Stop::TtlExceeded { ns, routes } => {
            let routes = routes.iter().map(|r| route_words(names, *r)).collect();
            (*ns, End::Loop { routes }, place::namespace(net, *ns))
        }
        Stop::FrameTooBig { ns, device, mtu, .. } => {
            let said = End::FrameTooBig { device: device_name(*ns, *device), mtu: *mtu };
            (*ns, said, place::device(net, *ns, *device, "mtu", &mtu.to_string()))
        }
        Stop::TooBig { ns, device, mtu } => {
            let said = End::TooBig { device: device_name(*ns, *device), mtu: *mtu };
            (*ns, said, place::device(net, *ns, *device, "mtu", &mtu.to_string()))
        }
        Stop::NoListener { ns, tuple, near } => {
            let said = End::NoListener {
                socket: fmt_listener(tuple.protocol, tuple.dst, tuple.dport),
                near: near.iter().filter_map(|s| socket_name(*ns, *s)).collect(),
            };
            (*ns, said, place::missing_socket(net, *ns, tuple.protocol, tuple.dst, tuple.dport))
        }
        Stop::QueueFull { ns, socket } => {
            let said = End::QueueFull { socket: socket_name(*ns, *socket).unwrap_or_default() };
            (*ns, said, place::socket(net, *ns, *socket))
        }
        Stop::ServerStopped { ns, socket } => {
            let said = End::ServerStopped { socket: socket_name(*ns, *socket).unwrap_or_default() };
            (*ns, said, place::socket(net, *ns, *socket))
        }
        Stop::HandedOver { ns, socket, device } => {
            let said = End::HandedOver {
                socket: socket_name(*ns, *socket).unwrap_or_default(),
                device: device_name(*ns, *device),
            };
            (*ns, said, place::socket(net, *ns, *socket))
        }
        Stop::NotExpected { ns, tuple, expected } => {
            let said = End::NotExpected {
                seen: place::endpoint(tuple.src, tuple.sport),
                expected: place::endpoint(expected.src, expected.sport),
            };
            (*ns, said, place::namespace(net, *ns))
        }
        Stop::NoSource { ns, family } => {
            let family = match family {
                IpFamily::V4 => "IPv4",
                IpFamily::V6 => "IPv6",
            };
            (*ns, End::NoSource { family }, place::namespace(net, *ns))
        }
        Stop::LeavesSnapshot { ns, device } => {
            let said = End::LeavesSnapshot { device: device_name(*ns, *device) };
            (*ns, said, place::namespace(net, *ns))
        }
        Stop::Unmodelled { ns, what } => {
            (*ns, End::Unmodelled { what: what.clone() }, place::namespace(net, *ns))
        }
        other => (at, End::Unmodelled { what: format!("{other:?}") }, place::namespace(net, at)),
    }
}

fn decider(names: &mut Names, by: Decider) -> (NsIndex, String, Option<String>, Place) {
    let net = names.net();
    match by {
        Decider::Rule(r) => {
            (r.ns, place::chain_words(net, chain_of(r)), Some(names.rule_text(r)), names.rule(r, &[]))
        }
        Decider::Policy(c) => (c.ns, place::chain_words(net, c), None, place::policy(net, c)),
    }
}

fn table_of(names: &Names, route: RouteRef) -> String {
    let routes = names.net().snapshot.namespaces.get(route.ns).map(|n| n.routes.items());
    routes.and_then(|r| r.get(route.route)).map_or_else(String::new, |r| Route::table_name(r.table))
}

/// A route with the namespace that it is in, for loops.
fn route_words(names: &Names, route: RouteRef) -> String {
    let n = names.net().snapshot.namespaces.get(route.ns);
    let text = n.and_then(|n| Some(fmt_route(n.routes.items().get(route.route)?, n)));
    format!("{}: {}", place::namespace_name(names.net(), route.ns), text.unwrap_or_default())
}

//! What was looked at and is in order: what an engineer need not look at next.

use plumb_trace::Network;
use plumb_trace::event::{Event, NatKind, Stop};
use plumb_trace::session::{Part, Reaction, ResponseKind};

use super::Walked;
use super::failure::{Failure, decisive};
use crate::finding::InOrder;
use crate::place;

/// In the order of looking: listener, route, neighbour, rules, NAT, reply.
pub(crate) fn ruled_out(net: &Network, walked: &Walked) -> Vec<InOrder> {
    let (mut listeners, mut routes, mut neighbours, mut nats, mut replies, mut inactive) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut rules: Vec<(usize, usize, usize)> = Vec::new();
    let name = |ns: usize| net.namespace(ns).name.clone();
    for b in &walked.attempt.branches {
        let Some(last) = decisive(b) else { continue };
        let failed_at = Failure::of_exchange(last).stop;
        let stopped_by_rules = matches!(failed_at, Stop::Dropped { .. } | Stop::Rejected { .. });
        let opening = b.packets.last().filter(|_| !b.payload.is_empty() && last.part != Part::Opening);
        for through in b.payload.iter().filter(|p| p.reaction == Reaction::Reply) {
            let start = through.request.state.history.events().into_iter().find_map(|e| match e {
                Event::Start { ns, .. } => Some(*ns),
                _ => None,
            });
            let length = through.request.state.packet.len.into();
            replies.extend(start.map(|ns| InOrder::Payload { from: name(ns), length }));
        }
        for e in opening.into_iter().chain([last]) {
            if let Stop::Delivered { ns, socket: Some(i) } = &e.request.stop
                && let Some(s) = net.namespace(*ns).sockets.items().get(*i)
            {
                listeners.push(InOrder::Listener {
                    namespace: name(*ns),
                    socket: place::socket_text(s),
                    queue: s.receive_queue,
                    backlog: s.send_queue,
                });
            }
            if let Some(r) = &e.response
                && r.kind == ResponseKind::Reply
                && matches!(r.end.stop, Stop::Delivered { .. })
            {
                replies.push(InOrder::Reply { from: name(r.from) });
            }
            let response = e.response.iter().flat_map(|r| r.end.state.history.events());
            let events = e.request.state.history.events().into_iter().chain(response);
            for event in events {
                match event {
                    Event::Route { found, .. } if !is_route(failed_at, found.ns, found.route) => {
                        routes.push(InOrder::Route {
                            namespace: name(found.ns),
                            route: place::route_text(net, found),
                        });
                    }
                    Event::Neighbour { ns, addr, lladdr: Some(l), .. }
                        if !matches!(failed_at, Stop::OtherHost { .. } | Stop::NoPort { .. }) =>
                    {
                        neighbours.push(InOrder::Neighbour {
                            namespace: name(*ns),
                            address: addr.to_string(),
                            lladdr: l.to_string(),
                        });
                    }
                    Event::Chain { chain, .. } => {
                        let size = place::chain_size(net, *chain);
                        match rules.iter_mut().find(|(n, ..)| *n == chain.ns) {
                            Some(r) => *r = (r.0, r.1 + 1, r.2 + size),
                            None => rules.push((chain.ns, 1, size)),
                        }
                    }
                    Event::NatPassedOver { ns, inactive: true, hook } => {
                        inactive.push(InOrder::NatInactive {
                            namespace: name(*ns),
                            chain: hook.word().unwrap_or("nat").to_owned(),
                        })
                    }
                    Event::Nat { ns, rule: Some(_), kind: NatKind::Destination, from, to }
                        if from != to && matches!(e.request.stop, Stop::Delivered { .. }) =>
                    {
                        nats.push(InOrder::Nat {
                            namespace: name(*ns),
                            from: place::endpoint(from.dst, from.dport),
                            to: place::endpoint(to.dst, to.dport),
                        });
                    }
                    _ => {}
                }
            }
        }
        if stopped_by_rules {
            rules.clear();
        }
    }
    let rules =
        rules.into_iter().map(|(ns, chains, rules)| InOrder::Rules { namespace: name(ns), chains, rules });
    let mut out: Vec<InOrder> = listeners;
    out.extend(routes);
    out.extend(neighbours);
    out.extend(rules);
    out.extend(inactive);
    out.extend(nats);
    out.extend(replies);
    let mut seen = Vec::new();
    out.retain(|i| {
        let new = !seen.contains(i);
        seen.push(i.clone());
        new
    });
    out
}

fn is_route(stop: &Stop, ns: usize, route: usize) -> bool {
    matches!(stop, Stop::RouteDiscards { route: r, .. } if r.ns == ns && r.route == route)
        || matches!(stop, Stop::TtlExceeded { .. })
}

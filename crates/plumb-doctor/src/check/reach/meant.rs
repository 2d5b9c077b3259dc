//! What somebody may have meant, where nobody's intention is known.

use plumb_model::{Namespace, Snapshot};
use plumb_trace::session::Transport;

use super::pairs::Asked;
use crate::diagnose::Diagnosed;
use crate::finding::Packet;

/// Whether a cause that stops a pair is what no one can have meant: the reply that is lost, NAT to nobody, loops, martians,
/// neighbours that do not exist, limits. Rules that stop requests, and routes that are not there, may well be meant.
pub(super) fn unintended(snapshot: &Snapshot, asked: &Asked, pair: usize, d: &Diagnosed) -> bool {
    !for_requests(snapshot, asked, pair, d) || comes_back(d.packet)
}

/// What a client waits for that has been let through: an answer (that of a neighbour, too), what follows it, an error that
/// it needs.
pub(super) fn comes_back(packet: Packet) -> bool {
    matches!(packet, Packet::Reply | Packet::PayloadBack | Packet::TooBig | Packet::NeighbourAnswer)
}

/// Whether somebody may well mean it where it stops requests.
pub(super) fn for_requests(snapshot: &Snapshot, asked: &Asked, pair: usize, d: &Diagnosed) -> bool {
    let led = asked.asks[pair].led;
    match d.cause.id.as_str() {
        "netfilter-drop"
        | "netfilter-policy"
        | "netfilter-reject"
        | "route-missing"
        | "route-discards"
        | "policy-rule-discards"
        | "link-down"
        | "ipv6-disabled"
        | "echo-ignored" => true,
        // Whoever listens waits for clients. Of addresses of a router that nobody listens on, not all are for everybody.
        "return-route-missing" => asked.targets[asked.asks[pair].target].transport == Transport::Icmp,
        // A translation to another machine can do nothing where this one does not forward: whoever wrote the rule wanted
        // the port to answer. A rule that then drops the packet is another thing: just so one lets in some and not others.
        "forwarding-off" => led.is_none(),
        // Whoever leads a port to a living server wants it served; of a range of ports nobody means each to be.
        "listener-missing" | "listener-elsewhere" | "listener-other-family" => {
            let place = d.cause.place.get("namespace").and_then(|v| v.as_str());
            let there = snapshot.namespaces.iter().find(|n| Some(n.name.as_str()) == place);
            !led.is_some_and(|led| led.named && there.is_some_and(|n| lives(n, led.used)))
        }
        // A server that is bound to no address listens also on one that is led away as a whole.
        "nat-dead-port" => led.is_some_and(|led| !led.named),
        _ => false,
    }
}

/// Whether somebody serves others from a namespace, or does something in it while the rule that leads there has been used.
/// Where nobody does, a server may be stopped on purpose, or not be started yet.
fn lives(n: &Namespace, used: bool) -> bool {
    let sockets = n.sockets.items();
    sockets.iter().any(plumb_model::Socket::is_listening)
        || used && !(sockets.is_empty() && n.processes.is_empty())
}

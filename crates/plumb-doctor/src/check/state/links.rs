//! Devices.

use plumb_model::{Action, Change};

use super::Look;
use crate::check::told::{Observation, Seen};
use crate::place;

/// L01: a device that has addresses, or that is a port of a bridge, is administratively down.
pub(super) fn down(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let in_use = |index: u32| n.addresses.items().iter().any(|a| a.index == index && a.scope == 0);
        for l in n.links.items().iter().filter(|l| !l.is_up() && !l.is_loopback() && in_use(l.index)) {
            let up =
                Change { namespace: n.id, action: Action::SetLinkUp { device: l.name.clone(), up: true } };
            found.push(
                Observation::new("link-down", place::device(look.net, ns, l.index, "state", "DOWN"))
                    .with("device", &l.name)
                    .seen(Seen::new(
                        "device-state",
                        "DOWN",
                        "UP",
                        n.command(&format!("ip link show {}", l.name)),
                    ))
                    .affects([look.name(ns)])
                    .change(vec![up]),
            );
        }
    }
    found
}

/// A09: the loopback device of a namespace that somebody lives in is down: it does not reach its own addresses.
pub(super) fn loopback_down(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        // `ip netns add` leaves it down: nobody is hurt as long as nothing listens there and nobody has an address.
        let lives = n.sockets.items().iter().any(plumb_model::Socket::is_listening)
            && n.addresses.items().iter().any(|a| a.scope == 0);
        for l in n.links.items().iter().filter(|l| l.is_loopback() && !l.is_up() && lives) {
            let up =
                Change { namespace: n.id, action: Action::SetLinkUp { device: l.name.clone(), up: true } };
            found.push(
                Observation::new("loopback-down", place::device(look.net, ns, l.index, "state", "DOWN"))
                    .seen(Seen::new(
                        "device-state",
                        "DOWN",
                        "UP",
                        n.command(&format!("ip link show {}", l.name)),
                    ))
                    .affects([look.name(ns)])
                    .change(vec![up]),
            );
        }
    }
    found
}

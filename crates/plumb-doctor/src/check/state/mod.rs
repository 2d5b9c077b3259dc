//! What is wrong in itself: each check looks for one kind of fault in what a snapshot holds.
//!
//! A check must stay silent on a healthy machine, whatever runs there: it reports only what no one can have meant.

mod addresses;
mod bridges;
mod conntrack;
mod links;
mod neighbours;
mod overlay;
mod processes;
mod routes;
mod rules;
mod segments;
mod sockets;
#[cfg(test)]
mod tests;

use std::cell::Cell;

use plumb_model::{Address, Change, Link, Namespace, NamespaceId, Snapshot, UNDERLAY};
use plumb_trace::Network;
use plumb_trace::state::NsIndex;

use super::policies;
use super::report::{CheckFinding, FoundBy};
use super::told::{self, Observation, Tried};
use super::yardstick::Yardstick;
use crate::messages::Lang;

use segments::{Device, Segments};

/// What a check looks at.
pub(crate) struct Look<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) net: &'a Network<'a>,
    pub(crate) yardstick: &'a Yardstick,
    pub(crate) segments: Segments,
}

impl<'a> Look<'a> {
    fn new(snapshot: &'a Snapshot, net: &'a Network<'a>, yardstick: &'a Yardstick) -> Self {
        Self { snapshot, net, yardstick, segments: Segments::new(net) }
    }

    /// A namespace.
    pub(crate) fn ns(&self, ns: NsIndex) -> &'a Namespace {
        self.net.namespace(ns)
    }

    /// Whether a namespace stands for the network between nodes that no snapshot covers: its addresses are the nodes'
    /// gateways', its hardware addresses are made up.
    pub(crate) fn is_assumed(&self, ns: NsIndex) -> bool {
        let n = self.ns(ns);
        n.id == NamespaceId(0) && n.name == UNDERLAY
    }

    /// A device.
    pub(crate) fn link(&self, device: Device) -> Option<&'a Link> {
        self.ns(device.0).link(device.1)
    }

    /// Addresses of a device that others may dial and that are in use.
    pub(crate) fn addresses(&self, device: Device) -> impl Iterator<Item = &'a Address> {
        let unusable = Address::TENTATIVE | Address::DADFAILED;
        let all = self.ns(device.0).addresses.items().iter();
        all.filter(move |a| a.index == device.1 && a.scope == 0 && a.flags & unusable == 0)
    }

    /// Devices on the segment of one that are up, are nobody's ports, and have addresses.
    pub(crate) fn stations(&self, device: Device) -> impl Iterator<Item = Device> + '_ {
        self.segments.around(device).iter().copied().filter(|d| self.is_station(*d))
    }

    /// Whether a device is up, is nobody's port, and has addresses.
    pub(crate) fn is_station(&self, device: Device) -> bool {
        self.link(device).is_some_and(|l| l.is_up() && l.master.is_none())
            && self.addresses(device).next().is_some()
    }

    /// Who on the segment of a device has an address.
    pub(crate) fn owner_near(&self, device: Device, addr: std::net::IpAddr) -> Option<Device> {
        self.stations(device).find(|d| self.addresses(*d).any(|a| a.prefix.addr == addr))
    }

    /// Every namespace, with its index.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (usize, &'a Namespace)> + '_ {
        self.snapshot.namespaces.iter().enumerate().filter(|(i, _)| self.yardstick.looks_at(*i))
    }

    /// How reports name whoever lives in a namespace.
    pub(crate) fn name(&self, ns: usize) -> String {
        self.yardstick
            .member(ns)
            .map_or_else(|| self.snapshot.namespaces[ns].name.clone(), |m| m.name.clone())
    }
}

/// A check.
pub(crate) struct Check {
    /// The kinds of findings that it makes.
    pub(crate) kinds: &'static [&'static str],
    pub(crate) run: fn(&Look<'_>) -> Vec<Observation>,
}

/// Every check, in the order in which an engineer looks.
pub(crate) const CHECKS: &[Check] = &[
    Check { kinds: &["link-down"], run: links::down },
    Check { kinds: &["link-no-carrier"], run: links::no_carrier },
    Check { kinds: &["loopback-down"], run: links::loopback_down },
    Check { kinds: &["duplicate-mac"], run: links::duplicate_mac },
    Check { kinds: &["mtu-differs"], run: links::mtu_differs },
    Check { kinds: &["bridge-port-detached"], run: bridges::detached },
    Check { kinds: &["bridge-port-state"], run: bridges::state },
    Check { kinds: &["bridge-port-no-flood"], run: bridges::no_flood },
    Check { kinds: &["duplicate-address"], run: addresses::twice },
    Check { kinds: &["address-dad-failed"], run: addresses::dad_failed },
    Check { kinds: &["prefix-too-wide", "prefix-too-narrow"], run: addresses::prefixes },
    Check { kinds: &["ipv6-disabled"], run: addresses::ipv6_disabled },
    Check { kinds: &["neighbour-wrong"], run: neighbours::wrong },
    Check { kinds: &["neighbour-no-answer"], run: neighbours::no_answer },
    Check { kinds: &["policy-closes-service", "policy-names-service-port"], run: policies::services },
    Check { kinds: &["policy-selects-nobody"], run: policies::peers_split },
    Check { kinds: &["policy-selects-host-network"], run: policies::host_network },
    Check { kinds: &["policy-closes-dns"], run: policies::leaves_out_dns },
    Check { kinds: &["neighbour-no-answer"], run: neighbours::proxy_off },
    Check { kinds: &["routing-loop"], run: routes::loops },
    Check { kinds: &["rp-filter-asymmetric"], run: routes::reverse_path },
    Check { kinds: &["multipath-dead-hop"], run: routes::dead_hop },
    Check { kinds: &["forwarding-off"], run: routes::forwarding_off },
    Check { kinds: &["advertisements-ignored"], run: routes::advertisements },
    Check { kinds: &["vxlan-id-differs", "vxlan-port-differs"], run: overlay::differs },
    Check { kinds: &["vxlan-fdb-wrong", "vxlan-fdb-missing"], run: overlay::forwarding },
    Check { kinds: &["two-backends"], run: rules::two_backends },
    Check { kinds: &["service-rules-unhooked"], run: rules::unhooked },
    Check { kinds: &["proxy-leftovers"], run: rules::leftovers },
    Check { kinds: &["nat-dead-port"], run: rules::dead_redirect },
    Check { kinds: &["nat-chain-ignored"], run: rules::nat_ignored },
    Check { kinds: &["conntrack-full"], run: conntrack::full },
    Check { kinds: &["conntrack-hash-small"], run: conntrack::small_hash },
    Check { kinds: &["nat-ports-nearly-used"], run: conntrack::ports_used },
    Check { kinds: &["accept-queue-full"], run: sockets::accept_queue },
    Check { kinds: &["syn-queue-near-limit"], run: sockets::syn_queue },
    Check { kinds: &["ports-used-up"], run: sockets::ports_used },
    Check { kinds: &["close-wait-pile-up"], run: sockets::close_wait },
    Check { kinds: &["port-range-covers-node-ports"], run: sockets::node_ports },
    Check { kinds: &["files-used-up"], run: processes::files },
    Check { kinds: &["pids-used-up"], run: processes::pids },
    Check { kinds: &["server-stopped"], run: processes::stopped },
];

/// More namespaces than this, and remedies of single findings are not tried in the model: each takes a copy of it.
const MOST_TO_TRY: usize = 400;

/// More remedies than this are not tried in one check: a fault that all pods have is as plain from the first of them.
const MOST_TRIES: usize = 64;

/// What all checks find.
pub(super) fn findings(
    snapshot: &Snapshot,
    net: &Network,
    yardstick: &Yardstick,
    lang: Lang,
) -> Vec<CheckFinding> {
    let look = Look::new(snapshot, net, yardstick);
    let tries = Cell::new(MOST_TRIES);
    CHECKS
        .iter()
        .flat_map(|check| (check.run)(&look).into_iter().map(move |o| (check, o)))
        .map(|(check, o)| told(&look, check, o, lang, &tries))
        .collect()
}

fn told(look: &Look<'_>, check: &Check, o: Observation, lang: Lang, tries: &Cell<usize>) -> CheckFinding {
    let tried = |changes: &[Change]| match tries.get() {
        0 => Tried::Unknown,
        left => {
            tries.set(left - 1);
            try_in_model(look, check, &o, changes)
        }
    };
    let mut remedy = told::remedies(lang, look.snapshot, &o.mend, tried);
    let mut finding = told::finding(lang, o, FoundBy::State);
    remedy.append(&mut finding.remedy);
    finding.remedy = remedy;
    finding
}

/// Makes the changes in the model and looks again.
fn try_in_model(look: &Look<'_>, check: &Check, o: &Observation, changes: &[Change]) -> Tried {
    if look.snapshot.namespaces.len() > MOST_TO_TRY {
        return Tried::Unknown;
    }
    let Some(mended) = crate::diagnose::with(look.snapshot, changes) else { return Tried::Unknown };
    let net = Network::compile(&mended);
    let again = Look::new(&mended, &net, look.yardstick);
    let same = |other: &Observation| other.kind == o.kind && other.place == o.place;
    if (check.run)(&again).iter().any(same) { Tried::Unknown } else { Tried::Cleared }
}

//! Who may be to blame for a failure, in the order of the contract's rules for places.
//!
//! A suspect says what it is, where it stands, and by which changes it would be cured; whether it is to blame is for
//! [`cure`](super::cure) to try.

mod added;
mod bridges;
mod disabled;
mod handed;
mod hops;
mod links;
mod listeners;
mod lost;
mod marking;
mod marks;
mod martians;
mod missed;
mod nat;
mod neighbours;
mod owners;
mod proxies;
mod routes;
mod rules;
mod sizes;
mod zones;

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_model::{Action, Change};
use plumb_trace::Network;
use plumb_trace::event::{Decider, Discard, Event, NoAnswer, Stop};
use plumb_trace::session::{Flow, Part};
use plumb_trace::state::NsIndex;

use super::failure::Failure;
use crate::finding::{Finding, Packet, Shown, ShownWhat, Unit};
use crate::place;
use crate::report::{Layer, Place};

pub(crate) use zones::untracks;

/// Someone who may be to blame.
pub(crate) struct Suspect {
    pub(crate) finding: Finding,
    pub(crate) place: Place,
    pub(crate) layer: Layer,
    /// Ways to cure it, the smallest first; each a list of changes.
    pub(crate) alternatives: Vec<Vec<Change>>,
    /// Whether it is to blame only if its cure lets (more of) the flow connect; else it is enough that the flow gets
    /// further.
    pub(crate) must_connect: bool,
    /// Whether it is to blame even where nothing in the model cures it, though a cure would have to let the flow connect.
    pub(crate) even_uncured: bool,
    /// Rule or policy whose counter supports it.
    pub(crate) decided_by: Option<Decider>,
    /// What else supports it.
    pub(crate) shown: Vec<Shown>,
}

impl Suspect {
    fn new(finding: Finding, place: Place, layer: Layer, alternatives: Vec<Vec<Change>>) -> Self {
        Self {
            finding,
            place,
            layer,
            alternatives,
            must_connect: false,
            even_uncured: false,
            decided_by: None,
            shown: Vec::new(),
        }
    }

    fn must_connect(mut self) -> Self {
        self.must_connect = true;
        self
    }

    fn even_uncured(mut self) -> Self {
        self.even_uncured = true;
        self
    }

    fn decided_by(mut self, by: Decider) -> Self {
        self.decided_by = Some(by);
        self
    }

    fn show(mut self, shown: impl IntoIterator<Item = Shown>) -> Self {
        self.shown.extend(shown);
        self
    }
}

/// What every question about suspects needs.
pub(crate) struct Case<'a> {
    pub(crate) net: &'a Network<'a>,
    pub(crate) flow: &'a Flow,
    pub(crate) failure: &'a Failure<'a>,
}

impl Case<'_> {
    fn name(&self, ns: NsIndex) -> String {
        self.net.namespace(ns).name.clone()
    }

    fn command(&self, ns: NsIndex, command: &str) -> String {
        self.net.namespace(ns).command(command)
    }

    fn change(&self, ns: NsIndex, action: Action) -> Change {
        Change { namespace: self.net.namespace(ns).id, action }
    }

    /// A change to a rule or policy of the table with this number, whichever engine it is of.
    fn change_table(&self, ns: NsIndex, table: u32, action: Action) -> Change {
        let legacy = self.net.namespace(ns).is_legacy_table(table);
        self.change(ns, if legacy { Action::Legacy(Box::new(action)) } else { action })
    }

    fn set_sysctl(&self, ns: NsIndex, name: &str, value: &str) -> Change {
        self.change(ns, Action::SetSysctl { name: name.to_owned(), value: value.to_owned() })
    }

    /// The last event for which `f` gives something.
    fn last<T>(&self, f: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.failure.events.iter().rev().find_map(|e| f(e))
    }

    /// The devices that frames of a device come to by links and bridges, whatever state these are in; itself included.
    fn segment(&self, from: (NsIndex, u32)) -> BTreeSet<(NsIndex, u32)> {
        let mut reached = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some((ns, device)) = open.pop() {
            let n = self.net.namespace(ns);
            let Some(link) = n.link(device) else { continue };
            let end = link.peer.and_then(|p| Some((self.net.index_of(p.namespace)?, p.index)));
            let bridge = link.master.map(|bridge| (ns, bridge));
            let is_port = |l: &&plumb_model::Link| link.kind == "bridge" && l.master == Some(device);
            let ports = n.links.items().iter().filter(is_port).map(|l| (ns, l.index));
            open.extend(end.into_iter().chain(bridge).chain(ports).filter(|d| reached.insert(*d)));
        }
        reached
    }

    /// Whether frames of one device come to another by links and bridges.
    fn on_one_link(&self, a: (NsIndex, u32), b: (NsIndex, u32)) -> bool {
        self.segment(a).contains(&b)
    }

    /// The namespaces in which the flow's packets came into being. Others may have the same addresses, in networks that
    /// have nothing to do with the flow.
    fn senders(&self) -> impl Iterator<Item = NsIndex> + '_ {
        self.failure.all_events().filter_map(|e| match e {
            Event::Start { ns, .. } => Some(*ns),
            _ => None,
        })
    }

    /// Whether a machine of the snapshot has an address.
    fn is_owned(&self, addr: IpAddr) -> bool {
        !self.net.owners_of(addr).is_empty()
    }
}

/// The suspects for a failure, the likeliest by the contract's rules first.
pub(crate) fn suspects(net: &Network, flow: &Flow, failure: &Failure) -> Vec<Suspect> {
    let case = Case { net, flow, failure };
    let mut out = Vec::new();
    if failure.part != Part::Opening {
        return sizes::of_payload(&case);
    }
    // Two have one hardware address: whatever the wrong one of them does with the packet. Or the sender's own address is one
    // that it does not use.
    out.extend(owners::same_mac(&case));
    out.extend(owners::other_source(&case));
    // Rule 2: what translated wrongly, or kept the tracker from seeing both directions.
    out.extend(nat::suspects(&case));
    if failure.packet == Packet::Reply && nat::is_astray(failure.stop) {
        out.extend(routes::preferred_source(&case));
    }
    out.extend(marks::suspects(&case));
    out.extend(stopped(&case, failure.stop, failure.packet));
    // Rules with other work to do, which could be made to do this as well.
    out.extend(nat::missed(&case, missed::Work::Other));
    out
}

/// Rules 1, 3, 4, 5: by what stopped the packet.
fn stopped(case: &Case, stop: &Stop, packet: Packet) -> Vec<Suspect> {
    match stop {
        Stop::Dropped { by, .. } | Stop::Rejected { by, .. } => rules::suspects(case, stop, *by, packet),
        Stop::NoRoute { ns, table, addr, .. } => routes::missing(case, *ns, *table, *addr, packet),
        Stop::RouteDiscards { route, .. } => routes::discards(case, route, packet),
        Stop::PolicyRule { ns, rule, .. } => routes::policy_rule(case, *ns, *rule, packet),
        Stop::TtlExceeded { .. } => {
            let looping = routes::looping(case);
            if looping.is_empty() { hops::too_few(case) } else { looping }
        }
        Stop::Sysctl { ns, name, value, right, because } => {
            let mut out = Vec::new();
            if matches!(because, Discard::OwnSource | Discard::ReversePath)
                && routes::has_come_back(case, *ns)
            {
                // Where the sysctl alone lets the packet arrive, it was no loop.
                let alone = sysctl(case, *ns, name, value, right, *because, packet);
                out.extend(alone.map(Suspect::must_connect));
                let round = routes::cut_short(case);
                if !round.is_empty() {
                    out.extend(round);
                    return out;
                }
            }
            if *because == Discard::NotForwarding {
                // Where it would carry the packet on, it is the sysctl; else a route that leads here instead of on.
                let alone = sysctl(case, *ns, name, value, right, *because, packet);
                out.extend(alone.map(Suspect::must_connect));
                out.extend(routes::to_no_router(case, *ns));
            }
            if *because == Discard::OwnSource {
                out.extend(martians::twice(case, *ns, name));
            }
            out.extend(sysctl(case, *ns, name, value, right, *because, packet));
            out
        }
        Stop::Martian { ns, device, addr, source } => martians::address(case, *ns, *device, *addr, *source),
        Stop::LinkDown { ns, device } => vec![links::down(case, *ns, *device)],
        Stop::NoCarrier { ns, device } => vec![links::no_carrier(case, *ns, *device)],
        Stop::NeighbourFailed { ns, device, addr, why, .. } => match why {
            NoAnswer::Lost { answer, stop } => {
                let packet = if *answer { Packet::NeighbourAnswer } else { Packet::NeighbourQuestion };
                let mut out = neighbours::nobody(case, *ns, *device, *addr, true);
                let mut inner = stopped(case, stop, packet);
                inner.append(&mut out);
                inner
            }
            NoAnswer::Sysctl { ns: owner, name, value } => {
                vec![neighbours::ignored(case, *owner, name, value, *addr)]
            }
            _ => neighbours::nobody(case, *ns, *device, *addr, false),
        },
        Stop::OtherHost { ns, .. } => neighbours::other_host(case, *ns),
        Stop::NoPort { ns, bridge, from, lladdr, refused } => {
            let mut out = neighbours::stale_entry(case, Some(*lladdr));
            out.extend(bridges::no_port(case, *ns, *bridge, *from, *lladdr, refused));
            out
        }
        Stop::PortClosed { ns, port, why } => {
            bridges::refused(case, *ns, *port, *port, *why).into_iter().collect()
        }
        Stop::NoListener { ns, tuple, near } => listeners::missing(case, *ns, tuple, near),
        Stop::QueueFull { ns, socket } => listeners::queue_full(case, *ns, *socket).into_iter().collect(),
        Stop::ServerStopped { ns, socket } => listeners::stopped(case, *ns, *socket).into_iter().collect(),
        Stop::HandedOver { ns, socket, device } => handed::over(case, *ns, *socket, *device),
        Stop::NotExpected { ns, tuple, expected } => nat::not_expected(case, *ns, tuple, expected),
        Stop::NatExhausted { rule, ns } => nat::exhausted(case, *ns, *rule).into_iter().collect(),
        Stop::PortsUsedUp { ns, range, used } => vec![ports_used_up(case, *ns, range, *used)],
        Stop::NoSource { ns, family } => {
            let finding =
                Finding::NoSource { namespace: case.name(*ns), family: family.nft_name().to_owned() };
            vec![Suspect::new(finding, place::namespace(case.net, *ns), Layer::Addressing, Vec::new())]
        }
        Stop::TooBig { ns, device, mtu } => {
            vec![sizes::too_big(case, *ns, *device, *mtu)]
        }
        Stop::FrameTooBig { ns, device, mtu, .. } => vec![sizes::frame_too_big(case, *ns, *device, *mtu)],
        _ => Vec::new(),
    }
}

fn ports_used_up(case: &Case, ns: NsIndex, range: &str, used: usize) -> Suspect {
    let name = "net.ipv4.ip_local_port_range";
    let destination = place::endpoint(case.flow.dst, case.flow.port);
    let finding =
        Finding::PortsUsedUp { namespace: case.name(ns), destination, range: range.to_owned(), used };
    let value = case.net.namespace(ns).sysctls.text(name).unwrap_or(range).trim();
    // The kernel's own default, which leaves room for many more.
    let cure = vec![case.set_sysctl(ns, name, "32768 60999")];
    let place = place::sysctl(case.net, ns, name, &value.split_whitespace().collect::<Vec<_>>().join(" "));
    let read_with = case.command(ns, &format!("ss -tan dst {}", case.flow.dst));
    let shown = Shown {
        unit: Some(Unit::Connections),
        ..Shown::new(ShownWhat::Queue, used, serde_json::Value::Null, read_with)
    };
    Suspect::new(finding, place, Layer::Socket, vec![cure]).show([shown])
}

fn sysctl(
    case: &Case,
    ns: NsIndex,
    name: &str,
    value: &str,
    right: &str,
    because: Discard,
    packet: Packet,
) -> Option<Suspect> {
    let namespace = case.name(ns);
    let sysctl = name.to_owned();
    let entered = case.last(|e| match e {
        Event::Enters { ns: n, device } if *n == ns => Some(case.net.device_name(ns, *device)),
        _ => None,
    });
    // What goes out is judged by the same sysctl: `net.ipv4.conf.DEVICE.NAME`.
    let of_sysctl = || Some(name.strip_prefix("net.ipv4.conf.")?.rsplit_once('.')?.0.to_owned());
    let device = entered.or_else(of_sysctl).unwrap_or_default();
    let source = match because {
        Discard::OwnSource => martians::own_source(case, ns),
        _ => case.failure.state.packet.src,
    };
    let source = source.to_string();
    let mut layer = Layer::Sysctl;
    let mut alternatives = vec![vec![case.set_sysctl(ns, name, right)]];
    let finding = match because {
        Discard::NotForwarding => Finding::NotForwarding { namespace, sysctl, packet },
        Discard::ReversePath => {
            // Loose where the way back is another; off where there is none at all.
            let all = case.set_sysctl(ns, "net.ipv4.conf.all.rp_filter", "0");
            alternatives = vec![
                vec![case.set_sysctl(ns, name, "2")],
                vec![case.set_sysctl(ns, name, "0")],
                vec![case.set_sysctl(ns, name, "0"), all],
            ];
            Finding::ReversePath { namespace, sysctl, device, source, packet }
        }
        Discard::Loopback => Finding::LoopbackFromOutside { namespace, sysctl, device },
        Discard::OwnSource => Finding::OwnSource { namespace, sysctl, device, source },
        Discard::EchoIgnored => Finding::EchoIgnored { namespace, sysctl },
        Discard::Ipv6Disabled => Finding::Ipv6Disabled { namespace, sysctl, device },
        Discard::ConntrackFull => {
            layer = Layer::Conntrack;
            let table = case.net.namespace(ns).conntrack.value()?;
            Finding::ConntrackFull {
                namespace,
                count: table.count.unwrap_or_default(),
                max: table.max.unwrap_or_default(),
            }
        }
        _ => return None,
    };
    let place = place::sysctl(case.net, ns, name, value);
    let read_with = case.command(ns, &format!("sysctl {name}"));
    let shown = Shown::new(ShownWhat::Sysctl, value, right, read_with);
    Some(Suspect::new(finding, place, layer, alternatives).show([shown]))
}

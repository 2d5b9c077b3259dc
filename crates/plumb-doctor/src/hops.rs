//! A walk as a list of steps for people: what a packet met, in the words of the tools that show it.
//!
//! [`Level::Brief`] keeps what a person follows a packet by: devices, routes, rules that matched, translations,
//! neighbours, bridge ports, the end. [`Level::Explain`] adds why it went on: chains that were entered, look-ups, marks,
//! what the tracker thought of it, nat chains that were passed over.

mod ends;

use plumb_model::{Namespace, Protocol, fmt_ct_entry, fmt_route, fmt_socket};
use plumb_trace::event::{Decider, Event, NatKind, NeighbourHow, RouteUse, Stop, Unknown};
use plumb_trace::packet::{CtState, Packet, tcp_flags};
use plumb_trace::state::{ChainPlace, NsIndex, RuleRef};
use plumb_trace::{End as WalkEnd, Network};

use crate::messages::{self, Lang, Step, percent};
use crate::place::{self, Names};
use crate::report::{Hop, Place};

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Level {
    /// Where it went and what decided.
    #[default]
    Brief,
    /// Every look-up and why it went on.
    Explain,
}

/// Which packet of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketName {
    /// From client to server.
    Request,
    /// From server to client.
    Reply,
    /// A RST or ICMP error that comes back.
    Error,
    /// Payload from client to server.
    Payload,
    /// Payload from server to client.
    Answer,
    /// What tells the sender of a payload that it is there.
    Acknowledgement,
}

impl PacketName {
    /// As reports spell it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Reply => "reply",
            Self::Error => "error",
            Self::Payload => "payload",
            Self::Answer => "answer",
            Self::Acknowledgement => "acknowledgement",
        }
    }
}

/// How steps are told.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// The unknown things that the walk met, by index.
    pub unknowns: &'a [Unknown],
    /// How much is told.
    pub level: Level,
    /// In which language.
    pub lang: Lang,
}

/// The steps of one packet, from where it was made to its end.
#[must_use]
pub fn hops(net: &Network, end: &WalkEnd, packet: PacketName, telling: Telling<'_>) -> Vec<Hop> {
    let Telling { unknowns, level, lang } = telling;
    let names = Names::new(net);
    let mut list = Hops { net, names, packet, unknowns, level, lang, out: Vec::new(), at: 0, told: None };
    for event in end.state.history.events() {
        list.event(event);
    }
    list.end(end);
    list.out
}

/// One step, before it is written down: its kind, what is said, where it stands.
pub(crate) struct Told {
    pub(crate) ns: NsIndex,
    pub(crate) kind: &'static str,
    pub(crate) step: Step,
    pub(crate) place: Place,
}

struct Hops<'a, 's> {
    net: &'a Network<'s>,
    names: Names<'a, 's>,
    packet: PacketName,
    unknowns: &'a [Unknown],
    level: Level,
    lang: Lang,
    out: Vec<Hop>,
    /// Namespace that the packet is in.
    at: NsIndex,
    /// The rule that a translation or the end has told of already.
    told: Option<RuleRef>,
}

impl Hops<'_, '_> {
    fn tell(&mut self, told: Told) {
        self.at = told.ns;
        self.out.push(Hop {
            namespace: place::namespace_name(self.net, told.ns),
            packet: self.packet.word().to_owned(),
            step: told.kind.to_owned(),
            text: messages::step(self.lang, &told.step),
            place: told.place,
        });
    }

    fn event(&mut self, event: &Event) {
        let explain = self.level == Level::Explain;
        if !explain && !is_brief(event) {
            return;
        }
        if let Event::Rule { rule } = event
            && self.told.take() == Some(*rule)
        {
            return;
        }
        if let Event::Nat { rule, .. } = event {
            self.told = *rule;
        }
        if let Some(told) = self.told_of(event) {
            self.tell(told);
        }
    }

    fn end(&mut self, end: &WalkEnd) {
        let told = ends::told(&mut self.names, end, self.at);
        let decider = match &end.stop {
            Stop::Dropped { by: Decider::Rule(r), .. } | Stop::Rejected { by: Decider::Rule(r), .. } => {
                Some(*r)
            }
            _ => None,
        };
        // The rule that ended it is the end itself, not a step before it.
        if decider.is_some() && self.out.last().is_some_and(|h| h.step == "rule" && h.place == told.place) {
            self.out.pop();
        }
        self.tell(told);
    }

    fn namespace(&self, ns: NsIndex) -> Option<&'_ Namespace> {
        self.net.snapshot.namespaces.get(ns)
    }

    #[allow(clippy::too_many_lines, reason = "one arm an event")]
    fn told_of(&mut self, event: &Event) -> Option<Told> {
        let told = |ns, kind, step| Some(Told { ns, kind, step, place: Place::new() });
        match event {
            Event::Start { ns, packet } => {
                let outside = None;
                told(*ns, "start", Step::Start { packet: packet_words(packet), outside })
            }
            Event::Source { ns, addr } => told(*ns, "source", Step::Source { address: addr.to_string() }),
            Event::Route { purpose, found } => {
                let n = self.namespace(found.ns)?;
                let r = n.routes.items().get(found.route)?;
                let rule_pref = Some(found.rule_pref).filter(|p| !matches!(p, 0 | 32766 | 32767));
                let table = plumb_model::Route::table_name(r.table);
                let step = Step::Route { purpose: *purpose, route: fmt_route(r, n), table, rule_pref };
                Some(Told { ns: found.ns, kind: "route", step, place: place::route(self.net, *found) })
            }
            Event::Chain { chain, hook } => {
                let hook = hook.word().map_or_else(|| format!("hook {}", hook.number()), str::to_owned);
                let chain_words = place::chain_words(self.net, *chain);
                let rules = place::chain_length(self.net, *chain);
                told(chain.ns, "chain", Step::Chain { chain: chain_words, hook, rules })
            }
            Event::Rule { rule } => {
                let step = Step::Rule {
                    chain: place::chain_words(self.net, chain_of(*rule)),
                    number: place::rule_number(*rule),
                    rule: self.names.rule_text(*rule),
                };
                Some(Told { ns: rule.ns, kind: "rule", step, place: self.names.rule(*rule, &[]) })
            }
            Event::Lookup { rule, set, element } => {
                let element = element.and_then(|e| place::element_text(self.net, *set, e));
                told(rule.ns, "set", Step::Lookup { set: place::set_name(self.net, *set), element })
            }
            Event::IpSet { rule, set, element } => {
                let (set, element) = place::ipset_words(self.net, rule.ns, *set, *element)?;
                told(rule.ns, "set", Step::Lookup { set: Some(set), element })
            }
            Event::Mark { rule, from, to } => told(rule.ns, "mark", Step::Mark { from: *from, to: *to }),
            // A drop is the end, which is told of on its own.
            Event::Verdict { accept: false, .. } => None,
            Event::Verdict { by: Decider::Rule(r), accept: true } => {
                let chain = place::chain_words(self.net, chain_of(*r));
                told(r.ns, "verdict", Step::Accepted { chain, policy: false })
            }
            Event::Verdict { by: Decider::Policy(c), accept: true } => {
                let chain = place::chain_words(self.net, *c);
                told(c.ns, "verdict", Step::Accepted { chain, policy: true })
            }
            Event::Tracked { ns, info, entry } => {
                let entries = self.namespace(*ns).and_then(|n| n.conntrack.value());
                let entry = entry.and_then(|e| entries?.entries.get(e)).map(fmt_ct_entry);
                let state = info.map(|i| match i.state {
                    CtState::New => "new",
                    CtState::Established => "established",
                    CtState::Related => "related",
                });
                let reply = info.is_some_and(|i| i.reply);
                told(*ns, "conntrack", Step::Tracked { state, reply, entry })
            }
            Event::NatPassedOver { ns, hook, inactive } => {
                let hook = hook.word().unwrap_or("nat").to_owned();
                told(*ns, "nat", Step::NatPassedOver { hook, inactive: *inactive })
            }
            Event::Nat { ns, rule, kind, from, to } => {
                let end = |t: &plumb_model::Tuple| match kind {
                    NatKind::Source => place::endpoint(t.src, t.sport),
                    NatKind::Destination => place::endpoint(t.dst, t.dport),
                };
                // What undoes a translation changes the other end than its name says: show the end that changed.
                let (from, to) = match (end(from) == end(to), kind) {
                    (true, NatKind::Source) => {
                        (place::endpoint(from.dst, from.dport), place::endpoint(to.dst, to.dport))
                    }
                    (true, NatKind::Destination) => {
                        (place::endpoint(from.src, from.sport), place::endpoint(to.src, to.sport))
                    }
                    (false, _) => (end(from), end(to)),
                };
                let by_rule = rule.map(|r| self.names.rule_text(r));
                let step = Step::Nat { kind: *kind, from, to, by_rule };
                let place = rule.map(|r| self.names.rule(r, &[])).unwrap_or_default();
                Some(Told { ns: *ns, kind: "nat", step, place })
            }
            Event::Neighbour { ns, device, addr, lladdr, how } => {
                let step = Step::Neighbour {
                    device: self.net.device_name(*ns, *device),
                    address: addr.to_string(),
                    lladdr: lladdr.map(|m| m.to_string()),
                    how: *how,
                };
                let place = match how {
                    NeighbourHow::Entry(_) => place::neighbour(self.net, *ns, *device, *addr, *lladdr),
                    _ => Place::new(),
                };
                Some(Told { ns: *ns, kind: "neighbour", step, place })
            }
            Event::Sized { ns, len, dont_fragment, mss } => {
                let step = Step::Sized { len: *len, dont_fragment: *dont_fragment == Some(true), mss: *mss };
                told(*ns, "size", step)
            }
            Event::Leaves { ns, device } => {
                let step =
                    Step::Leaves { device: self.net.device_name(*ns, *device), to: self.peer(*ns, *device) };
                told(*ns, "device", step)
            }
            Event::Enters { ns, device } => {
                told(*ns, "device", Step::Enters { device: self.net.device_name(*ns, *device) })
            }
            Event::Bridge { ns, bridge, from, to, how } => {
                let name = |d: &u32| self.net.device_name(*ns, *d);
                let step = Step::Bridge {
                    bridge: name(bridge),
                    from: from.as_ref().map(name),
                    to: to.as_ref().map(name),
                    how: *how,
                };
                told(*ns, "bridge", step)
            }
            Event::Local { ns, socket } => {
                let n = self.namespace(*ns);
                let socket = socket.and_then(|s| Some(fmt_socket(n?.sockets.items().get(s)?, n?)));
                told(*ns, "socket", Step::Local { socket })
            }
            Event::Draw { rule, share, per_packet } => {
                let ns = rule.map_or(self.at, |r| r.ns);
                let rule = rule.map(|r| self.names.rule_text(r));
                told(
                    ns,
                    "choice",
                    Step::Draw { share: percent(share.as_f64()), rule, per_packet: *per_packet },
                )
            }
            Event::Unknown { unknown } => {
                let unknown = self.unknowns.get(*unknown as usize)?;
                let place = place::unknown(self.net, unknown);
                let step = Step::Unknown { what: unknown.what.clone() };
                Some(Told { ns: unknown.ns, kind: "unknown", step, place })
            }
            _ => None,
        }
    }

    /// The other end of a veth pair: `eth0 of server`.
    fn peer(&self, ns: NsIndex, device: u32) -> Option<String> {
        let peer = self.namespace(ns)?.link(device)?.peer?;
        let other = self.net.snapshot.namespace(peer.namespace)?;
        let device = other.link(peer.index)?;
        Some(match self.lang {
            Lang::En => format!("{} of {}", device.name, other.name),
            Lang::Zh => format!("{} 的 {}", other.name, device.name),
        })
    }
}

/// What a person follows a packet by.
fn is_brief(event: &Event) -> bool {
    match event {
        Event::Route { purpose, .. } => *purpose != RouteUse::ReversePath,
        Event::Neighbour { how, .. } => !matches!(how, NeighbourHow::NotNeeded),
        Event::Nat { from, to, .. } => from != to,
        Event::Start { .. }
        | Event::Sized { .. }
        | Event::Rule { .. }
        | Event::Leaves { .. }
        | Event::Bridge { .. }
        | Event::Draw { .. }
        | Event::Unknown { .. } => true,
        _ => false,
    }
}

fn chain_of(rule: RuleRef) -> ChainPlace {
    ChainPlace { ns: rule.ns, table: rule.table, chain: rule.chain }
}

/// `tcp SYN 10.0.1.2:40000 → 10.0.2.2:80`; without a source that is not chosen yet.
pub(crate) fn packet_words(p: &Packet) -> String {
    let mut words = p.protocol.to_string();
    if p.protocol == Protocol::TCP {
        let flags = [
            (tcp_flags::SYN, "SYN"),
            (tcp_flags::RST, "RST"),
            (tcp_flags::FIN, "FIN"),
            (tcp_flags::PSH, "PSH"),
            (tcp_flags::ACK, "ACK"),
        ];
        let set: Vec<&str> =
            flags.iter().filter(|(bit, _)| p.tcp_flags & bit != 0).map(|(_, n)| *n).collect();
        words = format!("{words} {}", set.join(","));
    }
    if let Some(i) = p.icmp {
        let name = icmp_name(p.protocol, i.kind)
            .map_or_else(|| format!("type {} code {}", i.kind, i.code), str::to_owned);
        words = format!("{words} {name}");
    }
    let destination = place::endpoint(p.dst, p.dport);
    if p.src.is_unspecified() {
        format!("{words} → {destination}")
    } else {
        format!("{words} {} → {destination}", place::endpoint(p.src, p.sport))
    }
}

fn icmp_name(protocol: Protocol, kind: u8) -> Option<&'static str> {
    Some(match (protocol, kind) {
        (Protocol::ICMP, 0) | (Protocol::ICMPV6, 129) => "echo reply",
        (Protocol::ICMP, 8) | (Protocol::ICMPV6, 128) => "echo request",
        (Protocol::ICMP, 3) | (Protocol::ICMPV6, 1) => "destination unreachable",
        (Protocol::ICMP, 11) | (Protocol::ICMPV6, 3) => "time exceeded",
        (Protocol::ICMPV6, 2) => "packet too big",
        (Protocol::ICMP, 12) | (Protocol::ICMPV6, 4) => "parameter problem",
        (Protocol::ICMPV6, 135) => "neighbour solicitation",
        (Protocol::ICMPV6, 136) => "neighbour advertisement",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

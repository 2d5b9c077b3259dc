//! Steps of a walk in English.

use plumb_trace::event::{BridgeHow, Discard, NatKind, NeighbourHow, PortRefusal, RouteUse};

use crate::messages::{End, Lang, Step, Why, rejection};

pub(in crate::messages) fn step(step: &Step) -> String {
    match step {
        Step::Start { packet, outside: None } => format!("sends {packet}"),
        Step::Start { packet, outside: Some(device) } => format!("{packet} comes from outside by {device}"),
        Step::Source { address } => format!("source address {address}"),
        Step::Route { purpose, route, table, rule_pref } => {
            let by = rule_pref.map(|p| format!(", by policy rule {p}")).unwrap_or_default();
            let what = match purpose {
                RouteUse::Output => "route",
                RouteUse::Input => "route onwards",
                RouteUse::ReversePath => "way back to the source",
            };
            format!("{what} `{route}` (table {table}{by})")
        }
        Step::Sized { len, dont_fragment, mss } => {
            let df = if *dont_fragment { ", DF set" } else { "" };
            let offer = mss.map(|m| format!(", offers segments of up to {m} bytes")).unwrap_or_default();
            format!("{len} bytes{df}{offer}")
        }
        Step::Chain { chain, hook, rules } => format!("{hook}: chain {chain}, {rules} rules"),
        Step::Rule { chain, number, rule } => format!("rule {number} of {chain} matches: `{rule}`"),
        Step::Lookup { set, element } => {
            let set = set.as_deref().map_or_else(|| "the rule's own set".to_owned(), |s| format!("set {s}"));
            match element {
                Some(e) => format!("{set} has {e}"),
                None => format!("{set} does not have it"),
            }
        }
        Step::Mark { from, to } => format!("mark {from:#x} becomes {to:#x}"),
        Step::Accepted { chain, policy: false } => format!("{chain}: accepted by this rule"),
        Step::Accepted { chain, policy: true } => format!("{chain}: no rule decides, its policy is accept"),
        Step::Tracked { state, reply, entry } => {
            let way = if *reply { ", reply direction" } else { "" };
            let of = entry.as_ref().map(|e| format!(", entry `{e}`")).unwrap_or_default();
            match state {
                Some(state) => format!("conntrack: {state}{way}{of}"),
                None => "conntrack: invalid, belongs to no connection".to_owned(),
            }
        }
        Step::NatPassedOver { hook, inactive: true } => {
            format!("{hook}: nat chains are not consulted, nothing here uses connection tracking")
        }
        Step::NatPassedOver { hook, inactive: false } => {
            format!("{hook}: nat chains are not consulted, the packet is not tracked")
        }
        Step::Nat { kind, from, to, by_rule } => {
            let what = match kind {
                NatKind::Source => "source",
                NatKind::Destination => "destination",
            };
            match by_rule {
                Some(rule) => format!("{what} {from} becomes {to}, by `{rule}`"),
                None => format!("{what} {from} becomes {to}, as the connection's entry says"),
            }
        }
        Step::Neighbour { device, address, lladdr, how } => {
            let lladdr = lladdr.as_deref().unwrap_or("no address");
            match how {
                NeighbourHow::NotNeeded => format!("{device} needs no neighbour"),
                NeighbourHow::Entry(_) => format!("neighbour {address} on {device} is {lladdr}"),
                NeighbourHow::Resolved => format!("asks on {device} for {address}: {lladdr} answers"),
                NeighbourHow::Learnt => {
                    format!("neighbour {address} on {device} is {lladdr}, learnt from its question")
                }
            }
        }
        Step::Leaves { device, to: Some(to) } => format!("leaves by {device} to {to}"),
        Step::Leaves { device, to: None } => format!("leaves by {device}"),
        Step::Enters { device } => format!("comes in by {device}"),
        Step::Bridge { bridge, from, to, how } => {
            let from = from.as_deref().unwrap_or(bridge);
            let to = to.as_deref().unwrap_or(bridge);
            let how = match how {
                BridgeHow::Fdb => "its forwarding database knows the address",
                BridgeHow::Learnt => "learnt from an earlier frame",
                BridgeHow::Flood => "flooded",
                BridgeHow::Local => "the bridge's own address",
            };
            format!("bridge {bridge}: from {from} to {to}, {how}")
        }
        Step::Local { socket: Some(socket) } => format!("for this machine: {socket}"),
        Step::Local { socket: None } => "for this machine".to_owned(),
        Step::Draw { share, rule, per_packet } => {
            let of = rule.as_ref().map(|r| format!(" in `{r}`")).unwrap_or_default();
            let kept = if *per_packet { "anew for each packet" } else { "kept for the connection" };
            format!("the kernel chooses{of}: {share} go this way, {kept}")
        }
        Step::Unknown { what } => format!("{what}: not known, could decide here; taken to let it pass"),
        Step::End(e) => end(e),
    }
}

fn by(chain: &str, rule: Option<&String>) -> String {
    match rule {
        Some(rule) => format!("by `{rule}` in {chain}"),
        None => format!("by the policy of {chain}"),
    }
}

fn end(end: &End) -> String {
    match end {
        End::Delivered { socket: Some(socket) } => format!("arrives at {socket}"),
        End::Delivered { socket: None } => "arrives".to_owned(),
        End::Dropped { chain, rule } => format!("dropped {}", by(chain, rule.as_ref())),
        End::Rejected { chain, rule, answer } => {
            format!("rejected {} with {}", by(chain, rule.as_ref()), rejection(Lang::En, *answer))
        }
        End::NatExhausted { rule: Some(rule) } => {
            format!("dropped: `{rule}` has no free port or address left")
        }
        End::NatExhausted { rule: None } => "dropped: no free port or address to translate to".to_owned(),
        End::NoRoute { table, address } => format!("no route to {address} (table {table} was asked last)"),
        End::PolicyRule { rule } => format!("discarded by the policy rule `{rule}`"),
        End::RouteDiscards { table, route } => format!("discarded by the route `{route}` (table {table})"),
        End::Sysctl { name, value, because } => {
            let because = match because {
                Discard::NotForwarding => "this machine does not forward",
                Discard::ReversePath => "the way back to the source leads elsewhere",
                Discard::Loopback => "a loopback address from outside",
                Discard::OwnSource => "an own address as source from outside",
                Discard::EchoIgnored => "echo requests are not answered",
                Discard::Ipv6Disabled => "IPv6 is off on the device",
                Discard::ConntrackFull => "the connection table is full",
                _ => "the kernel discards it",
            };
            format!("discarded: {because} ({name} is {value})")
        }
        End::Martian { device, address, source } => {
            let which = if *source { "source" } else { "destination" };
            format!("discarded: the {which} {address} must not come in by {device}")
        }
        End::LinkDown { device } => format!("{device} is down"),
        End::NoCarrier { device } => format!("{device} has no carrier"),
        End::NeighbourFailed { device, address, why } => {
            let why = match why {
                Why::Nobody => "nobody there has it".to_owned(),
                Why::Sysctl { namespace, name, value } => {
                    format!("{namespace} does not answer, {name} is {value}")
                }
                Why::Lost { answer, namespace, end: e } => {
                    let what = if *answer { "answer" } else { "question" };
                    format!("the {what} is lost in {namespace}: {}", self::end(e))
                }
            };
            format!("no answer for {address} on {device}: {why}")
        }
        End::OtherHost { device, lladdr } => {
            format!("discarded: the frame is for {lladdr}, not for {device}")
        }
        End::NoPort { bridge, lladdr, refused } => {
            let ports: Vec<String> =
                refused.iter().map(|(p, why)| format!("{p}: {}", refusal(*why))).collect();
            let ports = if ports.is_empty() { "no other port".to_owned() } else { ports.join("; ") };
            format!("bridge {bridge} has no port for {lladdr} ({ports})")
        }
        End::PortClosed { port, why } => format!("port {port} takes no frames: {}", refusal(*why)),
        End::Loop { routes } => format!("goes round until its life ends: {}", routes.join(" → ")),
        End::FrameTooBig { device, mtu } => format!("dropped at {device}, which takes no more (MTU {mtu})"),
        End::TooBig { device, mtu } => format!("larger than {device} takes (MTU {mtu})"),
        End::NoListener { socket, near } if near.is_empty() => format!("nothing listens on {socket}"),
        End::NoListener { socket, near } => {
            format!("nothing listens on {socket}, only on {}", near.join(", "))
        }
        End::ServerStopped { socket } => format!("what serves {socket} is stopped, and nobody answers"),
        End::QueueFull { socket } => format!("the queue of {socket} is full"),
        End::HandedOver { socket, device } => {
            format!("dropped: it was handed to {socket}, and its route leads on by {device}")
        }
        End::NotExpected { seen, expected } => {
            format!("the client does not know {seen}: it waits for {expected}")
        }
        End::NoSource { family } => format!("no {family} address to send from"),
        End::LeavesSnapshot { device } => format!("leaves by {device} to where no snapshot reaches"),
        End::Unmodelled { what } => format!("cannot be followed: {what}"),
    }
}

fn refusal(why: PortRefusal) -> String {
    match why {
        PortRefusal::State(n) => {
            let states = ["disabled", "listening", "learning", "forwarding", "blocking"];
            format!("state {}", states.get(usize::from(n)).unwrap_or(&"unknown"))
        }
        PortRefusal::NoFlood => "flood off".to_owned(),
        PortRefusal::NoBroadcast => "broadcasts are not flooded".to_owned(),
        PortRefusal::Isolated => "both ports are isolated".to_owned(),
        PortRefusal::NoHairpin => "came in there, hairpin off".to_owned(),
        PortRefusal::Down => "down".to_owned(),
        PortRefusal::Locked => "locked".to_owned(),
        PortRefusal::Vlan => "VLANs are filtered".to_owned(),
        _ => "refuses".to_owned(),
    }
}

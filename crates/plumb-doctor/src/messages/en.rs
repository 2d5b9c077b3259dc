//! English.

mod advice;
mod step;

use plumb_trace::session::Transport;

pub(super) use advice::advice;
pub(super) use step::step;

use super::{Ending, Lang, Traffic, rejection};
use crate::finding::{Finding, InOrder, Packet, ShownWhat};

pub(super) fn packet(packet: Packet) -> &'static str {
    match packet {
        Packet::Request => "request",
        Packet::Reply => "reply",
        Packet::Error => "ICMP error",
        Packet::Payload => "payload",
        Packet::PayloadBack => "payload of the answer",
        Packet::TooBig => "ICMP error that tells the sender of a smaller MTU",
        Packet::NeighbourQuestion => "ARP or ND question",
        Packet::NeighbourAnswer => "ARP or ND answer",
    }
}

fn tool(backend: &str) -> &str {
    match backend {
        "xtables-nft" => "iptables-nft",
        "xtables-legacy" => "iptables-legacy",
        other => other,
    }
}

#[allow(clippy::too_many_lines, reason = "one sentence a finding")]
pub(super) fn summary(finding: &Finding) -> String {
    use Finding as F;
    match finding {
        F::RuleDrops { namespace, backend, table, chain, rule, packet: p, mark_set_in } => {
            let tool = tool(backend);
            let p = packet(*p);
            let mark =
                mark_set_in.as_ref().map(|m| format!(", because of a mark set in {m}")).unwrap_or_default();
            format!(
                "in {namespace}, {tool} table {table}, chain {chain}, the rule `{rule}` drops the {p}{mark}"
            )
        }
        F::PolicyDrops { namespace, backend, table, chain, packet: p } => format!(
            "in {namespace}, no rule of {tool} table {table}, chain {chain} accepts the {p}, and the chain's policy is drop",
            tool = tool(backend),
            p = packet(*p)
        ),
        F::RuleRejects { namespace, backend, table, chain, rule, packet: p, answer } => format!(
            "in {namespace}, {tool} table {table}, chain {chain}, the rule `{rule}` rejects the {p} with {answer}",
            answer = rejection(Lang::En, *answer),
            tool = tool(backend),
            p = packet(*p)
        ),
        F::NatToDeadPort { namespace, rule, to } => format!(
            "in {namespace}, the rule `{rule}` sends the request to {to}, where nothing listens, while the port asked for is served"
        ),
        F::NatToNobody { namespace, rule, to } => {
            format!(
                "in {namespace}, the rule `{rule}` sends the request to {to}, which nobody has or nothing leads to"
            )
        }
        F::NatSourceLost { namespace, rule, source } => {
            format!(
                "in {namespace}, the rule `{rule}` gives the request the source {source}, to which replies do not find back"
            )
        }
        F::NatExhausted { namespace, rule } => {
            format!("in {namespace}, the rule `{rule}` has no free port left to translate to")
        }
        F::NatMissed { namespace, rule, condition } => {
            format!(
                "in {namespace}, the rule `{rule}` misses the request by one condition; `{condition}` would translate it"
            )
        }
        F::MarkNotRestored { namespace, rule, mark } => format!(
            "in {namespace}, replies do not get the mark {mark:#x} of their connection, by which a policy rule would route them; `{rule}` is missing"
        ),
        F::MarkNotSaved { namespace, rule } => format!(
            "in {namespace}, the request's mark is not kept for the replies, which a policy rule would route by it; `{rule}` is missing"
        ),
        F::MarkMissed { namespace, rule, condition } => format!(
            "in {namespace}, the rule `{rule}`, which gives a mark that a policy rule routes by, misses the packet by one condition; `{condition}` would mark it"
        ),
        F::MarkOverwritten { namespace, rule, mark } => format!(
            "in {namespace}, the rule `{rule}` takes away the mark {mark:#x}, by which a policy rule would route the packet"
        ),
        F::HopLimitTooLow { namespace, by, packet: p } => format!(
            "in {namespace}, `{by}` lets {} pass too few routers (TTL, hop limit) to arrive",
            packet(*p)
        ),
        F::Untracked { namespace, rule } => {
            format!(
                "in {namespace}, the rule `{rule}` keeps the packet from being tracked, so that it is not translated"
            )
        }
        F::ZoneDiffers { namespace, rule, zone } => format!(
            "in {namespace}, the rule `{rule}` puts one direction into conntrack zone {zone}, so that replies belong to no connection"
        ),
        F::StaleEntry { namespace, entry } => {
            format!(
                "in {namespace}, the conntrack entry `{entry}` still translates to where nothing is any more"
            )
        }
        F::RouteMissing { namespace, table, address, packet: p } => {
            format!(
                "{namespace} has no route to {address} for the {} (table {table} was asked last)",
                packet(*p)
            )
        }
        F::RouteDiscards { namespace, route, table, packet: p, .. } => {
            format!("in {namespace}, the route `{route}` of table {table} discards the {}", packet(*p))
        }
        F::RouteAstray { namespace, route, table, by_source: true, .. } => {
            format!(
                "in {namespace}, the route `{route}` of table {table} prefers a source address that replies do not find back to"
            )
        }
        F::RouteAstray { namespace, route, table, packet: p, .. } => format!(
            "in {namespace}, the route `{route}` of table {table} leads the {} to a next hop that does not carry it on",
            packet(*p)
        ),
        F::PolicyRuleDiscards { namespace, rule, packet: p } => {
            format!("in {namespace}, the policy rule `{rule}` discards the {}", packet(*p))
        }
        F::RoutingLoop { namespace, route, table } => {
            format!(
                "the route `{route}` of table {table} in {namespace} sends the packet back to where it came from, round and round"
            )
        }
        F::NotForwarding { namespace, sysctl, packet: p } => {
            format!("{namespace} does not forward the {}: {sysctl} is 0", packet(*p))
        }
        F::ReversePath { namespace, sysctl, device, source, packet: p } => format!(
            "{namespace} drops the {} that comes in by {device}: its way back to {source} leads elsewhere, and {sysctl} asks for the same device",
            packet(*p)
        ),
        F::LoopbackFromOutside { namespace, sysctl, device } => {
            format!("{namespace} lets no packet with a loopback address pass by {device}: {sysctl} is 0")
        }
        F::OwnSource { namespace, sysctl, device, source } => {
            format!(
                "{namespace} drops what comes in by {device} from {source}, its own address: {sysctl} is 0"
            )
        }
        F::Martian { namespace, device, address, source } => {
            let which = if *source { "source" } else { "destination" };
            format!(
                "{namespace} drops what comes in by {device} with the {which} {address}, which must not appear there"
            )
        }
        F::NoNeighbourAnswer { namespace, sysctl, value, address } => {
            format!("{namespace} does not answer who asks for {address}: {sysctl} is {value}")
        }
        F::ProxyEntryMissing { namespace, device, address } => {
            format!(
                "{namespace} does not answer who asks for {address} on {device}: it has no proxy entry for it"
            )
        }
        F::NeighbourMissing { namespace, device, address } => {
            format!("nobody on {device} of {namespace} has the address {address}")
        }
        F::NeighbourWrong { namespace, device, address, lladdr } => {
            format!(
                "{namespace} sends packets for {address} on {device} to {lladdr}, which is not the address of its owner"
            )
        }
        F::Ipv6Disabled { namespace, sysctl, device } => {
            format!("{namespace} does not take IPv6 on {device}: {sysctl} is 1")
        }
        F::EchoIgnored { namespace, sysctl } => {
            format!("{namespace} does not answer echo requests: {sysctl} is 1")
        }
        F::ConntrackFull { namespace, count, max } => {
            format!("the connection table of {namespace} is full: {count} entries of {max}")
        }
        F::BridgeNotFiltered { namespace, sysctl, bridge } => format!(
            "in {namespace}, packets bridged by {bridge} do not pass the IP hooks ({sysctl} is 0), so that replies are not translated back"
        ),
        F::LinkDown { namespace, device, .. } => format!("{device} in {namespace} is down"),
        F::NoCarrier { namespace, device, peer: Some(peer) } => {
            format!("{device} in {namespace} has no carrier: its other end, {peer}, is down")
        }
        F::NoCarrier { namespace, device, peer: None } => format!("{device} in {namespace} has no carrier"),
        F::NotInBridge { namespace, device, bridge } => {
            format!(
                "{device} in {namespace} is not a port of {bridge}, so nobody there reaches what lies behind it"
            )
        }
        F::PortNoFlood { namespace, bridge, device, lladdr } => format!(
            "port {device} of {bridge} in {namespace} takes no unknown unicast (flood off), and the bridge does not know where {lladdr} is"
        ),
        F::PortNoBroadcast { namespace, bridge, device, attribute } => {
            format!(
                "port {device} of {bridge} in {namespace} passes on no broadcasts or multicasts ({attribute} off), which ARP and ND need"
            )
        }
        F::PortIsolated { namespace, bridge, device, from } => {
            format!(
                "ports {from} and {device} of {bridge} in {namespace} are both isolated, so nothing passes between them"
            )
        }
        F::PortNoHairpin { namespace, bridge, device } => {
            format!(
                "port {device} of {bridge} in {namespace} sends nothing back to where it came from (hairpin off)"
            )
        }
        F::PortState { namespace, bridge, device, state } => {
            format!("port {device} of {bridge} in {namespace} does not forward: its state is {state}")
        }
        F::FdbWrong { namespace, bridge, device, lladdr } => {
            format!(
                "{bridge} in {namespace} sends frames for {lladdr} to port {device}, where its owner is not"
            )
        }
        F::ListenerMissing { namespace, socket } => format!("nothing listens on {socket} in {namespace}"),
        F::ListenerElsewhere { namespace, socket, listens } => {
            format!("{namespace} listens on {listens}, which does not take what is sent to {socket}")
        }
        F::ListenerOtherFamily { namespace, socket, listens } => {
            format!("{namespace} listens on {listens}, of the other IP family than {socket}")
        }
        F::PrefixTooWide { namespace, device, prefix, address } => {
            format!(
                "{namespace} has {prefix} on {device} and so looks for {address} on that link, where it is not"
            )
        }
        F::PortsUsedUp { namespace, destination, range, used } => {
            format!("all {used} source ports of {namespace} ({range}) towards {destination} are in use")
        }
        F::DuplicateAddress { namespace, device, address, other } => {
            format!(
                "{namespace} (on {device}) and {other} both have the address {address}; packets reach {namespace}, which does not serve it"
            )
        }
        F::QueueFull { namespace, socket, queue, backlog } => {
            format!(
                "{queue} connections wait to be accepted on {socket} in {namespace}; its backlog is {backlog}, so new ones are dropped"
            )
        }
        F::SynQueueFull { namespace, socket, count, limit } => format!(
            "{count} connections to {socket} in {namespace} are half open; its queue of them holds {limit} and it sends no cookies, so new ones are dropped"
        ),
        F::BufferFull { namespace, socket, waiting, size } => format!(
            "datagrams of {waiting} bytes wait to be read on {socket} in {namespace}, and its buffer of {size} has no room for one more"
        ),
        F::DuplicateMac { namespace, device, mac, other } => {
            format!(
                "{device} in {namespace} has the hardware address {mac}, which {other} on the same link has, too; packets for {other} reach {namespace}"
            )
        }
        F::DadFailed { namespace, device, address } => {
            format!(
                "{address} of {device} in {namespace} is not used: duplicate address detection found another owner"
            )
        }
        F::ServerStopped { namespace, socket, process } => {
            format!("{process} in {namespace}, which serves {socket}, is stopped: nobody answers")
        }
        F::HandedOver { namespace, socket, mark, device } => {
            format!(
                "a rule in {namespace} hands the packet to {socket}, but with the mark {mark:#x} its route leads on by {device}, and the kernel forwards nothing that belongs to a socket"
            )
        }
        F::AnswerFromElsewhere { namespace, expected, seen } => {
            format!(
                "the answer comes to {namespace} from {seen}, but its client waits for one from {expected}"
            )
        }
        F::NoSource { namespace, family } => format!("{namespace} has no {family} address to send from"),
        F::FrameTooBig { namespace, device, mtu, length } => format!(
            "{device} of {namespace} takes packets of up to {mtu} bytes, is sent one of {length}, and drops it without a word"
        ),
        F::TooBig { namespace, device, mtu } => {
            format!("the packet is larger than {device} of {namespace} takes (MTU {mtu})")
        }
    }
}

pub(super) fn effect(traffic: &Traffic, namespace: &str, ending: Ending) -> String {
    let to = &traffic.to;
    let what = match traffic.transport {
        Transport::Tcp => format!("new TCP connections to {to}"),
        Transport::Udp => format!("UDP datagrams to {to}"),
        Transport::Icmp => format!("echo requests to {to}"),
    };
    let how = match (ending, traffic.transport) {
        (Ending::Silence, Transport::Tcp) => "time out",
        (Ending::Silence, _) => "get no answer",
        (Ending::Refused, _) => "are refused",
        (Ending::ErrorAtOnce, _) => "fail at once with an ICMP error",
        (Ending::FailsLocally, _) => "fail before a packet leaves",
        (Ending::NeighbourFails, _) => "fail after about 3 s with \"no route to host\"",
        (Ending::Stalls, _) => "connect, and stall as soon as they send packets of full size",
        (Ending::FailsTooLong, _) => {
            "are lost where they are too long for a link on the way (\"message too long\")"
        }
        (Ending::Fails, _) => "fail",
        (Ending::StrangeAnswer, _) => {
            "get an answer from an address that the client does not expect, and fail"
        }
    };
    format!("{what} by way of {namespace} {how}")
}

pub(super) fn in_order(found: &InOrder) -> (String, String) {
    match found {
        InOrder::Listener { namespace, socket, queue, backlog } => (
            "the listener".to_owned(),
            format!("{socket} listens in {namespace}, queue {queue} of {backlog}"),
        ),
        InOrder::Route { namespace, route } => {
            (format!("the route of {namespace}"), format!("`{route}` leads on"))
        }
        InOrder::Neighbour { namespace, address, lladdr } => {
            (format!("the neighbour of {namespace}"), format!("{address} is at {lladdr}"))
        }
        InOrder::Rules { namespace, chains, rules } => (
            format!("the rules of {namespace}"),
            format!("{} with {} passed, none stops it", count(*chains, "chain"), count(*rules, "rule")),
        ),
        InOrder::NatInactive { namespace, chain } => (
            format!("the nat rules of {namespace} on {chain}"),
            "nothing there uses connection tracking, so nat chains are not consulted".to_owned(),
        ),
        InOrder::Nat { namespace, from, to } => {
            (format!("NAT in {namespace}"), format!("{from} becomes {to}, which is reached"))
        }
        InOrder::Payload { from, length } => {
            (format!("the payload of {from}"), format!("it gets through, in packets of up to {length} bytes"))
        }
        InOrder::Reply { from } => {
            ("the reply".to_owned(), format!("from {from} it gets back to the client"))
        }
    }
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

pub(super) fn shown(what: ShownWhat) -> &'static str {
    match what {
        ShownWhat::RuleCounter => "packets counted by this rule",
        ShownWhat::PolicyCounter => "packets decided by the chain's policy",
        ShownWhat::Sysctl => "value of the sysctl",
        ShownWhat::Queue => "connections that wait to be accepted",
        ShownWhat::HalfOpen => "connections that are half open",
        ShownWhat::Buffer => "bytes that wait to be read",
        ShownWhat::Listener => "what listens on the port",
        ShownWhat::Neighbour => "hardware address of the neighbour",
        ShownWhat::PortSetting => "setting of the bridge port",
        ShownWhat::RouteLookup => "what the route look-up gives",
        ShownWhat::Mtu => "MTU of the device",
        ShownWhat::PacketLength => "length of a full packet of the sender",
    }
}

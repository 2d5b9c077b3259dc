//! What to do, in English, where no change of the model does it.

use crate::finding::Finding;

#[allow(clippy::too_many_lines, reason = "one sentence a finding")]
pub(in crate::messages) fn advice(finding: &Finding) -> String {
    use Finding as F;
    match finding {
        F::RuleDrops { namespace, table, chain, .. } | F::RuleRejects { namespace, table, chain, .. } => {
            format!(
                "delete or narrow the rule in table {table}, chain {chain} of {namespace}, or accept this traffic before it"
            )
        }
        F::PolicyDrops { namespace, table, chain, .. } => {
            format!("add a rule that accepts this traffic to table {table}, chain {chain} of {namespace}")
        }
        F::NatToDeadPort { namespace, to, .. } => {
            format!(
                "start what should listen on {to}, or delete the rule in {namespace} that sends traffic there"
            )
        }
        F::NatToNobody { namespace, to, .. } => {
            format!("replace {to} in the rule of {namespace} by an address that serves, or delete the rule")
        }
        F::NatSourceLost { namespace, source, .. } => {
            format!(
                "add the address {source} to {namespace}, add a route to it where the replies come from, or translate to an address of {namespace}"
            )
        }
        F::NatExhausted { namespace, .. } => {
            format!("give the rule in {namespace} more addresses or a wider range of ports")
        }
        F::NatMissed { namespace, rule, condition } => {
            format!("replace `{rule}` in {namespace} by `{condition}`")
        }
        F::MarkNotRestored { namespace, rule, .. } | F::MarkNotSaved { namespace, rule } => {
            format!("add `{rule}` in {namespace}")
        }
        F::MarkMissed { namespace, rule, condition } => {
            format!("replace `{rule}` in {namespace} by `{condition}`")
        }
        F::MarkOverwritten { namespace, rule, .. } => {
            format!("delete or narrow `{rule}` in {namespace}, or let it keep the mark's other bits")
        }
        F::HopLimitTooLow { namespace, by, .. } => {
            format!("give packets a longer life than `{by}` does in {namespace}")
        }
        F::Untracked { namespace, rule } => format!("delete or narrow `{rule}` in {namespace}"),
        F::ZoneDiffers { namespace, zone, .. } => {
            format!("put both directions into the same conntrack zone in {namespace} (one is in zone {zone})")
        }
        F::StaleEntry { namespace, entry } => format!("delete the conntrack entry `{entry}` in {namespace}"),
        F::RouteMissing { namespace, address, .. } => format!("add a route to {address} in {namespace}"),
        F::RouteDiscards { namespace, route, .. } => {
            format!("delete `{route}` in {namespace}, or add a longer prefix that leads to the destination")
        }
        F::RouteAstray { namespace, route, .. } => {
            format!("replace `{route}` in {namespace} by one whose next hop carries the packet on")
        }
        F::PolicyRuleDiscards { namespace, rule, .. } => {
            format!("delete or narrow the policy rule `{rule}` in {namespace}")
        }
        F::RoutingLoop { namespace, route, .. } => {
            format!("replace `{route}` in {namespace} by a route that leads to the destination")
        }
        F::NotForwarding { namespace, sysctl, .. } => format!("set {sysctl} to 1 in {namespace}"),
        F::ReversePath { namespace, sysctl, .. } => {
            format!("set {sysctl} to 2 in {namespace}, or route both directions over the same device")
        }
        F::LoopbackFromOutside { namespace, sysctl, .. } => {
            format!(
                "set {sysctl} to 1 in {namespace}, or translate to an address that is not a loopback address"
            )
        }
        F::OwnSource { namespace, sysctl, source, .. } => {
            format!("take {source} from one of the two that use it, or set {sysctl} to 1 in {namespace}")
        }
        F::Martian { namespace, address, .. } => {
            format!("find out who sends packets with the address {address} to {namespace}")
        }
        F::NoNeighbourAnswer { namespace, sysctl, .. } => {
            format!("set {sysctl} in {namespace} so that it answers")
        }
        F::ProxyEntryMissing { namespace, device, address } => {
            format!("add a proxy entry for {address} on {device} in {namespace}")
        }
        F::NeighbourMissing { namespace, device, address } => {
            format!("give {address} to the host behind {device} of {namespace}, or route to another next hop")
        }
        F::NeighbourWrong { namespace, device, address, .. } => {
            format!("delete the neighbour entry of {address} on {device} in {namespace}")
        }
        F::Ipv6Disabled { namespace, sysctl, .. } | F::EchoIgnored { namespace, sysctl } => {
            format!("set {sysctl} to 0 in {namespace}")
        }
        F::ConntrackFull { namespace, max, .. } => {
            format!(
                "raise net.netfilter.nf_conntrack_max above {max} in the first namespace, or find out what fills the table of {namespace}"
            )
        }
        F::BridgeNotFiltered { namespace, sysctl, .. } => {
            format!("set {sysctl} to 1 in {namespace} (the module br_netfilter must be loaded)")
        }
        F::LinkDown { namespace, device, .. } => format!("set {device} up in {namespace}"),
        F::NoCarrier { namespace, device, peer } => match peer {
            Some(peer) => format!("set {peer} up, the other end of {device} in {namespace}"),
            None => format!("find out where the other end of {device} in {namespace} went"),
        },
        F::NotInBridge { namespace, device, bridge } => {
            format!("make {device} a port of {bridge} in {namespace}")
        }
        F::PortNoFlood { namespace, device, lladdr, .. } => {
            format!("turn flood on for {device} in {namespace}, or add {lladdr} to the forwarding database")
        }
        F::PortNoBroadcast { namespace, device, attribute, .. } => {
            format!("turn {attribute} on for {device} in {namespace}")
        }
        F::PortIsolated { namespace, device, .. } => format!("turn isolated off for {device} in {namespace}"),
        F::PortNoHairpin { namespace, device, .. } => format!("turn hairpin on for {device} in {namespace}"),
        F::PortState { namespace, bridge, device, .. } => {
            format!("find out why spanning tree on {bridge} in {namespace} holds {device} back")
        }
        F::FdbWrong { namespace, bridge, lladdr, .. } => {
            format!("delete the entry of {lladdr} from the forwarding database of {bridge} in {namespace}")
        }
        F::ListenerMissing { namespace, socket }
        | F::ListenerElsewhere { namespace, socket, .. }
        | F::ListenerOtherFamily { namespace, socket, .. } => {
            format!("start a server that listens on {socket} in {namespace}")
        }
        F::PrefixTooWide { namespace, device, prefix, address } => {
            format!(
                "give {prefix} on {device} in {namespace} a longer prefix length, one that leaves out {address}"
            )
        }
        F::PortsUsedUp { namespace, range, .. } => {
            format!(
                "widen net.ipv4.ip_local_port_range ({range}) in {namespace}, or keep connections open and reuse them"
            )
        }
        F::DuplicateAddress { namespace, device, address, .. } => {
            format!("take the address {address} from {device} in {namespace}")
        }
        F::QueueFull { namespace, socket, .. } => {
            format!(
                "find out why the server on {socket} in {namespace} does not accept, or give it a larger backlog"
            )
        }
        F::SynQueueFull { namespace, socket, .. } => format!(
            "let {namespace} send cookies (net.ipv4.tcp_syncookies=1), or give the server on {socket} a larger backlog"
        ),
        F::BufferFull { namespace, socket, .. } => format!(
            "find out why the server on {socket} in {namespace} does not read, or give it a larger buffer (SO_RCVBUF, net.core.rmem_max)"
        ),
        F::DuplicateMac { namespace, device, .. } => {
            format!("give {device} in {namespace} a hardware address of its own")
        }
        F::DadFailed { namespace, device, address } => {
            format!("remove {address} from {device} in {namespace} and add it again, once nobody else has it")
        }
        F::ServerStopped { namespace, process, .. } => {
            format!("let {process} in {namespace} run again: kill -CONT and its number")
        }
        F::HandedOver { namespace, mark, .. } => {
            format!(
                "in {namespace}, route what has the mark {mark:#x} to a table with a local route for everything"
            )
        }
        F::AnswerFromElsewhere { namespace, expected, .. } => {
            format!(
                "let the server answer from {expected}, or ask it at the address that it answers {namespace} from"
            )
        }
        F::NoSource { namespace, family } => format!("add an {family} address to {namespace}"),
        F::FrameTooBig { namespace, device, .. } => {
            format!("give {device} in {namespace} and the other devices of its segment one MTU")
        }
        F::TooBig { namespace, device, .. } => {
            format!("raise the MTU of {device} in {namespace}, or lower that of the sender")
        }
    }
}

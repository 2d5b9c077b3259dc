//! English.

use plumb_intent::{Hint, Why};
use plumb_proxy::explain::{Detector, Item, Meaning, Rest, Rewritten, Senders, Verdict};

use super::Word;

#[allow(clippy::too_many_lines, reason = "a sentence a meaning")]
pub(super) fn meaning(meaning: &Meaning) -> String {
    use Meaning as M;
    let fixed = match meaning {
        M::Labels => {
            "Labels of the Service itself do nothing to traffic. A proxy looks for one alone, \
             service.kubernetes.io/service-proxy-name, and it is not among them."
        }
        M::OtherProxy { name } => {
            return format!(
                "service.kubernetes.io/service-proxy-name gives the Service to another proxy ({name:?}). This one leaves \
                 it alone, whatever the label's value."
            );
        }
        M::TypeClusterIp => {
            "A cluster IP and no node ports. Only external IPs could lead to it from outside. A proxy asks for the type \
             only where externalTrafficPolicy is Local; rules follow from addresses and ports."
        }
        M::TypeNodePort => {
            "A cluster IP, and a port on every node. Rules follow from spec.ports[].nodePort, not from the type."
        }
        M::TypeLoadBalancer => {
            "A cluster IP, node ports unless they are switched off, and a load balancer that somebody else sets up. The \
             proxy serves the addresses that stand in status.loadBalancer."
        }
        M::TypeExternalName => "DNS alone: no address, no rules, even where the object has a cluster IP.",
        M::Selector => {
            "Read by the controller that writes EndpointSlices, not by a proxy: Pods of the namespace that have all of \
             these labels become endpoints. The slices below are what came of it."
        }
        M::NoSelector => {
            "No selector: no controller writes EndpointSlices, whoever made the Service does (or Endpoints, which are \
             mirrored)."
        }
        M::Headless => {
            "Headless: DNS answers with the addresses of the endpoints themselves. A proxy has nothing to do, and ports \
             and policies change nothing."
        }
        M::NotAllocated => {
            "No cluster IP is allocated yet: without one a proxy does not serve the Service at all."
        }
        M::ClusterIp => {
            "Held by no device: packets to it are translated on the node that they come to. Ports that the Service does \
             not have are refused with an ICMP error."
        }
        M::ClusterIpSource { rewritten, .. } => match rewritten {
            Rewritten::All => "Endpoints see this node's address, never the sender's (masquerade-all).",
            Rewritten::Others => {
                "Endpoints see the addresses of pods; of any other sender they see this node's instead."
            }
            Rewritten::Nobody => {
                "Endpoints see the sender's address, since the rules cannot tell pods from others; only a pod that reaches \
                 itself is rewritten."
            }
        },
        M::NotAnAddress => "Cannot be read as an address or a range: it is left out.",
        M::FamilyUnused { family } => {
            return format!(
                "The Service has no cluster IP of {family}: in this family it is not served at all."
            );
        }
        M::NotServed => "Without effect: this proxy does not serve the Service.",
        M::IpFamilies => {
            "Which cluster IP is of which family. Each family has a table and endpoints of its own."
        }
        M::IpFamilyPolicy => "Read where cluster IPs are allocated, not by a proxy.",
        M::PortName => "Slices are matched by this name and the protocol, never by number.",
        M::Port => "The port on each of the Service's addresses; the frontends stand there.",
        M::TargetPort { told } => {
            let told: Vec<String> = told.iter().map(ToString::to_string).collect();
            return match told.as_slice() {
                [] => "Not read by a proxy: the slices tell ports, and none of them tells one for this port."
                    .to_owned(),
                told => format!("Not read by a proxy: the slices tell ports. They say {}.", told.join(", ")),
            };
        }
        M::AppProtocol => "A hint for gateways and meshes; nothing in the kernel depends on it.",
        M::NodePort { family, addresses } => {
            return match addresses.as_slice() {
                [] => format!("{family}: taken on every address of the node but loopback."),
                some => {
                    format!("{family}: taken on {} and on no other address of the node.", some.join(", "))
                }
            };
        }
        M::ExternalIp => {
            "Packets that reach this node with this destination are translated. Nothing brings them here: routes to it \
             are somebody else's work."
        }
        M::IngressVip => {
            "Packets reach the node with this destination (ipMode VIP, the default) and are translated as those to an \
             external IP are. Senders inside the cluster are served here too and never see the load balancer."
        }
        M::IngressProxy => {
            "The load balancer speaks to node ports or Pods itself: no rule at all for this address, not even to refuse."
        }
        M::IngressName => "A name: nothing in the kernel knows names. Clients look it up themselves.",
        M::SourceRanges => {
            "Who may use the load balancer's addresses, Pods and this node included; others are dropped without an answer. \
             Guards neither node ports, nor external IPs, nor the cluster IP."
        }
        M::SourceRangesOpen { family } => {
            return format!("{family}: one of them holds every address, so it is open to all.");
        }
        M::SourceRangesOtherFamily { family } => {
            return format!(
                "None of them is of {family}: in this family the load balancer's addresses are open to all."
            );
        }
        M::SourceRangesUnused => {
            "Without effect: status.loadBalancer has no address that packets bear, and ranges guard nothing else."
        }
        M::ExternalCluster => {
            "For packets to external IPs, load balancer addresses and node ports: any endpoint of any node; endpoints see \
             this node's address, not the client's. Says nothing about the cluster IP: that is internalTrafficPolicy."
        }
        M::ExternalLocal => {
            "For packets to external IPs, load balancer addresses and node ports that come from outside: endpoints of this \
             node alone, which see the client's address; dropped where there are none. Pods of the cluster and the node \
             itself still get any endpoint. Says nothing about the cluster IP: that is internalTrafficPolicy."
        }
        M::ExternalIdle => {
            "Without effect here: it is about packets to external IPs, load balancer addresses and node ports, and the \
             Service has none. Says nothing about the cluster IP: that is internalTrafficPolicy."
        }
        M::InternalCluster => {
            "For packets to the cluster IP: any endpoint of any node. Says nothing about external IPs, load balancer \
             addresses and node ports: that is externalTrafficPolicy."
        }
        M::InternalLocal => {
            "For packets to the cluster IP: endpoints of this node alone. Where there are none, packets are dropped even \
             though other nodes have some. Says nothing about external IPs, load balancer addresses and node ports: that \
             is externalTrafficPolicy."
        }
        M::AffinityNone => {
            "Each new connection is a new choice among the endpoints, each as likely as the others."
        }
        M::AffinityClientIp => {
            "A client's address comes back to its endpoint, for each port of the Service apart. Behind a NAT or with a \
             rewritten source many clients are one. Known clients stay until their time is up, also when endpoints come."
        }
        M::AffinityTimeout { seconds } => {
            return format!(
                "{seconds} s since the client's last new connection; each one starts the time anew."
            );
        }
        M::HealthPort => {
            "Load balancers ask there whether this node has endpoints of its own. A server answers, no rule: nothing of \
             it is in the kernel's tables."
        }
        M::HealthPortIdle { type_is_other: true } => {
            "Without effect here: it belongs to type LoadBalancer with externalTrafficPolicy Local. Nobody asks there, and \
             a proxy opens no port for it."
        }
        M::HealthPortIdle { type_is_other: false } => {
            "Without effect here: it belongs to externalTrafficPolicy Local. With Cluster every node is as good as the \
             others, and a proxy opens no port for it."
        }
        M::PublishNotReady => {
            "Read by the controller that writes EndpointSlices, not by a proxy: it tells every endpoint as ready, also those \
             whose Pods are not ready or end. The proxy then sends connections to them as to any other."
        }
        M::TrafficDistribution { hinted: true } => {
            "Read by the controller that writes EndpointSlices: it puts hints into them. A proxy follows the hints, not \
             this field, and only if every ready endpoint bears one and one of them names this node or its zone."
        }
        M::TrafficDistribution { hinted: false } => {
            "Read by the controller that writes EndpointSlices: it puts hints into them. No endpoint bears one, so nothing \
             is preferred."
        }
        M::AllocateNodePorts { allocate: true } => {
            "Read by the API server alone, which allocates node ports."
        }
        M::AllocateNodePorts { allocate: false } => {
            "Read by the API server alone: no node ports are allocated. Those that stand in spec.ports are served all the \
             same."
        }
        M::ExternalName => "What the cluster's DNS answers with (CNAME). A proxy does not read it.",
    };
    fixed.to_owned()
}

pub(super) fn word(word: Word) -> &'static str {
    match word {
        Word::Missing => "missing",
        Word::Stale => "stale",
        Word::Way => "way",
        Word::Slot => "slot",
        Word::Share => "share",
        Word::ThisNode => "this node",
        Word::OtherNode => "not this node",
        Word::Untold => "told by no slice",
        Word::Hairpin => "may reach themselves",
        Word::NotReached => "nothing leads here: the frontend is in no set of frontends",
        Word::NoEndpoints => "no slice tells an endpoint for this port",
        Word::NotSet => "(not set)",
        Word::LeftOver => "Left over: the Service has no such frontend",
        Word::AnyNode => "any node",
        Word::ThisNodeOnly => "this node only",
        Word::Unless => "unless in it",
    }
}

pub(super) fn verdict(service: &str, node: &str, verdict: Verdict) -> String {
    match verdict {
        Verdict::InForce => format!("{service} on {node}: in force"),
        Verdict::NothingToDo => format!("{service} on {node}: a proxy has nothing to do for it"),
        Verdict::NotInForce { missing, stale } => {
            format!("{service} on {node}: not in force, {missing} missing, {stale} stale")
        }
    }
}

pub(super) fn senders(senders: Senders) -> &'static str {
    match senders {
        Senders::Any => "any sender",
        Senders::PodsAndNode => "pods and this node",
        Senders::Node => "this node",
        Senders::Outside => "senders from outside",
    }
}

pub(super) fn rest(rest: &Rest) -> String {
    let Rest { empty, slots, draws, share, to } = rest;
    let what = format!("({empty}/{slots})^{draws} ≈ {share:.1e} of connections draw empty slots alone");
    match to {
        Some(end) => format!("{what}: they go to slot 0, {end}"),
        None => format!("{what}, and slot 0 is empty: they are not translated"),
    }
}

pub(super) fn detector(detector: &Detector) -> String {
    match detector {
        Detector::Nothing => "the rules cannot tell pods from others".to_owned(),
        Detector::Ranges(ranges) => format!("pods are {}", ranges.join(", ")),
        Detector::Bridge(name) => format!("pods are behind bridge {name}"),
        Detector::Prefix(prefix) => format!("pods are behind devices {prefix}*"),
    }
}

pub(super) fn item(item: &Item) -> String {
    match item {
        Item::Table { name } => format!("table {name}: no proxy wrote one here"),
        Item::OtherTable { name } => format!("table {name}: another version or configuration wrote it"),
        Item::Chain { name } => format!("chain {name}"),
        Item::OtherChain { name } => format!("chain {name}: other rules or hook than were written"),
        Item::Set { name } => format!("set {name}"),
        Item::OtherSet { name } => format!("set {name}: of another type"),
        Item::Claimed { frontend, owner } => {
            format!("{frontend}: it is {owner}'s, which is older or comes first by name")
        }
        Item::Element { set, element } => format!("{set} {{ {element} }}"),
    }
}

pub(super) fn hints(followed: Hint, some: bool) -> Option<&'static str> {
    match followed {
        Hint::Node => Some("hints are followed: endpoints that name this node"),
        Hint::Zone => Some("hints are followed: endpoints that name this node's zone"),
        Hint::Ignored if some => {
            Some("hints are not followed: a ready endpoint has none, or none names this node or its zone")
        }
        Hint::Ignored => None,
    }
}

pub(super) fn why(why: Why) -> &'static str {
    match why {
        Why::Ready => "used, ready",
        Why::LastResort => "used though it ends: nothing is ready, and it still answers",
        Why::NotReady => "not used, not ready",
        Why::Ending => "not used, it ends and others are ready",
        Why::OtherNode => "not used, on another node",
        Why::Hinted => "not used, its hints are for other nodes or zones",
        Why::NoTraffic => "no traffic asks for it",
    }
}

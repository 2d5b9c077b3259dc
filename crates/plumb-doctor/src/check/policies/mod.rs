//! What NetworkPolicies say of the pairs that are asked: whom each member is to them, and what should come of a pair.

mod state;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use plumb_api::policy::{Doubt, Judgement, Party, Policies, Role, Verdict};
use plumb_api::{Object, Protocol};
use plumb_trace::session::{Flow, Transport, attempt};
use plumb_trace::{Network, Walker};

pub(super) use state::{host_network, leaves_out_dns, peers_split, services};

use super::yardstick::{Member, Yardstick};

/// What should come of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It connects.
    #[default]
    Connects,
    /// These policies forbid it.
    Forbidden(Vec<Verdict>),
    /// Policies do not define it: an echo to or from a pod that some are about.
    Undefined,
    /// Whether a policy forbids it cannot be told, for want of these.
    Unknown(Vec<(Verdict, Doubt)>),
    /// A Service with endpoints that are not all judged alike.
    Each(BTreeMap<(IpAddr, u16), Expected>),
}

impl Expected {
    /// Whether no part of it should connect.
    pub(crate) fn is_forbidden(&self) -> bool {
        match self {
            Self::Forbidden(_) => true,
            Self::Each(each) => each.values().all(Self::is_forbidden),
            Self::Connects | Self::Undefined | Self::Unknown(_) => false,
        }
    }

    /// The policies that forbid it, or a part of it.
    pub(crate) fn forbidding(&self) -> Box<dyn Iterator<Item = &Verdict> + '_> {
        match self {
            Self::Forbidden(by) => Box::new(by.iter()),
            Self::Each(each) => Box::new(each.values().flat_map(Self::forbidding)),
            Self::Connects | Self::Undefined | Self::Unknown(_) => Box::new(std::iter::empty()),
        }
    }

    /// What is missing to judge it, or a part of it.
    pub(crate) fn doubts(&self) -> Box<dyn Iterator<Item = &(Verdict, Doubt)> + '_> {
        match self {
            Self::Unknown(open) => Box::new(open.iter()),
            Self::Each(each) => Box::new(each.values().flat_map(Self::doubts)),
            Self::Connects | Self::Undefined | Self::Forbidden(_) => Box::new(std::iter::empty()),
        }
    }
}

impl From<Judgement> for Expected {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Allowed => Self::Connects,
            Judgement::Forbidden(by) => Self::Forbidden(by),
            Judgement::Undefined => Self::Undefined,
            Judgement::Unknown(open) => Self::Unknown(open),
        }
    }
}

/// The policies of every cluster that has some.
#[derive(Debug, Default)]
pub(crate) struct Judges {
    clusters: BTreeMap<String, Judge>,
}

/// The policies of a cluster, and everybody as they see them.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) policies: Policies,
    /// By index of the member.
    pub(crate) members: BTreeMap<usize, Party>,
    /// Pods of the objects, whether they are members or not.
    pub(crate) pods: Vec<Party>,
    by_address: HashMap<IpAddr, Party>,
}

/// Somebody who is known by address alone and is in nobody's cluster.
static OUTSIDE: Party = Party { role: Role::Outside, node: None, addresses: Vec::new() };

impl Judges {
    /// From the objects of a yardstick.
    pub(crate) fn of(yardstick: &Yardstick) -> Self {
        let mut clusters = BTreeMap::new();
        let names: BTreeSet<&String> = yardstick.objects.keys().chain(yardstick.foreign.keys()).collect();
        for cluster in names {
            let objects = yardstick.objects.get(cluster).map_or(&[][..], Vec::as_slice);
            let foreign = yardstick.foreign.get(cluster).into_iter().flatten();
            let policies = Policies::new(objects).with_foreign(foreign);
            if !policies.is_empty() {
                clusters.insert(cluster.clone(), Judge::new(policies, objects, yardstick, cluster));
            }
        }
        Self { clusters }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    /// The policies of each cluster.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &Judge)> {
        self.clusters.iter().map(|(name, judge)| (name.as_str(), judge))
    }

    /// What tells a member from others to policies.
    pub(crate) fn mark(&self, member: usize, cluster: &str) -> Option<Vec<u8>> {
        let judge = self.clusters.get(cluster)?;
        Some(judge.policies.mark(judge.members.get(&member)?))
    }

    /// The policies of a cluster.
    pub(crate) fn cluster(&self, name: &str) -> Option<&Judge> {
        self.clusters.get(name)
    }
}

impl Judge {
    fn new(policies: Policies, objects: &[Object], yardstick: &Yardstick, cluster: &str) -> Self {
        let pods: BTreeMap<String, Party> = objects
            .iter()
            .filter_map(|o| if let Object::Pod(pod) = o { Some(pod) } else { None })
            .map(|pod| (format!("pod:{}", full_name(pod)), Party::of_pod(pod)))
            .collect();
        let mut by_address = HashMap::new();
        for object in objects {
            let Object::Node(node) = object else { continue };
            let addresses: Vec<IpAddr> =
                node.status.addresses.iter().filter_map(|a| a.address.parse().ok()).collect();
            let role = Role::Node;
            let party = Party { role, node: Some(node.metadata.name.clone()), addresses: addresses.clone() };
            by_address.extend(addresses.into_iter().map(|a| (a, party.clone())));
        }
        for party in pods.values().filter(|p| p.role != Role::Node) {
            by_address.extend(party.addresses.iter().map(|a| (*a, party.clone())));
        }
        let mut members = BTreeMap::new();
        for (i, member) in yardstick.members.iter().enumerate().filter(|(_, m)| m.cluster == cluster) {
            let party = party(member, pods.get(&member.name));
            by_address.extend(member.addresses.iter().map(|a| (*a, party.clone())));
            members.insert(i, party);
        }
        Self { policies, members, pods: pods.into_values().collect(), by_address }
    }

    /// Who has an address.
    pub(crate) fn owner(&self, address: IpAddr) -> &Party {
        self.by_address.get(&address).unwrap_or(&OUTSIDE)
    }

    /// What should come of a member's connection to an address and port, or of its echo.
    pub(crate) fn of(&self, from: usize, at: IpAddr, transport: Transport, port: u16) -> Expected {
        self.of_seen(from, None, at, transport, port)
    }

    /// The same where it arrives from another address than its own: then that is what those see who let it in.
    pub(crate) fn of_seen(
        &self,
        from: usize,
        seen: Option<IpAddr>,
        at: IpAddr,
        transport: Transport,
        port: u16,
    ) -> Expected {
        let Some(from) = self.members.get(&from) else { return Expected::Connects };
        let to = self.owner(at);
        let protocol = match transport {
            Transport::Icmp => return self.policies.judge_echo(from, to, at).into(),
            Transport::Tcp => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
        };
        match seen {
            None => self.policies.judge(from, to, at, protocol, port).into(),
            Some(address) => {
                let seen = Party { addresses: vec![address], ..self.owner(address).clone() };
                self.policies.judge_seen((from, &seen), to, at, protocol, port).into()
            }
        }
    }

    /// NetworkPolicies that let a member's connection in or out by name: by a rule with peers that takes it.
    pub(crate) fn granted(&self, from: usize, at: IpAddr, transport: Transport, port: u16) -> Vec<Verdict> {
        let protocol = match transport {
            Transport::Icmp => return Vec::new(),
            Transport::Tcp => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
        };
        let Some(from) = self.members.get(&from) else { return Vec::new() };
        self.policies.granted(from, self.owner(at), at, (protocol, port))
    }

    /// What should come of a member's flow to somebody whom only its address tells, a name server: at whom it is led to, where it
    /// is a Service's that no object tells of.
    pub(crate) fn of_server(&self, net: &Network, from: usize, flow: &Flow) -> Expected {
        if *self.owner(flow.dst) != OUTSIDE {
            return self.of(from, flow.dst, flow.transport, flow.port);
        }
        let a = attempt(&Walker::new(net, false), flow);
        let led_to = a.branches.iter().filter_map(|b| {
            let packet = &b.packets.last()?.request.state.packet;
            Some((packet.dst, packet.dport))
        });
        self.of_service(from, flow.transport, &led_to.collect::<BTreeSet<_>>())
    }

    /// What should come of a member's connection to a Service with these endpoints.
    pub(crate) fn of_service<'a>(
        &self,
        from: usize,
        transport: Transport,
        endpoints: impl IntoIterator<Item = &'a (IpAddr, u16)>,
    ) -> Expected {
        self.of_service_seen(from, None, transport, endpoints)
    }

    /// The same where it arrives from another address than its own.
    pub(crate) fn of_service_seen<'a>(
        &self,
        from: usize,
        seen: Option<IpAddr>,
        transport: Transport,
        endpoints: impl IntoIterator<Item = &'a (IpAddr, u16)>,
    ) -> Expected {
        let all: BTreeMap<(IpAddr, u16), Expected> = endpoints
            .into_iter()
            .map(|&(address, port)| ((address, port), self.of_seen(from, seen, address, transport, port)))
            .collect();
        let mut different: Vec<&Expected> = all.values().collect();
        different.dedup();
        match different[..] {
            [] => Expected::Connects,
            [one] => one.clone(),
            _ => Expected::Each(all),
        }
    }
}

fn full_name(pod: &plumb_api::Pod) -> String {
    let namespace = &*pod.metadata.namespace;
    format!("{}/{}", if namespace.is_empty() { "default" } else { namespace }, pod.metadata.name)
}

/// Whom policies see in a member. One that only its address or its namespace's name is known of may be any Pod.
fn party(member: &Member, pod: Option<&Party>) -> Party {
    let node = member.node.as_deref().map(Into::into);
    let addresses = member.addresses.clone();
    if let Some(pod) = pod {
        let node = node.or_else(|| pod.node.clone());
        return Party { role: pod.role.clone(), node, addresses };
    }
    let role = match member.name.split_once(':') {
        Some(("pod", name)) => {
            let namespace = name.split_once('/').map(|(namespace, _)| namespace.into());
            Role::Pod { namespace, labels: None, ports: None }
        }
        Some(("netns", _)) => Role::Pod { namespace: None, labels: None, ports: None },
        Some(("node", _)) => Role::Node,
        _ if member.name == "host" => Role::Node,
        _ => Role::Outside,
    };
    Party { role, node, addresses }
}

//! Where a fault is made: its target, and who may notice.

use std::net::{IpAddr, SocketAddr};

use plumb_model::{
    Action, Address, Change, IpFamily, Link, Namespace, NextHop, Prefix, Protocol, Route, RouteKind, Snapshot,
};
use plumb_nft::{Family, Rule};

use super::{Act, Deed, Flow, Made, TargetKind};
use crate::client::Outcome;
use crate::plan::of_family;
use crate::server::Hold;
use crate::topology::{NatService, Pod, Port, Topology};

/// `RTPROT_STATIC`: made by an administrator.
const STATIC: u8 = 4;

/// A lab, a snapshot of it, and the target of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The topology.
    pub topology: &'a Topology,
    /// What the kernel holds.
    pub snapshot: &'a Snapshot,
    target: Target<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Target<'a> {
    Pod(&'a Pod),
    Service(&'a NatService),
}

type Try<T> = Result<T, String>;

impl<'a> Scene<'a> {
    pub(super) fn new(
        topology: &'a Topology,
        snapshot: &'a Snapshot,
        kind: TargetKind,
        name: Option<&str>,
    ) -> Try<Self> {
        let strip = |prefix: &str| name.map(|n| n.strip_prefix(prefix).unwrap_or(n));
        let pod = |fits: &dyn Fn(&Pod) -> bool, what: &str| match strip("pod:") {
            Some(name) => {
                topology.pod(name).filter(|p| fits(p)).ok_or_else(|| format!("`{name}` is not a pod{what}"))
            }
            None => topology.pods.iter().find(|p| fits(p)).ok_or_else(|| format!("the lab has no pod{what}")),
        };
        let target = match kind {
            TargetKind::Server => Target::Pod(pod(&|p| stream_port(p).is_some(), " that serves a TCP port")?),
            TargetKind::Client => Target::Pod(pod(&|_| true, "")?),
            TargetKind::Service => Target::Service(match strip("svc:") {
                Some(name) => {
                    topology.service(name).ok_or_else(|| format!("`{name}` is not a service of this lab"))?
                }
                None => topology.nat_services.first().ok_or("the lab has no service (nat_services)")?,
            }),
        };
        Ok(Self { topology, snapshot, target })
    }

    pub(super) fn target(&self) -> String {
        match self.target {
            Target::Pod(pod) => pod_name(pod),
            Target::Service(service) => format!("svc:{}", service.name),
        }
    }

    /// The pod that the fault is made at.
    pub(super) fn pod(&self) -> Try<&'a Pod> {
        match self.target {
            Target::Pod(pod) => Ok(pod),
            Target::Service(service) => Err(format!("`{}` is a service", service.name)),
        }
    }

    /// The service that the fault is made at.
    pub(super) fn service(&self) -> Try<&'a NatService> {
        match self.target {
            Target::Service(service) => Ok(service),
            Target::Pod(pod) => Err(format!("`{}` is a pod", pod.full_name())),
        }
    }

    /// The first pod on another node that fits.
    pub(super) fn remote(&self, pod: &Pod, fits: impl Fn(&Pod) -> bool) -> Try<&'a Pod> {
        self.topology
            .pods
            .iter()
            .find(|p| p.node != pod.node && fits(p))
            .ok_or_else(|| format!("it needs a pod on another node than `{}` that fits", pod.node))
    }

    /// The first other pod on the same node that fits.
    pub(super) fn neighbour(&self, pod: &Pod, fits: impl Fn(&Pod) -> bool) -> Try<&'a Pod> {
        let other = |p: &&Pod| p.node == pod.node && p.full_name() != pod.full_name() && fits(p);
        self.topology
            .pods
            .iter()
            .find(other)
            .ok_or_else(|| format!("it needs a second pod on the node `{}` that fits", pod.node))
    }

    /// The namespace of this name in the snapshot.
    pub(super) fn namespace(&self, name: &str) -> Try<&'a Namespace> {
        self.snapshot.namespace_by_name(name).ok_or_else(|| format!("the namespace {name} is gone"))
    }

    pub(super) fn pod_namespace(&self, pod: &Pod) -> Try<&'a Namespace> {
        self.namespace(&self.topology.pod_namespace(pod))
    }

    pub(super) fn node_namespace(&self, pod: &Pod) -> Try<&'a Namespace> {
        self.namespace(&self.topology.node_namespace(&pod.node))
    }

    /// A pod's address of a family.
    pub(super) fn address(&self, pod: &Pod, family: IpFamily) -> Try<IpAddr> {
        of_family(&self.topology.pod_addresses(pod), family)
            .ok_or_else(|| format!("`{}` has no {} address", pod.full_name(), family.sysctl_name()))
    }

    /// The family that faults are made in: IPv4 where there is any.
    pub(super) fn family(&self) -> IpFamily {
        if self.topology.network.families().contains(&IpFamily::V4) { IpFamily::V4 } else { IpFamily::V6 }
    }

    /// A flow from a pod to a TCP port of another.
    pub(super) fn flow_to_pod(&self, from: &Pod, to: &Pod, outcome: Outcome) -> Try<Flow> {
        self.flow_to_pod_of(from, to, self.family(), outcome)
    }

    pub(super) fn flow_to_pod_of(
        &self,
        from: &Pod,
        to: &Pod,
        family: IpFamily,
        outcome: Outcome,
    ) -> Try<Flow> {
        let port = stream_port(to).ok_or_else(|| format!("`{}` serves no TCP port", to.full_name()))?;
        Ok(flow(from, self.address(to, family)?, port.port, outcome))
    }

    /// A flow from a pod to a service.
    pub(super) fn flow_to_service(&self, from: &Pod, service: &NatService, outcome: Outcome) -> Try<Flow> {
        let family = self.family();
        let address = of_family(&service.addresses, family)
            .ok_or_else(|| format!("service `{}` has no {} address", service.name, family.sysctl_name()))?;
        Ok(flow(from, address, service.port, outcome))
    }

    /// A flow from a pod to the server outside.
    pub(super) fn flow_to_outside(&self, from: &Pod, outcome: Outcome) -> Try<Flow> {
        let (address, port) = self.outside()?;
        Ok(flow(from, address, port, outcome))
    }

    /// Address and TCP port of the server outside.
    pub(super) fn outside(&self) -> Try<(IpAddr, u16)> {
        let outside = &self.topology.outside;
        let address =
            of_family(&outside.addresses, self.family()).ok_or("outside has no address of that family")?;
        let port = outside.ports.iter().find(|p| p.protocol.transport() == plumb_model::Protocol::TCP);
        Ok((address, port.ok_or("outside serves no TCP port")?.port))
    }
}

pub(super) fn pod_name(pod: &Pod) -> String {
    format!("pod:{}", pod.full_name())
}

fn flow(from: &Pod, to: IpAddr, port: u16, outcome: Outcome) -> Flow {
    Flow::new(pod_name(from), SocketAddr::new(to, port).to_string(), outcome)
}

/// The first port over TCP that a pod serves to others.
pub(super) fn stream_port(pod: &Pod) -> Option<&Port> {
    pod.ports
        .iter()
        .find(|p| p.protocol.transport() == plumb_model::Protocol::TCP && p.address.is_unspecified())
}

pub(super) fn serves(pod: &Pod) -> bool {
    stream_port(pod).is_some()
}

pub(super) fn made(changes: Vec<Change>, flow: Flow, effect: impl Into<String>) -> Try<Made> {
    made_by(changes.into_iter().map(Act::from).collect(), flow, effect)
}

pub(super) fn made_by(acts: Vec<Act>, flow: Flow, effect: impl Into<String>) -> Try<Made> {
    Ok(Made { acts, flow, effect: effect.into() })
}

/// Connections that a pod keeps. Each fault has one lot at most, so that they bear no name of its own.
#[derive(Clone, Debug)]
pub(super) struct Held {
    namespace: String,
    hold: Hold,
}

impl Held {
    pub(super) fn new(scene: &Scene<'_>, from: &Pod, to: (IpAddr, u16), connections: u32) -> Self {
        let hold = Hold {
            name: "fault".to_owned(),
            protocol: Protocol::TCP,
            to: to.into(),
            connections,
            source_port: None,
            every: None,
            close: false,
            half_open: false,
        };
        Self { namespace: scene.topology.pod_namespace(from), hold }
    }

    /// Begun, and not waited for.
    pub(super) fn half_open(mut self) -> Self {
        self.hold.half_open = true;
        self
    }

    /// From this port on.
    pub(super) fn bound_from(mut self, first: u16) -> Self {
        self.hold.source_port = Some(first);
        self
    }

    /// Sent again after so many milliseconds, and again.
    pub(super) fn every(mut self, milliseconds: u32) -> Self {
        self.hold.every = Some(milliseconds);
        self
    }

    /// Datagrams.
    pub(super) fn datagrams(mut self) -> Self {
        self.hold.protocol = Protocol::UDP;
        self
    }

    /// Closed on the pod's side.
    pub(super) fn closed(mut self) -> Self {
        self.hold.close = true;
        self
    }
}

impl From<Held> for Act {
    fn from(held: Held) -> Self {
        Deed::Hold { namespace: held.namespace, hold: held.hold }.into()
    }
}

pub(super) fn change(namespace: &Namespace, action: Action) -> Change {
    Change { namespace: namespace.id, action }
}

pub(super) fn sysctl(namespace: &Namespace, name: &str, value: &str) -> Change {
    change(namespace, Action::SetSysctl { name: name.to_owned(), value: value.to_owned() })
}

pub(super) fn add_rule(
    namespace: &Namespace,
    family: Family,
    table: &str,
    chain: &str,
    rule: Rule,
) -> Change {
    let position = plumb_model::Position::First;
    change(
        namespace,
        Action::AddRule {
            family,
            table: table.to_owned(),
            chain: chain.to_owned(),
            position,
            rule,
            xtables: None,
        },
    )
}

/// The device of this name in a namespace.
pub(super) fn device<'n>(namespace: &'n Namespace, name: &str) -> Try<&'n Link> {
    namespace.link_by_name(name).ok_or_else(|| format!("there is no device {name} in {}", namespace.name))
}

/// An address of a device.
pub(super) fn address_of<'n>(namespace: &'n Namespace, name: &str, family: IpFamily) -> Try<&'n Address> {
    let index = device(namespace, name)?.index;
    // Scope 0 is global: not the link-local one.
    let fits = |a: &&Address| a.index == index && a.prefix.family() == family && a.scope == 0;
    namespace
        .addresses
        .items()
        .iter()
        .find(fits)
        .ok_or_else(|| format!("{name} in {} has no {} address", namespace.name, family.sysctl_name()))
}

/// The default route of a namespace.
pub(super) fn default_route(namespace: &Namespace, family: IpFamily) -> Try<&Route> {
    let fits = |r: &&Route| {
        r.family == family && r.table == Route::TABLE_MAIN && r.dst.len == 0 && r.kind == RouteKind::Unicast
    };
    namespace
        .routes
        .items()
        .iter()
        .find(fits)
        .ok_or_else(|| format!("{} has no default route of {}", namespace.name, family.sysctl_name()))
}

/// A route of the main table as an administrator makes one; without a gateway or device, of a kind that discards.
pub(super) fn route(kind: RouteKind, dst: Prefix, via: Option<IpAddr>, oif: Option<u32>) -> Route {
    let family = dst.family();
    let next_hops = match (via, oif) {
        (None, None) => Vec::new(),
        (gateway, oif) => vec![NextHop { gateway, oif, weight: 1, flags: 0 }],
    };
    // What the kernel gives an IPv6 route that names no metric.
    let priority = if family == IpFamily::V6 { 1024 } else { 0 };
    // RT_SCOPE_LINK for what is on the link, else global.
    let scope = if family == IpFamily::V4 && via.is_none() && oif.is_some() { 253 } else { 0 };
    Route {
        family,
        table: Route::TABLE_MAIN,
        kind,
        dst,
        src: None,
        tos: 0,
        priority,
        protocol: STATIC,
        scope,
        prefsrc: None,
        next_hops,
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: std::collections::BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

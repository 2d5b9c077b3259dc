//! Where packets are really sent: a node in a namespace of its own, and a namespace at the other end of each of its devices.
//!
//! ```text
//!  outside ── eth0 ┐          ┌ pods0 ── pods of this node
//!                  └── node ──┘
//!                      lo: the node's addresses
//! ```
//!
//! The namespaces at the ends have none of the addresses that packets are sent from or come to: raw sockets there send with any
//! source, and see whatever comes in. So a case's addresses are nothing but routes of the node. The node's devices have addresses
//! of their own, which no case uses; what is masqueraded shows one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, UdpSocket};

use plumb_api::Object;
use plumb_api::address::parse_ip;
use plumb_kernel::{NamespaceHandle, NamespaceWriter, Options};
use plumb_model::Snapshot;
use plumb_trace::session::Origin;

use super::apply::Applied;
use super::case::{Case, Flow, Step};
use super::link::Link;
use super::tap::{Inbox, Injector};
use super::wire::Sight;
use crate::error::{Failure, Result};
use crate::netns::{self, Namespace};
use crate::shell;

/// The device that leads outside.
const UPLINK: &str = "eth0";
/// The device that pods are behind where a flow names none.
const PODS: &str = "pods0";

/// What the node's namespace starts with.
const NODE: &str = r#"
ip netns exec "$node" sysctl -qew net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
  net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 net.ipv4.conf.all.route_localnet=0
"#;

/// The number by which the routes of a case are known.
const PROTO: &str = "proto 99";

pub(super) fn failed<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> Failure {
    let what = what.to_owned();
    move |e| Failure::Agent { what: what.clone(), why: e.to_string() }
}

/// Where a packet sets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the node itself.
    Node,
    /// At the other end of the device of this number.
    Link(usize),
}

/// The network.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    name: String,
    writer: NamespaceWriter,
    injector: Injector,
    inbox: Inbox,
    links: Vec<Link>,
    sentinels: [UdpSocket; 2],
    /// The node's addresses, on its loopback.
    addresses: Vec<IpAddr>,
    /// Devices that lead to pods of the present case, by the pods' addresses.
    pods: BTreeMap<IpAddr, usize>,
    _namespace: Namespace,
}

impl Network {
    /// Makes it.
    pub fn build() -> Result<Self> {
        let prefix = netns::unique_prefix();
        let name = format!("{prefix}node");
        let namespace = Namespace::create(name.clone())?;
        shell::run("setting up the node", NODE, &[("node".into(), name.clone())])?;
        let node = NamespaceHandle::open(format!("/run/netns/{name}")).map_err(failed("enter"))?;
        let uplink = Link::build(&prefix, &name, 0, UPLINK, false)?;
        let pods = Link::build(&prefix, &name, 1, PODS, false)?;
        Ok(Self {
            sentinels: [uplink.sentinel(&pods)?, pods.sentinel(&uplink)?],
            links: vec![uplink, pods],
            writer: NamespaceWriter::new(&node).map_err(failed("open netlink"))?,
            injector: Injector::open(&node)?,
            inbox: Inbox::open(&node, &[])?,
            addresses: Vec::new(),
            pods: BTreeMap::new(),
            prefix,
            name,
            _namespace: namespace,
        })
    }

    /// Changes the node's namespace.
    pub(super) fn writer(&self) -> Result<NamespaceWriter> {
        NamespaceWriter::new(self.writer.handle()).map_err(failed("open netlink"))
    }

    /// Forgets all connections.
    pub(super) fn forget(&self) -> Result<()> {
        self.writer()?.flush_conntrack().map_err(failed("flush conntrack"))
    }

    /// Gives the node the addresses of a case and routes to its pods, and forgets all connections.
    pub(super) fn prepare(&mut self, case: &Case) -> Result<()> {
        self.forget()?;
        let mut script = String::new();
        let mut addresses = case.node.ips.clone();
        addresses.retain(|a| !a.is_loopback());
        if addresses != self.addresses {
            script.push_str("ip -n \"$node\" addr flush dev lo scope global\n");
            for ip in &addresses {
                let _ = writeln!(
                    script,
                    "ip -n \"$node\" addr add {ip}/{} dev lo{}",
                    if ip.is_ipv4() { 32 } else { 128 },
                    if ip.is_ipv4() { "" } else { " nodad" }
                );
            }
        }
        let pods = self.pods_of(case)?;
        if pods != self.pods {
            for family in ["-4", "-6"] {
                let _ = writeln!(script, "ip -n \"$node\" {family} route flush {PROTO}");
            }
            for (ip, number) in &pods {
                let link = &self.links[*number];
                let (device, via) = (&link.device, link.gateway(ip.is_ipv4()));
                let _ = writeln!(script, "ip -n \"$node\" route add {ip} via {via} dev {device} {PROTO}");
            }
        }
        if !script.is_empty() {
            shell::run("giving the node a case's addresses", &script, &[("node".into(), self.name.clone())])?;
        }
        if addresses != self.addresses {
            let own: Vec<IpAddr> =
                addresses.iter().copied().chain([std::net::Ipv6Addr::LOCALHOST.into()]).collect();
            self.inbox = Inbox::open(self.writer.handle(), &own)?;
        }
        (self.addresses, self.pods) = (addresses, pods);
        Ok(())
    }

    /// Where the pods of a case are: its local endpoints, and senders that are pods or come in by a device of their own.
    fn pods_of(&mut self, case: &Case) -> Result<BTreeMap<IpAddr, usize>> {
        let mut pods: BTreeMap<IpAddr, usize> =
            local_endpoints(case).into_iter().map(|ip| (ip, self.number(PODS))).collect();
        for flow in &case.flows {
            let place = match flow.in_interface.as_deref() {
                Some(device) => Place::Link(self.device(case, device)?),
                None => self.place(case, flow)?,
            };
            if let Place::Link(number) = place
                && number != self.number(UPLINK)
            {
                pods.insert(flow.from_ip, number);
            }
        }
        pods.retain(|ip, _| !case.node.ips.contains(ip));
        Ok(pods)
    }

    fn number(&self, device: &str) -> usize {
        self.links.iter().position(|l| l.device == device).unwrap_or(0)
    }

    /// A device by its name, made where there is none.
    fn device(&mut self, case: &Case, name: &str) -> Result<usize> {
        if let Some(number) = self.links.iter().position(|l| l.device == name) {
            return Ok(number);
        }
        let bridge = case.config.bridge_interface.as_deref() == Some(name);
        let number = self.links.len();
        self.links.push(Link::build(&self.prefix, &self.name, number, name, bridge)?);
        Ok(number)
    }

    /// Where a flow's packets set out.
    pub(super) fn place(&self, case: &Case, flow: &Flow) -> Result<Place> {
        if flow.is_from(&case.node) {
            return Ok(Place::Node);
        }
        let device = match flow.in_interface.as_deref() {
            Some(device) => device,
            None => {
                let applied = Applied::new(case, flow.family())?;
                let inside = applied.is_pod(flow) || local_endpoints(case).contains(&flow.from_ip);
                if inside { PODS } else { UPLINK }
            }
        };
        Ok(Place::Link(self.number(device)))
    }

    /// Where the walk of a flow begins, in a snapshot of the node.
    pub(super) fn origin(&self, place: Place, snapshot: &Snapshot, source: IpAddr) -> Result<Origin> {
        let ns = snapshot.namespaces.iter().position(|n| n.name == self.name);
        let ns = ns.ok_or_else(|| failed("find the node in the snapshot")(&self.name))?;
        let Place::Link(number) = place else { return Ok(Origin::Process { ns, source: Some(source) }) };
        let device = &self.links[number].device;
        let link = snapshot.namespaces[ns].links.items().iter().find(|l| l.name == *device);
        let device = link.ok_or_else(|| failed("find a device in the snapshot")(device))?.index;
        Ok(Origin::Outside { ns, device, source })
    }

    /// The node as the kernel has it now.
    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let threads = std::num::NonZero::new(1);
        let options = Options { only: Some(vec![self.name.clone()]), threads, ..Options::default() };
        plumb_kernel::snapshot(&options).map_err(failed("read the node"))
    }

    /// Whether the node has an address, one of its devices' own among them.
    pub(super) fn is_node(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self.addresses.contains(&address)
            || self.links.iter().any(|l| l.near().contains(&address))
    }

    /// Sends a packet from a place.
    pub(super) fn send(&self, place: Place, bytes: &[u8], to: IpAddr) -> Result<()> {
        match place {
            Place::Node => self.injector.send(bytes, to),
            Place::Link(number) => self.links[number].injector.send(bytes, to),
        }
    }

    /// Everything that came out anywhere since the last time, with its place. What was sent before this call has come out or
    /// never will: a sentinel that set out later has been there and back, and all packets queue up on one processor.
    pub(super) fn sights(&self) -> Result<Vec<(Place, Sight)>> {
        let [one, other] = &self.sentinels;
        let mut buffer = [0; 16];
        for (from, to) in [(one, other), (other, one)] {
            from.send(b"sentinel").map_err(failed("send a sentinel"))?;
            to.recv(&mut buffer).map_err(failed("wait for a sentinel"))?;
        }
        let mut all = Vec::new();
        let mut seen = Vec::new();
        self.inbox.drain(&mut seen)?;
        all.extend(seen.drain(..).map(|s| (Place::Node, s)));
        for (number, link) in self.links.iter().enumerate() {
            link.tap.drain(&mut seen)?;
            all.extend(seen.drain(..).map(|s| (Place::Link(number), s)));
        }
        Ok(all)
    }
}

/// Addresses of endpoints on the node, those that come later in a case among them.
fn local_endpoints(case: &Case) -> BTreeSet<IpAddr> {
    let later = case.sequence.iter().flat_map(|s| &s.steps).filter_map(|s| match s {
        Step::Objects(objects) => Some(objects.as_slice()),
        _ => None,
    });
    std::iter::once(case.objects.as_slice())
        .chain(later)
        .flatten()
        .filter_map(|o| match o {
            Object::EndpointSlice(slice) => Some(slice),
            _ => None,
        })
        .flat_map(|slice| &slice.endpoints)
        .filter(|e| e.node_name.as_deref() == Some(case.node.name.as_str()))
        .filter_map(|e| parse_ip(e.addresses.first()?))
        .collect()
}

/// Processors that networks can keep to, one each.
pub(super) fn processors() -> Result<Vec<usize>> {
    let allowed = rustix::thread::sched_getaffinity(None).map_err(failed("read the processors"))?;
    Ok((0..rustix::thread::CpuSet::MAX_CPU).filter(|c| allowed.is_set(*c)).collect())
}

/// Keeps the calling thread on one processor, so that packets keep their order.
pub(super) fn keep_to(processor: usize) -> Result<()> {
    let mut one = rustix::thread::CpuSet::new();
    one.set(processor);
    rustix::thread::sched_setaffinity(None, &one).map_err(failed("stay on one processor"))
}

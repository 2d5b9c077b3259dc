//! Who a question is about: names resolved against a snapshot.

pub mod objects;

use std::net::IpAddr;

use plumb_model::{IpFamily, Owner};
use plumb_trace::Network;
use plumb_trace::session::Origin;
use plumb_trace::state::NsIndex;

/// Someone that a question names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A network namespace, by any of its names or a path.
    Namespace(String),
    /// The namespace that plumb ran in.
    Own,
    /// A pod.
    Pod {
        /// Namespace of the object.
        namespace: String,
        /// Name.
        name: String,
    },
    /// A node.
    Node(String),
    /// Whoever has the address.
    Address(IpAddr),
}

/// Why a question cannot be asked of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Nobody goes by that name.
    #[error("there is no {what} `{name}` here; there are: {}", known.join(", "))]
    Nobody {
        /// `network namespace`, `pod`, `node`.
        what: &'static str,
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It has no address of the family.
    #[error("`{name}` has no address that could be dialled")]
    NoAddress {
        /// Its name.
        name: String,
    },
    /// Nobody has the address, and no route leads to it either.
    #[error("nobody here has the address {address}, and no route leads to it: name a namespace instead")]
    NoWay {
        /// The address.
        address: IpAddr,
    },
}

/// The namespace of someone who is named.
pub fn namespace(net: &Network, who: &Who) -> Result<NsIndex, ResolveError> {
    let all = &net.snapshot.namespaces;
    let nobody =
        |what, name: &str, known: Vec<String>| ResolveError::Nobody { what, name: name.to_owned(), known };
    match who {
        Who::Own => all
            .iter()
            .position(|n| n.own)
            .ok_or_else(|| nobody("namespace of its own in the snapshot named", "host", Vec::new())),
        Who::Namespace(name) => {
            let by_pid = || {
                let pid: u32 = name.strip_prefix("/proc/")?.strip_suffix("/ns/net")?.parse().ok()?;
                all.iter().position(|n| n.processes.iter().any(|p| p.pid == pid))
            };
            all.iter()
                .position(|n| n.name == *name || n.path.as_deref() == Some(name))
                .or_else(|| all.iter().position(|n| n.aliases.contains(name) || n.id.to_string() == *name))
                .or_else(by_pid)
                .ok_or_else(|| nobody("network namespace", name, all.iter().map(|n| n.name.clone()).collect()))
        }
        Who::Pod { namespace, name } => all
            .iter()
            .position(|n| matches!(&n.owner, Some(Owner::Pod { namespace: s, name: p, .. }) if s == namespace && p == name))
            .ok_or_else(|| {
                let pods = all.iter().filter_map(|n| match &n.owner {
                    Some(Owner::Pod { namespace, name, .. }) => Some(format!("{namespace}/{name}")),
                    _ => None,
                });
                nobody("pod", &format!("{namespace}/{name}"), pods.collect())
            }),
        Who::Node(name) => all
            .iter()
            .position(|n| matches!(&n.owner, Some(Owner::Node { node }) if node == name))
            .ok_or_else(|| {
                let nodes = all.iter().filter_map(|n| match &n.owner {
                    Some(Owner::Node { node }) => Some(node.clone()),
                    _ => None,
                });
                nobody("node", name, nodes.collect())
            }),
        Who::Address(address) => net
            .owners_of(*address)
            .first()
            .copied()
            .ok_or(ResolveError::NoWay { address: *address }),
    }
}

/// Where a flow from someone begins. An address that nobody in the snapshot has is somebody outside, whose packets
/// come in by the device that the route to them leads to.
pub fn origin(net: &Network, who: &Who) -> Result<Origin, ResolveError> {
    match who {
        Who::Address(address) => {
            if let Some(&ns) = net.owners_of(*address).first() {
                return Ok(Origin::Process { ns, source: Some(*address) });
            }
            let ns = namespace(net, &Who::Own)?;
            let device = net.device_towards(ns, *address).ok_or(ResolveError::NoWay { address: *address })?;
            Ok(Origin::Outside { ns, device, source: *address })
        }
        other => Ok(Origin::Process { ns: namespace(net, other)?, source: None }),
    }
}

/// The address by which someone is dialled: of the wanted family where it is given, else the first global one, IPv4
/// before IPv6.
pub fn address(net: &Network, who: &Who, family: Option<IpFamily>) -> Result<IpAddr, ResolveError> {
    if let Who::Address(a) = who {
        return Ok(*a);
    }
    let n = net.namespace(namespace(net, who)?);
    let is_loopback = |index: u32| n.link(index).is_some_and(plumb_model::Link::is_loopback);
    let mut found: Vec<IpAddr> = n
        .addresses
        .items()
        .iter()
        .filter(|a| a.scope == 0 && !is_loopback(a.index))
        .map(|a| a.prefix.addr)
        .filter(|a| family.is_none_or(|f| IpFamily::of(*a) == f))
        .collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found.first().copied().ok_or_else(|| ResolveError::NoAddress { name: n.name.clone() })
}

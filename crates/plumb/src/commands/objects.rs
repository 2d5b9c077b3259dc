//! Where `svc:`, `pod:` and `node:` lead: by the snapshot where it knows them, else by the objects of a lab or of manifests.

use std::net::{IpAddr, SocketAddr};

use plumb_api::{Object, Protocol};
use plumb_doctor::check::yardstick::global_addresses;
use plumb_doctor::resolve::objects::{self, Dialled, ObjectError, ObjectPort};
use plumb_doctor::resolve::{self, ResolveError};
use plumb_model::IpFamily;
use plumb_trace::Network;
use plumb_trace::session::Origin;

use super::flow;
use crate::endpoint::{From, ObjectName};
use crate::error::Error;

/// What is known of a cluster.
#[derive(Clone, Copy)]
pub(super) struct Objects<'a> {
    /// From manifests or an API.
    pub(super) given: &'a [Object],
    /// The labs of this machine are asked as well.
    pub(super) live: bool,
}

/// Who dials.
pub(super) struct Client<'a, 'n> {
    pub(super) net: &'a Network<'n>,
    pub(super) origin: Origin,
    pub(super) from: &'a From,
    /// `None` for an echo.
    pub(super) protocol: Option<Protocol>,
}

impl Client<'_, '_> {
    fn dialled(&self) -> Dialled {
        let families = match self.from {
            From::Address(a) => vec![IpFamily::of(*a)],
            _ => {
                let all = global_addresses(self.net.namespace(self.origin.ns()));
                let mut all: Vec<IpFamily> = all.into_iter().map(IpFamily::of).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        };
        Dialled { families, protocol: self.protocol }
    }

    /// The objects of the client's cluster: those of its lab, and those of the manifests.
    fn objects(&self, from: &Objects) -> Result<Vec<Object>, Error> {
        let mut all = Vec::new();
        if from.live {
            let id = self.net.namespace(self.origin.ns()).id;
            let mine = plumb_lab::cluster_objects()?.into_iter().find(|c| c.members.contains(&id));
            all.extend(mine.into_iter().flat_map(|c| c.objects));
        }
        all.extend_from_slice(from.given);
        Ok(all)
    }
}

/// Where a Service leads the client.
pub(super) fn service(
    client: &Client,
    name: &ObjectName,
    port: Option<&ObjectPort>,
    from: &Objects,
) -> Result<Vec<SocketAddr>, Error> {
    let objects = client.objects(from)?;
    objects::service(&objects, &name.namespace, &name.name, port, &client.dialled()).map_err(usage)
}

/// The one endpoint of what leads to one: of several the client's resolver chooses, so that one has to be named.
pub(super) fn only(name: &ObjectName, all: &[SocketAddr]) -> Result<SocketAddr, Error> {
    match all {
        [one] => Ok(*one),
        several => {
            let list: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Error::Usage {
                problem: format!("svc:{name} is headless and leads to {} endpoints", several.len()),
                help: format!("ask for one of them: {}", list.join(", ")),
            })
        }
    }
}

/// Address and port of a pod or node.
pub(super) fn owner(
    client: &Client,
    owner: &From,
    port: Option<&ObjectPort>,
    from: &Objects,
) -> Result<(IpAddr, u16), Error> {
    let dialled = client.dialled();
    let family = match client.from {
        From::Address(a) => Some(IpFamily::of(*a)),
        _ => None,
    };
    let known = resolve::address(client.net, &flow::who(owner), family);
    let objects = match (&known, port) {
        (Ok(_), None | Some(ObjectPort::Number(_))) => Vec::new(),
        _ => client.objects(from)?,
    };
    let address = match (known, owner) {
        (Ok(address), _) => address,
        // Nobody of the snapshot is called so: an object may say where it is.
        (Err(ResolveError::Nobody { .. }), From::Pod(name)) if !objects.is_empty() => {
            objects::pod_address(&objects, &name.namespace, &name.name, &dialled).map_err(usage)?
        }
        (Err(ResolveError::Nobody { .. }), From::Node(name)) if !objects.is_empty() => {
            objects::node_address(&objects, name, &dialled).map_err(usage)?
        }
        (Err(error), _) => return Err(flow::usage(error)),
    };
    let number = match (port, owner) {
        (None, _) => 0,
        (Some(ObjectPort::Number(number)), _) => *number,
        (Some(named), From::Pod(name)) => {
            objects::pod_port(&objects, &name.namespace, &name.name, named, &dialled).map_err(usage)?
        }
        (Some(named), _) => return Err(usage(ObjectError::NodePort { port: named.to_string() })),
    };
    Ok((address, number))
}

fn usage(error: ObjectError) -> Error {
    let help = match &error {
        ObjectError::NoObjects { .. } => {
            "give the objects with --manifests or --kubeconfig, or ask from a pod or node of a lab"
        }
        ObjectError::NoPort { .. } | ObjectError::NodePort { .. } => {
            "write one of its ports, by number or name"
        }
        ObjectError::NoEndpoint { .. } => "see why no Pod of it is ready",
        _ => "write one of those, or an address",
    };
    Error::Usage { problem: error.to_string(), help: help.to_owned() }
}

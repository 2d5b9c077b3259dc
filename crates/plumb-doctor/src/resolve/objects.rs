//! Where `svc:`, `pod:` and `node:` lead, by the objects of the API: pure.

use std::net::{IpAddr, SocketAddr};

use plumb_api::{EndpointSlice, Object, Pod, Protocol, Service, ServiceType};
use plumb_model::IpFamily;

use crate::check::yardstick::{is_of, slices};

/// A port of an object, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectPort {
    /// By number.
    Number(u16),
    /// By name.
    Name(String),
}

impl std::fmt::Display for ObjectPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Whom the client can dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// Families that it has addresses of; any where empty.
    pub families: Vec<IpFamily>,
    /// Protocol; `None` for an echo.
    pub protocol: Option<Protocol>,
}

/// Why an object leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// No objects are known.
    #[error("no objects of the API are known here, so {what} `{name}` cannot be looked up")]
    NoObjects {
        /// Kind.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// No object of that name.
    #[error("there is no {what} `{name}`; there are: {}", listed(known))]
    Nobody {
        /// Kind.
        what: &'static str,
        /// `namespace/name`
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// No such port.
    #[error("{what} `{name}` has no port `{port}`; it has: {}", listed(known))]
    NoPort {
        /// Kind.
        what: &'static str,
        /// `namespace/name`
        name: String,
        /// As it was asked for.
        port: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It is another name for something.
    #[error("Service `{name}` is no more than another name for {to}: ask for that")]
    ExternalName {
        /// `namespace/name`
        name: String,
        /// What it stands for.
        to: String,
    },
    /// It has no address of a family that the client has.
    #[error("`{name}` has no address that the client could dial; it has: {}", listed(known))]
    NoAddress {
        /// `namespace/name`
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A headless Service without endpoints.
    #[error("Service `{name}` is headless and has no ready endpoint that the client could dial")]
    NoEndpoint {
        /// `namespace/name`
        name: String,
    },
    /// A node's ports have no names.
    #[error("a node's ports have no names: write the number of `{port}`")]
    NodePort {
        /// As it was asked for.
        port: String,
    },
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

/// Where a client is led that dials a Service: its cluster IP, the first of a family that the client has; of a headless one, every
/// ready endpoint.
///
/// # Errors
/// There is no such Service or port, or nothing to dial.
pub fn service(
    objects: &[Object],
    namespace: &str,
    name: &str,
    port: Option<&ObjectPort>,
    dialled: &Dialled,
) -> Result<Vec<SocketAddr>, ObjectError> {
    let full = format!("{namespace}/{name}");
    let services = || objects.iter().filter_map(|o| if let Object::Service(s) = o { Some(s) } else { None });
    if objects.is_empty() {
        return Err(ObjectError::NoObjects { what: "Service", name: full });
    }
    let Some(service) = services().find(|s| full_name(&s.metadata) == full) else {
        let known = services().map(|s| full_name(&s.metadata)).collect();
        return Err(ObjectError::Nobody { what: "Service", name: full, known });
    };
    if service.spec.kind == ServiceType::ExternalName {
        let to = service.spec.external_name.as_deref().unwrap_or_default().to_owned();
        return Err(ObjectError::ExternalName { name: full, to });
    }
    let fits = |a: &IpAddr| dialled.families.is_empty() || dialled.families.contains(&IpFamily::of(*a));
    if service.spec.is_headless() {
        return headless(objects, service, &full, port, dialled, fits);
    }
    let number = match port {
        Some(port) => service_port(service, &full, port, dialled)?,
        None => 0,
    };
    let mut texts: Vec<&str> = service.spec.cluster_ips.iter().map(AsRef::as_ref).collect();
    if texts.is_empty() && !service.spec.cluster_ip.is_empty() {
        texts.push(&service.spec.cluster_ip);
    }
    let address = texts.iter().filter_map(|t| t.parse::<IpAddr>().ok()).find(fits);
    match address {
        Some(address) => Ok(vec![SocketAddr::new(address, number)]),
        None => {
            let known = texts.into_iter().map(str::to_owned).collect();
            Err(ObjectError::NoAddress { name: full, known })
        }
    }
}

/// The number of a Service's port. An echo has none.
fn service_port(
    service: &Service,
    full: &str,
    port: &ObjectPort,
    dialled: &Dialled,
) -> Result<u16, ObjectError> {
    let is = |p: &&plumb_api::ServicePort| {
        dialled.protocol == Some(p.protocol)
            && match port {
                ObjectPort::Number(number) => p.port == *number,
                ObjectPort::Name(name) => *p.name == **name,
            }
    };
    service.spec.ports.iter().find(is).map(|p| p.port).ok_or_else(|| ObjectError::NoPort {
        what: "Service",
        name: full.to_owned(),
        port: with_protocol(port, dialled),
        known: service.spec.ports.iter().map(|p| port_text(&p.name, p.port, p.protocol)).collect(),
    })
}

fn headless(
    objects: &[Object],
    service: &Service,
    full: &str,
    port: Option<&ObjectPort>,
    dialled: &Dialled,
    fits: impl Fn(&IpAddr) -> bool,
) -> Result<Vec<SocketAddr>, ObjectError> {
    let own: Vec<EndpointSlice> = slices(objects).into_iter().filter(|s| is_of(s, service)).collect();
    let (mut found, mut known) = (Vec::new(), Vec::new());
    let mut has_port = port.is_none();
    for slice in &own {
        // Who dials a name of a headless Service dials the endpoints' own ports.
        let number = match port {
            None => Some(0),
            Some(port) => slice.ports.iter().find_map(|p| {
                let name = p.name.as_deref().unwrap_or_default();
                let number = p.port?;
                known.push(port_text(name, number, p.protocol));
                let is = match port {
                    ObjectPort::Number(wanted) => *wanted == number,
                    ObjectPort::Name(wanted) => wanted == name,
                };
                (is && dialled.protocol == Some(p.protocol)).then_some(number)
            }),
        };
        let Some(number) = number else { continue };
        has_port = true;
        let ready = slice.endpoints.iter().filter(|e| e.conditions.ready != Some(false));
        let addresses = ready.filter_map(|e| e.addresses.first()?.parse::<IpAddr>().ok()).filter(&fits);
        found.extend(addresses.map(|a| SocketAddr::new(a, number)));
    }
    found.sort_unstable();
    found.dedup();
    known.sort_unstable();
    known.dedup();
    match port {
        Some(port) if !has_port && !known.is_empty() => Err(ObjectError::NoPort {
            what: "Service",
            name: full.to_owned(),
            port: with_protocol(port, dialled),
            known,
        }),
        _ if found.is_empty() => Err(ObjectError::NoEndpoint { name: full.to_owned() }),
        _ => Ok(found),
    }
}

/// The number of a pod's port: a name is one of its containers'.
///
/// # Errors
/// There is no such pod among the objects, or it has no such port.
pub fn pod_port(
    objects: &[Object],
    namespace: &str,
    name: &str,
    port: &ObjectPort,
    dialled: &Dialled,
) -> Result<u16, ObjectError> {
    let wanted = match port {
        ObjectPort::Number(number) => return Ok(*number),
        ObjectPort::Name(wanted) => wanted,
    };
    let pod = pod(objects, namespace, name)?;
    let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let ports: Vec<_> = containers.flat_map(|c| &c.ports).collect();
    let is = |p: &&&plumb_api::ContainerPort| *p.name == **wanted && dialled.protocol == Some(p.protocol);
    ports.iter().find(is).map(|p| p.container_port).ok_or_else(|| ObjectError::NoPort {
        what: "pod",
        name: format!("{namespace}/{name}"),
        port: with_protocol(port, dialled),
        known: ports.iter().map(|p| port_text(&p.name, p.container_port, p.protocol)).collect(),
    })
}

/// The address of a pod that no namespace of the snapshot is known to be: by its object.
///
/// # Errors
/// There is no such pod among the objects, or it has no address that the client could dial.
pub fn pod_address(
    objects: &[Object],
    namespace: &str,
    name: &str,
    dialled: &Dialled,
) -> Result<IpAddr, ObjectError> {
    let pod = pod(objects, namespace, name)?;
    let texts = pod.status.pod_ips.iter().map(|ip| &*ip.ip).chain([&*pod.status.pod_ip]);
    let texts: Vec<&str> = texts.filter(|t| !t.is_empty()).collect();
    first_of(&texts, format!("{namespace}/{name}"), dialled)
}

/// The address of a node that no namespace of the snapshot is known to be: its internal one.
///
/// # Errors
/// There is no such node among the objects, or it has no address that the client could dial.
pub fn node_address(objects: &[Object], name: &str, dialled: &Dialled) -> Result<IpAddr, ObjectError> {
    let nodes = || objects.iter().filter_map(|o| if let Object::Node(n) = o { Some(n) } else { None });
    let Some(node) = nodes().find(|n| *n.metadata.name == *name) else {
        let known = nodes().map(|n| n.metadata.name.to_string()).collect();
        return Err(ObjectError::Nobody { what: "node", name: name.to_owned(), known });
    };
    let internal = node.status.addresses.iter().filter(|a| &*a.kind == "InternalIP");
    let texts: Vec<&str> = internal.map(|a| &*a.address).collect();
    first_of(&texts, name.to_owned(), dialled)
}

fn first_of(texts: &[&str], name: String, dialled: &Dialled) -> Result<IpAddr, ObjectError> {
    let fits = |a: &IpAddr| dialled.families.is_empty() || dialled.families.contains(&IpFamily::of(*a));
    let known = || texts.iter().map(|t| (*t).to_owned()).collect();
    let mut all = texts.iter().filter_map(|t| t.parse::<IpAddr>().ok());
    all.find(fits).ok_or_else(|| ObjectError::NoAddress { name, known: known() })
}

fn pod<'a>(objects: &'a [Object], namespace: &str, name: &str) -> Result<&'a Pod, ObjectError> {
    let full = format!("{namespace}/{name}");
    if objects.is_empty() {
        return Err(ObjectError::NoObjects { what: "pod", name: full });
    }
    let pods = || objects.iter().filter_map(|o| if let Object::Pod(p) = o { Some(p) } else { None });
    pods().find(|p| full_name(&p.metadata) == full).ok_or_else(|| {
        let known = pods().map(|p| full_name(&p.metadata)).collect();
        ObjectError::Nobody { what: "pod", name: full, known }
    })
}

fn full_name(metadata: &plumb_api::ObjectMeta) -> String {
    let namespace = if metadata.namespace.is_empty() { "default" } else { &*metadata.namespace };
    format!("{namespace}/{}", metadata.name)
}

fn with_protocol(port: &ObjectPort, dialled: &Dialled) -> String {
    match dialled.protocol {
        Some(protocol) => format!("{port}/{protocol}"),
        None => port.to_string(),
    }
}

fn port_text(name: &str, number: u16, protocol: Protocol) -> String {
    if name.is_empty() { format!("{number}/{protocol}") } else { format!("{name} ({number}/{protocol})") }
}

#[cfg(test)]
mod tests;

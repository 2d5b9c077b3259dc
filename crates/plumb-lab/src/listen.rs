//! Starting and stopping what listens in a pod: the remedy for a listener that is missing.

use std::net::{IpAddr, SocketAddr};

use plumb_model::{IpFamily, Owner, Protocol};

use crate::error::{LabError, Result};
use crate::lab::running;
use crate::server::{Command, Hold, Listen, Manner};
use crate::state::{self, State};
use crate::supervisor::{Request, Response, ask};
use crate::topology::{Port, PortProtocol};

/// Makes the server of a pod (or of `outside`) listen in a manner of its own, or listen no more (`None`). What it speaks and
/// `address` are as the topology says where they are `None`.
///
/// # Errors
/// Nothing bears the name, or the server cannot.
pub fn listen(
    lab: &str,
    name: &str,
    start: Option<Manner>,
    (protocol, spoken): (Protocol, Option<PortProtocol>),
    address: Option<IpAddr>,
    port: u16,
) -> Result<()> {
    let state = running(lab)?;
    let namespace = crate::resolve::namespace(&state.topology, name)?;
    let known = known(&state, &namespace, protocol, port);
    let address = address.or_else(|| known.map(|p| p.address)).unwrap_or_else(|| IpFamily::V6.unspecified());
    let usual = if protocol == Protocol::UDP { PortProtocol::Udp } else { PortProtocol::Tcp };
    let command = match start {
        Some(manner) => {
            let protocol = spoken.unwrap_or_else(|| known.map_or(usual, |p| p.protocol));
            if let Some((field, why)) = manner.flaw(protocol) {
                let what = format!("make {name} listen on {} port {port}", protocol.word());
                return Err(LabError::Refused { what, message: format!("{field}: {why}") });
            }
            Command::Start(Listen { protocol, address, port, manner })
        }
        None => Command::Stop { protocol, address, port },
    };
    tell(lab, &namespace, command)
}

/// Makes a pod open connections and keep them, or let go of those that bear the name.
///
/// # Errors
/// Nothing bears the pod's name, or a connection cannot be opened; then none is kept.
pub fn hold(lab: &str, name: &str, hold: Hold) -> Result<()> {
    let namespace = crate::resolve::namespace(&running(lab)?.topology, name)?;
    tell(lab, &namespace, Command::Hold(hold))
}

/// Makes a pod let go of the connections that it keeps under this name.
///
/// # Errors
/// Nothing bears the pod's name.
pub fn release(lab: &str, name: &str, held: &str) -> Result<()> {
    let namespace = crate::resolve::namespace(&running(lab)?.topology, name)?;
    tell(lab, &namespace, Command::Release { name: held.to_owned() })
}

/// Makes the server of a pod (or of `outside`) begin anew: it serves what the topology says, and holds on to nothing.
///
/// # Errors
/// Nothing bears the name, or the server cannot.
pub fn restart(lab: &str, name: &str) -> Result<()> {
    let namespace = crate::resolve::namespace(&running(lab)?.topology, name)?;
    tell(lab, &namespace, Command::Restart)
}

/// Stops the process in a namespace, or lets it go on.
pub(crate) fn freeze(lab: &str, namespace: &str, on: bool) -> Result<()> {
    let what = format!("stop or wake the process of {namespace}");
    done(ask(lab, &Request::Freeze { namespace: namespace.to_owned(), on })?, what)
}

/// Tells the server in a namespace.
pub(crate) fn tell(lab: &str, namespace: &str, command: Command) -> Result<()> {
    let what = format!("change what listens in {namespace}");
    done(ask(lab, &Request::Listener { namespace: namespace.to_owned(), command })?, what)
}

fn done(response: Response, what: String) -> Result<()> {
    match response {
        Response::Done => Ok(()),
        Response::Failed(message) => Err(LabError::Refused { what, message }),
        Response::Servers(_) | Response::Proxies(_) | Response::Objects(_) => {
            Err(LabError::Refused { what, message: "an answer to another question".to_owned() })
        }
    }
}

/// The topology's port of this protocol and number in a namespace.
pub(crate) fn known<'s>(
    state: &'s State,
    namespace: &str,
    protocol: Protocol,
    port: u16,
) -> Option<&'s Port> {
    let topology = &state.topology;
    let pods = topology.pods.iter().filter(|p| topology.pod_namespace(p) == namespace).flat_map(|p| &p.ports);
    let outside = topology.outside.ports.iter().filter(|_| topology.outside_namespace() == namespace);
    pods.chain(outside).find(|p| p.port == port && p.protocol.transport() == protocol)
}

/// The command that starts a missing listener, where the namespace is a pod of a lab that runs. `socket` is as in a
/// diagnosis: `tcp 10.244.3.3:8080`, `udp *:53`.
#[must_use]
pub fn start_command(namespace: &str, socket: &str) -> Option<String> {
    let (protocol, address) = socket.split_once(' ')?;
    let port: u16 = match address.parse::<SocketAddr>() {
        Ok(address) => address.port(),
        Err(_) => address.strip_prefix("*:")?.parse().ok()?,
    };
    let (lab, pod) = pod_of(namespace)?;
    Some(format!("plumb lab listen --lab {lab} {pod} {port} --protocol {protocol}"))
}

/// The command that starts the server of a namespace anew, where that is a pod of a lab that runs.
#[must_use]
pub fn restart_command(namespace: &str) -> Option<String> {
    let (lab, pod) = pod_of(namespace)?;
    Some(format!("plumb lab restart --lab {lab} {pod}"))
}

/// The lab that runs, and the pod of it, whose namespace this is.
fn pod_of(namespace: &str) -> Option<(String, String)> {
    state::labs().into_iter().find_map(|lab| {
        let state = State::read(&lab).ok().flatten().filter(State::alive)?;
        let owner = &state.namespaces.iter().find(|n| n.name == namespace)?.owner;
        let Owner::Pod { namespace, name, .. } = owner else { return None };
        Some((lab, format!("pod:{namespace}/{name}")))
    })
}

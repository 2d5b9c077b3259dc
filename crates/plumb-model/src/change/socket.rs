//! Something that listens, or stops.

use std::net::IpAddr;

use super::ChangeError;
use super::error::read;
use crate::{IpFamily, Namespace, Protocol, Socket, SocketState, fmt_listener, fmt_socket};

pub(super) fn start(
    ns: &mut Namespace,
    family: IpFamily,
    protocol: Protocol,
    address: IpAddr,
    port: u16,
) -> Result<(), ChangeError> {
    let state = match protocol {
        Protocol::TCP => SocketState::Listen,
        Protocol::UDP => SocketState::Close,
        other => {
            return Err(ChangeError::Refused {
                what: format!("listening on {other} {address}"),
                why: "only TCP and UDP sockets are in the model".to_owned(),
            });
        }
    };
    // A plain server: dual-stack where it is IPv6, the backlog that most programs ask for.
    let socket = Socket {
        family,
        protocol,
        state,
        src: address,
        sport: port,
        dst: family.unspecified(),
        dport: 0,
        bound_dev: None,
        receive_queue: 0,
        send_queue: if protocol == Protocol::TCP { 128 } else { 0 },
        v6only: (family == IpFamily::V6).then_some(false),
        uid: 0,
        inode: 0,
        timer: None,
        receive_buffer: None,
        drops: None,
        transparent: Some(false),
        mark: Some(0),
    };
    let of = ns.name.clone();
    let sockets = read(&mut ns.sockets, "sockets", &of)?;
    if let Some(other) = sockets.iter().find(|s| in_the_way(s, &socket)).cloned() {
        return Err(ChangeError::AlreadyThere(format!("a listener on {}", fmt_socket(&other, ns))));
    }
    sockets.push(socket);
    Ok(())
}

/// Whether one cannot be bound because of the other (EADDRINUSE), neither asking for SO_REUSEPORT.
fn in_the_way(a: &Socket, b: &Socket) -> bool {
    let same_port = a.is_listening() && a.protocol == b.protocol && a.sport == b.sport;
    let devices = a.bound_dev.is_none() || b.bound_dev.is_none() || a.bound_dev == b.bound_dev;
    same_port && devices && (covers(a, b.src) || covers(b, a.src))
}

/// Whether what is bound like `socket` takes packets to `address`.
fn covers(socket: &Socket, address: IpAddr) -> bool {
    let mapped = |a: IpAddr| a.to_canonical();
    mapped(socket.src) == mapped(address)
        || socket.src.is_unspecified()
            && (socket.src.is_ipv4() == mapped(address).is_ipv4()
                || socket.src.is_ipv6() && socket.v6only != Some(true))
}

/// A stopped process goes on: it waits for work.
pub(super) fn resume(ns: &mut Namespace, pid: u32) -> Result<(), ChangeError> {
    let missing = || ChangeError::NotFound(format!("process {pid}"));
    let process = ns.processes.iter_mut().find(|p| p.pid == pid).ok_or_else(missing)?;
    if let Some(serving) = &mut process.serving {
        serving.state = Some('S');
    }
    Ok(())
}

pub(super) fn stop(
    ns: &mut Namespace,
    family: IpFamily,
    protocol: Protocol,
    address: IpAddr,
    port: u16,
) -> Result<(), ChangeError> {
    let of = ns.name.clone();
    let sockets = read(&mut ns.sockets, "sockets", &of)?;
    let before = sockets.len();
    sockets.retain(|s| {
        !(s.is_listening()
            && s.family == family
            && s.protocol == protocol
            && s.src == address
            && s.sport == port)
    });
    if sockets.len() == before {
        return Err(ChangeError::NotFound(format!("listener on {}", fmt_listener(protocol, address, port))));
    }
    Ok(())
}

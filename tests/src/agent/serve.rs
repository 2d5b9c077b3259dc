//! A server: tells every client its id (TCP), or answers each datagram with it (UDP).

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::payload;
use crate::error::{Failure, Result};
use crate::scenario::{Protocol, Server};

/// What it prints once it listens.
pub(crate) const READY: &str = "listening";

/// Serves until its stdin is closed, which happens when the process that started it ends.
pub(crate) fn main(json: &str) -> Result<()> {
    let wrong = |why: String| Failure::Agent { what: "server".into(), why };
    let server: Server = serde_json::from_str(json).map_err(|e| wrong(e.to_string()))?;
    let address: IpAddr = server.bind.parse().map_err(|_| wrong(format!("{} is no address", server.bind)))?;
    let local = SocketAddr::new(address, server.port);
    let id = server.id.clone().unwrap_or_else(|| server.namespace.clone());
    let doing = || format!("listening on {} {local}", server.protocol);
    let socket = open(&server, local).map_err(|e| Failure::io(doing())(e.into()))?;
    match server.protocol {
        Protocol::Tcp => {
            let listener = TcpListener::from(socket);
            if server.accepts {
                std::thread::spawn(move || accept(&listener, &id));
            } else {
                // Kept open, never emptied.
                std::mem::forget(listener);
            }
        }
        Protocol::Udp => {
            let socket = UdpSocket::from(socket);
            std::thread::spawn(move || echo(&socket, &id));
        }
        Protocol::Icmp => return Err(wrong("echo is the kernel's to answer".into())),
    }
    println!("{READY}");
    std::io::stdout().flush().map_err(Failure::io("telling that the server listens"))?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(Failure::io("watching stdin"))?;
    Ok(())
}

/// By hand, since the standard library sets neither `IPV6_V6ONLY` nor the backlog.
fn open(server: &Server, local: SocketAddr) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let family = if local.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let stream = server.protocol == Protocol::Tcp;
    let kind = if stream { SocketType::STREAM } else { SocketType::DGRAM };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if local.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, server.v6only)?;
    }
    if server.transparent {
        // The kernel takes the option of IPv4 for sockets of IPv6, too (`ipv6_setsockopt`).
        let set = socket2::SockRef::from(&socket).set_ip_transparent_v4(true);
        set.map_err(|e| rustix::io::Errno::from_io_error(&e).unwrap_or(rustix::io::Errno::INVAL))?;
    }
    if stream {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &local)?;
    if stream {
        listen(&socket, server.backlog)?;
    }
    Ok(socket)
}

fn accept(listener: &TcpListener, id: &str) {
    for client in listener.incoming().flatten() {
        let id = id.to_owned();
        std::thread::spawn(move || talk(client, &id));
    }
}

/// Says its id and waits for the client to close. A client that goes away is no concern of the server's.
fn talk(mut client: TcpStream, id: &str) {
    if writeln!(client, "{id}").is_ok() {
        let mut rest = vec![0u8; 1 << 16];
        let (mut head, mut got) = (Vec::new(), 0);
        while let Ok(n @ 1..) = client.read(&mut rest) {
            got += n;
            head.extend(rest.iter().take(n.min(payload::HEADER.saturating_sub(head.len()))));
            let asked = payload::asked(&head);
            if let Some(asked) = asked.filter(|a| a.up as usize == got)
                && client.write_all(&payload::down(asked.down, id)).is_err()
            {
                return;
            }
        }
    }
}

fn echo(socket: &UdpSocket, id: &str) {
    let mut datagram = vec![0u8; 1 << 16];
    loop {
        // An error here is an ICMP error for an earlier answer: nothing to this client.
        if let Ok((n, peer)) = socket.recv_from(&mut datagram) {
            let answer = match datagram.get(..n).and_then(payload::asked) {
                Some(asked) => payload::down(asked.down, id),
                None => id.as_bytes().to_vec(),
            };
            socket.send_to(&answer, peer).ok();
        }
    }
}

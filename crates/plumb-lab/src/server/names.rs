//! A pod that serves DNS: names of the lab's cluster over UDP and TCP (RFC 1035, 4.2). What is no question gets what other
//! servers of a lab give, who it is and whom it sees, so that a plain probe has its answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use plumb_dns::{Message, Zone, answer};

use super::Manner;
use super::answer::{Answer, plain};
use super::listener::PATIENCE;

/// How a probe over TCP begins, which as the length of a question would be 18 KB.
const PROBE: &[u8; 2] = b"GE";

/// One datagram.
pub(super) fn datagram(socket: &UdpSocket, name: &str, zone: &Zone, manner: &Manner) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let (n, client) = match socket.recv_from(&mut buffer) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
        other => other?,
    };
    let bytes = buffer.get(..n).unwrap_or_default();
    let reply = match Message::decode(bytes) {
        Ok(_) => answer(zone, bytes, true).map(|whole| manner.answer(whole, true)),
        Err(_) => Some(who(name, client, socket.local_addr()?).into_bytes()),
    };
    if let Some(reply) = reply {
        socket.send_to(&reply, client)?;
    }
    Ok(())
}

/// Questions over one connection, each behind its length, until the client ends it.
pub(super) fn conversation(
    mut stream: TcpStream,
    client: SocketAddr,
    name: &str,
    (zone, manner): (&Zone, &Manner),
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut length = [0; 2];
    loop {
        match stream.read_exact(&mut length) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        if &length == PROBE {
            let line = who(name, client, stream.local_addr()?);
            return stream.write_all(line.as_bytes());
        }
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        let Some(reply) = answer(zone, &question, false) else { return Ok(()) };
        let reply = manner.answer(reply, false);
        let Ok(size) = u16::try_from(reply.len()) else { return Ok(()) };
        let mut framed = size.to_be_bytes().to_vec();
        framed.extend(reply);
        stream.write_all(&framed)?;
    }
}

fn who(name: &str, client: SocketAddr, local: SocketAddr) -> String {
    Answer { server: name.to_owned(), client: plain(client), local: plain(local) }.line()
}

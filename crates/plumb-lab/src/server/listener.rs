//! A socket that waits for clients, and what is done for each.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use plumb_dns::Zone;
use plumb_model::Protocol;

use super::Listen;
use super::answer::{Answer, plain};
use super::names;
use crate::topology::PortProtocol;

/// How long a client may say nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Longest request of an HTTP client, bytes.
const LONGEST_REQUEST: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Listener {
    listen: Listen,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Stream(TcpListener),
    Datagram(UdpSocket),
}

impl Listener {
    pub(super) fn bind(listen: &Listen) -> Result<Self, String> {
        let at = SocketAddr::new(listen.address, listen.port);
        let error = |e: io::Error| format!("listen on {} {at}: {e}", listen.protocol.transport());
        let socket = match listen.protocol {
            PortProtocol::Tcp | PortProtocol::Http | PortProtocol::DnsTcp => {
                let socket = TcpListener::bind(at).map_err(error)?;
                // A client may be gone between the poll and the accept.
                socket.set_nonblocking(true).map_err(error)?;
                Socket::Stream(socket)
            }
            PortProtocol::Udp | PortProtocol::Dns => {
                let socket = UdpSocket::bind(at).map_err(error)?;
                socket.set_nonblocking(true).map_err(error)?;
                Socket::Datagram(socket)
            }
        };
        Ok(Self { listen: listen.clone(), socket })
    }

    pub(super) fn is(&self, protocol: Protocol, address: IpAddr, port: u16) -> bool {
        self.listen.protocol.transport() == protocol
            && self.listen.address == address
            && self.listen.port == port
    }

    pub(super) fn serve(&self, name: &str, zone: &Arc<Zone>) -> io::Result<()> {
        match &self.socket {
            Socket::Datagram(socket) if self.listen.protocol == PortProtocol::Dns => {
                names::datagram(socket, name, zone)
            }
            Socket::Datagram(socket) => datagram(socket, name),
            Socket::Stream(socket) => {
                let (stream, client) = match socket.accept() {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    other => other?,
                };
                let (name, protocol, zone) = (name.to_owned(), self.listen.protocol, Arc::clone(zone));
                std::thread::Builder::new().name("client".to_owned()).spawn(move || {
                    let _ = match protocol {
                        PortProtocol::DnsTcp => names::conversation(stream, client, &name, &zone),
                        other => conversation(stream, client, name, other == PortProtocol::Http),
                    };
                })?;
                Ok(())
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Stream(socket) => socket.as_fd(),
            Socket::Datagram(socket) => socket.as_fd(),
        }
    }
}

fn datagram(socket: &UdpSocket, name: &str) -> io::Result<()> {
    let mut buffer = [0; 2048];
    let (_, client) = match socket.recv_from(&mut buffer) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
        other => other?,
    };
    let answer =
        Answer { server: name.to_owned(), client: plain(client), local: plain(socket.local_addr()?) };
    socket.send_to(answer.line().as_bytes(), client)?;
    Ok(())
}

fn conversation(mut stream: TcpStream, client: SocketAddr, name: String, http: bool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let answer = Answer { server: name, client: plain(client), local: plain(stream.local_addr()?) }.line();
    if http {
        request(&mut stream)?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        );
        return stream.write_all(format!("{head}{answer}").as_bytes());
    }
    stream.write_all(answer.as_bytes())?;
    let mut buffer = [0; 16 * 1024];
    loop {
        let n = stream.read(&mut buffer)?;
        match buffer.get(..n) {
            None | Some([]) => return Ok(()),
            Some(bytes) => stream.write_all(bytes)?,
        }
    }
}

/// Reads the head of a request.
fn request(stream: &mut TcpStream) -> io::Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 2048]);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = stream.read(&mut buffer)?;
        if n == 0 || head.len() > LONGEST_REQUEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no HTTP request"));
        }
        head.extend_from_slice(buffer.get(..n).unwrap_or_default());
    }
    Ok(())
}

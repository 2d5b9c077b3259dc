//! A socket that waits for clients, and what is done for each.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plumb_dns::Zone;
use plumb_model::Protocol;

use super::Listen;
use super::answer::{Answer, plain};
use super::names;
use crate::topology::PortProtocol;

/// How long a client may say nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Longest head of a request of an HTTP client, bytes.
const LONGEST_REQUEST: u64 = 16 * 1024;

#[derive(Debug)]
pub(super) struct Listener {
    listen: Listen,
    socket: Socket,
    /// Connections that it never closes.
    kept: Mutex<Vec<TcpStream>>,
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
                Socket::Stream(listen.manner.stream(at).map_err(error)?)
            }
            PortProtocol::Udp | PortProtocol::Dns => {
                Socket::Datagram(listen.manner.datagram(at).map_err(error)?)
            }
        };
        Ok(Self { listen: listen.clone(), socket, kept: Mutex::default() })
    }

    /// Whether it takes what comes.
    pub(super) fn accepts(&self) -> bool {
        !self.listen.manner.never_accepts
    }

    pub(super) fn is(&self, protocol: Protocol, address: IpAddr, port: u16) -> bool {
        self.listen.protocol.transport() == protocol
            && self.listen.address == address
            && self.listen.port == port
    }

    pub(super) fn serve(&self, name: &str, zone: &Arc<Zone>) -> io::Result<()> {
        match &self.socket {
            Socket::Datagram(socket) if self.listen.protocol == PortProtocol::Dns => {
                names::datagram(socket, name, zone, &self.listen.manner)
            }
            Socket::Datagram(socket) => datagram(socket, name),
            Socket::Stream(socket) => {
                let (stream, client) = match socket.accept() {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    other => other?,
                };
                if self.listen.manner.never_closes {
                    self.kept.lock().map_err(|_| io::Error::other("poisoned"))?.push(stream.try_clone()?);
                }
                let (name, protocol, zone) = (name.to_owned(), self.listen.protocol, Arc::clone(zone));
                let manner = self.listen.manner.clone();
                std::thread::Builder::new().name("client".to_owned()).spawn(move || {
                    let _ = match protocol {
                        PortProtocol::DnsTcp => names::conversation(stream, client, &name, (&zone, &manner)),
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
    // What does not fit is cut off, and answered all the same.
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
        let mut reader = BufReader::new(stream.try_clone()?);
        let bytes = request(&mut reader)?;
        return stream.write_all(&response(&answer, bytes));
    }
    stream.write_all(answer.as_bytes())?;
    let mut buffer = [0; 16 * 1024];
    let mut first = true;
    loop {
        let n = stream.read(&mut buffer)?;
        let read = buffer.get(..n).unwrap_or_default();
        if read.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut first) && read.starts_with(POST) {
            let mut reader = BufReader::new(read.chain(stream.try_clone()?));
            let bytes = request(&mut reader)?;
            return stream.write_all(&response(&answer, bytes));
        }
        stream.write_all(read)?;
    }
}

/// How a request with a payload begins.
const POST: &[u8] = b"POST /";

/// Reads a request with its body, and gives how long the response shall be: nothing else is asked for where it is `None`.
fn request(reader: &mut impl BufRead) -> io::Result<Option<usize>> {
    let error = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let (mut bytes, mut body, mut length) = (None, 0_u64, 0);
    loop {
        let mut line = String::new();
        let n = reader.by_ref().take(LONGEST_REQUEST).read_line(&mut line)?;
        length += n as u64;
        if n == 0 || length > LONGEST_REQUEST {
            return Err(error("no HTTP request"));
        }
        let line = line.trim_end();
        if let Some(asked) = line.strip_prefix("POST /?bytes=") {
            bytes = asked.split(' ').next().and_then(|n| n.parse().ok());
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            body = value.trim().parse().map_err(|_| error("no length of a body"))?;
        } else if line.is_empty() {
            break;
        }
    }
    let read = io::copy(&mut reader.take(body), &mut io::sink())?;
    if read < body { Err(error("a body that is not whole")) } else { Ok(bytes) }
}

/// A response, made as long as it shall be with blanks behind the answer.
fn response(answer: &str, bytes: Option<usize>) -> Vec<u8> {
    let head = |length: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        )
    };
    // Of one width, so that the length of the whole does not hang on the number in it.
    let padded = |length: usize| format!("{length:010}");
    let empty = head(&padded(0)).len();
    let Some(bytes) = bytes.filter(|b| *b >= empty + answer.len()) else {
        return format!("{}{answer}", head(&answer.len().to_string())).into_bytes();
    };
    let mut out = format!("{}{answer}", head(&padded(bytes - empty))).into_bytes();
    out.resize(bytes, b' ');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_response_is_as_long_as_asked_for() {
        for bytes in [512, 999, 1000, 1001, 1100, 10_090, 10_100, 100_000] {
            let response = response("{\"server\":1}\n", Some(bytes));
            assert_eq!(response.len(), bytes);
            let text = String::from_utf8(response).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains(&format!("content-length: {:010}\r\n", body.len())),
                "{head}, {}",
                body.len()
            );
            assert!(body.starts_with("{\"server\":1}\n"));
        }
        assert!(response("{}\n", None).ends_with(b"content-length: 3\r\nconnection: close\r\n\r\n{}\n"));
    }

    #[test]
    fn a_request_is_read_with_its_body() {
        let mut all: &[u8] = b"POST /?bytes=700 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodymore";
        assert_eq!(request(&mut all).unwrap(), Some(700));
        assert_eq!(all, b"more");
        assert_eq!(request(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).unwrap(), None);
        assert!(request(&mut &b"POST /?bytes=7 HTTP/1.1\r\ncontent-length: 4\r\n\r\nbod"[..]).is_err());
        assert!(request(&mut &b"GET /"[..]).is_err());
    }
}

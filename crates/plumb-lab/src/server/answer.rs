//! What a server says: who it is and whom it sees.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// What a server says to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Who answers: `NAMESPACE/NAME` of a pod, or `outside`.
    pub server: String,
    /// The client's address and port as the server sees them.
    pub client: SocketAddr,
    /// The server's own address and port as the client reached it; unspecified for UDP.
    pub local: SocketAddr,
}

impl Answer {
    /// One line of JSON.
    #[must_use]
    pub fn line(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The answer in what a client received, be it a line or the body of a response; `None` while it is not whole.
    #[must_use]
    pub fn find(received: &[u8]) -> Option<Self> {
        let start = received.iter().position(|b| *b == b'{')?;
        let rest = received.get(start..)?;
        let end = rest.iter().position(|b| *b == b'\n')?;
        serde_json::from_slice(rest.get(..end)?).ok()
    }
}

/// An IPv4 client of a socket for both families appears as `::ffff:a.b.c.d`.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V6(a) => a.to_ipv4_mapped().map_or(IpAddr::V6(a), IpAddr::V4),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn found_in_a_response() {
        let answer = Answer {
            server: "default/web-0".to_owned(),
            client: "[fd00::1]:4000".parse().unwrap(),
            local: "[fd00::2]:80".parse().unwrap(),
        };
        let response = format!("HTTP/1.1 200 OK\r\n\r\n{}more", answer.line());
        assert_eq!(Answer::find(response.as_bytes()), Some(answer));
        assert_eq!(Answer::find(b"{\"server\":"), None);
        assert_eq!(plain("[::ffff:10.0.0.1]:5".parse().unwrap()), "10.0.0.1:5".parse().unwrap());
    }
}

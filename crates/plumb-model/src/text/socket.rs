//! A socket's local end in the words of `ss -ltn`.

use std::net::IpAddr;

use crate::{IpFamily, Namespace, Protocol, Socket};

/// Protocol and local address of a socket as `ss -ltn` prints it: `tcp 10.0.0.5:6379`, `tcp 0.0.0.0:80`, `tcp *:80`
/// for one that takes both families, `tcp [::]:80` for IPv6 alone, `tcp 10.0.0.5%eth0:80` when bound to a device.
#[must_use]
pub fn fmt_socket(socket: &Socket, namespace: &Namespace) -> String {
    let device = socket.bound_dev.map(|d| format!("%{}", namespace.link_name(d))).unwrap_or_default();
    let address = match socket.src {
        IpAddr::V4(a) => a.to_string(),
        IpAddr::V6(a)
            if a.is_unspecified() && socket.family == IpFamily::V6 && socket.v6only != Some(true) =>
        {
            "*".to_owned()
        }
        IpAddr::V6(a) => format!("[{a}]"),
    };
    format!("{} {address}{device}:{}", socket.protocol, socket.sport)
}

/// A listener that is not there, with the address and port that were asked for: `tcp 10.0.0.5:6379`.
#[must_use]
pub fn fmt_listener(protocol: Protocol, address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V4(a) => format!("{protocol} {a}:{port}"),
        IpAddr::V6(a) => format!("{protocol} [{a}]:{port}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Link, NamespaceId, Read, SocketState};

    #[test]
    fn as_ss_prints() {
        let mut ns = Namespace::empty(NamespaceId(1), "t");
        ns.links = Read::Got(vec![Link { index: 2, name: "eth0".into(), ..Link::default() }]);
        let socket = |family, src: &str, v6only| Socket {
            family,
            protocol: Protocol::TCP,
            state: SocketState::Listen,
            src: src.parse().unwrap(),
            sport: 6379,
            dst: IpFamily::V4.unspecified(),
            dport: 0,
            bound_dev: None,
            receive_queue: 0,
            send_queue: 128,
            v6only,
            uid: 0,
            inode: 0,
            timer: None,
            receive_buffer: None,
            drops: None,
            transparent: None,
            mark: None,
        };
        let show = |s: &Socket| fmt_socket(s, &ns);
        assert_eq!(show(&socket(IpFamily::V4, "10.0.0.5", None)), "tcp 10.0.0.5:6379");
        assert_eq!(show(&socket(IpFamily::V4, "0.0.0.0", None)), "tcp 0.0.0.0:6379");
        assert_eq!(show(&socket(IpFamily::V6, "::", Some(false))), "tcp *:6379");
        assert_eq!(show(&socket(IpFamily::V6, "::", Some(true))), "tcp [::]:6379");
        let mut bound = socket(IpFamily::V6, "fe80::1", Some(false));
        bound.bound_dev = Some(2);
        assert_eq!(show(&bound), "tcp [fe80::1]%eth0:6379");
        assert_eq!(fmt_listener(Protocol::UDP, "fd00::1".parse().unwrap(), 53), "udp [fd00::1]:53");
    }
}

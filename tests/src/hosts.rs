//! A client, a node that forwards, and all endpoints of Services in one namespace, for tests with real connections.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener};

use plumb_kernel::in_namespace;

use crate::error::{Failure, Result};
use crate::netns::{self, Namespace};
use crate::services::failed;
use crate::shell;

/// Endpoints that the servers answer for.
pub const ENDPOINTS: u8 = 6;

/// The address of an endpoint; it serves port 8080.
#[must_use]
pub fn endpoint(index: u8) -> IpAddr {
    IpAddr::from([10, 1, 0, index + 1])
}

/// The namespaces, removed when this goes.
#[derive(Debug)]
pub struct Hosts {
    /// Sends; 10.244.0.2, a pod's address.
    pub client: Namespace,
    /// Forwards between the two.
    pub node: Namespace,
    /// Has the endpoints' addresses.
    pub servers: Namespace,
}

impl Hosts {
    /// Builds them; every endpoint answers a connection with its index, and closes it.
    ///
    /// # Errors
    /// When that is not possible, as without root.
    pub fn new() -> Result<Self> {
        netns::need_root()?;
        let prefix = netns::unique_prefix();
        let [client, node, servers] =
            ["client", "node", "servers"].map(|n| Namespace::create(format!("{prefix}{n}")));
        let hosts = Self { client: client?, node: node?, servers: servers? };
        let script = r#"
            ip link add eth0 netns "$client" type veth peer name c0 netns "$node"
            ip link add eth0 netns "$servers" type veth peer name s0 netns "$node"
            ip -n "$client" addr add 10.244.0.2/24 dev eth0; ip -n "$client" link set eth0 up
            ip -n "$node" addr add 10.244.0.1/24 dev c0; ip -n "$node" link set c0 up
            ip -n "$node" addr add 10.1.0.254/24 dev s0; ip -n "$node" link set s0 up
            for i in $(seq "$count"); do ip -n "$servers" addr add 10.1.0.$i/24 dev eth0; done
            ip -n "$servers" link set eth0 up
            ip -n "$client" route add default via 10.244.0.1
            ip -n "$servers" route add default via 10.1.0.254
            ip netns exec "$node" sysctl -qw net.ipv4.ip_forward=1
            ip netns exec "$client" sysctl -qw net.ipv4.ip_local_port_range="1024 65535" net.ipv4.tcp_tw_reuse=1"#;
        let names = [("client", &hosts.client), ("node", &hosts.node), ("servers", &hosts.servers)];
        let mut variables: Vec<_> =
            names.iter().map(|(k, n)| ((*k).to_owned(), n.name().to_owned())).collect();
        variables.push(("count".into(), ENDPOINTS.to_string()));
        shell::run("building the network", script, &variables)?;
        hosts.serve()?;
        Ok(hosts)
    }

    fn serve(&self) -> Result<()> {
        for index in 0..ENDPOINTS {
            let address = SocketAddr::new(endpoint(index), 8080);
            let bound = in_namespace(path(&self.servers), move || TcpListener::bind(address));
            let listener = bound.map_err(failed("entering"))?.map_err(Failure::io("listening"))?;
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let Ok(mut stream) = stream else { return };
                    let _ = stream.write_all(&[index]);
                }
            });
        }
        Ok(())
    }
}

/// Where a namespace is entered.
#[must_use]
pub fn path(namespace: &Namespace) -> String {
    format!("/run/netns/{}", namespace.name())
}

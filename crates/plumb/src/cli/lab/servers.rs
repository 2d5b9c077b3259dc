//! What the servers and clients of a lab's pods are told.

use clap::{Args, ValueEnum};
use plumb_lab::server::DnsError;

use super::WhichLab;

/// Protocols that a server listens for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListenProtocol {
    /// TCP; HTTP or DNS where the topology says so
    Tcp,
    /// UDP; DNS where the topology says so
    Udp,
    /// HTTP over TCP
    Http,
    /// DNS over UDP
    Dns,
    /// DNS over TCP
    DnsTcp,
}

/// `plumb lab restart`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab restart pod:default/web-0

It listens as the topology says; connections that it had or kept are gone.")]
pub struct LabRestartArgs {
    /// pod:NAMESPACE/NAME, or outside
    pub name: String,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

/// Protocols of what is kept open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HoldProtocol {
    /// Connections
    Tcp,
    /// A datagram from each socket
    Udp,
}

/// `plumb lab listen`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab listen pod:default/web-2 8080
  plumb lab listen pod:default/web-2 8080 --stop
  plumb lab listen pod:default/client-0 9000 --address 127.0.0.1
  plumb lab listen pod:default/client-0 9000 --backlog 0 --never-accept   two connections fill its queue
  plumb lab listen outside 53 --protocol dns --fail servfail              a name server that fails")]
pub struct LabListenArgs {
    /// pod:NAMESPACE/NAME, or outside
    pub name: String,
    /// Port
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Protocol
    #[arg(long, value_enum, default_value = "tcp")]
    pub protocol: ListenProtocol,
    /// Address; that of the topology otherwise, else every address of both families
    #[arg(long)]
    pub address: Option<std::net::IpAddr>,
    /// Listen no more
    #[arg(long)]
    pub stop: bool,
    /// Connections that may wait to be accepted (one more than that do); 128 otherwise
    #[arg(long, value_name = "N", conflicts_with = "stop")]
    pub backlog: Option<u16>,
    /// The only device by which it is reached (SO_BINDTODEVICE)
    #[arg(long, value_name = "DEVICE", conflicts_with = "stop")]
    pub device: Option<String>,
    /// Share the port with others (SO_REUSEPORT)
    #[arg(long, conflicts_with = "stop")]
    pub share: bool,
    /// Take nothing from the queue
    #[arg(long, conflicts_with = "stop")]
    pub never_accept: bool,
    /// Close nothing that was accepted, whatever clients do
    #[arg(long, conflicts_with_all = ["stop", "never_accept"])]
    pub never_close: bool,
    /// Bytes that may wait to be read (SO_RCVBUF; the kernel doubles them); its default otherwise
    #[arg(long, value_name = "BYTES", conflicts_with = "stop")]
    pub receive_buffer: Option<u32>,
    /// Answer each question for a name with this error: servfail, refused, nxdomain
    #[arg(long, value_name = "ERROR", conflicts_with = "stop")]
    pub fail: Option<DnsError>,
    /// Cut off what is answered to questions for names in datagrams (TC); over TCP answers are whole
    #[arg(long, conflicts_with = "stop")]
    pub cut_off: bool,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

/// `plumb lab hold`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab hold client-0 web-1:8080 --connections 100
  plumb lab hold client-0 --release held
  plumb lab hold client-0 10.96.0.10:80 --protocol udp --source-port 40000

Connections are kept until they are let go or the lab ends. A datagram is sent from each socket of UDP, and nothing waited
for.")]
pub struct LabHoldArgs {
    /// pod:NAMESPACE/NAME
    pub name: String,
    /// What is connected to: ADDRESS:PORT, [V6]:PORT, pod:NAMESPACE/NAME:PORT, svc:NAME, outside
    #[arg(required_unless_present = "release")]
    pub to: Option<String>,
    /// Protocol
    #[arg(long, value_enum, default_value = "tcp")]
    pub protocol: HoldProtocol,
    /// How many
    #[arg(short = 'n', long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=900))]
    pub connections: u32,
    /// First port that they bind, the next ones follow; any otherwise
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub source_port: Option<u16>,
    /// Milliseconds after which each socket of UDP sends again, and again, and each half-open connection is begun anew
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    pub every: Option<u32>,
    /// Close each at once on this side
    #[arg(long)]
    pub close: bool,
    /// Send the first packet of each connection and wait for nothing
    #[arg(long, conflicts_with = "close")]
    pub half_open: bool,
    /// What they are called when they are let go
    #[arg(long = "name", default_value = "held", value_name = "NAME")]
    pub held: String,
    /// Let go of those that are called so
    #[arg(long, value_name = "NAME", conflicts_with_all = ["to", "source_port", "every", "close", "half_open"])]
    pub release: Option<String>,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

/// `plumb lab resolver`
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).multiple(true),
    after_help = "\
Examples:
  plumb lab resolver client-0 --server 203.0.113.10           a server that knows no name of the cluster
  plumb lab resolver client-0 --search a.example --search b.example --ndots 5
  plumb lab resolver client-0 --usual                         what a kubelet writes
  plumb lab exec client-0 -- getent ahosts my-service         what comes of it

What is not named stays as it is. Snapshots, `plumb diagnose`, `plumb check`, `plumb lab exec` and `plumb lab probe` see it;
nothing is written to the machine's own /etc."
)]
pub struct LabResolverArgs {
    /// pod:NAMESPACE/NAME
    pub name: String,
    /// Name server; again for a second one
    #[arg(long = "server", value_name = "ADDRESS", group = "what")]
    pub servers: Vec<std::net::IpAddr>,
    /// Domain of the search list; again for a second one
    #[arg(long, value_name = "DOMAIN", group = "what")]
    pub search: Vec<String>,
    /// Dots from which on a name is asked for as it is, first
    #[arg(long, value_name = "N", group = "what", value_parser = clap::value_parser!(u32).range(..=15))]
    pub ndots: Option<u32>,
    /// What a kubelet writes
    #[arg(long, group = "what", conflicts_with_all = ["servers", "search", "ndots"])]
    pub usual: bool,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

//! `plumb lab`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use plumb_lab::server::DnsError;

use super::TextOrJson;
use crate::flow::Payload;

/// `plumb lab`
#[derive(Debug, Args)]
#[command(after_help = LAB_EXAMPLES)]
pub struct LabArgs {
    /// What to do
    #[command(subcommand)]
    pub command: LabCommand,
}

const LAB_EXAMPLES: &str = "\
Examples:
  plumb lab up                                   3 nodes, 12 pods and a service, in a fraction of a second
  plumb lab probe client-0 svc:web               a real connection, and who answered it
  plumb lab break F01                            something goes wrong
  plumb diagnose pod:default/client-1 10.244.1.3:8080
  plumb lab heal                                 and is mended
  plumb lab down                                 nothing is left

Nodes and pods are network namespaces of this machine, called LAB-node-1, LAB-default-web-0 … (`ip netns` shows them);
nothing else on the machine is touched. It takes root.";

/// What to do with a lab.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Build a lab and return when all of it serves
    Up(LabUpArgs),
    /// End a lab and remove all of it
    Down(LabDownArgs),
    /// Nodes, pods, addresses, faults
    Status(LabStatusArgs),
    /// Run a command in a node or pod
    Exec(LabExecArgs),
    /// Open a real connection and tell what the client saw
    Probe(LabProbeArgs),
    /// The faults that can be made
    Faults(LabFaultsArgs),
    /// Make a fault
    Break(LabBreakArgs),
    /// Undo faults
    Heal(LabHealArgs),
    /// Make a pod's server listen, or listen no more
    Listen(LabListenArgs),
    /// Make a pod open connections and keep them
    Hold(LabHoldArgs),
    /// Change whom a pod asks for names
    Resolver(LabResolverArgs),
    /// Print the standard topology, or the schema of such files
    Topology(LabTopologyArgs),
}

/// Which lab.
#[derive(Clone, Debug, Default, Args)]
pub struct WhichLab {
    /// Name of the lab; the only one there is otherwise
    #[arg(long, value_name = "NAME")]
    pub lab: Option<String>,
}

/// `plumb lab up`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab up                          the standard lab, called demo
  plumb lab up my-cluster.yaml          another
  plumb lab topology > my-cluster.yaml  a file to start from

What a dead supervisor of that name left is removed first.")]
pub struct LabUpArgs {
    /// Topology file (YAML); the standard topology otherwise
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Name of the lab; that in the file otherwise
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
}

/// `plumb lab down`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab down
  plumb lab down demo
  plumb lab down --all")]
pub struct LabDownArgs {
    /// Name of the lab; the only one there is otherwise
    #[arg(value_name = "LAB")]
    pub lab: Option<String>,
    /// Every lab of this machine
    #[arg(long, conflicts_with = "lab")]
    pub all: bool,
}

/// `plumb lab status`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab status
  plumb lab status -o json | jq -r '.pods[] | [.name, .addresses[0]] | @tsv'

Exit status: 1 where the lab's supervisor is dead.")]
pub struct LabStatusArgs {
    /// Name of the lab; the only one there is otherwise
    #[arg(value_name = "LAB")]
    pub lab: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
}

/// `plumb lab exec`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab exec node:node-1 -- nft list ruleset
  plumb lab exec pod:default/web-0 -- ss -ltn
  plumb lab exec outside -- ip route

The exit status is the command's; 2 where it could not be started.")]
pub struct LabExecArgs {
    /// pod:NAMESPACE/NAME, node:NAME, outside, an address, or a namespace's name
    pub name: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

/// Protocols of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProbeProtocol {
    /// A connection
    Tcp,
    /// A datagram and its answer
    Udp,
    /// An echo
    Icmp,
}

/// `plumb lab probe`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab probe client-0 svc:web                        through the service
  plumb lab probe client-0 svc:web --connections 30       which endpoints it chooses
  plumb lab probe pod:default/client-0 '[fd00:10:244:2::3]:8080'
  plumb lab probe node:node-1 pod:kube-system/dns-0:dns
  plumb lab probe client-0 10.244.2.3 --protocol icmp
  plumb lab probe client-0 my-service.default:80          a name, looked up with the pod's own resolv.conf
  plumb lab probe client-0 web-1 --bytes 100000:100000    a large request and a large response

Exit status: 0 where every connection was answered, 1 otherwise.")]
pub struct LabProbeArgs {
    /// Who asks: pod:NAMESPACE/NAME, node:NAME, outside, an address
    pub from: String,
    /// What is asked: ADDRESS:PORT, [V6]:PORT, pod:NAMESPACE/NAME:PORT, svc:NAME, node:NAME:PORT, outside,
    /// or HOST:PORT, which the client looks up
    pub to: String,
    /// Protocol; what the topology serves there otherwise
    #[arg(long, value_enum)]
    pub protocol: Option<ProbeProtocol>,
    /// The IPv6 address of a name
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Connections, one after the other
    #[arg(short = 'n', long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Bytes that the client sends, then receives (TCP servers that speak tcp or http); of a datagram or an echo, what it has
    #[arg(long, value_name = "UP[:DOWN]")]
    pub bytes: Option<Payload>,
    /// Port that the client binds; any otherwise
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub source_port: Option<u16>,
    /// Seconds that each waits
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS", value_parser = seconds)]
    pub patience: f64,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if (0.001..=3600.0).contains(&value) { Ok(value) } else { Err("0.001 to 3600 seconds".to_owned()) }
}

/// `plumb lab faults`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab faults
  plumb lab faults -o json
  plumb lab faults -o json | jq -r '.[] | select(.look_alike) | [.id, .look_alike.does] | @tsv'")]
pub struct LabFaultsArgs {
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
}

/// `plumb lab break`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab break F01                        a DROP rule on the first server's node
  plumb lab break T01 pod:default/redis-1    nothing listens in that pod
  plumb lab break S07 svc:web                one endpoint of the service is dead
  plumb lab break F01 --look-alike           a drop rule that nobody meets: nothing is wrong
  plumb lab break R02 && plumb lab heal R02")]
pub struct LabBreakArgs {
    /// Number in the fault catalogue (`plumb lab faults`)
    pub id: String,
    /// Where: pod:NAMESPACE/NAME or svc:NAME; the first that fits otherwise
    pub target: Option<String>,
    /// Make what looks like the fault and is not
    #[arg(long)]
    pub look_alike: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

/// `plumb lab heal`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab heal        all faults, the last one first
  plumb lab heal F01    that one")]
pub struct LabHealArgs {
    /// Number of the fault (its look-alike is undone with it); all otherwise
    pub id: Option<String>,
    /// Which lab
    #[command(flatten)]
    pub which: WhichLab,
}

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
    /// Milliseconds after which each socket of UDP sends again, and again
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    pub every: Option<u32>,
    /// Close each at once on this side
    #[arg(long)]
    pub close: bool,
    /// What they are called when they are let go
    #[arg(long = "name", default_value = "held", value_name = "NAME")]
    pub held: String,
    /// Let go of those that are called so
    #[arg(long, value_name = "NAME", conflicts_with_all = ["to", "source_port", "every", "close"])]
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

/// `plumb lab topology`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb lab topology > my-cluster.yaml
  plumb lab topology --schema > topology.schema.json
  plumb lab topology --check my-cluster.yaml")]
pub struct LabTopologyArgs {
    /// The JSON schema of topology files
    #[arg(long, conflicts_with = "check")]
    pub schema: bool,
    /// Only say whether this file is sound
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

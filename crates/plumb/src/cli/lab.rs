//! `plumb lab`

mod servers;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::TextOrJson;
use crate::flow::Payload;

pub use servers::{
    HoldProtocol, LabHoldArgs, LabListenArgs, LabResolverArgs, LabRestartArgs, ListenProtocol,
};

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
    /// Start a pod's server anew
    Restart(LabRestartArgs),
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

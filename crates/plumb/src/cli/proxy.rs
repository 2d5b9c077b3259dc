//! `plumb proxy`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use plumb_api::address::{Cidr, parse_cidr, parse_ip};

use super::TextOrJson;

/// `plumb proxy`
#[derive(Debug, Args)]
#[command(after_help = PROXY_EXAMPLES, args_conflicts_with_subcommands = true,
    group = ArgGroup::new("one-shot").args(["once", "dry_run", "cleanup"]))]
pub struct ProxyArgs {
    /// What to do instead
    #[command(subcommand)]
    pub command: Option<ProxyCommand>,
    /// Objects from these manifests (a folder, a file, `-` for stdin) instead of a Kubernetes API
    #[arg(long, value_name = "DIR|FILE|-", conflicts_with_all = ["kubeconfig", "master"])]
    pub manifests: Option<PathBuf>,
    /// How to reach the API; without it and --master, the account that Kubernetes mounts into a Pod
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Address of the API server; goes before the one in the kubeconfig
    #[arg(long, value_name = "URL")]
    pub master: Option<String>,
    /// Sync once, leave the rules, and exit
    #[arg(long)]
    pub once: bool,
    /// Print what a sync would change (`+` comes, `-` goes, `~` becomes another), and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Remove all rules that a proxy made, and exit
    #[arg(long)]
    pub cleanup: bool,
    /// The node
    #[command(flatten)]
    pub node: NodeArgs,
    /// What programs the kernel
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    pub proxy_mode: ProxyMode,
    /// Shortest time from one sync to the next; a change after a quiet while goes out at once
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration)]
    pub min_sync_period: Duration,
    /// Longest time until all that the kernel holds is looked through
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub sync_period: Duration,
    /// How much to log: `error`, `warn`, `info`, `debug`
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: tracing::Level,
}

const PROXY_EXAMPLES: &str = "\
Examples:
  plumb proxy --kubeconfig /etc/kubernetes/proxy.conf --cluster-cidr 10.244.0.0/16
  plumb proxy --manifests services/                     follow a folder of manifests
  plumb proxy --manifests services/ --once              sync once from whatever the kernel holds
  plumb proxy --manifests services/ --dry-run           what would change
  plumb proxy status                                    last and next sync, how far behind
  plumb proxy --cleanup                                 remove the rules
  nft list table ip plumb                               what is in force

The rules stay when the proxy ends, so that traffic goes on; the next start takes them over.
Exit status: 0 done (with --dry-run: nothing would change), 1 not all is in force (--dry-run: something would
change), 2 usage, permission or a wrong manifest, 3 the kernel could not be read or written.";

/// Facts about the node; where they are not given, a Node of its name and ServiceCIDR objects tell.
#[derive(Clone, Debug, Default, Args)]
pub struct NodeArgs {
    /// Name of the node; else the host's name
    #[arg(long, value_name = "NAME")]
    pub hostname_override: Option<String>,
    /// Ranges of all pods of the cluster, one a family
    #[arg(long, value_name = "CIDR,…", value_delimiter = ',', value_parser = cidr)]
    pub cluster_cidr: Vec<Cidr>,
    /// How pods are told from others
    #[arg(long, value_enum, value_name = "MODE", ignore_case = true)]
    pub detect_local_mode: Option<DetectLocal>,
    /// Bridge of the pods, with --detect-local-mode BridgeInterface
    #[arg(long, value_name = "DEVICE")]
    pub pod_bridge_interface: Option<String>,
    /// Beginning of the names of pods' devices, with --detect-local-mode InterfaceNamePrefix
    #[arg(long, value_name = "PREFIX")]
    pub pod_interface_name_prefix: Option<String>,
    /// Addresses of the node that take node ports: ranges, or `primary` (the default)
    #[arg(long, value_name = "CIDR,…|primary", value_delimiter = ',')]
    pub nodeport_addresses: Vec<String>,
    /// Give the node's source to all that goes to cluster IPs
    #[arg(long)]
    pub masquerade_all: bool,
    /// Bit of the packet mark that asks for masquerading
    #[arg(long, value_name = "BIT", default_value_t = 14, value_parser = clap::value_parser!(u8).range(0..32))]
    pub masquerade_bit: u8,
    /// Ranges that cluster IPs are allocated from
    #[arg(long, value_name = "CIDR,…", value_delimiter = ',', value_parser = cidr)]
    pub service_cidr: Vec<Cidr>,
    /// Primary addresses of the node, one a family
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',', value_parser = ip)]
    pub node_ip: Vec<IpAddr>,
    /// Zone of the node
    #[arg(long, value_name = "ZONE")]
    pub node_zone: Option<String>,
    /// Where the running proxy tells its state; else /run/plumb/proxy-NODE.sock
    #[arg(long, value_name = "PATH")]
    pub status_socket: Option<PathBuf>,
}

/// `plumb proxy …`
#[derive(Debug, Subcommand)]
pub enum ProxyCommand {
    /// What the running proxy did last and does next, how much it wrote, how far behind it is
    Status(ProxyStatusArgs),
}

/// `plumb proxy status`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb proxy status                               the proxy of this node
  plumb proxy status --hostname-override node-1    one that was started under another name
  plumb proxy status -o json | jq .behind_ms

Exit status: 0 all is in force, 1 it is not, or the source cannot be read, 3 no proxy answers.")]
pub struct ProxyStatusArgs {
    /// Node of the proxy; else the host's name
    #[arg(long, value_name = "NAME")]
    pub hostname_override: Option<String>,
    /// Where the proxy tells its state; else /run/plumb/proxy-NODE.sock
    #[arg(long, value_name = "PATH")]
    pub status_socket: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TextOrJson,
}

/// What programs the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProxyMode {
    /// nftables
    #[default]
    Nftables,
}

/// How pods are told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DetectLocal {
    /// By --cluster-cidr
    #[value(name = "ClusterCIDR")]
    ClusterCidr,
    /// By the pod ranges of the Node object
    #[value(name = "NodeCIDR")]
    NodeCidr,
    /// By --pod-bridge-interface
    #[value(name = "BridgeInterface")]
    BridgeInterface,
    /// By --pod-interface-name-prefix
    #[value(name = "InterfaceNamePrefix")]
    InterfaceNamePrefix,
}

fn cidr(text: &str) -> Result<Cidr, String> {
    parse_cidr(text.trim()).ok_or_else(|| "not a range: write 10.244.0.0/16 or fd00:10::/64".to_owned())
}

fn ip(text: &str) -> Result<IpAddr, String> {
    parse_ip(text.trim()).ok_or_else(|| "not an address: write 192.0.2.1 or 2001:db8::1".to_owned())
}

/// `100ms`, `1.5s`, `2m`, `1h`, and sums of those as Go writes them: `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "not a time: write 100ms, 30s, 1m30s or 1h".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit_len = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let seconds = match unit {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        total += Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        rest = after;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_writes_them() {
        assert_eq!(duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for wrong in ["", "5", "s", "1d", "1..s", "-1s"] {
            let read = duration(wrong);
            assert!(read.is_err() || wrong.is_empty(), "{wrong}: {read:?}");
        }
    }
}

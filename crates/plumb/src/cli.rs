//! Flags and subcommands.

mod api;
mod check;
mod endpointslices;
mod explain;
mod lab;
mod proxy;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use api::*;
pub use check::*;
pub use endpointslices::*;
pub use explain::*;
pub use lab::*;
use plumb_doctor::messages::Lang;
pub use proxy::*;

use crate::flow::{ExplainArgs, FlowArgs, ProbeArgs};
use crate::lang;
use crate::output::Color;

/// Lays, measures and proves the network of a node
///
/// Plumb reads what the kernel really holds in every network namespace, walks packets through it, and names the rule,
/// route, limit or missing listener that breaks a flow.
#[derive(Debug, Parser)]
#[command(name = "plumb", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// When to use colours; `auto` heeds `NO_COLOR` and whether a terminal reads
    #[arg(long, value_enum, default_value_t, global = true, value_name = "WHEN")]
    pub color: Color,
    /// Language of what is printed; else that of the locale (`LC_ALL`, `LC_MESSAGES`, `LANG`)
    #[arg(long, value_parser = lang::parser(), global = true)]
    pub lang: Option<Lang>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  plumb diagnose netns:client 10.0.2.2:8080   why that fails, where, and what mends it
  plumb trace netns:client 10.0.2.2:8080      the way of the packet, there and back
  plumb check                       what is wrong here, before anyone says which flow fails
  plumb ns                          every network namespace, who lives in it, what listens
  plumb ns --tree                   bridges, veth pairs, and which end is where
  plumb snapshot -o node-1.plumb    all that the kernel holds, in a file
  plumb snapshot show node-1.plumb  what is in it, and what could not be read
  plumb proxy --manifests dir/      Services and EndpointSlices to nftables, kept up to date
  plumb explain svc/default/web     what implements a Service in the kernel, and what is missing
  plumb endpointslices --manifests DIR    the endpoints that Services in files have
  plumb lab up                      a cluster out of namespaces, to try things on

Exit status: 0 done, 1 the answer is no, 2 usage or permission, 3 something could not be read.";

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Why a flow fails: the rule, route, limit or missing listener, and the command that mends it
    Diagnose(DiagnoseArgs),
    /// The way of a packet, there and back, hop by hop
    Trace(TraceArgs),
    /// What is wrong on this machine, in a lab or a snapshot: who should reach whom, what the kernel holds, what counters do
    Check(CheckArgs),
    /// Network namespaces at a glance: who lives in each, its addresses, what listens
    Ns(NsArgs),
    /// All that the kernel holds, in one file
    Snapshot(SnapshotArgs),
    /// A cluster out of network namespaces on this machine: build it, probe it, break it, heal it
    Lab(LabArgs),
    /// The Service proxy of a node: what kube-proxy does
    Proxy(Box<ProxyArgs>),
    /// What implements a Service on a node: sets, chains, endpoints, field of the manifest by field
    Explain(Box<ServiceArgs>),
    /// The EndpointSlices that follow from Services and Pods in files
    Endpointslices(EndpointslicesArgs),
    /// A completion script for a shell
    Completion(CompletionArgs),
    /// Manual pages
    #[command(hide = true)]
    Man(ManArgs),
}

/// `plumb diagnose`
#[derive(Debug, Args)]
#[command(after_help = DIAGNOSE_EXAMPLES)]
pub struct DiagnoseArgs {
    /// The flow
    #[command(flatten)]
    pub flow: FlowArgs,
    /// Whether to try it
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Print nothing but the commands that mend it, one cause a line
    #[arg(long, conflicts_with = "output")]
    pub print_remedy: bool,
}

const DIAGNOSE_EXAMPLES: &str = "\
Examples:
  plumb diagnose netns:client 10.0.2.2:8080            a process in a namespace, TCP
  plumb diagnose netns:client '[fd00::2]:53' --protocol udp
  plumb diagnose host 10.0.2.2 --protocol icmp         an echo from plumb's own namespace
  plumb diagnose pod:default/web-0 pod:default/db-0:5432
  plumb diagnose pod:default/web-0 svc:default/db:sql  through a Service, its port by name
  plumb diagnose pod:default/web-0 svc:default/db:sql --kubeconfig ~/.kube/config    with the names of a cluster
  plumb diagnose netns:client 10.0.2.2:8080 --bytes 100000:16    does a large payload get through, too?
  plumb diagnose netns:client 10.0.2.2:8080 --probe    and open the real connection
  plumb diagnose netns:client 10.0.2.2:8080 -o json    for a script
  plumb diagnose netns:client 10.0.2.2:8080 -o html > report.html
  plumb diagnose netns:client 10.0.2.2:8080 --snapshot node-1.plumb

Exit status: 0 connects, 1 it does not (or not always), 2 usage or permission, 3 could not tell.";

/// `plumb trace`
#[derive(Debug, Args)]
#[command(after_help = TRACE_EXAMPLES)]
pub struct TraceArgs {
    /// The flow
    #[command(flatten)]
    pub flow: FlowArgs,
    /// How much to tell
    #[command(flatten)]
    pub explain: ExplainArgs,
}

const TRACE_EXAMPLES: &str = "\
Examples:
  plumb trace netns:client 10.0.2.2:8080               every hop, there and back
  plumb trace netns:client 10.0.2.2:8080 --explain     what was looked up at each, and why it went on
  plumb trace netns:client 10.0.2.2:8080 --bytes 3000  and the payload: its size, each MTU that it meets
  plumb trace host 10.0.2.2 --protocol icmp -o json

Exit status: 0 connects, 1 it does not (or not always), 2 usage or permission, 3 could not tell.";

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people
    #[default]
    Text,
    /// One JSON document on stdout, nothing else
    Json,
}

/// Where the facts come from.
#[derive(Clone, Debug, Default, Args)]
pub struct Source {
    /// Answer from this snapshot file (`-` for stdin) instead of this machine
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
}

/// `plumb ns`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = NS_EXAMPLES)]
pub struct NsArgs {
    /// Draw bridges and their ports, veth pairs, and which end is in which namespace
    #[arg(long)]
    pub tree: bool,
    /// Only namespaces with these names (`*` and `?` allowed); may be given several times
    #[arg(long, value_name = "GLOB")]
    pub netns: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
    /// Where the facts come from
    #[command(flatten)]
    pub source: Source,
    /// What to do with one namespace
    #[command(subcommand)]
    pub command: Option<NsCommand>,
}

const NS_EXAMPLES: &str = "\
Examples:
  plumb ns                               a table of all
  plumb ns --tree                        how they are wired to each other
  plumb ns --netns 'cni-*' -o json       some, for a script
  plumb ns show web                      one in full
  plumb ns exec web -- ss -ltn           a command in one
  plumb ns --snapshot node-1.plumb       those of another machine

Namespaces are found through /run/netns, bind mounts and /proc/*/ns/net. Names: the name under /run/netns, `host` for
the namespace that plumb runs in, else net:[INODE]. Other users' namespaces need CAP_SYS_ADMIN (sudo).";

/// What to do with one namespace.
#[derive(Debug, Subcommand)]
pub enum NsCommand {
    /// One namespace in full: devices, routes, rules, neighbours, listeners
    Show(NsShowArgs),
    /// Run a command in a namespace
    Exec(NsExecArgs),
}

/// `plumb ns show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb ns show web
  plumb ns show host
  plumb ns show 'net:[4026532177]' -o json
  plumb ns show web --snapshot node-1.plumb")]
pub struct NsShowArgs {
    /// Its name, a path such as /proc/PID/ns/net, or net:[INODE]
    pub name: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
    /// Where the facts come from
    #[command(flatten)]
    pub source: Source,
}

/// `plumb ns exec`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb ns exec web -- ss -ltn
  plumb ns exec /proc/4711/ns/net -- ip route
  plumb ns exec 'net:[4026532177]' -- bash

Only the network namespace changes: files, /sys and /etc/resolv.conf stay those of the caller. The exit status is the
command's; 2 where it could not be started.")]
pub struct NsExecArgs {
    /// Its name, a path such as /proc/PID/ns/net, or net:[INODE]
    pub name: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// `plumb snapshot`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = SNAPSHOT_EXAMPLES)]
pub struct SnapshotArgs {
    /// Where to write it; `-` for stdout
    #[arg(short, long, required = true, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only namespaces with these names (`*` and `?` allowed); may be given several times
    #[arg(long, value_name = "GLOB")]
    pub netns: Vec<String>,
    /// Name of this node, to tell its snapshot from others' when several are checked together; else the host's name
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Replace addresses (keeping prefixes) and names, so that the file can be given away: it has the same answers
    #[arg(long)]
    pub redact: bool,
    /// What to do with a file
    #[command(subcommand)]
    pub command: Option<SnapshotCommand>,
}

const SNAPSHOT_EXAMPLES: &str = "\
Examples:
  plumb snapshot -o node-1.plumb                    this machine, every namespace
  plumb snapshot -o - --netns 'cni-*' | ssh admin 'cat > node-1.plumb'
  plumb snapshot --node node-1 -o - > node-1.plumb  one of several nodes, for plumb check node-*.plumb
  plumb snapshot -o for-vendor.plumb --redact       without its names and addresses
  plumb snapshot show node-1.plumb                  what is in it

Reading changes nothing on the machine. The file is for its owner alone (mode 0600): it holds addresses, names of
processes and the firewall's rules. Exit status 3: some of it could not be read; the file says what.";

/// What to do with a snapshot file.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// What is in a snapshot file, and what could not be read
    Show(SnapshotShowArgs),
}

/// `plumb snapshot show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb snapshot show node-1.plumb
  plumb snapshot show node-1.plumb --rules --netns host
  plumb snapshot show node-1.plumb -o json | jq '.namespaces[].name'
  ssh node-1 plumb snapshot -o - | plumb snapshot show -")]
pub struct SnapshotShowArgs {
    /// The file; `-` for stdin
    pub file: PathBuf,
    /// The rules of nftables as well, as `nft list ruleset` prints them
    #[arg(long, conflicts_with = "output")]
    pub rules: bool,
    /// How to print: `json` is the whole snapshot
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
    /// Only namespaces with these names (`*` and `?` allowed); may be given several times
    #[arg(long, value_name = "GLOB")]
    pub netns: Vec<String>,
}

/// `plumb completion`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb completion bash > /etc/bash_completion.d/plumb
  plumb completion zsh > \"${fpath[1]}/_plumb\"
  plumb completion fish > ~/.config/fish/completions/plumb.fish")]
pub struct CompletionArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `plumb man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Folder to write the pages to
    pub folder: PathBuf,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_shows_examples() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|s| s.get_name() != "help" && !s.is_hide_set()) {
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:"), "{} has no examples", sub.get_name());
                check(sub);
            }
        }
        check(&Cli::command());
    }

    #[test]
    fn snapshot_needs_a_place_to_write_to() {
        assert!(Cli::try_parse_from(["plumb", "snapshot"]).is_err());
        assert!(Cli::try_parse_from(["plumb", "snapshot", "-o", "x"]).is_ok());
        assert!(Cli::try_parse_from(["plumb", "snapshot", "show", "x"]).is_ok());
        assert!(Cli::try_parse_from(["plumb", "ns", "exec", "web", "--", "ip", "-o", "a"]).is_ok());
    }
}

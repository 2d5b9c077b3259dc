//! Flags to the proxy's configuration.

use std::path::PathBuf;

use plumb_api::address::{IpFamily, parse_cidr};
use plumb_proxy::{Config, DetectLocalMode, Intervals, NodePortAddresses};

use crate::cli::{DetectLocal, NodeArgs, ProxyArgs};
use crate::error::Error;

/// The configuration that the flags say.
pub(super) fn of(args: &ProxyArgs) -> Result<Config, Error> {
    if args.min_sync_period > args.sync_period {
        return Err(usage(
            "--min-sync-period is longer than --sync-period",
            "the shortest time between syncs cannot be longer than the longest",
        ));
    }
    let intervals =
        Intervals { minimum: args.min_sync_period, maximum: args.sync_period, ..Intervals::default() };
    Ok(Config { intervals, ..of_node(&args.node)? })
}

/// What the flags say about the node.
pub(in crate::commands) fn of_node(node: &NodeArgs) -> Result<Config, Error> {
    one_a_family("--cluster-cidr", node.cluster_cidr.iter().map(|c| c.family()))?;
    one_a_family("--node-ip", node.node_ip.iter().map(|ip| IpFamily::of(*ip)))?;
    Ok(Config {
        node_name: node_name(node.hostname_override.as_deref())?,
        detect_local_mode: detect_local_mode(node)?,
        cluster_cidrs: node.cluster_cidr.clone(),
        node_port_addresses: node_port_addresses(node)?,
        masquerade_all: node.masquerade_all,
        masquerade_bit: node.masquerade_bit,
        service_cidrs: node.service_cidr.clone(),
        node_ips: node.node_ip.clone(),
        node_zone: node.node_zone.clone(),
        intervals: Intervals::default(),
    })
}

fn usage(problem: impl Into<String>, help: impl Into<String>) -> Error {
    Error::Usage { problem: problem.into(), help: help.into() }
}

fn one_a_family(flag: &str, families: impl Iterator<Item = IpFamily>) -> Result<(), Error> {
    let mut seen = Vec::new();
    for family in families {
        if seen.contains(&family) {
            return Err(usage(
                format!("{flag} has two values of {family}"),
                "give at most one of each family",
            ));
        }
        seen.push(family);
    }
    Ok(())
}

/// The node's name: as given, else the host's; in lower case, as Kubernetes has them.
pub(super) fn node_name(given: Option<&str>) -> Result<String, Error> {
    let name = match given {
        Some(name) => name.to_owned(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let name = name.trim().to_lowercase();
    if name.is_empty() {
        return Err(usage("the node has no name", "--hostname-override NAME"));
    }
    Ok(name)
}

fn detect_local_mode(node: &NodeArgs) -> Result<DetectLocalMode, Error> {
    Ok(match node.detect_local_mode.unwrap_or(DetectLocal::ClusterCidr) {
        DetectLocal::ClusterCidr => DetectLocalMode::ClusterCidr,
        DetectLocal::NodeCidr => DetectLocalMode::NodeCidr,
        DetectLocal::BridgeInterface => match &node.pod_bridge_interface {
            Some(name) => DetectLocalMode::BridgeInterface(device(name, "--pod-bridge-interface")?),
            None => {
                return Err(usage("BridgeInterface needs the bridge's name", "--pod-bridge-interface cni0"));
            }
        },
        DetectLocal::InterfaceNamePrefix => match &node.pod_interface_name_prefix {
            Some(prefix) => {
                DetectLocalMode::InterfaceNamePrefix(device(prefix, "--pod-interface-name-prefix")?)
            }
            None => {
                return Err(usage("InterfaceNamePrefix needs a prefix", "--pod-interface-name-prefix veth"));
            }
        },
    })
}

/// A device's name, or its beginning: at most 15 bytes (IFNAMSIZ).
fn device(name: &str, flag: &str) -> Result<String, Error> {
    if name.is_empty() || name.len() > 15 || name.contains(['/', ' ']) {
        return Err(usage(
            format!("{flag}: {name:?} is no name of a device"),
            "1 to 15 characters, no slash or space",
        ));
    }
    Ok(name.to_owned())
}

fn node_port_addresses(node: &NodeArgs) -> Result<NodePortAddresses, Error> {
    match node.nodeport_addresses.as_slice() {
        [] => Ok(NodePortAddresses::Primary),
        [only] if only == "primary" => Ok(NodePortAddresses::Primary),
        list => {
            let mut ranges = Vec::new();
            for text in list.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
                let wrong = || {
                    usage(
                        format!("--nodeport-addresses: {text:?} is no range"),
                        "ranges like 192.0.2.0/24, or `primary` alone",
                    )
                };
                ranges.push(parse_cidr(text).ok_or_else(wrong)?);
            }
            Ok(NodePortAddresses::Ranges(ranges))
        }
    }
}

/// Where the proxy of a node tells its state.
pub(super) fn socket(given: Option<&PathBuf>, node: &str) -> PathBuf {
    given.cloned().unwrap_or_else(|| plumb_proxy::runner::status::socket_path(node))
}

//! From the file as written to a topology that can be built: defaults filled in, every reference followed.

mod ports;
mod services;

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_api::{Kind, Object};
use plumb_model::{IpFamily, Prefix};
use serde_saphyr::{Location, Spanned};

use super::error::Found;
use super::{Dns, Network, Node, Outside, Pod, Port, PortProtocol, Ready, Topology, file, ranges};

use ports::ports;

type Checked<T> = Result<T, Found>;

fn flaw<T>(location: Location, message: impl Into<String>) -> Checked<T> {
    Err(Found { location, message: message.into() })
}

/// Longest name of a lab: with a node's or pod's name behind it, it is a file name under /run/netns.
const LAB_NAME: usize = 32;
/// Longest name of a node, pod or namespace (a DNS label, RFC 1123).
const LABEL: usize = 63;

/// Whether this can name a lab.
pub(super) fn lab_name(name: &str) -> Result<(), String> {
    label(name, LAB_NAME)
}

fn label(name: &str, longest: usize) -> Result<(), String> {
    if name.is_empty() {
        return Err("a name cannot be empty".to_owned());
    }
    if name.len() > longest {
        return Err(format!("`{name}` has {} characters; at most {longest} are allowed", name.len()));
    }
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if !name.bytes().all(inner) || name.starts_with('-') || name.ends_with('-') {
        return Err(format!(
            "`{name}` may hold lower-case letters, digits and hyphens, and begins and ends with a letter or digit"
        ));
    }
    Ok(())
}

fn named(name: &Spanned<String>, longest: usize) -> Checked<String> {
    label(&name.value, longest).map_err(|message| Found { location: name.referenced, message })?;
    Ok(name.value.clone())
}

fn prefixes(texts: &[Spanned<String>], what: &str) -> Checked<Vec<Prefix>> {
    let mut out: Vec<Prefix> = Vec::new();
    for text in texts {
        let prefix: Prefix = match text.value.parse() {
            Ok(p) => p,
            Err(e) => return flaw(text.referenced, format!("{what}: {e}")),
        };
        if prefix != prefix.masked() {
            return flaw(
                text.referenced,
                format!("{what}: {prefix} has host bits set; write {}", prefix.masked()),
            );
        }
        if out.iter().any(|p| p.family() == prefix.family()) {
            return flaw(
                text.referenced,
                format!("{what}: {prefix} is the second range of its family; one is allowed"),
            );
        }
        out.push(prefix);
    }
    Ok(out)
}

fn address(text: &Spanned<String>, what: &str) -> Checked<IpAddr> {
    match text.value.parse() {
        Ok(a) => Ok(a),
        Err(_) => flaw(text.referenced, format!("{what}: `{}` is not an IP address", text.value)),
    }
}

fn addresses(texts: &[Spanned<String>], what: &str) -> Checked<Vec<IpAddr>> {
    let mut out: Vec<IpAddr> = Vec::new();
    for text in texts {
        let address = address(text, what)?;
        if out.iter().any(|a| IpFamily::of(*a) == IpFamily::of(address)) {
            return flaw(
                text.referenced,
                format!("{what}: {address} is the second address of its family; one is allowed"),
            );
        }
        out.push(address);
    }
    Ok(out)
}

fn constant(texts: &[&str]) -> Vec<Spanned<String>> {
    texts.iter().map(|t| Spanned::new((*t).to_owned(), Location::UNKNOWN, Location::UNKNOWN)).collect()
}

pub(super) fn lower(file: file::File) -> Checked<Topology> {
    let name = named(&file.name, LAB_NAME)?;
    let network = network(&file.network)?;
    let nodes = nodes(&file.nodes, &network)?;
    let outside = outside(file.outside)?;
    let pods = pods(file.pods, &nodes)?;
    for node in &nodes {
        let here = pods.iter().filter(|p| p.node == node.name).count() as u128;
        for range in &node.pod_ranges {
            // The network's own address, the gateway and, for IPv4, the broadcast address are not for pods.
            let room = ranges::size(*range).saturating_sub(3);
            if here > room {
                return flaw(
                    file.nodes.referenced,
                    format!("node `{}` has {here} pods, but {range} has room for {room}", node.name),
                );
            }
        }
    }
    disjoint(&file.network, &network, &outside)?;
    let nat_services = services::services(&file.nat_services, &pods, &network, &outside)?;
    let manifests = manifests(file.manifests)?;
    let dns = file.dns.map(dns).transpose()?;
    Ok(Topology { name, nodes, pods, network, outside, nat_services, dns, manifests })
}

/// What pods ask for names.
fn dns(file: file::Dns) -> Checked<Dns> {
    if file.servers.value.is_empty() {
        return flaw(file.servers.referenced, "dns.servers names no server; leave `dns` out for none");
    }
    let servers: Vec<IpAddr> =
        file.servers.value.iter().map(|text| address(text, "dns.servers")).collect::<Checked<_>>()?;
    let domain = match file.domain {
        None => "cluster.local".to_owned(),
        Some(text) => {
            let domain = text.value.trim_end_matches('.');
            if domain.len() > 100 {
                return flaw(text.referenced, "dns.domain: a domain has at most 100 characters");
            }
            for part in domain.split('.') {
                label(part, LABEL).map_err(|message| Found {
                    location: text.referenced,
                    message: format!("dns.domain: {message}"),
                })?;
            }
            domain.to_owned()
        }
    };
    Ok(Dns { servers, domain })
}

/// Objects of kinds that a lab does not make itself.
fn manifests(file: Vec<Spanned<serde_json::Value>>) -> Checked<Vec<serde_json::Value>> {
    let mut seen = BTreeSet::new();
    for manifest in &file {
        let object = match Object::from_json(manifest.value.clone()) {
            Ok(object) => object,
            Err(e) => return flaw(manifest.referenced, e.to_string()),
        };
        let key = object.key();
        if matches!(key.kind, Kind::Node | Kind::Pod | Kind::Namespace) {
            return flaw(
                manifest.referenced,
                format!("{key}: the lab makes {}s of what it builds; leave it out", key.kind),
            );
        }
        if key.name.name.is_empty() {
            return flaw(manifest.referenced, format!("a {} without metadata.name", key.kind));
        }
        if !seen.insert(key.clone()) {
            return flaw(manifest.referenced, format!("a second {key}"));
        }
    }
    Ok(file.into_iter().map(|m| m.value).collect())
}

fn network(file: &file::Network) -> Checked<Network> {
    let pod_texts =
        file.pod_ranges.clone().unwrap_or_else(|| constant(&["10.244.0.0/16", "fd00:10:244::/48"]));
    let pod_ranges = prefixes(&pod_texts, "pod_ranges")?;
    if pod_ranges.is_empty() {
        return flaw(Location::UNKNOWN, "network.pod_ranges: at least one range is needed");
    }
    let underlay = match &file.underlay {
        Some(texts) => prefixes(texts, "underlay")?,
        None => prefixes(&constant(&["172.18.0.0/24", "fd00:172:18::/64"]), "underlay")?
            .into_iter()
            .filter(|u| pod_ranges.iter().any(|p| p.family() == u.family()))
            .collect(),
    };
    for range in &pod_ranges {
        if !underlay.iter().any(|u| u.family() == range.family()) {
            return flaw(
                pod_texts.first().map_or(Location::UNKNOWN, |t| t.referenced),
                format!(
                    "pods have {range}, but the underlay has no range of that family: add one to network.underlay"
                ),
            );
        }
    }
    let mtu = match &file.mtu {
        None => 1500,
        Some(mtu) if (1280..=65535).contains(&mtu.value) => mtu.value,
        Some(mtu) => {
            return flaw(
                mtu.referenced,
                format!("mtu {} is not between 1280 (the least that IPv6 allows) and 65535", mtu.value),
            );
        }
    };
    Ok(Network {
        kind: file.kind,
        pod_ranges,
        underlay,
        mtu,
        hairpin: file.hairpin.unwrap_or(true),
        masquerade: file.masquerade.unwrap_or(true),
    })
}

fn nodes(file: &Spanned<Vec<file::Node>>, network: &Network) -> Checked<Vec<Node>> {
    if file.value.is_empty() {
        return flaw(file.referenced, "a lab needs at least one node");
    }
    let mut out: Vec<Node> = Vec::new();
    for (index, node) in file.value.iter().enumerate() {
        let name = named(&node.name, LABEL)?;
        if name == "outside" || name == "underlay" {
            return flaw(
                node.name.referenced,
                format!("`{name}` is the name of a part of the lab; call the node otherwise"),
            );
        }
        if out.iter().any(|n| n.name == name) {
            return flaw(node.name.referenced, format!("a second node is called `{name}`"));
        }
        let mut pod_ranges = prefixes(&node.pod_ranges, "pod_ranges")?;
        for (range, text) in pod_ranges.iter().zip(&node.pod_ranges) {
            if !network.pod_ranges.iter().any(|all| ranges::within(*range, *all)) {
                let all: Vec<_> = network.pod_ranges.iter().map(ToString::to_string).collect();
                return flaw(
                    text.referenced,
                    format!("{range} lies outside of the network's pod ranges ({})", all.join(", ")),
                );
            }
        }
        for all in &network.pod_ranges {
            if pod_ranges.iter().any(|r| r.family() == all.family()) {
                continue;
            }
            match ranges::share(*all, index + 1) {
                Some(range) => pod_ranges.push(range),
                None => {
                    return flaw(
                        node.name.referenced,
                        format!(
                            "{all} has no room for a range of node `{name}`: make it larger or give the node its pod_ranges"
                        ),
                    );
                }
            }
        }
        pod_ranges.sort_by_key(Prefix::family);
        for range in &pod_ranges {
            if let Some((other, theirs)) = out
                .iter()
                .flat_map(|n| n.pod_ranges.iter().map(move |r| (&n.name, r)))
                .find(|(_, r)| ranges::overlap(**r, *range))
            {
                let at = node
                    .pod_ranges
                    .iter()
                    .find(|t| t.value.parse() == Ok(*range))
                    .map_or(node.name.referenced, |t| t.referenced);
                return flaw(at, format!("{range} of node `{name}` overlaps {theirs} of node `{other}`"));
            }
        }
        out.push(Node { name, pod_ranges });
    }
    for range in &network.underlay {
        let needed = out.len() as u128 + 1;
        let room = ranges::size(*range).saturating_sub(2);
        if needed > room {
            return flaw(
                file.referenced,
                format!("the underlay {range} has room for {room} addresses, {needed} are needed"),
            );
        }
    }
    Ok(out)
}

fn pods(file: Vec<file::Pod>, nodes: &[Node]) -> Checked<Vec<Pod>> {
    let mut out: Vec<Pod> = Vec::new();
    let mut taken = BTreeSet::from_iter(nodes.iter().map(|n| n.name.clone()));
    for pod in file {
        let name = named(&pod.name, LABEL)?;
        let namespace = named(&pod.namespace, LABEL)?;
        if out.iter().any(|p| p.name == name && p.namespace == namespace) {
            return flaw(pod.name.referenced, format!("a second pod is called `{namespace}/{name}`"));
        }
        // `a-b/c` and `a/b-c` are two pods, but one file name.
        if !taken.insert(format!("{namespace}-{name}")) {
            return flaw(
                pod.name.referenced,
                format!("`{namespace}-{name}` would name two network namespaces; call the pod otherwise"),
            );
        }
        if !nodes.iter().any(|n| n.name == pod.node.value) {
            let known: Vec<_> = nodes.iter().map(|n| n.name.as_str()).collect();
            return flaw(
                pod.node.referenced,
                format!("there is no node `{}`; nodes are {}", pod.node.value, known.join(", ")),
            );
        }
        let ports = ports(pod.ports, &format!("pod `{namespace}/{name}`"))?;
        let ready = ready(pod.ready.as_ref(), pod.readiness.as_ref())?;
        out.push(Pod { namespace, name, node: pod.node.value, labels: pod.labels, ports, ready });
    }
    Ok(out)
}

fn ready(always: Option<&Spanned<bool>>, port: Option<&Spanned<u16>>) -> Checked<Ready> {
    match (always, port) {
        (Some(_), Some(port)) => {
            flaw(port.referenced, "`ready` and `readiness` both say when the pod is ready; leave one out")
        }
        (_, Some(port)) if port.value == 0 => flaw(port.referenced, "0 is not a port"),
        (_, Some(port)) => Ok(Ready::Port(port.value)),
        (Some(ready), None) if !ready.value => Ok(Ready::Never),
        _ => Ok(Ready::Always),
    }
}

fn outside(file: file::Outside) -> Checked<Outside> {
    let texts = file.addresses.unwrap_or_else(|| constant(&["203.0.113.10", "2001:db8:203::10"]));
    let addresses = addresses(&texts, "outside.addresses")?;
    let ports = match file.ports {
        Some(file) => ports(file, "outside")?,
        None => vec![Port {
            name: "http".to_owned(),
            port: 80,
            protocol: PortProtocol::Http,
            address: IpFamily::V6.unspecified(),
            manner: crate::server::Manner::default(),
        }],
    };
    Ok(Outside { addresses, ports })
}

/// No two of the ranges that the lab is made of share an address.
fn disjoint(file: &file::Network, network: &Network, outside: &Outside) -> Checked<()> {
    let at = |texts: &Option<Vec<Spanned<String>>>| {
        texts.as_ref().and_then(|t| t.first()).map_or(Location::UNKNOWN, |t| t.referenced)
    };
    for pods in &network.pod_ranges {
        for underlay in &network.underlay {
            if ranges::overlap(*pods, *underlay) {
                let place = if file.underlay.is_some() { at(&file.underlay) } else { at(&file.pod_ranges) };
                return flaw(place, format!("the pods' range {pods} overlaps the underlay {underlay}"));
            }
        }
    }
    for range in network.pod_ranges.iter().chain(&network.underlay) {
        if let Some(address) = outside.addresses.iter().find(|a| range.contains(**a)) {
            return flaw(at(&file.pod_ranges), format!("the address {address} of outside lies in {range}"));
        }
    }
    Ok(())
}

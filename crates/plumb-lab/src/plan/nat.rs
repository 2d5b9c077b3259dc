//! The nodes' nftables: a host firewall that lets all pass, masquerading as a CNI plugin sets it up, and the services.

use plumb_model::{IpFamily, Prefix};
use plumb_nft::{ChainType, Family, Hook, Table, Verdict};

use super::of_family;
use super::rules::{Side, base, chain, choice_map, rule, table, table_family};
use crate::topology::{NatService, Node, Topology};

/// Name of the table of the host firewall.
pub(crate) const FILTER: &str = "filter";
/// Name of the table that masquerades.
pub(crate) const MASQUERADE: &str = "lab-masquerade";
/// Name of the tables of the services.
pub(crate) const SERVICES: &str = "lab-services";

/// Priority `raw`
const RAW: i32 = -300;
/// Priority `filter`
const FILTER_PRIORITY: i32 = 0;
/// Priority `dstnat`
const DSTNAT: i32 = -100;
/// Priority `srcnat`
const SRCNAT: i32 = 100;

/// A host firewall as a fresh Debian has it: chains in place, nothing refused.
pub(super) fn firewall() -> Table {
    let empty = |name: &str, hook, priority, note: &str| {
        chain(name, base(ChainType::Filter, hook, priority), Some(note), Vec::new())
    };
    let chains = vec![
        empty("prerouting", Hook::Prerouting, RAW, "before connection tracking"),
        empty("output-raw", Hook::Output, RAW, "before connection tracking"),
        empty("input", Hook::Input, FILTER_PRIORITY, "to this node"),
        empty("forward", Hook::Forward, FILTER_PRIORITY, "through this node"),
        empty("output", Hook::Output, FILTER_PRIORITY, "from this node"),
    ];
    table(Family::Inet, FILTER, "the node's own firewall", chains, Vec::new())
}

/// What leaves the pod ranges gets the node's address.
pub(super) fn masquerade(topology: &Topology, node: &Node) -> Table {
    let family = Family::Inet;
    let everybody = |prefix: &str| prefix.parse::<Prefix>().ok();
    let mut rules = Vec::new();
    for multicast in ["224.0.0.0/4", "ff00::/8"].into_iter().filter_map(everybody) {
        if topology.network.families().contains(&multicast.family()) {
            rules.push(rule(family).address(Side::Destination, multicast, true).verdict(Verdict::Return));
        }
    }
    for range in &node.pod_ranges {
        let Some(all) = topology.network.pod_ranges.iter().find(|p| p.family() == range.family()) else {
            continue;
        };
        let text = format!("pods of {} to outside of the pod network", node.name);
        rules.push(
            rule(family)
                .address(Side::Source, *range, true)
                .address(Side::Destination, *all, false)
                .counter()
                .comment(&text)
                .masquerade(),
        );
    }
    let chains = vec![chain(
        "postrouting",
        base(ChainType::Nat, Hook::Postrouting, SRCNAT),
        Some("what leaves the pod ranges gets the node's address"),
        rules,
    )];
    table(family, MASQUERADE, "masquerading of the pod network", chains, Vec::new())
}

/// Name of the chain of an endpoint.
pub(crate) fn endpoint_chain(service: &NatService, index: usize) -> String {
    format!("{}-{index}", service.name)
}

/// The services of one family.
pub(super) fn services(topology: &Topology, ip: IpFamily) -> Option<Table> {
    let family = table_family(ip);
    let (mut chains, mut maps, mut dispatch, mut hairpins) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for service in &topology.nat_services {
        let Some(address) = of_family(&service.addresses, ip) else { continue };
        let protocol = service.protocol.transport();
        let mut names = Vec::new();
        for (index, endpoint) in service.endpoints.iter().enumerate() {
            let Some(pod) = topology.pod(&endpoint.pod) else { continue };
            let Some(to) = of_family(&topology.pod_addresses(pod), ip) else { continue };
            let name = endpoint_chain(service, index);
            let translate =
                rule(family).protocol(protocol).counter().comment(&endpoint.pod).dnat(to, endpoint.port);
            chains.push(chain(&name, None, None, vec![translate]));
            names.push(name);
            let itself = rule(family)
                .address(Side::Source, Prefix::host(to), true)
                .address(Side::Destination, Prefix::host(to), true)
                .counter()
                .comment(&format!("{} to itself", endpoint.pod))
                .masquerade();
            if !hairpins.contains(&itself) {
                hairpins.push(itself);
            }
        }
        let map = choice_map(maps.len(), &names);
        dispatch.push(
            rule(family)
                .address(Side::Destination, Prefix::host(address), true)
                .destination_port(protocol, service.port)
                .counter()
                .comment(&service.name)
                .choose(&map),
        );
        maps.push(map);
    }
    if dispatch.is_empty() {
        return None;
    }
    chains.push(chain("services", None, None, dispatch));
    for (name, hook) in [("prerouting", Hook::Prerouting), ("output", Hook::Output)] {
        let jump = rule(family).jump("services");
        chains.push(chain(name, base(ChainType::Nat, hook, DSTNAT), None, vec![jump]));
    }
    chains.push(chain("postrouting", base(ChainType::Nat, Hook::Postrouting, SRCNAT), None, hairpins));
    Some(table(family, SERVICES, "services made by hand", chains, maps))
}

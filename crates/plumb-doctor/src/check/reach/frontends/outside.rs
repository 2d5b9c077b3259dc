//! Somebody outside: who could dial a frontend and is not in the snapshot.

use std::net::IpAddr;

use plumb_model::{IpFamily, Link, Namespace, Prefix};
use plumb_trace::Network;
use plumb_trace::session::Origin;
use plumb_trace::state::NsIndex;

use super::{address, number};

/// Addresses for documentation (RFC 5737, RFC 3849), which stand for anybody far away: no machine has one.
const FAR: [IpAddr; 4] = [
    IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 77)),
    IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 77)),
    IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 77)),
    IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x77)),
];

/// Devices that lead nowhere, or whose packets are not walked.
const NOWHERE: [&str; 6] = ["dummy", "ifb", "nlmon", "vrf", "bond_slave", "vcan"];

/// Those outside who could dial an address of a namespace, with the names by which a report calls them: on each network
/// that leads out of the snapshot a neighbour, and somebody far away where a default route leads there. An address of the
/// namespace's own is dialled by the device that has it.
pub(super) fn dialling(net: &Network, ns: NsIndex, dialled: IpAddr) -> Vec<(String, Origin)> {
    let n = net.namespace(ns);
    let has = |l: &Link| n.addresses.items().iter().any(|a| a.index == l.index && a.prefix.addr == dialled);
    let owned = n.addresses.items().iter().any(|a| a.prefix.addr == dialled);
    let mut all = Vec::new();
    for link in n.links.items().iter().filter(|l| leads_out(net, n, l)) {
        if owned && !has(link) {
            continue;
        }
        let sources = near(net, n, link, dialled).into_iter().chain(far(n, link, dialled));
        for source in sources {
            // As `plumb diagnose` would take the address; else with the device.
            let plain = net.device_towards(ns, source) == Some(link.index);
            let name = if plain { source.to_string() } else { format!("{source} ({})", link.name) };
            all.push((name, Origin::Outside { ns, device: link.index, source }));
        }
    }
    all
}

/// Whether what is at the other end of a device is not in the snapshot.
fn leads_out(net: &Network, n: &Namespace, link: &Link) -> bool {
    let up = link.is_up() && link.carrier != Some(false) && !link.is_loopback();
    if !up || link.master.is_some() || NOWHERE.contains(&link.kind.as_str()) {
        return false;
    }
    let alone = |l: &Link| l.peer.is_none_or(|p| net.index_of(p.namespace).is_none());
    match link.kind.as_str() {
        "bridge" => n.links.items().iter().any(|p| {
            p.master == Some(link.index) && p.is_up() && matches!(p.kind.as_str(), "" | "veth") && alone(p)
        }),
        "" | "veth" => alone(link),
        // What comes in by devices of other kinds is answered through them, which the walk does not follow.
        _ => false,
    }
}

/// A neighbour on the network of a device: an address that nobody has.
fn near(net: &Network, n: &Namespace, link: &Link, like: IpAddr) -> Option<IpAddr> {
    let family = IpFamily::of(like);
    let networks = n.addresses.items().iter().filter(|a| a.index == link.index && a.scope == 0);
    let mut networks = networks.map(|a| a.prefix).filter(|p| p.family() == family && !p.is_host());
    networks.find_map(|p| (2..).map_while(|i| from_the_end(p, i)).take(64).find(|a| is_free(net, n, *a)))
}

/// The `i`-th address from the end of a network; the last of IPv4 is its broadcast address.
fn from_the_end(p: Prefix, i: u128) -> Option<IpAddr> {
    let bits = u32::from(p.family().bits() - p.len);
    let size = 1_u128.checked_shl(bits).filter(|s| *s > 0).unwrap_or(u128::MAX);
    let offset = size.checked_sub(i).filter(|o| *o > 0)?;
    Some(address(number(p.masked().addr).checked_add(offset)?, p.family()))
}

fn is_free(net: &Network, n: &Namespace, address: IpAddr) -> bool {
    net.owners_of(address).is_empty() && !n.neighbours.items().iter().any(|e| e.addr == address)
}

/// Somebody behind the default route, in whichever table, that leads to a device.
fn far(n: &Namespace, link: &Link, like: IpAddr) -> Option<IpAddr> {
    let family = IpFamily::of(like);
    let routes = || n.routes.items().iter().filter(|r| r.family == family);
    let here = |r: &&plumb_model::Route| r.next_hops.iter().any(|h| h.oif == Some(link.index));
    routes().filter(|r| r.dst.len == 0).find(here)?;
    FAR.into_iter()
        .filter(|a| a.is_ipv4() == like.is_ipv4())
        .find(|a| !routes().any(|r| r.dst.len > 0 && r.dst.contains(*a)))
}

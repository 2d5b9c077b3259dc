//! Addresses that must not come in from outside: the machine's own, and those of nobody.

use std::net::{IpAddr, Ipv4Addr};

use plumb_model::{Action, Address, Change, Mac, Prefix};
use plumb_trace::event::Stop;
use plumb_trace::state::NsIndex;

use super::{Case, Suspect};
use crate::finding::{Finding, Shown, ShownWhat};
use crate::place;
use crate::report::Layer;

/// The sender's address is also one of the machine that discards its packets: its copy is to blame (two owners). Where
/// nobody else has it, the packet is the machine's own that came back, and only the sysctl is.
pub(super) fn twice(case: &Case, ns: NsIndex, sysctl: &str) -> Option<Suspect> {
    let source = own_source(case, ns);
    let copy = case.net.namespace(ns).addresses.items().iter().find(|a| a.prefix.addr == source)?;
    let on_the_way = case.senders().chain(asker(case).map(|(asker, _)| asker));
    let owners = case.net.owners_of(source);
    on_the_way.into_iter().find(|sender| *sender != ns && owners.contains(sender))?;
    let device = case.net.device_name(ns, copy.index);
    let finding = Finding::OwnSource {
        namespace: case.name(ns),
        sysctl: sysctl.to_owned(),
        device: device.clone(),
        source: source.to_string(),
    };
    let read_with = case.command(ns, &format!("sysctl {sysctl}"));
    let shown = Shown::new(ShownWhat::Sysctl, "0", "1", read_with);
    let cure = case.change(ns, Action::DeleteAddress { device, address: copy.clone() });
    let place = place::address(case.net, ns, copy.index, source);
    Some(Suspect::new(finding, place, Layer::Addressing, vec![vec![cure]]).show([shown]))
}

/// Who asks for a neighbour in vain, where that is what failed.
fn asker(case: &Case) -> Option<(NsIndex, u32)> {
    match case.failure.stop {
        Stop::NeighbourFailed { ns, device, .. } => Some((*ns, *device)),
        _ => None,
    }
}

/// The address of its own that a namespace sees as source of what it discards: the packet's, or that of the question for
/// a neighbour, which bears the packet's source only where the asker has it (`arp_solicit`).
pub(super) fn own_source(case: &Case, ns: NsIndex) -> IpAddr {
    let of_packet = case.failure.state.packet.src;
    let has = |ns: NsIndex, addr| case.net.owners_of(addr).contains(&ns);
    let Some((asker, device)) = asker(case).filter(|(asker, _)| !has(*asker, of_packet)) else {
        return of_packet;
    };
    let asking = case.net.namespace(asker).addresses.items().iter().filter(|a| a.index == device);
    asking.map(|a| a.prefix.addr).find(|addr| has(ns, *addr)).unwrap_or(of_packet)
}

/// A source or destination that must not be there. Where it is the broadcast address of a network that its owner takes
/// to be larger, the two ends disagree: the one that receives the packet is named.
pub(super) fn address(case: &Case, ns: NsIndex, device: u32, address: IpAddr, source: bool) -> Vec<Suspect> {
    let finding = Finding::Martian {
        namespace: case.name(ns),
        device: case.net.device_name(ns, device),
        address: address.to_string(),
        source,
    };
    let own = case.net.namespace(ns).addresses.items();
    let narrow = own.iter().find(|a| a.broadcast == Some(address) || last(a.prefix) == Some(address));
    let Some(narrow) = narrow else {
        let place = place::address(case.net, ns, device, address);
        return vec![Suspect::new(finding, place, Layer::Addressing, Vec::new())];
    };
    let place = place::address(case.net, ns, narrow.index, narrow.prefix.addr);
    let mut lengths: Vec<u8> = case
        .senders()
        .flat_map(|o| case.net.namespace(o).addresses.items())
        .filter(|a| a.prefix.addr == address && a.prefix.contains(narrow.prefix.addr))
        .map(|a| a.prefix.len)
        .filter(|len| *len < narrow.prefix.len)
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    let device = case.net.device_name(ns, narrow.index);
    // While it was a broadcast address, so was the hardware address for it (`arp_constructor`).
    let known = case.net.namespace(ns).neighbours.items().iter();
    let for_all =
        known.filter(|e| e.index == narrow.index && e.addr == address && e.lladdr == Some(Mac::BROADCAST));
    let forget: Vec<Change> = for_all
        .map(|_| case.change(ns, Action::DeleteNeighbour { device: device.clone(), address }))
        .collect();
    // The longest first: the smallest change.
    let cures = lengths.into_iter().rev().map(|len| {
        let wider = Prefix::new(narrow.prefix.addr, len);
        let right = Address { prefix: wider, broadcast: None, ..narrow.clone() };
        let mut changes = vec![
            case.change(ns, Action::AddAddress { device: device.clone(), address: right }),
            case.change(ns, Action::DeleteAddress { device: device.clone(), address: narrow.clone() }),
        ];
        changes.extend(forget.iter().cloned());
        changes
    });
    vec![Suspect::new(finding, place, Layer::Addressing, cures.collect())]
}

/// The last address of an IPv4 network, a broadcast address where the network has more than two (`fib_add_ifaddr`).
fn last(network: Prefix) -> Option<IpAddr> {
    match network.addr {
        IpAddr::V4(a) if network.len < 31 => {
            Some(Ipv4Addr::from_bits(a.to_bits() | (u32::MAX >> network.len)).into())
        }
        _ => None,
    }
}

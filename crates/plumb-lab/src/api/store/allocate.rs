//! Cluster IPs and node ports.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use plumb_api::address::Cidr;
use plumb_api::{IpFamily, NamespacedName};

/// Who holds which cluster IPs and node ports.
#[derive(Debug)]
pub(super) struct Allocation {
    cidrs: Vec<Cidr>,
    ports: RangeInclusive<u16>,
    held_ips: BTreeMap<IpAddr, NamespacedName>,
    held_ports: BTreeMap<u16, NamespacedName>,
    /// Where the search for a free address of each range goes on.
    next_ip: Vec<u128>,
    next_port: u128,
}

/// Ranges are searched from their upper part on, so that people find free ones in the lower: a 16th, from 16 to 256 of addresses
/// (KEP-3070); a 32nd, from 16 to 128 of ports (KEP-3668).
fn reserved(size: u128, share: u128, most: u128) -> u128 {
    if size <= 16 { 0 } else { (size / share).clamp(16, most) }
}

/// The first of `size` offsets that is free, from `next` on, those from `low` on before those below it.
fn search(size: u128, low: u128, next: u128, free: impl Fn(u128) -> bool) -> Option<u128> {
    let next = if (low..size).contains(&next) { next } else { low };
    (next..size).chain(low..next).chain(0..low).find(|offset| free(*offset))
}

impl Allocation {
    /// Everything is free.
    pub(super) fn new(cidrs: Vec<Cidr>, ports: RangeInclusive<u16>) -> Self {
        let next_ip = vec![0; cidrs.len()];
        Self { cidrs, ports, held_ips: BTreeMap::new(), held_ports: BTreeMap::new(), next_ip, next_port: 0 }
    }

    /// Families that there are ranges of, the default first.
    pub(super) fn families(&self) -> Vec<IpFamily> {
        self.cidrs.iter().map(|c| c.family()).collect()
    }

    /// The range of a family.
    pub(super) fn cidr(&self, family: IpFamily) -> Option<Cidr> {
        self.cidrs.iter().copied().find(|c| c.family() == family)
    }

    /// Whether somebody else than `owner` holds the address.
    pub(super) fn ip_taken(&self, address: IpAddr, owner: &NamespacedName) -> bool {
        self.held_ips.get(&address).is_some_and(|holder| holder != owner)
    }

    /// Whether somebody else than `owner` holds the port.
    pub(super) fn port_taken(&self, port: u16, owner: &NamespacedName) -> bool {
        self.held_ports.get(&port).is_some_and(|holder| holder != owner)
    }

    /// Whether the port is in the range.
    pub(super) fn port_in_range(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// The range of ports.
    pub(super) fn port_range(&self) -> &RangeInclusive<u16> {
        &self.ports
    }

    /// A free address of the family.
    pub(super) fn free_ip(&mut self, family: IpFamily) -> Option<IpAddr> {
        let at = self.cidrs.iter().position(|c| c.family() == family)?;
        let cidr = self.cidrs[at];
        // Neither the first address nor IPv4's broadcast; of huge ranges, the first 2^20.
        let bits = u32::from(family.bits() - cidr.length()).min(20);
        let last = u128::from(family == IpFamily::V4);
        let size = (1_u128 << bits).saturating_sub(1 + last);
        let low = reserved(1 << bits, 16, 256).saturating_sub(1).min(size);
        let held = &self.held_ips;
        let offset = search(size, low, self.next_ip[at], |offset| {
            address(cidr, offset + 1).is_some_and(|ip| !held.contains_key(&ip))
        })?;
        self.next_ip[at] = offset + 1;
        address(cidr, offset + 1)
    }

    /// A free port that is not among `also_taken`.
    pub(super) fn free_port(&mut self, also_taken: &[u16]) -> Option<u16> {
        let first = u128::from(*self.ports.start());
        let size = u128::from(*self.ports.end()).checked_sub(first)? + 1;
        let port = |offset: u128| u16::try_from(first + offset).ok();
        let held = &self.held_ports;
        let offset = search(size, reserved(size, 32, 128).min(size), self.next_port, |offset| {
            port(offset).is_some_and(|p| !held.contains_key(&p) && !also_taken.contains(&p))
        })?;
        self.next_port = offset + 1;
        port(offset)
    }

    /// Whether nobody holds anything.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.held_ips.is_empty() && self.held_ports.is_empty()
    }

    /// From now on the owner holds these and no others.
    pub(super) fn hold(&mut self, owner: &NamespacedName, old: &Held, new: &Held) {
        for ip in &old.ips {
            self.held_ips.remove(ip);
        }
        for port in &old.ports {
            self.held_ports.remove(port);
        }
        self.held_ips.extend(new.ips.iter().map(|ip| (*ip, owner.clone())));
        self.held_ports.extend(new.ports.iter().map(|port| (*port, owner.clone())));
    }
}

/// What a Service holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) ips: Vec<IpAddr>,
    pub(super) ports: Vec<u16>,
}

fn address(cidr: Cidr, offset: u128) -> Option<IpAddr> {
    match cidr.address() {
        IpAddr::V4(a) => Some(IpAddr::V4(a.to_bits().checked_add(u32::try_from(offset).ok()?)?.into())),
        IpAddr::V6(a) => Some(IpAddr::V6(a.to_bits().checked_add(offset)?.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_range_and_no_other() {
        let cidr: Cidr = "10.0.0.0/26".parse().expect("a range");
        let mut allocation = Allocation::new(vec![cidr], 30000..=30002);
        let owner = NamespacedName::new("n", "a");
        let mut held = Held::default();
        while let Some(ip) = allocation.free_ip(IpFamily::V4) {
            held.ips.push(ip);
            allocation.hold(&owner, &Held::default(), &held);
        }
        assert_eq!(held.ips[0], IpAddr::from([10, 0, 0, 16]));
        held.ips.sort();
        held.ips.dedup();
        assert_eq!(held.ips.len(), 62);
        assert!(!held.ips.contains(&cidr.address()) && !held.ips.contains(&cidr.last()));
        allocation.hold(&owner, &held, &Held::default());
        assert!(allocation.free_ip(IpFamily::V4).is_some());
        assert_eq!(allocation.free_ip(IpFamily::V6), None);
        assert_eq!(allocation.free_port(&[30000, 30001]), Some(30002));
        assert_eq!(allocation.free_port(&[30000, 30001, 30002]), None);
    }
}

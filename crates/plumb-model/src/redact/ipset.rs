//! Sets of ipset and their elements.

use super::Redactor;
use super::names::Kind as Name;
use crate::{IpFamily, IpSet, IpSetElement};

impl Redactor {
    pub(super) fn ipset(&mut self, set: &mut IpSet) {
        let IpSet {
            index: _,
            name,
            kind,
            revision: _,
            family: _,
            netmask,
            bitmask,
            markmask: _,
            addresses,
            ports: _,
            timeout: _,
            flags: _,
            elements,
        } = set;
        if bitmask.is_some() && !elements.is_empty() {
            self.warn(format!("ipset {name}: elements under a mask that is no prefix's were taken out"));
            elements.clear();
        }
        *name = self.names.name(Name::Set, name);
        if let Some((first, last)) = addresses {
            (*first, *last) = self.range(*first, *last);
        }
        if !super::host::is_plain(&kind.replace(':', "-")) {
            "redacted".clone_into(kind);
        }
        for element in elements {
            self.ipset_element(element, *netmask);
        }
    }

    fn ipset_element(&mut self, element: &mut IpSetElement, netmask: Option<u8>) {
        let IpSetElement {
            ip,
            cidr,
            port: _,
            protocol: _,
            ip2,
            cidr2,
            iface,
            mac,
            mark: _,
            set,
            flags: _,
            timeout: _,
            counters: _,
            comment,
        } = element;
        for (address, len) in [(ip, cidr.or(netmask)), (ip2, cidr2.or(netmask))] {
            if let Some(address) = address {
                *address = match len {
                    Some(len) if len < IpFamily::of(*address).bits() => self.addresses.network(*address, len),
                    _ => self.addresses.host(*address),
                };
            }
        }
        if let Some(iface) = iface {
            *iface = self.names.name(Name::Device, iface);
        }
        if let Some(mac) = mac {
            *mac = self.addresses.mac(*mac);
        }
        if let Some(set) = set {
            *set = self.names.name(Name::Set, set);
        }
        if comment.is_some() {
            *comment = Some(String::new());
        }
    }
}

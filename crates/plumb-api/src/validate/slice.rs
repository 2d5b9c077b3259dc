//! EndpointSlices (`pkg/apis/discovery/validation`) and Endpoints (`ValidateEndpoints`).

use std::collections::BTreeSet;

use super::{Findings, Missing, NameForm, Problem, address, name};
use crate::address::IpFamily;
use crate::field::FieldPath;
use crate::objects::{AddressType, EndpointSlice, Endpoints, label};

/// Endpoints that a slice may hold.
const MAX_ENDPOINTS: usize = 1000;
/// Ports that a slice may hold.
const MAX_PORTS: usize = 100;
/// Addresses that an endpoint may have.
const MAX_ADDRESSES: usize = 100;

pub(super) fn check(slice: &EndpointSlice, found: &mut Findings) {
    if slice.metadata.label(label::SERVICE_NAME).is_none_or(str::is_empty) {
        let path = FieldPath::of(&["metadata", "labels"]).key(label::SERVICE_NAME);
        found.add(path, Problem::NoServiceName);
    }
    let endpoints = FieldPath::of(&["endpoints"]);
    if slice.endpoints.len() > MAX_ENDPOINTS {
        found.add(endpoints.clone(), Problem::TooMany { count: slice.endpoints.len(), max: MAX_ENDPOINTS });
    }
    for (i, endpoint) in slice.endpoints.iter().enumerate() {
        let path = endpoints.index(i);
        let addresses = path.field("addresses");
        if endpoint.addresses.is_empty() {
            found.add(addresses.clone(), Problem::Required { why: Missing::EndpointAddress });
        } else if endpoint.addresses.len() > MAX_ADDRESSES {
            let count = endpoint.addresses.len();
            found.add(addresses.clone(), Problem::TooMany { count, max: MAX_ADDRESSES });
        }
        for (j, text) in endpoint.addresses.iter().enumerate() {
            of_type(text, slice.address_type, addresses.index(j), found);
        }
        if let Some(hostname) = &endpoint.hostname {
            name::check(hostname, NameForm::Dns1123Label, path.field("hostname"), found);
        }
    }
    let ports = FieldPath::of(&["ports"]);
    if slice.ports.len() > MAX_PORTS {
        found.add(ports.clone(), Problem::TooMany { count: slice.ports.len(), max: MAX_PORTS });
    }
    let mut names = BTreeSet::new();
    for (i, port) in slice.ports.iter().enumerate() {
        let path = ports.index(i);
        let text = port.name.as_deref().unwrap_or_default();
        if !text.is_empty() {
            name::check(text, NameForm::Dns1123Label, path.field("name"), found);
        }
        if !names.insert(text) {
            found.add(path.field("name"), Problem::Duplicate { value: text.into() });
        }
        if port.port == Some(0) {
            found.add(path.field("port"), Problem::Port { value: 0 });
        }
    }
}

fn of_type(text: &str, kind: AddressType, path: FieldPath, found: &mut Findings) {
    let wanted = match kind {
        AddressType::V4 => IpFamily::V4,
        AddressType::V6 => IpFamily::V6,
        AddressType::Fqdn => {
            let name_form = NameForm::Dns1123Subdomain;
            return name::check(text.strip_suffix('.').unwrap_or(text), name_form, path, found);
        }
    };
    if let Some(address) = address::reachable_ip(text, path.clone(), found)
        && IpFamily::of(address) != wanted
    {
        found.add(path, Problem::WrongFamily { text: text.into(), wanted, because: "addressType" });
    }
}

pub(super) fn endpoints(endpoints: &Endpoints, found: &mut Findings) {
    let subsets = FieldPath::of(&["subsets"]);
    for (i, subset) in endpoints.subsets.iter().enumerate() {
        let path = subsets.index(i);
        if subset.addresses.is_empty() && subset.not_ready_addresses.is_empty() {
            found.add(path.clone(), Problem::Required { why: Missing::SubsetAddresses });
        }
        let lists = [("addresses", &subset.addresses), ("notReadyAddresses", &subset.not_ready_addresses)];
        for (field, list) in lists {
            for (j, entry) in list.iter().enumerate() {
                let path = path.field(field).index(j);
                address::reachable_ip(&entry.ip, path.field("ip"), found);
                if !entry.hostname.is_empty() {
                    name::check(&entry.hostname, NameForm::Dns1123Label, path.field("hostname"), found);
                }
            }
        }
        let mut names = BTreeSet::new();
        for (j, port) in subset.ports.iter().enumerate() {
            let path = path.field("ports").index(j);
            if !port.name.is_empty() {
                name::check(&port.name, NameForm::Dns1123Label, path.field("name"), found);
            } else if subset.ports.len() > 1 {
                found.add(path.field("name"), Problem::Required { why: Missing::PortName });
            }
            if !port.name.is_empty() && !names.insert(&port.name) {
                found.add(path.field("name"), Problem::Duplicate { value: port.name.clone() });
            }
            if port.port == 0 {
                found.add(path.field("port"), Problem::Port { value: 0 });
            }
        }
    }
}

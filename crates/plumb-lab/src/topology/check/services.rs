//! Services made by hand: frontends that nobody else has, endpoints that there are.

use std::collections::BTreeMap;

use plumb_model::IpFamily;
use serde_saphyr::Spanned;

use super::{Checked, LABEL, addresses, flaw, named};
use crate::topology::{Endpoint, NatService, Network, Outside, Pod, PortProtocol, file};

pub(super) fn services(
    file: &[file::NatService],
    pods: &[Pod],
    network: &Network,
    outside: &Outside,
) -> Checked<Vec<NatService>> {
    let mut out: Vec<NatService> = Vec::new();
    let mut frontends = BTreeMap::new();
    for service in file {
        let name = named(&service.name, LABEL)?;
        if out.iter().any(|s| s.name == name) {
            return flaw(service.name.referenced, format!("a second service is called `{name}`"));
        }
        let addresses = addresses(&service.addresses, "addresses")?;
        let protocol = service.protocol;
        let port = service.port.value;
        if port == 0 {
            return flaw(service.port.referenced, "0 is not a port");
        }
        for (address, text) in addresses.iter().zip(&service.addresses) {
            let ranges = network.pod_ranges.iter().chain(&network.underlay);
            if let Some(range) = ranges.into_iter().find(|r| r.contains(*address)) {
                return flaw(
                    text.referenced,
                    format!("the address {address} of service `{name}` lies in {range}"),
                );
            }
            if outside.addresses.contains(address) {
                return flaw(
                    text.referenced,
                    format!("the address {address} of service `{name}` belongs to outside"),
                );
            }
            if !network.families().contains(&IpFamily::of(*address)) {
                return flaw(text.referenced, format!("pods have no addresses of the family of {address}"));
            }
            if let Some(other) = frontends.insert((*address, port, protocol.transport().0), name.clone()) {
                return flaw(
                    text.referenced,
                    format!("services `{other}` and `{name}` share {address} port {port}"),
                );
            }
        }
        if service.endpoints.value.is_empty() {
            return flaw(service.endpoints.referenced, format!("service `{name}` has no endpoints"));
        }
        let endpoints = service
            .endpoints
            .value
            .iter()
            .map(|text| endpoint(text, protocol, pods))
            .collect::<Checked<Vec<_>>>()?;
        out.push(NatService { name, addresses, port, protocol, endpoints });
    }
    Ok(out)
}

fn endpoint(text: &Spanned<String>, protocol: PortProtocol, pods: &[Pod]) -> Checked<Endpoint> {
    let Some((who, port)) = text.value.rsplit_once(':') else {
        return flaw(text.referenced, format!("`{}` names no port: write POD:PORT", text.value));
    };
    let (namespace, name) = who.split_once('/').unwrap_or(("default", who));
    let Some(pod) = pods.iter().find(|p| p.namespace == namespace && p.name == name) else {
        return flaw(text.referenced, format!("there is no pod `{namespace}/{name}`"));
    };
    let number = match port.parse::<u16>() {
        Ok(0) => return flaw(text.referenced, "0 is not a port"),
        Ok(number) => number,
        Err(_) => match pod.ports.iter().find(|p| p.name == port) {
            Some(p) if p.protocol.transport() == protocol.transport() => p.port,
            Some(p) => {
                return flaw(
                    text.referenced,
                    format!(
                        "port `{port}` of pod `{namespace}/{name}` speaks {}, the service {}",
                        p.protocol.transport(),
                        protocol.transport()
                    ),
                );
            }
            None => {
                let names: Vec<_> = pod.ports.iter().map(|p| p.name.as_str()).collect();
                return flaw(
                    text.referenced,
                    format!(
                        "pod `{namespace}/{name}` has no port `{port}`; its ports are {}",
                        names.join(", ")
                    ),
                );
            }
        },
    };
    Ok(Endpoint { pod: pod.full_name(), port: number })
}

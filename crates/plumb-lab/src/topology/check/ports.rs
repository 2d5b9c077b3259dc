//! What pods and the router outside serve.

use plumb_model::IpFamily;
use serde_saphyr::Spanned;

use super::super::{Port, PortProtocol, file};
use super::{Checked, address, flaw};
use crate::server::Manner;

pub(super) fn ports(file: Vec<file::Port>, of: &str) -> Checked<Vec<Port>> {
    let mut out: Vec<Port> = Vec::new();
    for port in file {
        let at = port.port.referenced;
        if port.port.value == 0 {
            return flaw(at, "0 is not a port");
        }
        let number = port.port.value;
        let bound = match &port.address {
            Some(text) => address(text, "address")?,
            None => IpFamily::V6.unspecified(),
        };
        let name = port.name.unwrap_or_else(|| format!("{}-{number}", port.protocol.word()));
        if out.iter().any(|p| p.name == name) {
            return flaw(at, format!("{of} has a second port called `{name}`"));
        }
        let clash = |p: &&Port| {
            p.port == number
                && p.protocol.transport() == port.protocol.transport()
                && (p.address == bound || p.address.is_unspecified() || bound.is_unspecified())
        };
        if let Some(other) = out.iter().find(clash) {
            return flaw(at, format!("{of} serves port {number} twice: `{}` and `{name}`", other.name));
        }
        let manner = manner(port.manner.as_ref(), port.protocol)?;
        out.push(Port { name, port: number, protocol: port.protocol, address: bound, manner });
    }
    Ok(out)
}

fn manner(file: Option<&Spanned<Manner>>, protocol: PortProtocol) -> Checked<Manner> {
    let Some(file) = file else { return Ok(Manner::default()) };
    match file.value.flaw(protocol) {
        Some((field, why)) => flaw(file.referenced, format!("`manner.{field}`: {why}")),
        None => Ok(file.value.clone()),
    }
}

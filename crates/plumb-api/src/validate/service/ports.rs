//! Ports of Services (`validateServicePort`).

use std::collections::BTreeSet;

use crate::field::FieldPath;
use crate::objects::{IntOrString, Service, ServiceType};
use crate::validate::{Findings, Missing, NameForm, Problem, name};

pub(super) fn check(service: &Service, found: &mut Findings) {
    let spec = &service.spec;
    let ports = FieldPath::of(&["spec", "ports"]);
    if spec.ports.is_empty() && !spec.is_headless() && spec.kind != ServiceType::ExternalName {
        found.add(ports.clone(), Problem::Required { why: Missing::Ports });
    }
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let mut node_ports = BTreeSet::new();
    for (i, port) in spec.ports.iter().enumerate() {
        let path = ports.index(i);
        if !port.name.is_empty() {
            name::check(&port.name, NameForm::Dns1123Label, path.field("name"), found);
            if !names.insert(&port.name) {
                found.add(path.field("name"), Problem::Duplicate { value: port.name.clone() });
            }
        } else if spec.ports.len() > 1 {
            found.add(path.field("name"), Problem::Required { why: Missing::PortName });
        }
        if port.port == 0 {
            found.add(path.field("port"), Problem::Port { value: 0 });
        } else if !numbers.insert((port.protocol, port.port)) {
            found.add(path.clone(), Problem::DuplicatePort { port: port.port, protocol: port.protocol });
        }
        target(port.target_port.as_ref(), path.field("targetPort"), found);
        if port.node_port == 0 {
            continue;
        }
        if spec.kind == ServiceType::ClusterIP {
            found.add(path.field("nodePort"), Problem::NodePort { kind: spec.kind });
        }
        if !node_ports.insert((port.protocol, port.node_port)) {
            let problem = Problem::DuplicatePort { port: port.node_port, protocol: port.protocol };
            found.add(path.field("nodePort"), problem);
        }
    }
}

/// ValidatePortNumOrName; absent or 0 is the port itself.
fn target(target: Option<&IntOrString>, path: FieldPath, found: &mut Findings) {
    match target {
        Some(IntOrString::Int(value)) if !(0..=65_535).contains(value) => {
            found.add(path, Problem::Port { value: i64::from(*value) });
        }
        Some(IntOrString::String(text)) if !text.is_empty() && !is_port_name(text) => {
            found.add(path, Problem::PortName { text: text.clone() });
        }
        _ => {}
    }
}

/// IsValidPortName: an IANA service name (RFC 6335).
pub(in crate::validate) fn is_port_name(text: &str) -> bool {
    text.len() <= 15
        && NameForm::Dns1123Label.fits(text)
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && !text.contains("--")
}

//! `spec.ports`

use plumb_api::label;
use plumb_intent::{FrontendKey, Origin};

use super::super::context::Context;
use super::super::{Field, Meaning};

pub(super) fn all(context: &Context<'_>, out: &mut Vec<Field>) {
    for (i, port) in context.service.spec.ports.iter().enumerate() {
        let path = |name: &str| format!("spec.ports[{i}].{name}");
        if !port.name.is_empty() {
            out.push(Field::new(path("name"), &port.name, vec![context.served(Meaning::PortName)]));
        }
        out.push(Field::new(
            path("port"),
            format!("{} {}", port.port, port.protocol),
            vec![context.served(Meaning::Port)],
        ));
        if let Some(target) = &port.target_port {
            let told = told(context, &port.name, port.protocol);
            out.push(Field::new(path("targetPort"), target, vec![Meaning::TargetPort { told }]));
        }
        if port.node_port != 0 {
            out.push(node_port(context, path("nodePort"), port.protocol, port.node_port));
        }
        if let Some(protocol) = &port.app_protocol {
            out.push(Field::new(path("appProtocol"), protocol, vec![Meaning::AppProtocol]));
        }
    }
}

/// The port numbers that the Service's slices tell for a port.
fn told(context: &Context<'_>, name: &str, protocol: plumb_api::Protocol) -> Vec<u16> {
    let service = &context.service.metadata;
    let ours = context.slices.iter().filter(|s| {
        s.metadata.namespace == service.namespace
            && s.metadata.label(label::SERVICE_NAME) == Some(&service.name)
    });
    let same =
        ours.flat_map(|s| &s.ports).filter(|p| p.name.as_deref() == Some(name) && p.protocol == protocol);
    let mut ports: Vec<u16> = same.filter_map(|p| p.port).filter(|p| *p != 0).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn node_port(context: &Context<'_>, path: String, protocol: plumb_api::Protocol, port: u16) -> Field {
    let mut field = Field::new(path, port, Vec::new());
    if !context.is_served() {
        field.meaning.push(Meaning::NotServed);
    }
    let key = FrontendKey { address: None, protocol, port };
    for family in context.families.iter().filter(|f| f.serves) {
        if family.found {
            let addresses = family.kernel.node_port_addresses();
            field.meaning.push(Meaning::NodePort { family: family.family, addresses });
        }
        field.frontends.extend(family.some(|k, f| *k == key && f.origin == Origin::NodePort));
        field.missing.extend(family.claimed(context.service, std::iter::once(key)));
    }
    field
}

//! The fields of a Service, in the order of a manifest. Those that are not set are left out.

mod addresses;
mod policies;
mod ports;

use std::fmt::Write as _;

use plumb_api::{ServiceType, label};

use super::context::Context;
use super::{Field, Meaning};

pub(super) fn all(context: &Context<'_>) -> Vec<Field> {
    let mut out = Vec::new();
    identity(context, &mut out);
    addresses::inside(context, &mut out);
    ports::all(context, &mut out);
    addresses::outside(context, &mut out);
    policies::all(context, &mut out);
    addresses::load_balancer(context, &mut out);
    out
}

/// `a=b,c=d`
fn pairs<'a>(all: impl IntoIterator<Item = (&'a Box<str>, &'a Box<str>)>) -> String {
    let mut text = String::new();
    for (key, value) in all {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{key}={value}");
    }
    text
}

/// What the Service is, and which Pods are behind it.
fn identity(context: &Context<'_>, out: &mut Vec<Field>) {
    let (metadata, spec) = (&context.service.metadata, &context.service.spec);
    if !metadata.labels.is_empty() {
        let other = metadata.label(label::SERVICE_PROXY_NAME);
        let meaning = match other {
            Some(name) => Meaning::OtherProxy { name: name.to_owned() },
            None => Meaning::Labels,
        };
        out.push(Field::new("metadata.labels", pairs(&metadata.labels), vec![meaning]));
    }
    let (kind, meaning) = match spec.kind {
        ServiceType::ClusterIP => ("ClusterIP", Meaning::TypeClusterIp),
        ServiceType::NodePort => ("NodePort", Meaning::TypeNodePort),
        ServiceType::LoadBalancer => ("LoadBalancer", Meaning::TypeLoadBalancer),
        ServiceType::ExternalName => ("ExternalName", Meaning::TypeExternalName),
    };
    out.push(Field::new("spec.type", kind, vec![meaning]));
    if let Some(name) = &spec.external_name {
        out.push(Field::new("spec.externalName", name, vec![Meaning::ExternalName]));
    }
    match &spec.selector {
        Some(selector) if !selector.is_empty() => {
            out.push(Field::new("spec.selector", pairs(selector), vec![Meaning::Selector]));
        }
        _ if spec.kind == ServiceType::ExternalName => {}
        _ => out.push(Field::new("spec.selector", "", vec![Meaning::NoSelector])),
    }
}

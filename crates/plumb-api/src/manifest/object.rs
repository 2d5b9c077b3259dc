//! From documents to objects: lists are taken apart, other kinds skipped, what cannot be held is named.

use std::sync::Arc;

use serde::Deserialize;

use super::error::Flaw;
use super::place::{Located, Place};
use super::tree::{Node, Value};
use super::warning::{Matter, Warning};
use super::{Manifest, decode};
use crate::defaults;
use crate::field::FieldPath;
use crate::objects::{Kind, NamespacedName, Object};
use crate::policy::{PolicyRef, is_foreign};
use crate::validate::{self, Problem, Violation};

/// Adds what is in a document; `implied` is the kind that the list it stands in is of.
pub(super) fn read(
    mut document: Node,
    implied: Option<(&str, &str)>,
    file: &Arc<str>,
    into: &mut Manifest,
) -> Result<(), Flaw> {
    let Value::Map(_) = document.value else {
        let message = format!("{}, where an object of the API is expected", document.value.describe());
        return Err(Flaw { at: document.at, message });
    };
    let field = |name: &str, implied: Option<&str>| {
        let text = document.get(name).and_then(Node::text).filter(|t| !t.is_empty()).or(implied);
        text.map(str::to_owned).ok_or_else(|| {
            let message =
                format!("an object without `{name}`; write, for example, apiVersion: v1 and kind: Service");
            Flaw { at: document.get(name).unwrap_or(&document).at, message }
        })
    };
    let api_version = field("apiVersion", implied.map(|i| i.0))?;
    let kind = field("kind", implied.map(|i| i.1))?;
    if let Some(items) = list_of(&kind, &document) {
        let implied = (!items.is_empty()).then_some((api_version.as_str(), items.as_str()));
        return read_list(document, implied, file, into);
    }
    let Some(known) = Kind::of(&api_version, &kind) else {
        let part = |name: &str| document.get("metadata").and_then(|m| m.get(name)).and_then(Node::text);
        let name: Box<str> = part("name").unwrap_or_default().into();
        if is_foreign(&api_version, &kind) {
            // Without a namespace it may be one of `default`, or the whole cluster's: the latter is the more that it can say.
            let full = NamespacedName {
                namespace: part("namespace").unwrap_or_default().into(),
                name: name.clone(),
            };
            into.foreign.push(PolicyRef::foreign(&api_version, &kind, full));
        }
        let matter = Matter::Skipped { api_version: api_version.into(), kind: kind.into(), name };
        into.warnings.push(Warning { place: Place::new(file, document.at), matter });
        return Ok(());
    };
    let unheld = make_holdable(known, &mut document);
    let mut object = decoded(known, &document)?;
    if object.metadata().name.is_empty() {
        let metadata = document.get("metadata").unwrap_or(&document);
        let at = metadata.get("name").unwrap_or(metadata).at;
        return Err(Flaw { at, message: format!("a {known} without metadata.name") });
    }
    let namespace = &mut object.metadata_mut().namespace;
    if !known.is_namespaced() {
        *namespace = "".into();
    } else if namespace.is_empty() {
        *namespace = "default".into();
    }
    let mut violations = validate::check(&object);
    violations.retain(|v| unheld.iter().all(|u| u.path != v.path));
    violations.splice(0..0, unheld);
    let key = object.key();
    for violation in violations {
        let place = Place::new(file, document.locate(&violation.path));
        let matter = Matter::Refused { object: key.clone(), violation };
        into.warnings.push(Warning { place, matter });
    }
    defaults::fill(&mut object);
    into.objects.push(Located { value: object, place: Place::new(file, document.at) });
    Ok(())
}

/// What a list holds: the kind of its items, empty where each says itself what it is; `None` where it is no list.
fn list_of(kind: &str, document: &Node) -> Option<String> {
    let items = kind.strip_suffix("List")?;
    // A kind of somebody's own may end so too.
    document
        .get("items")
        .is_some_and(|i| matches!(i.value, Value::List(_) | Value::Null))
        .then(|| items.to_owned())
}

fn read_list(
    document: Node,
    implied: Option<(&str, &str)>,
    file: &Arc<str>,
    into: &mut Manifest,
) -> Result<(), Flaw> {
    let Value::Map(entries) = document.value else { return Ok(()) };
    for (key, value) in entries {
        if let (true, Value::List(items)) = (&*key == "items", value.value) {
            for item in items {
                read(item, implied, file, into)?;
            }
        }
    }
    Ok(())
}

fn decoded(kind: Kind, document: &Node) -> Result<Object, Flaw> {
    let object = match kind {
        Kind::Service => Deserialize::deserialize(document).map(Object::Service),
        Kind::EndpointSlice => Deserialize::deserialize(document).map(Object::EndpointSlice),
        Kind::Endpoints => Deserialize::deserialize(document).map(Object::Endpoints),
        Kind::Pod => Deserialize::deserialize(document).map(Object::Pod),
        Kind::Node => Deserialize::deserialize(document).map(Object::Node),
        Kind::ServiceCidr => Deserialize::deserialize(document).map(Object::ServiceCidr),
        Kind::Namespace => Deserialize::deserialize(document).map(Object::Namespace),
        Kind::NetworkPolicy => Deserialize::deserialize(document).map(Object::NetworkPolicy),
        Kind::AdminNetworkPolicy => Deserialize::deserialize(document).map(Object::AdminNetworkPolicy),
        Kind::BaselineAdminNetworkPolicy => {
            Deserialize::deserialize(document).map(Object::BaselineAdminNetworkPolicy)
        }
    };
    object.map_err(|e: decode::DecodeError| {
        let Flaw { at, message } = e.into_flaw();
        Flaw { at, message: format!("{kind}: {message}") }
    })
}

/// Fields that hold a port.
fn port_fields(kind: Kind) -> &'static [&'static [&'static str]] {
    match kind {
        Kind::Service => &[
            &["spec", "ports", "*", "port"],
            &["spec", "ports", "*", "nodePort"],
            &["spec", "healthCheckNodePort"],
        ],
        Kind::EndpointSlice => &[&["ports", "*", "port"]],
        Kind::Endpoints => &[&["subsets", "*", "ports", "*", "port"]],
        Kind::Pod => &[
            &["spec", "containers", "*", "ports", "*", "containerPort"],
            &["spec", "initContainers", "*", "ports", "*", "containerPort"],
        ],
        _ => &[],
    }
}

/// Fields whose empty text means that they are absent.
const BLANKS: &[&[&str]] = &[
    &["spec", "type"],
    &["spec", "ipFamilyPolicy"],
    &["spec", "externalTrafficPolicy"],
    &["spec", "internalTrafficPolicy"],
    &["spec", "sessionAffinity"],
    &["spec", "ports", "*", "protocol"],
];

/// Puts 0 in the place of numbers that their fields cannot hold, and tells which; takes empty text of enums out.
fn make_holdable(kind: Kind, document: &mut Node) -> Vec<Violation> {
    let mut found = Vec::new();
    let root = FieldPath::default();
    for pattern in port_fields(kind) {
        document.visit(pattern, &root, &mut |path, node| {
            let Some(value) = beyond(&node.value, u16::MAX.into()) else { return };
            found.push(Violation { path: path.clone(), problem: Problem::Port { value } });
            node.value = Value::Int(0);
        });
    }
    if kind == Kind::Service {
        let seconds = &["spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"];
        document.visit(seconds, &root, &mut |path, node| {
            let Some(seconds) = beyond(&node.value, u32::MAX.into()) else { return };
            found.push(Violation { path: path.clone(), problem: Problem::AffinityTimeout { seconds } });
            node.value = Value::Int(if seconds < 0 { 0 } else { i64::from(u32::MAX) });
        });
        for pattern in BLANKS {
            document.visit(pattern, &root, &mut |_, node| {
                if node.text() == Some("") {
                    node.value = Value::Null;
                }
            });
        }
    }
    found
}

/// A number that is below 0 or above `max`.
fn beyond(value: &Value, max: i64) -> Option<i64> {
    let number = match value {
        Value::Int(number) => *number,
        Value::Unsigned(_) => i64::MAX,
        // Numbers too great for an integer are read as these.
        Value::Float(number) if number.fract() == 0.0 => *number as i64,
        _ => return None,
    };
    (!(0..=max).contains(&number)).then_some(number)
}

//! Create, update, patch, delete.

use std::sync::Arc;

use plumb_api::{Kind, NamespacedName, Object, validate};
use serde_json::{Map, Value};

use super::allocate::Held;
use super::status::Cause;
use super::{Selector, Status, Store, Stored, merge, meta, service};

/// Which part of an object a request writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All but the status, where the kind has one.
    Main,
    /// Only the status.
    Status,
}

/// A change of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which merges some lists item by item.
    Strategic(Value),
}

/// What must be so for an object to be deleted (`preconditions` of `DeleteOptions`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Its identity.
    pub uid: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// Whether the status of objects of this kind is written apart from the rest.
pub(crate) fn has_status(kind: Kind) -> bool {
    !matches!(kind, Kind::EndpointSlice | Kind::Endpoints | Kind::NetworkPolicy)
}

const CHANGED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

impl Store {
    /// Creates an object in this namespace (empty for kinds that live in none).
    ///
    /// # Errors
    /// 409 when the name is taken, 404 when the namespace is not there, 422 for values that cannot be, 400 for no object.
    pub fn create(&mut self, kind: Kind, namespace: &str, object: Value) -> Result<Arc<Stored>, Status> {
        let mut fields = meta::object(kind, object)?;
        check_namespace(kind, namespace, &fields)?;
        if !meta::text(&fields, "resourceVersion")?.is_empty() {
            return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
        }
        let name = NamespacedName::new(namespace, &meta::new_name(kind, &fields)?);
        let home = NamespacedName::new("", namespace);
        if kind.is_namespaced() && !self.table(Kind::Namespace).objects.contains_key(&home) {
            return Err(Status::not_found(Kind::Namespace, namespace));
        }
        if self.table(kind).objects.contains_key(&name) {
            return Err(Status::already_exists(kind, &name.name));
        }
        // A Node tells its status when it registers; all else begins with none (registry/*/strategy.go, PrepareForCreate).
        if has_status(kind) && kind != Kind::Node {
            fields.remove("status");
        }
        match kind {
            Kind::Pod => drop(fields.insert("status".to_owned(), serde_json::json!({"phase": "Pending"}))),
            Kind::Namespace => {
                drop(fields.insert("status".to_owned(), serde_json::json!({"phase": "Active"})))
            }
            _ => {}
        }
        let created = meta::timestamp((self.options.clock)());
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            for field in ["deletionTimestamp", "selfLink"] {
                metadata.remove(field);
            }
            metadata.insert("name".to_owned(), (*name.name).into());
            if kind.is_namespaced() {
                metadata.insert("namespace".to_owned(), namespace.into());
            }
            metadata.insert("uid".to_owned(), meta::uid().into());
            metadata.insert("creationTimestamp".to_owned(), created.into());
            if kind == Kind::EndpointSlice {
                metadata.insert("generation".to_owned(), 1.into());
            }
        }
        self.put(kind, &name, None, fields)
    }

    /// Replaces an object, or its status.
    ///
    /// # Errors
    /// 404 when it is not there, 409 when it was changed since it was read, 422 for values that cannot be, 400 for no object.
    pub fn update(
        &mut self,
        kind: Kind,
        name: &NamespacedName,
        part: Part,
        object: Value,
    ) -> Result<Arc<Stored>, Status> {
        let old = self.get(kind, name)?;
        let mut fields = meta::object(kind, object)?;
        check_namespace(kind, &name.namespace, &fields)?;
        let body_name = meta::text(&fields, "name")?;
        if body_name != &*name.name {
            return Err(Status::bad_request(format!(
                "the name of the object ({body_name}) does not match the name on the URL ({})",
                name.name
            )));
        }
        let version = meta::text(&fields, "resourceVersion")?;
        if !version.is_empty() && version != old.version.to_string() {
            return Err(Status::conflict(kind, &name.name, CHANGED));
        }
        let uid = meta::text(&fields, "uid")?;
        if !uid.is_empty() && old.json["metadata"]["uid"] != uid {
            return Err(Status::conflict(kind, &name.name, "the UID is another: it was created anew"));
        }
        if part == Part::Status {
            let status = fields.remove("status");
            fields = old.json.as_object().cloned().unwrap_or_default();
            set(&mut fields, "status", status);
        } else {
            if has_status(kind) {
                set(&mut fields, "status", old.json.get("status").cloned());
            }
            if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                metadata.insert("name".to_owned(), (*name.name).into());
                if kind.is_namespaced() {
                    metadata.insert("namespace".to_owned(), (*name.namespace).into());
                }
                for field in ["uid", "creationTimestamp", "deletionTimestamp", "generation"] {
                    set(metadata, field, old.json["metadata"].get(field).cloned());
                }
            }
        }
        self.put(kind, name, Some(&old), fields)
    }

    /// Changes an object, or its status.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn patch(
        &mut self,
        kind: Kind,
        name: &NamespacedName,
        part: Part,
        patch: Patch,
    ) -> Result<Arc<Stored>, Status> {
        let mut object = self.get(kind, name)?.json.clone();
        match patch {
            Patch::Merge(patch) | Patch::Strategic(patch) if !patch.is_object() => {
                return Err(Status::bad_request("a patch is a JSON object"));
            }
            Patch::Merge(patch) => merge::merge(&mut object, patch),
            Patch::Strategic(patch) => merge::strategic_merge(&mut object, patch)?,
        }
        self.update(kind, name, part, object)
    }

    /// Deletes an object; with a namespace, what lives in it. One with finalizers is only marked, and goes with its last finalizer.
    ///
    /// # Errors
    /// 404 when it is not there, 409 when it is not the one that was meant.
    pub fn delete(
        &mut self,
        kind: Kind,
        name: &NamespacedName,
        options: &DeleteOptions,
    ) -> Result<Arc<Stored>, Status> {
        let old = self.get(kind, name)?;
        let wanted = [("uid", &options.uid), ("resourceVersion", &options.version)];
        for (field, value) in wanted {
            if let Some(value) = value.as_ref().filter(|v| old.json["metadata"][field] != v.as_str()) {
                let why = format!("the precondition {field} {value} does not hold");
                return Err(Status::conflict(kind, &name.name, &why));
            }
        }
        let finalizers = old.json["metadata"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
        if finalizers {
            if old.json["metadata"].get("deletionTimestamp").is_some() {
                return Ok(old);
            }
            let mut fields = old.json.as_object().cloned().unwrap_or_default();
            if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                let now = meta::timestamp((self.options.clock)());
                metadata.insert("deletionTimestamp".to_owned(), now.into());
            }
            return self.put(kind, name, Some(&old), fields);
        }
        if kind == Kind::Namespace {
            for inside in Kind::ALL.into_iter().filter(|k| k.is_namespaced()) {
                self.delete_all(inside, &name.name, &Selector::default());
            }
        }
        Ok(self.remove(kind, name, &old))
    }

    /// Deletes all that a selector takes, in a namespace (empty: in all); what was deleted.
    pub fn delete_all(&mut self, kind: Kind, namespace: &str, selector: &Selector) -> Vec<Arc<Stored>> {
        let names: Vec<_> = self
            .table(kind)
            .objects
            .iter()
            .filter(|(name, object)| {
                (namespace.is_empty() || &*name.namespace == namespace) && selector.matches(&object.json)
            })
            .map(|(name, _)| name.clone())
            .collect();
        names.iter().filter_map(|name| self.delete(kind, name, &DeleteOptions::default()).ok()).collect()
    }

    /// Stores an object whose metadata is in order, after what its kind asks for.
    fn put(
        &mut self,
        kind: Kind,
        name: &NamespacedName,
        old: Option<&Arc<Stored>>,
        mut fields: Map<String, Value>,
    ) -> Result<Arc<Stored>, Status> {
        let mut hold = None;
        if kind == Kind::Service {
            let new = service::prepare(&mut fields, old.map(|o| &o.json), name, &mut self.allocation)
                .map_err(|causes| Status::invalid(kind, &name.name, causes))?;
            hold = Some((old.map_or_else(Held::default, |o| service::held(&o.json)), new));
        }
        if matches!(kind, Kind::NetworkPolicy | Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy) {
            valid(kind, name, &fields)?;
        }
        let mut object = Value::Object(fields);
        if let Some(old) = old {
            object["metadata"]["resourceVersion"] = old.version.to_string().into();
            if object == old.json {
                return Ok(old.clone());
            }
            // Whatever changes in a slice is a new generation (registry/discovery/endpointslice/strategy.go).
            if let (Kind::EndpointSlice, Some(generation)) =
                (kind, old.json["metadata"]["generation"].as_i64())
            {
                object["metadata"]["generation"] = (generation + 1).into();
            }
        }
        if let Some((before, after)) = hold {
            self.allocation.hold(name, &before, &after);
        }
        self.version += 1;
        let stored = Stored::new(self.version, object);
        let capacity = self.options.log_capacity;
        let table = self.table_mut(kind);
        table.objects.insert(name.clone(), stored.clone());
        table.log.push(capacity, name.clone(), old.cloned(), stored.clone(), false);
        let metadata = &stored.json["metadata"];
        let waits = metadata["finalizers"].as_array().is_some_and(|f| !f.is_empty());
        if metadata.get("deletionTimestamp").is_some() && !waits {
            return self.delete(kind, name, &DeleteOptions::default());
        }
        Ok(stored)
    }

    fn remove(&mut self, kind: Kind, name: &NamespacedName, old: &Arc<Stored>) -> Arc<Stored> {
        if kind == Kind::Service {
            self.allocation.hold(name, &service::held(&old.json), &Held::default());
        }
        self.version += 1;
        let last = Stored::new(self.version, old.json.clone());
        let capacity = self.options.log_capacity;
        let table = self.table_mut(kind);
        table.objects.remove(name);
        table.log.push(capacity, name.clone(), Some(old.clone()), last.clone(), true);
        last
    }
}

/// Sets a field, or removes it.
fn set(fields: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(fields.insert(field.to_owned(), value)),
        None => drop(fields.remove(field)),
    }
}

/// What the API server refuses of an object whose kind needs no more than that.
fn valid(kind: Kind, name: &NamespacedName, fields: &Map<String, Value>) -> Result<(), Status> {
    let object = Object::of_kind(kind, Value::Object(fields.clone()))
        .map_err(|e| Status::bad_request(e.to_string()))?;
    let violations = validate::check(&object);
    if violations.is_empty() {
        return Ok(());
    }
    let causes =
        violations.iter().map(|v| Cause::invalid(v.path.to_string(), v.problem.to_string())).collect();
    Err(Status::invalid(kind, &name.name, causes))
}

fn check_namespace(kind: Kind, path: &str, fields: &Map<String, Value>) -> Result<(), Status> {
    let body = meta::text(fields, "namespace")?;
    if kind.is_namespaced() && path.is_empty() {
        return Err(Status::bad_request(format!("a {kind} is created in a namespace")));
    }
    if !body.is_empty() && body != path {
        return Err(Status::bad_request(format!(
            "the namespace of the object ({body}) does not match the namespace on the URL ({path})"
        )));
    }
    Ok(())
}

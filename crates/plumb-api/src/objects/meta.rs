//! Names, labels, annotations, owners.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Labels that Plumb reads or writes.
pub mod label {
    /// On a slice: the Service that it belongs to.
    pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
    /// On a slice: who writes it.
    pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
    /// On a slice or Endpoints of a Service without a cluster IP.
    pub const HEADLESS: &str = "service.kubernetes.io/headless";
    /// On a Service that another proxy serves.
    pub const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";
    /// On a node: its zone.
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    /// On Endpoints that are not to be mirrored.
    pub const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
}

/// Annotations that Plumb reads or writes.
pub mod annotation {
    /// On a slice: when what it tells last changed (RFC 3339).
    pub const LAST_CHANGE_TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
    /// On Endpoints with more addresses than are kept.
    pub const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
}

/// `namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamespacedName {
    /// Namespace; empty for what lives in none.
    pub namespace: Box<str>,
    /// Name.
    pub name: Box<str>,
}

impl NamespacedName {
    /// From both parts.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// `metadata` of an object. Times are RFC 3339 text, as the API has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// Name.
    pub name: Box<str>,
    /// Namespace; empty for what lives in none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub namespace: Box<str>,
    /// Prefix that the API server makes a name of, where an object is created without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<Box<str>>,
    /// Identity over deletion and creation under the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Box<str>>,
    /// Version of the whole store when the object was last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<Box<str>>,
    /// Version of the object's spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Box<str>>,
    /// When it will be or was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Box<str>>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<Box<str>, Box<str>>,
    /// Objects that this one goes with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
}

impl ObjectMeta {
    /// `namespace/name`.
    #[must_use]
    pub fn full_name(&self) -> NamespacedName {
        NamespacedName { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(AsRef::as_ref)
    }
}

/// An object that this one goes with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the API's own names")]
pub struct OwnerReference {
    pub api_version: Box<str>,
    pub kind: Box<str>,
    pub name: Box<str>,
    pub uid: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

//! The Kubernetes objects that Plumb reads and writes, and what can be said about them without a cluster. Pure: no I/O.
//!
//! * [`objects`]: Service, EndpointSlice, Endpoints, Pod, Node, ServiceCIDR, Namespace and NetworkPolicy, with the fields that
//!   Plumb uses and no others, in the API's own JSON form.
//! * [`policy`]: which connections NetworkPolicies allow.
//! * [`Change`]: what a source (the API, a folder of manifests) tells whoever keeps a view of these objects.
//! * [`manifest`]: these objects in files, with places for whatever is wrong.
//! * [`endpointslice`]: which slices follow from Services, Pods and Endpoints, and which are to be written.
//! * [`validate`], [`defaults`]: what the API server would refuse, and what it would fill in.
//! * [`address`]: IP addresses and ranges as Kubernetes accepts them.
//!
//! ```
//! use plumb_api::{Object, Protocol};
//!
//! let text = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
//!     "spec": {"clusterIP": "10.96.0.10", "ports": [{"port": 80, "targetPort": "http"}]}}"#;
//! let Object::Service(service) = Object::from_json(serde_json::from_str(text)?)? else { unreachable!() };
//! assert_eq!(service.metadata.full_name().to_string(), "shop/web");
//! assert_eq!(service.spec.ports[0].protocol, Protocol::Tcp);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
mod change;
pub mod defaults;
pub mod endpointslice;
pub mod field;
pub mod manifest;
pub mod objects;
pub mod policy;
pub mod validate;

pub use change::{Change, ObjectKey};
pub use objects::*;

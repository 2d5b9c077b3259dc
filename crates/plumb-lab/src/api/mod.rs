//! A small Kubernetes API, so that Plumb and controllers under test have one without a cluster.
//!
//! ```text
//!  TCP ──► http: paths, verbs, streams ──► store: objects, versions, event log, selectors, allocation (pure)
//! ```
//!
//! It has list (with selectors, in pages), watch (from a version, with bookmarks, as a streaming list), get, create, update, merge
//! and strategic merge patches, delete and the status subresource, for the kinds of [`plumb_api::Kind`], with the API's own
//! `Status` for whatever cannot be done. It defaults Services and allocates cluster IPs and node ports as the API server does. There
//! are no accounts, no admission, no schemas: fields that it does not know are kept as they are. It speaks JSON only.
//!
//! ```
//! use plumb_lab::api::{Api, ApiOptions, ApiServer, Store, StoreOptions};
//!
//! let api = Api::new(Store::new(StoreOptions::default()), ApiOptions::default());
//! let server = ApiServer::start(std::net::TcpListener::bind("127.0.0.1:0")?, api)?;
//! println!("kubectl --server http://{} get services --all-namespaces", server.address());
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod http;
pub mod store;

pub use http::{Api, ApiOptions, ApiServer};
pub use store::{Status, Store, StoreOptions};

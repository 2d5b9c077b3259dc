//! The Service proxy: keeps the kernel as Services and EndpointSlices say.
//!
//! * [`Proxy`]: objects in, kernel as they say; one node, both address families.
//! * [`Runner`]: runs a proxy on a source's events, no more often than it should.
//! * [`explain`](mod@explain): what implements a Service in the kernel, field of its manifest by field.
//! * [`backend`]: what programs the kernel, one kind after the other.
//! * [`node`]: what the node's own facts put into the table.
//!
//! Everything blocks, on the thread that calls. A proxy belongs to the network namespace that it was made for.

pub mod backend;
pub mod config;
pub mod explain;
pub mod node;
pub mod proxy;
pub mod runner;

pub use config::{Config, DetectLocalMode, NodePortAddresses};
pub use proxy::{Proxy, ProxyError, Report};
pub use runner::{Intervals, Reason, Runner, SourceEnded, Status};

//! Clusters out of network namespaces: built, watched, broken on purpose and healed, on one machine and without
//! Kubernetes.
//!
//! ```text
//!  topology file ──► Topology ──► Plan ──► execute ──► namespaces, devices, routes, rules
//!                                                 └──► supervisor ──► a server a pod
//!  break ID ──► snapshot ──► fault: Vec<Act> ──► kernel or supervisor, remembered with what undoes it
//! ```
//!
//! * [`topology`]: what a lab should be; checked, with line and column for whatever is wrong.
//! * [`plan`]: a pure function from that to everything that must be built.
//! * [`up`], [`down`], [`status`], [`exec`], [`probe`]: what is done with a lab.
//! * [`faults`], [`break_`], [`heal`]: what goes wrong in clusters, made on purpose.
//! * [`resolvers`], [`cluster_names`]: what pods ask for names, and what they are told.
//! * [`owners`]: whose namespaces are, so that a snapshot knows `pod:…` and `node:…`.
//!
//! A program that starts labs calls [`run_if_child`] first in its `main`: supervisors and servers are the same program,
//! started again.
//!
//! ```
//! let topology = plumb_lab::Topology::parse("small.yaml", "name: small\nnodes: [{name: node-1}]\n")?;
//! assert_eq!(topology.node_namespace("node-1"), "small-node-1");
//! # Ok::<(), plumb_lab::TopologyError>(())
//! ```

pub mod api;
mod breaking;
mod child;
mod client;
mod cluster;
mod error;
mod execute;
pub mod faults;
mod lab;
mod listen;
mod names;
pub mod plan;
mod resolve;
mod resolver;
pub mod server;
mod state;
mod status;
mod step;
mod supervisor;
pub mod topology;
mod yardstick;

pub use breaking::{Broken, break_, heal, look_alike};
pub use child::run_if_child;
pub use client::{Attempt, Outcome, Payload};
pub use cluster::{API_ADDRESS, ProxyStatus};
pub use error::{LabError, Result};
pub use lab::{ProbeOptions, ProbeReport, choose, down, exec, probe, run_in, topology, up};
pub use listen::{hold, listen, release, restart, restart_command, start_command};
pub use names::{ClusterNames, ClusterObjects, cluster_names, cluster_objects, resolvers};
pub use plan::Plan;
pub use resolve::{Destination, destination, namespace};
pub use resolver::{ResolverChange, set_resolver, usual_command};
pub use state::{ActiveFault, labs, owners};
pub use status::{FaultStatus, NodeStatus, OutsideStatus, PodStatus, ServiceStatus, Status, status};
pub use step::Step;
pub use topology::{Topology, TopologyError};
pub use yardstick::add_labs;

//! Helpers shared by the tests that need root and network namespaces.
//!
//! A scenario is a file under `scenarios/`: a small network out of namespaces or a lab ([`built`]), a fault, and
//! what a real client then sees. The test [`cases::run`]s every flow of every file three ways and requires that they agree:
//!
//! | what | who says it |
//! |---|---|
//! | the truth as written | the scenario file ([`scenario::Flow`]) |
//! | what happens | a real client in the source namespace ([`agent`]), on a network built for it ([`state`]) |
//! | what `plumb diagnose` answers | the built binary ([`binary`]), held against both by [`verdict`] |
//!
//! The places that a file blames are themselves held against the kernel by [`places`], so that a scenario
//! cannot ask for a rule, a route or a sysctl that is not there.
//!
//! What Services do is tested case by case by [`conformance`], and the walk against the kernel by [`fuzz`].
//!
//! Nothing outside the namespaces that a test made is touched ([`netns`]), and no packet leaves them.

pub mod agent;
pub mod binary;
pub mod built;
pub mod cases;
pub mod cluster;
pub mod conformance;
pub mod error;
pub mod faults;
pub mod fuzz;
pub mod hosts;
pub mod lab;
pub mod library;
pub mod netns;
pub mod places;
pub mod plain;
pub mod redacted;
pub mod refusing;
pub mod scenario;
pub mod services;
pub mod shell;
pub mod state;
pub mod times;
pub mod topology;
pub mod verdict;

pub use error::{Failure, Result};

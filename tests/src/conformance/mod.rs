//! What Services do, case by case: data under `conformance/`, run three ways.
//!
//! A [`Case`] is objects, a node with its configuration, and flows with what each must get. Every flow is asked of
//!
//! | way | what says it |
//! |---|---|
//! | [`intent`] | the decision of `plumb-intent` from the objects alone |
//! | [`walk`] | the walk of `plumb-trace` over the ruleset that the kernel holds |
//! | [`packets`] | the kernel: packets sent in namespaces, seen where they come out |
//!
//! and each answer is brought to the same terms, [`Fate`]s with their shares, before it is compared. `conformance/README.md`
//! describes the files.

mod apply;
pub mod case;
pub mod fate;
pub mod file;
pub mod intent;
mod link;
mod loaded;
pub mod network;
pub mod odds;
pub mod packets;
pub mod run;
mod tap;
pub mod walk;
mod wire;

pub use case::{Case, Flow};
pub use fate::Fate;

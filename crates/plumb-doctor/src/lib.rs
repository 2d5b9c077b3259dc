//! Findings and diagnosis: from traces to causes, their places, evidence and remedies tried in the model.
pub mod check;
pub mod diagnose;
pub mod finding;
pub mod hops;
pub mod messages;
pub mod names;
pub mod owners;
pub mod place;
pub mod render;
pub mod report;
pub mod resolve;
mod schema;
pub mod tried_in_lab;

pub use schema::{check_schema, report_schema};

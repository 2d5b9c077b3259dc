//! Findings and diagnosis: from traces to causes, their places, evidence and remedies tried in the model.
pub mod finding;
pub mod messages;
pub mod place;
pub mod report;

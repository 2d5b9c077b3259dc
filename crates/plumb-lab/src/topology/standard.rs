//! The standard topology: the file `scenarios/labs/standard.yaml`.

pub(super) const TEXT: &str = include_str!("../../../../scenarios/labs/standard.yaml");

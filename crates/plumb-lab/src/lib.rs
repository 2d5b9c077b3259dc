//! Clusters out of network namespaces: topologies, faults, the supervisor

pub mod topology;

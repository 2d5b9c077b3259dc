//! The Service proxy: keeps the kernel as Services and EndpointSlices say.
//!
//! * [`backend`]: what programs the kernel, one kind after the other.

pub mod backend;

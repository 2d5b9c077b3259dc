//! The types of a ruleset. Every closed set of the kernel has an `Unknown` variant that keeps the value, so that
//! what this version does not know survives a round trip through a snapshot and can be named.

mod bytes;
mod expr;
mod keys;
mod object;

pub use bytes::Bytes;
pub use expr::*;
pub use keys::*;
pub use object::*;

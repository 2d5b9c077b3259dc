//! Walks a packet through a snapshot, there and back.
pub mod conntrack;
mod device;
pub mod env;
pub mod event;
mod hash;
pub mod machine;
pub mod meter;
pub mod modelled;
mod network;
pub mod packet;
mod routing;
pub mod session;
pub mod share;
pub mod state;
mod walk;

pub use network::Network;
pub use walk::{End, Goal, HalfOpen, Walker};

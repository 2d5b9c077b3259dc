//! Connection tracking and NAT as the walk sees it (net/netfilter/nf_conntrack_core.c, nf_nat_core.c).

pub mod nat;
mod table;
mod track;

pub use table::{Connection, CtTable};
pub(crate) use table::{ConntrackIndex, status};
pub(crate) use track::{confirm, track};

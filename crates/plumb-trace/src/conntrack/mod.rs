//! Connection tracking and NAT as the walk sees it (net/netfilter/nf_conntrack_core.c, nf_nat_core.c).

pub mod nat;
mod table;
mod track;

pub(crate) use table::ConntrackIndex;
pub(crate) use table::status::SRC_NAT_DONE;
pub use table::{Connection, CtTable};
pub(crate) use track::{clashes, confirm, track};

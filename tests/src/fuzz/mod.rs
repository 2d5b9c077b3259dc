//! Holds the walk against the kernel: random rulesets, really loaded, and packets, really sent.
//!
//! Every [`Case`] is some rulesets on a small network of three namespaces and some flows through it. The packets of each
//! flow are sent by real sockets and walked through a snapshot of the same rules; what the sender sees, what comes to
//! which listener from which address, and what every rule counted must be the same. Where the kernel draws, it must do
//! one of the things that the walk says it may.
//!
//! No answer is waited for until a time runs out: everything happens on one processor, in order, so a sentinel that
//! was sent later and has come back tells that nothing else will come. What base chains [open](ruleset::opening) with
//! lets sentinels through, and packets that a walk of one packet and its answer is not about.
//!
//! When both disagree, the kernel is right.

pub mod case;
mod drive;
pub mod generate;
pub mod kind;
mod load;
pub mod network;
pub mod networks;
pub mod observe;
mod predict;
pub mod regression;
pub mod rng;
pub mod ruleset;
pub mod run;
pub mod shrink;
pub mod xtables;

pub use case::Case;
pub use kind::Kind;
pub use network::Network;
pub use networks::Networks;

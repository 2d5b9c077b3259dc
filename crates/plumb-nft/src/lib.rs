//! nftables as the kernel holds it: tables, chains, sets, rules and the expressions that a rule is made of.
//!
//! * [`types`]: what a ruleset is made of, in the kernel's own terms (`include/uapi/linux/netfilter/nf_tables.h`).
//! * decoding and encoding: netlink attributes to these types and back.
//! * text: rules, sets and whole rulesets as Debian 12's `nft` 1.0.6 prints them.
//!
//! No sockets: bytes come in, bytes go out.

pub mod types;

pub use types::*;

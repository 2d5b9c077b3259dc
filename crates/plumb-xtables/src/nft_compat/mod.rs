//! Rules that iptables-nft has written: nftables expressions back to [`XtRule`](crate::XtRule)s.
//!
//! iptables-nft 1.8.9 writes interfaces, addresses, protocol, fragments, the options of `tcp` and `udp` (ports without
//! `--tcp-option`, flags), `mark`, `limit`, `NFLOG`, `TRACE` and the verdicts as expressions that nftables has of its
//! own, and all else as `match` and `target` expressions around the kernel's xtables extensions.

mod interpret;
mod table;
mod values;

pub use interpret::{NotXtables, xtables_rule};
pub use table::{BuiltinChain, builtin_chains, has_xtables_expression, is_xtables_table};

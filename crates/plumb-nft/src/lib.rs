//! nftables as the kernel holds it: tables, chains, sets, rules and the expressions that a rule is made of.
//!
//! * [`types`]: what a ruleset is made of, in the kernel's own terms (`include/uapi/linux/netfilter/nf_tables.h`).
//! * [`request`] and [`decode`]: what to ask the kernel, and its answers to types; [`Assembler`] makes a [`Ruleset`] of them.
//!
//! * [`text`]: rules, sets and whole rulesets as `nft` 1.0.6 prints them.
//! * [`encode`] and [`Batch`]: types to messages, and a transaction of them.
//!
//! No sockets: bytes come in, bytes go out.
//!
//! ```
//! use plumb_nft::{Assembler, request, uapi};
//!
//! let ask = request::generation();
//! assert_eq!(ask.message_type, 10 << 8 | uapi::msg::GETGEN);
//!
//! // The kernel's answer: `nfgenmsg`, then the attribute NFTA_GEN_ID.
//! let mut reader = Assembler::new();
//! let answer = [0, 0, 0, 7, 8, 0, 1, 0, 0, 0, 0, 7];
//! # #[cfg(target_endian = "little")]
//! reader.push(10 << 8 | uapi::msg::NEWGEN, &answer)?;
//! # #[cfg(target_endian = "little")]
//! assert_eq!(reader.finish().ruleset.generation, 7);
//! # Ok::<(), plumb_nft::DecodeError>(())
//! ```

mod assemble;
pub mod batch;
mod compat;
pub mod decode;
pub mod encode;
pub mod nlattr;
pub mod request;
pub mod text;
pub mod types;
pub mod uapi;

pub use assemble::{Assembled, Assembler};
pub use batch::{Batch, Place};
pub use compat::compat_of;
pub use encode::EncodeError;
pub use nlattr::DecodeError;
pub use types::*;

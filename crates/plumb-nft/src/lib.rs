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
//!
//! A rule as the kernel holds it, and as people read it:
//!
//! ```
//! use plumb_nft::{Bytes, CmpOp, Data, Expr, Family, MetaKey, PayloadBase, Register, Rule, Table, Verdict, text};
//!
//! let reg = Register(1);
//! let rule = Rule {
//!     handle: 4,
//!     exprs: vec![
//!         Expr::Meta { key: MetaKey::L4proto, dreg: reg },
//!         Expr::Cmp { sreg: reg, op: CmpOp::Eq, data: Bytes(vec![6]) },
//!         Expr::Payload { dreg: reg, base: PayloadBase::Transport, offset: 2, len: 2 },
//!         Expr::Cmp { sreg: reg, op: CmpOp::Eq, data: Bytes(vec![0, 80]) },
//!         Expr::Counter { packets: 7, bytes: 420 },
//!         Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(Verdict::Drop) },
//!     ],
//!     userdata: Bytes::default(),
//!     compat: None,
//! };
//! # let table = Table { family: Family::Inet, name: "t".into(), handle: 1, flags: 0, userdata: Bytes::default(),
//! #     chains: vec![], sets: vec![], objects: vec![], flowtables: vec![], unknown_attributes: vec![] };
//! assert_eq!(text::rule(&table, &rule), "tcp dport 80 counter drop");
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
pub use batch::{Batch, ElementChange, ElementRef, Place};
pub use compat::compat_of;
pub use encode::EncodeError;
pub use nlattr::DecodeError;
pub use types::*;

//! The rules of iptables: their matches and targets, as the kernel holds them and as `iptables -S` prints them.
//!
//! * [`Match::decode`] and [`Target::decode`] read the structure that an extension keeps in the kernel into fields that
//!   can be evaluated. They never fail: what is not known is an [`UnknownExtension`] that keeps name, revision, bytes
//!   and the reason. `encode` writes the common ones back.
//! * `options` is the text of an extension, exactly as iptables 1.8.9 (Debian 12) saves it.
//! * [`nft_compat`] reads a rule that iptables-nft has written as nftables expressions back into an [`XtRule`], whose
//!   [`XtRule::text`] is its line in `iptables -S`.
//! * [`legacy`] reads the entries of a table of iptables-legacy to rules of the same shape.
//!
//! No sockets: bytes come in, types and text go out.
//!
//! ```
//! use plumb_xtables::{Match, NoSetNames, XtFamily};
//!
//! let mark = Match::decode("mark", 1, XtFamily::Ip, &[0, 0x40, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
//! assert_eq!(mark.options(&NoSetNames), "--mark 0x4000/0x4000");
//! ```

mod blob;
#[macro_use]
mod extension;
pub mod legacy;
pub mod matches;
pub mod nft_compat;
mod rule;
pub mod targets;
pub mod text;
mod types;

pub use blob::BlobError;
pub use extension::EncodeError;
pub use matches::Match;
pub use rule::{Action, Verdict, XtRule};
pub use targets::Target;
pub use types::{
    AddrMask, IfaceName, Inv, Masked, NoSetNames, PortRange, Range32, SetNames, UnknownExtension, XtFamily,
};

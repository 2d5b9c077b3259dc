//! DNS messages (RFC 1035, 2782, 3596, 6891), and the names that a Kubernetes cluster has. Pure: no I/O.
//!
//! ```text
//!  query() ──► bytes ──► a server ──► bytes ──► Message::decode ──► addresses_of
//!  objects of the API ──► Zone ──► answer(): a server's reply to a message, cut off where it does not fit
//! ```
//!
//! ```
//! use plumb_dns::{Kind, Message, query};
//!
//! let asked = Message::decode(&query(7, "web.shop.svc.cluster.local", Kind::A, None)?)?;
//! assert_eq!((asked.id, asked.questions[0].kind), (7, Kind::A));
//! # Ok::<(), plumb_dns::DnsError>(())
//! ```

mod decode;
mod encode;
mod error;
mod message;
mod reply;
#[cfg(test)]
mod tests;
mod zone;

pub use error::DnsError;
pub use message::{Data, Kind, Message, Question, Rcode, Record, query};
pub use reply::{Found, addresses_of};
pub use zone::{Looked, Zone, answer};

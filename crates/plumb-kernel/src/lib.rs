//! Reads and writes the kernel: netlink, namespaces, sockets, /proc.
//!
//! * [`snapshot`] reads every network namespace of the machine into a [`plumb_model::Snapshot`]. Reading changes nothing:
//!   no module is loaded, no table created.
//! * [`NamespaceHandle`] and [`in_namespace`] run code inside a namespace, each time on a fresh thread that ends there.
//!
//! Netlink is blocking here. The only `unsafe` of Plumb is in this crate's `sys.rs`.
//!
//! ```no_run
//! let snapshot = plumb_kernel::snapshot(&plumb_kernel::Options::default())?;
//! for namespace in &snapshot.namespaces {
//!     println!("{}: {} links", namespace.name, namespace.links.items().len());
//! }
//! # Ok::<(), plumb_kernel::KernelError>(())
//! ```

mod discover;
mod error;
mod features;
mod netlink;
mod netns;
mod read;
mod sys;

pub use error::{KernelError, Result};
pub use netns::{NamespaceHandle, in_namespace};
pub use read::{Options, OwnerOf, Parts, Progress, snapshot};

//! Reads and writes the kernel: netlink, namespaces, sockets, /proc.
//!
//! * [`snapshot`] reads every network namespace of the machine into a [`plumb_model::Snapshot`]. Reading changes nothing:
//!   no module is loaded, no table created.
//! * [`NamespaceWriter`] changes one namespace, [`apply`] makes a [`plumb_model::Change`] real.
//! * [`probe::connect`] opens one real connection from inside a namespace and tells what the client saw.
//! * [`look_up`] asks the C library for a name there, with files of its own.
//! * [`spawn`] starts a program inside a namespace.
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
mod look_up;
mod netlink;
mod netns;
pub mod probe;
mod read;
mod spawn;
mod sys;
mod write;

pub use error::{KernelError, Result};
pub use look_up::{LookedUp, OwnFile, look_up};
pub use netns::{NamespaceHandle, in_namespace};
pub use read::{
    Options, OwnerOf, Parts, Progress, ResolverOf, decode_ipsets, read_ipsets, read_legacy, snapshot,
};
pub use spawn::{spawn, spawn_detached};
pub use write::{
    NamespaceWriter, NewLink, NewLinkKind, VethPeer, apply, create_anonymous, create_named, delete_named,
};

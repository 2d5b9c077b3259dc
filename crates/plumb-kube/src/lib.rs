//! One stream of changes of Kubernetes objects, from either of two sources and in the same types ([`plumb_api::Change`]):
//!
//! * [`ApiSource`]: an API server, by kubeconfig, in-cluster account or address; lists and watches.
//! * [`FolderSource`]: a folder of manifests, a file or the standard input; followed as it changes.
//!
//! Who needs the objects as they are now, once, lists them with [`list_once`].
//!
//! Only what is used is kept: objects go to the receiver in the narrow types of `plumb-api`, and a source remembers names and
//! versions. Sources run on threads of their own and deliver batches of [`Event`]s; receivers may block.
//!
//! ```no_run
//! use plumb_kube::{Access, ApiSource, Event, Interest};
//!
//! let source = ApiSource::new(Access::plain("http://127.0.0.1:8001"), Interest::proxy("node-1"));
//! let (events, _running) = source.channel()?;
//! for event in events.iter().flatten() {
//!     match event {
//!         Event::Change(change) => println!("{change:?}"),
//!         Event::Problem(problem) => eprintln!("{problem}"),
//!         Event::Recovered(subject) => eprintln!("{subject}: well again"),
//!         Event::Notice(notice) => eprintln!("{notice}"),
//!     }
//! }
//! # Ok::<(), plumb_kube::SourceError>(())
//! ```

mod api;
mod error;
mod event;
mod folder;
mod interest;
mod running;

pub use api::{Access, ApiSource, ListOptions, Listed, Undecodable, Unread, WhyUnread, list_once};
pub use error::SourceError;
pub use event::{Event, Notice, Problem, Subject, Trouble};
pub use folder::{FolderSource, read_manifests};
pub use interest::Interest;
pub use running::Running;

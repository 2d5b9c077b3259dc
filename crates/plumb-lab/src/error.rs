//! What can go wrong with a lab.

use std::io;

use plumb_kernel::KernelError;

use crate::topology::TopologyError;

/// Why something with a lab did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The topology is no good.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The kernel refused something.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A file or process could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The lab's state file cannot be understood.
    #[error(
        "{path} cannot be understood: {message}. `plumb lab down {lab}` removes it and what it stands for"
    )]
    State {
        /// The lab.
        lab: String,
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// There is no lab of that name.
    #[error("no lab is called `{name}`{}", if .known.is_empty() { "; `plumb lab up` starts one".to_owned() } else { format!("; there are: {}", .known.join(", ")) })]
    NoSuchLab {
        /// The name asked for.
        name: String,
        /// Labs that there are.
        known: Vec<String>,
    },
    /// Several labs run and none was named.
    #[error("which lab? Running: {}. Name one with --lab", .0.join(", "))]
    WhichLab(Vec<String>),
    /// A lab of that name runs.
    #[error("the lab `{0}` runs already (`plumb lab status {0}`); `plumb lab down {0}` ends it")]
    Running(String),
    /// The supervisor is dead.
    #[error(
        "the supervisor of the lab `{0}` is dead; `plumb lab up` or `plumb lab down {0}` removes what is left"
    )]
    Dead(String),
    /// A namespace in the way that the lab did not make.
    #[error(
        "a network namespace called `{0}` exists that no lab made; remove it (`ip netns del {0}`) or name the lab otherwise"
    )]
    InTheWay(String),
    /// The supervisor could not build the lab.
    #[error("the lab could not be built: {0}")]
    Build(String),
    /// Something took too long.
    #[error("{what} took longer than {seconds} s; see {log}")]
    Deadline {
        /// What.
        what: String,
        /// How long was waited.
        seconds: u64,
        /// Where more may be found.
        log: String,
    },
    /// The supervisor or a server said no.
    #[error("{what}: {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// The answer.
        message: String,
    },
    /// A name that leads nowhere.
    #[error("{0}")]
    Unknown(String),
    /// A fault cannot be made here.
    #[error("{id} cannot be made here: {message}")]
    Fault {
        /// Number in the catalogue.
        id: String,
        /// Why not.
        message: String,
    },
}

impl LabError {
    /// A system call that failed.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Result of everything here.
pub type Result<T> = std::result::Result<T, LabError>;

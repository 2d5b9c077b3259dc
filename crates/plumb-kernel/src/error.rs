//! What can go wrong between Plumb and the kernel.

use std::io;
use std::path::PathBuf;

use plumb_nft::DecodeError;
use thiserror::Error;

/// Why the kernel could not be read or changed. Every variant says what was being done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The kernel answered a netlink request with an error.
    #[error("{what}: {}{}", io::Error::from_raw_os_error(*errno), .message.as_ref().map(|m| format!(" (kernel: {m})")).unwrap_or_default())]
    Refused {
        /// The request: `add route 10.0.0.0/8 via 10.1.0.1 in net:[4026531840]`.
        what: String,
        /// `E*` number, positive.
        errno: i32,
        /// The kernel's own words (NLMSGERR_ATTR_MSG).
        message: Option<String>,
        /// Byte of the request that it stumbled over, counted from its `nlmsghdr` (NLMSGERR_ATTR_OFFS).
        offset: Option<u32>,
    },
    /// A system call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, to what.
        what: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The kernel's answer is not what its headers define.
    #[error("{what}: cannot read the kernel's answer: {source}")]
    Decode {
        /// The request.
        what: String,
        /// What was wrong with the answer.
        #[source]
        source: DecodeError,
    },
    /// The kernel's answer has an impossible length, or belongs to something else.
    #[error("{what}: {problem}")]
    Protocol {
        /// The request.
        what: String,
        /// What was wrong.
        problem: String,
    },
    /// A namespace could not be entered.
    #[error("cannot enter the network namespace {}: {source}", path.display())]
    Enter {
        /// How it was tried.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A thing that the request names is not there.
    #[error("{what}: there is no {missing}")]
    Missing {
        /// The request.
        what: String,
        /// What is not there.
        missing: String,
    },
    /// A change that this version cannot make for real.
    #[error("{what} cannot be made for real: {why}")]
    Unsupported {
        /// The change.
        what: String,
        /// Why not.
        why: String,
    },
}

impl KernelError {
    /// A system call that failed.
    pub(crate) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }

    /// The error number, where the kernel gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            Self::Io { source, .. } | Self::Enter { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// Whether a right is missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.errno(), Some(libc::EPERM | libc::EACCES))
    }

    /// The same error with the place in front: `in node-1: …`.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        match &mut self {
            Self::Refused { what, .. }
            | Self::Io { what, .. }
            | Self::Decode { what, .. }
            | Self::Protocol { what, .. }
            | Self::Missing { what, .. }
            | Self::Unsupported { what, .. } => *what = format!("{place}: {what}"),
            Self::Enter { .. } => {}
        }
        self
    }
}

/// Result of everything here.
pub type Result<T> = std::result::Result<T, KernelError>;

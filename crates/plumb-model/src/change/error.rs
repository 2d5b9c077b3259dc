//! Why a change cannot be made.

use crate::NamespaceId;

/// Why a change cannot be made to a snapshot: what the kernel would have answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The snapshot has no such namespace.
    #[error("the snapshot holds no network namespace {0}")]
    NoNamespace(NamespaceId),
    /// What would be changed was not read, so that the result is not known.
    #[error("{what} of {namespace} were not read ({why}), so a change to them cannot be tried")]
    NotRead {
        /// `routes`, `nftables` …
        what: &'static str,
        /// Name of the namespace.
        namespace: String,
        /// The missing capability or feature.
        why: String,
    },
    /// There is no such thing (ENOENT, ENODEV, ESRCH).
    #[error("there is no {0}")]
    NotFound(String),
    /// There is one already (EEXIST, EADDRINUSE).
    #[error("{0} is there already")]
    AlreadyThere(String),
    /// The kernel refuses it (EINVAL, ENETUNREACH, EBUSY …).
    #[error("{what} cannot be done: {why}")]
    Refused {
        /// What was asked.
        what: String,
        /// What the kernel holds against it.
        why: String,
    },
}

/// The value to change, or the error that says why it is not there.
pub(super) fn read<'a, T>(
    value: &'a mut crate::Read<T>,
    what: &'static str,
    namespace: &str,
) -> Result<&'a mut T, ChangeError> {
    let not_read =
        |why: &String| ChangeError::NotRead { what, namespace: namespace.to_owned(), why: why.clone() };
    match value {
        crate::Read::Got(v) | crate::Read::Torn { value: v, .. } => Ok(v),
        crate::Read::Denied { capability: why } | crate::Read::Absent { feature: why } => Err(not_read(why)),
    }
}

//! Why a file holds no objects that can be read.

use std::sync::Arc;

use super::place::{Place, Position};

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ManifestError {
    /// Where.
    pub place: Place,
    /// What is wrong, and what to write.
    pub message: String,
    /// The line that it stands on.
    pub line: String,
}

/// The same before it is known which file it is.
#[derive(Clone, Debug)]
pub(crate) struct Flaw {
    pub(crate) at: Position,
    pub(crate) message: String,
}

impl Flaw {
    pub(crate) fn in_file(self, file: &Arc<str>, text: &str) -> ManifestError {
        let line = self.at.line.checked_sub(1).and_then(|n| text.lines().nth(n)).unwrap_or_default();
        ManifestError { place: Place::new(file, self.at), message: self.message, line: line.to_owned() }
    }
}

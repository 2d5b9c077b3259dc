//! What a source tells, beside the changes themselves.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use plumb_api::manifest::{ManifestError, Warning};
use plumb_api::{Change, Kind, ObjectKey};

/// What a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The view changes.
    Change(Change),
    /// Something cannot be read. Whatever was told before stays in force until it can.
    Problem(Problem),
    /// A problem with this subject is over. What changed meanwhile has been told or follows.
    Recovered(Subject),
    /// Worth knowing, and nothing to mend.
    Notice(Notice),
}

/// What cannot be read, since when and why. A later problem with the same subject takes the place of the earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What cannot be read.
    pub subject: Subject,
    /// Since when.
    pub since: SystemTime,
    /// Why.
    pub trouble: Trouble,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.subject, &self.trouble) {
            // The text names the file, with line and column.
            (Subject::File(_), Trouble::Manifest(_)) => self.trouble.fmt(f),
            _ => write!(f, "{}: {}", self.subject, self.trouble),
        }
    }
}

/// What a problem is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The API server, by its address.
    Server(Box<str>),
    /// All objects of a kind.
    Kind(Kind),
    /// The folder of manifests as a whole.
    Folder(PathBuf),
    /// A manifest.
    File(PathBuf),
    /// An object; its name is empty where even that could not be read.
    Object(ObjectKey),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(address) => write!(f, "API server {address}"),
            Self::Kind(kind) => write!(f, "objects of kind {kind}"),
            Self::Folder(path) => write!(f, "manifests in {}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Object(key) => key.fmt(f),
        }
    }
}

/// Why something cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The API server gives no answer.
    #[error("no answer ({0}); the last state stays in force, and it is asked again")]
    Unreachable(String),
    /// The API server answers that it cannot serve now.
    #[error("it cannot serve (HTTP {code}: {message}); the last state stays in force, and it is asked again")]
    Unavailable {
        /// HTTP status.
        code: u16,
        /// The server's text.
        message: String,
    },
    /// The API server refuses the request.
    #[error("the API server refuses to list them (HTTP {code}: {message}); check the rights of the account")]
    Refused {
        /// HTTP status.
        code: u16,
        /// The server's text.
        message: String,
    },
    /// An object has a field with a value that it cannot have.
    #[error("{0}; what was known of it stays in force")]
    Undecodable(String),
    /// A manifest makes no sense; the text begins with file, line and column.
    #[error(transparent)]
    Manifest(Box<ManifestError>),
    /// A file or folder cannot be read.
    #[error("cannot be read ({0}); the last state stays in force")]
    Io(String),
}

/// Worth knowing, and nothing to mend.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The API server does not know the kind: it is older than the kind, or has it switched off. The kind counts as
    /// listed and empty, and is asked for again now and then.
    KindAbsent(Kind),
    /// The API server cannot select by this field, so everything is read and selected here.
    SelectorUnsupported {
        /// Kind.
        kind: Kind,
        /// The server's text.
        message: String,
    },
    /// A manifest can be read, but something in it is probably not meant, or not used.
    Manifest(Box<Warning>),
    /// Changes of the folder cannot be heard of, so it is looked at every second.
    Polling {
        /// Folder.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KindAbsent(kind) => write!(f, "the API server does not know {kind}; it counts as empty"),
            Self::SelectorUnsupported { kind, message } => {
                write!(
                    f,
                    "the API server cannot select {kind} objects ({message}); all are read and selected here"
                )
            }
            Self::Manifest(warning) => warning.fmt(f),
            Self::Polling { path, error } => write!(
                f,
                "changes in {} cannot be heard of ({error}), so it is looked at every second; raise \
                 fs.inotify.max_user_watches",
                path.display()
            ),
        }
    }
}

//! What can go wrong on the command line, and the exit status it means.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use miette::Diagnostic;
use plumb_kernel::KernelError;
use plumb_model::FileError;

/// Exit status, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done; the flow connects.
    Good,
    /// The answer is no: it does not connect, something was found.
    No,
    /// Wrong usage, or not permitted.
    Usage,
    /// Something that was needed could not be read.
    CannotTell,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Good => 0,
            Status::No => 1,
            Status::Usage => 2,
            Status::CannotTell => 3,
        })
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// The kernel could not be read.
    #[error(transparent)]
    #[diagnostic(help("reading other namespaces takes CAP_SYS_ADMIN and CAP_NET_ADMIN: try it with sudo"))]
    Denied(KernelError),
    /// The kernel could not be read, for another reason than rights.
    #[error(transparent)]
    Kernel(KernelError),
    /// The network namespace that an answer is asked of could not be entered, whatever kept it back.
    #[error(transparent)]
    #[diagnostic(help("entering another namespace takes CAP_SYS_ADMIN, and a path that leads to one"))]
    NotEntered(KernelError),
    /// A snapshot file could not be read or written.
    #[error("{}", name(path))]
    SnapshotFile {
        /// The file; `-` for stdin or stdout.
        path: PathBuf,
        /// Why.
        source: FileError,
    },
    /// A manifest makes no sense.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(Box<crate::manifests::Flaw>),
    /// A file could not be opened, made or renamed.
    #[error("cannot {doing} {}", name(path))]
    File {
        /// `read`, `write` …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no such namespace.
    #[error("there is no network namespace `{name}`")]
    #[diagnostic(help("{}", known(known_names)))]
    NoNamespace {
        /// What was asked for.
        name: String,
        /// What there is.
        known_names: Vec<String>,
    },
    /// A namespace that can only be looked at.
    #[error("the network namespace `{name}` cannot be entered: no process, name or mount leads to it")]
    NoPath {
        /// Its name.
        name: String,
    },
    /// A command could not be started.
    #[error("cannot run `{command}`")]
    Exec {
        /// The program.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Something with a lab did not work.
    #[error(transparent)]
    Lab(#[from] plumb_lab::LabError),
    /// The snapshot cannot be redacted.
    #[error("the snapshot cannot be redacted")]
    Redact(#[from] plumb_model::RedactError),
    /// The proxy could not do its work.
    #[error(transparent)]
    #[diagnostic(help("programming nftables takes CAP_NET_ADMIN in the node's network namespace"))]
    Proxy(#[from] plumb_proxy::ProxyError),
    /// The source of objects ended.
    #[error(transparent)]
    SourceEnded(#[from] plumb_proxy::SourceEnded),
    /// Objects could not be read.
    #[error(transparent)]
    Source(#[from] plumb_kube::SourceError),
    /// Manifests are wrong.
    #[error("{}", problems.join("\n"))]
    #[diagnostic(help("nothing was written"))]
    Manifests {
        /// Each with file, line and column.
        problems: Vec<String>,
    },
    /// A table of nftables may not be read.
    #[error("cannot read table {table}: {capability} is missing")]
    #[diagnostic(help("run it as root (sudo)"))]
    Unreadable {
        /// `ip plumb`
        table: String,
        /// `CAP_NET_ADMIN`
        capability: String,
    },
    /// The API did not tell the objects.
    #[error("{}", problems.join("\n"))]
    #[diagnostic(help(
        "--kubeconfig FILE, --master URL or --in-cluster name an API, --manifests DIR takes the objects from files"
    ))]
    NoObjects {
        /// What it said.
        problems: Vec<String>,
    },
    /// No proxy tells its state.
    #[error("no proxy answers at {}", path.display())]
    #[diagnostic(help(
        "start one with `plumb proxy`, or name its node with --hostname-override or its socket with --status-socket"
    ))]
    NoProxy {
        /// Its socket.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Something was asked for that cannot be.
    #[error("{problem}")]
    #[diagnostic(help("{help}"))]
    Usage {
        /// What is wrong.
        problem: String,
        /// What to write instead.
        help: String,
    },
}

fn name(path: &std::path::Path) -> String {
    if path == std::path::Path::new("-") { "stdin/stdout".to_owned() } else { path.display().to_string() }
}

fn known(names: &[String]) -> String {
    if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

impl Error {
    /// The exit status that it means.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::SourceEnded(_)
            | Self::Source(plumb_kube::SourceError::NoAnswer { .. })
            | Self::Kernel(_)
            | Self::NotEntered(_)
            | Self::NoPath { .. }
            | Self::Proxy(_)
            | Self::NoProxy { .. }
            | Self::Unreadable { .. }
            | Self::NoObjects { .. } => Status::CannotTell,
            _ => Status::Usage,
        }
    }

    /// A file that could not be opened, read, written.
    pub fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}

impl From<KernelError> for Error {
    fn from(error: KernelError) -> Self {
        if error.is_denied() { Self::Denied(error) } else { Self::Kernel(error) }
    }
}

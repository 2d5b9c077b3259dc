//! What can go wrong while a scenario is read, built or asked about.

use std::path::PathBuf;

/// Result of a step of a test.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a test could not go on, or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The tests make network namespaces, which takes root.
    #[error(
        "network namespaces take root (effective uid is {uid}): run the tests as root, or leave out -p plumb-tests"
    )]
    NotRoot {
        /// Effective user id of the process.
        uid: u32,
    },
    /// A file could not be read, written or run.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, and to what.
        doing: String,
        /// The system's own word.
        source: std::io::Error,
    },
    /// A scenario or network file does not say what it must.
    #[error("{}: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Where in it and why.
        why: String,
    },
    /// A shell command ended with a failure or took too long.
    #[error("{what}: {how}\n--- script\n{script}\n--- output\n{output}")]
    Shell {
        /// Which step of the scenario it was.
        what: String,
        /// How it ended.
        how: String,
        /// What was run.
        script: String,
        /// What it said on stdout and stderr.
        output: String,
    },
    /// A process inside a namespace did not do what it was started for.
    #[error("{what}: {why}")]
    Agent {
        /// Which process.
        what: String,
        /// What was seen instead.
        why: String,
    },
    /// A lab, or its topology, is not as it should be.
    #[error(transparent)]
    Lab(#[from] plumb_lab::LabError),
    /// Something is not as the scenario says; one line for each difference.
    #[error("{what}:\n  {}", differences.join("\n  "))]
    Differs {
        /// What was compared.
        what: String,
        /// The differences.
        differences: Vec<String>,
    },
}

impl Failure {
    /// An I/O failure, with what was being done.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// `Ok` where there are no differences.
    pub fn unless_same(what: impl Into<String>, differences: Vec<String>) -> Result<()> {
        if differences.is_empty() { Ok(()) } else { Err(Self::Differs { what: what.into(), differences }) }
    }
}

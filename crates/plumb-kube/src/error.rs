//! Why a source cannot begin.

use std::path::PathBuf;

/// Why a source cannot begin. What goes wrong later is a [`crate::Problem`].
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not an address.
    #[error("{0:?} is no address of an API server: write https://host:port")]
    Master(String),
    /// A kubeconfig that cannot be used.
    #[error("kubeconfig {}: {source}", path.display())]
    Kubeconfig {
        /// File.
        path: PathBuf,
        /// What is wrong.
        source: Box<kube::config::KubeconfigError>,
    },
    /// Not inside a cluster.
    #[error("no account of a Pod ({0}): outside a cluster give --kubeconfig or --master")]
    InCluster(Box<dyn std::error::Error + Send + Sync>),
    /// Certificates or credentials that cannot be used.
    #[error("making a client for the API server: {0}")]
    Client(Box<kube::Error>),
    /// The API server gives no answer, whatever is asked for.
    #[error("no answer from the API server at {url}: {message}")]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// Why.
        message: String,
    },
    /// A thread or its runtime.
    #[error("starting the thread that reads the API: {0}")]
    Thread(std::io::Error),
    /// A folder of manifests.
    #[error("manifests in {}: {source}", path.display())]
    Folder {
        /// File or folder.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The standard input holds no manifest; the text begins with line and column.
    #[error(transparent)]
    Manifest(Box<plumb_api::manifest::ManifestError>),
    /// inotify.
    #[error("watching {} for changes: {source}; raise fs.inotify.max_user_instances or max_user_watches", path.display())]
    Watch {
        /// File or folder.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
}

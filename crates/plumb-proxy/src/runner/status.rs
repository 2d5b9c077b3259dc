//! What `plumb proxy status` shows, and the socket on which a running proxy tells it.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Reason;

/// State of a running proxy. Times are seconds since 1970, durations milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the node.
    pub node: String,
    /// Process.
    pub pid: u32,
    /// When it began.
    pub started_at: f64,
    /// Services, their endpoints and the Node were listed.
    pub ready: bool,
    /// Services with a cluster IP.
    pub services: usize,
    /// Frontends in force.
    pub frontends: usize,
    /// Runs so far, and how many failed.
    pub runs: u64,
    /// Runs that failed.
    pub failed_runs: u64,
    /// The last run.
    pub last: Option<Run>,
    /// When the next one is due, and why.
    pub next: Option<Next>,
    /// How long the oldest change that is not in the kernel has waited.
    pub behind_ms: f64,
    /// What the kernel refuses, object by object.
    pub refused: Vec<String>,
    /// What cannot be read from the source.
    pub problems: Vec<String>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it began.
    pub at: f64,
    /// Why.
    pub reason: Reason,
    /// How long it took.
    pub duration_ms: f64,
    /// How much of that in the kernel.
    pub kernel_ms: f64,
    /// From the oldest change it carried until it was in the kernel.
    pub latency_ms: f64,
    /// Services that were looked at.
    pub services: usize,
    /// Elements that came or went.
    pub elements: usize,
    /// Bytes written.
    pub bytes: usize,
    /// A table was written whole.
    pub whole: bool,
    /// Why it failed.
    pub errors: Vec<String>,
}

/// The next run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Next {
    /// When.
    pub at: f64,
    /// Why.
    pub reason: Reason,
}

/// Seconds since 1970.
#[must_use]
pub fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Where the proxy of a node tells its state.
#[must_use]
pub fn socket_path(node: &str) -> PathBuf {
    Path::new("/run/plumb").join(format!("proxy-{node}.sock"))
}

/// Tells the state to whoever connects, until this is dropped.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
}

impl Server {
    /// Listens at `path`; what a former proxy left there is removed.
    ///
    /// # Errors
    /// When the path cannot be used, or another proxy answers on it.
    pub fn start(path: &Path, status: Arc<Mutex<Status>>) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another proxy of this node is running"));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::thread::Builder::new().name("status".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                // One that does not read is left alone after a while.
                let _ = stream.set_write_timeout(Some(Duration::from_secs(1)));
                let _ = answer(stream, &status);
            }
        })?;
        Ok(Self { path: path.to_owned() })
    }
}

fn answer(mut stream: UnixStream, status: &Mutex<Status>) -> io::Result<()> {
    let status = status.lock().unwrap_or_else(PoisonError::into_inner).clone();
    serde_json::to_writer(&mut stream, &status)?;
    stream.write_all(b"\n")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Asks the proxy that listens at `path`.
///
/// # Errors
/// When none does, or its answer makes no sense.
pub fn ask(path: &Path) -> io::Result<Status> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

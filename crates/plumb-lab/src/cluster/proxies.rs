//! The real `plumb proxy` on each node, as the supervisor's children.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plumb_kernel::NamespaceHandle;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::API_ADDRESS;
use crate::error::{LabError, Result};
use crate::state::{self, NETNS};
use crate::topology::Topology;

/// How long the first sync of all nodes may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// How a proxy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStatus {
    /// Node.
    pub node: String,
    /// Process id; `None` when it ended.
    pub pid: Option<u32>,
    /// Socket on which it tells its state (`plumb proxy status --status-socket`).
    pub socket: PathBuf,
}

struct Proxy {
    node: String,
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

/// All proxies of a lab.
pub(super) struct Proxies(Vec<Proxy>);

/// The `plumb` command: `$PLUMB_BIN`, this program itself, or, where that is a test, the one that was built beside it.
fn program() -> std::io::Result<PathBuf> {
    if let Some(path) = std::env::var_os("PLUMB_BIN") {
        return Ok(path.into());
    }
    let this = std::env::current_exe()?;
    let name = this.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = this.parent().and_then(Path::parent).map(|folder| folder.join("plumb"));
    match beside {
        Some(built) if this.parent().is_some_and(|p| p.ends_with("deps")) => {
            if built.is_file() {
                return Ok(built);
            }
            let why = format!(
                "{name} is no `plumb`, and there is none at {}: build it, or name it in PLUMB_BIN",
                built.display()
            );
            Err(std::io::Error::new(std::io::ErrorKind::NotFound, why))
        }
        _ => Ok(this),
    }
}

/// Files of a node's proxy.
fn files(lab: &str, node: &str) -> (PathBuf, PathBuf) {
    (state::file(lab, &format!("proxy-{node}.sock")), state::file(lab, &format!("proxy-{node}.log")))
}

/// Removes what the proxies of a lab left.
pub(crate) fn remove_files(topology: &Topology) {
    for node in &topology.nodes {
        let (socket, log) = files(&topology.name, &node.name);
        let _ = std::fs::remove_file(socket);
        let _ = std::fs::remove_file(log);
    }
}

impl Proxies {
    /// Starts one on each node and waits until all have synced.
    pub(super) fn start(topology: &Topology) -> Result<Self> {
        let mut all = Self(Vec::with_capacity(topology.nodes.len()));
        for node in &topology.nodes {
            all.0.push(Proxy::start(topology, &node.name)?);
        }
        let until = Instant::now() + DEADLINE;
        for proxy in &mut all.0 {
            proxy.wait(until)?;
        }
        Ok(all)
    }

    pub(super) fn status(&mut self) -> Vec<ProxyStatus> {
        let one = |p: &mut Proxy| ProxyStatus {
            node: p.node.clone(),
            pid: matches!(p.child.try_wait(), Ok(None)).then(|| p.child.id()),
            socket: p.socket.clone(),
        };
        self.0.iter_mut().map(one).collect()
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        for proxy in &mut self.0 {
            let _ = proxy.child.kill();
        }
        for proxy in &mut self.0 {
            let _ = proxy.child.wait();
        }
    }
}

impl Proxy {
    fn start(topology: &Topology, node: &str) -> Result<Self> {
        let what = || format!("start the proxy of {node}");
        let (socket, log) = files(&topology.name, node);
        let _ = std::fs::remove_file(&socket);
        let output = File::create(&log).map_err(LabError::io(format!("write {}", log.display())))?;
        let namespace = NamespaceHandle::open(Path::new(NETNS).join(topology.node_namespace(node)))
            .map_err(LabError::Kernel)?;
        let pods: Vec<String> = topology.network.pod_ranges.iter().map(ToString::to_string).collect();
        let mut command = Command::new(program().map_err(LabError::io(what()))?);
        command
            .args(["proxy", "--master", &format!("http://{API_ADDRESS}"), "--hostname-override", node])
            .args(["--cluster-cidr", &pods.join(",")])
            .arg("--status-socket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output);
        let child = plumb_kernel::spawn(&mut command, &namespace).map_err(LabError::Kernel)?;
        Ok(Self { node: node.to_owned(), child, socket, log })
    }

    /// Waits until it says that it has synced.
    fn wait(&mut self, until: Instant) -> Result<()> {
        let refused = |message: String| LabError::Refused {
            what: format!("start the proxy of {}", self.node),
            message,
        };
        loop {
            let state = ask(&self.socket);
            if state.as_ref().is_some_and(|s| s["ready"] == true && s["runs"].as_u64() > Some(0)) {
                let errors = state.as_ref().map(|s| s["last"]["errors"].clone()).unwrap_or_default();
                return match errors.as_array().and_then(|e| e.first()) {
                    None => Ok(()),
                    Some(error) => Err(refused(error.to_string())),
                };
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(refused(format!("it ended ({status}). {}", said.trim())));
            }
            if Instant::now() > until {
                return Err(refused(format!("it has not synced yet; see {}", self.log.display())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What a proxy tells of itself; nothing while it does not listen.
fn ask(socket: &Path) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

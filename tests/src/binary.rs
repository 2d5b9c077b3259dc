//! The built `plumb` command: where it is, and its answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Failure, Result};
use crate::netns::Namespace;
use crate::scenario::Flow;

/// The `plumb` command.
#[derive(Debug, Clone)]
pub struct Plumb {
    path: PathBuf,
}

/// An answer of `plumb diagnose -o json`.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Exit status.
    pub status: Option<i32>,
    /// The document.
    pub document: Value,
}

impl Plumb {
    /// `$PLUMB_BIN`, else `plumb` beside the directory that this test executable lies in.
    pub fn find() -> Result<Self> {
        if let Some(path) = std::env::var_os("PLUMB_BIN") {
            return Self::at(PathBuf::from(path), "PLUMB_BIN");
        }
        let this = std::env::current_exe().map_err(Failure::io("finding the test's own executable"))?;
        let target = this.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        Self::at(target.join("plumb"), "the build")
    }

    fn at(path: PathBuf, by: &str) -> Result<Self> {
        if path.is_file() {
            return Ok(Self { path });
        }
        let why = "there is no such file; run `cargo build -p plumb` first, or say where it is in PLUMB_BIN";
        Err(Failure::Agent { what: format!("plumb at {} (by {by})", path.display()), why: why.into() })
    }

    /// Asks about a flow; from a snapshot file where one is given.
    pub fn diagnose(&self, flow: &Flow, from: &Namespace, snapshot: Option<&Path>) -> Result<Answer> {
        self.diagnose_from(flow, from.name(), snapshot)
    }

    /// The same from the namespace of this name.
    pub fn diagnose_from(&self, flow: &Flow, from: &str, snapshot: Option<&Path>) -> Result<Answer> {
        let mut command = Command::new(&self.path);
        command.arg("diagnose").arg(format!("netns:{from}")).arg(&flow.to);
        command.args(["--protocol", &flow.protocol.to_string(), "-o", "json"]);
        if let Some(port) = flow.source_port {
            command.args(["--source-port", &port.to_string()]);
        }
        if let Some(uid) = flow.uid {
            command.args(["--uid", &uid.to_string()]);
        }
        if let Some(file) = snapshot {
            command.arg("--snapshot").arg(file);
        }
        let (status, stdout, stderr) = self.run(command)?;
        let document = serde_json::from_slice(&stdout).map_err(|e| Failure::Agent {
            what: format!("plumb diagnose netns:{from} {}", flow.to),
            why: format!(
                "exit {status:?}, stdout is no JSON document ({e})\n--- stdout\n{}\n--- stderr\n{stderr}",
                String::from_utf8_lossy(&stdout)
            ),
        })?;
        Ok(Answer { status, document })
    }

    /// Takes a snapshot of the machine.
    pub fn snapshot(&self, file: &Path) -> Result<()> {
        let mut command = Command::new(&self.path);
        command.arg("snapshot").arg("-o").arg(file);
        let (status, _, stderr) = self.run(command)?;
        // 3: something could not be read; what could is in the file, and the answer from it will show.
        if matches!(status, Some(0 | 3)) {
            return Ok(());
        }
        Err(Failure::Agent { what: "plumb snapshot".into(), why: format!("exit {status:?}: {stderr}") })
    }

    fn run(&self, mut command: Command) -> Result<(Option<i32>, Vec<u8>, String)> {
        let doing = format!("running {}", self.path.display());
        let output = command.stdin(Stdio::null()).output().map_err(Failure::io(doing))?;
        Ok((output.status.code(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

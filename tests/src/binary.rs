//! The built `plumb` command: where it is, and its answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Failure, Result};
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

/// What a run of `plumb` left.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit status.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained of.
    pub stderr: String,
}

impl Output {
    /// What it printed, as text.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Plumb {
    /// `$PLUMB_BIN`, else `plumb` beside this executable or, for a test, beside the directory that it lies in.
    pub fn find() -> Result<Self> {
        if let Some(path) = std::env::var_os("PLUMB_BIN") {
            return Self::at(PathBuf::from(path), "PLUMB_BIN");
        }
        let this = std::env::current_exe().map_err(Failure::io("finding the test's own executable"))?;
        let beside = this.parent().unwrap_or(Path::new("."));
        let above = beside.parent().unwrap_or(beside);
        let found = [beside, above].map(|folder| folder.join("plumb")).into_iter().find(|p| p.is_file());
        Self::at(found.unwrap_or_else(|| above.join("plumb")), "the build")
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(path: PathBuf, by: &str) -> Result<Self> {
        if path.is_file() {
            return Ok(Self { path });
        }
        let why = "there is no such file; run `cargo build -p plumb` first, or say where it is in PLUMB_BIN";
        Err(Failure::Agent { what: format!("plumb at {} (by {by})", path.display()), why: why.into() })
    }

    /// A search path on which this command is the first called `plumb`: printed remedies may use it.
    #[must_use]
    pub fn search_path(&self) -> String {
        let own = self.path.parent().unwrap_or(Path::new(".")).display();
        format!("{own}:{}", std::env::var("PATH").unwrap_or_default())
    }

    /// Asks about a flow from the namespace of this name; of a snapshot file where one is given.
    pub fn diagnose(&self, flow: &Flow, from: &str, snapshot: Option<&Path>) -> Result<Answer> {
        let mut command = Command::new(&self.path);
        command.arg("diagnose").arg(format!("netns:{from}")).arg(&flow.to);
        command.args(["--protocol", &flow.protocol.to_string(), "-o", "json"]);
        if let Some(port) = flow.source_port {
            command.args(["--source-port", &port.to_string()]);
        }
        if let Some(uid) = flow.uid {
            command.args(["--uid", &uid.to_string()]);
        }
        if let Some(bytes) = flow.bytes {
            let word = match flow.protocol {
                crate::scenario::Protocol::Icmp => bytes.up.to_string(),
                _ => format!("{}:{}", bytes.up, bytes.down),
            };
            command.args(["--bytes", &word]);
        }
        if let Some(n) = flow.connections {
            command.args(["--connections", &n.to_string()]);
        }
        if let Some(file) = snapshot {
            command.arg("--snapshot").arg(file);
        }
        let Output { status, stdout, stderr } = run(command)?;
        let document = serde_json::from_slice(&stdout).map_err(|e| Failure::Agent {
            what: format!("plumb diagnose netns:{from} {}", flow.to),
            why: format!(
                "exit {status:?}, stdout is no JSON document ({e})\n--- stdout\n{}\n--- stderr\n{stderr}",
                String::from_utf8_lossy(&stdout)
            ),
        })?;
        Ok(Answer { status, document })
    }

    /// Takes a snapshot of the namespaces with these names: of the whole machine each of the tests that run beside
    /// each other would read what all others have built.
    pub fn snapshot(&self, namespaces: &[String], file: &Path) -> Result<()> {
        let mut command = Command::new(&self.path);
        command.arg("snapshot").arg("-o").arg(file);
        for name in namespaces {
            command.args(["--netns", name]);
        }
        let Output { status, stderr, .. } = run(command)?;
        // 3: something could not be read; what could is in the file, and the answer from it will show.
        if matches!(status, Some(0 | 3)) {
            return Ok(());
        }
        Err(Failure::Agent { what: "plumb snapshot".into(), why: format!("exit {status:?}: {stderr}") })
    }

    /// Runs it with these arguments to its end.
    pub fn run_plain(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.path);
        command.args(arguments);
        run(command)
    }
}

fn run(mut command: Command) -> Result<Output> {
    let doing = format!("running {:?}", command.get_program());
    let output = command.stdin(Stdio::null()).output().map_err(Failure::io(doing))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Output { status: output.status.code(), stdout: output.stdout, stderr })
}

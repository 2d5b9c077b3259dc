//! Real servers and clients inside namespaces.
//!
//! A process enters a namespace by `ip netns exec`, which then runs the test binary once more with
//! [`MARK`] as its first argument; [`run_if_asked`] at the start of `main` turns that process into the
//! server or client that its second and third argument describe. So the tests need no other program.

pub mod dial;
pub mod payload;
pub mod serve;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use crate::error::{Failure, Result};
use crate::scenario::Server;

/// First argument of a process that is to be an agent.
const MARK: &str = "__agent";

/// Turns this process into an agent where it was started as one. To be called before all else in `main`.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(MARK) {
        return None;
    }
    let verb = arguments.next().unwrap_or_default();
    let json = arguments.next().unwrap_or_default();
    let done = match verb.as_str() {
        "serve" => serve::main(&json),
        "dial" => dial::main(&json),
        other => Err(Failure::Agent { what: "agent".into(), why: format!("there is no {other}") }),
    };
    match done {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(failure) => {
            eprintln!("{failure}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// The command that runs this binary as an agent inside a namespace, as a given user.
fn command(namespace: &str, uid: Option<u32>, verb: &str, json: &str) -> Result<Command> {
    let this = std::env::current_exe().map_err(Failure::io("finding the test's own executable"))?;
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]);
    if let Some(uid) = uid {
        command.args(["setpriv", &format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups"]);
    }
    command.arg(this).args([MARK, verb, json]);
    Ok(command)
}

/// A listening process; ended when this value goes (or when this process does: the agent watches its stdin).
#[derive(Debug)]
pub struct Listener {
    child: Child,
}

impl Listener {
    /// Starts it and returns once it listens.
    pub fn start(namespace: &str, server: &Server) -> Result<Self> {
        let what = format!("server on {} port {} in {}", server.bind, server.port, server.namespace);
        let json = serde_json::to_string(server)
            .map_err(|e| Failure::Agent { what: what.clone(), why: format!("its description: {e}") })?;
        let mut child = command(namespace, None, "serve", &json)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::io(format!("starting {what}")))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            // Ends with an empty line where the process ends; its reason is on stderr.
            BufReader::new(out).read_line(&mut line).map_err(Failure::io(format!("waiting for {what}")))?;
        }
        let started = Self { child };
        if line.trim() == serve::READY {
            Ok(started)
        } else {
            Err(Failure::Agent { what, why: "it ended before it listened (its reason is on stderr)".into() })
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Makes real attempts from inside a namespace and says what the client saw, in order.
pub fn dial(namespace: &str, uid: Option<u32>, plan: &dial::Plan) -> Result<Vec<dial::Attempt>> {
    let what = format!("client to {}", plan.to);
    let wrong = |why: String| Failure::Agent { what: what.clone(), why };
    let json = serde_json::to_string(plan).map_err(|e| wrong(e.to_string()))?;
    let output = command(namespace, uid, "dial", &json)?
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::io(format!("starting {what}")))?;
    if !output.status.success() {
        return Err(wrong(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| wrong(format!("its answer: {e}")))
}

/// Seconds as a duration; nonsense is a second.
pub(crate) fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::from_secs(1))
}

//! What is said between the command line and a supervisor: JSON, one document a line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cluster::ProxyStatus;
use crate::error::{LabError, Result};
use crate::server::Command;
use crate::state;
use crate::step::Step;

/// What a supervisor says while it builds, on its standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// What it does now.
    Progress(Step),
    /// All serve.
    Ready,
    /// It gave up, for this reason.
    Failed(String),
}

/// What is asked of a supervisor on its socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// How the servers are.
    Servers,
    /// How the nodes' proxies are.
    Proxies,
    /// The objects that have names.
    Objects,
    /// Tell the servers of names what there is now.
    Names,
    /// Stop the process of a namespace (SIGSTOP), or let it go on.
    Freeze {
        /// Name of the namespace.
        namespace: String,
        /// Whether it stops.
        on: bool,
    },
    /// Start or stop something that listens, or that is kept open.
    Listener {
        /// Name of the namespace.
        namespace: String,
        /// What its server shall do.
        command: Command,
    },
}

/// A supervisor's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// It is done.
    Done,
    /// It is not.
    Failed(String),
    /// How the servers are.
    Servers(Vec<ServerStatus>),
    /// How the nodes' proxies are.
    Proxies(Vec<ProxyStatus>),
    /// The objects that have names, in the API's JSON form.
    Objects(Vec<serde_json::Value>),
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerStatus {
    /// Name of its namespace.
    pub(crate) namespace: String,
    /// Process id; `None` when it ended.
    pub(crate) pid: Option<u32>,
}

/// Asks a supervisor.
pub(crate) fn ask(lab: &str, request: &Request) -> Result<Response> {
    let path = state::file(lab, "sock");
    let what = || format!("ask the supervisor at {}", path.display());
    let stream = UnixStream::connect(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound => {
            LabError::Dead(lab.to_owned())
        }
        _ => LabError::io(what())(e),
    })?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(LabError::io(what()))?;
    let mut text = serde_json::to_string(request).unwrap_or_default();
    text.push('\n');
    (&stream).write_all(text.as_bytes()).map_err(LabError::io(what()))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).map_err(LabError::io(what()))?;
    serde_json::from_str(&line).map_err(|e| LabError::Refused { what: what(), message: e.to_string() })
}

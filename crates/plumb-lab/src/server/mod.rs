//! The process of a pod: it enters its namespace, serves its ports, and says whom it saw.
//!
//! One process a pod, as pods are: with a process id, sockets and a namespace of its own. It takes commands on its
//! standard input, one JSON document a line, and answers each with one on its standard output. It ends with the
//! supervisor: the kernel kills it when the thread that started it ends (`PR_SET_PDEATHSIG`), however that ends.
//!
//! | protocol | what a client gets |
//! |---|---|
//! | tcp | an [`Answer`] as one line of JSON at once, then whatever it sends, back |
//! | http | an [`Answer`] as the body of a response |
//! | tcp, http | to a `POST /?bytes=N`, once all of its body is there: a response of N bytes, an [`Answer`] first |
//! | udp | an [`Answer`] for each datagram |
//! | dns, dns-tcp | the names of the lab's cluster |
//!
//! Servers that are badly written, or badly set up, are made by a [`Manner`]; clients that keep what they opened by a
//! [`Hold`].

mod answer;
mod held;
mod listener;
mod manner;
mod names;

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use plumb_api::Object;
use plumb_dns::Zone;
use plumb_model::Protocol;
use rustix::event::{PollFd, PollFlags, poll};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

pub use answer::Answer;
use held::Held;
pub use held::Hold;
use listener::Listener;
pub use manner::{DnsError, Manner};

use crate::topology::PortProtocol;

/// What a server is told first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// What it calls itself.
    pub name: String,
    /// Path of the namespace that it enters.
    pub namespace: String,
    /// Process id of the supervisor: if another is its parent by then, it ends.
    pub supervisor: u32,
    /// What it serves.
    pub listeners: Vec<Listen>,
}

/// Something that listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// What is spoken.
    pub protocol: PortProtocol,
    /// Address; `::` takes both families.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
    /// How it differs from a plain server.
    #[serde(default, skip_serializing_if = "Manner::is_plain")]
    pub manner: Manner,
}

impl Listen {
    /// A plain server.
    #[must_use]
    pub fn plain(protocol: PortProtocol, address: IpAddr, port: u16) -> Self {
        Self { protocol, address, port, manner: Manner::default() }
    }
}

/// What a server is told later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Listen.
    Start(Listen),
    /// Listen no more.
    Stop {
        /// TCP or UDP.
        protocol: Protocol,
        /// Address as it was bound.
        address: IpAddr,
        /// Port.
        port: u16,
    },
    /// Begin anew: serve what it was told first, hold on to nothing.
    Restart,
    /// Open connections and keep them, until they are let go.
    Hold(Hold),
    /// Let go of what was kept under this name.
    Release {
        /// As in [`Hold::name`].
        name: String,
    },
    /// Serve the names of these objects, those of before no more.
    Names {
        /// Domain of the cluster.
        domain: String,
        /// Objects of the API, in its JSON form.
        objects: Vec<serde_json::Value>,
    },
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Done,
    /// It is not, for this reason.
    Failed(String),
}

/// Runs a server: reads its [`Config`] from standard input and serves until that ends.
///
/// # Errors
/// Why it could not begin; the supervisor was told, too.
pub fn run() -> Result<(), String> {
    let mut input = BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line).map_err(|e| format!("read the configuration: {e}"))?;
    let config: Config = serde_json::from_str(&line).map_err(|e| format!("read the configuration: {e}"))?;
    let begun = begin(&config);
    reply(match &begun {
        Ok(_) => Reply::Done,
        Err(message) => Reply::Failed(message.clone()),
    })?;
    serve(&config, begun?, input)
}

fn reply(reply: Reply) -> Result<(), String> {
    let mut text = serde_json::to_string(&reply).map_err(|e| e.to_string())?;
    text.push('\n');
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| format!("answer the supervisor: {e}"))
}

fn begin(config: &Config) -> Result<Vec<Listener>, String> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|e| format!("ask to end with the supervisor: {e}"))?;
    // The supervisor may have died before the line above: then nobody will send the signal.
    let parent = rustix::process::getppid().map(|p| p.as_raw_nonzero().get().unsigned_abs());
    if parent != Some(config.supervisor) {
        return Err("the supervisor is gone".to_owned());
    }
    let namespace =
        std::fs::File::open(&config.namespace).map_err(|e| format!("open {}: {e}", config.namespace))?;
    // Nothing else runs in this process yet, so the whole of it enters.
    rustix::thread::move_into_link_name_space(
        namespace.as_fd(),
        Some(rustix::thread::LinkNameSpaceType::Network),
    )
    .map_err(|e| format!("enter {}: {e}", config.namespace))?;
    // What `ps` and `plumb ns` show: the pod's own name.
    let short: String = config.name.rsplit('/').next().unwrap_or(&config.name).chars().take(15).collect();
    if let Ok(name) = std::ffi::CString::new(short) {
        let _ = rustix::thread::set_name(&name);
    }
    bind(config)
}

fn bind(config: &Config) -> Result<Vec<Listener>, String> {
    config.listeners.iter().map(Listener::bind).collect()
}

fn serve(
    config: &Config,
    mut listeners: Vec<Listener>,
    mut input: BufReader<std::io::Stdin>,
) -> Result<(), String> {
    let name = config.name.as_str();
    let mut zone = Arc::new(Zone::default());
    let mut held = Vec::new();
    loop {
        let stdin = std::io::stdin();
        let mut waiting = vec![PollFd::new(&stdin, PollFlags::IN)];
        // One that never accepts is not even looked at: what waits there would wake the server for ever.
        let served: Vec<&Listener> = listeners.iter().filter(|l| l.accepts()).collect();
        waiting.extend(served.iter().map(|l| PollFd::from_borrowed_fd(l.as_fd(), PollFlags::IN)));
        match poll(&mut waiting, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(format!("wait for work: {e}")),
        }
        let ready: Vec<bool> = waiting.iter().map(|w| !w.revents().is_empty()).collect();
        for (listener, _) in served.iter().zip(ready.iter().skip(1)).filter(|(_, ready)| **ready) {
            if let Err(e) = listener.serve(name, &zone) {
                // A client that is gone by the time it is served is no reason to stop.
                eprintln!("{name}: {e}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if ready.first() == Some(&true) {
            let mut line = String::new();
            match input.read_line(&mut line) {
                Ok(0) => return Ok(()),
                Ok(_) => reply(obey(&line, config, &mut listeners, &mut held, &mut zone))?,
                Err(e) => return Err(format!("read a command: {e}")),
            }
        }
    }
}

fn obey(
    line: &str,
    config: &Config,
    listeners: &mut Vec<Listener>,
    held: &mut Vec<Held>,
    zone: &mut Arc<Zone>,
) -> Reply {
    let command = match serde_json::from_str(line) {
        Ok(command) => command,
        Err(e) => return Reply::Failed(format!("read a command: {e}")),
    };
    match command {
        Command::Start(listen) => match Listener::bind(&listen) {
            Ok(listener) => {
                listeners.push(listener);
                Reply::Done
            }
            Err(message) => Reply::Failed(message),
        },
        Command::Restart => {
            listeners.clear();
            held.clear();
            match bind(config) {
                Ok(all) => {
                    *listeners = all;
                    Reply::Done
                }
                Err(message) => Reply::Failed(message),
            }
        }
        Command::Hold(hold) => match Held::open(&hold) {
            Ok(more) => {
                held.push(more);
                Reply::Done
            }
            Err(message) => Reply::Failed(message),
        },
        Command::Release { name } => {
            held.retain(|h| h.name() != name);
            Reply::Done
        }
        Command::Names { domain, objects } => {
            let read: Result<Vec<Object>, _> = objects.into_iter().map(Object::from_json).collect();
            match read {
                Ok(objects) => {
                    *zone = Arc::new(Zone::new(&domain, &objects));
                    Reply::Done
                }
                Err(e) => Reply::Failed(format!("read the objects that have names: {e}")),
            }
        }
        Command::Stop { protocol, address, port } => {
            let before = listeners.len();
            listeners.retain(|l| !l.is(protocol, address, port));
            if listeners.len() < before {
                Reply::Done
            } else {
                Reply::Failed(format!("nothing listens on {protocol} {address} port {port}"))
            }
        }
    }
}

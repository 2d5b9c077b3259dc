//! The servers, as the supervisor's children.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ServerStatus;
use crate::child::POD;
use crate::error::{LabError, Result};
use crate::plan::{Plan, ServerPlan};
use crate::server::{Command, Config, Listen, Reply};
use crate::state::{self, NETNS};
use crate::topology::PortProtocol;
use plumb_model::Protocol;

/// A server and the pipes to it.
#[derive(Debug)]
struct Pod {
    namespace: String,
    /// Whether it serves DNS.
    has_names: bool,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// All servers of a lab.
#[derive(Debug)]
pub(super) struct Pods {
    pods: Vec<Pod>,
}

impl Pods {
    /// Starts all servers, each on its way before the first is waited for.
    pub(super) fn start(lab: &str, plan: &Plan) -> Result<Self> {
        let mut all = Self { pods: Vec::with_capacity(plan.servers.len()) };
        for server in &plan.servers {
            all.pods.push(Pod::spawn(lab, plan, server)?);
        }
        for pod in &mut all.pods {
            pod.reply().map_err(|message| LabError::Refused {
                what: format!("start the server of {}", pod.namespace),
                message,
            })?;
        }
        Ok(all)
    }

    pub(super) fn status(&mut self) -> Vec<ServerStatus> {
        let one = |pod: &mut Pod| ServerStatus {
            namespace: pod.namespace.clone(),
            pid: matches!(pod.child.try_wait(), Ok(None)).then(|| pod.child.id()),
        };
        self.pods.iter_mut().map(one).collect()
    }

    /// Gives every server of names what it serves.
    pub(super) fn names(&mut self, command: &Command) -> std::result::Result<(), String> {
        for pod in self.pods.iter_mut().filter(|p| p.has_names) {
            let told = pod.ask(command);
            told.map_err(|message| format!("tell the server of {} the names: {message}", pod.namespace))?;
        }
        Ok(())
    }

    pub(super) fn command(&mut self, namespace: &str, command: &Command) -> std::result::Result<(), String> {
        let pod = self.pod(namespace)?;
        pod.ask(command).map_err(|message| format!("tell the server of {namespace}: {message}"))
    }

    /// Stops a server's process, or lets it go on, and waits until the kernel says that it is so.
    pub(super) fn freeze(&mut self, namespace: &str, on: bool) -> std::result::Result<(), String> {
        let pod = self.pod(namespace)?;
        let pid = i32::try_from(pod.child.id()).ok().and_then(Pid::from_raw).ok_or("it has no process")?;
        let signal = if on { Signal::STOP } else { Signal::CONT };
        kill_process(pid, signal).map_err(|e| format!("signal the server of {namespace}: {e}"))?;
        let until = Instant::now() + Duration::from_secs(1);
        while pod.is_stopped() != on {
            if Instant::now() > until {
                return Err(format!("the server of {namespace} does not obey the signal"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn pod(&mut self, namespace: &str) -> std::result::Result<&mut Pod, String> {
        let pod = self.pods.iter_mut().find(|p| p.namespace == namespace);
        pod.ok_or_else(|| format!("no server lives in {namespace}"))
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        for pod in &mut self.pods {
            let _ = pod.child.kill();
        }
        for pod in &mut self.pods {
            let _ = pod.child.wait();
        }
    }
}

impl Pod {
    fn spawn(lab: &str, plan: &Plan, server: &ServerPlan) -> Result<Self> {
        let what = || format!("start the server of {}", server.namespace);
        let program = std::env::current_exe().map_err(LabError::io(what()))?;
        let mut child = Process::new(program)
            .args([POD, lab, &server.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(LabError::io(what()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(LabError::Refused { what: what(), message: "no pipes".to_owned() });
        };
        let is_dns = |p: &PortProtocol| matches!(p, PortProtocol::Dns | PortProtocol::DnsTcp);
        let has_names = server.ports.iter().any(|p| is_dns(&p.protocol));
        let mut pod = Self {
            namespace: server.namespace.clone(),
            has_names,
            child,
            input,
            output: BufReader::new(output),
        };
        let config = Config {
            name: server.name.clone(),
            namespace: format!("{NETNS}/{}", server.namespace),
            supervisor: std::process::id(),
            listeners: listeners(plan, server),
        };
        pod.say(&config).map_err(LabError::io(what()))?;
        Ok(pod)
    }

    fn say(&mut self, what: &impl serde::Serialize) -> std::io::Result<()> {
        let mut text = serde_json::to_string(what)?;
        text.push('\n');
        self.input.write_all(text.as_bytes())
    }

    /// Whether its process is stopped: it would never answer.
    fn is_stopped(&self) -> bool {
        state::process_state(self.child.id()).is_some_and(|state| matches!(state, 'T' | 't'))
    }

    fn ask(&mut self, command: &Command) -> std::result::Result<(), String> {
        if self.is_stopped() {
            return Err(format!("its process is stopped (kill -CONT {})", self.child.id()));
        }
        self.say(command).map_err(|e| e.to_string())?;
        self.reply()
    }

    fn reply(&mut self) -> std::result::Result<(), String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => return Err("it ended".to_owned()),
            Ok(_) => {}
            Err(e) => return Err(e.to_string()),
        }
        match serde_json::from_str(&line) {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::Failed(message)) => Err(message),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// What a server listens on. A UDP socket for every address answers from the one that the route prefers: where a
/// namespace has several, each gets a socket of its own.
fn listeners(plan: &Plan, server: &ServerPlan) -> Vec<Listen> {
    let addresses: Vec<IpAddr> = plan
        .namespace(&server.namespace)
        .map(|n| n.addresses.iter().map(|(_, p)| p.addr).collect())
        .unwrap_or_default();
    let several = [true, false].iter().any(|v4| addresses.iter().filter(|a| a.is_ipv4() == *v4).count() > 1);
    let mut out = Vec::new();
    for port in &server.ports {
        let listen = |address| Listen {
            protocol: port.protocol,
            address,
            port: port.port,
            manner: port.manner.clone(),
        };
        if port.protocol.transport() == Protocol::UDP && port.address.is_unspecified() && several {
            out.extend(addresses.iter().map(|a| listen(*a)));
        } else {
            out.push(listen(port.address));
        }
    }
    out
}

//! What is done with a lab: up, down, status, exec, probe, break, heal.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plumb_kernel::{NamespaceHandle, OwnFile};
use plumb_model::{IpFamily, Protocol};
use serde::{Deserialize, Serialize};

use crate::child::SUPERVISOR;
use crate::client::{self, Asking, Attempt, Outcome, Payload};
use crate::error::{LabError, Result};
use crate::execute;
use crate::resolve;
use crate::resolver;
use crate::state::{self, Phase, State};
use crate::step::Step;
use crate::supervisor::Message;
use crate::topology::Topology;

/// How long anything may take that should take a second or two.
const DEADLINE: Duration = Duration::from_secs(30);

/// Builds a lab and returns when all of it serves. What a dead supervisor of that name left is removed first.
/// `progress` is told what is being done.
///
/// The program that calls this must call [`run_if_child`](crate::run_if_child) first in its `main`.
///
/// # Errors
/// The lab runs already, or something of it could not be made; then nothing of it is left.
pub fn up(topology: &Topology, progress: &mut dyn FnMut(Step)) -> Result<()> {
    let lab = &topology.name;
    let _edit = state::edit(lab)?;
    if let Some(state) = State::read(lab)? {
        if state.alive() {
            return Err(LabError::Running(lab.clone()));
        }
        progress(Step::Clearing);
        execute::remove(lab)?;
    }
    let log = state::log(lab)?;
    let what = || format!("start the supervisor of {lab}");
    let program = std::env::current_exe().map_err(LabError::io(what()))?;
    let mut child = Command::new(program)
        .args([SUPERVISOR, lab])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(LabError::io(what()))?;
    let mut text = serde_json::to_string(topology).unwrap_or_default();
    text.push('\n');
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(LabError::io(what()))?;
    }
    let output = child.stdout.take();
    let (say, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let lines = output.map(|o| BufReader::new(o).lines()).into_iter().flatten();
        for line in lines.map_while(std::result::Result::ok) {
            if say.send(line).is_err() {
                return;
            }
        }
    });
    let until = Instant::now() + DEADLINE;
    let failed = loop {
        let Ok(line) = hear.recv_timeout(until.saturating_duration_since(Instant::now())) else {
            break if Instant::now() >= until {
                let log = state::file(lab, "log").display().to_string();
                LabError::Deadline { what: "building the lab".to_owned(), seconds: DEADLINE.as_secs(), log }
            } else {
                let said = std::fs::read_to_string(state::file(lab, "log")).unwrap_or_default();
                LabError::Build(format!("its supervisor ended. {}", said.trim()))
            };
        };
        match serde_json::from_str(&line) {
            Ok(Message::Ready) => return Ok(()),
            Ok(Message::Progress(step)) => progress(step),
            Ok(Message::Failed(message)) => break LabError::Build(message),
            // Not said by a supervisor.
            Err(_) => {}
        }
    };
    let _ = child.kill();
    let _ = child.wait();
    if State::read(lab)?.is_some() {
        execute::remove(lab)?;
    }
    if !matches!(failed, LabError::Deadline { .. }) {
        for extension in ["log", "lock", "edit"] {
            let _ = std::fs::remove_file(state::file(lab, extension));
        }
    }
    Err(failed)
}

/// Ends a lab and removes all of it, whether its supervisor lives or not.
///
/// # Errors
/// There is no such lab, or something of it could not be removed.
pub fn down(lab: &str) -> Result<()> {
    if !state::file(lab, "json").exists() {
        return Err(no_such_lab(lab));
    }
    let _edit = state::edit(lab)?;
    if let Ok(Some(state)) = State::read(lab) {
        end_supervisor(&state)?;
    }
    // Held by whatever else lives of it: a supervisor whose state could not be understood.
    if state::lock(lab, "lock", Duration::from_secs(5))?.is_none() {
        return Err(LabError::Refused {
            what: format!("end the lab {lab}"),
            message: "its supervisor lives on, and its state file does not say which process that is"
                .to_owned(),
        });
    }
    execute::remove(lab)?;
    let _ = std::fs::remove_file(state::file(lab, "edit"));
    Ok(())
}

/// Kills the supervisor, and with it the servers, and waits for it.
fn end_supervisor(state: &State) -> Result<()> {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    let what = || format!("end the supervisor, process {}", state.supervisor);
    let Some(pid) = i32::try_from(state.supervisor).ok().and_then(Pid::from_raw) else { return Ok(()) };
    // The handle first, then the question whether it is still the same process.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
    if !state.alive() {
        return Ok(());
    }
    match pidfd_send_signal(&process, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(e) => return Err(LabError::io(what())(e.into())),
    }
    let until = Instant::now() + DEADLINE;
    while state.alive() {
        if Instant::now() > until {
            return Err(LabError::Refused { what: what(), message: "it does not end".to_owned() });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn no_such_lab(lab: &str) -> LabError {
    LabError::NoSuchLab { name: lab.to_owned(), known: state::labs() }
}

/// The lab that is meant: the one named, or the only one there is.
///
/// # Errors
/// There is none, or several and none was named.
pub fn choose(name: Option<&str>) -> Result<String> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let mut labs = state::labs();
    match (labs.pop(), labs.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            labs.push(last);
            Err(LabError::WhichLab(labs))
        }
        (None, _) => Err(no_such_lab("")),
    }
}

/// The state of a lab that runs.
pub(crate) fn running(lab: &str) -> Result<State> {
    let state = State::read(lab)?.ok_or_else(|| no_such_lab(lab))?;
    if state.alive() && state.phase == Phase::Ready { Ok(state) } else { Err(LabError::Dead(lab.to_owned())) }
}

/// The topology of a lab that runs.
///
/// # Errors
/// There is no such lab, or its supervisor is dead.
pub fn topology(lab: &str) -> Result<Topology> {
    Ok(running(lab)?.topology)
}

/// Runs a command in a namespace of a lab, with this process' standard streams, and waits for it.
///
/// # Errors
/// Nothing bears the name, or the command cannot be started.
pub fn run_in(lab: &str, name: &str, command: &[OsString]) -> Result<ExitStatus> {
    let (namespace, files, mut command, what) = command_in(lab, name, command)?;
    // A process starts in the namespace of the thread that starts it.
    namespace.run_seeing(&files, || command.status())?.map_err(LabError::io(what))
}

/// Becomes a command in a namespace of a lab.
///
/// # Errors
/// Nothing bears the name, or the command cannot be started. It returns for no other reason.
pub fn exec(lab: &str, name: &str, command: &[OsString]) -> Result<std::convert::Infallible> {
    let (namespace, files, mut command, what) = command_in(lab, name, command)?;
    // The thread that enters is the one that becomes the command.
    let error = namespace.run_seeing(&files, || command.exec())?;
    Err(LabError::io(what)(error))
}

/// Where a command runs, what it sees as its own files, and what to say of it.
type Placed = (NamespaceHandle, Vec<OwnFile>, Command, String);

fn command_in(lab: &str, name: &str, command: &[OsString]) -> Result<Placed> {
    let state = running(lab)?;
    let namespace = resolve::namespace(&state.topology, name)?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(LabError::Unknown("no command was given: plumb lab exec NAME -- COMMAND".to_owned()));
    };
    let what = format!("run {} in {namespace}", PathBuf::from(program).display());
    let mut command = Command::new(program);
    command.args(arguments);
    let files = resolver::written(&state, &namespace)?;
    Ok((execute::open(&namespace)?, files, command, what))
}

/// How a probe is made.
#[derive(Clone, Copy, Debug)]
pub struct ProbeOptions {
    /// Protocol; what the topology serves there where `None`, else TCP.
    pub protocol: Option<Protocol>,
    /// Which address of a name is taken.
    pub family: Option<IpFamily>,
    /// How many connections are opened, one after the other.
    pub connections: u32,
    /// How long each waits.
    pub patience: Duration,
    /// What it sends and receives (TCP; a datagram or an echo has what it sends); who it is where `None`.
    pub bytes: Option<Payload>,
    /// The port that the client binds; any where `None`.
    pub source_port: Option<u16>,
}

impl Default for ProbeOptions {
    /// One connection that waits 10 s, as a plain client does.
    fn default() -> Self {
        Self {
            protocol: None,
            family: None,
            connections: 1,
            patience: Duration::from_secs(10),
            bytes: None,
            source_port: None,
        }
    }
}

/// What clients saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// Namespace of the client.
    pub from: String,
    /// Address and port.
    pub to: String,
    /// Protocol.
    pub protocol: String,
    /// What became of them together.
    pub outcome: Outcome,
    /// Each connection.
    pub attempts: Vec<Attempt>,
}

/// Opens the real connection from one place of a lab to another.
///
/// # Errors
/// A name leads nowhere. A connection that fails is no error.
pub fn probe(lab: &str, from: &str, to: &str, options: &ProbeOptions) -> Result<ProbeReport> {
    let state = running(lab)?;
    let namespace = resolve::namespace(&state.topology, from)?;
    let handle = execute::open(&namespace)?;
    let client = Client { state: &state, namespace: &namespace, handle: &handle, options };
    let (to, protocol, attempts) = match resolve::host(&state.topology, to) {
        Some((host, port)) => client.by_name(host, port)?,
        None => client.by_address(to)?,
    };
    let mut outcomes = attempts.iter().map(|a| a.outcome);
    let first = outcomes.next().unwrap_or(Outcome::TimesOut);
    let outcome = if outcomes.all(|o| o == first) { first } else { Outcome::Intermittent };
    Ok(ProbeReport { from: namespace.clone(), to, protocol: protocol.to_string(), outcome, attempts })
}

/// A client of a lab: where it is, and how it asks.
struct Client<'a> {
    state: &'a State,
    namespace: &'a str,
    handle: &'a NamespaceHandle,
    options: &'a ProbeOptions,
}

/// Whom it asked, over which protocol, and what it saw.
type Seen = (String, Protocol, Vec<Attempt>);

impl Client<'_> {
    fn attempts(&self, once: impl Fn() -> Result<Attempt>) -> Result<Vec<Attempt>> {
        (0..self.options.connections.max(1)).map(|_| once()).collect()
    }

    fn attempt(&self, protocol: Protocol, to: SocketAddr) -> Result<Attempt> {
        let ProbeOptions { patience, bytes, source_port, .. } = *self.options;
        client::attempt(self.handle, Asking { protocol, patience, bytes, source_port }, to)
    }

    fn by_address(&self, to: &str) -> Result<Seen> {
        let destination = resolve::destination(&self.state.topology, to, self.options.family)?;
        let echo = client::echo_of(destination.address);
        let protocol = match (self.options.protocol, destination.port) {
            // `icmp` is asked of either family by the same word.
            (Some(Protocol::ICMP | Protocol::ICMPV6), _) => echo,
            (Some(_), None) => return Err(LabError::Unknown(format!("`{to}` names no port"))),
            (Some(protocol), Some(_)) => protocol,
            (None, Some(_)) => destination.protocol.unwrap_or(Protocol::TCP),
            (None, None) => echo,
        };
        let socket = destination.socket();
        let attempts = self.attempts(|| self.attempt(protocol, socket))?;
        let to =
            if destination.port.is_some() { socket.to_string() } else { destination.address.to_string() };
        Ok((to, protocol, attempts))
    }

    /// Looks a name up anew for each connection, as a client does that is started anew, and connects to the first address.
    fn by_name(&self, host: &str, port: u16) -> Result<Seen> {
        let files = resolver::written(self.state, self.namespace)?;
        let protocol = match self.options.protocol {
            Some(Protocol::ICMP) => return Err(LabError::Unknown("an echo is asked of no port".to_owned())),
            other => other.unwrap_or(Protocol::TCP),
        };
        let attempts = self.attempts(|| {
            let start = Instant::now();
            let found = plumb_kernel::look_up(self.handle, host, &files)?;
            let fits = |a: &&IpAddr| self.options.family.is_none_or(|f| IpFamily::of(**a) == f);
            let looked_up = start.elapsed().as_secs_f64();
            let failed = |errno| Ok(client::not_looked_up(errno, looked_up));
            let address = match &found {
                Ok(addresses) => addresses.iter().find(fits),
                Err(errno) => return failed(errno.clone()),
            };
            let Some(address) = address else { return failed("EAI_NODATA".to_owned()) };
            let seen = self.attempt(protocol, SocketAddr::new(*address, port))?;
            Ok(Attempt { seconds: seen.seconds + looked_up, ..seen })
        })?;
        Ok((format!("{host}:{port}"), protocol, attempts))
    }
}

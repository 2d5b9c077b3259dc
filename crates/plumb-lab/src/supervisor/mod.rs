//! The supervisor: the process that holds a lab.
//!
//! It builds the network, starts a server a pod and waits for commands. Its main thread starts the servers and lives as
//! long as the process: when it ends, however it ends, the kernel kills every server (`PR_SET_PDEATHSIG` goes off with
//! the thread that started a process). What it leaves behind then are pinned namespaces without any process in them,
//! which the next `up` or `down` removes.

mod pods;
mod protocol;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use pods::Pods;
pub(crate) use protocol::{Message, Request, Response, ServerStatus, ask};

use crate::cluster::Cluster;
use crate::error::{LabError, Result};
use crate::execute;
use crate::names;
use crate::plan::Plan;
use crate::state::{self, LabNamespace, Phase, State};
use crate::step::Step;
use crate::topology::Topology;

/// Runs a supervisor: reads a topology from standard input, tells on standard output how far it is, and stays.
///
/// # Errors
/// The lab cannot be built; whoever started it was told, too.
pub(crate) fn run() -> std::result::Result<(), String> {
    let _ = rustix::process::setsid();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| format!("read the topology: {e}"))?;
    let topology: Topology = serde_json::from_str(&line).map_err(|e| format!("read the topology: {e}"))?;
    let lab = topology.name.clone();
    match start(topology) {
        Ok((topology, pods, cluster, listener, _lock)) => {
            say(&Message::Ready).map_err(|e| e.to_string())?;
            detach();
            serve(&topology, pods, cluster, &listener);
            Ok(())
        }
        Err((error, mine)) => {
            if mine {
                let _ = execute::remove(&lab);
            }
            let _ = say(&Message::Failed(error.to_string()));
            Err(error.to_string())
        }
    }
}

/// Tells whoever started the lab; an error when nobody listens any more, which ends the attempt.
fn say(message: &Message) -> Result<()> {
    let mut text = serde_json::to_string(message).unwrap_or_default();
    text.push('\n');
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(LabError::io("tell how far the lab is"))
}

/// Lets go of whoever started the lab.
fn detach() {
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stdin(&null);
    }
    let _ = std::env::set_current_dir("/");
}

type Started = (Topology, Pods, Option<Cluster>, UnixListener, state::Lock);

/// Builds everything. An error says also whether this process had begun to build.
fn start(topology: Topology) -> std::result::Result<Started, (LabError, bool)> {
    let lab = topology.name.clone();
    let lock = match state::lock(&lab, "lock", Duration::ZERO) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Err((LabError::Running(lab), false)),
        Err(e) => return Err((e, false)),
    };
    let plan = Plan::of(&topology);
    if let Some(taken) = plan.namespaces.iter().find(|n| state::pinned(&n.name).is_some()) {
        return Err((LabError::InTheWay(taken.name.clone()), false));
    }
    build(topology, &plan)
        .map(|(topology, pods, cluster, listener)| (topology, pods, cluster, listener, lock))
        .map_err(|e| (e, true))
}

fn build(topology: Topology, plan: &Plan) -> Result<(Topology, Pods, Option<Cluster>, UnixListener)> {
    let lab = topology.name.clone();
    let me = std::process::id();
    let namespaces = plan.namespaces.iter().map(|n| LabNamespace {
        name: n.name.clone(),
        owner: n.owner.clone(),
        id: None,
    });
    let mut state = State {
        version: State::VERSION,
        topology,
        phase: Phase::Starting,
        supervisor: me,
        started: state::process_start(me).unwrap_or(0),
        namespaces: namespaces.collect(),
        faults: Vec::new(),
        resolvers: std::collections::BTreeMap::new(),
    };
    // Before anything is made: whatever happens from here on, what is left can be found.
    state.write()?;
    execute::build(plan, &mut |step| say(&Message::Progress(step)))?;
    for namespace in &mut state.namespaces {
        namespace.id = state::pinned(&namespace.name);
    }
    say(&Message::Progress(Step::Servers))?;
    let mut pods = Pods::start(&lab, plan)?;
    if !state.topology.manifests.is_empty() {
        say(&Message::Progress(Step::Cluster))?;
    }
    let cluster = Cluster::start(&state.topology)?;
    let api = cluster.as_ref().map(Cluster::api);
    if names::are_served(&state.topology) {
        let command = names::command(&state.topology, api.map(|api| &**api))?;
        let what = "start the servers of names".to_owned();
        pods.names(&command).map_err(|message| LabError::Refused { what, message })?;
    }
    let socket = state::file(&lab, "sock");
    let _ = std::fs::remove_file(&socket);
    let listener =
        UnixListener::bind(&socket).map_err(LabError::io(format!("listen on {}", socket.display())))?;
    if let (Some(api), true) = (api, names::are_served(&state.topology)) {
        names::follow(&lab, api)?;
    }
    state.phase = Phase::Ready;
    state.write()?;
    Ok((state.topology, pods, cluster, listener))
}

fn serve(topology: &Topology, mut pods: Pods, mut cluster: Option<Cluster>, listener: &UnixListener) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        if let Err(e) = converse(topology, &mut pods, cluster.as_mut(), &stream) {
            eprintln!("supervisor: {e}");
        }
    }
}

fn converse(
    topology: &Topology,
    pods: &mut Pods,
    cluster: Option<&mut Cluster>,
    mut stream: &UnixStream,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let response = match serde_json::from_str(&line) {
        Err(e) => Response::Failed(format!("not understood: {e}")),
        Ok(Request::Servers) => Response::Servers(pods.status()),
        Ok(Request::Proxies) => Response::Proxies(cluster.map(Cluster::proxies).unwrap_or_default()),
        Ok(Request::Objects) => match names::objects(topology, cluster.map(|c| &**c.api())) {
            Ok(objects) => Response::Objects(objects),
            Err(e) => Response::Failed(e.to_string()),
        },
        Ok(Request::Names) => {
            let command = names::command(topology, cluster.map(|c| &**c.api()));
            match command.map_err(|e| e.to_string()).and_then(|command| pods.names(&command)) {
                Ok(()) => Response::Done,
                Err(message) => Response::Failed(message),
            }
        }
        Ok(Request::Freeze { namespace, on }) => match pods.freeze(&namespace, on) {
            Ok(()) => Response::Done,
            Err(message) => Response::Failed(message),
        },
        Ok(Request::Listener { namespace, command }) => match pods.command(&namespace, &command) {
            Ok(()) => Response::Done,
            Err(message) => Response::Failed(message),
        },
    };
    let mut text = serde_json::to_string(&response).unwrap_or_default();
    text.push('\n');
    stream.write_all(text.as_bytes())
}

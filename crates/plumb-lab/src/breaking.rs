//! Making faults real, and undoing them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plumb_kernel::{Options, Parts};
use plumb_model::{Action, Address, Change, Owner, Protocol, Snapshot};
use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::faults::{self, Act, Deed, Fault, Flow, Made};
use crate::lab::running;
use crate::listen;
use crate::resolver;
use crate::server::{Command, Listen};
use crate::state::{self, ActiveFault, State};
use crate::topology::{PortProtocol, Topology};

/// What was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The fault as it is remembered.
    pub fault: ActiveFault,
    /// A flow that it breaks.
    pub flow: Flow,
    /// The changes as commands that a person could have typed.
    pub commands: Vec<String>,
}

/// Makes a fault, at `target` or where it fits first.
///
/// # Errors
/// There is no such fault, it cannot be made here, or the kernel refused a change; then the changes before it are undone.
pub fn break_(lab: &str, id: &str, target: Option<&str>) -> Result<Broken> {
    let fault = known(id)?;
    make(lab, &fault, false, &|topology, before| fault.plan(topology, before, target))
}

/// Makes what looks like a fault and is not, at `target` or where it fits first.
///
/// # Errors
/// As [`break_`]; also where the fault has no look-alike.
pub fn look_alike(lab: &str, id: &str, target: Option<&str>) -> Result<Broken> {
    let fault = known(id)?;
    let look_alike = fault.look_alike().ok_or_else(|| LabError::Fault {
        id: fault.id.to_owned(),
        message: "the lab makes nothing that looks like it".to_owned(),
    })?;
    make(lab, &fault, true, &|topology, before| look_alike.plan(topology, before, target))
}

fn known(id: &str) -> Result<Fault> {
    faults::find(id).ok_or_else(|| {
        let known: Vec<_> = faults::all().iter().map(|f| f.id).collect();
        LabError::Unknown(format!("the lab cannot make a fault `{id}`; it can make {}", known.join(", ")))
    })
}

/// What a fault or its look-alike comes to: its target, and what it does.
type Planned = std::result::Result<(String, Made), String>;

fn make(
    lab: &str,
    fault: &Fault,
    look_alike: bool,
    plan: &dyn Fn(&Topology, &Snapshot) -> Planned,
) -> Result<Broken> {
    let _edit = state::edit(lab)?;
    let mut state = running(lab)?;
    let refuse = |message: String| LabError::Fault { id: fault.id.to_owned(), message };
    let before = snapshot(&state)?;
    for namespace in &before.namespaces {
        faults::readable(namespace).map_err(refuse)?;
    }
    let (target, made) = plan(&state.topology, &before).map_err(refuse)?;
    if state.faults.iter().any(|f| f.id == fault.id && f.look_alike == look_alike && f.target == target) {
        return Err(refuse(format!("it is made at {target} already (`plumb lab heal {}`)", fault.id)));
    }
    let called = |namespace: &str| called(&state, namespace);
    let commands = made.acts.iter().flat_map(|a| a.commands(lab, &before, &called)).collect();
    for (done, act) in made.acts.iter().enumerate() {
        if let Err(error) = perform(lab, &mut state, act, &before) {
            let half = made.acts.get(..done).unwrap_or_default();
            return Err(taken_back(lab, &mut state, fault, half, &before, error));
        }
        settle(&state, act)?;
    }
    let after = snapshot(&state)?;
    let active = ActiveFault {
        id: fault.id.to_owned(),
        look_alike,
        target,
        effect: made.effect,
        undo: faults::undo(&made.acts, &before, &after),
        changes: made.acts,
        since: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
    };
    state.faults.push(active.clone());
    state.write()?;
    Ok(Broken { fault: active, flow: made.flow, commands })
}

/// Undoes the half of a fault that was made before something was refused, and gives the error to tell: that of the refusal,
/// with what could not be undone.
fn taken_back(
    lab: &str,
    state: &mut State,
    fault: &Fault,
    half: &[Act],
    before: &Snapshot,
    error: LabError,
) -> LabError {
    let mut left = Vec::new();
    match snapshot(state) {
        Ok(after) => {
            for act in faults::undo(half, before, &after) {
                if let Err(other) = undo_one(lab, state, &act, &after) {
                    left.push(other.to_string());
                }
            }
        }
        Err(other) => left.push(other.to_string()),
    }
    if left.is_empty() {
        return error;
    }
    let message = format!("{error}; and a part of it could not be undone: {}", left.join("; "));
    LabError::Fault { id: fault.id.to_owned(), message }
}

/// Undoes a fault and what looks like it, or all where `id` is `None`; the last one made first. Gives those that were undone.
///
/// # Errors
/// No such fault was made, or the kernel refused to undo a change.
pub fn heal(lab: &str, id: Option<&str>) -> Result<Vec<ActiveFault>> {
    let _edit = state::edit(lab)?;
    let mut state = running(lab)?;
    let meant = |f: &ActiveFault| id.is_none_or(|id| f.id.eq_ignore_ascii_case(id));
    if let Some(id) = id
        && !state.faults.iter().any(meant)
    {
        return Err(LabError::Unknown(format!("no fault `{id}` was made in the lab {lab}")));
    }
    let mut healed = Vec::new();
    while let Some(index) = state.faults.iter().rposition(meant) {
        let fault = state.faults.remove(index);
        let now = snapshot(&state)?;
        for act in &fault.undo {
            undo_one(lab, &mut state, act, &now)?;
        }
        state.write()?;
        healed.push(fault);
    }
    Ok(healed)
}

/// What a namespace is called in commands.
fn called(state: &State, namespace: &str) -> Option<String> {
    match &state.namespaces.iter().find(|n| n.name == namespace)?.owner {
        Owner::Pod { namespace, name, .. } => Some(format!("pod:{namespace}/{name}")),
        Owner::Node { node } => Some(format!("node:{node}")),
        _ => None,
    }
}

/// Waits until the kernel has made up its mind: a new IPv6 address is tentative until nobody has answered for it, or
/// somebody has (RFC 4862, 5.4; `addrconf_dad_work`).
fn settle(state: &State, act: &Act) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let Some(change) = act.change() else { return Ok(()) };
    let Action::AddAddress { address: new, .. } = &change.action else { return Ok(()) };
    if new.prefix.addr.is_ipv4() || new.flags & plumb_model::Address::NODAD != 0 {
        return Ok(());
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let now = snapshot(state)?;
        let addresses = now.namespace(change.namespace).map_or(&[][..], |n| n.addresses.items());
        let asked = |a: &Address| a.flags & (Address::TENTATIVE | Address::DADFAILED) == Address::TENTATIVE;
        if !addresses.iter().any(|a| a.prefix == new.prefix && asked(a)) || Instant::now() > until {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Undoes an act. What a remedy undid before is no error.
fn undo_one(lab: &str, state: &mut State, act: &Act, now: &Snapshot) -> Result<()> {
    let Act::Change(change) = act else {
        return match perform(lab, state, act, now) {
            // Who was to listen no more does not; whatever else is refused, is told.
            Err(LabError::Refused { .. }) if matches!(act, Act::Deed(Deed::Close { .. })) => Ok(()),
            other => other,
        };
    };
    match apply(lab, state, change, now) {
        Err(LabError::Kernel(plumb_kernel::KernelError::Missing { .. })) if takes_away(&change.action) => {
            Ok(())
        }
        // EEXIST 17, ENOENT 2, ESRCH 3: as it should be already.
        Err(LabError::Kernel(error)) if matches!(error.errno(), Some(17 | 2 | 3)) => Ok(()),
        Err(LabError::Refused { .. })
            if matches!(change.action, Action::StartListener { .. } | Action::StopListener { .. }) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Does one thing.
fn perform(lab: &str, state: &mut State, act: &Act, snapshot: &Snapshot) -> Result<()> {
    let deed = match act {
        Act::Change(change) => return apply(lab, state, change, snapshot),
        Act::Deed(deed) => deed.clone(),
    };
    match deed {
        Deed::Listen { namespace, listen } => listen::tell(lab, &namespace, Command::Start(listen)),
        Deed::Close { namespace, protocol, address, port } => {
            listen::tell(lab, &namespace, Command::Stop { protocol, address, port })
        }
        Deed::Hold { namespace, hold } => listen::tell(lab, &namespace, Command::Hold(hold)),
        Deed::Release { namespace, name } => listen::tell(lab, &namespace, Command::Release { name }),
        Deed::Freeze { namespace, on } => listen::freeze(lab, &namespace, on),
        Deed::Resolver { namespace, conf } => resolver::set(state, &namespace, conf),
    }
}

fn takes_away(action: &Action) -> bool {
    matches!(
        action,
        Action::DeleteRule { .. }
            | Action::DeleteTable { .. }
            | Action::DeleteRoute(_)
            | Action::DeletePolicyRule(_)
            | Action::DeleteAddress { .. }
            | Action::DeleteNeighbour { .. }
            | Action::DeleteFdb { .. }
    )
}

/// Makes a change real: in the kernel, or, for what listens, by telling the supervisor.
fn apply(lab: &str, state: &State, change: &Change, snapshot: &Snapshot) -> Result<()> {
    let (protocol, address, port) = match &change.action {
        Action::StopListener { protocol, address, port, .. }
        | Action::StartListener { protocol, address, port, .. } => (*protocol, *address, *port),
        // Learnt entries come and go: one that is gone by now need not be deleted.
        Action::DeleteNeighbour { .. } | Action::DeleteFdb { .. } | Action::DeleteConntrack(_) => {
            return match plumb_kernel::apply(change, snapshot) {
                Err(plumb_kernel::KernelError::Missing { .. }) => Ok(()),
                other => Ok(other?),
            };
        }
        _ => return Ok(plumb_kernel::apply(change, snapshot)?),
    };
    let namespace = state
        .namespace(change.namespace)
        .ok_or_else(|| LabError::Unknown(format!("{} is no namespace of the lab", change.namespace)))?;
    let command = if matches!(change.action, Action::StopListener { .. }) {
        Command::Stop { protocol, address, port }
    } else {
        let usual = if protocol == Protocol::UDP { PortProtocol::Udp } else { PortProtocol::Tcp };
        let known = listen::known(state, &namespace.name, protocol, port);
        let manner = known.map(|p| p.manner.clone()).unwrap_or_default();
        Command::Start(Listen { protocol: known.map_or(usual, |p| p.protocol), address, port, manner })
    };
    listen::tell(lab, &namespace.name, command)
}

/// All that faults and their undoing need to know of the lab's namespaces.
fn snapshot(state: &State) -> Result<Snapshot> {
    let parts = Parts {
        conntrack: false,
        sockets: false,
        traffic_control: false,
        counters: false,
        statistics: false,
        processes: false,
        names: false,
        ..Parts::default()
    };
    let only = Some(state.namespaces.iter().map(|n| n.name.clone()).collect());
    let owner = |id| state.namespace(id).map(|n| n.owner.clone());
    Ok(plumb_kernel::snapshot(&Options { only, parts, owner: Some(&owner), ..Options::default() })?)
}

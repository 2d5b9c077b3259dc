//! English.

use plumb_lab::Step;

use super::{Say, Word};

pub(super) fn word(word: Word) -> &'static str {
    match word {
        Word::Node => "node",
        Word::Namespace => "namespace",
        Word::Addresses => "addresses",
        Word::PodRanges => "pods' ranges",
        Word::Outside => "outside",
        Word::Pod => "pod",
        Word::Serves => "serves",
        Word::Process => "process",
        Word::Dead => "dead",
        Word::Ended => "ended",
        Word::ProxyOf => "proxy of",
        Word::AskProxy => "state",
        Word::Service => "service",
        Word::Port => "port",
        Word::Endpoints => "endpoints",
        Word::Fault => "fault",
        Word::LooksLike => "looks like",
        Word::LookAlikeDoes => "look-alike",
        Word::InTruth => "is",
        Word::Nothing => "nothing",
        Word::Name => "name",
        Word::Does => "what it does",
        Word::Target => "target",
        Word::Ready => "ready",
        Word::Starting => "starting",
        Word::SupervisorDead => "its supervisor is dead",
        Word::Broken => "broken",
        Word::NothingBroken => "nothing was broken",
    }
}

pub(super) fn say(what: &Say<'_>) -> String {
    match what {
        Say::Up { lab, nodes, pods, seconds } => {
            format!("{lab}: {nodes} nodes, {pods} pods, up in {seconds:.2} s")
        }
        Say::Next { command } => format!("next: {command}"),
        Say::Meanwhile { command } => format!("meanwhile: {command}"),
        Say::Gone { lab } => format!("{lab} is gone"),
        Say::Supervised { lab, state, supervisor } => format!("{lab}: {state} (supervisor {supervisor})"),
        Say::Orphaned { lab, state, command } => format!("{lab}: {state}: {command} removes what is left"),
        Say::Active { broken, fault, target, effect } => format!("{broken} {fault} {target}: {effect}"),
        Say::Failed { outcome, errno, stage } => format!("{outcome} ({errno} at {stage})"),
        Say::Answered { outcome, server, client } => format!("{outcome}: {server} answered and saw {client}"),
        Say::Single { flow, told, milliseconds } => format!("{flow}: {told} ({milliseconds:.1} ms)"),
        Say::Several { flow, outcome, connections } => {
            format!("{flow}: {outcome} in {connections} connections")
        }
        Say::Alike { connections, told, milliseconds } => {
            format!("{connections:>4} × {told} (at most {milliseconds:.1} ms)")
        }
        Say::Made { fault, target, effect } => format!("{fault} at {target}: {effect}"),
        Say::Done { command } => format!("done: {command}"),
        Say::Expect { from, to, outcome } => format!("expect: {from} → {to} {outcome}"),
        Say::Undone { fault, target } => format!("{fault} at {target} is undone"),
        Say::Listens { name, protocol, port } => format!("{name} listens on {protocol} port {port}"),
        Say::ListensNoMore { name, protocol, port } => {
            format!("{name} listens no more on {protocol} port {port}")
        }
        Say::Restarted { name } => format!("the server of {name} has begun anew"),
        Say::Held { name, connections, to, held } => {
            format!("{name} keeps {connections} connections to {to} as `{held}`")
        }
        Say::Released { name, held } => format!("{name} has let go of `{held}`"),
        Say::Resolves { name, usual: true } => format!("{name} asks for names as every pod does"),
        Say::Resolves { name, usual: false } => {
            format!("{name} asks for names in another way than other pods")
        }
        Say::Sound { file, nodes, pods } => format!("{file}: sound, {nodes} nodes, {pods} pods"),
    }
}

pub(super) fn step(step: Step) -> &'static str {
    match step {
        Step::Clearing => "removing what is left of the last",
        Step::Namespaces => "making namespaces",
        Step::Links => "connecting them",
        Step::Addresses => "giving them addresses, routes and rules",
        Step::Servers => "starting servers",
        Step::Cluster => "starting the API and the proxies",
    }
}

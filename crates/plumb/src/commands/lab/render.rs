//! What the lab says, as text.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use owo_colors::OwoColorize;
use plumb_doctor::messages::Lang;
use plumb_lab::faults::Fault;
use plumb_lab::{ActiveFault, Attempt, Broken, Outcome, ProbeReport, Status};

use crate::lang::lab::{self, Say, Word, say, word};
use crate::output;

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn table(lang: Lang, headings: &[Word]) -> comfy_table::Table {
    let headings: Vec<&str> = headings.iter().map(|h| word(lang, *h)).collect();
    output::table(&headings, false)
}

pub(super) fn up(lang: Lang, status: &Status, took: Duration) -> String {
    let first = status.pods.first().map_or_else(|| "node:NAME".to_owned(), |p| format!("pod:{}", p.name));
    let service = status.services.first().map(|s| format!("svc:{}", s.name));
    let to = service.unwrap_or_else(|| "outside".to_owned());
    let name = &status.lab;
    let (nodes, pods, seconds) = (status.nodes.len(), status.pods.len(), took.as_secs_f64());
    let built = say(lang, &Say::Up { lab: &name.bold().to_string(), nodes, pods, seconds });
    let command = format!("plumb lab probe {first} {to} · plumb lab faults · plumb lab down {name}");
    format!("{built}\n{}\n", say(lang, &Say::Next { command: &command }))
}

/// One line: whether it runs.
fn state(lang: Lang, status: &Status) -> String {
    let name = status.lab.bold().to_string();
    let Some(supervisor) = status.supervisor else {
        let state = word(lang, Word::SupervisorDead).red().to_string();
        let command = format!("plumb lab down {}", status.lab);
        return say(lang, &Say::Orphaned { lab: &name, state: &state, command: &command });
    };
    let state = if status.ready {
        word(lang, Word::Ready).green().to_string()
    } else {
        word(lang, Word::Starting).yellow().to_string()
    };
    say(lang, &Say::Supervised { lab: &name, state: &state, supervisor })
}

pub(super) fn status(lang: Lang, status: &Status) -> String {
    let mut text = format!("{}\n", state(lang, status));
    let mut nodes = table(lang, &[Word::Node, Word::Namespace, Word::Addresses, Word::PodRanges]);
    for n in &status.nodes {
        nodes.add_row([n.name.clone(), n.namespace.clone(), joined(&n.addresses), joined(&n.pod_ranges)]);
    }
    nodes.add_row([
        word(lang, Word::Outside).to_owned(),
        status.outside.namespace.clone(),
        joined(&status.outside.addresses),
        String::new(),
    ]);
    let headings = [Word::Pod, Word::Node, Word::Namespace, Word::Addresses, Word::Serves, Word::Process];
    let mut pods = table(lang, &headings);
    for p in &status.pods {
        let pid = p.pid.map_or_else(|| word(lang, Word::Dead).to_owned(), |pid| pid.to_string());
        let (name, node, namespace) = (p.name.clone(), p.node.clone(), p.namespace.clone());
        pods.add_row([name, node, namespace, joined(&p.addresses), p.ports.join(" "), pid]);
    }
    let _ = writeln!(text, "{nodes}\n{pods}");
    if !status.proxies.is_empty() {
        let mut proxies = table(lang, &[Word::ProxyOf, Word::Process, Word::AskProxy]);
        for p in &status.proxies {
            let pid = p.pid.map_or_else(|| word(lang, Word::Ended).to_owned(), |pid| pid.to_string());
            let ask = format!("plumb proxy status --status-socket {}", p.socket.display());
            proxies.add_row([p.node.clone(), pid, ask]);
        }
        let _ = writeln!(text, "{proxies}");
    }
    if !status.services.is_empty() {
        let mut services = table(lang, &[Word::Service, Word::Addresses, Word::Port, Word::Endpoints]);
        for s in &status.services {
            let (name, port) = (s.name.clone(), s.port.to_string());
            services.add_row([name, joined(&s.addresses), port, s.endpoints.join(" ")]);
        }
        let _ = writeln!(text, "{services}");
    }
    for fault in &status.faults {
        let (broken, id) = (word(lang, Word::Broken).red().to_string(), fault.id.bold().to_string());
        let effect = lab::effect(lang, &fault.id, fault.look_alike, &fault.effect);
        let broken = if fault.look_alike { word(lang, Word::LooksLike).yellow().to_string() } else { broken };
        let active = Say::Active { broken: &broken, fault: &id, target: &fault.target, effect };
        let _ = writeln!(text, "{}", say(lang, &active));
    }
    text
}

fn coloured(lang: Lang, outcome: Outcome) -> String {
    let word = lab::outcome(lang, outcome);
    match outcome {
        Outcome::Connects => word.green().to_string(),
        Outcome::Intermittent => word.yellow().to_string(),
        _ => word.red().to_string(),
    }
}

/// What one connection came to, without how long it took.
fn told(lang: Lang, attempt: &Attempt) -> String {
    let mut text = coloured(lang, attempt.outcome);
    if let (Some(errno), Some(stage)) = (&attempt.errno, &attempt.stage) {
        text = say(lang, &Say::Failed { outcome: &text, errno, stage });
    }
    if let Some(answer) = &attempt.answer {
        let client = answer.client.ip().to_string();
        text = say(lang, &Say::Answered { outcome: &text, server: &answer.server, client: &client });
    }
    text
}

pub(super) fn probe(lang: Lang, report: &ProbeReport) -> String {
    let flow = format!("{} → {} {}", report.from, report.to, report.protocol);
    if let [only] = report.attempts.as_slice() {
        let (told, milliseconds) = (told(lang, only), only.seconds * 1e3);
        return format!("{}\n", say(lang, &Say::Single { flow: &flow, told: &told, milliseconds }));
    }
    // Those that ended alike are one line.
    let mut alike: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for attempt in &report.attempts {
        alike.entry(told(lang, attempt)).or_default().push(attempt.seconds);
    }
    let (outcome, connections) = (coloured(lang, report.outcome), report.attempts.len());
    let mut text = say(lang, &Say::Several { flow: &flow, outcome: &outcome, connections });
    text.push('\n');
    for (told, seconds) in alike {
        let milliseconds = seconds.iter().copied().fold(0.0, f64::max) * 1e3;
        let line = Say::Alike { connections: seconds.len(), told: &told, milliseconds };
        let _ = writeln!(text, "  {}", say(lang, &line));
    }
    text
}

pub(super) fn faults(lang: Lang, all: &[Fault]) -> String {
    let mut rows = table(lang, &[Word::Fault, Word::Name, Word::Does, Word::Target]);
    for fault in all {
        let (name, does) = lab::fault(lang, fault);
        rows.add_row([fault.id, name, does, fault.target.word()]);
    }
    let mut alike = table(lang, &[Word::LooksLike, Word::LookAlikeDoes, Word::InTruth]);
    for one in all.iter().filter_map(Fault::look_alike) {
        let is = one.is.unwrap_or_else(|| word(lang, Word::Nothing));
        alike.add_row([one.of, lab::look_alike(lang, &one), is]);
    }
    format!("{rows}\n{alike}\n")
}

/// A fault's number; what only looks like it says so.
fn named(lang: Lang, fault: &ActiveFault) -> String {
    let id = fault.id.bold().to_string();
    if fault.look_alike { format!("{} {id}", word(lang, Word::LooksLike)) } else { id }
}

pub(super) fn broken(lang: Lang, broken: &Broken) -> String {
    let (fault, flow) = (&broken.fault, &broken.flow);
    let effect = lab::effect(lang, &fault.id, fault.look_alike, &fault.effect);
    let id = named(lang, fault);
    let mut text = say(lang, &Say::Made { fault: &id, target: &fault.target, effect });
    text.push('\n');
    let next = format!("plumb diagnose {} {}{}", flow.from, flow.to, flow.question());
    let outcome = coloured(lang, flow.outcome);
    let to = format!("{}{}", flow.to, flow.options());
    let mut lines: Vec<Say<'_>> = broken.commands.iter().map(|command| Say::Done { command }).collect();
    lines.push(Say::Expect { from: &flow.from, to: &to, outcome: &outcome });
    let load = flow.meanwhile.as_ref().map(|m| {
        let (from, protocol) = (&flow.from, m.protocol.word());
        format!("plumb lab probe {from} {} --protocol {protocol} -n {} --patience 0.1", m.to, m.connections)
    });
    let check = "plumb check --interval 5s";
    match &load {
        Some(load) => lines.extend([Say::Next { command: check }, Say::Meanwhile { command: load }]),
        None => lines.push(Say::Next { command: &next }),
    }
    for line in lines {
        let _ = writeln!(text, "  {}", say(lang, &line));
    }
    text
}

pub(super) fn healed(lang: Lang, all: &[ActiveFault]) -> String {
    if all.is_empty() {
        return format!("{}\n", word(lang, Word::NothingBroken));
    }
    let one = |f: &ActiveFault| {
        format!("{}\n", say(lang, &Say::Undone { fault: &named(lang, f), target: &f.target }))
    };
    all.iter().map(one).collect()
}

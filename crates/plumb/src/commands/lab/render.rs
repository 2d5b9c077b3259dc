//! What the lab says, as text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use owo_colors::OwoColorize;
use plumb_lab::faults::Fault;
use plumb_lab::{ActiveFault, Attempt, Broken, Outcome, ProbeReport, Status};

use crate::output;

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub(super) fn up(status: &Status, took: Duration) -> String {
    let (nodes, pods) = (status.nodes.len(), status.pods.len());
    let first = status.pods.first().map_or_else(|| "node:NAME".to_owned(), |p| format!("pod:{}", p.name));
    let service = status.services.first().map(|s| format!("svc:{}", s.name));
    let to = service.unwrap_or_else(|| "outside".to_owned());
    format!(
        "{}: {nodes} nodes, {pods} pods, up in {:.2} s\n\
         next: plumb lab probe {first} {to} · plumb lab faults · plumb lab down {}\n",
        status.lab.bold(),
        took.as_secs_f64(),
        status.lab
    )
}

pub(super) fn status(status: &Status) -> String {
    let state = match (status.ready, status.supervisor) {
        (true, Some(pid)) => format!("{} (supervisor {pid})", "ready".green()),
        (false, Some(pid)) => format!("{} (supervisor {pid})", "starting".yellow()),
        (_, None) => {
            format!("{}: plumb lab down {} removes what is left", "its supervisor is dead".red(), status.lab)
        }
    };
    let mut text = format!("{}: {state}\n", status.lab.bold());
    let mut nodes = output::table(&["node", "namespace", "addresses", "pods' ranges"], false);
    for n in &status.nodes {
        nodes.add_row([n.name.clone(), n.namespace.clone(), joined(&n.addresses), joined(&n.pod_ranges)]);
    }
    nodes.add_row([
        "outside".to_owned(),
        status.outside.namespace.clone(),
        joined(&status.outside.addresses),
        String::new(),
    ]);
    let mut pods = output::table(&["pod", "node", "namespace", "addresses", "serves", "process"], false);
    for p in &status.pods {
        let pid = p.pid.map_or_else(|| "dead".to_owned(), |pid| pid.to_string());
        let (name, node, namespace) = (p.name.clone(), p.node.clone(), p.namespace.clone());
        pods.add_row([name, node, namespace, joined(&p.addresses), p.ports.join(" "), pid]);
    }
    let _ = writeln!(text, "{nodes}\n{pods}");
    if !status.proxies.is_empty() {
        let mut proxies = output::table(&["proxy of", "process", "state"], false);
        for p in &status.proxies {
            let pid = p.pid.map_or("ended".to_owned(), |pid| pid.to_string());
            let ask = format!("plumb proxy status --status-socket {}", p.socket.display());
            proxies.add_row([p.node.clone(), pid, ask]);
        }
        let _ = writeln!(text, "{proxies}");
    }
    if !status.services.is_empty() {
        let mut services = output::table(&["service", "addresses", "port", "endpoints"], false);
        for s in &status.services {
            let (name, port) = (s.name.clone(), s.port.to_string());
            services.add_row([name, joined(&s.addresses), port, s.endpoints.join(" ")]);
        }
        let _ = writeln!(text, "{services}");
    }
    for fault in &status.faults {
        let _ = writeln!(text, "{} {} {}: {}", "broken".red(), fault.id.bold(), fault.target, fault.effect);
    }
    text
}

fn coloured(outcome: Outcome) -> String {
    match outcome {
        Outcome::Connects => outcome.word().green().to_string(),
        Outcome::Intermittent => outcome.word().yellow().to_string(),
        _ => outcome.word().red().to_string(),
    }
}

/// What one connection came to, without how long it took.
fn told(attempt: &Attempt) -> String {
    let mut text = coloured(attempt.outcome);
    if let (Some(errno), Some(stage)) = (&attempt.errno, &attempt.stage) {
        let _ = write!(text, " ({errno} at {stage})");
    }
    if let Some(answer) = &attempt.answer {
        let _ = write!(text, ": {} answered and saw {}", answer.server, answer.client.ip());
    }
    text
}

pub(super) fn probe(report: &ProbeReport) -> String {
    let head = format!("{} → {} {}", report.from, report.to, report.protocol);
    if let [only] = report.attempts.as_slice() {
        return format!("{head}: {} ({:.1} ms)\n", told(only), only.seconds * 1e3);
    }
    // Those that ended alike are one line.
    let mut alike: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for attempt in &report.attempts {
        alike.entry(told(attempt)).or_default().push(attempt.seconds);
    }
    let mut text = format!("{head}: {} in {} connections\n", coloured(report.outcome), report.attempts.len());
    for (what, seconds) in alike {
        let longest = seconds.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(text, "  {:>4} × {what} (at most {:.1} ms)", seconds.len(), longest * 1e3);
    }
    text
}

pub(super) fn faults(all: &[Fault]) -> String {
    let mut table = output::table(&["fault", "name", "what it does", "target"], false);
    for fault in all {
        table.add_row([fault.id, fault.name, fault.does, fault.target.word()]);
    }
    format!("{table}\n")
}

pub(super) fn broken(broken: &Broken) -> String {
    let fault = &broken.fault;
    let mut text = format!("{} at {}: {}\n", fault.id.bold(), fault.target, fault.effect);
    for command in &broken.commands {
        let _ = writeln!(text, "  done: {command}");
    }
    let flow = &broken.flow;
    let _ = writeln!(text, "  expect: {} → {} {}", flow.from, flow.to, coloured(flow.outcome));
    let _ = writeln!(text, "  next: plumb diagnose {} {}", flow.from, flow.to);
    text
}

pub(super) fn healed(all: &[ActiveFault]) -> String {
    if all.is_empty() {
        return "nothing was broken\n".to_owned();
    }
    all.iter().map(|f| format!("{} at {} is undone\n", f.id.bold(), f.target)).collect()
}

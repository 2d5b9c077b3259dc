//! Remedies that only a lab knows: the commands that start a pod's missing listener, start its server anew, or give it its
//! resolv.conf back.

use plumb_doctor::check::CheckReport;
use plumb_doctor::report::{Place, Remedy, Report};
use plumb_doctor::tried_in_lab;

/// Puts the lab's command in place of the advice to start a listener or to change a resolv.conf, where that is a pod's of a
/// lab that runs on this machine.
pub(in crate::commands) fn of_causes(report: &mut Report) {
    for cause in &mut report.causes {
        of(&cause.id, &cause.place, &mut cause.remedy);
    }
}

/// The same for the findings of a check.
pub(in crate::commands) fn of_findings(report: &mut CheckReport) {
    for finding in &mut report.findings {
        of(&finding.id, &finding.place, &mut finding.remedy);
    }
}

/// What a server's own state or settings do to it: begun anew, it listens as its topology says.
const RESTARTED: [&str; 5] = [
    "accept-queue-full",
    "close-wait-pile-up",
    "listener-elsewhere",
    "listener-other-family",
    "udp-buffer-full",
];

fn of(id: &str, place: &Place, remedies: &mut [Remedy]) {
    let file = place.get("file").and_then(|v| v.as_str()).filter(|f| f.ends_with("/resolv.conf"));
    let resolver = || plumb_lab::usual_command(place.get("namespace")?.as_str()?);
    let restart = || plumb_lab::restart_command(place.get("namespace")?.as_str()?);
    let command = listener(place)
        .or_else(|| file.and_then(|_| resolver()))
        .or_else(|| RESTARTED.contains(&id).then(restart).flatten());
    let Some(command) = command else { return };
    if let Some(first) = remedies.first_mut().filter(|r| r.advice) {
        first.tried_in_lab = tried_in_lab::ran(id, &command);
        first.command = command;
        first.advice = false;
    }
}

fn listener(place: &Place) -> Option<String> {
    let text = |key: &str| place.get(key).and_then(|v| v.as_str());
    if text("missing") != Some("listener") {
        return None;
    }
    let (namespace, socket) = (text("namespace")?, text("socket")?);
    // Several, where a whole Service lacks them: `NAMESPACE PROTOCOL ADDRESS:PORT`, one after the other.
    let all: Vec<(&str, &str)> = match text("sockets") {
        Some(several) => several.split(", ").filter_map(|one| one.split_once(' ')).collect(),
        None => vec![(namespace, socket)],
    };
    let commands: Option<Vec<String>> =
        all.into_iter().map(|(namespace, socket)| plumb_lab::start_command(namespace, socket)).collect();
    commands.map(|all| all.join(" && "))
}

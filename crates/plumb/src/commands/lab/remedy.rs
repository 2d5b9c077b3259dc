//! Remedies that only a lab knows: the command that starts a pod's missing listener.

use plumb_doctor::check::CheckReport;
use plumb_doctor::report::{Place, Remedy, Report};
use plumb_doctor::tried_in_lab;

/// Puts the lab's command in place of the advice to start a listener, where the listener is missing in a pod of a lab
/// that runs on this machine.
pub(in crate::commands) fn listeners(report: &mut Report) {
    for cause in &mut report.causes {
        listener(&cause.id, &cause.place, &mut cause.remedy);
    }
}

/// The same for the findings of a check.
pub(in crate::commands) fn of_findings(report: &mut CheckReport) {
    for finding in &mut report.findings {
        listener(&finding.id, &finding.place, &mut finding.remedy);
    }
}

fn listener(id: &str, place: &Place, remedies: &mut [Remedy]) {
    let text = |key: &str| place.get(key).and_then(|v| v.as_str());
    if text("missing") != Some("listener") {
        return;
    }
    let (Some(namespace), Some(socket)) = (text("namespace"), text("socket")) else { return };
    // Several, where a whole Service lacks them: `NAMESPACE PROTOCOL ADDRESS:PORT`, one after the other.
    let all: Vec<(&str, &str)> = match text("sockets") {
        Some(several) => several.split(", ").filter_map(|one| one.split_once(' ')).collect(),
        None => vec![(namespace, socket)],
    };
    let commands: Option<Vec<String>> =
        all.into_iter().map(|(namespace, socket)| plumb_lab::start_command(namespace, socket)).collect();
    let Some(command) = commands.map(|all| all.join(" && ")) else { return };
    if let Some(first) = remedies.first_mut().filter(|r| r.advice) {
        first.tried_in_lab = tried_in_lab::ran(id, &command);
        first.command = command;
        first.advice = false;
    }
}

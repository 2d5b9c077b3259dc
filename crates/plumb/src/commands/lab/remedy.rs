//! Remedies that only a lab knows: the command that starts a pod's missing listener.

use plumb_doctor::check::CheckReport;
use plumb_doctor::report::{Place, Remedy, Report};

/// Puts the lab's command in place of the advice to start a listener, where the listener is missing in a pod of a lab
/// that runs on this machine.
pub(in crate::commands) fn listeners(report: &mut Report) {
    for cause in &mut report.causes {
        listener(&cause.place, &mut cause.remedy);
    }
}

/// The same for the findings of a check.
pub(in crate::commands) fn of_findings(report: &mut CheckReport) {
    for finding in &mut report.findings {
        listener(&finding.place, &mut finding.remedy);
    }
}

fn listener(place: &Place, remedies: &mut [Remedy]) {
    let text = |key: &str| place.get(key).and_then(|v| v.as_str());
    if text("missing") != Some("listener") {
        return;
    }
    let (Some(namespace), Some(socket)) = (text("namespace"), text("socket")) else { return };
    let Some(command) = plumb_lab::start_command(namespace, socket) else { return };
    if let Some(first) = remedies.first_mut().filter(|r| r.advice) {
        first.command = command;
        first.advice = false;
    }
}

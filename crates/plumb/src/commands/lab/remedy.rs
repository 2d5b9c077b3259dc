//! Remedies that only a lab knows: the command that starts a pod's missing listener.

use plumb_doctor::report::Report;

/// Puts the lab's command in place of the advice to start a listener, where the listener is missing in a pod of a lab
/// that runs on this machine.
pub(in crate::commands) fn listeners(report: &mut Report) {
    for cause in &mut report.causes {
        let text = |key: &str| cause.place.get(key).and_then(|v| v.as_str());
        if text("missing") != Some("listener") {
            continue;
        }
        let (Some(namespace), Some(socket)) = (text("namespace"), text("socket")) else { continue };
        let Some(command) = plumb_lab::start_command(namespace, socket) else { continue };
        if let Some(first) = cause.remedy.first_mut().filter(|r| r.advice) {
            first.command = command;
            first.advice = false;
        }
    }
}

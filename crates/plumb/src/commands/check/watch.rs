//! `--watch`: check again and again, and tell what appeared and what went.

use std::thread;
use std::time::Duration;

use plumb_doctor::check::{CheckFinding, Severity};
use plumb_doctor::render::terminal;
use plumb_kernel::Parts;
use plumb_model::Snapshot;

use super::{Asked, Context, source};
use crate::cli::CheckFormat;
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::output;

/// Between two looks, where --interval does not say.
const PAUSE: Duration = Duration::from_secs(10);

/// Runs until it is interrupted, or until stdout is closed.
pub(super) fn run(asked: &Asked<'_>, context: &Context) -> Result<Status, Error> {
    if matches!(asked.args.output, CheckFormat::Junit | CheckFormat::Html) {
        return Err(Error::Usage {
            problem: "--watch has no end, and JUnit and HTML are one document each".to_owned(),
            help: "leave --watch out, or take -o text or -o json".to_owned(),
        });
    }
    let pause = asked.args.interval.unwrap_or(PAUSE);
    let severity: Severity = asked.args.severity.into();
    let mut known: Vec<CheckFinding> = Vec::new();
    let mut before: Option<Snapshot> = None;
    loop {
        // Anew each time: pods come and go.
        let only = source::connected(context, &asked.args.netns)?;
        let now = source::live(context, only, Parts::default())?;
        let report = asked.check(&now, before.as_ref(), None, context)?;
        let found: Vec<CheckFinding> =
            report.findings.into_iter().filter(|f| f.severity >= severity).collect();
        let came = found.iter().filter(|f| !known.iter().any(|k| same(k, f)));
        let went = known.iter().filter(|k| !found.iter().any(|f| same(k, f)));
        for (sign, finding) in came.map(|f| ('+', f)).chain(went.map(|f| ('-', f))) {
            tell(sign, finding, asked.args.output, context)?;
        }
        if before.is_none() && found.is_empty() && asked.args.output == CheckFormat::Text {
            output::print(&format!("{}\n", context.say(&Say::NothingYet)))?;
        }
        known = found;
        before = Some(now);
        thread::sleep(pause);
    }
}

fn same(a: &CheckFinding, b: &CheckFinding) -> bool {
    a.id == b.id && a.place == b.place
}

/// One line on what came (`+`) or went (`-`): text, or a JSON object a line.
fn tell(sign: char, finding: &CheckFinding, format: CheckFormat, context: &Context) -> Result<(), Error> {
    if format == CheckFormat::Json {
        let event = if sign == '+' { "appeared" } else { "gone" };
        let line = serde_json::json!({ "event": event, "finding": finding });
        return output::print(&format!("{line}\n"));
    }
    output::print(&format!("{sign} {}\n", terminal::check_line(finding, context.lang(), true)))
}

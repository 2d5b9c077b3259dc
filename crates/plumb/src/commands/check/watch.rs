//! `--watch`: check again and again, and tell what appeared and what went.

use std::thread;
use std::time::Duration;

use plumb_doctor::check::{CheckFinding, Severity};
use plumb_doctor::render::terminal;
use plumb_kernel::Parts;
use plumb_model::Snapshot;

use super::expect::Line;
use super::known::{self, Need};
use super::{Asked, Context, source};
use crate::cli::{CheckArgs, CheckFormat};
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::output;

/// Between two looks, where --interval does not say.
const PAUSE: Duration = Duration::from_secs(10);

/// Runs until it is interrupted, or until stdout is closed.
pub(super) fn run(args: &CheckArgs, expected: &[Line], context: &Context) -> Result<Status, Error> {
    if matches!(args.output, CheckFormat::Junit | CheckFormat::Html) {
        return Err(Error::Usage {
            problem: "--watch has no end, and JUnit and HTML are one document each".to_owned(),
            help: "leave --watch out, or take -o text or -o json".to_owned(),
        });
    }
    let pause = args.interval.unwrap_or(PAUSE);
    let severity: Severity = args.severity.into();
    let mut known: Vec<CheckFinding> = Vec::new();
    let mut before: Option<Snapshot> = None;
    let mut objects = known::read(&args.manifests, &args.api, Need::Check, context)?;
    loop {
        // Anew each time: pods come and go.
        let asked = Asked { args, expected, known: &objects };
        let only = source::connected(context, &args.netns)?;
        let now = source::live(context, only, Parts::default())?;
        let (report, now) = asked.check(now, before.as_ref(), None, context)?;
        let found: Vec<CheckFinding> =
            report.findings.into_iter().filter(|f| f.severity >= severity).collect();
        let came = found.iter().filter(|f| !known.iter().any(|k| same(k, f)));
        let went = known.iter().filter(|k| !found.iter().any(|f| same(k, f)));
        for (sign, finding) in came.map(|f| ('+', f)).chain(went.map(|f| ('-', f))) {
            tell(sign, finding, args.output, context)?;
        }
        if before.is_none() && found.is_empty() && args.output == CheckFormat::Text {
            output::print(&format!("{}\n", context.say(&Say::NothingYet)))?;
        }
        known = found;
        before = Some(now);
        thread::sleep(pause);
        if args.api.access().is_some() {
            // An API that is away for a while is no reason to end: what it told last is the best that is known.
            match known::read(&args.manifests, &args.api, Need::Check, context) {
                Ok(now) => objects = now,
                Err(error) => output::warn(&error.to_string()),
            }
        }
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

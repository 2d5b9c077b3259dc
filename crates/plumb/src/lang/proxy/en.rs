//! English.

use plumb_proxy::runner::Reason;

use super::{Line, Span, Told};

pub(super) fn line(line: &Line<'_>) -> String {
    match *line {
        Line::Node { name, process, up } => format!("node {name} (process {process}, up {})", span(up)),
        Line::Services { count, frontends } => {
            format!("services    {count} ({frontends} frontends in force)")
        }
        Line::Runs { count, failed } => format!("runs        {count}, {failed} failed"),
        Line::NoRun => "last run    none yet".to_owned(),
        Line::NotListed => {
            "last run    none yet: Services, EndpointSlices and the Node were not listed".to_owned()
        }
        Line::LastRun { ago, reason, services, elements, bytes, whole } => {
            let whole = if whole { ", tables written whole" } else { "" };
            let (ago, reason) = (span(ago), self::reason(reason));
            format!(
                "last run    {ago} ago, {reason}: {services} services looked at, {elements} elements, {bytes} bytes{whole}"
            )
        }
        Line::Times { all, kernel, since_change } => {
            let [all, kernel, since] = [all, kernel, since_change].map(|s| s.0 * 1e3);
            format!(
                "            {all:.2} ms, {kernel:.2} of them in the kernel; {since:.2} ms after the oldest change it carried"
            )
        }
        Line::Failed { error } => format!("            failed: {error}"),
        Line::NextRun { after, reason } => {
            format!("next run    in {}, {}", span(after), self::reason(reason))
        }
        Line::Behind { by } => format!("behind      {}", by.map_or_else(|| "not".to_owned(), span)),
        Line::NotInForce { what } => format!("not in force: {what}"),
        Line::CannotRead { problem } => format!("cannot read: {problem}"),
        Line::TableGone { family } => format!("{family}: the table is gone"),
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Start => "at the start",
        Reason::Change => "for a change",
        Reason::Retry => "again after a failure",
        Reason::Disturbed => "since somebody changed the table",
        Reason::Interval => "at the sync period",
    }
}

fn span(span: Span) -> String {
    match span.told() {
        Told::Milliseconds(n) => format!("{n:.0} ms"),
        Told::Seconds(n) => format!("{n:.1} s"),
        Told::Minutes(n) => format!("{n:.0} min"),
        Told::Hours(n) => format!("{n:.1} h"),
    }
}

//! `plumb proxy status`.

use std::fmt::Write as _;
use std::time::SystemTime;

use plumb_proxy::runner::status::{Status as ProxyStatus, ask, seconds};

use super::config;
use crate::cli::{ProxyStatusArgs, TextOrJson};
use crate::error::{Error, Status};
use crate::output;

pub(super) fn run(args: &ProxyStatusArgs) -> Result<Status, Error> {
    let node = config::node_name(args.hostname_override.as_deref())?;
    let path = config::socket(args.status_socket.as_ref(), &node);
    let status = ask(&path).map_err(|source| Error::NoProxy { path, source })?;
    match args.output {
        TextOrJson::Json => output::print_json(&status)?,
        TextOrJson::Text => output::print(&text(&status, seconds(SystemTime::now())))?,
    }
    let well = status.ready
        && status.refused.is_empty()
        && status.problems.is_empty()
        && status.last.as_ref().is_some_and(|r| r.errors.is_empty());
    Ok(if well { Status::Good } else { Status::No })
}

/// For people. Writing to a `String` cannot fail.
fn text(s: &ProxyStatus, now: f64) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "node {} (process {}, up {})", s.node, s.pid, span(now - s.started_at));
    let _ = writeln!(out, "services    {} ({} frontends in force)", s.services, s.frontends);
    let _ = writeln!(out, "runs        {}, {} failed", s.runs, s.failed_runs);
    match &s.last {
        None if s.ready => out.push_str("last run    none yet\n"),
        None => out.push_str("last run    none yet: Services, EndpointSlices and the Node were not listed\n"),
        Some(r) => {
            let whole = if r.whole { ", tables written whole" } else { "" };
            let _ = writeln!(
                out,
                "last run    {} ago, {:?}: {} services looked at, {} elements, {} bytes{whole}",
                span(now - r.at),
                r.reason,
                r.services,
                r.elements,
                r.bytes
            );
            let _ = writeln!(
                out,
                "            {:.2} ms, {:.2} of them in the kernel; {:.2} ms after the oldest change it carried",
                r.duration_ms, r.kernel_ms, r.latency_ms
            );
            for error in &r.errors {
                let _ = writeln!(out, "            failed: {error}");
            }
        }
    }
    if let Some(next) = &s.next {
        let _ = writeln!(out, "next run    in {}, {:?}", span(next.at - now), next.reason);
    }
    let _ = writeln!(
        out,
        "behind      {}",
        if s.behind_ms > 0.0 { span(s.behind_ms / 1e3) } else { "not".to_owned() }
    );
    for refused in &s.refused {
        let _ = writeln!(out, "not in force: {refused}");
    }
    for problem in &s.problems {
        let _ = writeln!(out, "cannot read: {problem}");
    }
    out
}

fn span(seconds: f64) -> String {
    match seconds.max(0.0) {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

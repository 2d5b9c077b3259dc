//! `plumb proxy status`.

use std::time::SystemTime;

use plumb_doctor::messages::Lang;
use plumb_proxy::runner::status::{Run, Status as ProxyStatus, ask, seconds};

use super::super::Context;
use super::config;
use crate::cli::{ProxyStatusArgs, TextOrJson};
use crate::error::{Error, Status};
use crate::lang::proxy::{Line, Span, line};
use crate::output;

pub(super) fn run(args: &ProxyStatusArgs, context: &Context) -> Result<Status, Error> {
    let node = config::node_name(args.hostname_override.as_deref())?;
    let path = config::socket(args.status_socket.as_ref(), &node);
    let status = ask(&path).map_err(|source| Error::NoProxy { path, source })?;
    match args.output {
        TextOrJson::Json => output::print_json(&status)?,
        TextOrJson::Text => output::print(&text(&status, seconds(SystemTime::now()), context.lang()))?,
    }
    let well = status.ready
        && status.refused.is_empty()
        && status.problems.is_empty()
        && status.last.as_ref().is_some_and(|r| r.errors.is_empty());
    Ok(if well { Status::Good } else { Status::No })
}

/// For people.
fn text(s: &ProxyStatus, now: f64, lang: Lang) -> String {
    let mut lines = vec![
        Line::Node { name: &s.node, process: s.pid, up: Span(now - s.started_at) },
        Line::Services { count: s.services, frontends: s.frontends },
        Line::Runs { count: s.runs, failed: s.failed_runs },
    ];
    match &s.last {
        None => lines.push(if s.ready { Line::NoRun } else { Line::NotListed }),
        Some(run) => lines.extend(last(run, now)),
    }
    lines.extend(s.next.iter().map(|n| Line::NextRun { after: Span(n.at - now), reason: n.reason }));
    let behind = s.behind_ms > 0.0;
    lines.push(Line::Behind { by: behind.then_some(Span(s.behind_ms / 1e3)) });
    lines.extend(s.refused.iter().map(|what| Line::NotInForce { what }));
    lines.extend(s.problems.iter().map(|problem| Line::CannotRead { problem }));
    lines.iter().map(|l| line(lang, l) + "\n").collect()
}

fn last(run: &Run, now: f64) -> Vec<Line<'_>> {
    let mut lines = vec![
        Line::LastRun {
            ago: Span(now - run.at),
            reason: run.reason,
            services: run.services,
            elements: run.elements,
            bytes: run.bytes,
            whole: run.whole,
        },
        Line::Times {
            all: Span(run.duration_ms / 1e3),
            kernel: Span(run.kernel_ms / 1e3),
            since_change: Span(run.latency_ms / 1e3),
        },
    ];
    lines.extend(run.errors.iter().map(|error| Line::Failed { error }));
    lines
}

#[cfg(test)]
mod tests {
    use plumb_proxy::runner::{Next, Reason};

    use super::*;

    #[test]
    fn both_languages_tell_all_of_it() {
        let run = Run {
            at: 990.0,
            reason: Reason::Disturbed,
            duration_ms: 1.5,
            kernel_ms: 0.5,
            latency_ms: 2.0,
            services: 3,
            elements: 17,
            bytes: 4096,
            whole: true,
            errors: vec!["EBUSY".into()],
        };
        let status = ProxyStatus {
            node: "node-1".into(),
            pid: 7,
            started_at: 400.0,
            ready: true,
            services: 30,
            frontends: 60,
            runs: 5,
            failed_runs: 1,
            last: Some(run),
            next: Some(Next { at: 1000.2, reason: Reason::Retry }),
            behind_ms: 250.0,
            refused: vec!["shop/web: EINVAL".into()],
            problems: vec!["API server https://192.0.2.1/: no answer".into()],
        };
        for (lang, words) in [
            (
                Lang::En,
                ["up 10 min", "10.0 s ago, since somebody changed the table", "in 200 ms", "not in force: "],
            ),
            (Lang::Zh, ["已运行 10 分钟", "10.0 秒前，表被他人改动", "200 毫秒后，失败后重试", "未生效："]),
        ] {
            let text = text(&status, 1000.0, lang);
            let facts =
                ["node-1", "7", "30", "60", "17", "4096", "EBUSY", "EINVAL", "https://192.0.2.1/", "250"];
            for word in words.iter().chain(&facts) {
                assert!(text.contains(word), "{word}:\n{text}");
            }
        }
        let nothing = text(&ProxyStatus::default(), 0.0, Lang::Zh);
        assert!(nothing.contains("还没有全部列出") && nothing.contains("落后        无"), "{nothing}");
    }
}

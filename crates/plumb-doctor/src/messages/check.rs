//! The frame of a check's report: headline, scope, pairs, severities.

use super::{Lang, outcome};
use crate::check::{CheckReport, Pairs, Scope, Severity};

/// How bad something is, as a word.
#[must_use]
pub fn severity(lang: Lang, severity: Severity) -> &'static str {
    match (lang, severity) {
        (Lang::En, Severity::Error) => "error",
        (Lang::En, Severity::Warning) => "warning",
        (Lang::En, Severity::Info) => "info",
        (Lang::Zh, Severity::Error) => "错误",
        (Lang::Zh, Severity::Warning) => "警告",
        (Lang::Zh, Severity::Info) => "提示",
    }
}

/// The first line: how many findings of which severity.
#[must_use]
pub fn check_headline(lang: Lang, r: &CheckReport, threshold: Severity) -> String {
    let count = |s: Severity| r.findings.iter().filter(|f| f.severity == s).count();
    let counted: Vec<(Severity, usize)> = [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .filter(|s| *s >= threshold)
        .map(|s| (s, count(s)))
        .filter(|(_, n)| *n > 0)
        .collect();
    let hidden = r.findings.iter().filter(|f| f.severity < threshold).count();
    let mut text = match (lang, counted.is_empty(), r.incomplete) {
        (Lang::En, true, false) => "nothing wrong was found".to_owned(),
        (Lang::En, true, true) => "nothing wrong was found in what could be read".to_owned(),
        (Lang::Zh, true, false) => "没有发现问题".to_owned(),
        (Lang::Zh, true, true) => "在能读取的内容中没有发现问题".to_owned(),
        (Lang::En, false, _) => {
            let words = counted.iter().map(|(s, n)| {
                format!(
                    "{n} {}{}",
                    severity(lang, *s),
                    if *n == 1 || *s == Severity::Info { "" } else { "s" }
                )
            });
            words.collect::<Vec<_>>().join(", ")
        }
        (Lang::Zh, false, _) => {
            let words = counted.iter().map(|(s, n)| format!("{n} 个{}", severity(lang, *s)));
            words.collect::<Vec<_>>().join("，")
        }
    };
    if hidden > 0 {
        text.push_str(&match lang {
            Lang::En => format!(" ({hidden} below --severity)"),
            Lang::Zh => format!("（另有 {hidden} 个低于 --severity）"),
        });
    }
    text
}

/// What was looked at.
#[must_use]
pub fn scope(lang: Lang, s: &Scope) -> String {
    let known = s.yardstick.iter().map(|k| yardstick(lang, k)).collect::<Vec<_>>().join(", ");
    let open = s.pairs_unknown;
    let mut text = match lang {
        Lang::En => format!("{} namespaces, {} pairs ({known})", s.namespaces, s.pairs),
        Lang::Zh => format!("{} 个网络命名空间，{} 对连接（{known}）", s.namespaces, s.pairs),
    };
    if open > 0 {
        text.push_str(&match lang {
            Lang::En => format!(", {open} of them not known"),
            Lang::Zh => format!("，其中 {open} 对无法判断"),
        });
    }
    if let Some(seconds) = s.interval_s {
        text.push_str(&match lang {
            Lang::En => format!(", counters over {seconds} s"),
            Lang::Zh => format!("，计数器间隔 {seconds} 秒"),
        });
    }
    text
}

/// Where it is known from what should connect.
fn yardstick(lang: Lang, word: &str) -> &str {
    let (en, zh) = match word {
        "expect" => ("expected by --expect", "按 --expect 的要求"),
        "objects" => ("by the API's objects", "按 API 对象"),
        "topology" => ("by the lab's topology", "按实验拓扑"),
        "model" => ("by the Kubernetes network model", "按 Kubernetes 网络模型"),
        "host" => ("a plain host: only what no one can have meant", "普通主机：只报告不可能是有意为之的问题"),
        other => (other, other),
    };
    if lang == Lang::En { en } else { zh }
}

/// How many pairs a cause breaks, and the first of them.
#[must_use]
pub fn pairs(lang: Lang, p: &Pairs) -> String {
    let [from, to, end] = &p.first;
    let end = outcome(lang, end);
    match lang {
        Lang::En => format!("{} of {}; first seen: {from} → {to} ({end})", p.broken, p.of),
        Lang::Zh => format!("{} / {}；首例：{from} → {to}（{end}）", p.broken, p.of),
    }
}

/// Processes that stay hidden from somebody who has every right to see them.
#[must_use]
pub fn hidden_processes(lang: Lang, count: u32) -> String {
    match lang {
        Lang::En => {
            format!("{count} processes are hidden even from root here (those around a container, say)")
        }
        Lang::Zh => format!("有 {count} 个进程即使对 root 也不可见（例如容器之外的进程）"),
    }
}

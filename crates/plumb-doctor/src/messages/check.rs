//! The frame of a check's report: headline, scope, pairs, severities.

use std::collections::BTreeSet;

use plumb_api::policy::Doubt;
use plumb_model::{JoinNote, Segment};

use super::{Lang, outcome};
use crate::check::{CheckReport, Pairs, Scope, Severity};
use crate::report::Assumption;

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
    let forbidden = s.pairs_forbidden;
    if forbidden > 0 {
        text.push_str(&match lang {
            Lang::En => format!(", {forbidden} of them forbidden by NetworkPolicies"),
            Lang::Zh => format!("，其中 {forbidden} 对被 NetworkPolicy 禁止"),
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

/// Namespaces that are no Pod's and no node's by the API.
#[must_use]
pub fn nobodys(lang: Lang, names: &[String]) -> String {
    /// Names that are written out.
    const NAMED: usize = 4;
    let some = names.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = if names.len() > NAMED { " …" } else { "" };
    match lang {
        Lang::En => format!(
            "{} network namespaces are no Pod's and no node's by the API, and are not asked: {}{more}",
            names.len(),
            some.join(", ")
        ),
        Lang::Zh => format!(
            "按 API，有 {} 个网络命名空间不属于任何 Pod 或节点，未作检查：{}{more}",
            names.len(),
            some.join("、")
        ),
    }
}

/// Rules that lead more addresses and ports elsewhere than a check asks for.
#[must_use]
pub fn translations_cut(lang: Lang, namespace: &str) -> String {
    match lang {
        Lang::En => format!(
            "{namespace}: some of the addresses and ports that its rules lead elsewhere were not asked for; there are too many"
        ),
        Lang::Zh => format!("{namespace}：其规则转换的地址和端口太多，有一部分没有检查"),
    }
}

/// The network between nodes that is assumed to deliver.
#[must_use]
pub fn segment(lang: Lang, s: &Segment) -> Assumption {
    /// Ends that are named; of many the first.
    const NAMED: usize = 4;
    let mut ends: Vec<String> =
        s.uplinks.iter().take(NAMED).map(|(node, device)| format!("{node} {device}")).collect();
    let more = s.uplinks.len().saturating_sub(NAMED);
    if more > 0 {
        ends.push(match lang {
            Lang::En => format!("{more} more"),
            Lang::Zh => format!("另外 {more} 个"),
        });
    }
    let (network, ends) = (s.prefix, ends.join(", "));
    match lang {
        Lang::En => Assumption {
            what: format!("the network {network} between {ends} delivers"),
            why: "no snapshot covers it".to_owned(),
            prove_with: "--probe: counters on both ends".to_owned(),
        },
        Lang::Zh => Assumption {
            what: format!("{ends} 之间的网络 {network} 能送达"),
            why: "没有快照覆盖这部分".to_owned(),
            prove_with: "--probe：比较两端的计数器".to_owned(),
        },
    }
}

/// What may make a whole of several snapshots less true than its parts.
#[must_use]
pub fn join_note(lang: Lang, note: &JoinNote) -> String {
    match (lang, note) {
        (Lang::En, JoinNote::FarApart(seconds)) => {
            format!("the snapshots were taken {seconds} s apart: they may tell of different states")
        }
        (Lang::Zh, JoinNote::FarApart(seconds)) => format!("各快照相隔 {seconds} 秒：可能反映不同的状态"),
        (Lang::En, JoinNote::Kernels(all)) => format!(
            "the nodes run different kernels ({}): choices that depend on the release are made as on the first",
            all.iter().cloned().collect::<Vec<_>>().join(", ")
        ),
        (Lang::Zh, JoinNote::Kernels(all)) => format!(
            "各节点内核不同（{}）：与版本有关的选择按第一个节点处理",
            all.iter().cloned().collect::<Vec<_>>().join(", ")
        ),
        (Lang::En, JoinNote::Twice(node)) => format!("{node} was given twice: the later snapshot counts"),
        (Lang::Zh, JoinNote::Twice(node)) => format!("{node} 给出了两次：以较晚的快照为准"),
        (Lang::En, JoinNote::Alone { node, device }) => {
            format!(
                "{device} of {node} has no address in a network of another node: what leaves by it is not known"
            )
        }
        (Lang::Zh, JoinNote::Alone { node, device }) => {
            format!("{node} 的 {device} 与其他节点没有共同网络：从它离开的报文去向未知")
        }
        (_, other) => format!("{other:?}"),
    }
}

/// Pairs of which it cannot be told whether a policy forbids them.
#[must_use]
pub fn policy_open(
    lang: Lang,
    policy: &str,
    doubts: &BTreeSet<Doubt>,
    pairs: u64,
    (from, to): (&str, &str),
) -> String {
    let missing: Vec<String> = doubts.iter().map(|d| doubt(lang, *d)).collect();
    match lang {
        Lang::En => format!(
            "whether {policy} forbids {pairs} pairs ({from} → {to} first) cannot be told; not known: {}",
            missing.join(", ")
        ),
        Lang::Zh => format!(
            "无法判断 {policy} 是否禁止 {pairs} 对连接（首例：{from} → {to}）；未知：{}",
            missing.join("、")
        ),
    }
}

fn doubt(lang: Lang, doubt: Doubt) -> String {
    match (lang, doubt) {
        (Lang::En, _) => doubt.to_string(),
        (Lang::Zh, Doubt::NameOfPod) => "是哪个 Pod".to_owned(),
        (Lang::Zh, Doubt::LabelsOfPod) => "Pod 的标签".to_owned(),
        (Lang::Zh, Doubt::PortsOfPod) => "Pod 端口的名称".to_owned(),
        (Lang::Zh, Doubt::LabelsOfNamespace) => "命名空间的标签".to_owned(),
        (Lang::Zh, Doubt::NodeOfPod) => "Pod 所在的节点".to_owned(),
        (Lang::Zh, Doubt::Field) => "API server 会拒绝的字段的含义".to_owned(),
        (Lang::Zh, Doubt::LabelsOfNode) => "节点的标签".to_owned(),
        (Lang::Zh, Doubt::DomainNames) => "域名对应哪些地址".to_owned(),
        (Lang::Zh, Doubt::SamePriority) => "优先级相同的两个策略先问哪一个".to_owned(),
        (Lang::Zh, Doubt::OwnNode) => "Pod 与其所在节点之间是否适用".to_owned(),
        (Lang::Zh, Doubt::Foreign) => "其内容：Plumb 不读取这类对象".to_owned(),
        (Lang::Zh, Doubt::Translated) => "策略看到的是客户端转换之前还是之后的地址".to_owned(),
    }
}

/// Echoes that no policy defines.
#[must_use]
pub fn echoes_undefined(lang: Lang, pairs: u64) -> Assumption {
    match lang {
        Lang::En => Assumption {
            what: format!("{pairs} echoes to or from Pods that NetworkPolicies are about may fail"),
            why: "policies define TCP, UDP and SCTP; what becomes of ICMP is up to the network plugin"
                .to_owned(),
            prove_with: "the documentation of the network plugin".to_owned(),
        },
        Lang::Zh => Assumption {
            what: format!("与受 NetworkPolicy 约束的 Pod 之间的 {pairs} 个回显请求可以失败"),
            why: "策略只定义 TCP、UDP 和 SCTP；ICMP 由网络插件决定".to_owned(),
            prove_with: "网络插件的文档".to_owned(),
        },
    }
}

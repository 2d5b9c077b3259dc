//! Sentences: what a finding, an evidence, an outcome is called, in each language.
//!
//! This module decides *what* is said; the language modules only how. Every match over findings is exhaustive, so a new
//! kind of finding does not compile before each language can say it.

mod check;
pub(crate) mod checks;
mod effect;
mod en;
mod ids;
mod names;
mod rejection;
mod shown;
mod step;
#[cfg(test)]
mod tests;
mod words;
mod zh;

use plumb_model::Advice;
use plumb_trace::session::Flow;

pub use check::{
    check_headline, echoes_undefined, hidden_processes, join_note, nobodys, pairs, policy_open, scope,
    segment, severity, translations_cut,
};
pub use effect::{Ending, Traffic};
pub use ids::{ALL_IDS, FAULTS, fault, id};
pub use names::{NameNote, name_advice, name_effect, name_note, name_summary};
pub use rejection::rejection;
pub use shown::{evidence, shown, unit};
pub use step::{End, Step, Why};
pub(crate) use words::percent;
pub use words::{Heading, Stage};

use crate::finding::{Finding, InOrder, Packet};
use crate::report::{Assumption, ProbeReport, RuledOut};

/// Languages of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// English
    #[default]
    En,
    /// 中文
    Zh,
}

impl Lang {
    /// From the values of `LC_ALL`, `LC_MESSAGES` and `LANG`: the first that is set and not empty decides (POSIX,
    /// "Environment Variables"); English where none says Chinese.
    #[must_use]
    pub fn from_locale(get: impl Fn(&str) -> Option<String>) -> Self {
        let decisive =
            ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|n| get(n).filter(|v| !v.is_empty()));
        match decisive {
            Some(locale) if locale.starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }
}

/// One sentence: what is there and what it does.
#[must_use]
pub fn summary(lang: Lang, finding: &Finding) -> String {
    match lang {
        Lang::En => en::summary(finding),
        Lang::Zh => zh::summary(finding),
    }
}

/// What it does to traffic such as that of the flow.
#[must_use]
pub fn effect(lang: Lang, finding: &Finding, flow: &Flow) -> String {
    let (traffic, ending) = (Traffic::of(flow), effect::ending(finding, flow.transport));
    let namespace = finding.namespace();
    match lang {
        Lang::En => en::effect(&traffic, namespace, ending),
        Lang::Zh => zh::effect(&traffic, namespace, ending),
    }
}

/// What to do where no change of the model cures it.
#[must_use]
pub fn advice(lang: Lang, finding: &Finding) -> String {
    match lang {
        Lang::En => en::advice(finding),
        Lang::Zh => zh::advice(finding),
    }
}

/// What to do where a change is no command.
#[must_use]
pub fn change_advice(lang: Lang, advice: &Advice) -> String {
    match advice {
        Advice::StartListener { namespace, socket } => match lang {
            Lang::En => format!("start a server that listens on {socket} in {namespace}"),
            Lang::Zh => format!("在 {namespace} 中启动监听 {socket} 的服务"),
        },
        Advice::StopListener { namespace, socket, processes } => {
            let list = processes.join(", ");
            match (lang, processes.is_empty()) {
                (Lang::En, true) => format!("stop what listens on {socket} in {namespace}"),
                (Lang::En, false) => {
                    format!("stop what listens on {socket} in {namespace} (running there: {list})")
                }
                (Lang::Zh, true) => format!("停止 {namespace} 中监听 {socket} 的进程"),
                (Lang::Zh, false) => format!("停止 {namespace} 中监听 {socket} 的进程（其中的进程：{list}）"),
            }
        }
        other => other.to_string(),
    }
}

/// Why something unknown matters; `what` names it.
#[must_use]
pub fn unknown(lang: Lang, what: &str) -> String {
    match lang {
        Lang::En => format!("{what}: its verdict cannot be modelled"),
        Lang::Zh => format!("{what}：无法对其判决建模"),
    }
}

/// The walk leaves the snapshot by this device.
#[must_use]
pub fn beyond(lang: Lang, namespace: &str, device: &str) -> Assumption {
    match lang {
        Lang::En => Assumption {
            what: format!("the network beyond {device} of {namespace} delivers, and lets the answer back"),
            why: "no snapshot covers it".to_owned(),
            prove_with: "--probe: counters on both ends".to_owned(),
        },
        Lang::Zh => Assumption {
            what: format!("{namespace} 的 {device} 以外的网络能送达，应答也能返回"),
            why: "没有快照覆盖这部分".to_owned(),
            prove_with: "--probe：比较两端的计数器".to_owned(),
        },
    }
}

/// A bridge that knows a hardware address which two devices have.
#[derive(Clone, Copy, Debug)]
pub struct Copies<'a> {
    /// Where the bridge is.
    pub namespace: &'a str,
    /// What shows the entry.
    pub shown_by: &'a str,
    /// The bridge.
    pub bridge: &'a str,
    /// Port by which it sends to the address now.
    pub port: &'a str,
    /// The address.
    pub mac: &'a str,
    /// Port that leads to the other device.
    pub other_port: &'a str,
    /// The other device, with its namespace.
    pub copy: (&'a str, &'a str),
}

/// The bridge goes on sending by the port that it knows now.
#[must_use]
pub fn copies(lang: Lang, c: &Copies) -> Assumption {
    let Copies { namespace, shown_by, bridge, port, mac, other_port, copy: (other, device) } = c;
    match lang {
        Lang::En => Assumption {
            what: format!("{bridge} of {namespace} goes on sending what is for {mac} by {port}"),
            why: format!(
                "{device} of {other}, behind {other_port}, has the same hardware address: each frame that it sends moves the entry"
            ),
            prove_with: format!("{shown_by}, again and again; --probe"),
        },
        Lang::Zh => Assumption {
            what: format!("{namespace} 的 {bridge} 仍从 {port} 发送目的为 {mac} 的帧"),
            why: format!(
                "{other_port} 后面 {other} 的 {device} 有相同的硬件地址：它每发一帧，该表项就会移动"
            ),
            prove_with: format!("反复执行 {shown_by}；--probe"),
        },
    }
}

/// Something that is in order.
#[must_use]
pub fn in_order(lang: Lang, found: &InOrder) -> RuledOut {
    let (what, why) = match lang {
        Lang::En => en::in_order(found),
        Lang::Zh => zh::in_order(found),
    };
    RuledOut { what, why }
}

/// A packet of the flow by name.
#[must_use]
pub fn packet(lang: Lang, packet: Packet) -> &'static str {
    match lang {
        Lang::En => en::packet(packet),
        Lang::Zh => zh::packet(packet),
    }
}

/// What the client sees: an outcome of reports in words (`times out`).
#[must_use]
pub fn outcome(lang: Lang, outcome: &str) -> String {
    words::outcome(lang, outcome).map_or_else(|| outcome.to_owned(), str::to_owned)
}

/// The first line of a report: outcome, errno, stage, and how often it connects.
#[must_use]
pub fn headline(lang: Lang, name: &str, errno: Option<&str>, stage: Option<Stage>, success: f64) -> String {
    words::headline(lang, name, errno, stage, success)
}

/// What a real connection said.
#[must_use]
pub fn probe(lang: Lang, probe: &ProbeReport) -> String {
    let seen = outcome(lang, &probe.outcome);
    let errno = probe.errno.as_ref().map(|e| format!(" ({e})")).unwrap_or_default();
    let seconds = probe.seconds;
    match (lang, probe.agrees) {
        (Lang::En, true) => format!("a real connection {seen}{errno} after {seconds:.3} s, as the walk says"),
        (Lang::En, false) => format!(
            "a real connection {seen}{errno} after {seconds:.3} s: the walk says otherwise, so do not trust its causes"
        ),
        (Lang::Zh, true) => format!("真实连接{seen}{errno}，用时 {seconds:.3} 秒，与推演一致"),
        (Lang::Zh, false) => {
            format!("真实连接{seen}{errno}，用时 {seconds:.3} 秒：与推演不一致，所列原因不可信")
        }
    }
}

/// The heading of a part of a report.
#[must_use]
pub fn heading(lang: Lang, heading: Heading) -> &'static str {
    words::heading(lang, heading)
}

/// A step of a walk in words.
#[must_use]
pub fn step(lang: Lang, step: &Step) -> String {
    match lang {
        Lang::En => en::step(step),
        Lang::Zh => zh::step(step),
    }
}

//! Fixed words: outcomes, stages, headings.

use super::Lang;

/// A part of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the report's fields")]
pub enum Heading {
    Flow,
    Cause,
    Causes,
    Place,
    Evidence,
    Effect,
    Remedy,
    Advice,
    Unknowns,
    Assumptions,
    Probe,
    RuledOut,
    Path,
    Via,
    ShownBy,
    Request,
    Reply,
    Error,
    Payload,
    Answer,
    Acknowledgement,
    Share,
    Delay,
    ProveWith,
    IfPasses,
    TriedInModel,
    Right,
    Rose,
    All,
    NotConnects,
    Affects,
    Pairs,
    NextStep,
    NotCovered,
    LookUp,
    Queries,
    NameServer,
    Waits,
    Files,
}

pub(super) fn heading(lang: Lang, heading: Heading) -> &'static str {
    use Heading as H;
    let (en, zh) = match heading {
        H::Flow => ("Flow", "流"),
        H::Cause => ("Cause", "原因"),
        H::Causes => ("Causes", "原因"),
        H::Place => ("where", "位置"),
        H::Evidence => ("evidence", "证据"),
        H::Effect => ("effect", "影响"),
        H::Remedy => ("mend it", "修复"),
        H::Advice => ("advice", "建议"),
        H::LookUp => ("Look-up of the name", "名字解析"),
        H::Queries => ("asked for, in this order", "依次查询"),
        H::NameServer => ("name server", "域名服务器"),
        H::Waits => ("waits for servers that say nothing, at most", "等待无应答的服务器，最多"),
        H::Files => ("by", "依据"),
        H::Unknowns => ("Not known", "未知"),
        H::Assumptions => ("Assumed", "假定"),
        H::Probe => ("Probe", "探测"),
        H::RuledOut => ("Ruled out", "已排除"),
        H::Path => ("Path", "路径"),
        H::Via => ("by way of", "经由"),
        H::ShownBy => ("shown by", "查看命令"),
        H::Request => ("request", "请求"),
        H::Reply => ("reply", "应答"),
        H::Error => ("error", "差错"),
        H::Payload => ("payload", "数据"),
        H::Answer => ("payload of the answer", "应答方向的数据"),
        H::Acknowledgement => ("acknowledgement", "确认"),
        H::Share => ("of the attempts", "的连接尝试"),
        H::Delay => ("delays by", "延迟"),
        H::ProveWith => ("prove with", "验证方法"),
        H::IfPasses => ("if it lets the packet pass", "若放行"),
        H::TriedInModel => ("tried in the model", "模型中已验证"),
        H::Right => ("right would be", "正确值"),
        H::Rose => ("rose while probing", "探测期间增加"),
        H::All => ("all attempts", "全部连接尝试"),
        H::NotConnects => ("does not connect", "不能连通"),
        H::Affects => ("affects", "影响对象"),
        H::Pairs => ("pairs", "连接对"),
        H::NextStep => ("What to do next", "下一步"),
        H::NotCovered => ("Not covered", "未检查"),
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// An outcome as a verb of the attempt; `None` for a word that is no outcome.
pub(super) fn outcome(lang: Lang, outcome: &str) -> Option<&'static str> {
    let (en, zh) = match outcome {
        "connects" => ("connects", "成功"),
        "refused" => ("is refused", "被拒绝"),
        "unreachable" => ("finds it unreachable", "不可达"),
        "reset" => ("is reset", "被重置"),
        "local_error" => ("fails on the client itself", "在客户端本机失败"),
        "times_out" => ("times out", "超时"),
        "intermittent" => ("connects now and then", "时通时断"),
        "unknown" => ("cannot be told", "无法判定"),
        _ => return None,
    };
    Some(match lang {
        Lang::En => en,
        Lang::Zh => zh,
    })
}

/// Where an attempt fails, as a headline tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before `connect()` returned.
    Connect,
    /// Of a protocol without a handshake: once the first packet is away.
    Datagram,
    /// Behind the handshake.
    Stream,
}

impl Stage {
    /// The stage of a report (`connect`, `data`) on a flow of this protocol.
    #[must_use]
    pub fn of(stage: &str, protocol: &str) -> Option<Self> {
        match (stage, protocol) {
            ("connect", _) => Some(Self::Connect),
            ("data", "tcp" | "sctp") => Some(Self::Stream),
            ("data", _) => Some(Self::Datagram),
            _ => None,
        }
    }
}

pub(super) fn headline(
    lang: Lang,
    name: &str,
    errno: Option<&str>,
    stage: Option<Stage>,
    success: f64,
) -> String {
    let mut line = super::outcome(lang, name);
    if let Some(errno) = errno {
        match lang {
            Lang::En => line.push_str(&format!(" ({errno})")),
            Lang::Zh => line.push_str(&format!("（{errno}）")),
        }
    }
    let while_doing = match (lang, stage) {
        (Lang::En, Some(Stage::Connect)) => " while connecting",
        (Lang::En, Some(Stage::Datagram)) => " after the first packet was sent",
        (Lang::En, Some(Stage::Stream)) => " after the handshake",
        (Lang::Zh, Some(Stage::Connect)) => "，发生在建立连接阶段",
        (Lang::Zh, Some(Stage::Datagram)) => "，发生在发出首个报文之后",
        (Lang::Zh, Some(Stage::Stream)) => "，发生在握手之后",
        (_, None) => "",
    };
    line.push_str(while_doing);
    if name == "intermittent" {
        let percent = percent(success);
        match lang {
            Lang::En => line.push_str(&format!("; {percent} of the attempts connect")),
            Lang::Zh => line.push_str(&format!("；{percent} 的尝试能够连通")),
        }
    }
    line
}

/// A share as a percentage with one decimal at most: `33.3 %`, `50 %`.
pub(crate) fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() / 10.0;
    if (tenths - tenths.round()).abs() < 0.05 { format!("{tenths:.0} %") } else { format!("{tenths:.1} %") }
}

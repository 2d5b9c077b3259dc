//! What a rejecting rule answers, in words.

use plumb_model::IpFamily;
use plumb_trace::event::Answer;

use super::Lang;
use crate::finding::Rejection;

/// The answer by the names of RFC 792, 1812 and 4443.
#[must_use]
pub fn rejection(lang: Lang, rejection: Rejection) -> String {
    let Rejection { family, answer } = rejection;
    let (kind, code) = match answer {
        Answer::TcpReset => return "RST".to_owned(),
        Answer::Nothing => return say(lang, "no answer", "无应答").to_owned(),
        Answer::Icmp { kind, code } => (kind, code),
    };
    let (en, zh) = match (family, kind, code) {
        (IpFamily::V4, 3, 0) => ("net unreachable", "网络不可达"),
        (IpFamily::V4, 3, 1) => ("host unreachable", "主机不可达"),
        (IpFamily::V4, 3, 2) => ("protocol unreachable", "协议不可达"),
        (IpFamily::V4, 3, 3) | (IpFamily::V6, 1, 4) => ("port unreachable", "端口不可达"),
        (IpFamily::V4, 3, 9) => ("net prohibited", "网络被禁止"),
        (IpFamily::V4, 3, 10) => ("host prohibited", "主机被禁止"),
        (IpFamily::V4, 3, 13) | (IpFamily::V6, 1, 1) => ("admin prohibited", "管理性禁止"),
        (IpFamily::V6, 1, 0) => ("no route", "无路由"),
        (IpFamily::V6, 1, 3) => ("address unreachable", "地址不可达"),
        (IpFamily::V6, 1, 5) => ("source address failed policy", "源地址不符合策略"),
        (IpFamily::V6, 1, 6) => ("reject route", "拒绝路由"),
        _ => {
            return match lang {
                Lang::En => format!("ICMP type {kind} code {code}"),
                Lang::Zh => format!("ICMP 类型 {kind} 代码 {code}"),
            };
        }
    };
    say(lang, en, zh).to_owned()
}

fn say(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

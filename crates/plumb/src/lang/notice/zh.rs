//! 中文。

use plumb_api::manifest::{Matter, Warning};
use plumb_kube::{Notice, Unread, WhyUnread};

use super::problem::problem;

pub(super) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::KindAbsent(kind) => format!("API server 不认识 {kind}；视为没有这类对象"),
        Notice::SelectorUnsupported { kind, message } => {
            format!("API server 不能筛选 {kind} 对象（{message}）；改为全部读取后在本地筛选")
        }
        Notice::Manifest(warning) => self::warning(warning),
        Notice::Polling { path, error } => format!(
            "无法监视 {} 的变化（{error}），改为每秒查看一次；请调大 fs.inotify.max_user_watches",
            path.display()
        ),
    }
}

pub(super) fn unread(unread: &Unread) -> String {
    let why = match &unread.why {
        WhyUnread::Refused { code, message } => {
            let help = match code {
                401 => "请检查 kubeconfig 的账号".to_owned(),
                _ => format!("请授予该账号对 {} 的 list 权限", unread.resource),
            };
            format!("API server 拒绝列出（HTTP {code}：{message}）；{help}")
        }
        WhyUnread::Absent => "API server 不认识这类对象".to_owned(),
        WhyUnread::Unavailable { code, message } => {
            format!("API server 暂时不能服务（HTTP {code}：{message}）")
        }
        WhyUnread::NoAnswer(error) => format!("没有应答（{error}）"),
        WhyUnread::Changing => "每次还没读到最后一页，列表就已过期".to_owned(),
        WhyUnread::Garbled(error) => format!("应答无法理解（{error}）"),
    };
    format!("{}（{}）：{why}", unread.kind, unread.url)
}

pub(super) fn warning(warning: &Warning) -> String {
    let text = match &warning.matter {
        Matter::Refused { object, violation } => {
            let problem = problem(&violation.problem);
            format!("{object}：{}：{problem}（API server 会拒绝该对象）", violation.path)
        }
        Matter::Again { object, earlier } => {
            format!("{object} 第二次出现；以此处为准，{earlier} 处的不算")
        }
        Matter::Skipped { api_version, kind, name } => {
            format!("{kind} {name}（{api_version}）已跳过：Plumb 不读取这类对象")
        }
        _ => return warning.to_string(),
    };
    format!("{}: {text}", warning.place)
}

//! 中文。

use plumb_api::manifest::{Matter, Warning};
use plumb_kube::Notice;

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

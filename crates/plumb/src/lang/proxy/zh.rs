//! 中文。

use plumb_proxy::runner::Reason;

use super::{Line, Span, Told};

pub(super) fn line(line: &Line<'_>) -> String {
    match *line {
        Line::Node { name, process, up } => format!("节点 {name}（进程 {process}，已运行 {}）", span(up)),
        Line::Services { count, frontends } => format!("Service     {count} 个（{frontends} 个前端已生效）"),
        Line::Runs { count, failed } => format!("同步        {count} 次，失败 {failed} 次"),
        Line::NoRun => "上次同步    尚无".to_owned(),
        Line::NotListed => "上次同步    尚无：Service、EndpointSlice 和 Node 还没有全部列出".to_owned(),
        Line::LastRun { ago, reason, services, elements, bytes, whole } => {
            let whole = if whole { "，整表写入" } else { "" };
            let (ago, reason) = (span(ago), self::reason(reason));
            format!(
                "上次同步    {ago}前，{reason}：检查 {services} 个 Service，{elements} 个元素，{bytes} 字节{whole}"
            )
        }
        Line::Times { all, kernel, since_change } => {
            let [all, kernel, since] = [all, kernel, since_change].map(|s| s.0 * 1e3);
            format!(
                "            用时 {all:.2} 毫秒，其中内核 {kernel:.2} 毫秒；距所含最早的变更 {since:.2} 毫秒"
            )
        }
        Line::Failed { error } => format!("            失败：{error}"),
        Line::NextRun { after, reason } => format!("下次同步    {}后，{}", span(after), self::reason(reason)),
        Line::Behind { by } => format!("落后        {}", by.map_or_else(|| "无".to_owned(), span)),
        Line::NotInForce { what } => format!("未生效：{what}"),
        Line::CannotRead { problem } => format!("无法读取：{problem}"),
        Line::TableGone { family } => format!("{family}：表已删除"),
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Start => "启动",
        Reason::Change => "有变更",
        Reason::Retry => "失败后重试",
        Reason::Disturbed => "表被他人改动",
        Reason::Interval => "到达同步周期",
    }
}

fn span(span: Span) -> String {
    match span.told() {
        Told::Milliseconds(n) => format!("{n:.0} 毫秒"),
        Told::Seconds(n) => format!("{n:.1} 秒"),
        Told::Minutes(n) => format!("{n:.0} 分钟"),
        Told::Hours(n) => format!("{n:.1} 小时"),
    }
}

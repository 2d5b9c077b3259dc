//! 中文。

use super::Say;

pub(super) fn say(what: &Say<'_>) -> String {
    let fixed = match what {
        Say::Namespace => "命名空间",
        Say::LivesHere => "其中的进程",
        Say::Addresses => "地址",
        Say::Listeners => "监听",
        Say::Devices => "设备",
        Say::Device => "设备",
        Say::Routes => "路由",
        Say::Rules => "策略路由规则",
        Say::Neighbours => "邻居",
        Say::Kind => "类型",
        Say::State => "状态",
        Say::Chains => "链",
        Say::Sets => "集合",
        Say::FilterRules => "规则",
        Say::Everything => "全部内容",
        Say::Conntrack => "连接跟踪",
        Say::Sockets => "套接字",
        Say::Peer => "对端",
        Say::Nobody => "无",
        Say::Nothing => "无",
        Say::NoRules => "没有表",
        Say::Down => "未启用",
        Say::NoCarrier => "无载波",
        Say::OutsideSnapshot => "未覆盖的命名空间",
        Say::Reading => "读取中",
        Say::Probing => "正在建立连接",
        Say::Walking => "推演连接对",
        Say::Listing => "读取 API 对象",
        Say::NobodyKnown => {
            "按地址和 UID，这里没有任何网络命名空间属于该 API 的 Pod 或节点：请确认是否为同一集群，以及快照是否经过脱敏"
        }
        Say::NothingYet => "目前没有发现问题；持续观察中",
        Say::Redacted => "名称和地址已替换",
        Say::Complete => "全部内容均已读取",
        Say::NotComplete => "未能读取",
        Say::Created => "新建",
        Say::Updated => "更新",
        Say::SeveralOwners { namespace, pods } => {
            return format!("命名空间 {namespace} 具有多个 Pod（{pods}）的地址，因此不归于其中任何一个");
        }
        Say::More { count } => return format!("…… 另有 {count} 项"),
        Say::Unread { what, why } => return format!("{what}：没有权限，缺少 {why}"),
        Say::Absent { what, feature } => return format!("{what}：内核中没有（{feature}）"),
        Say::Torn { what, reason } => return format!("{what}：读取期间发生变化，内容可能不一致（{reason}）"),
        Say::Gap { text } => return format!("未能读取：{text}"),
        Say::OtherEngines { names } => return format!("另外还有本版本不读取的：{names}"),
        Say::MissingRights { names, hides_namespaces: true } => {
            return format!(
                "缺少 {names}：无法进入其他命名空间，也无法读取防火墙规则、连接跟踪和其他用户的进程；请以 root 身份（sudo）运行"
            );
        }
        Say::MissingRights { names, hides_namespaces: false } => {
            return format!("缺少 {names}：看不到的内容见下文；以 root 身份（sudo）运行可看到全部");
        }
        Say::Taken { host, kernel, at } => return format!("{host}，Linux {kernel}，采集于 {at}"),
        Say::Redaction { warning } => return format!("脱敏后结果可能不同：{warning}"),
        Say::Written { file, namespaces, bytes } => {
            return format!("{file}：{namespaces} 个命名空间，{bytes} 字节");
        }
        Say::NoMatch { patterns } => return format!("没有名为 {patterns} 的网络命名空间"),
        Say::Deleted { name } => return format!("EndpointSlice {name} 应删除"),
        Say::Table { name } => return format!("表 {name}"),
        Say::Entries { count, max } => return format!("{count} / {max}"),
    };
    fixed.to_owned()
}

//! Names of values that findings show, and units.

use crate::messages::Lang;

/// What a value is called in evidence.
pub(crate) fn label(lang: Lang, what: &'static str) -> &'static str {
    let found = LABELS.iter().find(|(id, _, _)| *id == what);
    found.map_or(what, |(_, en, zh)| if lang == Lang::En { en } else { zh })
}

/// A unit.
pub(crate) fn unit(lang: Lang, unit: &'static str) -> &'static str {
    let found = UNITS.iter().find(|(id, _)| *id == unit);
    match (lang, found) {
        (Lang::Zh, Some((_, zh))) => zh,
        _ => unit,
    }
}

const LABELS: &[(&str, &str, &str)] = &[
    ("device-state", "state of the device", "设备状态"),
    ("carrier", "carrier", "载波"),
    ("owners-of-mac", "owners of the hardware address", "硬件地址的拥有者数"),
    ("mtu", "MTU", "MTU"),
    ("master", "master of the device", "设备所属主设备"),
    ("port-setting", "setting of the bridge port", "网桥端口的设置"),
    ("owners-of-address", "owners of the address", "地址的拥有者数"),
    ("address-flags", "flags of the address", "地址标志"),
    ("prefix-length", "prefix length", "前缀长度"),
    ("sysctl", "value of the sysctl", "sysctl 的值"),
    ("rules-of-nft", "rules of iptables-nft", "iptables-nft 的规则数"),
    ("entries-of-legacy", "entries of iptables-legacy", "iptables-legacy 的条目数"),
    ("service-chains-reached", "chains of Services that a rule leads to", "有规则通向的服务链数"),
    ("service-proxies", "service proxies", "服务代理数"),
    ("listeners-of-port", "listeners on the port", "该端口的监听数"),
    ("packets-of-rule", "packets that met the rule", "命中该规则的报文"),
    ("users-of-conntrack", "rules that use connection tracking", "使用连接跟踪的规则数"),
    ("conntrack-count", "entries of the connection table", "连接表条目"),
    ("chain-length", "entries a look-up walks", "每次查找经过的条目"),
    ("ports-in-use", "ports in use", "已用端口"),
    ("accept-queue", "connections that wait to be accepted", "等待 accept 的连接"),
    ("half-open", "open handshakes", "未完成的握手"),
    ("close-wait", "sockets in CLOSE-WAIT", "处于 CLOSE-WAIT 的套接字"),
    ("shared-ports", "ports of both ranges", "两个范围共有的端口"),
    ("next-hop", "next hop", "下一跳"),
    ("next-router", "next router", "下一台路由器"),
    ("way-back", "device of the way back", "返回路径的设备"),
    ("vxlan-setting", "setting of the tunnel", "隧道设置"),
    ("vxlan-destination", "destination of the entry", "表项的目的地址"),
    ("entries-for-mac", "entries for the hardware address", "该硬件地址的表项数"),
    ("lladdr", "hardware address of the entry", "表项中的硬件地址"),
    ("rx-damaged", "damaged frames received", "收到的损坏帧"),
    ("rx-missed", "frames without room", "无空间接收的帧"),
    ("qdisc-drops", "packets that the qdisc dropped", "qdisc 丢弃的报文"),
    ("carrier-changes", "changes of the carrier", "载波变化次数"),
    ("conntrack-drop", "new connections dropped", "丢弃的新连接"),
    ("conntrack-early-drop", "old connections thrown out", "提前清除的旧连接"),
    ("conntrack-insert-failed", "entries that could not be made", "未能插入的条目"),
    ("conntrack-clash-resolve", "clashes that were resolved", "已解决的冲突"),
    ("conntrack-chain-toolong", "chains too long", "过长的哈希链"),
    ("softnet-dropped", "packets dropped before they were looked at", "处理之前丢弃的报文"),
    ("neighbour-discards", "packets thrown away while waiting", "等待期间丢弃的报文"),
    ("neighbour-table-fulls", "times that the table was full", "表满的次数"),
    ("neighbour-entries", "entries of the table", "表中条目"),
    ("cpu-steal", "time that the hypervisor took", "被虚拟化层占用的时间"),
    ("open-files", "files open", "已打开的文件"),
    ("pids-current", "processes in the cgroup", "cgroup 中的进程数"),
    ("address-that-arrives", "address that arrives", "到达时的地址"),
    ("pairs-denied", "pairs that are denied", "被拒绝的连接对"),
    ("pairs-let-in", "pairs that the NetworkPolicy lets through", "该 NetworkPolicy 放行的连接对"),
    ("pods-in-set", "Pods let in that are in the set", "集合中已有的被放行 Pod 数"),
    ("forbidden-pairs", "forbidden pairs that connect", "被禁止却能连通的连接"),
    ("rules-for-port", "rules that take the port", "允许该端口的规则数"),
    ("peer-pods", "Pods that the peer takes", "该对端选中的 Pod 数"),
    ("dns-allowed", "name servers that the policy lets through", "策略放行的名称服务器数"),
    ("process-state", "state of the process", "进程状态"),
];

const UNITS: &[(&str, &str)] = &[
    ("packets", "个报文"),
    ("connections", "个连接"),
    ("sockets", "个套接字"),
    ("entries", "个条目"),
    ("bytes", "字节"),
    ("pages", "页"),
    ("frames", "帧"),
    ("pairs", "对"),
    ("percent", "%"),
    ("times", "次"),
];

/// A step of looking that found nothing wrong: its name, and what was looked at.
pub(crate) fn in_order(lang: Lang, step: &str, count: u64) -> (String, String) {
    let found = STEPS.iter().find(|(id, ..)| *id == step);
    let Some((_, en, en_things, zh, zh_things)) = found else { return (step.to_owned(), count.to_string()) };
    match lang {
        Lang::En => ((*en).to_owned(), format!("{count} {en_things} looked at")),
        Lang::Zh => ((*zh).to_owned(), format!("已检查 {count} {zh_things}")),
    }
}

const STEPS: &[(&str, &str, &str, &str, &str)] = &[
    ("links", "links and bridges", "devices", "链路与网桥", "个设备"),
    ("addresses", "addresses", "addresses", "地址", "个地址"),
    ("neighbours", "neighbours", "entries", "邻居", "个条目"),
    ("routes", "routes", "routes", "路由", "条路由"),
    ("sysctls", "sysctls", "values", "内核参数", "个值"),
    ("rules", "firewall rules", "rules", "防火墙规则", "条规则"),
    ("nat", "address translation", "rules", "地址转换", "条规则"),
    ("conntrack", "connection tracking", "entries", "连接跟踪", "个条目"),
    ("overlay", "tunnels", "devices", "隧道", "个设备"),
    ("tc", "queueing disciplines", "qdiscs", "队列规则", "个 qdisc"),
    ("sockets", "sockets", "sockets", "套接字", "个套接字"),
    ("policies", "NetworkPolicies", "forbidden pairs", "NetworkPolicy", "对被禁止的连接"),
    ("pairs", "who reaches whom", "pairs", "互通性", "对连接"),
];

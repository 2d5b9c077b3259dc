//! 隧道

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "vxlan-id-differs",
        Texts {
            summary: "{namespace} 的 {device} 的 VXLAN 编号是 {value}，而对端 {other} 是 {right}",
            effect: "两者之间的报文到达后被丢弃：对端没有该编号的网络",
            advice: "以其他节点的编号重建设备（重启网络插件）",
        },
    ),
    (
        "vxlan-port-differs",
        Texts {
            summary: "{namespace} 的 {device} 使用 UDP 端口 {value}，而对端 {other} 使用 {right}",
            effect: "两者之间的报文到达无人监听的端口",
            advice: "以其他节点的端口重建设备（重启网络插件）",
        },
    ),
    (
        "vxlan-fdb-wrong",
        Texts {
            summary: "{namespace} 的 {device} 把发往 {lladdr} 的帧送到 {address}；该硬件地址属于 {node}，但 {node} 没有 {address}",
            effect: "从这里无法到达 {node} 上的 Pod",
            advice: "让网络插件重新同步（重启其代理），或更正表项",
        },
    ),
    (
        "vxlan-fdb-missing",
        Texts {
            summary: "{namespace} 的 {device} 没有 {lladdr} 的转发表项，而 {address} 的邻居表项指向这个属于 {node} 的硬件地址；该设备既不泛洪也不学习",
            effect: "从这里无法到达 {node} 上的 Pod",
            advice: "让网络插件重新同步（重启其代理），或添加表项",
        },
    ),
];

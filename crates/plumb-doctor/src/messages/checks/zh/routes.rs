//! 路由

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "routing-loop",
        Texts {
            summary: "{namespace} 与 {other} 对 {network} 互为下一跳",
            effect: "发往 {network} 的报文循环转发，直到 TTL 耗尽",
            advice: "两条路由中有一条是错的：删除它或更正其下一跳",
        },
    ),
    (
        "rp-filter-asymmetric",
        Texts {
            summary: "{namespace} 的 {device} 只接收返回路径也经过它的报文（{sysctl} 为 1），而邻居 {source} 的返回路径走 {leads}",
            effect: "来自 {source} 的报文都在 {device} 被丢弃",
            advice: "更正路由，或放宽过滤",
        },
    ),
    (
        "multipath-dead-hop",
        Texts {
            summary: "{namespace} 中 `{route}` 的下一跳 {hop} 已失效但仍在使用",
            effect: "经过该路由的流有一部分丢失，且每条流始终如此",
            advice: "让内核跳过失效的下一跳，或在其恢复之前将它移出路由",
        },
    ),
    (
        "forwarding-off",
        Texts {
            summary: "{namespace} 会转发，但不转发从 {device} 进来的报文（{sysctl} 为 0），而 {client} 以它为路由器",
            effect: "{client} 经由 {namespace} 发送的报文被丢弃",
            advice: "设为 1，并查明是谁设置的",
        },
    ),
    (
        "advertisements-ignored",
        Texts {
            summary: "{namespace} 的 {device} 曾从路由器通告获得 {address}，但现在不再接受通告：它开启了转发而 {sysctl} 为 1",
            effect: "没有 IPv6 默认路由：无法通过 IPv6 访问外部",
            advice: "设为 2，或手工配置默认路由",
        },
    ),
];

//! 地址与邻居

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "duplicate-address",
        Texts {
            summary: "{namespace} 中的 {device} 拥有 {address}，同一网段上的 {other} 也拥有它",
            effect: "访问 {address} 时而到达一方，时而到达另一方",
            advice: "删除其中一个，并让邻居重新解析",
        },
    ),
    (
        "address-dad-failed",
        Texts {
            summary: "{namespace} 中 {device} 的 {address} 未被使用：重复地址检测发现了另一个拥有者",
            effect: "绑定 {address} 会失败，也没有人能到达它",
            advice: "找出另一个拥有者（内核日志中有其硬件地址），然后删除并重新添加该地址",
        },
    ),
    (
        "prefix-too-wide",
        Texts {
            summary: "{namespace} 中的 {device} 是 {prefix}，而同一网段上其他人都是 /{length}：它把 {address} 当作邻居",
            effect: "{namespace} 在本链路上查询 {address}，无人应答",
            advice: "使用与其他人相同的前缀长度",
        },
    ),
    (
        "prefix-too-narrow",
        Texts {
            summary: "{namespace} 中的 {device} 是 {prefix}，而同一网段上其他人都是 /{length}：它不知道 {address} 是邻居",
            effect: "{namespace} 对 {address} 的应答要经过路由器，或无处可去",
            advice: "使用与其他人相同的前缀长度",
        },
    ),
    (
        "ipv6-disabled",
        Texts {
            summary: "{namespace} 中的 {device} 关闭了 IPv6，而同一网段上其他人都有 {network} 之类的地址",
            effect: "{namespace} 没有 IPv6，访问其 IPv6 地址得不到应答",
            advice: "查明是谁设置的；之后需要重新添加地址",
        },
    ),
    (
        "neighbour-wrong",
        Texts {
            summary: "{namespace} 有一条永久邻居表项：{address} 对应 {lladdr}，但附近没有人拥有它；{owner} 拥有 {address}，硬件地址是 {right}",
            effect: "{namespace} 发往 {address} 的报文无人接收",
            advice: "删除该表项",
        },
    ),
    (
        "neighbour-no-answer",
        Texts {
            summary: "{asker} 查询 {address}，但 {namespace} 不应答：其 {sysctl} 为 {value}",
            effect: "{asker} 无法到达 {address} 或其后的主机",
            advice: "恢复该值，并查明是谁设置的",
        },
    ),
];

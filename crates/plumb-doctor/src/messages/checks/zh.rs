//! 中文

mod addresses;
mod host;
mod links;
mod overlay;
mod policies;
mod routes;
mod rules;
mod sockets;

use super::Texts;

/// 其他分组。
pub(super) const MORE: &[&[(&str, Texts)]] = &[
    addresses::TEXTS,
    host::TEXTS,
    links::TEXTS,
    overlay::TEXTS,
    policies::TEXTS,
    routes::TEXTS,
    rules::TEXTS,
    sockets::TEXTS,
];

pub(super) const TEXTS: &[(&str, Texts)] = &[
    (
        "pair-unexplained",
        Texts {
            summary: "{from} 无法到达 {to}（{outcome}），未找到其原因（或其他原因过多）",
            effect: "{from} 到 {to} 的连接失败",
            advice: "逐跳查看：用相同的 FROM 和 TO 运行 plumb trace --explain",
        },
    ),
    (
        "source-translated",
        Texts {
            summary: "在 {namespace} 中，规则 `{rule}` 把 {from} 发往 {to} 的报文源地址改为 {seen}：对端看不到 Pod 自己的地址",
            effect: "目标上的策略、白名单和日志看到的是 {seen}，而不是该 Pod",
            advice: "让该规则排除 Pod 之间的流量（即不做地址伪装的网段）",
        },
    ),
    (
        "dns-server-down",
        Texts {
            summary: "{namespace} 中 {socket} 没有监听，而 {count} 个 Pod 的名称查询通向这里（首个为 {client}）",
            effect: "名称查询失败或要等下一台服务器；按地址的连接正常",
            advice: "启动名称服务器",
        },
    ),
    (
        "expectation-unmet",
        Texts {
            summary: "{from} 到 {to}：期望“{wanted}”，实际“{outcome}”",
            effect: "--expect 中的要求未满足",
            advice: "查看是什么放行了它：用相同的 FROM 和 TO 运行 plumb trace --explain",
        },
    ),
    (
        "link-down",
        Texts {
            summary: "{namespace} 中的 {device} 配有地址，但被管理性关闭",
            effect: "{device} 不收发任何报文，其路由已消失",
            advice: "启用之前先查明是谁关闭了它",
        },
    ),
    (
        "loopback-down",
        Texts {
            summary: "{namespace} 的环回设备未启用",
            effect: "{namespace} 中的进程无法访问 127.0.0.1 和本命名空间自己的地址",
            advice: "让创建该命名空间的程序启用环回设备",
        },
    ),
    (
        "accept-queue-overflows",
        Texts {
            summary: "{namespace} 中有 {count} 个连接因 accept 队列已满被拒之门外（目前最满的监听：{listener}）",
            effect: "新连接要等待重传或超时",
            advice: "让服务更快地 accept，或增大 backlog（listen 参数与 net.core.somaxconn 取较小者）",
        },
    ),
    (
        "accept-queue-aborts",
        Texts {
            summary: "{namespace} 中有 {count} 个连接被重置：accept 队列已满且 tcp_abort_on_overflow 已开启",
            effect: "客户端立即被重置，而不是稍后被接纳",
            advice: "sysctl -w net.ipv4.tcp_abort_on_overflow=0，并让服务更快地 accept",
        },
    ),
    (
        "syn-queue-full",
        Texts {
            summary: "{namespace} 中有 {count} 个连接请求因 SYN 队列已满且未启用 cookie 而被丢弃",
            effect: "半开连接过多时新连接超时",
            advice: "sysctl -w net.ipv4.tcp_syncookies=1，或增大 net.ipv4.tcp_max_syn_backlog",
        },
    ),
    (
        "syn-queue-cookies",
        Texts {
            summary: "{namespace} 中因 SYN 队列已满，有 {count} 个连接请求以 cookie 应答",
            effect: "若未启用时间戳，这些连接没有窗口缩放和 SACK",
            advice: "查明是谁打开了这么多握手；增大 net.ipv4.tcp_max_syn_backlog 和 backlog",
        },
    ),
    (
        "time-wait-overflows",
        Texts {
            summary: "{namespace} 的 TIME_WAIT 套接字被提前结束：数量超过 tcp_max_tw_buckets",
            effect: "旧连接的迟到报文遇到新连接：偶发重置",
            advice: "增大 net.ipv4.tcp_max_tw_buckets，或减少短连接",
        },
    ),
    (
        "tcp-memory",
        Texts {
            summary: "{namespace} 的 TCP 连接因内存不足被结束",
            effect: "连接被重置",
            advice: "增大 net.ipv4.tcp_mem，或减少缓冲区占满的套接字",
        },
    ),
    (
        "zero-window",
        Texts {
            summary: "{namespace} 中的接收方关闭了窗口并丢弃仍到达的数据：应用程序没有读取",
            effect: "其连接停滞",
            advice: "用 ss -tn 查看 Recv-Q 很大的套接字；修复或重启应用",
        },
    ),
    (
        "syns-lost",
        Texts {
            summary: "{namespace} 的 {count} 个 SYN 需要重传",
            effect: "建立连接多花一、二、三……秒，或者失败",
            advice: "查明是谁丢弃的：对其中一个目标运行 plumb diagnose",
        },
    ),
    (
        "retransmissions",
        Texts {
            summary: "{namespace} 有 {percent} % 的 TCP 报文段被重传（超过 1 %）",
            effect: "传输缓慢",
            advice: "查找丢包的一跳：设备和 qdisc 的丢弃计数、线缆错误",
        },
    ),
    (
        "udp-buffer-full",
        Texts {
            summary: "{namespace} 中因接收缓冲区已满丢失了 {count} 个数据报",
            effect: "数据报成批丢失",
            advice: "增大 SO_RCVBUF 和 net.core.rmem_max，或让接收方更快地读取",
        },
    ),
    (
        "rp-filter-drops",
        Texts {
            summary: "{namespace} 的反向路径过滤丢弃了 {count} 个报文",
            effect: "从与回程不同的设备进入的报文会丢失",
            advice: "让两个方向走同一设备，或把入口设备的 rp_filter 设为 2",
        },
    ),
    (
        "fragments-lost",
        Texts {
            summary: "{namespace} 中有 {count} 个分片数据报未能重组",
            effect: "较大的数据报丢失",
            advice: "避免分片（减小 EDNS 大小、路径 MTU）；检查是否有规则丢弃分片",
        },
    ),
    (
        "icmp-rate-limited",
        Texts {
            summary: "{namespace} 有 {count} 个 ICMP 差错因达到限速而未发出",
            effect: "路径 MTU 发现和快速报错有时失败",
            advice: "查明是什么引发了这么多差错；提高限速",
        },
    ),
    (
        "time-exceeded",
        Texts {
            summary: "{namespace} 以“超时（time exceeded）”应答了 {count} 个报文",
            effect: "报文在环路中打转",
            advice: "查看去往何处：tcpdump icmp[0]==11；对该目标运行 plumb diagnose",
        },
    ),
];

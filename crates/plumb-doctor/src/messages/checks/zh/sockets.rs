//! 套接字

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "accept-queue-full",
        Texts {
            summary: "{namespace} 中 {socket} 有 {queue} 个连接等待 accept，而队列只容纳 {backlog} 个（该端口的监听数：{listeners}）",
            effect: "新连接超时或迟到数秒；若有多个监听，则是分给这一个的那部分",
            advice: "让服务更快地 accept，或增大 backlog（listen 参数与 net.core.somaxconn 取较小者）；关闭无人处理的监听",
        },
    ),
    (
        "syn-queue-near-limit",
        Texts {
            summary: "{namespace} 中 {socket} 有 {count} 个未完成的握手，上限为 {limit}",
            effect: "未启用 cookie 时新连接被丢弃，启用时连接会失去部分选项",
            advice: "查看是谁发起的（ss -tan state syn-recv）；启用 cookie，增大 backlog 和 net.ipv4.tcp_max_syn_backlog",
        },
    ),
    (
        "ports-used-up",
        Texts {
            summary: "{namespace} 的 {size} 个源端口中已有 {count} 个用于 {destination}",
            effect: "端口用尽后到 {destination} 的新连接以 EADDRNOTAVAIL 失败",
            advice: "扩大端口范围，复用连接，或在多数处于 TIME_WAIT 时设置 tcp_tw_reuse=1",
        },
    ),
    (
        "close-wait-pile-up",
        Texts {
            summary: "{namespace} 的 {all} 个 TCP 套接字中有 {count} 个已被对方关闭却仍被占用（其中最多的是：{most}）",
            effect: "最终会耗尽文件描述符和端口",
            advice: "修复程序：它没有关闭对方已结束的连接",
        },
    ),
    (
        "port-range-covers-node-ports",
        Texts {
            summary: "{namespace} 中客户端使用 {range} 的端口，其中 {count} 个是或可能成为服务的 NodePort",
            effect: "程序可能占用 NodePort 的端口，客户端可能挡住要启动的服务",
            advice: "把 NodePort 范围写入 net.ipv4.ip_local_reserved_ports",
        },
    ),
];

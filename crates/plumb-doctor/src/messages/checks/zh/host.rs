//! 设备队列、连接跟踪、主机、提供服务的进程。

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "frames-damaged",
        Texts {
            summary: "{namespace} 的 {device} 收到损坏的帧：超过百万分之一",
            effect: "报文随机丢失，TCP 需要重传",
            advice: "更换线缆、接头或光模块；查看 ethtool -S {device}",
        },
    ),
    (
        "ring-overflows",
        Texts {
            summary: "{namespace} 的 {device} 没有空间接收到来的帧",
            effect: "报文成批丢失",
            advice: "增大环形缓冲区（ethtool -G {device} rx N），把中断分散到更多处理器",
        },
    ),
    (
        "queue-drops",
        Texts {
            summary: "{namespace} 中 {device} 上的 {qdisc} 丢弃了 {count} 个报文：发送量超过其允许值",
            effect: "传输缓慢，低于设备速率",
            advice: "提高该 qdisc 的速率或长度（或 Pod 的带宽注解），或减少发送",
        },
    ),
    (
        "carrier-flaps",
        Texts {
            summary: "{namespace} 的 {device} 载波变化了 {count} 次",
            effect: "经由它的连接反复停滞",
            advice: "查明是谁关闭了对端，或更换线缆",
        },
    ),
    (
        "conntrack-overflows",
        Texts {
            summary: "{namespace} 因连接跟踪表已满而丢弃新连接或提前清除旧连接",
            effect: "新连接超时，旧连接仍然存活",
            advice: "增大 net.netfilter.nf_conntrack_max，缩短超时，对无需状态的流量使用 notrack",
        },
    ),
    (
        "conntrack-insert-failed",
        Texts {
            summary: "{namespace} 中有 {count} 个报文在竞争插入连接条目时丢失",
            effect: "若两个数据报之一丢失，一次 DNS 查询要多花 5 秒",
            advice: "在节点上使用 DNS 缓存，在 resolv.conf 中设置 single-request-reopen，或升级内核",
        },
    ),
    (
        "conntrack-chains-long",
        Texts {
            summary: "{namespace} 的连接跟踪哈希链过长，无法插入新条目",
            effect: "新连接丢失，跟踪变慢",
            advice: "增大 net.netfilter.nf_conntrack_buckets",
        },
    ),
    (
        "softnet-overflows",
        Texts {
            summary: "因某个处理器的积压队列已满，丢弃了 {count} 个收到的报文",
            effect: "整台机器上报文随机丢失",
            advice: "增大 net.core.netdev_max_backlog，把中断分散到更多处理器（RPS）",
        },
    ),
    (
        "neighbour-table-overflows",
        Texts {
            summary: "邻居表 {table} 曾经已满（现有 {entries} 个条目）",
            effect: "无法到达新的对端；机器上所有命名空间共用该表",
            advice: "在初始命名空间中增大 net.ipv4.neigh.default.gc_thresh1、2、3（IPv6 同理）",
        },
    ),
    (
        "neighbour-queue-overflows",
        Texts {
            summary: "等待邻居应答的 {count} 个报文被丢弃（{table}）",
            effect: "发往新对端的突发流量的最初几个报文丢失",
            advice: "增大 unres_qlen_bytes，或查明哪个邻居不应答",
        },
    ),
    (
        "cpu-stolen",
        Texts {
            summary: "虚拟化层有 {percent} % 的时间没有分配处理器",
            effect: "一切都会时快时慢",
            advice: "减少该宿主机上的虚拟机，或预留处理器",
        },
    ),
    (
        "files-used-up",
        Texts {
            summary: "{namespace} 中的 {process} 已打开 {most} 个文件中的 {open} 个",
            effect: "它无法接受新连接；连接在 accept 队列中等待并超时",
            advice: "提高 LimitNOFILE（ulimit -n），或查明它为何不关闭文件",
        },
    ),
    (
        "pids-used-up",
        Texts {
            summary: "{namespace} 中 {process} 的 cgroup 最多允许 {most} 个进程，且已用完",
            effect: "连接被接受但没有应答",
            advice: "提高进程数限制（pids.max），或查明是谁启动了这么多进程",
        },
    ),
    (
        "server-stopped",
        Texts {
            summary: "{namespace} 中的 {process} 正在监听，但处于停止状态",
            effect: "内核替它接受连接，却无人应答",
            advice: "让 {process} 继续运行：kill -CONT 加上其进程号",
        },
    ),
];

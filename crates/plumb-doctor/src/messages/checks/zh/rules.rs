//! 规则、地址转换与连接跟踪

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "two-backends",
        Texts {
            summary: "{namespace} 中 {command} 的 {table} 表同时有 nft 与 legacy 两个后端的规则：报文要经过两者",
            effect: "只在另一个列表中显示的规则同样生效；在一边看来正确的，可能在另一边被推翻",
            advice: "把所有规则迁到一个后端（一方 {command}-save，另一方 {command}-restore），再清空另一个",
        },
    ),
    (
        "service-rules-unhooked",
        Texts {
            summary: "{namespace} 中存在 {services} 个服务端口的链，但没有任何规则通向它们",
            effect: "在 kube-proxy 重写规则之前，该节点上所有服务都不可用",
            advice: "重启 kube-proxy，并查明是什么清空了这些链（主机防火墙、nftables.service），让它不要动别的表",
        },
    ),
    (
        "proxy-leftovers",
        Texts {
            summary: "{namespace} 中同时存在多个服务代理的规则：{proxies}",
            effect: "先执行的一方说了算；服务可能指向早已不存在的端点",
            advice: "清除旧代理留下的规则：以其模式运行 kube-proxy --cleanup，或重启节点",
        },
    ),
    (
        "service-port-dead",
        Texts {
            summary: "{service} 没有一个端点监听 {ports}",
            effect: "无论选中哪个端点，访问 {service} 都被拒绝",
            advice: "启动服务程序，或使 Service 的 targetPort 与其 Pod 提供的端口一致",
        },
    ),
    (
        "nat-dead-port",
        Texts {
            summary: "在 {namespace} 中，规则 `{rule}` 重定向到端口 {port}，但没有程序监听",
            effect: "该规则匹配的连接被拒绝",
            advice: "启动应当监听的程序，或删除它遗留的规则",
        },
    ),
    (
        "nat-chain-ignored",
        Texts {
            summary: "在 {namespace} 中，nat 链 {chain} 的规则 `{rule}` 从不执行：那里没有任何东西使用连接跟踪",
            effect: "该链本应标记或丢弃的报文会通过",
            advice: "把这类规则放到 filter 类型的链中，或启用连接跟踪（命名空间内任意一个 ct 或 nat 表达式）",
        },
    ),
    (
        "conntrack-full",
        Texts {
            summary: "{namespace} 的连接表已用 {percent} %：{max} 中的 {count} 个条目",
            effect: "表满后新连接的报文被丢弃，旧连接不受影响",
            advice: "增大 net.netfilter.nf_conntrack_max（在主机上设置，对所有命名空间生效），缩短超时，或对无需跟踪的流量不跟踪",
        },
    ),
    (
        "conntrack-hash-small",
        Texts {
            summary: "连接表用 {buckets} 个桶存放 {count} 个条目：每次查找要走约 {chain} 个",
            effect: "每个报文消耗更多 CPU",
            advice: "增大桶数：/sys/module/nf_conntrack/parameters/hashsize，取 nf_conntrack_max 或其四分之一",
        },
    ),
    (
        "nat-ports-nearly-used",
        Texts {
            summary: "{namespace} 中 {source} 的 {size} 个端口里已有 {count} 个用于到 {destination} 的地址转换",
            effect: "端口用尽后到 {destination} 的新连接会失败",
            advice: "增加转换用的地址，或减少短连接",
        },
    ),
];

//! 模型无法验证时的修复建议。

use crate::finding::Finding;

#[allow(clippy::too_many_lines, reason = "一种发现一句话")]
pub(in crate::messages) fn advice(finding: &Finding) -> String {
    use Finding as F;
    match finding {
        F::RuleDrops { namespace, table, chain, .. } | F::RuleRejects { namespace, table, chain, .. } => {
            format!("删除或收窄 {namespace} 中 {table} 表 {chain} 链的该规则，或在其前面放行这类流量")
        }
        F::PolicyDrops { namespace, table, chain, .. } => {
            format!("在 {namespace} 的 {table} 表 {chain} 链中添加放行这类流量的规则")
        }
        F::NatToDeadPort { namespace, to, .. } => {
            format!("启动应监听 {to} 的服务，或删除 {namespace} 中把流量转到那里的规则")
        }
        F::NatToNobody { namespace, to, .. } => {
            format!("把 {namespace} 中该规则的 {to} 换成提供服务的地址，或删除该规则")
        }
        F::NatSourceLost { namespace, source, .. } => {
            format!(
                "给 {namespace} 添加地址 {source}，或在应答方添加到它的路由，或转换为 {namespace} 自己的地址"
            )
        }
        F::NatExhausted { namespace, .. } => format!("为 {namespace} 中的该规则提供更多地址或更大的端口范围"),
        F::NatMissed { namespace, rule, condition } => {
            format!("把 {namespace} 中的 `{rule}` 改为 `{condition}`")
        }
        F::MarkNotRestored { namespace, rule, .. } | F::MarkNotSaved { namespace, rule } => {
            format!("在 {namespace} 中添加 `{rule}`")
        }
        F::MarkMissed { namespace, rule, condition } => {
            format!("把 {namespace} 中的 `{rule}` 改为 `{condition}`")
        }
        F::MarkOverwritten { namespace, rule, .. } => {
            format!("删除或收窄 {namespace} 中的 `{rule}`，或让它保留标记的其余位")
        }
        F::HopLimitTooLow { namespace, by, .. } => format!("调大 {namespace} 中 `{by}` 给报文的 TTL"),
        F::Untracked { namespace, rule } => format!("删除或收窄 {namespace} 中的 `{rule}`"),
        F::ZoneDiffers { namespace, zone, .. } => {
            format!("在 {namespace} 中让两个方向使用同一个 conntrack zone（其中一个方向在 zone {zone}）")
        }
        F::StaleEntry { namespace, entry } => format!("删除 {namespace} 中的 conntrack 条目 `{entry}`"),
        F::RouteMissing { namespace, address, .. } => format!("在 {namespace} 中添加到 {address} 的路由"),
        F::RouteDiscards { namespace, route, .. } => {
            format!("删除 {namespace} 中的 `{route}`，或添加一条前缀更长、通往目的地的路由")
        }
        F::RouteAstray { namespace, route, .. } => {
            format!("把 {namespace} 中的 `{route}` 换成下一跳会继续转发的路由")
        }
        F::PolicyRuleDiscards { namespace, rule, .. } => {
            format!("删除或收窄 {namespace} 中的策略路由规则 `{rule}`")
        }
        F::RoutingLoop { namespace, route, .. } => {
            format!("把 {namespace} 中的 `{route}` 换成通往目的地的路由")
        }
        F::NotForwarding { namespace, sysctl, .. } => format!("在 {namespace} 中把 {sysctl} 设为 1"),
        F::ReversePath { namespace, sysctl, .. } => {
            format!("在 {namespace} 中把 {sysctl} 设为 2，或让两个方向走同一设备")
        }
        F::LoopbackFromOutside { namespace, sysctl, .. } => {
            format!("在 {namespace} 中把 {sysctl} 设为 1，或转换到非环回地址")
        }
        F::OwnSource { namespace, sysctl, source, .. } => {
            format!("从两个使用 {source} 的主机之一移除该地址，或在 {namespace} 中把 {sysctl} 设为 1")
        }
        F::Martian { namespace, address, .. } => {
            format!("查明是谁向 {namespace} 发送带有地址 {address} 的报文")
        }
        F::NoNeighbourAnswer { namespace, sysctl, .. } => format!("调整 {namespace} 的 {sysctl}，使其应答"),
        F::ProxyEntryMissing { namespace, device, address } => {
            format!("在 {namespace} 的 {device} 上为 {address} 添加代理表项")
        }
        F::NeighbourMissing { namespace, device, address } => {
            format!("把 {address} 配置到 {namespace} 的 {device} 所连的主机，或改用其他下一跳")
        }
        F::NeighbourWrong { namespace, device, address, .. } => {
            format!("删除 {namespace} 中 {device} 上 {address} 的邻居表项")
        }
        F::Ipv6Disabled { namespace, sysctl, .. } | F::EchoIgnored { namespace, sysctl } => {
            format!("在 {namespace} 中把 {sysctl} 设为 0")
        }
        F::ConntrackFull { namespace, max, .. } => {
            format!(
                "在初始命名空间中把 net.netfilter.nf_conntrack_max 调到 {max} 以上，或查明什么占满了 {namespace} 的表"
            )
        }
        F::BridgeNotFiltered { namespace, sysctl, .. } => {
            format!("在 {namespace} 中把 {sysctl} 设为 1（需要加载 br_netfilter 模块）")
        }
        F::LinkDown { namespace, device, .. } => format!("在 {namespace} 中启用 {device}"),
        F::NoCarrier { namespace, device, peer } => match peer {
            Some(peer) => format!("启用 {peer}，即 {namespace} 中 {device} 的对端"),
            None => format!("查明 {namespace} 中 {device} 的对端去了哪里"),
        },
        F::NotInBridge { namespace, device, bridge } => {
            format!("在 {namespace} 中把 {device} 加入网桥 {bridge}")
        }
        F::PortNoFlood { namespace, device, lladdr, .. } => {
            format!("在 {namespace} 中打开 {device} 的 flood，或在 FDB 中添加 {lladdr}")
        }
        F::PortNoBroadcast { namespace, device, attribute, .. } => {
            format!("在 {namespace} 中打开 {device} 的 {attribute}")
        }
        F::PortIsolated { namespace, device, .. } => format!("在 {namespace} 中关闭 {device} 的 isolated"),
        F::PortNoHairpin { namespace, device, .. } => format!("在 {namespace} 中打开 {device} 的 hairpin"),
        F::PortState { namespace, bridge, device, .. } => {
            format!("查明 {namespace} 中网桥 {bridge} 的生成树为何阻塞 {device}")
        }
        F::FdbWrong { namespace, bridge, lladdr, .. } => {
            format!("从 {namespace} 中网桥 {bridge} 的 FDB 删除 {lladdr} 的表项")
        }
        F::ListenerMissing { namespace, socket }
        | F::ListenerElsewhere { namespace, socket, .. }
        | F::ListenerOtherFamily { namespace, socket, .. } => {
            format!("在 {namespace} 中启动监听 {socket} 的服务")
        }
        F::PrefixTooWide { namespace, device, prefix, address } => {
            format!("在 {namespace} 中为 {device} 的 {prefix} 改用更长的前缀，使其不包含 {address}")
        }
        F::PortsUsedUp { namespace, range, .. } => {
            format!("在 {namespace} 中扩大 net.ipv4.ip_local_port_range（{range}），或复用已有连接")
        }
        F::DuplicateAddress { namespace, device, address, .. } => {
            format!("从 {namespace} 的 {device} 移除地址 {address}")
        }
        F::QueueFull { namespace, socket, .. } => {
            format!("查明 {namespace} 中监听 {socket} 的服务为何不 accept，或增大其 backlog")
        }
        F::SynQueueFull { namespace, socket, .. } => format!(
            "让 {namespace} 发送 cookie（net.ipv4.tcp_syncookies=1），或者给 {socket} 上的服务更大的 backlog"
        ),
        F::BufferFull { namespace, socket, .. } => format!(
            "查明 {namespace} 中 {socket} 上的服务为何不读取，或者给它更大的缓冲区（SO_RCVBUF、net.core.rmem_max）"
        ),
        F::DuplicateMac { namespace, device, .. } => {
            format!("给 {namespace} 中的 {device} 单独的硬件地址")
        }
        F::DadFailed { namespace, device, address } => {
            format!("在无人使用 {address} 之后，从 {namespace} 的 {device} 移除并重新添加该地址")
        }
        F::ServerStopped { namespace, process, .. } => {
            format!("让 {namespace} 中的 {process} 继续运行：kill -CONT 加其进程号")
        }
        F::HandedOver { namespace, mark, .. } => {
            format!(
                "在 {namespace} 中让带标记 {mark:#x} 的数据包查询一张含有覆盖所有地址的 local 路由的路由表"
            )
        }
        F::AnswerFromElsewhere { namespace, expected, .. } => {
            format!("让服务从 {expected} 应答，或改为访问它应答 {namespace} 时所用的地址")
        }
        F::NoSource { namespace, family } => format!("给 {namespace} 添加 {family} 地址"),
        F::FrameTooBig { namespace, device, .. } => {
            format!("让 {namespace} 的 {device} 与同一网段的其他设备使用相同的 MTU")
        }
        F::TooBig { namespace, device, .. } => {
            format!("增大 {namespace} 中 {device} 的 MTU，或减小发送方的 MTU")
        }
    }
}

//! 中文。

mod advice;
mod step;

use plumb_trace::session::Transport;

pub(super) use advice::advice;
pub(super) use step::step;

use super::{Ending, Lang, Traffic, rejection};
use crate::finding::{Finding, InOrder, Packet, ShownWhat};

pub(super) fn packet(packet: Packet) -> &'static str {
    match packet {
        Packet::Request => "请求报文",
        Packet::Reply => "应答报文",
        Packet::Error => "ICMP 差错报文",
        Packet::Payload => "数据报文",
        Packet::PayloadBack => "应答方向的数据报文",
        Packet::TooBig => "告知发送方 MTU 更小的 ICMP 差错报文",
        Packet::NeighbourQuestion => "ARP/ND 请求",
        Packet::NeighbourAnswer => "ARP/ND 应答",
    }
}

fn tool(backend: &str) -> &str {
    match backend {
        "xtables-nft" => "iptables-nft",
        "xtables-legacy" => "iptables-legacy",
        other => other,
    }
}

#[allow(clippy::too_many_lines, reason = "一种发现一句话")]
pub(super) fn summary(finding: &Finding) -> String {
    use Finding as F;
    match finding {
        F::RuleDrops { namespace, backend, table, chain, rule, packet: p, mark_set_in } => {
            let (tool, p) = (tool(backend), packet(*p));
            let mark =
                mark_set_in.as_ref().map(|m| format!("（匹配的 mark 在 {m} 中设置）")).unwrap_or_default();
            format!("{namespace} 中 {tool} 的 {table} 表 {chain} 链，规则 `{rule}` 丢弃了{p}{mark}")
        }
        F::PolicyDrops { namespace, backend, table, chain, packet: p } => format!(
            "{namespace} 中 {tool} 的 {table} 表 {chain} 链没有规则放行{p}，而该链默认策略为 drop",
            tool = tool(backend),
            p = packet(*p)
        ),
        F::RuleRejects { namespace, backend, table, chain, rule, packet: p, answer } => format!(
            "{namespace} 中 {tool} 的 {table} 表 {chain} 链，规则 `{rule}` 以 {answer} 拒绝了{p}",
            answer = rejection(Lang::Zh, *answer),
            tool = tool(backend),
            p = packet(*p)
        ),
        F::NatToDeadPort { namespace, rule, to } => {
            format!("{namespace} 中规则 `{rule}` 把请求转到 {to}，那里无人监听，而原本的端口有服务")
        }
        F::NatToNobody { namespace, rule, to } => {
            format!("{namespace} 中规则 `{rule}` 把请求转到 {to}，该地址无人持有或不可达")
        }
        F::NatSourceLost { namespace, rule, source } => {
            format!("{namespace} 中规则 `{rule}` 把请求的源地址改为 {source}，应答无法返回该地址")
        }
        F::NatExhausted { namespace, rule } => format!("{namespace} 中规则 `{rule}` 已没有可用的转换端口"),
        F::NatMissed { namespace, rule, condition } => {
            format!("{namespace} 中规则 `{rule}` 因一个条件而没有匹配该请求；改为 `{condition}` 即可转换")
        }
        F::MarkNotRestored { namespace, rule, mark } => format!(
            "{namespace} 中应答没有恢复其连接的标记 {mark:#x}，而策略路由规则要按它选路；缺少规则 `{rule}`"
        ),
        F::MarkNotSaved { namespace, rule } => format!(
            "{namespace} 中请求的标记没有保存到连接，应答因此不能按策略路由规则选路；缺少规则 `{rule}`"
        ),
        F::MarkMissed { namespace, rule, condition } => format!(
            "{namespace} 中规则 `{rule}` 应打上策略路由所需的标记，但因一个条件而没有匹配该报文；改为 `{condition}` 即可打上标记"
        ),
        F::MarkOverwritten { namespace, rule, mark } => {
            format!("{namespace} 中规则 `{rule}` 去掉了报文的标记 {mark:#x}，而策略路由规则要按它选路")
        }
        F::HopLimitTooLow { namespace, by, packet: p } => {
            format!("{namespace} 中 `{by}` 使{}的 TTL（跳数限制）过小，到不了目的地", packet(*p))
        }
        F::Untracked { namespace, rule } => {
            format!("{namespace} 中规则 `{rule}` 使报文不被连接跟踪，因此不做地址转换")
        }
        F::ZoneDiffers { namespace, rule, zone } => {
            format!(
                "{namespace} 中规则 `{rule}` 把其中一个方向放入 conntrack zone {zone}，应答因此不属于任何连接"
            )
        }
        F::StaleEntry { namespace, entry } => {
            format!("{namespace} 中的 conntrack 条目 `{entry}` 仍转换到已不存在的目标")
        }
        F::RouteMissing { namespace, table, address, packet: p } => {
            format!("{namespace} 没有到 {address} 的路由，无法发送{}（最后查询的是 {table} 表）", packet(*p))
        }
        F::RouteDiscards { namespace, route, table, packet: p, .. } => {
            format!("{namespace} 中 {table} 表的路由 `{route}` 丢弃了{}", packet(*p))
        }
        F::RouteAstray { namespace, route, table, by_source: true, .. } => {
            format!("在 {namespace} 中，表 {table} 的路由 `{route}` 优先使用的源地址无法让应答返回")
        }
        F::RouteAstray { namespace, route, table, packet: p, .. } => {
            format!("{namespace} 中 {table} 表的路由 `{route}` 把{}送往一个不会继续转发的下一跳", packet(*p))
        }
        F::PolicyRuleDiscards { namespace, rule, packet: p } => {
            format!("{namespace} 中策略路由规则 `{rule}` 丢弃了{}", packet(*p))
        }
        F::RoutingLoop { namespace, route, table } => {
            format!("{namespace} 中 {table} 表的路由 `{route}` 把报文送回来处，形成环路")
        }
        F::NotForwarding { namespace, sysctl, packet: p } => {
            format!("{namespace} 不转发{}：{sysctl} 为 0", packet(*p))
        }
        F::ReversePath { namespace, sysctl, device, source, packet: p } => format!(
            "{namespace} 丢弃了从 {device} 进入的{}：回到 {source} 的路由走别的设备，而 {sysctl} 要求同一设备（反向路径过滤）",
            packet(*p)
        ),
        F::LoopbackFromOutside { namespace, sysctl, device } => {
            format!("{namespace} 不让带有环回地址的报文经过 {device}：{sysctl} 为 0")
        }
        F::OwnSource { namespace, sysctl, device, source } => {
            format!("{namespace} 丢弃了从 {device} 进入、源地址为本机地址 {source} 的报文：{sysctl} 为 0")
        }
        F::Martian { namespace, device, address, source } => {
            let which = if *source { "源" } else { "目的" };
            format!(
                "{namespace} 丢弃了从 {device} 进入、{which}地址为 {address} 的报文：该地址不应出现在那里"
            )
        }
        F::NoNeighbourAnswer { namespace, sysctl, value, address } => {
            format!("{namespace} 不应答对 {address} 的邻居查询：{sysctl} 为 {value}")
        }
        F::ProxyEntryMissing { namespace, device, address } => {
            format!("{namespace} 不应答 {device} 上对 {address} 的邻居查询：没有该地址的代理表项")
        }
        F::NeighbourMissing { namespace, device, address } => {
            format!("{namespace} 的 {device} 所在链路上没有任何主机持有地址 {address}")
        }
        F::NeighbourWrong { namespace, device, address, lladdr } => {
            format!(
                "{namespace} 在 {device} 上把发往 {address} 的报文送到 {lladdr}，这不是该地址持有者的 MAC"
            )
        }
        F::Ipv6Disabled { namespace, sysctl, device } => {
            format!("{namespace} 的 {device} 不接收 IPv6：{sysctl} 为 1")
        }
        F::EchoIgnored { namespace, sysctl } => format!("{namespace} 不应答 echo 请求：{sysctl} 为 1"),
        F::ConntrackFull { namespace, count, max } => {
            format!("{namespace} 的连接跟踪表已满：{count} 条，上限 {max}")
        }
        F::BridgeNotFiltered { namespace, sysctl, bridge } => format!(
            "{namespace} 中经网桥 {bridge} 转发的报文不经过 IP 层钩子（{sysctl} 为 0），应答因此不做反向转换"
        ),
        F::LinkDown { namespace, device, .. } => format!("{namespace} 中的 {device} 未启用（down）"),
        F::NoCarrier { namespace, device, peer: Some(peer) } => {
            format!("{namespace} 中的 {device} 无载波：其对端 {peer} 未启用")
        }
        F::NoCarrier { namespace, device, peer: None } => format!("{namespace} 中的 {device} 无载波"),
        F::NotInBridge { namespace, device, bridge } => {
            format!("{namespace} 中的 {device} 不是网桥 {bridge} 的端口，其后的主机不可达")
        }
        F::PortNoFlood { namespace, bridge, device, lladdr } => format!(
            "{namespace} 中网桥 {bridge} 的端口 {device} 不泛洪未知单播（flood off），而网桥不知道 {lladdr} 在哪个端口"
        ),
        F::PortNoBroadcast { namespace, bridge, device, attribute } => {
            format!(
                "{namespace} 中网桥 {bridge} 的端口 {device} 不转发广播或组播（{attribute} off），ARP/ND 因此不通"
            )
        }
        F::PortIsolated { namespace, bridge, device, from } => {
            format!("{namespace} 中网桥 {bridge} 的端口 {from} 与 {device} 均为隔离端口，二者之间不通")
        }
        F::PortNoHairpin { namespace, bridge, device } => {
            format!("{namespace} 中网桥 {bridge} 的端口 {device} 不会把报文从进入的端口送回（hairpin off）")
        }
        F::PortState { namespace, bridge, device, state } => {
            format!("{namespace} 中网桥 {bridge} 的端口 {device} 不转发：状态为 {state}")
        }
        F::FdbWrong { namespace, bridge, device, lladdr } => {
            format!("{namespace} 中网桥 {bridge} 把发往 {lladdr} 的帧送到端口 {device}，而其主人不在那里")
        }
        F::ListenerMissing { namespace, socket } => format!("{namespace} 中没有进程监听 {socket}"),
        F::ListenerElsewhere { namespace, socket, listens } => {
            format!("{namespace} 监听的是 {listens}，收不到发往 {socket} 的报文")
        }
        F::ListenerOtherFamily { namespace, socket, listens } => {
            format!("{namespace} 监听的是 {listens}，与 {socket} 的 IP 协议族不同")
        }
        F::PrefixTooWide { namespace, device, prefix, address } => {
            format!("{namespace} 的 {device} 上配置了 {prefix}，因此在该链路上寻找并不在此的 {address}")
        }
        F::PortsUsedUp { namespace, destination, range, used } => {
            format!("{namespace} 到 {destination} 的全部 {used} 个源端口（{range}）都已被占用")
        }
        F::DuplicateAddress { namespace, device, address, other } => {
            format!(
                "{namespace}（{device}）与 {other} 都有地址 {address}；报文到达的是不提供服务的 {namespace}"
            )
        }
        F::QueueFull { namespace, socket, queue, backlog } => {
            format!(
                "{namespace} 中 {socket} 有 {queue} 个连接等待 accept，backlog 为 {backlog}，新连接被丢弃"
            )
        }
        F::SynQueueFull { namespace, socket, count, limit } => format!(
            "{namespace} 中 {socket} 有 {count} 个半开连接，半开队列可容 {limit} 个且不发送 cookie，新连接被丢弃"
        ),
        F::BufferFull { namespace, socket, waiting, size } => format!(
            "{namespace} 中 {socket} 有 {waiting} 字节的数据报等待读取，{size} 字节的接收缓冲区再也放不下一个"
        ),
        F::DuplicateMac { namespace, device, mac, other } => {
            format!(
                "{namespace} 中的 {device} 与同一链路上的 {other} 有相同的硬件地址 {mac}；发往 {other} 的报文到达 {namespace}"
            )
        }
        F::DadFailed { namespace, device, address } => {
            format!("{namespace} 中 {device} 的 {address} 未被使用：重复地址检测发现了另一个属主")
        }
        F::ServerStopped { namespace, socket, process } => {
            format!("{namespace} 中提供 {socket} 的 {process} 已停止：无人应答")
        }
        F::HandedOver { namespace, socket, mark, device } => {
            format!(
                "{namespace} 中有规则把数据包交给 {socket}，但带标记 {mark:#x} 的数据包按路由从 {device} 转发，而内核不转发已归属某个套接字的数据包"
            )
        }
        F::AnswerFromElsewhere { namespace, expected, seen } => {
            format!("到达 {namespace} 的应答来自 {seen}，而客户端等待的是 {expected} 的应答")
        }
        F::NoSource { namespace, family } => format!("{namespace} 没有可用作源地址的 {family} 地址"),
        F::FrameTooBig { namespace, device, mtu, length } => format!(
            "{namespace} 的 {device} 最多接收 {mtu} 字节的报文，却收到 {length} 字节的报文，并将其静默丢弃"
        ),
        F::TooBig { namespace, device, mtu } => {
            format!("报文大于 {namespace} 的 {device} 所能承载的长度（MTU {mtu}）")
        }
    }
}

pub(super) fn effect(traffic: &Traffic, namespace: &str, ending: Ending) -> String {
    let to = &traffic.to;
    let what = match traffic.transport {
        Transport::Tcp => format!("到 {to} 的新建 TCP 连接"),
        Transport::Udp => format!("发往 {to} 的 UDP 报文"),
        Transport::Icmp => format!("发往 {to} 的 echo 请求"),
    };
    let how = match (ending, traffic.transport) {
        (Ending::Silence, Transport::Tcp) => "超时",
        (Ending::Silence, _) => "得不到应答",
        (Ending::Refused, _) => "被拒绝",
        (Ending::ErrorAtOnce, _) => "立即收到 ICMP 差错而失败",
        (Ending::FailsLocally, _) => "在报文发出之前就失败",
        (Ending::NeighbourFails, _) => "约 3 秒后以“没有到主机的路由”失败",
        (Ending::Stalls, _) => "能够建立，但一发送满长报文就停滞",
        (Ending::FailsTooLong, _) => "超过途中链路的 MTU 时丢失（“消息过长”）",
        (Ending::Fails, _) => "失败",
        (Ending::StrangeAnswer, _) => "收到的应答来自客户端不认识的地址，因而失败",
    };
    format!("经过 {namespace} {what}{how}")
}

pub(super) fn in_order(found: &InOrder) -> (String, String) {
    match found {
        InOrder::Listener { namespace, socket, queue, backlog } => {
            ("监听".to_owned(), format!("{namespace} 中 {socket} 正在监听，队列 {queue}/{backlog}"))
        }
        InOrder::Route { namespace, route } => {
            (format!("{namespace} 的路由"), format!("`{route}` 可达下一跳"))
        }
        InOrder::Neighbour { namespace, address, lladdr } => {
            (format!("{namespace} 的邻居"), format!("{address} 位于 {lladdr}"))
        }
        InOrder::Rules { namespace, chains, rules } => {
            (format!("{namespace} 的规则"), format!("经过 {chains} 条链、{rules} 条规则，均未拦截"))
        }
        InOrder::NatInactive { namespace, chain } => (
            format!("{namespace} 在 {chain} 的 nat 规则"),
            "该命名空间没有使用连接跟踪，不会查询 nat 链".to_owned(),
        ),
        InOrder::Nat { namespace, from, to } => {
            (format!("{namespace} 的 NAT"), format!("{from} 转换为 {to}，可以到达"))
        }
        InOrder::Payload { from, length } => {
            (format!("{from} 的数据"), format!("以最长 {length} 字节的报文送达"))
        }
        InOrder::Reply { from } => ("应答".to_owned(), format!("{from} 的应答能返回客户端")),
    }
}

pub(super) fn shown(what: ShownWhat) -> &'static str {
    match what {
        ShownWhat::RuleCounter => "该规则计数的报文",
        ShownWhat::PolicyCounter => "由链默认策略处理的报文",
        ShownWhat::Sysctl => "sysctl 的值",
        ShownWhat::Queue => "等待 accept 的连接",
        ShownWhat::HalfOpen => "半开连接",
        ShownWhat::Buffer => "等待读取的字节",
        ShownWhat::Listener => "监听该端口的套接字",
        ShownWhat::Neighbour => "邻居的 MAC 地址",
        ShownWhat::PortSetting => "网桥端口的设置",
        ShownWhat::RouteLookup => "路由查询结果",
        ShownWhat::Mtu => "设备的 MTU",
        ShownWhat::PacketLength => "发送方满长报文的长度",
    }
}

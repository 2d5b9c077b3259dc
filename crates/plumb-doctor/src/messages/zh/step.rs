//! 推演步骤的中文表述。

use plumb_trace::event::{BridgeHow, Discard, NatKind, NeighbourHow, PortRefusal, RouteUse};

use crate::messages::{End, Lang, Step, Why, rejection};

pub(in crate::messages) fn step(step: &Step) -> String {
    match step {
        Step::Start { packet, outside: None } => format!("发出 {packet}"),
        Step::Start { packet, outside: Some(device) } => format!("{packet} 从外部经 {device} 进入"),
        Step::Source { address } => format!("源地址 {address}"),
        Step::Route { purpose, route, table, rule_pref } => {
            let by = rule_pref.map(|p| format!("，经策略规则 {p}")).unwrap_or_default();
            let what = match purpose {
                RouteUse::Output => "路由",
                RouteUse::Input => "转发路由",
                RouteUse::ReversePath => "回到源地址的路由",
            };
            format!("{what} `{route}`（{table} 表{by}）")
        }
        Step::Sized { len, dont_fragment, mss } => {
            let df = if *dont_fragment { "，设置了 DF" } else { "" };
            let offer = mss.map(|m| format!("，通告 MSS {m}")).unwrap_or_default();
            format!("长 {len} 字节{df}{offer}")
        }
        Step::Chain { chain, hook, rules } => format!("{hook}：链 {chain}，{rules} 条规则"),
        Step::Rule { chain, number, rule } => format!("{chain} 第 {number} 条规则匹配：`{rule}`"),
        Step::Lookup { set, element } => {
            let set = set.as_deref().map_or_else(|| "规则自带的集合".to_owned(), |s| format!("集合 {s}"));
            match element {
                Some(e) => format!("{set} 中有 {e}"),
                None => format!("{set} 中没有"),
            }
        }
        Step::Mark { from, to } => format!("mark 由 {from:#x} 变为 {to:#x}"),
        Step::Accepted { chain, policy: false } => format!("{chain}：被该规则放行"),
        Step::Accepted { chain, policy: true } => format!("{chain}：没有规则作出判决，默认策略为 accept"),
        Step::Tracked { state, reply, entry } => {
            let way = if *reply { "，应答方向" } else { "" };
            let of = entry.as_ref().map(|e| format!("，条目 `{e}`")).unwrap_or_default();
            match state {
                Some(state) => format!("连接跟踪：{state}{way}{of}"),
                None => "连接跟踪：invalid，不属于任何连接".to_owned(),
            }
        }
        Step::NatPassedOver { hook, inactive: true } => {
            format!("{hook}：不查询 nat 链，这里没有使用连接跟踪")
        }
        Step::NatPassedOver { hook, inactive: false } => format!("{hook}：不查询 nat 链，报文未被跟踪"),
        Step::Nat { kind, from, to, by_rule } => {
            let what = match kind {
                NatKind::Source => "源地址",
                NatKind::Destination => "目的地址",
            };
            match by_rule {
                Some(rule) => format!("{what} {from} 转换为 {to}，规则 `{rule}`"),
                None => format!("{what} {from} 按连接条目转换为 {to}"),
            }
        }
        Step::Neighbour { device, address, lladdr, how } => {
            let lladdr = lladdr.as_deref().unwrap_or("无地址");
            match how {
                NeighbourHow::NotNeeded => format!("{device} 不需要邻居解析"),
                NeighbourHow::Entry(_) => format!("{device} 上的邻居 {address} 为 {lladdr}"),
                NeighbourHow::Resolved => format!("在 {device} 上查询 {address}：{lladdr} 应答"),
                NeighbourHow::Learnt => format!("{device} 上的邻居 {address} 为 {lladdr}，从其查询中学到"),
            }
        }
        Step::Leaves { device, to: Some(to) } => format!("从 {device} 发往 {to}"),
        Step::Leaves { device, to: None } => format!("从 {device} 发出"),
        Step::Enters { device } => format!("从 {device} 进入"),
        Step::Bridge { bridge, from, to, how } => {
            let from = from.as_deref().unwrap_or(bridge);
            let to = to.as_deref().unwrap_or(bridge);
            let how = match how {
                BridgeHow::Fdb => "FDB 中有该地址",
                BridgeHow::Learnt => "从先前的帧学到",
                BridgeHow::Flood => "泛洪",
                BridgeHow::Local => "网桥自身的地址",
            };
            format!("网桥 {bridge}：由 {from} 到 {to}，{how}")
        }
        Step::Local { socket: Some(socket) } => format!("交给本机：{socket}"),
        Step::Local { socket: None } => "交给本机".to_owned(),
        Step::Draw { share, rule, per_packet } => {
            let of = rule.as_ref().map(|r| format!("（`{r}`）")).unwrap_or_default();
            let kept = if *per_packet { "每个报文重新选择" } else { "对整个连接保持不变" };
            format!("内核作出选择{of}：{share} 走这条路，{kept}")
        }
        Step::Unknown { what } => format!("{what}：未知，可能在此处作出判决；按放行处理"),
        Step::End(e) => end(e),
    }
}

fn by(chain: &str, rule: Option<&String>) -> String {
    match rule {
        Some(rule) => format!("{chain} 的规则 `{rule}` "),
        None => format!("{chain} 的默认策略"),
    }
}

fn end(end: &End) -> String {
    match end {
        End::Delivered { socket: Some(socket) } => format!("到达 {socket}"),
        End::Delivered { socket: None } => "到达".to_owned(),
        End::Dropped { chain, rule } => format!("被 {}丢弃", by(chain, rule.as_ref())),
        End::Rejected { chain, rule, answer } => {
            format!("被 {}以 {} 拒绝", by(chain, rule.as_ref()), rejection(Lang::Zh, *answer))
        }
        End::NatExhausted { rule: Some(rule) } => format!("丢弃：`{rule}` 已没有可用的端口或地址"),
        End::NatExhausted { rule: None } => "丢弃：没有可用于转换的端口或地址".to_owned(),
        End::NoRoute { table, address } => format!("没有到 {address} 的路由（最后查询 {table} 表）"),
        End::PolicyRule { rule } => format!("被策略路由规则 `{rule}` 丢弃"),
        End::RouteDiscards { table, route } => format!("被 {table} 表的路由 `{route}` 丢弃"),
        End::Sysctl { name, value, because } => {
            let because = match because {
                Discard::NotForwarding => "本机不转发",
                Discard::ReversePath => "回到源地址的路由走别的设备",
                Discard::Loopback => "来自外部的环回地址",
                Discard::OwnSource => "来自外部的报文以本机地址为源",
                Discard::EchoIgnored => "不应答 echo 请求",
                Discard::Ipv6Disabled => "设备关闭了 IPv6",
                Discard::ConntrackFull => "连接跟踪表已满",
                _ => "内核将其丢弃",
            };
            format!("丢弃：{because}（{name} 为 {value}）")
        }
        End::Martian { device, address, source } => {
            let which = if *source { "源" } else { "目的" };
            format!("丢弃：{which}地址 {address} 不应从 {device} 进入")
        }
        End::LinkDown { device } => format!("{device} 未启用"),
        End::NoCarrier { device } => format!("{device} 无载波"),
        End::NeighbourFailed { device, address, why } => {
            let why = match why {
                Why::Nobody => "那里没有主机持有该地址".to_owned(),
                Why::Sysctl { namespace, name, value } => format!("{namespace} 不应答，{name} 为 {value}"),
                Why::Lost { answer, namespace, end: e } => {
                    let what = if *answer { "应答" } else { "查询" };
                    format!("{what}在 {namespace} 丢失：{}", self::end(e))
                }
            };
            format!("{device} 上查询 {address} 没有应答：{why}")
        }
        End::OtherHost { device, lladdr } => format!("丢弃：该帧发往 {lladdr}，不是 {device}"),
        End::NoPort { bridge, lladdr, refused } => {
            let ports: Vec<String> =
                refused.iter().map(|(p, why)| format!("{p}：{}", refusal(*why))).collect();
            let ports = if ports.is_empty() { "没有其他端口".to_owned() } else { ports.join("；") };
            format!("网桥 {bridge} 没有可达 {lladdr} 的端口（{ports}）")
        }
        End::PortClosed { port, why } => format!("端口 {port} 不接收帧：{}", refusal(*why)),
        End::Loop { routes } => format!("循环转发直到 TTL 耗尽：{}", routes.join(" → ")),
        End::FrameTooBig { device, mtu } => format!("在 {device} 被丢弃，超过其 MTU（{mtu}）"),
        End::TooBig { device, mtu } => format!("超过 {device} 的 MTU（{mtu}）"),
        End::NoListener { socket, near } if near.is_empty() => format!("没有进程监听 {socket}"),
        End::NoListener { socket, near } => format!("没有进程监听 {socket}，只有 {}", near.join("、")),
        End::ServerStopped { socket } => format!("{socket} 的进程已停止，无人应答"),
        End::QueueFull { socket } => format!("{socket} 的队列已满"),
        End::HandedOver { socket, device } => {
            format!("丢弃：它已被交给 {socket}，而路由要从 {device} 转发")
        }
        End::NotExpected { seen, expected } => format!("客户端不认识 {seen}：它等待的是 {expected}"),
        End::NoSource { family } => format!("没有可用作源地址的 {family} 地址"),
        End::LeavesSnapshot { device } => format!("从 {device} 离开快照覆盖的范围"),
        End::Unmodelled { what } => format!("无法继续推演：{what}"),
    }
}

fn refusal(why: PortRefusal) -> String {
    match why {
        PortRefusal::State(n) => {
            let states = ["disabled", "listening", "learning", "forwarding", "blocking"];
            format!("状态 {}", states.get(usize::from(n)).unwrap_or(&"未知"))
        }
        PortRefusal::NoFlood => "flood off".to_owned(),
        PortRefusal::NoBroadcast => "不泛洪广播".to_owned(),
        PortRefusal::Isolated => "两个端口均为隔离端口".to_owned(),
        PortRefusal::NoHairpin => "从该端口进入，hairpin off".to_owned(),
        PortRefusal::Down => "未启用".to_owned(),
        PortRefusal::Locked => "locked".to_owned(),
        PortRefusal::Vlan => "启用了 VLAN 过滤".to_owned(),
        _ => "拒绝".to_owned(),
    }
}

//! 中文。

mod look_alikes;

pub(super) use look_alikes::look_alike;

use plumb_lab::Step;

use super::{Say, Word};

pub(super) fn word(word: Word) -> &'static str {
    match word {
        Word::Node => "节点",
        Word::Namespace => "命名空间",
        Word::Addresses => "地址",
        Word::PodRanges => "Pod 地址段",
        Word::Outside => "外部（outside）",
        Word::Pod => "Pod",
        Word::Serves => "服务端口",
        Word::Process => "进程",
        Word::Dead => "已终止",
        Word::Ended => "已结束",
        Word::ProxyOf => "代理所在节点",
        Word::AskProxy => "查看状态",
        Word::Service => "服务",
        Word::Port => "端口",
        Word::Endpoints => "端点",
        Word::Fault => "故障",
        Word::LooksLike => "看似",
        Word::LookAlikeDoes => "相似的状态",
        Word::InTruth => "实际",
        Word::Nothing => "无故障",
        Word::Name => "名称",
        Word::Does => "作用",
        Word::Target => "目标",
        Word::Ready => "就绪",
        Word::Starting => "启动中",
        Word::SupervisorDead => "监管进程已终止",
        Word::Broken => "故障",
        Word::NothingBroken => "没有需要恢复的故障",
    }
}

pub(super) fn say(what: &Say<'_>) -> String {
    match what {
        Say::Up { lab, nodes, pods, seconds } => {
            format!("{lab}：{nodes} 个节点，{pods} 个 Pod，启动用时 {seconds:.2} 秒")
        }
        Say::Next { command } => format!("接下来：{command}"),
        Say::Meanwhile { command } => format!("其间：{command}"),
        Say::Gone { lab } => format!("{lab} 已移除"),
        Say::Supervised { lab, state, supervisor } => format!("{lab}：{state}（监管进程 {supervisor}）"),
        Say::Orphaned { lab, state, command } => format!("{lab}：{state}，可用 {command} 清除残留"),
        Say::Active { broken, fault, target, effect } => format!("{broken} {fault} {target}：{effect}"),
        Say::Failed { outcome, errno, stage } => format!("{outcome}（{errno}，{}阶段）", stage_word(stage)),
        Say::Answered { outcome, server, client } => {
            format!("{outcome}：由 {server} 应答，其看到的客户端地址为 {client}")
        }
        Say::Single { flow, told, milliseconds } => format!("{flow}：{told}（{milliseconds:.1} 毫秒）"),
        Say::Several { flow, outcome, connections } => {
            format!("{flow}：{outcome}，共 {connections} 次连接")
        }
        Say::Alike { connections, told, milliseconds } => {
            format!("{connections:>4} × {told}（最长 {milliseconds:.1} 毫秒）")
        }
        Say::Made { fault, target, effect } => format!("已在 {target} 制造 {fault}：{effect}"),
        Say::Done { command } => format!("已执行：{command}"),
        Say::Expect { from, to, outcome } => format!("预期：{from} → {to} {outcome}"),
        Say::Undone { fault, target } => format!("{target} 的 {fault} 已恢复"),
        Say::Listens { name, protocol, port } => format!("{name} 正在监听 {protocol} 端口 {port}"),
        Say::ListensNoMore { name, protocol, port } => format!("{name} 已停止监听 {protocol} 端口 {port}"),
        Say::Restarted { name } => format!("{name} 的服务进程已重新开始"),
        Say::Held { name, connections, to, held } => {
            format!("{name} 保持到 {to} 的 {connections} 个连接，名为 {held}")
        }
        Say::Released { name, held } => format!("{name} 已放开 {held}"),
        Say::Resolves { name, usual: true } => format!("{name} 的名字解析与其他 Pod 相同"),
        Say::Resolves { name, usual: false } => format!("{name} 的名字解析已与其他 Pod 不同"),
        Say::Sound { file, nodes, pods } => format!("{file}：有效，{nodes} 个节点，{pods} 个 Pod"),
    }
}

fn stage_word(stage: &str) -> &str {
    match stage {
        "connect" => "连接",
        "data" => "数据",
        other => other,
    }
}

pub(super) fn step(step: Step) -> &'static str {
    match step {
        Step::Clearing => "正在清除上次的残留",
        Step::Namespaces => "正在创建命名空间",
        Step::Links => "正在连接命名空间",
        Step::Addresses => "正在配置地址、路由和规则",
        Step::Servers => "正在启动服务进程",
        Step::Cluster => "正在启动 API 和代理",
    }
}

/// 故障的名称和作用，按编号；没有该编号时为 `None`。
#[allow(clippy::too_many_lines, reason = "一种故障一行")]
pub(super) fn fault(id: &str) -> Option<(&'static str, &'static str)> {
    Some(match id {
        "L01" => ("接口未启用", "把该 Pod 的 eth0 设为 down：地址还在，路由消失"),
        "L02" => ("对端未启用", "把该 Pod 的 veth 对在节点一侧的一端设为 down：eth0 失去载波"),
        "L04" => ("veth 不在网桥上", "把该 Pod 的 veth 对在节点一侧的一端从 cni0 移出"),
        "L05" => ("网桥端口不转发", "把该 Pod 在 cni0 上的端口设为 disabled 状态，并停留在该状态"),
        "L06" => ("网桥端口相互隔离", "把同一节点上两个 Pod 的端口相互隔离"),
        "L07" => ("端口既不泛洪也不学习", "关闭该 Pod 端口的泛洪和学习，并删除已学到的地址"),
        "A02" => {
            ("前缀长度错误", "把该 Pod 地址的前缀长度改为全部 Pod 地址段的长度：它把其他节点的 Pod 当作邻居")
        }
        "A03" => ("首选源地址错误", "使该 Pod 的默认路由优先使用一个无人有路由可达的源地址"),
        "A09" => ("环回接口未启用", "把该 Pod 的 lo 设为 down：除自身外都可访问"),
        "H-04" => ("接口上禁用了 IPv6", "在该 Pod 的 eth0 上禁用 IPv6"),
        "N02" => ("失效的永久邻居表项", "给该 Pod 添加一条网关的永久邻居表项，其硬件地址不属于任何设备"),
        "N04" => ("对端不应答 ARP", "在该 Pod 的 eth0 上设置 arp_ignore=8：不应答任何请求"),
        "R01" => ("没有到目的地址的路由", "删除该 Pod 的默认路由；它到其他节点的连接立即失败"),
        "R02" => ("没有回程路由", "删除一个提供服务的 Pod 的默认路由：其他节点的请求能到达，应答发不出去"),
        "R03" => ("黑洞路由", "在另一个节点上为该 Pod 的地址添加一条黑洞路由"),
        "R04" => (
            "策略路由规则改变去向",
            "在该 Pod 所在节点上添加一条策略路由规则，把它发出的报文送到一张答复不可达的路由表",
        ),
        "R05" => ("失效的主机路由", "在另一个节点上为该 Pod 的地址添加一条路由，其下一跳已不存在"),
        "R06" => ("路由环路", "使另外两个节点（或一个节点和外部路由器）把发往该 Pod 的报文互相转发"),
        "R07" => (
            "rp_filter 丢弃非对称流量",
            "在该 Pod 所在节点上用策略路由规则把该 Pod 发出的报文指向 cni0，其应答凭标记照常转发，并设置 rp_filter=1",
        ),
        "R10" => ("ip_forward 关闭", "关闭该 Pod 所在节点的转发"),
        "R11" => ("单个接口的转发关闭", "只在该 Pod 所在节点的 cni0 上关闭 IPv4 转发"),
        "F01" => ("DROP 规则", "在节点的 forward 链中添加一条规则，丢弃发往该 Pod 第一个 TCP 端口的报文"),
        "F02" => ("链的默认策略为 DROP", "把节点 forward 链的默认策略设为 drop"),
        "F08" => (
            "一张表设置的标记决定另一张表的处理",
            "在连接跟踪之前给发往该 Pod 第一个 TCP 端口的报文打标记，并在 forward 链中丢弃有该标记的报文",
        ),
        "F10" => ("按概率丢弃", "发往该 Pod 第一个 TCP 端口的报文每三个丢弃一个：许多连接变慢，有的慢数秒"),
        "F16" => {
            ("重定向到无人监听的端口", "把该 Pod 发出的报文重定向到其节点的 TCP 端口 15001，该端口无人监听")
        }
        "C06" => (
            "非对称路径上丢弃 INVALID",
            "使该 Pod 所在节点到客户端的应答经过第三个节点，后者丢弃其连接跟踪认为无效的报文",
        ),
        "C08" => ("notrack 使 NAT 失效", "使发往第一个服务的报文不经过连接跟踪：地址不会被转换"),
        "L08" => ("发夹模式关闭", "关闭服务第一个端点的发夹模式：服务选中客户端自身时，报文丢失"),
        "S07" => ("n 个后端中有一个失效", "关闭服务最后一个端点的端口；其地址仍在规则中"),
        "S08" => ("SNAT 到无人拥有的地址", "把该 Pod 发往外部的报文的源地址转换为无人拥有的地址"),
        "S09" => {
            ("缺少 masquerade", "删除该 Pod 所在节点的 masquerade 规则：该节点的 Pod 以自己的地址访问外部")
        }
        "S12" => (
            "bridge-nf-call-iptables 关闭",
            "使经网桥转发的应答不经过规则：端点与客户端在同一节点上的服务无法连接",
        ),
        "T01" => ("无人监听", "关闭该 Pod 的第一个 TCP 端口"),
        "T02" => ("只在环回地址上监听", "该 Pod 的第一个 TCP 端口只绑定 127.0.0.1，而不是所有地址"),
        "T03" => ("只监听 IPv4", "该 Pod 的第一个 TCP 端口只绑定 0.0.0.0，而不是两个地址族"),
        "A01" => ("IP 地址重复", "给该 Pod 所在节点的 cni0 也加上该 Pod 的地址：节点收下发往该 Pod 的报文"),
        "A05" => {
            ("Pod 网络与其他网络重叠", "在该 Pod 所在节点上添加一条路由，把外部网络当作 cni0 上的 Pod 网络")
        }
        "A06" => (
            "网桥的网络遮蔽了真实网络",
            "给该 Pod 所在节点的 cni0 加上一个外部网络的地址，该网络于是被当作在网桥上",
        ),
        "N06" => (
            "ND 被 ICMPv6 规则阻断",
            "丢弃到达该 Pod 所在节点的邻居请求和邻居通告（ICMPv6 类型 135 和 136）：只有 IPv6 中断",
        ),
        "R08" => (
            "目的地址为 martian",
            "把该 Pod 经 TCP 发出的报文的目的地址转换为其节点的 127.0.0.1，而该节点不向环回地址路由",
        ),
        "R09" => (
            "ECMP 有一个失效的下一跳",
            "使该 Pod 所在节点到另一个节点的 Pod 有两个下一跳，其中一个已不存在；选择时也看端口",
        ),
        "F04" => (
            "后面的基链推翻了 accept",
            "在节点的 forward 链中接受发往该 Pod 第一个 TCP 端口的报文，又在另一张表中较晚执行的链里丢弃它",
        ),
        "F05" => {
            ("用了 goto 而不是 jump", "添加一条链，用 goto 处理发往该 Pod 的报文：它不再回到接受报文的规则")
        }
        "F06" => (
            "规则在意想不到的协议族中",
            "在该 Pod 所在节点的 bridge 族的表中丢弃发往该 Pod 第一个 TCP 端口的报文",
        ),
        "F09" => ("速率限制", "放行到该 Pod 第一个 TCP 端口的三个新连接，此后每分钟放行一个"),
        "F11" => ("属主匹配只影响一个用户", "在该 Pod 内部重置 root 打开的 TCP 连接"),
        "F12" => ("过期的集合", "给该 Pod 所在节点添加一张表，其中被封锁地址的集合包含该 Pod 的地址"),
        "C09" => {
            ("连接跟踪区域不一致", "该 Pod 所在节点对发往第一个服务的报文使用跟踪区域 1，对应答则不使用")
        }
        "S03" => ("targetPort 错误", "在第一个 Pod 所在节点上，把服务转换到其端点上无人监听的端口"),
        "S06" => (
            "源地址范围不含客户端",
            "在转换第一个服务之前，丢弃不是来自 192.0.2.0/24（2001:db8:2::/64）的报文",
        ),
        "P04" => ("出口策略漏掉了 DNS", "丢弃该 Pod 发往 UDP 和 TCP 端口 53 的报文"),
        "D02" => ("DNS 服务停止", "关闭每个提供 DNS 的 Pod 的 UDP 和 TCP 端口 53"),
        "M01" => {
            ("路径 MTU 黑洞", "把节点之间的 MTU 设为 1400，并丢弃该 Pod 所在节点用以告知此事的 ICMP 错误")
        }
        "M02" => (
            "同一网段的 MTU 不同",
            "把该 Pod 的 veth 对在节点一侧的一端的 MTU 设为 1400：另一端 eth0 仍为原值",
        ),
        "F13" => (
            "所需的 ICMP 被丢弃",
            "把节点之间的 MTU 设为 1400，并使该 Pod 丢弃 packet-too-big（ICMPv6 类型 2）",
        ),
        "K01" => (
            "accept 队列已满",
            "使该 Pod 的服务进程在第一个 TCP 端口上不接受任何连接，并填满其 4 个连接的队列",
        ),
        "T04" => ("监听者绑定到接口", "把该 Pod 的第一个 TCP 端口绑定到接口 lo（SO_BINDTODEVICE）"),
        "T05" => ("临时端口用尽", "只给该 Pod 自己的连接留十个端口，并保持十个到同一服务端的连接"),
        "T08" => (
            "CLOSE_WAIT 堆积",
            "使该 Pod 的服务进程在第一个 TCP 端口上不关闭任何连接，并在客户端一侧关闭 120 个连接",
        ),
        "T10" => (
            "reuseport 成员从不接受连接",
            "在该 Pod 第一个 TCP 端口的服务进程旁再放一个，它不接受任何连接，队列已满",
        ),
        "T11" => ("服务进程已停止", "停止该 Pod 的进程（SIGSTOP）：内核仍替它接受连接"),
        "S10" => ("SNAT 端口用尽", "把该 Pod 发往外部的报文转换为其节点的地址和四个端口，并保持四个连接"),
        "R13" => {
            ("标记未恢复", "该 Pod 第一个 TCP 端口的应答除非带标记，否则经外部路由器发出；只给连接打标记")
        }
        "A04" => {
            ("IPv6 地址未通过 DAD", "移除该 Pod 的 IPv6 地址，在一个邻居占有它时再添加回来，然后从邻居移除")
        }
        "C03" => (
            "失效的 UDP 条目",
            "在节点把发往集群 DNS 服务器的报文转换到无人拥有的地址时，让该 Pod 从一个端口询问它，然后移除该规则",
        ),
        "C12" => (
            "nat 链被忽略",
            "在没有任何规则使用连接跟踪的命名空间里，用 nat 类型的链丢弃该 Pod 发往一个服务端的报文",
        ),
        "Z07" => (
            "另一个代理的残留",
            "给该 Pod 所在节点添加一张 kube-proxy（nftables）留下的表，其中有一条已不存在的服务的规则",
        ),
        "L09" => {
            ("同一网桥上硬件地址重复", "给一个邻居该 Pod 的硬件地址，并让它发送报文：cni0 把它当作该 Pod")
        }
        "S14" => (
            "NodePort 落在客户端端口范围内",
            "把该 Pod 所在节点的 TCP 端口 30080 转换到该 Pod，并让节点的客户端使用 30000 起的端口",
        ),
        "K02" => {
            ("SYN 队列已满", "给该 Pod 的服务进程一个可容 10 个连接的队列且不用 cookie，并留下 12 个半开连接")
        }
        "K04" => ("UDP 接收缓冲区已满", "使一个提供 DNS 的 Pod 不读取任何数据报，其缓冲区最小，并填满它"),
        "K10" => ("TIME_WAIT 桶溢出", "只允许该 Pod 有三个处于 TIME_WAIT 的套接字，而其服务进程先关闭连接"),
        "K16" => (
            "ICMP 错误受限",
            "让该 Pod 每秒只向每台主机发送一个 ICMP 错误（icmp_ratelimit=1000），与内核的默认设置相同",
        ),
        "D01" => (
            "resolv.conf 指定了别的服务器",
            "在该 Pod 的 resolv.conf 中，用一个不认识集群内名字的外部服务器代替集群的服务器",
        ),
        "D03" => ("DNS 服务器出错", "使每个提供 DNS 的 Pod 都应答 SERVFAIL"),
        "D04" => ("搜索列表过长", "给该 Pod 一个含六个域的搜索列表，ndots 仍为 5"),
        "D05" => {
            ("DNS over TCP 被阻断", "截断 DNS 服务器以数据报给出的应答，并重置该 Pod 发往 TCP 端口 53 的连接")
        }
        "D09" => (
            "节点本地 DNS 停止",
            "给该 Pod 所在节点的 lo 加上 169.254.20.10（fd00:169:254::10），那里无人监听，并写入该 Pod 的 resolv.conf",
        ),
        _ => return None,
    })
}

//! 中文。

use plumb_intent::{Hint, Why};
use plumb_proxy::explain::{Detector, Item, Meaning, Rest, Rewritten, Senders, Verdict};

use super::Word;

#[allow(clippy::too_many_lines, reason = "一种含义一句话")]
pub(super) fn meaning(meaning: &Meaning) -> String {
    use Meaning as M;
    let fixed = match meaning {
        M::Labels => {
            "Service 自身的标签不影响流量。代理只看一个标签 service.kubernetes.io/service-proxy-name，这里没有。"
        }
        M::OtherProxy { name } => {
            return format!(
                "service.kubernetes.io/service-proxy-name 把该 Service 交给另一个代理（{name:?}）。无论值是什么，本代理都不处理它。"
            );
        }
        M::TypeClusterIp => {
            "只有 cluster IP，没有节点端口；只有 externalIPs 才能让外部到达它。代理只在 externalTrafficPolicy 为 Local 时\
             才看类型，规则由地址和端口决定。"
        }
        M::TypeNodePort => {
            "cluster IP 加上每个节点上的一个端口。规则由 spec.ports[].nodePort 决定，而不是类型。"
        }
        M::TypeLoadBalancer => {
            "cluster IP、节点端口（除非关闭分配），以及由其他组件建立的负载均衡器。代理处理 status.loadBalancer 中的地址。"
        }
        M::TypeExternalName => "只涉及 DNS：没有地址，也没有规则，即使对象里写了 cluster IP。",
        M::Selector => {
            "由写 EndpointSlice 的控制器读取，代理不读：同一命名空间中具有全部这些标签的 Pod 成为端点。结果见下面的 EndpointSlice。"
        }
        M::NoSelector => {
            "没有选择器：没有控制器为它写 EndpointSlice，由创建者自己写（或写 Endpoints，再被镜像）。"
        }
        M::Headless => "Headless：DNS 直接返回各端点的地址。代理无事可做，端口和策略也不起作用。",
        M::NotAllocated => "尚未分配 cluster IP：没有它，代理完全不处理该 Service。",
        M::ClusterIp => {
            "没有设备持有该地址：报文到达哪个节点，就在那个节点上转换。Service 没有的端口以 ICMP 差错拒绝。"
        }
        M::ClusterIpSource { rewritten, .. } => match rewritten {
            Rewritten::All => "端点看到的是本节点的地址，从不是发送方的（masquerade-all）。",
            Rewritten::Others => "端点能看到 Pod 的地址；其他发送方的地址被改写为本节点的。",
            Rewritten::Nobody => {
                "端点看到的是发送方的地址，因为规则无法区分 Pod 与其他来源；只有访问自身的 Pod 会被改写。"
            }
        },
        M::NotAnAddress => "无法解析为地址或地址段，忽略。",
        M::FamilyUnused { family } => {
            return format!("该 Service 没有 {family} 的 cluster IP，因此在该地址族中完全不处理。");
        }
        M::NotServed => "不起作用：本代理不处理该 Service。",
        M::IpFamilies => "说明哪个 cluster IP 属于哪个地址族。每个地址族有各自的表和端点。",
        M::IpFamilyPolicy => "分配 cluster IP 时使用，代理不读。",
        M::PortName => "按该名称和协议匹配 EndpointSlice 的端口，从不按端口号匹配。",
        M::Port => "Service 每个地址上的端口；各入口列在相应的地址下。",
        M::TargetPort { told } => {
            let told: Vec<String> = told.iter().map(ToString::to_string).collect();
            return match told.as_slice() {
                [] => "代理不读：端口由 EndpointSlice 给出，而其中没有该端口。".to_owned(),
                told => format!("代理不读：端口由 EndpointSlice 给出，其中是 {}。", told.join("、")),
            };
        }
        M::AppProtocol => "给网关和服务网格的提示，内核中没有任何东西取决于它。",
        M::NodePort { family, addresses } => {
            return match addresses.as_slice() {
                [] => format!("{family}：节点上除环回以外的所有地址都接受。"),
                some => format!("{family}：只有节点地址 {} 接受。", some.join("、")),
            };
        }
        M::ExternalIp => "到达本节点且以此为目的地址的报文会被转换。把报文引到这里的路由由其他人负责。",
        M::IngressVip => {
            "报文以此为目的地址到达节点（ipMode 为 VIP，即默认值），与 externalIPs 一样转换。集群内的发送方也在这里处理，不经过负载均衡器。"
        }
        M::IngressProxy => "负载均衡器自己访问节点端口或 Pod：该地址没有任何规则，也不拒绝。",
        M::IngressName => "这是名称，内核不认识名称，由客户端自行解析。",
        M::SourceRanges => {
            "谁可以使用负载均衡器的地址，对 Pod 和本节点同样有效；其他来源被丢弃，不作应答。不保护节点端口、externalIPs 和 cluster IP。"
        }
        M::SourceRangesOpen { family } => {
            return format!("{family}：其中一段包含所有地址，因此对所有来源开放。");
        }
        M::SourceRangesOtherFamily { family } => {
            return format!("其中没有 {family} 的地址段：在该地址族中，负载均衡器的地址对所有来源开放。");
        }
        M::SourceRangesUnused => {
            "不起作用：status.loadBalancer 中没有报文会携带的地址，而这些地址段不保护其他任何地址。"
        }
        M::ExternalCluster => {
            "针对发往 externalIPs、负载均衡器地址和节点端口的报文：可用任何节点的任何端点；端点看到的是本节点的地址，不是客户端的。\
             与 cluster IP 无关，那由 internalTrafficPolicy 决定。"
        }
        M::ExternalLocal => {
            "针对从外部发往 externalIPs、负载均衡器地址和节点端口的报文：只用本节点的端点，端点能看到客户端的地址；没有端点就丢弃。\
             集群的 Pod 和节点自身仍可用任何端点。与 cluster IP 无关，那由 internalTrafficPolicy 决定。"
        }
        M::ExternalIdle => {
            "在这里不起作用：它针对发往 externalIPs、负载均衡器地址和节点端口的报文，而该 Service 一个也没有。\
             与 cluster IP 无关，那由 internalTrafficPolicy 决定。"
        }
        M::InternalCluster => {
            "针对发往 cluster IP 的报文：可用任何节点的任何端点。与 externalIPs、负载均衡器地址和节点端口无关，\
             那由 externalTrafficPolicy 决定。"
        }
        M::InternalLocal => {
            "针对发往 cluster IP 的报文：只用本节点的端点。本节点没有端点时，即使其他节点有，报文也被丢弃。\
             与 externalIPs、负载均衡器地址和节点端口无关，那由 externalTrafficPolicy 决定。"
        }
        M::AffinityNone => "每个新连接都重新选择端点，各端点概率相同。",
        M::AffinityClientIp => {
            "同一客户端地址回到同一端点，Service 的各个端口分别记录。经过 NAT 或源地址被改写的多个客户端被视为一个。\
             已记录的客户端在到期前不变，即使有新端点加入。"
        }
        M::AffinityTimeout { seconds } => {
            return format!("从客户端最近一次新连接起 {seconds} 秒；每个新连接重新计时。");
        }
        M::HealthPort => {
            "负载均衡器在这里查询本节点是否有自己的端点。由服务器应答，不是规则：内核的表中没有与之对应的内容。"
        }
        M::HealthPortIdle { type_is_other: true } => {
            "在这里不起作用：它只用于 type 为 LoadBalancer 且 externalTrafficPolicy 为 Local 的 Service。没有人查询，代理也不为它打开端口。"
        }
        M::HealthPortIdle { type_is_other: false } => {
            "在这里不起作用：它只用于 externalTrafficPolicy 为 Local 的 Service。为 Cluster 时各节点没有区别，代理也不为它打开端口。"
        }
        M::PublishNotReady => {
            "由写 EndpointSlice 的控制器读取，代理不读：所有端点都标为就绪，包括 Pod 尚未就绪或正在终止的。代理因此照常向它们发送连接。"
        }
        M::TrafficDistribution { hinted: true } => {
            "由写 EndpointSlice 的控制器读取，并据此写入提示。代理遵循的是提示而不是该字段，并且只在每个就绪端点都有提示、\
             且其中有指向本节点或其可用区的提示时才遵循。"
        }
        M::TrafficDistribution { hinted: false } => {
            "由写 EndpointSlice 的控制器读取，并据此写入提示。现在没有端点带提示，因此没有偏好。"
        }
        M::AllocateNodePorts { allocate: true } => "只由 API 服务器读取，由它分配节点端口。",
        M::AllocateNodePorts { allocate: false } => {
            "只由 API 服务器读取：不分配节点端口。spec.ports 中已有的节点端口照样处理。"
        }
        M::ExternalName => "集群 DNS 以此应答（CNAME），代理不读。",
    };
    fixed.to_owned()
}

pub(super) fn word(word: Word) -> &'static str {
    match word {
        Word::Missing => "缺少",
        Word::Stale => "多余",
        Word::Way => "路径",
        Word::Slot => "槽位",
        Word::Share => "份额",
        Word::ThisNode => "本节点",
        Word::OtherNode => "非本节点",
        Word::Untold => "EndpointSlice 中没有",
        Word::Hairpin => "可以访问自身",
        Word::NotReached => "没有路径通到这里：该入口不在任何入口集合中",
        Word::NoEndpoints => "EndpointSlice 中没有该端口的端点",
        Word::NotSet => "（未设置）",
        Word::LeftOver => "残留：该 Service 没有这个入口",
        Word::AnyNode => "任何节点",
        Word::ThisNodeOnly => "仅本节点",
        Word::Unless => "不在其中者",
    }
}

pub(super) fn verdict(service: &str, node: &str, verdict: Verdict) -> String {
    match verdict {
        Verdict::InForce => format!("{node} 上的 {service}：已生效"),
        Verdict::NothingToDo => format!("{node} 上的 {service}：代理无需为它做任何事"),
        Verdict::NotInForce { missing, stale } => {
            format!("{node} 上的 {service}：未完全生效，缺少 {missing} 项，多余 {stale} 项")
        }
    }
}

pub(super) fn senders(senders: Senders) -> &'static str {
    match senders {
        Senders::Any => "任何发送方",
        Senders::PodsAndNode => "Pod 和本节点",
        Senders::Node => "本节点",
        Senders::Outside => "外部发送方",
    }
}

pub(super) fn rest(rest: &Rest) -> String {
    let Rest { empty, slots, draws, share, to } = rest;
    let what = format!("({empty}/{slots})^{draws} ≈ {share:.1e} 的连接每次都抽到空槽位");
    match to {
        Some(end) => format!("{what}，它们去往槽位 0，即 {end}"),
        None => format!("{what}，而槽位 0 为空，因此不做转换"),
    }
}

pub(super) fn detector(detector: &Detector) -> String {
    match detector {
        Detector::Nothing => "规则无法区分 Pod 与其他来源".to_owned(),
        Detector::Ranges(ranges) => format!("Pod 的地址是 {}", ranges.join("、")),
        Detector::Bridge(name) => format!("Pod 在网桥 {name} 之后"),
        Detector::Prefix(prefix) => format!("Pod 在名称以 {prefix} 开头的设备之后"),
    }
}

pub(super) fn item(item: &Item) -> String {
    match item {
        Item::Table { name } => format!("表 {name}：没有代理写入过"),
        Item::OtherTable { name } => format!("表 {name}：由其他版本或其他配置写入"),
        Item::Chain { name } => format!("链 {name}"),
        Item::OtherChain { name } => format!("链 {name}：规则或挂载点与写入的不同"),
        Item::Set { name } => format!("集合 {name}"),
        Item::OtherSet { name } => format!("集合 {name}：类型不同"),
        Item::Claimed { frontend, owner } => format!("{frontend}：属于 {owner}（创建更早，或名称在前）"),
        Item::Element { set, element } => format!("{set} {{ {element} }}"),
    }
}

pub(super) fn hints(followed: Hint, some: bool) -> Option<&'static str> {
    match followed {
        Hint::Node => Some("遵循提示：使用指向本节点的端点"),
        Hint::Zone => Some("遵循提示：使用指向本节点可用区的端点"),
        Hint::Ignored if some => Some("不遵循提示：有就绪端点没有提示，或没有提示指向本节点或其可用区"),
        Hint::Ignored => None,
    }
}

pub(super) fn why(why: Why) -> &'static str {
    match why {
        Why::Ready => "使用，已就绪",
        Why::LastResort => "虽正在终止仍使用：没有就绪的端点，而它仍在应答",
        Why::NotReady => "不使用，未就绪",
        Why::Ending => "不使用，正在终止且有其他就绪端点",
        Why::OtherNode => "不使用，在其他节点上",
        Why::Hinted => "不使用，提示指向其他节点或可用区",
        Why::NoTraffic => "没有流量使用它",
    }
}

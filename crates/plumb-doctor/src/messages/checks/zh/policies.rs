//! NetworkPolicy。

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "policy-not-enforced",
        Texts {
            summary: "{policy} 禁止 {from} → {to}，但实际能连通：内核中没有执行该策略的规则",
            effect: "策略本应拦住的流量可以进（或出）",
            advice: "使用能执行这类策略的网络插件，或查明其代理为何没有在此节点写入规则",
        },
    ),
    (
        "policy-sees-translated",
        Texts {
            summary: "{from} 按自己的地址可以访问 {to}，但到达时地址变成了 {seen}，{policy}（及其他相关策略）没有规则放行该地址；被内核的规则拦下",
            effect: "这些客户端超时或被拒绝，尽管策略写明放行它们",
            advice: "保留客户端的地址（externalTrafficPolicy: Local，不对发往 Pod 的流量做地址伪装），或同时放行节点的地址",
        },
    ),
    (
        "policy-overridden",
        Texts {
            summary: "{policy} 放行 {from} → {to}，但优先于它的 {admin} 拒绝",
            effect: "该 NetworkPolicy 的规则对这些连接不起作用",
            advice: "在管理员策略中于其前加入 Allow 或 Pass 规则，或去掉 NetworkPolicy 的该规则",
        },
    ),
    (
        "policy-set-stale",
        Texts {
            summary: "{policy} 放行 {from} → {to}，但内核用来执行它的集合 {set} 缺少 {address}",
            effect: "策略放行的 Pod 被拦住，通常是因为它比集合的内容新",
            advice: "等几秒；若仍如此，查看该节点上网络插件代理的状态",
        },
    ),
    (
        "policy-closes-service",
        Texts {
            summary: "{service} 通向 Pod 的端口 {port}，这些 Pod 受 NetworkPolicy {policy} 约束，而没有任何策略的规则放行该端口",
            effect: "到该 Service 的连接超时或被拒绝，取决于网络插件",
            advice: "为应能访问该 Service 的一方添加该端口的入站规则",
        },
    ),
    (
        "policy-names-service-port",
        Texts {
            summary: "NetworkPolicy {policy} 放行端口 {asked}，它是 {service} 的端口；而其 Pod 的端口是 {port}",
            effect: "到该 Service 的连接超时或被拒绝：策略看到的是 Service 转换之后的 Pod 端口",
            advice: "在规则中写端口 {port}，或容器端口的名称",
        },
    ),
    (
        "policy-selects-nobody",
        Texts {
            summary: "NetworkPolicy {policy} 的 spec.{field} 没有选中任何 Pod：它选中的命名空间里没有带这些标签的 Pod，而策略自己的命名空间里有",
            effect: "规则想放行的一方被拦住：同一项中的两个选择器必须同时满足",
            advice: "如果本意是任一满足，请写成列表中的两项（一项 namespaceSelector，一项 podSelector）",
        },
    ),
    (
        "policy-closes-dns",
        Texts {
            summary: "NetworkPolicy {policy} 允许 {pod} 发送，却不允许发往其名称服务器 {server}",
            effect: "任何名称都无法解析：按名称的连接几秒后失败，按地址的连接正常",
            advice: "添加到集群名称服务器 UDP 和 TCP 端口 53 的出站规则",
        },
    ),
    (
        "policy-selects-host-network",
        Texts {
            summary: "NetworkPolicy {policy} 的 spec.{field} 只选中使用节点网络的 Pod（首个为 {pod}）：它们的报文来自节点地址，任何选择器都不会选中",
            effect: "规则想放行的一方被拦住，仅 Pod 所在节点除外",
            advice: "用 ipBlock 放行节点地址",
        },
    ),
];

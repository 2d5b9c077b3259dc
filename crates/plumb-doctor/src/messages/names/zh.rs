//! 中文

use super::NameNote;
use crate::names::NameFinding as F;

pub(super) fn summary(finding: &F) -> String {
    match finding {
        F::ServerUnreachable { namespace, server, name, why, .. } => {
            format!("{namespace} 无法解析 {name}：无法到达域名服务器 {server}（{why}）")
        }
        F::ServerLate { namespace, server, why, seconds } => {
            format!("域名服务器 {server} 不应答 {namespace}，{seconds} 秒后才会询问下一个（{why}）")
        }
        F::ServersBeyondThree { namespace, servers, path } => {
            format!("{namespace} 的 {path} 列出了三个以上的域名服务器：永远不会询问 {}", servers.join(", "))
        }
        F::NotTheClusters { namespace, server, cluster, path } => format!(
            "{namespace} 的 {path} 指定了 {server}，它不是集群的 DNS（{}），不认识集群内的名字",
            cluster.join(", ")
        ),
        F::LocalServerDown { namespace, server, owner, path } => {
            format!("{namespace} 的 {path} 指定了 {owner} 的地址 {server}，但那里没有进程监听 UDP 端口 53")
        }
        F::NameNotFound { namespace, name, asked, server } => {
            format!("域名服务器 {server} 不认识 {name}：{namespace} 查询了 {}", asked.join(", "))
        }
        F::NoAddress { namespace, name, server } => {
            format!("{namespace} 查询时，域名服务器 {server} 认识 {name}，但没有它的地址")
        }
        F::ServerFails { namespace, server, rcode, name } => {
            format!("{namespace} 查询 {name} 时，域名服务器 {server} 应答 {rcode}")
        }
        F::AnswerLost { namespace, server, seconds } => {
            format!("域名服务器 {server} 在 {seconds} 秒内没有应答 {namespace}，而报文往返的路径是通的")
        }
        F::TcpBlocked { namespace, server, why } => format!(
            "域名服务器 {server} 的应答超出一个数据报，而 {namespace} 无法到达它的 TCP 端口 53（{why}）"
        ),
        F::SearchExplosion { namespace, ndots, queries, path } => format!(
            "{namespace} 的 {path} 中有 ndots:{ndots}，外部名字会被查询 {queries} 次，先试搜索列表中的域"
        ),
    }
}

pub(super) fn effect(finding: &F) -> String {
    match finding {
        F::ServerUnreachable { namespace, refused: true, .. } => {
            format!("{namespace} 中的名字解析立即失败（EAI_AGAIN）；按地址连接正常")
        }
        F::ServerUnreachable { namespace, seconds, .. } => {
            format!("{namespace} 中的名字解析在 {seconds} 秒后失败（EAI_AGAIN）；按地址连接正常")
        }
        F::ServerLate { namespace, seconds, .. } => {
            format!("{namespace} 查询的每个名字都要多用 {seconds} 秒")
        }
        F::ServersBeyondThree { namespace, .. } => format!("{namespace} 找不到只有这些服务器才认识的名字"),
        F::NotTheClusters { namespace, .. } => format!("{namespace} 找不到 Service 的名字"),
        F::LocalServerDown { namespace, .. } => format!("{namespace} 中的查询会被拒绝"),
        F::NameNotFound { namespace, name, .. } => format!("{namespace} 找不到 {name}（EAI_NONAME）"),
        F::NoAddress { namespace, name, .. } => {
            format!("对 {namespace} 来说 {name} 没有可连接的地址（EAI_NODATA）")
        }
        F::ServerFails { namespace, name, .. } => format!("{namespace} 暂时找不到 {name}（EAI_AGAIN）"),
        F::AnswerLost { namespace, seconds, .. } => {
            format!("{namespace} 的名字解析要多用 {seconds} 秒，或者失败")
        }
        F::TcpBlocked { namespace, .. } => format!("{namespace} 找不到应答很长的名字"),
        F::SearchExplosion { namespace, .. } => {
            format!("{namespace} 的名字解析变慢，得到的应答大多是 NXDOMAIN")
        }
    }
}

pub(super) fn advice(finding: &F) -> String {
    match finding {
        F::ServerUnreachable { server, namespace, .. } | F::ServerLate { server, namespace, .. } => {
            format!("启动域名服务器 {server}，或者指定 {namespace} 能到达的服务器")
        }
        F::ServersBeyondThree { path, .. } => format!("{path} 中最多保留三行 nameserver"),
        F::NotTheClusters { path, cluster, .. } => {
            format!("让 Pod 使用 dnsPolicy ClusterFirst，或者在 {path} 中指定 {}", cluster.join(", "))
        }
        F::LocalServerDown { server, owner, .. } => {
            format!("在 {owner} 中启动 {server} 上的 DNS 服务，或者指定别的服务器")
        }
        F::NameNotFound { name, .. } => {
            format!("检查 {name} 的拼写、它的命名空间和搜索列表；末尾加点则不再搜索")
        }
        F::NoAddress { name, .. } => format!("让 {name} 有就绪的端点，或者给它地址记录"),
        F::ServerFails { server, .. } => format!("查看 {server} 的日志，以及它自己询问的上游服务器"),
        F::AnswerLost { server, .. } => {
            format!("查看 {server} 是否收到了查询（ss -lunp、它的日志），应答是否太慢")
        }
        F::TcpBlocked { server, .. } => format!("放行到 {server} 的 TCP 端口 53"),
        F::SearchExplosion { path, .. } => {
            format!("在 {path} 中设置 ndots:2（dnsConfig），或者在外部名字末尾加点")
        }
    }
}

pub(super) fn note(note: NameNote) -> String {
    use NameNote as N;
    match note {
        N::AnswerNotKnown { name, servers } => {
            format!("{name} 的地址：快照中没有域名服务器（{servers}）的应答；--probe 会去查询")
        }
        N::FilesNotKnown { name, why } => format!("{name} 如何解析：解析器的文件未知（{why}）"),
        N::ServiceNotKnown { name, service } => {
            format!("{name} 的地址：不知道 nsswitch.conf 中的 `{service}` 如何应答")
        }
        N::FilesDiffer { pids } => {
            format!("客户端看到的 resolv.conf 与读取时所用的进程相同；进程 {pids} 看到的不同")
        }
        N::Server { address } => format!("域名服务器 {address}"),
        N::Addresses { from } => format!("名字（{from}）"),
        N::WayToServer => "到其端口 53 的数据报".to_owned(),
        N::ServerLines => "nameserver 行".to_owned(),
        N::Answer => "应答".to_owned(),
    }
}

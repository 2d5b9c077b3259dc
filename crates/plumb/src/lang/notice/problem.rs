//! 中文：对象中 API server 会拒绝的内容。

use plumb_api::validate::{Missing, NameForm, Problem, Special};

/// What is wrong with a field.
pub(super) fn problem(problem: &Problem) -> String {
    let fixed = match problem {
        Problem::HealthCheckNodePort => {
            "仅用于 LoadBalancer 类型且 externalTrafficPolicy 为 Local；请去掉，或同时设置这两项"
        }
        Problem::ExternalTrafficPolicy => {
            "仅用于可从外部访问的 Service（NodePort 或 LoadBalancer 类型，或有 externalIPs）；请去掉"
        }
        Problem::OnlyForLoadBalancer => "仅用于 LoadBalancer 类型；请去掉",
        Problem::NotForExternalName => "ExternalName 类型的 Service 没有此项；请去掉",
        Problem::NoneAmongOthers => "`None` 只能单独出现；请去掉它，或去掉其他地址",
        Problem::SameFamily => "有两项属于同一 IP 族；每族至多一项",
        Problem::AffinityConfig => "仅在 sessionAffinity 为 ClientIP 时有效；请设置它，或去掉此项",
        Problem::NoServiceName => "缺少：所属 Service 的名称；没有它，任何代理都不会使用该 EndpointSlice",
        Problem::NoLoadBalancer => "只有 LoadBalancer 类型的 Service 才有负载均衡器地址；请去掉",
        Problem::IpModeWithoutIp => "说明地址如何使用，却没有地址；请加上 `ip`",
        Problem::IpBlockAmongOthers => "ipBlock 只能单独出现；请把选择器写成另一项",
        Problem::NeedlessValues => "Exists 和 DoesNotExist 不与值比较；请去掉这些值",
        Problem::RangeEndsEarly { first, last } => {
            return format!("{last} 小于起始端口 {first}；此处请写较大的端口");
        }
        Problem::NotWithin { text, whole } => {
            return format!("{text} 不是 {whole} 的一部分；请写其中较小的范围，或去掉此项");
        }
        Problem::NodePort { kind } => {
            return format!("{kind:?} 类型的 Service 没有节点端口；请去掉，或改为 NodePort 类型");
        }
        Problem::Headless { kind } => {
            return format!("{kind:?} 类型的 Service 需要集群 IP；请去掉 `None`，或改为 ClusterIP 类型");
        }
        Problem::Required { why } => return format!("缺少：{}", missing(*why)),
        Problem::NotAnIp { text } => return format!("{text:?} 不是 IP 地址；请写成 10.0.0.1 或 fd00::1"),
        Problem::SpecialIp { text, what } => {
            return format!("{text} 是{}；Service 不能指向它", special(*what));
        }
        Problem::NotACidr { text } => {
            return format!("{text:?} 不是地址范围；请用 CIDR 写法：10.0.0.0/16 或 fd00::/64");
        }
        Problem::WrongFamily { text, wanted, because } => {
            return format!("{text} 不是 {wanted} 地址，与 {because} 不符；请修改其中之一");
        }
        Problem::FirstDiffers { one, list, value, first } => {
            return format!("首项为 {first:?}，而 {one} 为 {value:?}；{list} 的首项应与 {one} 相同");
        }
        Problem::TooMany { count, max } => return format!("共 {count} 项；至多 {max} 项"),
        Problem::Duplicate { value } => return format!("{value:?} 已出现过；每个只能出现一次"),
        Problem::DuplicatePort { port, protocol } => {
            return format!("{port}/{protocol} 已出现过；同一端口和协议在一个 Service 中只能有一个");
        }
        Problem::Port { value } => return format!("{value} 不是端口；端口从 1 到 65535"),
        Problem::PortName { text } => {
            return format!(
                "{text:?} 不是端口名；请写数字，或至多 15 个小写字母、数字和不相连的连字符，其中至少一个字母"
            );
        }
        Problem::AffinityTimeout { seconds } => {
            return format!("{seconds} 秒；可取 1 到 86400（一天）");
        }
        Problem::NotOneOf { value, allowed } => {
            return format!("{value:?} 不是 {} 之一", allowed.join("、"));
        }
        Problem::Name { text, form } => return format!("{text:?} 不是{}", name(*form)),
        Problem::HostnameIsAddress { text } => return format!("{text} 是地址；请写在 `ip` 中"),
        other => return other.to_string(),
    };
    fixed.to_owned()
}

fn missing(what: Missing) -> &'static str {
    match what {
        Missing::EndpointAddress => "端点至少有一个地址",
        Missing::SubsetAddresses => "addresses 或 notReadyAddresses",
        Missing::PortName => "有多个端口时，每个端口都要有名称",
        Missing::Ranges => "ServiceCIDR 的内容就是它的地址范围",
        Missing::Ports => "只有 headless Service 可以没有端口",
        Missing::ExternalName => "ExternalName 类型的 Service 指的就是该名称",
        Missing::Peer => "对端是 podSelector、namespaceSelector、两者兼有，或 ipBlock",
        Missing::FirstPort => "endPort 需要以数字写出的 port 作为范围的起点",
        Missing::LabelValues => "In 和 NotIn 至少与一个值比较",
    }
}

fn special(what: Special) -> &'static str {
    match what {
        Special::Unspecified => "未指定地址",
        Special::Loopback => "回环地址",
        Special::LinkLocal => "链路本地地址",
        Special::LinkLocalMulticast => "链路本地组播地址",
    }
}

fn name(form: NameForm) -> &'static str {
    match form {
        NameForm::Dns1035Label => {
            " DNS-1035 标签；请写至多 63 个小写字母、数字和连字符，以字母开头，不以连字符结尾"
        }
        NameForm::Dns1123Label => " DNS-1123 标签；请写至多 63 个小写字母、数字和连字符，首尾不是连字符",
        NameForm::Dns1123Subdomain => {
            " DNS-1123 子域名；请写至多 253 个小写字母、数字、连字符和点，每一段首尾都是字母或数字"
        }
    }
}

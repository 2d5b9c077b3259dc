//! What of the rules' language the walk models: the one table behind docs/modelled.md and docs/modelled.zh.md.

mod keys;
mod page;
#[cfg(test)]
mod tests;

pub use keys::{CT, META, RT};
pub use page::{Language, page};

/// A reason, in English and in Chinese.
pub type Why = (&'static str, &'static str);

/// How the walk treats a thing that rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As the kernel does.
    Modelled,
    /// As the kernel does, but for this.
    But(Why),
    /// It changes nothing that a walk follows; why.
    NoEffect(Why),
    /// Named where it could decide; why it cannot be known.
    Named(Why),
}

use Standing::{But, Modelled, Named, NoEffect};

/// A kind of thing that rules use, and how each of it stands.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Heading.
    pub title: Why,
    /// Name as the tools spell it, and how it stands.
    pub entries: &'static [(&'static str, Standing)],
}

const NO_HEADER: Standing = But((
    "named for packets of this protocol, which no flow that is asked about has",
    "只对该协议的数据包列为未知，而所询问的流都不是该协议",
));
const NO_EXTENSION: Standing =
    But(("the walk's packets have no IPv6 extension headers", "推演中的数据包没有 IPv6 扩展首部"));
const UNTRANSFORMED: Standing =
    But(("no packet of a walk was or will be transformed", "推演中的数据包都不经 IPsec 变换"));
const PLAIN: Standing = NoEffect(("no verdict hangs on it", "不影响判决"));
const SECURITY: Why = ("security modules are not modelled", "未对安全模块建模");
const SENDER: Standing = But((
    "named for what a process of the machine itself sends; other packets have no sender's socket",
    "对本机进程发出的数据包列为未知；其他数据包没有发送方套接字",
));
const CPU: Standing =
    Named(("the processor that a packet comes to is not known", "不知道数据包由哪个处理器处理"));
const REALMS: Standing = Named(("realms of routes are not read", "未读取路由的 realm"));
const EXPECTED: Standing =
    But(("named for a connection that a helper expected", "对由 helper 预期的连接列为未知"));
const EARLIER: Standing = But((
    "of the connections that were there before only an upper bound is known",
    "对之前已有的连接只知道上限",
));
const BRIDGE_VLANS: Standing = Named(("VLANs of bridges are not modelled", "未对网桥的 VLAN 建模"));
const VRF: Standing = But(("virtual routing domains are not modelled", "未对 VRF 建模"));
const DRAWN: Standing = But(("which port of several is drawn is named", "从多个端口中抽取哪一个列为未知"));
const QUEUES: Standing = But((
    "the answer of a program that reads the queue is named; without one packets are dropped, or pass with `bypass`",
    "有程序读取队列时，其答复列为未知；没有时数据包被丢弃，带 `bypass` 则放行",
));
const READING_TIME: Standing =
    But(("by the time of the reading, and what the walk takes", "以读取快照的时间加上推演经过的时间为准"));
const KERNEL_ZONE: Standing = But((
    "by the time of the reading; named where the kernel's time zone was not read",
    "以读取快照的时间为准；未读到内核时区时列为未知",
));

/// Matches of xtables.
pub const MATCHES: Part = Part {
    title: ("Matches of xtables", "xtables 的匹配"),
    entries: &[
        ("addrtype", Modelled),
        ("ah", NO_HEADER),
        (
            "bpf",
            But((
                "programs that the rule holds are run; pinned ones are named, and what hangs on bytes that are not known",
                "执行规则自带的程序；固定（pinned）的程序以及取决于未知字节的结果列为未知",
            )),
        ),
        ("cgroup", SENDER),
        ("cluster", EXPECTED),
        ("comment", Modelled),
        ("connbytes", Modelled),
        ("connlabel", Modelled),
        ("connlimit", EARLIER),
        ("connmark", Modelled),
        ("conntrack", But(("--ctexpire is named", "--ctexpire 列为未知"))),
        ("cpu", CPU),
        ("dccp", NO_HEADER),
        ("devgroup", Modelled),
        ("dscp", Modelled),
        ("dst", NO_EXTENSION),
        ("ecn", Modelled),
        ("esp", NO_HEADER),
        ("eui64", Modelled),
        ("frag", But(("named for a fragment", "分片列为未知"))),
        (
            "hashlimit",
            But((
                "limits in bytes and --hashlimit-rate-match are never reached",
                "以字节计的限额和 --hashlimit-rate-match 视为从不达到",
            )),
        ),
        ("hbh", NO_EXTENSION),
        ("helper", EXPECTED),
        ("hl", Modelled),
        ("icmp", Modelled),
        ("icmp6", Modelled),
        ("ipcomp", NO_HEADER),
        ("iprange", Modelled),
        ("ipv6header", NO_EXTENSION),
        ("ipvs", Named(("IPVS is not read", "未读取 IPVS"))),
        (
            "length",
            But((
                "a stream's segments that pass as one count as one segment",
                "合并通过的多个报文段按一个报文段计",
            )),
        ),
        ("limit", Modelled),
        ("mac", Modelled),
        ("mark", Modelled),
        ("mh", NO_HEADER),
        ("multiport", Modelled),
        (
            "nfacct",
            But((
                "it always holds: quotas of accounting objects are not read",
                "总是匹配：未读取计数对象的配额",
            )),
        ),
        ("owner", But(("--suppl-groups is named", "--suppl-groups 列为未知"))),
        ("physdev", Modelled),
        ("pkttype", Modelled),
        ("policy", UNTRANSFORMED),
        (
            "quota",
            But((
                "what was used up before the walk is not shown, and counts as unspent",
                "推演之前已用掉的部分无从得知，按未用计",
            )),
        ),
        ("realm", REALMS),
        (
            "recent",
            But((
                "--reap takes nothing off; named where the lists could not be read",
                "--reap 不删除条目；读不到列表时列为未知",
            )),
        ),
        ("rpfilter", Modelled),
        ("rt", NO_EXTENSION),
        ("sctp", But(("--chunk-types is named", "--chunk-types 列为未知"))),
        (
            "set",
            But(("sets that rules have changed in the walk are named", "推演中被规则改动过的集合列为未知")),
        ),
        (
            "socket",
            But((
                "named where the kernel does not say whether a socket is transparent (before Linux 5.10)",
                "内核未说明套接字是否 transparent 时（Linux 5.10 之前）列为未知",
            )),
        ),
        ("state", Modelled),
        ("statistic", Modelled),
        (
            "string",
            But((
                "named where the pattern may be in what a datagram or an echo carries; a TCP handshake carries nothing",
                "模式可能出现在 UDP 或 echo 的载荷中时列为未知；TCP 握手没有载荷",
            )),
        ),
        ("tcp", Modelled),
        ("tcpmss", But(("named for a SYN where no payload is asked about", "未询问载荷时，对 SYN 列为未知"))),
        (
            "time",
            But((
                "by the time of the reading; `--kerneltz` is named where the kernel's time zone was not read",
                "以读取快照的时间为准；未读到内核时区时 `--kerneltz` 列为未知",
            )),
        ),
        ("tos", Modelled),
        ("ttl", Modelled),
        (
            "u32",
            But((
                "named where it hangs on bytes that are not known: sequence numbers, checksums, what packets carry",
                "取决于未知字节（序号、校验和、载荷）时列为未知",
            )),
        ),
        ("udp", Modelled),
        ("udplite", Modelled),
    ],
};

/// Targets of xtables.
pub const TARGETS: Part = Part {
    title: ("Targets of xtables", "xtables 的目标"),
    entries: &[
        ("AUDIT", PLAIN),
        ("CHECKSUM", PLAIN),
        ("CLASSIFY", Modelled),
        ("CONNMARK", Modelled),
        ("CONNSECMARK", NoEffect(SECURITY)),
        (
            "CT",
            But((
                "helpers and timeouts change nothing that a walk follows",
                "helper 与 timeout 不改变推演所跟踪的内容",
            )),
        ),
        ("DNAT", DRAWN),
        ("DSCP", Modelled),
        ("ECN", Modelled),
        ("HL", Modelled),
        ("IDLETIMER", PLAIN),
        ("LOG", PLAIN),
        ("MARK", Modelled),
        ("MASQUERADE", Modelled),
        ("NETMAP", Modelled),
        ("NFLOG", PLAIN),
        ("NFQUEUE", QUEUES),
        ("NOTRACK", Modelled),
        ("REDIRECT", Modelled),
        ("REJECT", Modelled),
        ("SECMARK", NoEffect(SECURITY)),
        (
            "SET",
            But((
                "what it adds to ipsets is not followed; a map is named",
                "不跟踪它对 ipset 的增删；map 列为未知",
            )),
        ),
        ("SNAT", Modelled),
        ("SYNPROXY", Named(("it answers in the server's place", "它代替服务器应答"))),
        ("TCPMSS", But(("an option that is not there is not added", "报文没有该选项时不会添加"))),
        ("TCPOPTSTRIP", Modelled),
        ("TEE", NoEffect(("the copy is not followed", "不跟踪副本"))),
        ("TOS", Modelled),
        (
            "TPROXY",
            But((
                "named where the kernel does not say whether a socket is transparent (before Linux 5.10)",
                "内核未说明套接字是否 transparent 时（Linux 5.10 之前）列为未知",
            )),
        ),
        ("TRACE", PLAIN),
        ("TTL", Modelled),
    ],
};

/// Expressions of nftables, by the kernel's names.
pub const EXPRESSIONS: Part = Part {
    title: ("Expressions of nftables", "nftables 的表达式"),
    entries: &[
        ("bitwise", Modelled),
        ("byteorder", Modelled),
        ("cmp", Modelled),
        ("connlimit", EARLIER),
        ("counter", Modelled),
        (
            "ct",
            But((
                "see the keys of `ct`; helpers and timeouts change nothing that a walk follows",
                "见 `ct` 的键；helper 与 timeout 不改变推演所跟踪的内容",
            )),
        ),
        ("dup", NoEffect(("the copy is not followed", "不跟踪副本"))),
        (
            "dynset",
            But(("timeouts of elements that the walk added do not run out", "推演中加入的元素不会超时")),
        ),
        (
            "exthdr",
            But((
                "SCTP chunks, DCCP options and the values of TCP options are named, but the segment size where a payload is asked about",
                "SCTP chunk、DCCP 选项以及 TCP 选项的值列为未知，询问载荷时的报文段大小除外",
            )),
        ),
        ("fib", Modelled),
        (
            "flow_offload",
            NoEffect((
                "packets go the long way, as the first of each flow does",
                "数据包走完整路径，与每条流的首个数据包一样",
            )),
        ),
        ("fwd", Named(("the device that it sends to is not followed", "不跟踪它发往的设备"))),
        (
            "hash",
            But((
                "of a seed that the kernel chose any value is possible, the same one for the same input",
                "种子由内核选取时任何值都有可能，同一输入得同一值",
            )),
        ),
        ("immediate", Modelled),
        ("last", PLAIN),
        ("limit", Modelled),
        ("log", PLAIN),
        ("lookup", Modelled),
        ("masq", Modelled),
        ("match", But(("see the matches of xtables", "见 xtables 的匹配"))),
        ("meta", But(("see the keys of `meta`", "见 `meta` 的键"))),
        ("nat", DRAWN),
        ("notrack", Modelled),
        (
            "numgen",
            But(("a counter stands anywhere, each value equally likely", "计数器可能停在任何值，概率均等")),
        ),
        ("objref", But(("a ct expectation is named", "ct expectation 列为未知"))),
        ("osf", Named(("the fingerprint of the sender's system", "发送方系统的指纹"))),
        (
            "payload",
            But(("what stands behind the transport header is named", "传输层首部之后的内容列为未知")),
        ),
        ("queue", QUEUES),
        ("quota", Modelled),
        ("range", Modelled),
        ("redir", Modelled),
        ("reject", Modelled),
        ("rt", But(("see the keys of `rt`", "见 `rt` 的键"))),
        ("socket", But(("cgroupv2 is named", "cgroupv2 列为未知"))),
        ("synproxy", Named(("it answers in the server's place", "它代替服务器应答"))),
        ("target", But(("see the targets of xtables", "见 xtables 的目标"))),
        ("tproxy", But(("as the target TPROXY", "同目标 TPROXY"))),
        ("xfrm", UNTRANSFORMED),
    ],
};

/// All of it.
pub const PARTS: [&Part; 6] = [&MATCHES, &TARGETS, &EXPRESSIONS, &META, &CT, &RT];

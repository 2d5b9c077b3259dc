//! 设备与网桥

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "link-no-carrier",
        Texts {
            summary: "{namespace} 中的 {device} 已启用但没有载波",
            effect: "从 {device} 发出的报文丢失，邻居不应答",
            advice: "检查对端：网线，或已消失、已关闭的设备",
        },
    ),
    (
        "duplicate-mac",
        Texts {
            summary: "{namespace} 中 {device} 的硬件地址 {mac} 与同一网段上的 {other} 相同",
            effect: "发往其中一方的帧会送到最后发送的一方：双方都会间歇或持续丢失连接",
            advice: "给其中一方换一个独有的地址，并查明复制来源（克隆的虚拟机、模板里写死的地址）",
        },
    ),
    (
        "mtu-differs",
        Texts {
            summary: "{namespace} 中的 {device} 最大接收 {mtu} 字节的报文，而对端 {other} 的 {peer} 会发送最大 {larger} 字节",
            effect: "{peer} 发出的超过 {mtu} 字节的报文在 {device} 被丢弃，且没有任何通知",
            advice: "两端使用相同的 MTU",
        },
    ),
    (
        "bridge-port-detached",
        Texts {
            summary: "{namespace} 中的 {device} 通向 {pod}，却不在任何网桥中；同网络的其他链路都在 {bridge} 中",
            effect: "{pod} 无法与任何人互通",
            advice: "查明网络插件为何没有接入，或是谁把它移出了网桥",
        },
    ),
    (
        "bridge-port-state",
        Texts {
            summary: "{namespace} 中的 {device} 已启用，但在 {bridge} 中的状态是 {value}，而生成树并未运行",
            effect: "从 {device} 进出的帧被丢弃",
            advice: "查明是谁设置了该状态",
        },
    ),
    (
        "bridge-port-no-flood",
        Texts {
            summary: "{namespace} 中的 {device} 不接收 {bridge} 的未知单播、不学习地址，且没有表项指向其后的主机",
            effect: "发往 {device} 之后主机的帧无法到达，尽管 ARP 有应答",
            advice: "开启 flood 或 learning，或添加静态表项：bridge fdb add MAC dev {device} master static",
        },
    ),
];

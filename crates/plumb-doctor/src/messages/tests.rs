#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use plumb_model::IpFamily;
use plumb_trace::event::Answer;
use plumb_trace::session::{Origin, Transport};

use super::*;
use crate::finding::Rejection;
use crate::report::ProbeReport;

/// One of every kind of finding.
#[allow(clippy::too_many_lines, reason = "one of every kind")]
fn all() -> Vec<Finding> {
    use Finding as F;
    let s = |text: &str| text.to_owned();
    let ns = || s("ns-under-test");
    let (backend, table, chain, rule) =
        (|| s("nft"), || s("table-x"), || s("chain-y"), || s("tcp dport 8080 drop"));
    let (route, sysctl, device, address) = (
        || s("10.9.0.0/16 via 10.0.0.7 dev e9"),
        || s("net.ipv4.conf.e9.some_key"),
        || s("e9"),
        || s("10.3.2.1"),
    );
    let (bridge, lladdr, socket) = (|| s("br7"), || s("02:00:00:00:00:aa"), || s("tcp 10.3.2.1:6379"));
    let packet = Packet::Request;
    vec![
        F::RuleDrops {
            namespace: ns(),
            backend: backend(),
            table: table(),
            chain: chain(),
            rule: rule(),
            packet,
            mark_set_in: Some(s("ip nat MARK-IT")),
        },
        F::PolicyDrops { namespace: ns(), backend: backend(), table: table(), chain: chain(), packet },
        F::RuleRejects {
            namespace: ns(),
            backend: backend(),
            table: table(),
            chain: chain(),
            rule: rule(),
            packet,
            answer: Rejection { family: IpFamily::V4, answer: Answer::Icmp { kind: 3, code: 3 } },
        },
        F::NatToDeadPort { namespace: ns(), rule: rule(), to: s("10.3.2.1:15001") },
        F::NatToNobody { namespace: ns(), rule: rule(), to: s("10.3.2.1:15001") },
        F::NatSourceLost { namespace: ns(), rule: rule(), source: address() },
        F::NatExhausted { namespace: ns(), rule: rule() },
        F::NatMissed { namespace: ns(), rule: rule(), condition: s("oifname \"s0\" masquerade") },
        F::MarkNotRestored { namespace: ns(), rule: rule(), mark: 1 },
        F::MarkNotSaved { namespace: ns(), rule: rule() },
        F::MarkMissed { namespace: ns(), rule: rule(), condition: s("meta mark set 0x00000001") },
        F::MarkOverwritten { namespace: ns(), rule: rule(), mark: 1 },
        F::HopLimitTooLow { namespace: ns(), by: rule(), packet },
        F::Untracked { namespace: ns(), rule: rule() },
        F::ZoneDiffers { namespace: ns(), rule: rule(), zone: 5 },
        F::StaleEntry { namespace: ns(), entry: s("src=10.0.0.1 dst=10.0.0.2") },
        F::RouteMissing { namespace: ns(), table: table(), address: address(), packet },
        F::RouteMissing { namespace: ns(), table: table(), address: address(), packet: Packet::Reply },
        F::RouteDiscards { namespace: ns(), route: route(), table: table(), packet, diverted: false },
        F::RouteAstray { namespace: ns(), route: route(), table: table(), packet, by_source: false },
        F::RouteAstray { namespace: ns(), route: route(), table: table(), packet, by_source: true },
        F::PolicyRuleDiscards { namespace: ns(), rule: s("100: from all blackhole"), packet },
        F::RoutingLoop { namespace: ns(), route: route(), table: table() },
        F::NotForwarding { namespace: ns(), sysctl: sysctl(), packet },
        F::ReversePath { namespace: ns(), sysctl: sysctl(), device: device(), source: address(), packet },
        F::LoopbackFromOutside { namespace: ns(), sysctl: sysctl(), device: device() },
        F::OwnSource { namespace: ns(), sysctl: sysctl(), device: device(), source: address() },
        F::Martian { namespace: ns(), device: device(), address: address(), source: true },
        F::NoNeighbourAnswer { namespace: ns(), sysctl: sysctl(), value: s("8"), address: address() },
        F::ProxyEntryMissing { namespace: ns(), device: device(), address: address() },
        F::NeighbourMissing { namespace: ns(), device: device(), address: address() },
        F::NeighbourWrong { namespace: ns(), device: device(), address: address(), lladdr: lladdr() },
        F::Ipv6Disabled { namespace: ns(), sysctl: sysctl(), device: device() },
        F::EchoIgnored { namespace: ns(), sysctl: sysctl() },
        F::ConntrackFull { namespace: ns(), count: 262_144, max: 262_143 },
        F::BridgeNotFiltered { namespace: ns(), sysctl: sysctl(), bridge: bridge() },
        F::LinkDown { namespace: ns(), device: device(), cuts: false },
        F::NoCarrier { namespace: ns(), device: device(), peer: Some(s("v9 of node-3")) },
        F::NotInBridge { namespace: ns(), device: device(), bridge: bridge() },
        F::PortNoFlood { namespace: ns(), bridge: bridge(), device: device(), lladdr: lladdr() },
        F::PortNoBroadcast {
            namespace: ns(),
            bridge: bridge(),
            device: device(),
            attribute: s("bcast_flood"),
        },
        F::PortIsolated { namespace: ns(), bridge: bridge(), device: device(), from: s("v1") },
        F::PortNoHairpin { namespace: ns(), bridge: bridge(), device: device() },
        F::PortState { namespace: ns(), bridge: bridge(), device: device(), state: s("listening") },
        F::FdbWrong { namespace: ns(), bridge: bridge(), device: device(), lladdr: lladdr() },
        F::ListenerMissing { namespace: ns(), socket: socket() },
        F::ListenerElsewhere { namespace: ns(), socket: socket(), listens: s("tcp 127.0.0.1:6379") },
        F::ListenerOtherFamily { namespace: ns(), socket: socket(), listens: s("tcp [::]:6379") },
        F::DuplicateAddress { namespace: ns(), device: device(), address: address(), other: s("web-1") },
        F::PrefixTooWide { namespace: ns(), device: device(), prefix: s("10.3.2.1/8"), address: address() },
        F::PortsUsedUp { namespace: ns(), destination: s("10.3.2.1:53"), range: s("40000 40003"), used: 4 },
        F::QueueFull { namespace: ns(), socket: socket(), queue: 129, backlog: 128 },
        F::SynQueueFull { namespace: ns(), socket: socket(), count: 128, limit: 128 },
        F::BufferFull { namespace: ns(), socket: s("udp *:53"), waiting: 4608, size: 4096 },
        F::DuplicateMac { namespace: ns(), device: device(), mac: lladdr(), other: s("web-1") },
        F::DadFailed { namespace: ns(), device: device(), address: s("fd00::7") },
        F::ServerStopped { namespace: ns(), socket: socket(), process: s("redis (7)") },
        F::HandedOver { namespace: ns(), socket: socket(), mark: 1, device: device() },
        F::AnswerFromElsewhere { namespace: ns(), expected: s("10.3.2.1:53"), seen: s("10.9.9.9:53") },
        F::NoSource { namespace: ns(), family: s("IPv6") },
        F::FrameTooBig { namespace: ns(), device: device(), mtu: 1400, length: 1500 },
        F::TooBig { namespace: ns(), device: device(), mtu: 1400 },
        F::RouteMissing { namespace: ns(), table: table(), address: address(), packet: Packet::TooBig },
    ]
}

fn flow(transport: Transport) -> Flow {
    Flow {
        origin: Origin::Process { ns: 0, source: None },
        transport,
        dst: "10.0.2.2".parse().unwrap(),
        port: if transport == Transport::Icmp { 0 } else { 8080 },
        source_port: None,
        uid: 0,
        gid: 0,
        connections: 1,
        bytes: None,
    }
}

/// The texts and numbers of a finding, from its `Debug` form.
fn parameters(finding: &Finding) -> Vec<String> {
    let debug = format!("{finding:?}").replace("\\\"", "\u{1}");
    let texts = debug.split('"').skip(1).step_by(2).map(|t| t.replace('\u{1}', "\""));
    let numbers = debug
        .split([' ', ',', '}'])
        .filter(|w| !w.is_empty() && w.chars().all(|c| c.is_ascii_digit()))
        .map(str::to_owned);
    texts.chain(numbers).collect()
}

#[test]
fn every_kind_has_an_id_and_every_id_a_kind() {
    let found: BTreeSet<&str> = all().iter().map(id).collect();
    let known: BTreeSet<&str> = ALL_IDS.iter().copied().collect();
    assert_eq!(found, known);
    assert_eq!(ALL_IDS.len(), known.len());
    assert_eq!(fault(&all()[0]), Some("F08"));
}

#[test]
fn sentences_name_everything_that_they_are_about() {
    for lang in [Lang::En, Lang::Zh] {
        for finding in all() {
            let sentence = summary(lang, &finding);
            // An answer is told by its name, not by its numbers.
            let mut parameters = parameters(&finding);
            if let Finding::RuleRejects { answer, .. } = &finding {
                parameters.retain(|p| p.parse::<u8>().is_err());
                parameters.push(rejection(lang, *answer));
            }
            for p in parameters {
                assert!(sentence.contains(&p), "{lang:?}: `{p}` is not in `{sentence}`");
            }
            assert!(!sentence.contains('\n') && !sentence.ends_with(['.', '。']), "{sentence}");
            let advice = advice(lang, &finding);
            assert!(advice.contains("ns-under-test"), "{advice}");
        }
    }
}

#[test]
fn answers_and_units_are_words_of_the_language() {
    let icmp = |family, kind, code| Rejection { family, answer: Answer::Icmp { kind, code } };
    let port = icmp(IpFamily::V6, 1, 4);
    assert!(port.refuses() && !icmp(IpFamily::V4, 3, 13).refuses());
    assert_eq!(
        (rejection(Lang::En, port), rejection(Lang::Zh, port).as_str()),
        ("port unreachable".to_owned(), "端口不可达")
    );
    let odd = icmp(IpFamily::V4, 3, 5);
    assert_eq!(rejection(Lang::En, odd), "ICMP type 3 code 5");
    assert_eq!(unit(Lang::Zh, crate::finding::Unit::Packets), "个报文");
}

#[test]
fn chinese_is_chinese() {
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for finding in all() {
        let texts = [
            summary(Lang::Zh, &finding),
            advice(Lang::Zh, &finding),
            effect(Lang::Zh, &finding, &flow(Transport::Tcp)),
        ];
        for text in texts {
            assert!(chinese(&text), "{text}");
        }
        assert!(!chinese(&summary(Lang::En, &finding)));
    }
}

#[test]
fn effects_name_traffic_place_and_end() {
    let all = all();
    let at = |id_: &str| all.iter().find(|f| id(f) == id_).unwrap();
    assert_eq!(
        effect(Lang::En, at("netfilter-drop"), &flow(Transport::Tcp)),
        "new TCP connections to 10.0.2.2:8080 by way of ns-under-test time out"
    );
    assert_eq!(
        effect(Lang::En, at("netfilter-reject"), &flow(Transport::Udp)),
        "UDP datagrams to 10.0.2.2:8080 by way of ns-under-test are refused"
    );
    assert_eq!(
        effect(Lang::En, at("neighbour-missing"), &flow(Transport::Icmp)),
        "echo requests to 10.0.2.2 by way of ns-under-test get no answer"
    );
    assert_eq!(
        effect(Lang::Zh, at("listener-missing"), &flow(Transport::Tcp)),
        "经过 ns-under-test 到 10.0.2.2:8080 的新建 TCP 连接被拒绝"
    );
}

#[test]
fn headlines() {
    let say = |o, e, s, share| headline(Lang::En, o, e, s, share);
    assert_eq!(
        say("times_out", Some("ETIMEDOUT"), Some(Stage::Connect), 0.0),
        "times out (ETIMEDOUT) while connecting"
    );
    assert_eq!(say("connects", None, None, 1.0), "connects");
    let stalls = Stage::of("data", "tcp");
    assert_eq!(say("times_out", Some("ETIMEDOUT"), stalls, 0.0), "times out (ETIMEDOUT) after the handshake");
    assert_eq!(
        say("intermittent", Some("ETIMEDOUT"), Some(Stage::Connect), 0.667),
        "connects now and then (ETIMEDOUT) while connecting; 66.7 % of the attempts connect"
    );
    assert_eq!(
        headline(Lang::Zh, "refused", Some("ECONNREFUSED"), Some(Stage::Connect), 0.0),
        "被拒绝（ECONNREFUSED），发生在建立连接阶段"
    );
    assert_eq!(outcome(Lang::En, "something_new"), "something_new");
}

#[test]
fn shares_as_percentages() {
    assert_eq!(
        (percent(0.333), percent(0.5), percent(0.001)),
        ("33.3 %".into(), "50 %".into(), "0.1 %".into())
    );
}

#[test]
fn a_probe_that_disagrees_says_so() {
    let mut p = ProbeReport {
        outcome: "times_out".into(),
        agrees: true,
        seconds: 10.0,
        errno: Some("ETIMEDOUT".into()),
    };
    assert_eq!(
        probe(Lang::En, &p),
        "a real connection times out (ETIMEDOUT) after 10.000 s, as the walk says"
    );
    p.agrees = false;
    assert!(probe(Lang::En, &p).contains("otherwise"));
    assert!(probe(Lang::Zh, &p).contains("不一致"));
}

#[test]
fn what_cannot_be_commanded_is_advice() {
    let start = Advice::StartListener { namespace: "server".into(), socket: "tcp 10.0.0.5:6379".into() };
    assert_eq!(change_advice(Lang::En, &start), "start a server that listens on tcp 10.0.0.5:6379 in server");
    assert_eq!(change_advice(Lang::Zh, &start), "在 server 中启动监听 tcp 10.0.0.5:6379 的服务");
}

#[test]
fn the_locale_decides() {
    let of = |all: &[(&str, &str)]| {
        Lang::from_locale(|n| all.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned()))
    };
    assert_eq!(of(&[]), Lang::En);
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
    assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
    assert_eq!(of(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_CN"), ("LANG", "C")]), Lang::Zh);
}

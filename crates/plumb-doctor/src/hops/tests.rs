#![allow(clippy::unwrap_used)]

use plumb_model::{IpFamily, Mac, Namespace, NamespaceId, Peer, Read};
use plumb_nft::Hook;
use plumb_trace::event::{BridgeHow, SetRef};
use plumb_trace::packet::{CtInfo, PacketType, Tracking};
use plumb_trace::share::Share;
use plumb_trace::state::State;

use super::*;
use crate::place::tests::{link, router, rule_ref, snapshot};

fn telling(level: Level, lang: Lang) -> Telling<'static> {
    Telling { unknowns: &[], level, lang }
}

fn syn() -> Packet {
    Packet {
        family: IpFamily::V4,
        src: "10.0.1.2".parse().unwrap(),
        dst: "10.0.2.2".parse().unwrap(),
        protocol: Protocol::TCP,
        sport: 40000,
        dport: 8080,
        icmp: None,
        tcp_options: None,
        tcp_flags: tcp_flags::SYN,
        ttl: 64,
        tos: 0,
        len: 60,
        inner: None,
        arp: None,
        nd_target: None,
        eth_src: None,
        eth_dst: None,
        packet_type: PacketType::Host,
        mark: 0,
        priority: 0,
        tracking: Tracking::None,
        zone: None,
        owner: None,
        socket: None,
        sizing: plumb_trace::packet::Sizing::default(),
    }
}

fn walked(events: Vec<Event>, stop: Stop) -> WalkEnd {
    let mut state = State::new(syn());
    for e in events {
        state.history.push(e);
    }
    WalkEnd { state, stop }
}

fn texts(hops: &[Hop]) -> Vec<String> {
    hops.iter().map(|h| format!("{} {}: {}", h.namespace, h.step, h.text)).collect()
}

fn network() -> plumb_model::Snapshot {
    let mut router = router();
    let mut client = Namespace::empty(NamespaceId(2), "client");
    let mut eth0 = link(5, "eth0");
    eth0.peer = Some(Peer { namespace: NamespaceId(1), index: 2 });
    client.links = Read::Got(vec![eth0]);
    if let Some(l) = router.links.value_mut().and_then(|l| l.iter_mut().find(|l| l.name == "c0")) {
        l.peer = Some(Peer { namespace: NamespaceId(2), index: 5 });
    }
    snapshot(vec![router, client])
}

fn events() -> Vec<Event> {
    let chain = ChainPlace { ns: 0, table: 0, chain: 0 };
    let lladdr: Mac = "02:00:00:00:00:01".parse().unwrap();
    let hop = Some(lladdr);
    vec![
        Event::Start { ns: 1, packet: Box::new(syn()) },
        Event::Neighbour {
            ns: 1,
            device: 5,
            addr: "10.0.1.1".parse().unwrap(),
            lladdr: hop,
            how: NeighbourHow::Resolved,
        },
        Event::Leaves { ns: 1, device: 5 },
        Event::Enters { ns: 0, device: 2 },
        Event::Tracked { ns: 0, info: Some(CtInfo { state: CtState::New, reply: false }), entry: None },
        Event::NatPassedOver { ns: 0, hook: Hook::Prerouting, inactive: true },
        Event::Chain { chain, hook: Hook::Forward },
        Event::Lookup { rule: rule_ref(0, 0), set: SetRef { ns: 0, table: 0, set: 0 }, element: None },
        Event::Mark { rule: rule_ref(0, 0), from: 0, to: 0x4000 },
        Event::Rule { rule: rule_ref(0, 1) },
        Event::Verdict { by: Decider::Rule(rule_ref(0, 1)), accept: false },
    ]
}

fn dropped() -> Stop {
    Stop::Dropped { by: Decider::Rule(rule_ref(0, 1)), hook: Hook::Forward, queue: None }
}

#[test]
fn brief_is_the_way_and_what_ended_it() {
    let s = network();
    let net = Network::compile(&s);
    let hops = hops(&net, &walked(events(), dropped()), PacketName::Request, telling(Level::Brief, Lang::En));
    assert_eq!(
        texts(&hops),
        [
            "client start: sends tcp SYN 10.0.1.2:40000 → 10.0.2.2:8080",
            "client neighbour: asks on eth0 for 10.0.1.1: 02:00:00:00:00:01 answers",
            "client device: leaves by eth0 to c0 of router",
            "router end: dropped by `tcp dport 8080 counter drop` in inet guard forward",
        ]
    );
    assert_eq!(hops.last().unwrap().place["handle"], 12);
    assert!(hops.iter().all(|h| h.packet == "request"));
}

#[test]
fn explain_tells_why_it_went_on() {
    let s = network();
    let net = Network::compile(&s);
    let hops =
        hops(&net, &walked(events(), dropped()), PacketName::Request, telling(Level::Explain, Lang::En));
    assert_eq!(
        texts(&hops)[3..],
        [
            "router device: comes in by c0",
            "router conntrack: conntrack: new",
            "router nat: prerouting: nat chains are not consulted, nothing here uses connection tracking",
            "router chain: forward: chain inet guard forward, 3 rules",
            "router set: set blocked does not have it",
            "router mark: mark 0x0 becomes 0x4000",
            "router end: dropped by `tcp dport 8080 counter drop` in inet guard forward",
        ]
    );
}

#[test]
fn every_step_in_chinese() {
    let s = network();
    let net = Network::compile(&s);
    let hops =
        hops(&net, &walked(events(), dropped()), PacketName::Request, telling(Level::Explain, Lang::Zh));
    assert!(hops.iter().all(|h| h.text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))), "{hops:#?}");
}

#[test]
fn a_translation_stands_for_its_rule() {
    let s = network();
    let net = Network::compile(&s);
    let before = syn().tuple();
    let after = plumb_model::Tuple { src: "10.0.2.1".parse().unwrap(), ..before };
    let nat = RuleRef { ns: 0, table: 3, chain: 0, rule: 0 };
    let events = vec![
        Event::Nat { ns: 0, rule: Some(nat), kind: NatKind::Source, from: before, to: after },
        Event::Rule { rule: nat },
        Event::Draw { rule: None, share: Share::new(1, 3), per_packet: false },
        Event::Bridge { ns: 0, bridge: 2, from: Some(3), to: None, how: BridgeHow::Local },
    ];
    let end = walked(events, Stop::Delivered { ns: 1, socket: None });
    let hops = hops(&net, &end, PacketName::Reply, telling(Level::Brief, Lang::En));
    assert_eq!(
        texts(&hops),
        [
            "router nat: source 10.0.1.2:40000 becomes 10.0.2.1:40000, by `counter masquerade`",
            "router choice: the kernel chooses: 33.3 % go this way, kept for the connection",
            "router bridge: bridge c0: from s0 to c0, the bridge's own address",
            "client socket: arrives",
        ]
    );
    assert_eq!(hops[0].place["table"], "nat");
}

#[test]
fn ends_name_what_stopped_it() {
    let s = network();
    let net = Network::compile(&s);
    let say = |stop: Stop| {
        let end = walked(Vec::new(), stop);
        let en = hops(&net, &end, PacketName::Request, telling(Level::Brief, Lang::En));
        let zh = hops(&net, &end, PacketName::Request, telling(Level::Brief, Lang::Zh));
        assert_eq!((en.len(), zh.len()), (1, 1));
        assert_eq!(en[0].place, zh[0].place);
        en[0].text.clone()
    };
    let addr = "10.0.2.9".parse().unwrap();
    let lost = Stop::NeighbourFailed {
        ns: 0,
        device: 3,
        addr,
        local: false,
        why: plumb_trace::event::NoAnswer::Lost { answer: true, stop: Box::new(dropped()) },
    };
    assert_eq!(
        say(lost),
        "no answer for 10.0.2.9 on s0: the answer is lost in router: dropped by `tcp dport 8080 counter drop` in inet guard forward"
    );
    let sysctl = Stop::Sysctl {
        ns: 0,
        name: "net.ipv4.ip_forward".into(),
        value: "0".into(),
        right: "1".into(),
        because: plumb_trace::event::Discard::NotForwarding,
    };
    assert_eq!(say(sysctl), "discarded: this machine does not forward (net.ipv4.ip_forward is 0)");
    assert_eq!(
        say(Stop::NoRoute { ns: 0, local: false, table: 254, addr }),
        "no route to 10.0.2.9 (table main was asked last)"
    );
    assert_eq!(
        say(Stop::NoListener { ns: 0, tuple: syn().tuple(), near: Vec::new() }),
        "nothing listens on tcp 10.0.2.2:8080"
    );
    let refused = vec![(3, plumb_trace::event::PortRefusal::NoFlood)];
    let lladdr = "02:00:00:00:00:09".parse().unwrap();
    assert_eq!(
        say(Stop::NoPort { ns: 0, bridge: 2, from: None, lladdr, refused }),
        "bridge c0 has no port for 02:00:00:00:00:09 (s0: flood off)"
    );
    assert_eq!(say(Stop::LeavesSnapshot { ns: 0, device: 3 }), "leaves by s0 to where no snapshot reaches");
    let reject = Stop::Rejected {
        by: Decider::Policy(ChainPlace { ns: 0, table: 1, chain: 0 }),
        hook: Hook::Forward,
        answer: plumb_trace::event::Answer::Icmp { kind: 3, code: 13 },
        routed: true,
    };
    assert_eq!(say(reject), "rejected by the policy of ip filter FORWARD with admin prohibited");
}

#[test]
fn the_unknown_is_named_at_its_place() {
    let s = network();
    let net = Network::compile(&s);
    let unknown = Unknown { ns: 0, rule: None, device: Some(3), what: "tc filter bpf on s0 ingress".into() };
    let end = walked(vec![Event::Unknown { unknown: 0 }], dropped());
    let telling = Telling { unknowns: &[unknown], level: Level::Brief, lang: Lang::En };
    let hops = hops(&net, &end, PacketName::Request, telling);
    assert_eq!(
        hops[0].text,
        "tc filter bpf on s0 ingress: not known, could decide here; taken to let it pass"
    );
    assert_eq!((&hops[0].step, &hops[0].place["device"]), (&"unknown".to_owned(), &"s0".into()));
}

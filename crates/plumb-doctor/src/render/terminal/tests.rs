#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::report::{FlowReport, Layer, Place, ProbeReport, RuledOut};

fn place(value: Value) -> Place {
    serde_json::from_value(value).unwrap()
}

fn rule_place() -> Place {
    place(json!({
        "node": null, "namespace": "router", "backend": "nft", "family": "ip", "table": "filter", "chain": "forward",
        "rule": "tcp dport 8080 counter drop", "handle": 12, "via": "chain forward rule 1"
    }))
}

fn hop(namespace: &str, packet: &str, step: &str, text: &str) -> Hop {
    Hop {
        namespace: namespace.into(),
        packet: packet.into(),
        step: step.into(),
        text: text.into(),
        place: Place::new(),
    }
}

fn example() -> Report {
    Report {
        version: 1,
        flow: FlowReport {
            from: "netns:client".into(),
            source: Some("10.0.1.2".into()),
            destination: "10.0.2.2".into(),
            port: Some(8080),
            protocol: "tcp".into(),
            bytes: None,
        },
        resolution: None,
        outcome: "times_out".into(),
        stage: Some("connect".into()),
        success: 0.0,
        errno: Some("ETIMEDOUT".into()),
        causes: vec![Cause {
            id: "netfilter-drop".into(),
            share: 1.0,
            layer: Layer::Netfilter,
            place: rule_place(),
            summary: "in router, the rule drops the request".into(),
            evidence: vec![Evidence {
                what: "packets counted by this rule".into(),
                seen: json!(7),
                right: json!(0),
                delta: Some(3),
                unit: Some("packets".into()),
                read_with: Some("ip netns exec router nft list chain ip filter forward".into()),
            }],
            effect: "new TCP connections to 10.0.2.2:8080 by way of router time out".into(),
            remedy: vec![
                Remedy {
                    tried_in_model: Some("connects".into()),
                    ..Remedy::of("ip netns exec router nft delete rule ip filter forward handle 12".into())
                },
                Remedy { advice: true, ..Remedy::of("ask who made it".into()) },
            ],
            delay_s: None,
        }],
        unknowns: vec![UnknownReport {
            place: place(json!({ "node": null, "namespace": "router", "device": "c0" })),
            reason: "tc filter bpf on c0 ingress: its verdict cannot be modelled".into(),
            if_passes: "connects".into(),
        }],
        assumptions: Vec::new(),
        probe: Some(ProbeReport {
            outcome: "times_out".into(),
            agrees: true,
            seconds: 10.0,
            errno: Some("ETIMEDOUT".into()),
        }),
        ruled_out: vec![RuledOut {
            what: "the listener".into(),
            why: "tcp 10.0.2.2:8080 listens in server".into(),
        }],
        paths: vec![PathReport {
            share: 1.0,
            outcome: "times_out".into(),
            hops: vec![
                hop("client", "request", "start", "sends tcp SYN 10.0.1.2:40000 → 10.0.2.2:8080"),
                hop("client", "request", "device", "leaves by eth0 to c0 of router"),
                hop(
                    "router",
                    "request",
                    "end",
                    "dropped by `tcp dport 8080 counter drop` in ip filter forward",
                ),
            ],
        }],
    }
}

fn shown(r: &Report, options: Options) -> String {
    let mut out = Vec::new();
    report(&mut out, r, options).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_report_from_top_to_bottom() {
    let expected = "\
times out (ETIMEDOUT) while connecting
netns:client (10.0.1.2) → 10.0.2.2:8080 tcp

Cause: in router, the rule drops the request
  where: router: nft ip filter forward handle 12: tcp dport 8080 counter drop
  by way of: chain forward rule 1
  evidence: packets counted by this rule: 7 packets (right would be 0, rose while probing 3)
    shown by: ip netns exec router nft list chain ip filter forward
  effect: new TCP connections to 10.0.2.2:8080 by way of router time out
  mend it: # tried in the model: connects
    ip netns exec router nft delete rule ip filter forward handle 12
  advice: ask who made it

Not known
  tc filter bpf on c0 ingress: its verdict cannot be modelled
    router: c0
    if it lets the packet pass: connects

Probe
  a real connection times out (ETIMEDOUT) after 10.000 s, as the walk says

Ruled out
  the listener: tcp 10.0.2.2:8080 listens in server

Path
  request
    client  sends tcp SYN 10.0.1.2:40000 → 10.0.2.2:8080
            leaves by eth0 to c0 of router
  ✗ router  dropped by `tcp dport 8080 counter drop` in ip filter forward
";
    assert_eq!(shown(&example(), Options::default()), expected);
}

#[test]
fn colour_only_where_it_is_wanted() {
    let r = example();
    let coloured = shown(&r, Options { lang: Lang::En, color: true });
    assert!(coloured.contains('\u{1b}'));
    let plain = shown(&r, Options::default());
    assert!(!plain.contains('\u{1b}'));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn the_frame_in_chinese() {
    let text = shown(&example(), Options { lang: Lang::Zh, color: false });
    assert!(text.starts_with("超时（ETIMEDOUT），发生在建立连接阶段\n"), "{text}");
    assert!(
        text.contains("位置：router：nft ip filter forward handle 12: tcp dport 8080 counter drop"),
        "{text}"
    );
    assert!(text.contains("\n已排除\n"), "{text}");
}

#[test]
fn a_trace_shows_all_branches_with_their_shares() {
    let arrives = |share| PathReport {
        share,
        outcome: "connects".into(),
        hops: vec![
            hop("server", "request", "socket", "arrives"),
            hop("client", "reply", "socket", "arrives"),
        ],
    };
    let mut lost = arrives(1.0 / 3.0);
    lost.outcome = "times_out".into();
    lost.hops[1].step = "end".into();
    lost.hops[1].text = "dropped".into();
    let mut out = Vec::new();
    // Two branches that differ in nothing that is told are one.
    let paths = vec![arrives(1.0 / 3.0), arrives(1.0 / 3.0), lost];
    trace(&mut out, &Report { paths, ..example() }, Options::default()).unwrap();
    let expected = "  66.7 % of the attempts: connects
  request
    server  arrives
  reply
    client  arrives

  33.3 % of the attempts: times out
  request
    server  arrives
  reply
  ✗ client  dropped
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn places_as_a_person_points_at_them() {
    let say = |p: Value| locator(Lang::En, &place(p));
    assert_eq!(
        say(json!({ "namespace": "a", "sysctl": "net.ipv4.ip_forward", "value": "0" })),
        "a: net.ipv4.ip_forward = 0"
    );
    assert_eq!(
        say(
            json!({ "node": "n1", "namespace": "a", "table": "77", "route": "blackhole default", "rule_pref": 100 })
        ),
        "n1 a: table 77, rule 100: blackhole default"
    );
    assert_eq!(
        say(json!({ "namespace": "a", "table": "main", "address": "10.0.0.1", "missing": "route" })),
        "a: table main has no route to 10.0.0.1"
    );
    assert_eq!(
        say(json!({ "namespace": "a", "socket": "tcp 10.0.0.1:80", "missing": "listener" })),
        "a: tcp 10.0.0.1:80 (nobody listens)"
    );
    assert_eq!(
        say(
            json!({ "namespace": "a", "device": "v2", "master": "br0", "attribute": "flood", "value": "off" })
        ),
        "a: v2 (br0) flood off"
    );
    assert_eq!(
        say(
            json!({ "namespace": "a", "device": "e0", "address": "10.0.0.9", "lladdr": "02:00:00:00:00:09" })
        ),
        "a: e0: 10.0.0.9 lladdr 02:00:00:00:00:09"
    );
    let mut with_set = rule_place();
    with_set.insert("set".into(), json!("blocked"));
    with_set.insert("element".into(), json!("10.0.0.0/8"));
    assert!(locator(Lang::En, &with_set).ends_with("drop (@blocked { 10.0.0.0/8 })"));
    assert_eq!(say(json!({ "namespace": "a" })), "a");
}

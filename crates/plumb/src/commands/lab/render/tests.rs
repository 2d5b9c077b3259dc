use std::net::SocketAddr;
use std::time::Duration;

use plumb_lab::faults::Flow;
use plumb_lab::server::Answer;
use plumb_lab::{FaultStatus, NodeStatus, OutsideStatus, PodStatus};

use super::*;

/// Without colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn attempt(outcome: Outcome, errno: Option<&str>) -> Attempt {
    let address = SocketAddr::from(([10, 244, 1, 2], 40112));
    let answer = Answer { server: "default/web-1".to_owned(), client: address, local: address };
    Attempt {
        outcome,
        errno: errno.map(str::to_owned),
        stage: errno.map(|_| "connect".to_owned()),
        seconds: 0.0034,
        answer: errno.is_none().then_some(answer),
    }
}

fn probed(outcome: Outcome, attempts: Vec<Attempt>) -> ProbeReport {
    let (from, to) = ("demo-default-client-0".to_owned(), "10.96.0.10:80".to_owned());
    ProbeReport { from, to, protocol: "tcp".to_owned(), outcome, attempts }
}

fn example() -> Status {
    Status {
        lab: "demo".to_owned(),
        ready: true,
        supervisor: Some(4711),
        nodes: vec![NodeStatus {
            name: "node-1".to_owned(),
            namespace: "demo-node-1".to_owned(),
            addresses: vec![[172, 18, 0, 2].into()],
            pod_ranges: vec!["10.244.1.0/24".to_owned()],
        }],
        pods: vec![PodStatus {
            name: "default/web-0".to_owned(),
            node: "node-1".to_owned(),
            namespace: "demo-default-web-0".to_owned(),
            addresses: vec![[10, 244, 1, 2].into()],
            ports: vec!["8080/http".to_owned()],
            pid: None,
        }],
        outside: OutsideStatus { namespace: "demo-outside".to_owned(), addresses: Vec::new() },
        proxies: Vec::new(),
        services: Vec::new(),
        faults: vec![FaultStatus {
            id: "R10".to_owned(),
            look_alike: false,
            target: "pod:default/web-0".to_owned(),
            effect: "node-1 does not forward".to_owned(),
        }],
    }
}

#[test]
fn a_status_in_both_languages() {
    let text = plain(&status(Lang::En, &example()));
    for part in [
        "demo: ready (supervisor 4711)\n",
        "pods' ranges",
        "dead",
        "broken R10 pod:default/web-0: node-1 does not forward\n",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let text = plain(&status(Lang::Zh, &example()));
    for part in [
        "demo：就绪（监管进程 4711）\n",
        "Pod 地址段",
        "已终止",
        "demo-default-web-0",
        "8080/http",
        "故障 R10 pod:default/web-0：关闭该 Pod 所在节点的转发\n",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let orphan = Status { ready: false, supervisor: None, ..example() };
    let first = |lang| plain(&status(lang, &orphan)).lines().next().unwrap_or_default().to_owned();
    assert_eq!(first(Lang::En), "demo: its supervisor is dead: plumb lab down demo removes what is left");
    assert_eq!(first(Lang::Zh), "demo：监管进程已终止，可用 plumb lab down demo 清除残留");
}

#[test]
fn a_new_lab_in_both_languages() {
    let up = |lang| plain(&up(lang, &example(), Duration::from_millis(420)));
    let next = "plumb lab probe pod:default/web-0 outside · plumb lab faults · plumb lab down demo";
    assert_eq!(up(Lang::En), format!("demo: 1 nodes, 1 pods, up in 0.42 s\nnext: {next}\n"));
    assert_eq!(up(Lang::Zh), format!("demo：1 个节点，1 个 Pod，启动用时 0.42 秒\n接下来：{next}\n"));
}

#[test]
fn a_probe_in_both_languages() {
    let one = probed(Outcome::Connects, vec![attempt(Outcome::Connects, None)]);
    let head = "demo-default-client-0 → 10.96.0.10:80 tcp";
    assert_eq!(
        plain(&probe(Lang::En, &one)),
        format!("{head}: connects: default/web-1 answered and saw 10.244.1.2 (3.4 ms)\n")
    );
    assert_eq!(
        plain(&probe(Lang::Zh, &one)),
        format!("{head}：成功：由 default/web-1 应答，其看到的客户端地址为 10.244.1.2（3.4 毫秒）\n")
    );
    let refused = attempt(Outcome::Refused, Some("ECONNREFUSED"));
    let two = probed(Outcome::Intermittent, vec![refused, attempt(Outcome::Connects, None)]);
    assert_eq!(
        plain(&probe(Lang::En, &two)),
        format!(
            "{head}: intermittent in 2 connections\n     1 × refused (ECONNREFUSED at connect) (at most 3.4 ms)\n     \
             1 × connects: default/web-1 answered and saw 10.244.1.2 (at most 3.4 ms)\n"
        )
    );
    let text = plain(&probe(Lang::Zh, &two));
    assert!(text.contains("，共 2 次连接\n") && text.contains("被拒绝（ECONNREFUSED，连接阶段）"), "{text}");
}

#[test]
fn a_fault_in_both_languages() {
    let fault = ActiveFault {
        id: "R10".to_owned(),
        look_alike: false,
        target: "pod:default/web-0".to_owned(),
        effect: "node-1 does not forward".to_owned(),
        changes: Vec::new(),
        undo: Vec::new(),
        since: 0,
    };
    let (from, to) = ("pod:default/client-0".to_owned(), "10.244.1.2:8080".to_owned());
    let flow = Flow::new(from, to, Outcome::TimesOut);
    let commands = vec!["ip netns exec demo-node-1 sysctl -w net.ipv4.ip_forward=0".to_owned()];
    let made = Broken { fault: fault.clone(), flow, commands };
    assert_eq!(
        plain(&broken(Lang::En, &made)),
        "R10 at pod:default/web-0: node-1 does not forward\n  done: ip netns exec demo-node-1 sysctl -w \
         net.ipv4.ip_forward=0\n  expect: pod:default/client-0 → 10.244.1.2:8080 times_out\n  next: plumb diagnose \
         pod:default/client-0 10.244.1.2:8080\n"
    );
    let text = plain(&broken(Lang::Zh, &made));
    for part in
        ["已在 pod:default/web-0 制造 R10：", "已执行：ip netns exec", "预期：", "超时", "接下来：plumb"]
    {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let undone = [fault];
    assert_eq!(plain(&healed(Lang::En, &undone)), "R10 at pod:default/web-0 is undone\n");
    assert_eq!(plain(&healed(Lang::Zh, &undone)), "pod:default/web-0 的 R10 已恢复\n");
    assert_eq!(healed(Lang::Zh, &[]), "没有需要恢复的故障\n");
}

#[test]
fn the_catalogue_in_both_languages() {
    let all = plumb_lab::faults::all();
    for (lang, word) in [(Lang::En, "what it does"), (Lang::Zh, "作用")] {
        let text = faults(lang, &all);
        assert!(text.contains(word), "{text}");
        assert!(all.iter().all(|f| text.contains(f.id)), "{text}");
    }
}

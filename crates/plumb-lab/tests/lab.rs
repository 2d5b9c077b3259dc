//! Labs for real: built, probed, broken, healed, and what is left when a supervisor is killed. Needs root.
//!
//! The harness is our own, because this program is also the supervisor and the servers of the labs that it starts.

#![allow(clippy::unwrap_used)]

mod names;
mod readiness;
mod support;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use plumb_lab::server::Manner;
use plumb_lab::{Outcome, ProbeOptions, ResolverChange, Topology};
use plumb_model::Protocol;
use support::{Lab, say};

fn main() {
    plumb_lab::run_if_child();
    let mut arguments = Arguments::from_args();
    // Labs are built side by side well enough, but times are measured too.
    arguments.test_threads.get_or_insert(2);
    let trials = vec![
        Trial::test("up_and_down", up_and_down),
        Trial::test("every_pod_reaches_every_pod", every_pod_reaches_every_pod),
        Trial::test("services_choose_every_endpoint", services_choose_every_endpoint),
        Trial::test("pods_reach_outside_as_their_node", pods_reach_outside_as_their_node),
        Trial::test(
            "a_killed_supervisor_takes_its_servers_along",
            a_killed_supervisor_takes_its_servers_along,
        ),
        Trial::test("what_is_in_the_way_stays", what_is_in_the_way_stays),
        Trial::test("a_small_lab_of_one_family", a_small_lab_of_one_family),
        Trial::test("commands_run_inside", commands_run_inside),
        Trial::test("commands_see_the_pods_files", commands_see_the_pods_files),
        Trial::test("rules_read_back_as_planned", rules_read_back_as_planned),
        Trial::test("faults_of_one_family", faults_of_one_family),
        Trial::test("a_missing_listener_has_a_command", a_missing_listener_has_a_command),
        Trial::test("readiness_follows_the_port", readiness::readiness_follows_the_port),
        Trial::test("a_labs_names", names::a_labs_names),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn up_and_down() -> Result<(), Failed> {
    let start = Instant::now();
    let lab = Lab::standard()?;
    let took = start.elapsed();
    say(&format!("3 nodes, 12 pods up in {took:?}"));
    if took > Duration::from_secs(2) {
        return Err(format!("took {took:?}").into());
    }
    let status = plumb_lab::status(&lab.name)?;
    assert!(status.ready && status.pods.iter().all(|p| p.pid.is_some()));
    assert_eq!((status.nodes.len(), status.pods.len()), (3, 12));
    assert!(
        plumb_lab::up(&Topology::standard(&lab.name)?, &mut |_| {})
            .unwrap_err()
            .to_string()
            .contains("runs already")
    );
    let owners = plumb_lab::owners();
    assert!(owners.len() >= 17);
    let name = lab.name.clone();
    let pids: Vec<_> = status.pods.iter().filter_map(|p| p.pid).collect();
    let start = Instant::now();
    plumb_lab::down(&name)?;
    say(&format!("down in {:?}", start.elapsed()));
    assert!(support::namespaces(&name).is_empty() && !plumb_lab::labs().contains(&name));
    // `down` waits for the supervisor. The kernel kills the servers with it (`PR_SET_PDEATHSIG`), which takes a moment.
    let deadline = Instant::now() + Duration::from_secs(10);
    while pids.iter().any(|p| support::lives(*p)) {
        if Instant::now() > deadline {
            return Err("a server outlives its lab".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(plumb_lab::down(&name).unwrap_err().to_string().contains("no lab is called"));
    Ok(())
}

fn every_pod_reaches_every_pod() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    let topology = Topology::standard(&lab.name)?;
    let mut pairs = 0;
    for from in &topology.pods {
        let sources = topology.pod_addresses(from);
        for to in topology.pods.iter().filter(|p| !p.ports.is_empty()) {
            let port = &to.ports[0];
            for address in topology.pod_addresses(to) {
                let target = SocketAddr::new(address, port.port).to_string();
                let report = lab.probe(&format!("pod:{}", from.full_name()), &target)?;
                let answer = report.attempts[0].answer.as_ref();
                let who = answer.map(|a| a.server.clone());
                assert_eq!(
                    (report.outcome, who),
                    (Outcome::Connects, Some(to.full_name())),
                    "{} to {target}",
                    from.name
                );
                let seen = answer.unwrap().client.ip();
                assert!(sources.contains(&seen), "{} is seen as {seen}", from.name);
                pairs += 1;
            }
        }
    }
    say(&format!("{pairs} pairs connect"));
    assert_eq!(pairs, 12 * 9 * 2);
    Ok(())
}

fn services_choose_every_endpoint() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    for service in ["10.96.0.10:80", "[fd00:10:96::10]:80"] {
        for from in ["client-0", "web-0", "node-2"] {
            let options = ProbeOptions { connections: 60, ..support::options() };
            let report = plumb_lab::probe(&lab.name, from, service, &options)?;
            let servers: BTreeSet<_> =
                report.attempts.iter().filter_map(|a| a.answer.as_ref()).map(|a| &a.server).collect();
            assert_eq!((report.outcome, servers.len()), (Outcome::Connects, 3), "{from} to {service}");
        }
    }
    Ok(())
}

fn pods_reach_outside_as_their_node() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    let topology = Topology::standard(&lab.name)?;
    for outside in ["203.0.113.10:80", "[2001:db8:203::10]:80"] {
        let report = lab.probe("client-1", outside)?;
        let seen: Option<IpAddr> = report.attempts[0].answer.as_ref().map(|a| a.client.ip());
        assert!(seen.is_some_and(|a| topology.node_addresses("node-2").contains(&a)), "{report:?}");
    }
    let echo = plumb_lab::probe(&lab.name, "client-0", "203.0.113.10", &support::options())?;
    assert_eq!((echo.outcome, echo.protocol.as_str()), (Outcome::Connects, "icmp"));
    let udp = plumb_lab::probe(&lab.name, "client-0", "pod:kube-system/dns-2", &support::options())?;
    assert_eq!((udp.outcome, udp.protocol.as_str()), (Outcome::Connects, "udp"));
    Ok(())
}

fn a_killed_supervisor_takes_its_servers_along() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    let status = plumb_lab::status(&lab.name)?;
    let supervisor = status.supervisor.unwrap();
    support::kill(supervisor);
    let until = Instant::now() + Duration::from_secs(5);
    let pids: Vec<_> = status.pods.iter().filter_map(|p| p.pid).collect();
    while pids.iter().any(|p| support::lives(*p)) {
        assert!(Instant::now() < until, "a server outlives its supervisor");
        std::thread::sleep(Duration::from_millis(5));
    }
    let error = plumb_lab::probe(&lab.name, "client-0", "web-0", &support::options()).unwrap_err();
    assert!(error.to_string().contains("is dead"));
    assert!(!plumb_lab::status(&lab.name)?.ready);
    // What is left is in nobody's way.
    plumb_lab::up(&Topology::standard(&lab.name)?, &mut |_| {})?;
    assert_eq!(lab.probe("client-0", "web-0")?.outcome, Outcome::Connects);
    support::kill(plumb_lab::status(&lab.name)?.supervisor.unwrap());
    plumb_lab::down(&lab.name)?;
    assert!(support::namespaces(&lab.name).is_empty());
    Ok(())
}

fn what_is_in_the_way_stays() -> Result<(), Failed> {
    let name = support::name();
    let taken = format!("{name}-node-2");
    plumb_kernel::create_named(&taken)?;
    let error = plumb_lab::up(&Topology::standard(&name)?, &mut |_| {}).unwrap_err().to_string();
    let left = support::namespaces(&name);
    plumb_kernel::delete_named(&taken)?;
    assert!(error.contains(&taken) && error.contains("no lab made"), "{error}");
    assert_eq!(left, [taken]);
    assert!(!plumb_lab::labs().contains(&name));
    Ok(())
}

fn a_small_lab_of_one_family() -> Result<(), Failed> {
    let name = support::name();
    let text = format!(
        "name: {name}\nnodes: [{{name: n}}, {{name: m}}]\nnetwork: {{pod_ranges: [\"fd00:7::/48\"], mtu: 1400}}\n\
         pods: [{{name: a, node: n}}, {{name: b, node: m, ports: [{{port: 7}}, {{port: 7, protocol: udp}}]}}]\n"
    );
    let lab = Lab::of(Topology::parse("small", &text)?)?;
    assert_eq!(lab.probe("a", "b:tcp-7")?.outcome, Outcome::Connects);
    assert_eq!(lab.probe("a", "b:udp-7")?.outcome, Outcome::Connects);
    let udp = ProbeOptions { protocol: Some(Protocol::UDP), ..support::options() };
    assert_eq!(plumb_lab::probe(&lab.name, "a", "b:9", &udp)?.outcome, Outcome::Refused);
    Ok(())
}

fn commands_run_inside() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    let ok = plumb_lab::run_in(
        &lab.name,
        "web-0",
        &["test".into(), "-e".into(), "/proc/thread-self/ns/net".into()],
    )?;
    assert!(ok.success());
    let device = ["grep", "-q", "cni0", "/proc/net/dev"].map(Into::into);
    assert!(plumb_lab::run_in(&lab.name, "node:node-1", &device)?.success());
    assert!(!plumb_lab::run_in(&lab.name, "web-0", &device)?.success());
    assert!(plumb_lab::run_in(&lab.name, "nobody", &device).is_err());
    Ok(())
}

/// A pod's commands see its own resolv.conf, and its look-ups ask whom it names; the machine's files stay as they are.
fn commands_see_the_pods_files() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    let own = || std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let before = own();
    let names = |server: &str| -> Result<bool, Failed> {
        let grep = ["grep", "-qx", server, "/etc/resolv.conf"].map(Into::into);
        Ok(plumb_lab::run_in(&lab.name, "client-0", &grep)?.success())
    };
    let errno = || -> Result<Option<String>, Failed> {
        let seen = plumb_lab::probe(&lab.name, "client-0", "my-service:80", &support::options())?;
        Ok(seen.attempts[0].errno.clone())
    };
    assert!(names("nameserver 10.97.0.53")?);
    assert_eq!(errno()?, None);
    let other = ResolverChange { servers: vec!["127.0.0.9".parse().unwrap()], ..ResolverChange::default() };
    plumb_lab::set_resolver(&lab.name, "client-0", Some(&other))?;
    assert!(names("nameserver 127.0.0.9")? && !names("nameserver 10.97.0.53")?);
    assert_eq!(errno()?.as_deref(), Some("EAI_AGAIN"));
    plumb_lab::set_resolver(&lab.name, "client-0", None)?;
    assert_eq!((names("nameserver 10.97.0.53")?, errno()?), (true, None));
    assert!(plumb_lab::set_resolver(&lab.name, "node:node-1", None).is_err());
    assert_eq!(own(), before);
    Ok(())
}

/// The kernel's tables are those of the plan: what was encoded is what is decoded.
fn rules_read_back_as_planned() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    let topology = Topology::standard(&lab.name)?;
    let plan = plumb_lab::Plan::of(&topology);
    let node = topology.node_namespace("node-1");
    let only = Some(vec![node.clone()]);
    let snapshot =
        plumb_kernel::snapshot(&plumb_kernel::Options { only, ..plumb_kernel::Options::default() })?;
    let read = snapshot.namespace_by_name(&node).unwrap().nft.value().unwrap();
    for table in &plan.namespace(&node).unwrap().nft {
        let there = read.table(table.family, &table.name).unwrap();
        for chain in &table.chains {
            let got = there.chain(&chain.name).unwrap();
            assert_eq!(got.rules.len(), chain.rules.len(), "{} {}", table.name, chain.name);
        }
    }
    Ok(())
}

/// Faults that are made in IPv4 where there is any are made in IPv6 where there is none.
fn faults_of_one_family() -> Result<(), Failed> {
    // Most of it is waiting: several labs beside each other.
    let some = [
        ["F01", "F02", "F16", "R01", "R02"],
        ["R03", "R04", "R10", "N02", "A02"],
        ["A03", "C08", "S07", "S08", "S09"],
        ["T01", "A01", "A05", "A06", "N06"],
        ["F04", "F05", "F12", "S03", "S06"],
    ];
    thread::scope(|scope| {
        let running = some.map(|ids| scope.spawn(move || in_ipv6(&ids)));
        running.into_iter().try_for_each(|r| r.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Makes faults in a lab without IPv4, one after the other.
fn in_ipv6(ids: &[&str]) -> Result<(), Failed> {
    let text = include_str!("../../../scenarios/labs/ipv6-only.yaml");
    let lab = Lab::of(Topology::parse("ipv6-only.yaml", text)?.renamed(&support::name())?)?;
    for &id in ids {
        let broken = plumb_lab::break_(&lab.name, id, None)?;
        let flow = &broken.flow;
        let connections = if flow.outcome == Outcome::Intermittent { 30 } else { 1 };
        let slow = flow.outcome == Outcome::Unreachable;
        let patience = Duration::from_millis(if slow { 10_000 } else { 1500 });
        let options = ProbeOptions { connections, patience, ..support::options() };
        let seen = plumb_lab::probe(&lab.name, &flow.from, &flow.to, &options)?.outcome;
        assert!(flow.to.starts_with('['), "{id}: {}", flow.to);
        assert_eq!(seen, flow.outcome, "{id}: {}", broken.fault.effect);
        plumb_lab::heal(&lab.name, Some(id))?;
        assert_eq!(lab.settled(&flow.from, &flow.to)?, Outcome::Connects, "after healing {id}");
    }
    // What IPv6 does not have is refused with a reason.
    let error = plumb_lab::break_(&lab.name, "N04", None).unwrap_err().to_string();
    assert!(error.contains("N04 cannot be made here") && error.contains("no ipv4 address"), "{error}");
    Ok(())
}

/// What mends a dead listener can be typed, and healing afterwards is no error.
fn a_missing_listener_has_a_command() -> Result<(), Failed> {
    let lab = Lab::standard()?;
    plumb_lab::break_(&lab.name, "T01", Some("pod:default/redis-1"))?;
    let namespace = format!("{}-default-redis-1", lab.name);
    let command = plumb_lab::start_command(&namespace, "tcp 10.244.2.4:6379").unwrap();
    let expected = format!("plumb lab listen --lab {} pod:default/redis-1 6379 --protocol tcp", lab.name);
    assert_eq!(command, expected);
    assert_eq!(plumb_lab::start_command(&format!("{}-node-1", lab.name), "tcp *:1"), None);
    plumb_lab::listen(
        &lab.name,
        "pod:default/redis-1",
        Some(Manner::default()),
        (Protocol::TCP, None),
        None,
        6379,
    )?;
    assert_eq!(lab.probe("client-0", "redis-1")?.outcome, Outcome::Connects);
    plumb_lab::heal(&lab.name, None)?;
    assert_eq!(lab.probe("client-0", "redis-1")?.outcome, Outcome::Connects);
    Ok(())
}

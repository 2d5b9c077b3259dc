//! How fast it is: `make bench`, or `cargo run --release -p plumb-tests --bin bench -- [read] [walk] [lab]` for some of
//! the rows (`lab` needs `cargo build --release -p plumb`). Makes namespaces of its own; takes root.
//!
//! Each row stands beside what the bare kernel or the usual tools take for the same. Times are the median of some
//! runs, in brackets the fastest and the slowest.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use plumb_kernel::Options;
use plumb_model::Snapshot;
use plumb_tests::binary::Plumb;
use plumb_tests::lab::Lab;
use plumb_tests::netns::{self, Namespace};
use plumb_tests::times::{Times, row};
use plumb_tests::{Failure, Result, shell};
use plumb_trace::session::{Flow, Origin, Transport};
use plumb_trace::{Network, Walker};

/// Namespaces of the large snapshot.
const NAMESPACES: usize = 50;
/// nftables rules in each.
const RULES: usize = 1000;
/// Rules on the way of the walked packets.
const WALKED: usize = 100;
/// Diagnoses of the lab.
const DIAGNOSES: usize = 100;
/// Rows by the word that asks for them.
const GROUPS: [&str; 3] = ["read", "walk", "lab"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn failed<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> Failure {
    let what = what.to_owned();
    move |e| Failure::Agent { what: what.clone(), why: e.to_string() }
}

fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = cpuinfo.lines().filter(|l| l.starts_with("processor")).count();
    let load = read("/proc/loadavg");
    println!(
        "{} × {}, Linux {}, load {} when it began\n",
        cores,
        model.trim_start_matches([':', ' ', '\t']),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or("?")
    );
}

/// `RULES` rules as a node's look: some chains, addresses, ports, counters.
fn many_rules() -> String {
    let mut text = String::from("table inet bench {\n");
    for c in 0..10 {
        text.push_str(&format!("chain c{c} {{\n"));
        for r in 0..RULES / 10 {
            let (a, b) = (r % 250, 1000 + r);
            text.push_str(&format!("ip saddr 10.{c}.{a}.0/24 tcp dport {b} ct state new counter accept\n"));
        }
        text.push_str("}\n");
    }
    text.push_str("}\n");
    text
}

/// A forward chain whose last rule but the policy is the one that matches.
fn walked_rules() -> String {
    let mut text = String::from(
        "table ip bench {\nchain forward {\ntype filter hook forward priority 0; policy accept;\n",
    );
    for r in 1..WALKED {
        text.push_str(&format!("ip saddr 10.9.{}.0/24 tcp dport {} counter drop\n", r % 250, 2000 + r));
    }
    text.push_str("ip saddr 10.77.1.0/24 counter accept\n}\n}\n");
    text
}

fn load(namespace: &str, text: &str) -> Result<()> {
    let mut child = Command::new("ip")
        .args(["netns", "exec", namespace, "nft", "-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(Failure::io("starting nft"))?;
    if let Some(mut stdin) = child.stdin.take() {
        use std::io::Write;
        stdin.write_all(text.as_bytes()).map_err(Failure::io("writing to nft"))?;
    }
    let status = child.wait().map_err(Failure::io("waiting for nft"))?;
    if status.success() { Ok(()) } else { Err(failed("load rules")(status)) }
}

fn run() -> Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(word) = asked.iter().find(|w| !GROUPS.contains(&w.as_str())) {
        let why = format!("there is no such group of rows; there are {}", GROUPS.join(", "));
        return Err(Failure::Agent { what: format!("bench {word}"), why });
    }
    netns::need_root()?;
    machine();
    println!("| what | Plumb | beside it |\n|---|---|---|");
    for (group, rows) in GROUPS.into_iter().zip([large, walks, lab]) {
        if asked.is_empty() || asked.iter().any(|w| w == group) {
            rows()?;
        }
    }
    Ok(())
}

/// From a question to its answer, the process and all: a rule drops what a node forwards.
fn lab() -> Result<()> {
    let lab = Lab::up(Plumb::find()?)?;
    lab.break_("F01", "pod:default/web-0")?;
    let from = format!("netns:{}", lab.pod("client-1"));
    let times =
        Times::of(DIAGNOSES, || lab.diagnose(&from, "10.244.1.3:8080", 1).map(|o| drop(black_box(o))))?;
    row(
        "a diagnosis from question to answer, a lab of 3 nodes and 12 pods (target 250 ms)",
        &format!("{}, p99 {}", times.show(), times.percentile(99)),
        "",
    );
    Ok(())
}

fn large() -> Result<()> {
    let prefix = netns::unique_prefix();
    let names: Vec<String> = (0..NAMESPACES).map(|n| format!("{prefix}{n}")).collect();
    let namespaces = names.iter().map(|n| Namespace::create(n.clone())).collect::<Result<Vec<_>>>()?;
    let rules = many_rules();
    load(&names[0], &rules)?;
    let options = Options { only: Some(names.clone()), ..Options::default() };
    let read = || plumb_kernel::snapshot(&options).map_err(failed("read the namespaces"));
    let list = || {
        for name in &names {
            let listing = "nft list ruleset; ip -d link; ip addr; ip route show table all; \
                ip -6 route show table all; ip rule; ip neigh; ss -tuanp";
            shell::run(
                "listing a namespace",
                &format!("ip netns exec \"$name\" bash -c '{listing}' > /dev/null"),
                &[("name".into(), name.clone())],
            )?;
        }
        Ok(())
    };
    let both = |what: &str| -> Result<()> {
        let times = Times::of(9, || read().map(|s| drop(black_box(s))))?;
        let tools = Times::of(3, list)?;
        row(what, &times.show(), &format!("nft list, ip, ss in each: {}", tools.show()));
        Ok(())
    };
    both(&format!("read {NAMESPACES} namespaces, {RULES} nftables rules in one (target 300 ms)"))?;
    for name in &names[1..] {
        load(name, &rules)?;
    }
    both(&format!("read {NAMESPACES} namespaces with {RULES} nftables rules each"))?;

    let mut dumps: Vec<plumb_kernel::NamespaceWriter> = names
        .iter()
        .map(|n| plumb_kernel::NamespaceWriter::open(format!("/run/netns/{n}")))
        .collect::<plumb_kernel::Result<_>>()
        .map_err(failed("open netlink"))?;
    let dump = Times::of(9, || {
        for writer in &mut dumps {
            black_box(writer.ruleset().map_err(failed("read a ruleset"))?);
        }
        Ok(())
    })?;
    row("… of that the rulesets alone, one after the other on one thread", &dump.show(), "");

    let snapshot = read()?;
    let compile = Times::of(9, || {
        black_box(Network::compile(&snapshot));
        Ok(())
    })?;
    row("compile that snapshot for walking", &compile.show(), "");
    let mut file = Vec::new();
    let write = Times::of(5, || {
        file.clear();
        snapshot.write_to(&mut file).map_err(failed("write the snapshot"))
    })?;
    row(&format!("write it to a file ({} KB)", file.len() / 1024), &write.show(), "");
    let back = Times::of(5, || {
        black_box(Snapshot::read_from(file.as_slice()).map_err(failed("read the snapshot"))?);
        Ok(())
    })?;
    row("read it from the file", &back.show(), "");
    drop(namespaces);
    Ok(())
}

fn walks() -> Result<()> {
    let mut net = plumb_tests::fuzz::Network::build()?;
    let names = net.names().to_vec();
    load(&names[1], &walked_rules())?;
    let options = Options { only: Some(names.clone()), ..Options::default() };
    let snapshot = plumb_kernel::snapshot(&options).map_err(failed("read the namespaces"))?;
    let compiled = Network::compile(&snapshot);
    let client = snapshot.namespaces.iter().position(|n| n.name == names[0]).unwrap_or(0);
    let flow = |transport, port| Flow {
        origin: Origin::Process { ns: client, source: None },
        transport,
        dst: IpAddr::V4(Ipv4Addr::new(10, 77, 2, 2)),
        port,
        source_port: Some(40_000),
        uid: 0,
        gid: 0,
        connections: 1,
        bytes: None,
    };
    for (what, transport, port) in [("TCP", Transport::Tcp, 80), ("UDP", Transport::Udp, 53)] {
        for record in [false, true] {
            const RUNS: u32 = 20_000;
            let asked = flow(transport, port);
            let walker = Walker::new(&compiled, record);
            let began = Instant::now();
            for _ in 0..RUNS {
                black_box(plumb_trace::session::attempt(&walker, &asked));
            }
            let each = began.elapsed() / RUNS;
            let walks = 2.0 / each.as_secs_f64();
            let kept = if record { ", steps kept" } else { "" };
            row(
                &format!(
                    "{what} attempt through {WALKED} rules, there and back{kept} (target 100,000 walks/s)"
                ),
                &format!("{:.2} µs, {walks:.0} walks/s on one core", each.as_secs_f64() * 1e6),
                if transport == Transport::Udp && !record { "" } else { " " },
            );
        }
    }
    let kernel = net.kernel_round_trips(20_000)?;
    row(
        "the kernel: one datagram there and back, through the same rules",
        "",
        &format!("{:.2} µs", kernel.as_secs_f64() * 1e6),
    );
    Ok(())
}

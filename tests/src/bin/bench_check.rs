//! How long `plumb check` takes: a lab, a node with many pods, a hundred nodes. Part of `make bench`; takes root and the
//! release build of `plumb`. Times are of the whole process, from its start to its answer.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::BufWriter;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::Duration;

use plumb_tests::binary::{Output, Plumb};
use plumb_tests::cluster;
use plumb_tests::lab::Lab;
use plumb_tests::times::{Times, row};
use plumb_tests::{Failure, Result, netns, shell};

/// Pods of the node that is checked live.
const PODS: usize = 100;
/// Rules that each of its packets passes.
const RULES: usize = 1000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    netns::need_root()?;
    let plumb = Plumb::find()?;
    println!("| what | Plumb | beside it |\n|---|---|---|");
    let lab = Lab::up(plumb.clone())?;
    let pattern = format!("{}-*", lab.name());
    let arguments = ["check", "--netns", &pattern, "-o", "json"];
    let times = Times::of(20, || answered(&plumb, &arguments, 0))?;
    row("all pairs of a lab of 3 nodes and 12 pods, and its state (target 300 ms)", &times.show(), "");
    drop(lab);

    let folder = tempfile::tempdir().map_err(Failure::io("making a folder"))?;
    let file = |name: &str| folder.path().join(name).display().to_string();
    let topology = file("topology.yaml");
    fs::write(&topology, one_node(PODS)).map_err(Failure::io("writing a topology"))?;
    let lab = Lab::of(plumb.clone(), &topology)?;
    let (node, pattern) = (format!("{}-node-1", lab.name()), format!("{}-*", lab.name()));
    shell::run("loading rules", &format!("ip netns exec {node} nft -f - <<'END'\n{}END", rules(RULES)), &[])?;
    let whole = Times::of(9, || answered(&plumb, &["check", "--netns", &pattern, "-o", "json"], 0))?;
    let reading =
        Times::of(9, || answered(&plumb, &["snapshot", "--netns", &pattern, "-o", &file("live")], 0))?;
    row(
        "a live node with 100 pods and 1,000 rules (target 2 s)",
        &whole.show(),
        &format!("reading and writing it down alone: {}", reading.show()),
    );
    drop(lab);

    let write = |name: &str, snapshot: &plumb_model::Snapshot| {
        let out = File::create(file(name)).map_err(Failure::io("writing a snapshot"))?;
        let failed = |e: plumb_model::FileError| Failure::Agent { what: name.to_owned(), why: e.to_string() };
        snapshot.write_to(BufWriter::new(out)).map_err(failed)
    };
    write("one", &cluster::node_with_rules(1, 1, 100, 1000))?;
    let one = file("one");
    let times = Times::of(9, || answered(&plumb, &["check", &one, "-o", "json"], 0))?;
    row(
        "the snapshot of a node with 100 pods and 1,000 rules (target 2 s, reading included)",
        &times.show(),
        "",
    );

    let (nodes, pods) = (100, 50);
    let mut all = vec!["check".to_owned(), "-o".to_owned(), "json".to_owned()];
    for n in 1..=nodes {
        let name = format!("node-{n}");
        write(&name, &cluster::node(n, nodes, pods))?;
        all.push(file(&name));
    }
    let arguments: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut peak = 0;
    let times = Times::of(3, || {
        peak = peak.max(watched(&plumb, &arguments)?);
        Ok(())
    })?;
    row(
        "100 nodes with 50 pods, every pair (target 30 s and 2 GB)",
        &format!("{}, {peak} MB at most", times.show()),
        "25.5 million pairs",
    );
    fs::remove_dir_all(folder.path()).map_err(Failure::io("removing the folder"))
}

/// A topology of one node with so many pods that serve.
fn one_node(pods: usize) -> String {
    let pod = |n| {
        format!("  - {{ name: p{n}, node: node-1, ports: [{{ name: http, port: 8080, protocol: http }}] }}\n")
    };
    let network = "network: { kind: bridge, pod_ranges: [10.244.0.0/16], underlay: [172.18.0.0/24] }";
    let pods: String = (0..pods).map(pod).collect();
    format!("name: large\nnodes: [{{ name: node-1 }}]\n{network}\npods:\n{pods}")
}

/// So many rules on the way of what is forwarded, none of which is about any pod.
fn rules(count: usize) -> String {
    let rule = |n| format!("  ip saddr 198.51.{}.{} tcp dport 8080 counter drop\n", n / 250, n % 250 + 1);
    let rules: String = (0..count).map(rule).collect();
    format!(
        "table inet large {{\n chain forward {{\n  type filter hook forward priority 10\n{rules} }}\n}}\n"
    )
}

fn answered(plumb: &Plumb, arguments: &[&str], status: i32) -> Result<()> {
    let output: Output = plumb.run_plain(arguments)?;
    if output.status != Some(status) {
        let why = format!("exit {:?}: {}{}", output.status, output.stdout_text(), output.stderr);
        return Err(Failure::Agent { what: "plumb check".into(), why });
    }
    drop(black_box(output));
    Ok(())
}

/// Runs it and gives the most memory that it held, in megabytes (`VmHWM` of /proc/PID/status, looked at again and again).
fn watched(plumb: &Plumb, arguments: &[&str]) -> Result<u64> {
    let mut child = Command::new(plumb.path())
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .map_err(Failure::io("starting plumb"))?;
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kilobytes = status
            .lines()
            .find_map(|l| l.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) / 1024);
        if let Some(status) = child.try_wait().map_err(Failure::io("waiting for plumb"))? {
            let why = format!("{status}");
            return if status.success() {
                Ok(peak)
            } else {
                Err(Failure::Agent { what: "plumb check".into(), why })
            };
        }
        sleep(Duration::from_millis(10));
    }
}

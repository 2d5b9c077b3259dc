//! The proxy as a process: killed in the middle, wrong manifests, somebody else's changes.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plumb_tests::binary::Plumb;
use plumb_tests::netns::{self, Namespace};
use plumb_tests::services::{cluster_ip, endpoints, failed, service, slice};
use plumb_tests::{Failure, Result};
use serde_json::{Value, json};

/// How long anything may take that should take less than a second.
const DEADLINE: Duration = Duration::from_secs(20);

struct Bed {
    plumb: Plumb,
    namespace: Namespace,
    folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Result<Self> {
        netns::need_root()?;
        Ok(Self {
            plumb: Plumb::find()?,
            namespace: Namespace::create(format!("{}node", netns::unique_prefix()))?,
            folder: tempfile::tempdir().map_err(Failure::io("making a folder"))?,
        })
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace.name()]).arg(program).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn proxy(&self, arguments: &[&str]) -> Command {
        let mut command =
            self.command(self.plumb.path(), &["proxy", "--hostname-override", self.namespace.name()]);
        command.arg("--manifests").arg(self.folder.path()).args(arguments);
        command
    }

    /// Exit status, stdout and stderr of a command.
    fn run(&self, mut command: Command) -> Result<(Option<i32>, String)> {
        let output = command.output().map_err(Failure::io("running a command"))?;
        let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        Ok((output.status.code(), text))
    }

    fn start(&self) -> Result<Running> {
        let mut command = self.proxy(&[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Running(command.spawn().map_err(Failure::io("starting a proxy"))?))
    }

    /// A proxy that serves one Service with so many endpoints.
    fn serving(&self, count: u32) -> Result<Running> {
        self.write("web.json", &manifest(0, count)?)?;
        let running = self.start()?;
        self.wait("the first sync", || self.has_endpoints(count as usize))?;
        Ok(running)
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        std::fs::write(self.folder.path().join(file), text).map_err(Failure::io("writing a manifest"))
    }

    fn nft(&self, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        self.run(self.command(Path::new("nft"), arguments))
    }

    /// Whether the kernel has so many endpoints of the first Service.
    fn has_endpoints(&self, count: usize) -> Result<bool> {
        let (code, text) = self.nft(&["list", "map", "ip", "plumb", "endpoints"])?;
        Ok(code == Some(0) && text.matches(&cluster_ip(0).to_string()).count() == count)
    }

    fn wait(&self, what: &str, so: impl Fn() -> Result<bool>) -> Result<Duration> {
        let began = Instant::now();
        while !so()? {
            if began.elapsed() > DEADLINE {
                return Err(Failure::Agent { what: what.into(), why: "it did not come to pass".into() });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(began.elapsed())
    }
}

/// A proxy that is killed when this goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn manifest(number: u32, count: u32) -> Result<String> {
    let objects = [
        plumb_api::Object::Service(service(number, json!({}))?),
        plumb_api::Object::EndpointSlice(slice(number, &endpoints(number, count))?),
    ];
    let items =
        objects.iter().map(plumb_api::Object::to_json).collect::<std::result::Result<Vec<Value>, _>>();
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items.map_err(failed("writing"))?}).to_string())
}

#[test]
fn killed_in_the_middle_it_leaves_all_or_nothing_and_the_next_start_makes_it_whole() -> Result<()> {
    all_or_nothing(300, 40)
}

/// So many that a new table is filled in steps.
#[test]
fn killed_while_it_fills_a_large_table_it_leaves_nothing_that_packets_meet() -> Result<()> {
    all_or_nothing(1500, 150)
}

fn all_or_nothing(services: u32, pause: u64) -> Result<()> {
    let bed = Bed::new()?;
    for number in 0..services {
        bed.write(&format!("{number}.json"), &manifest(number, 3)?)?;
    }
    for round in 0..8u64 {
        let running = bed.start()?;
        std::thread::sleep(Duration::from_millis(pause * round));
        drop(running);
        // Where packets meet the table, all Services are in it.
        let (code, _) = bed.nft(&["list", "chain", "ip", "plumb", "nat-prerouting"])?;
        let (_, text) = bed.nft(&["list", "set", "ip", "plumb", "cluster-frontends"])?;
        let held = text.matches(". tcp . 80").count();
        assert!(code != Some(0) || held == services as usize, "round {round}: {held} of {services}");
    }
    assert_eq!(bed.run(bed.proxy(&["--once"]))?, (Some(0), String::new()));
    assert_eq!(bed.run(bed.proxy(&["--dry-run"]))?, (Some(0), String::new()));
    Ok(())
}

#[test]
fn a_wrong_manifest_is_named_and_the_last_good_state_stays() -> Result<()> {
    let bed = Bed::new()?;
    bed.write("web.json", &manifest(0, 3)?)?;
    assert_eq!(bed.run(bed.proxy(&["--dry-run"]))?.0, Some(1));
    let odd = manifest(0, 3)?.replace("\"clusterIP\"", "\"healthCheckNodePort\":30009,\"clusterIP\"");
    bed.write("web.json", &odd)?;
    for (lang, words) in [("en", "only for type LoadBalancer"), ("zh", "仅用于 LoadBalancer 类型")] {
        let (code, text) = bed.run(bed.proxy(&["--dry-run", "--lang", lang]))?;
        assert!(
            code == Some(1) && text.contains(words) && text.contains("spec.healthCheckNodePort"),
            "{text}"
        );
    }
    let _running = bed.serving(3)?;
    bed.write("web.json", "{\"apiVersion\": \"v1\",\n  \"kind\": }")?;
    // Another file after it: when that is in force, the wrong one was seen too.
    bed.write("zz.json", &manifest(1, 2)?)?;
    bed.wait("the other Service", || {
        Ok(bed.nft(&["list", "map", "ip", "plumb", "endpoints"])?.1.contains(&cluster_ip(1).to_string()))
    })?;
    assert!(bed.has_endpoints(3)?, "the Service of the wrong manifest is gone");
    let (code, text) = bed.run(bed.proxy(&["--once"]))?;
    assert_eq!(code, Some(2));
    assert!(text.contains("web.json:2:"), "no line and column: {text}");
    assert!(bed.has_endpoints(3)?);
    bed.write("web.json", &manifest(0, 2)?)?;
    bed.wait("the mended manifest", || bed.has_endpoints(2))?;
    std::fs::remove_file(bed.folder.path().join("web.json")).map_err(Failure::io("removing a manifest"))?;
    bed.wait("the removal", || bed.has_endpoints(0))?;
    Ok(())
}

#[test]
fn a_single_element_that_somebody_takes_comes_back_each_time() -> Result<()> {
    let bed = Bed::new()?;
    let _running = bed.serving(3)?;
    for slot in [1, 2, 0] {
        let element = format!("{{ {} . tcp . 80 . {slot} }}", cluster_ip(0));
        assert_eq!(bed.nft(&["delete", "element", "ip", "plumb", "endpoints", &element])?.0, Some(0));
        bed.wait("the repair", || bed.has_endpoints(3))?;
    }
    Ok(())
}

#[test]
fn a_foreign_flush_is_mended_and_a_foreign_table_left_alone() -> Result<()> {
    let bed = Bed::new()?;
    let _running = bed.serving(3)?;
    for _ in 0..3 {
        bed.nft(&["flush", "ruleset"])?;
        bed.nft(&["add", "table", "ip", "other"])?;
        bed.wait("the repair", || bed.has_endpoints(3))?;
        assert_eq!(bed.nft(&["list", "table", "ip", "other"])?.0, Some(0));
    }
    let mut status = bed.command(bed.plumb.path(), &["proxy", "status", "--hostname-override"]);
    status.args([bed.namespace.name(), "-o", "json"]);
    let (code, text) = bed.run(status)?;
    let status: Value = serde_json::from_str(&text).map_err(failed("reading the status"))?;
    assert_eq!((code, &status["failed_runs"], &status["frontends"]), (Some(0), &json!(0), &json!(1)));
    drop(_running);
    assert_eq!(bed.run(bed.proxy(&["--cleanup"]))?.0, Some(0));
    assert_ne!(bed.nft(&["list", "table", "ip", "plumb"])?.0, Some(0));
    assert_eq!(bed.nft(&["list", "table", "ip", "other"])?.0, Some(0));
    Ok(())
}

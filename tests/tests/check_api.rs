//! Objects from an API: a lab's own gives what the lab's topology gives, and what cannot be read is no silence.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::{Path, PathBuf};

use plumb_model::Snapshot;
use plumb_tests::binary::{Output, Plumb};
use plumb_tests::lab::Lab;
use serde_json::{Value, json};

struct Bed {
    plumb: Plumb,
    lab: Lab,
    folder: tempfile::TempDir,
}

impl Bed {
    fn up() -> Self {
        let plumb = Plumb::find().unwrap();
        let lab = Lab::up(plumb.clone()).unwrap();
        let bed = Self { plumb, lab, folder: tempfile::tempdir().unwrap() };
        bed.kubeconfig("good", "http://127.0.0.1:6443");
        bed.kubeconfig("nobody", "http://127.0.0.1:1");
        bed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kubeconfig(&self, name: &str, server: &str) {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {name}\ncontexts: [{{name: {name}, context: {{cluster: lab, user: me}}}}]\n\
             clusters: [{{name: lab, cluster: {{server: '{server}'}}}}]\nusers: [{{name: me, user: {{}}}}]\n"
        );
        std::fs::write(self.path(name), text).unwrap();
    }

    fn pattern(&self) -> String {
        format!("{}-*", self.lab.name())
    }

    /// The lab as a file that knows no names of pods and nodes: addresses alone tell them.
    fn nameless(&self) -> PathBuf {
        let path = self.path("lab.plumb");
        let run = self.plumb.run_plain(&["snapshot", "--netns", &self.pattern(), "-o", text(&path)]).unwrap();
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        let mut snapshot = Snapshot::read_from(File::open(&path).unwrap()).unwrap();
        for n in &mut snapshot.namespaces {
            n.owner = None;
        }
        snapshot.write_to(File::create(&path).unwrap()).unwrap();
        path
    }

    /// With the lab's API, which answers in its nodes' namespaces.
    fn with_api(&self, args: &[&str]) -> Output {
        let node = format!("{}-node-1", self.lab.name());
        let binary = self.plumb.path().to_str().unwrap().to_owned();
        let mut all = vec!["ns", "exec", &node, "--", &binary];
        all.extend(args);
        self.plumb.run_plain(&all).unwrap()
    }

    fn check(&self, snapshot: &Path) -> (Option<i32>, Value) {
        let good = self.path("good");
        let output = self.with_api(&["check", text(snapshot), "--kubeconfig", text(&good), "-o", "json"]);
        (
            output.status,
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", output.stderr)),
        )
    }

    /// By the lab's own topology.
    fn by_topology(&self) -> (Option<i32>, Value) {
        let output = self.plumb.run_plain(&["check", "--netns", &self.pattern(), "-o", "json"]).unwrap();
        (output.status, serde_json::from_slice(&output.stdout).unwrap())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Id and place of each finding, with who is affected.
fn findings(report: &Value) -> Vec<String> {
    let all = report["findings"].as_array().unwrap().iter();
    let mut all: Vec<String> =
        all.map(|f| format!("{} {} {} {}", f["id"], f["place"], f["affects"], f["pairs"]["first"])).collect();
    all.sort();
    all
}

#[test]
fn the_api_tells_what_the_topology_tells() {
    let bed = Bed::up();
    let healthy = bed.check(&bed.nameless());
    assert_eq!((healthy.0, findings(&healthy.1)), (Some(0), Vec::new()), "{}", healthy.1["unknowns"]);
    assert_eq!(healthy.1["scope"]["yardstick"][0], "objects");
    let pairs = |report: &Value| report["scope"]["pairs"].as_u64().unwrap();
    // All that the topology asks for but the machine outside, which no object names.
    let by_topology = bed.by_topology();
    assert!(
        pairs(&healthy.1) >= 480 && pairs(&healthy.1) <= pairs(&by_topology.1),
        "{} {}",
        healthy.1["scope"],
        by_topology.1["scope"]
    );
    for (fault, target) in [("T01", "pod:default/web-1"), ("F01", "pod:default/web-1")] {
        bed.lab.break_(fault, target).unwrap();
        let (ours, theirs) = (bed.check(&bed.nameless()), bed.by_topology());
        assert_eq!(ours.0, Some(1), "{fault}");
        assert_eq!(
            ids(&ours.1),
            ids(&theirs.1),
            "{fault}: {:#?} {:#?}",
            findings(&ours.1),
            findings(&theirs.1)
        );
        bed.lab.heal().unwrap();
    }
    // Names lead through the API as well, also as FROM, and for a file that knows none.
    let (file, good) = (bed.nameless(), bed.path("good"));
    let ask = |from: &str, to: &str, config: &Path| {
        bed.with_api(&[
            "diagnose",
            from,
            to,
            "--snapshot",
            text(&file),
            "--kubeconfig",
            text(config),
            "-o",
            "json",
        ])
    };
    let asked = ask("pod:default/client-0", "svc:kube-system/kube-dns:dns-tcp", &good);
    let report: Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
    assert_eq!((asked.status, &report["outcome"]), (Some(0), &json!("connects")), "{}", asked.stderr);
    let nobody = ask("pod:default/client-0", "svc:kube-system/kube-dns:dns-tcp", &bed.path("nobody"));
    let said = nobody.stderr.replace(['\n', '│', ' '], "");
    assert!(
        nobody.status == Some(3) && said.contains("http://127.0.0.1:1"),
        "{:?} {}",
        nobody.status,
        nobody.stderr
    );
    assert!(nobody.stdout.is_empty());
    // Another cluster's objects say nothing about this machine: told, not taken for a plain host that is well.
    let mut foreign = Snapshot::read_from(File::open(&file).unwrap()).unwrap();
    foreign.namespaces.truncate(0);
    let empty = bed.path("empty.plumb");
    foreign.write_to(File::create(&empty).unwrap()).unwrap();
    let (status, report) = bed.check(&empty);
    assert_eq!(status, Some(3), "{report}");
    assert!(report["scope"]["not_covered"].to_string().contains("of this API"), "{report}");
}

/// What is wrong and where. Whom it breaks differs by the ports that only a topology says a pod serves.
fn ids(report: &Value) -> Vec<String> {
    let all = report["findings"].as_array().unwrap().iter();
    let mut all: Vec<String> = all.map(|f| format!("{} {}", f["id"], f["place"])).collect();
    all.sort();
    all
}

#[test]
fn an_account_without_rights_is_no_silence() {
    let bed = Bed::up();
    let file = bed.nameless();
    // A server in the root namespace that refuses everything.
    let server = plumb_tests::refusing::Refusing::start().unwrap();
    bed.kubeconfig("refused", &server.address());
    let refused = bed.path("refused");
    let args = ["check", text(&file), "--kubeconfig", text(&refused), "-o", "json"];
    let output = bed.plumb.run_plain(&args).unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status, Some(3), "{}", output.stderr);
    let not_covered = report["scope"]["not_covered"].to_string();
    for word in ["networkpolicies.networking.k8s.io", "/api/v1/pods", "HTTP 403"] {
        assert!(
            not_covered.contains(word)
                && output.stderr.replace(['\n', '│', ' '], "").contains(&word.replace(' ', "")),
            "{word}: {not_covered} {}",
            output.stderr
        );
    }
    let chinese =
        bed.plumb.run_plain(&["--lang", "zh", "check", text(&file), "--kubeconfig", text(&refused)]).unwrap();
    assert_eq!(chinese.status, Some(3));
    assert!(chinese.stderr.contains("权限"), "{}", chinese.stderr);
}

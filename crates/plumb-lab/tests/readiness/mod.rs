//! Pods that are not ready, and pods whose readiness follows a port, up to the answers that clients of their Service get.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use plumb_lab::{Outcome, ProbeOptions, Topology};
use serde_json::Value;

use super::support::{self, Lab};

/// The Service.
const WEB: &str = "10.97.0.10:80";
/// A probe a second, and what follows from it.
const PATIENCE: Duration = Duration::from_secs(20);

fn topology(name: &str) -> Result<Topology, Failed> {
    let text = format!(
        "name: {name}\nnodes: [{{name: n}}, {{name: m}}]\nnetwork: {{pod_ranges: [10.244.0.0/16]}}\npods:\n\
         - {{name: client, node: n}}\n\
         - {{name: probed, node: m, labels: {{app: web}}, ports: [{{port: 8080}}], readiness: 8080}}\n\
         - {{name: never, node: m, labels: {{app: web}}, ports: [{{port: 8080}}], ready: false}}\n\
         - {{name: always, node: n, labels: {{app: web}}, ports: [{{port: 8080}}]}}\n\
         - {{name: elsewhere, node: n, labels: {{app: web}}, ports: [{{port: 8080}}], readiness: 9}}\n\
         manifests:\n\
         - {{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: default}}, spec: {{clusterIP: 10.97.0.10, \
         selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}}}\n"
    );
    Ok(Topology::parse("readiness", &text)?)
}

/// The pods that EndpointSlices call ready, as the API on a node tells.
fn ready(lab: &str) -> Result<BTreeSet<String>, Failed> {
    let text = plumb_kernel::in_namespace(format!("/run/netns/{lab}-n"), || -> std::io::Result<String> {
        let mut stream = TcpStream::connect("127.0.0.1:6443")?;
        stream.write_all(b"GET /apis/discovery.k8s.io/v1/endpointslices HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    })??;
    let list: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap_or_default())?;
    let slices = list["items"].as_array().into_iter().flatten();
    let ends = slices.flat_map(|s| s["endpoints"].as_array().into_iter().flatten());
    let ready = ends.filter(|e| e["conditions"]["ready"] == true);
    Ok(ready.filter_map(|e| e["targetRef"]["name"].as_str()).map(str::to_owned).collect())
}

/// Who answers for the Service, and how that ends.
fn answers(lab: &str) -> Result<(Outcome, BTreeSet<String>), Failed> {
    let options = ProbeOptions { connections: 30, ..support::options() };
    let report = plumb_lab::probe(lab, "client", WEB, &options)?;
    let servers = report.attempts.iter().filter_map(|a| a.answer.as_ref()).map(|a| a.server.clone());
    Ok((report.outcome, servers.collect()))
}

fn wait(what: &str, so: impl Fn() -> Result<bool, Failed>) -> Result<(), Failed> {
    let until = Instant::now() + PATIENCE;
    while !so()? {
        if Instant::now() > until {
            return Err(format!("{what}: it did not come to pass").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

pub(crate) fn readiness_follows_the_port() -> Result<(), Failed> {
    let lab = Lab::of(topology(&support::name())?)?;
    // Probed before the lab was called up.
    assert_eq!(ready(&lab.name)?, set(&["always", "probed"]));
    let both = (Outcome::Connects, set(&["default/always", "default/probed"]));
    wait("both endpoints", || Ok(answers(&lab.name)? == both))?;

    plumb_lab::break_(&lab.name, "T01", Some("pod:default/probed"))?;
    wait("the dead one out", || Ok(ready(&lab.name)? == set(&["always"])))?;
    wait("the other one alone", || Ok(answers(&lab.name)? == (Outcome::Connects, set(&["default/always"]))))?;
    plumb_lab::heal(&lab.name, None)?;
    wait("it back", || Ok(ready(&lab.name)? == set(&["always", "probed"])))?;
    wait("both endpoints again", || Ok(answers(&lab.name)? == both))?;

    // Without a probe nobody looks: the endpoint stays, and is dead.
    plumb_lab::break_(&lab.name, "T01", Some("pod:default/always"))?;
    let (outcome, servers) = answers(&lab.name)?;
    assert_eq!((outcome, servers), (Outcome::Intermittent, set(&["default/probed"])));
    assert_eq!(ready(&lab.name)?, set(&["always", "probed"]));
    Ok(())
}

//! The lab's name servers, asked over UDP and TCP through the Service in front of them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use plumb_dns::{Found, Kind, Message, Rcode, addresses_of, query};
use plumb_kernel::{NamespaceHandle, probe};
use plumb_lab::Topology;
use plumb_model::Protocol;

use crate::support::{self, Lab};

const SERVER: &str = "10.97.0.53";
const PATIENCE: Duration = Duration::from_secs(20);

fn topology(name: &str) -> Result<Topology, Failed> {
    let text = format!(
        "name: {name}\nnodes: [{{name: n}}, {{name: m}}]\nnetwork: {{pod_ranges: [10.244.0.0/16]}}\npods:\n\
         - {{name: client, node: n}}\n\
         - {{name: web-0, node: n, labels: {{app: web}}, ports: [{{port: 8080}}]}}\n\
         - {{name: web-1, node: m, labels: {{app: web}}, ports: [{{port: 8080}}], readiness: 8080}}\n\
         - {{name: dns, namespace: kube-system, node: m, labels: {{k8s-app: dns}}, \
         ports: [{{port: 53, protocol: dns}}, {{port: 53, protocol: dns-tcp}}]}}\n\
         dns: {{servers: [{SERVER}]}}\n\
         nat_services: [{{name: made, addresses: [10.96.0.10], port: 80, endpoints: [\"web-0:8080\"]}}]\n\
         manifests:\n\
         - {{apiVersion: v1, kind: Service, metadata: {{name: kube-dns, namespace: kube-system}}, spec: {{clusterIP: {SERVER}, \
         selector: {{k8s-app: dns}}, ports: [{{name: dns, port: 53, protocol: UDP}}, {{name: dns-tcp, port: 53}}]}}}}\n\
         - {{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: default}}, spec: {{clusterIP: None, \
         selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}}}\n"
    );
    Ok(Topology::parse("names", &text)?)
}

/// What a client in the pod `client` is told.
fn ask(lab: &str, name: &str, protocol: Protocol) -> Result<Found, Failed> {
    let client = NamespaceHandle::open(format!("/run/netns/{lab}-default-client"))?;
    let question = query(77, name, Kind::A, None)?;
    let mut flow = probe::Flow::new(protocol, SERVER.parse::<IpAddr>()?, 53);
    let framed = u16::try_from(question.len())?.to_be_bytes().into_iter().chain(question.iter().copied());
    flow.payload = if protocol == Protocol::TCP { framed.collect() } else { question };
    let seen = probe::connect(&client, &flow, &probe::Patience::default())?;
    let skip = if protocol == Protocol::TCP { 2 } else { 0 };
    let reply = seen.reply.get(skip..).filter(|_| seen.connects).ok_or(format!("{seen:?}"))?;
    Ok(addresses_of(&Message::decode(reply)?, 77, name, Kind::A))
}

fn addresses(topology: &Topology, pods: &[&str]) -> BTreeSet<IpAddr> {
    pods.iter().flat_map(|p| topology.pod_addresses(topology.pod(p).unwrap())).collect()
}

fn found(found: &Found) -> BTreeSet<IpAddr> {
    if let Found::Addresses(all) = found { all.iter().copied().collect() } else { BTreeSet::new() }
}

pub(crate) fn a_labs_names() -> Result<(), Failed> {
    let topology = topology(&support::name())?;
    let lab = Lab::of(topology.clone())?;
    for protocol in [Protocol::UDP, Protocol::TCP] {
        let ask = |name: &str| ask(&lab.name, name, protocol);
        let both = addresses(&topology, &["default/web-0", "default/web-1"]);
        assert_eq!(found(&ask("web.default.svc.cluster.local")?), both);
        let kube_dns = ask("kube-dns.kube-system.svc.cluster.local")?;
        assert_eq!(kube_dns, Found::Addresses(vec![SERVER.parse()?]));
        let made = ask("made.default.svc.cluster.local")?;
        assert_eq!(made, Found::Addresses(vec!["10.96.0.10".parse()?]), "one made by hand");
        assert_eq!(ask("web.svc.cluster.local")?, Found::NoName);
        assert_eq!(ask("example.com")?, Found::Fails(Rcode::REFUSED));
    }
    // The pod's own resolver, and what the command line knows of the names.
    let resolvers = plumb_lab::resolvers();
    let client = plumb_kernel::NamespaceHandle::open(format!("/run/netns/{}-default-client", lab.name))?.id();
    let conf = resolvers.get(&client).and_then(plumb_model::Resolver::configuration).ok_or("no resolver")?;
    assert_eq!(conf.nameservers[0].address.to_string(), SERVER);
    assert_eq!((conf.search[0].as_str(), conf.options.ndots), ("default.svc.cluster.local", 5));
    let known = plumb_lab::cluster_names()?;
    let mine = known.iter().find(|k| k.members.contains(&client)).ok_or("no names")?;
    let web = mine.zone.addresses("web.default.svc.cluster.local").ok_or("not ours")?;
    assert_eq!(web.map_err(|e| format!("{e:?}"))?.len(), 2);

    // What is not ready any more has no name any more; what is again has.
    plumb_lab::break_(&lab.name, "T01", Some("pod:default/web-1"))?;
    let only = addresses(&topology, &["default/web-0"]);
    let name = "web.default.svc.cluster.local";
    wait("its name to go", || Ok(found(&ask(&lab.name, name, Protocol::UDP)?) == only))?;
    plumb_lab::heal(&lab.name, None)?;
    wait("its name to come back", || Ok(found(&ask(&lab.name, name, Protocol::UDP)?).len() == 2))?;
    Ok(())
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

//! What is wrong with how a namespace looks names up, as findings of a check.

use std::net::IpAddr;

use plumb_model::{NameServer, Protocol};
use plumb_trace::Network;
use plumb_trace::state::NsIndex;

use super::report::{CheckFinding, FoundBy, Severity};
use super::yardstick::{Member, Yardstick};
use crate::messages::{self, Lang};
use crate::names::resolve::file;
use crate::names::servers::written;
use crate::names::{DNS, NameFinding, state};
use crate::report::{Layer, Remedy};

/// Of every namespace that is looked at.
pub(super) fn findings(net: &Network, yardstick: &Yardstick, lang: Lang) -> Vec<CheckFinding> {
    let here = (0..net.snapshot.namespaces.len()).filter(|ns| yardstick.looks_at(*ns));
    let of = |ns| state::findings(net, ns).into_iter().chain(not_the_clusters(net, yardstick, ns));
    here.flat_map(of).map(|found| finding(found, lang)).collect()
}

/// D01: a Pod that searches the cluster's domains asks no server of the cluster for them.
fn not_the_clusters(net: &Network, yardstick: &Yardstick, ns: NsIndex) -> Option<state::Found> {
    let member = yardstick.member(ns)?;
    let resolver = state::own_files(net.snapshot, net.namespace(ns))?;
    let conf = resolver.conf.value()?;
    // As kubelets write it for `dnsPolicy: ClusterFirst`; with another policy nobody means to ask the cluster.
    if !conf.search.iter().any(|domain| domain.starts_with("svc.") || domain.contains(".svc.")) {
        return None;
    }
    let cluster = clusters(yardstick, member);
    let servers = state::own_servers(net.snapshot, net.namespace(ns));
    let is_its = |s: &IpAddr| {
        cluster.contains(s)
            || state::local_owner(net, ns, *s).is_some()
            || serves_names(yardstick, member, *s)
    };
    let first = conf.nameservers.first().filter(|_| !cluster.is_empty() && !servers.iter().any(is_its))?;
    Some(other_server(net, ns, &resolver.paths[0], first, &cluster))
}

/// Addresses of the cluster's Services for names.
fn clusters(yardstick: &Yardstick, member: &Member) -> Vec<IpAddr> {
    let names = yardstick.services.iter().filter(|s| (s.protocol, s.port) == (Protocol::UDP, DNS));
    names.filter(|s| s.cluster == member.cluster).map(|s| s.address).collect()
}

/// Whether a Pod of the cluster serves names at this address.
fn serves_names(yardstick: &Yardstick, member: &Member, address: IpAddr) -> bool {
    let pods = yardstick.members.iter().filter(|m| m.cluster == member.cluster && m.is_source);
    pods.into_iter().any(|m| m.serves.contains(&(address, Protocol::UDP, DNS)))
}

fn other_server(
    net: &Network,
    ns: NsIndex,
    path: &str,
    server: &NameServer,
    cluster: &[IpAddr],
) -> state::Found {
    let server = written(server);
    let place = file(net, ns, path, &format!("nameserver {server}"));
    let finding = NameFinding::NotTheClusters {
        namespace: net.namespace(ns).name.clone(),
        server,
        cluster: cluster.iter().map(IpAddr::to_string).collect(),
        path: path.to_owned(),
    };
    state::Found { finding, place }
}

pub(super) fn finding(found: state::Found, lang: Lang) -> CheckFinding {
    let f = &found.finding;
    let (severity, symptom) = match f {
        // Nobody asks the fourth: a mistake that hurts once the first three are gone.
        NameFinding::ServersBeyondThree { .. } => (Severity::Warning, "connects"),
        // Five dots are what every Pod has: it costs questions, not answers.
        NameFinding::SearchExplosion { .. } => (Severity::Info, "slow"),
        _ => (Severity::Error, "local_error"),
    };
    CheckFinding {
        fault: f.fault().map(str::to_owned),
        id: f.id().to_owned(),
        severity,
        symptom: symptom.to_owned(),
        place: found.place,
        layer: Layer::Dns,
        summary: messages::name_summary(lang, f),
        evidence: Vec::new(),
        effect: messages::name_effect(lang, f),
        affects: Vec::new(),
        remedy: vec![Remedy { advice: true, ..Remedy::of(messages::name_advice(lang, f)) }],
        pairs: None,
        found_by: FoundBy::State,
        path: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use plumb_model::{Namespace, NamespaceId, Owner, Read, ResolvConf, Resolver};

    use super::super::yardstick::ServiceTarget;
    use super::*;
    use crate::place::tests::snapshot;

    const OWN: &str = "search a.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

    /// What is found in a pod whose resolv.conf says this, where the cluster's server is 10.96.0.10.
    fn ids(conf: &str) -> Vec<String> {
        let mut n = Namespace::empty(NamespaceId(1), "pod-1");
        n.owner = Some(Owner::Pod { namespace: "a".into(), name: "pod-1".into(), node: "node-1".into() });
        n.resolver = Read::Got(Resolver {
            conf: Read::Got(ResolvConf::parse(conf).0),
            hosts: Read::Got(vec![]),
            order: Read::Absent { feature: "nsswitch.conf".into() },
            domain: None,
            paths: ["resolv.conf", "hosts", "nsswitch.conf"].map(|f| format!("/proc/7/root/etc/{f}")),
            odd: vec![],
            others: vec![],
        });
        let s = snapshot(vec![n]);
        let net = Network::compile(&s);
        let mut yardstick = Yardstick::of_snapshot(&net, None);
        yardstick.services.push(ServiceTarget {
            name: "svc:kube-system/kube-dns".into(),
            cluster: String::new(),
            address: "10.96.0.10".parse().unwrap(),
            protocol: Protocol::UDP,
            port: DNS,
            endpoints: BTreeSet::new(),
            only_from_nodes: None,
        });
        findings(&net, &yardstick, Lang::En).into_iter().map(|f| f.id).collect()
    }

    #[test]
    fn a_server_of_somebody_else_is_told_where_the_clusters_names_are_searched() {
        let other = format!("nameserver 192.0.2.53\n{OWN}");
        assert_eq!(ids(&other), ["dns-server-not-the-clusters"]);
        // The cluster's own is among them; it searches nothing of the cluster; its own loopback may lead there.
        assert_eq!(ids(&format!("nameserver 192.0.2.53\nnameserver 10.96.0.10\n{OWN}")), [""; 0]);
        assert_eq!(ids("nameserver 192.0.2.53\nsearch example.com\n"), [""; 0]);
        assert!(
            !ids(&format!("nameserver 127.0.0.1\n{OWN}")).contains(&"dns-server-not-the-clusters".to_owned())
        );
    }
}

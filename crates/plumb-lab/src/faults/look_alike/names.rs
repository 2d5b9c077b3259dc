//! Name servers and resolv.conf files that look wrong.

use plumb_model::Protocol;
use plumb_nft::{ChainType, Hook};

use super::super::firewall::add_table;
use super::super::names::{
    all_serve, asks_its_node, clusters, flow, local_address, outside, resolver, six_domains,
};
use super::super::scene::made_by;
use super::super::socket::serves_dns;
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::rules::{self, Side, base, chain, table_family};
use crate::resolver::ResolverChange;
use crate::server::{DnsError, Manner};

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "D01",
        does: "puts a server outside into the pod's resolv.conf behind the cluster's own, which answers",
        is: None,
        target: TargetKind::Client,
        make: second_server,
    },
    LookAlike {
        of: "D03",
        does: "puts a server that answers SERVFAIL into the pod's resolv.conf before the cluster's own, which is asked next",
        is: None,
        target: TargetKind::Client,
        make: one_fails,
    },
    LookAlike {
        of: "D04",
        does: "gives the pod a search list of six domains, and ndots:1: names with a dot are asked for as they are",
        is: None,
        target: TargetKind::Client,
        make: few_dots,
    },
    LookAlike {
        of: "D05",
        does: "cuts off what DNS servers answer in datagrams: they are asked again over TCP",
        is: None,
        target: TargetKind::Client,
        make: asked_again,
    },
    LookAlike {
        of: "D09",
        does: "gives lo of the pod's node an address for DNS, where nothing listens, and translates what is for it to a pod that serves DNS",
        is: None,
        target: TargetKind::Client,
        make: led_on,
    },
];

fn second_server(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let (server, mut acts) = outside(scene, DnsError::Nxdomain)?;
    let servers = clusters(scene).into_iter().chain([server]).collect();
    acts.push(resolver(scene, pod, &ResolverChange { servers, ..Default::default() })?);
    let effect = format!("{} would ask {server} if the cluster's server were silent", pod.full_name());
    made_by(acts, flow(scene, pod, Outcome::Connects)?, effect)
}

fn one_fails(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let (server, mut acts) = outside(scene, DnsError::Servfail)?;
    let servers = [server].into_iter().chain(clusters(scene)).collect();
    acts.push(resolver(scene, pod, &ResolverChange { servers, ..Default::default() })?);
    let effect = format!("{server} fails, and {} asks the next server at once", pod.full_name());
    made_by(acts, flow(scene, pod, Outcome::Connects)?, effect)
}

fn few_dots(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let by = ResolverChange { search: six_domains(scene, pod)?, ndots: Some(1), ..Default::default() };
    let effect = format!("{} asks for names with a dot as they are, first", pod.full_name());
    made_by(vec![resolver(scene, pod, &by)?], flow(scene, pod, Outcome::Connects)?, effect)
}

fn asked_again(scene: &Scene<'_>) -> Result<Made, String> {
    let acts = all_serve(scene, &Manner { cuts_off: true, ..Manner::default() }, false)?;
    let flow = flow(scene, scene.pod()?, Outcome::Connects)?;
    made_by(acts, flow, "answers in datagrams are cut off, and those over TCP are whole")
}

fn led_on(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let server = scene.topology.pods.iter().find(|p| serves_dns(p)).ok_or("no pod of the lab serves DNS")?;
    let to = scene.address(server, scene.family())?;
    let family = table_family(scene.family());
    let own = plumb_model::Prefix::host(local_address(scene.family())?);
    let translate = |protocol: Protocol| {
        rules::rule(family)
            .address(Side::Destination, own, true)
            .destination_port(protocol, 53)
            .counter()
            .dnat(to, 53)
    };
    let rules = [Protocol::UDP, Protocol::TCP].map(translate).to_vec();
    let prerouting = chain("prerouting", base(ChainType::Nat, Hook::Prerouting, -100), None, rules);
    let mut acts = asks_its_node(scene, pod)?;
    acts.push(
        add_table(scene.node_namespace(pod)?, family, "node-local-dns", vec![prerouting], Vec::new()).into(),
    );
    let effect = format!("{} leads what is for {} to {}", pod.node, own.addr, server.full_name());
    made_by(acts, flow(scene, pod, Outcome::Connects)?, effect)
}

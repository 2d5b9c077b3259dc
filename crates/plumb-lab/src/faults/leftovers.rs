//! What was decided or set up once, and is not right any more.

use std::net::{IpAddr, SocketAddr};

use plumb_model::{Action, Address, Change, CtEntry, CtStatus, IpFamily, Prefix, Protocol, Tuple};
use plumb_nft::{Bytes, ChainType, Family, Hook, Rule, Verdict};

use super::firewall::add_table;
use super::scene::{Held, address_of, change, made, made_by, pod_name, serves, stream_port, sysctl};
use super::{Act, Deed, Fault, Flow, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::ETH0;
use crate::plan::rules::{self, Draft, Side, base, chain, table_family};
use crate::topology::PortProtocol;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "A04",
        name: "IPv6 address failed DAD",
        does: "takes the pod's IPv6 address away, gives it back while a neighbour has it, and takes it from the neighbour",
        target: TargetKind::Server,
        make: failed_address,
    },
    Fault {
        id: "C03",
        name: "stale UDP entry",
        does: "lets the pod ask the cluster's name server from one port while the node translates that to nobody, and takes the rule away",
        target: TargetKind::Client,
        make: stale_entry,
    },
    Fault {
        id: "C12",
        name: "nat chain ignored",
        does: "drops what the pod sends to a server in a chain of type nat, in a namespace where nothing uses connection tracking",
        target: TargetKind::Client,
        make: never_asked,
    },
    Fault {
        id: "Z07",
        name: "leftovers of another proxy",
        does: "adds a table to the pod's node as kube-proxy (nftables) leaves it, with a rule for a service that is gone",
        target: TargetKind::Client,
        make: two_proxies,
    },
];

/// The pod's IPv6 address, taken away and given back: the kernel asks whether another has it (RFC 4862, 5.4). `taken`: what
/// happens in between, and afterwards.
pub(super) fn given_again(scene: &Scene<'_>, taken: (Vec<Act>, Vec<Act>)) -> Result<Vec<Act>, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let own = address_of(ns, ETH0, IpFamily::V6)?;
    let again = Address { flags: own.flags & !Address::NODAD, ..own.clone() };
    let device = ETH0.to_owned();
    let mut acts: Vec<Act> =
        vec![change(ns, Action::DeleteAddress { device: device.clone(), address: own.clone() }).into()];
    acts.extend(taken.0);
    acts.push(sysctl(ns, "net.ipv6.conf.eth0.accept_dad", "1").into());
    acts.push(change(ns, Action::AddAddress { device, address: again }).into());
    acts.extend(taken.1);
    Ok(acts)
}

fn failed_address(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let address = scene.address(pod, IpFamily::V6)?;
    let other = scene.neighbour(pod, |_| true)?;
    let ns = scene.pod_namespace(other)?;
    let add = super::addresses::added(ns, ETH0, Prefix::host(address))?;
    let Action::AddAddress { device, address: copy } = &add.action else {
        return Err("no address".to_owned());
    };
    let delete = Action::DeleteAddress { device: device.clone(), address: copy.clone() };
    let delete = Change { namespace: ns.id, action: delete };
    let mut acts = given_again(scene, (vec![add.into()], vec![delete.into()]))?;
    acts.extend(super::neighbour::forget(scene, pod)?.into_iter().map(Act::from));
    let flow = scene.flow_to_pod_of(scene.remote(pod, |_| true)?, pod, IpFamily::V6, Outcome::Unreachable)?;
    made_by(acts, flow, format!("{} does not use {address}: another had it once", pod.full_name()))
}

/// The port of the client whose entry is stale: no other client gets it (`ip_local_port_range`).
const CLIENT: u16 = 20_053;

/// The pod asks the cluster's name server from one port: the flow, what makes the node forget it, and what the pod sends.
pub(super) fn from_one_port(scene: &Scene<'_>) -> Result<(Flow, Vec<Act>, Vec<Act>), String> {
    let pod = scene.pod()?;
    let server = *scene
        .topology
        .dns
        .iter()
        .flat_map(|d| &d.servers)
        .next()
        .ok_or("the lab has no name server (dns)")?;
    let node = scene.node_namespace(pod)?;
    let (src, dst) = (scene.address(pod, IpFamily::of(server))?, server);
    let original = Tuple { protocol: Protocol::UDP, src, dst, sport: CLIENT, dport: 53, icmp: None };
    // An entry is found by its first packet alone.
    let entry = CtEntry {
        original,
        reply: Tuple { src: dst, dst: src, sport: 53, dport: CLIENT, ..original },
        status: CtStatus::default(),
        timeout: 0,
        tcp_state: None,
        mark: 0,
        zone: 0,
        zone_direction: None,
        labels: Bytes::default(),
        helper: None,
        id: 0,
        counters: None,
    };
    let forget = change(node, Action::DeleteConntrack(entry));
    let hold = Held::new(scene, pod, (server, 53), 1).datagrams().bound_from(CLIENT);
    let namespace = scene.topology.pod_namespace(pod);
    let release = Deed::Release { namespace, name: "fault".to_owned() };
    let flow = Flow::new(pod_name(pod), SocketAddr::new(server, 53).to_string(), Outcome::Connects);
    Ok((
        flow.from_port(CLIENT).over(PortProtocol::Udp),
        vec![forget.into()],
        vec![hold.into(), release.into()],
    ))
}

fn stale_entry(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let (flow, mut acts, sends) = from_one_port(scene)?;
    let server: SocketAddr = flow.to.parse().map_err(|_| "no address".to_owned())?;
    let nobody: IpAddr = if server.is_ipv4() { "198.51.100.53" } else { "2001:db8:51::53" }
        .parse()
        .map_err(|_| "no address".to_owned())?;
    let family = table_family(IpFamily::of(server.ip()));
    let to_nobody = rules::rule(family)
        .address(Side::Destination, Prefix::host(server.ip()), true)
        .destination_port(Protocol::UDP, server.port())
        .counter()
        .dnat(nobody, server.port());
    let node = scene.node_namespace(pod)?;
    // Before the translation of services (`dstnat`, -100).
    let prerouting = chain("prerouting", base(ChainType::Nat, Hook::Prerouting, -110), None, vec![to_nobody]);
    const TABLE: &str = "former-endpoint";
    // Long enough for whoever looks: an entry without an answer lives 30 s.
    let lives = sysctl(node, "net.netfilter.nf_conntrack_udp_timeout", "600");
    acts.extend([lives.into(), add_table(node, family, TABLE, vec![prerouting], Vec::new()).into()]);
    acts.extend(sends);
    acts.push(change(node, Action::DeleteTable { family, table: TABLE.to_owned() }).into());
    let effect = format!("{} translates one port of {} as it was once decided", pod.node, pod.full_name());
    made_by(acts, Flow { outcome: Outcome::TimesOut, ..flow }, effect)
}

/// A chain of type nat in the pod that drops what it sends to a server.
pub(super) fn dropping_chain(scene: &Scene<'_>, first: Option<Draft>) -> Result<(Flow, Change), String> {
    let pod = scene.pod()?;
    let server = scene.remote(pod, serves)?;
    let port = stream_port(server).ok_or("no TCP port")?.port;
    let drop = rules::rule(Family::Inet)
        .address(Side::Destination, Prefix::host(scene.address(server, scene.family())?), true)
        .destination_port(Protocol::TCP, port)
        .counter()
        .verdict(Verdict::Drop);
    let nat = chain("nat-output", base(ChainType::Nat, Hook::Output, -100), None, vec![drop]);
    let filter = first.map(|draft| {
        let rules = vec![draft.counter().verdict(Verdict::Accept)];
        chain("output", base(ChainType::Filter, Hook::Output, 0), None, rules)
    });
    let chains = [Some(nat), filter].into_iter().flatten().collect();
    let flow = scene.flow_to_pod(pod, server, Outcome::Connects)?;
    Ok((flow, add_table(scene.pod_namespace(pod)?, Family::Inet, "policy", chains, Vec::new())))
}

fn never_asked(scene: &Scene<'_>) -> Result<Made, String> {
    let (flow, table) = dropping_chain(scene, None)?;
    made(vec![table], flow, format!("a chain of {} that drops is never asked", scene.pod()?.full_name()))
}

/// A table of kube-proxy's name on the pod's node, with these rules.
pub(super) fn of_another_proxy(scene: &Scene<'_>, rules: Vec<Rule>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let node = scene.node_namespace(pod)?;
    let prerouting = chain("nat-prerouting", base(ChainType::Nat, Hook::Prerouting, -100), None, rules);
    let family = table_family(scene.family());
    let table = add_table(node, family, "kube-proxy", vec![prerouting], Vec::new());
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Connects)?;
    made(vec![table], flow, format!("{} has the table of another proxy than its own", pod.node))
}

fn two_proxies(scene: &Scene<'_>) -> Result<Made, String> {
    let text = if scene.family() == IpFamily::V4 { "10.96.255.1" } else { "fd00:10:96::ff01" };
    let gone: IpAddr = text.parse().map_err(|_| "no address".to_owned())?;
    let server = scene.remote(scene.pod()?, serves)?;
    let rule = rules::rule(table_family(scene.family()))
        .address(Side::Destination, Prefix::host(gone), true)
        .destination_port(Protocol::TCP, 80)
        .counter()
        .dnat(scene.address(server, scene.family())?, stream_port(server).ok_or("no TCP port")?.port);
    of_another_proxy(scene, vec![rule])
}

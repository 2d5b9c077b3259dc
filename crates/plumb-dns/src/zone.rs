//! The names of a cluster, from the objects of its API (kubernetes/dns, `docs/specification.md`, version 1.1.0).
//!
//! | name | records |
//! |---|---|
//! | `SERVICE.NAMESPACE.svc.ZONE` | cluster IPs; of a headless Service the addresses of its ready endpoints; CNAME of an ExternalName |
//! | `HOSTNAME.SERVICE.NAMESPACE.svc.ZONE` | an endpoint of a headless Service; without a host name of its own `10-0-0-7` |
//! | `_PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE` | SRV |
//! | `10-0-0-7.NAMESPACE.pod.ZONE` | a Pod of that namespace, by its address |
//! | `7.0.0.10.in-addr.arpa`, `….ip6.arpa` | PTR of cluster IPs and of endpoints with a host name |
//! | `dns-version.ZONE` | TXT |

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plumb_api::address::parse_ip;
use plumb_api::{EndpointSlice, Object, Pod, Service, ServiceType};

use crate::message::{Data, Kind, Message, Question, Rcode, Record};

/// Label of a slice that names its Service (KEP-752).
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Seconds that answers may be kept: the default of CoreDNS' `kubernetes`.
const TTL: u32 = 5;
/// Version of the specification.
const VERSION: &str = "1.1.0";
/// Size of a datagram for who says none (RFC 1035, 4.2.1).
const PLAIN: u16 = 512;
/// Largest datagram that is answered with, whatever the client takes (DNS flag day 2020).
const LARGEST: u16 = 1232;

/// What a zone says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// These records.
    Records(Vec<Record>),
    /// The name is there and has nothing of the type.
    NoData,
    /// There is no such name in the zone.
    NoName,
    /// The name belongs to somebody else.
    NotOurs,
}

/// The names of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// `cluster.local`
    apex: String,
    /// Records by name in lower case. A name that only leads to others has none.
    names: BTreeMap<String, Vec<Data>>,
    /// Ranges of which the zone knows reverse names: those that are there.
    reverse: BTreeMap<String, Vec<Data>>,
}

impl Zone {
    /// The zone of a cluster domain (`cluster.local`) from all of a cluster's objects.
    pub fn new<'a>(apex: &str, objects: impl IntoIterator<Item = &'a Object> + Clone) -> Self {
        let apex = apex.trim_end_matches('.').to_ascii_lowercase();
        let mut zone = Self { apex, ..Self::default() };
        let mut slices: BTreeMap<(String, String), Vec<&EndpointSlice>> = BTreeMap::new();
        for object in objects.clone() {
            if let Object::EndpointSlice(slice) = object
                && let Some(service) = slice.metadata.labels.get(SERVICE_NAME)
            {
                let key = (namespace(&slice.metadata.namespace), service.to_string());
                slices.entry(key).or_default().push(slice);
            }
        }
        zone.add("", []);
        zone.add("svc", []);
        zone.add("pod", []);
        zone.add("dns-version", [Data::Txt(VERSION.into())]);
        for object in objects {
            match object {
                Object::Service(service) => {
                    let key = (namespace(&service.metadata.namespace), service.metadata.name.to_string());
                    let own = slices.get(&key).map(Vec::as_slice).unwrap_or_default();
                    zone.service(service, own);
                }
                Object::Pod(pod) => zone.pod(pod),
                Object::Namespace(n) => {
                    zone.add(&format!("{}.svc", n.metadata.name), []);
                    zone.add(&format!("{}.pod", n.metadata.name), []);
                }
                _ => {}
            }
        }
        zone
    }

    /// The domain of the cluster.
    #[must_use]
    pub fn apex(&self) -> &str {
        &self.apex
    }

    /// Adds records to a name below the apex, and the names that lead to it.
    fn add(&mut self, below: &str, data: impl IntoIterator<Item = Data>) -> String {
        let full = if below.is_empty() { self.apex.clone() } else { format!("{below}.{}", self.apex) };
        let key = full.to_ascii_lowercase();
        let mut parent = key.as_str();
        while let Some((_, up)) = parent.split_once('.')
            && up.len() >= self.apex.len()
        {
            self.names.entry(up.to_owned()).or_default();
            parent = up;
        }
        let all = self.names.entry(key).or_default();
        for next in data {
            if !all.contains(&next) {
                all.push(next);
            }
        }
        full
    }

    fn service(&mut self, service: &Service, slices: &[&EndpointSlice]) {
        let namespace = namespace(&service.metadata.namespace);
        let name = format!("{}.{namespace}.svc", service.metadata.name);
        if service.spec.kind == ServiceType::ExternalName {
            let target = service.spec.external_name.as_deref().unwrap_or_default().trim_end_matches('.');
            self.add(&name, (!target.is_empty()).then(|| Data::Cname(target.to_owned())));
            return;
        }
        if service.spec.is_headless() {
            self.headless(&name, slices);
            return;
        }
        let one = [service.spec.cluster_ip.clone()];
        let listed: &[Box<str>] =
            if service.spec.cluster_ips.is_empty() { &one } else { &service.spec.cluster_ips };
        let addresses: Vec<IpAddr> = listed.iter().filter_map(|ip| parse_ip(ip)).collect();
        let full = self.add(&name, addresses.iter().map(|a| address(*a)));
        for port in service.spec.ports.iter().filter(|p| !p.name.is_empty()) {
            let below = format!("_{}._{}.{name}", port.name, port.protocol.lower());
            self.add(&below, [srv(port.port, &full)]);
        }
        for ip in addresses {
            self.reverse.entry(reverse(ip)).or_default().push(Data::Ptr(full.clone()));
        }
    }

    fn headless(&mut self, name: &str, slices: &[&EndpointSlice]) {
        self.add(name, []);
        for slice in slices {
            for endpoint in &slice.endpoints {
                // `publishNotReadyAddresses` makes the controller write them as ready.
                if endpoint.conditions.ready == Some(false) {
                    continue;
                }
                let addresses: Vec<IpAddr> = endpoint.addresses.iter().filter_map(|a| parse_ip(a)).collect();
                for ip in addresses {
                    self.add(name, [address(ip)]);
                    let dashed = dashed(ip);
                    let host = endpoint.hostname.as_deref().filter(|h| !h.is_empty()).unwrap_or(&dashed);
                    let full = self.add(&format!("{host}.{name}"), [address(ip)]);
                    for port in &slice.ports {
                        let (Some(port_name), Some(number)) = (&port.name, port.port) else { continue };
                        if !port_name.is_empty() {
                            let protocol = port.protocol.lower();
                            self.add(&format!("_{port_name}._{protocol}.{name}"), [srv(number, &full)]);
                        }
                    }
                    if endpoint.hostname.as_deref().is_some_and(|h| !h.is_empty()) {
                        self.reverse.entry(reverse(ip)).or_default().push(Data::Ptr(full));
                    }
                }
            }
        }
    }

    fn pod(&mut self, pod: &Pod) {
        let namespace = namespace(&pod.metadata.namespace);
        let one = [pod.status.pod_ip.clone()];
        let listed = pod.status.pod_ips.iter().map(|p| &p.ip).chain(&one);
        let all: BTreeSet<IpAddr> = listed.filter_map(|ip| parse_ip(ip)).collect();
        for ip in all {
            self.add(&format!("{}.{namespace}.pod", dashed(ip)), [address(ip)]);
        }
    }

    /// What the zone says of a name (without a dot at its end).
    #[must_use]
    pub fn look_up(&self, name: &str, kind: Kind) -> Looked {
        let key = name.trim_end_matches('.').to_ascii_lowercase();
        let ours = key == self.apex || key.ends_with(&format!(".{}", self.apex));
        let table = if ours { &self.names } else { &self.reverse };
        let Some(data) = table.get(&key) else {
            return if ours { Looked::NoName } else { Looked::NotOurs };
        };
        let fits = |d: &&Data| kind == Kind::Any || d.kind() == kind || matches!(d, Data::Cname(_));
        let records: Vec<Record> = data
            .iter()
            .filter(fits)
            .map(|d| Record { name: name.trim_end_matches('.').to_owned(), ttl: TTL, data: d.clone() })
            .collect();
        if records.is_empty() { Looked::NoData } else { Looked::Records(records) }
    }

    /// The addresses of a name, both families; `None` where the name belongs to somebody else. An alias out of the zone has none
    /// that are known.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Option<Result<Vec<IpAddr>, Looked>> {
        let mut all = Vec::new();
        for kind in [Kind::A, Kind::Aaaa] {
            match self.look_up(name, kind) {
                Looked::NotOurs => return None,
                Looked::NoName => return Some(Err(Looked::NoName)),
                Looked::NoData => {}
                Looked::Records(records) => {
                    for record in records {
                        match record.data {
                            Data::A(a) => all.push(a.into()),
                            Data::Aaaa(a) => all.push(a.into()),
                            Data::Cname(target) if !target.eq_ignore_ascii_case(name) => {
                                return self.addresses_of_alias(&target);
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        Some(if all.is_empty() { Err(Looked::NoData) } else { Ok(all) })
    }

    /// The addresses of what an alias stands for; an alias of an alias is somebody else's matter.
    fn addresses_of_alias(&self, target: &str) -> Option<Result<Vec<IpAddr>, Looked>> {
        let mut all = Vec::new();
        for kind in [Kind::A, Kind::Aaaa] {
            if let Looked::Records(records) = self.look_up(target, kind) {
                all.extend(records.iter().filter_map(|r| match r.data {
                    Data::A(a) => Some(IpAddr::V4(a)),
                    Data::Aaaa(a) => Some(IpAddr::V6(a)),
                    _ => None,
                }));
            }
        }
        (!all.is_empty()).then_some(Ok(all))
    }

    /// Full names of Services (and endpoints) that bear this first label: what somebody may have meant.
    #[must_use]
    pub fn named(&self, label: &str) -> Vec<String> {
        let label = label.to_ascii_lowercase();
        let first = |name: &str| name.split('.').next() == Some(label.as_str());
        let has = self.names.iter().filter(|(name, data)| first(name) && !data.is_empty());
        has.map(|(name, _)| name.clone()).collect()
    }

    fn soa(&self) -> Record {
        let data = Data::Soa {
            mname: format!("ns.dns.{}", self.apex),
            rname: format!("hostmaster.{}", self.apex),
            serial: 1,
            refresh: 7200,
            retry: 1800,
            expire: 86400,
            minimum: TTL,
        };
        Record { name: self.apex.clone(), ttl: TTL, data }
    }
}

fn namespace(written: &str) -> String {
    if written.is_empty() { "default".to_owned() } else { written.to_owned() }
}

fn address(ip: IpAddr) -> Data {
    match ip {
        IpAddr::V4(a) => Data::A(a),
        IpAddr::V6(a) => Data::Aaaa(a),
    }
}

fn srv(port: u16, target: &str) -> Data {
    Data::Srv { priority: 0, weight: 100, port, target: target.to_owned() }
}

/// `10-0-0-7`, `fd00--7`; where an IPv6 address begins or ends with `::`, a zero keeps the label one (RFC 1123).
fn dashed(ip: IpAddr) -> String {
    let text = ip.to_string().replace([':', '.'], "-");
    let front = if text.starts_with('-') { "0" } else { "" };
    let back = if text.ends_with('-') { "0" } else { "" };
    format!("{front}{text}{back}")
}

/// The name by which an address is asked for (RFC 1035, 3.5; RFC 3596, 2.5).
fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(a) => {
            let [a, b, c, d] = a.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(a) => {
            let nibbles =
                a.octets().into_iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 0xf, byte >> 4));
            nibbles.collect::<String>() + "ip6.arpa"
        }
    }
}

/// A server's reply to the bytes of a message, for a zone and nothing else: who asks for other names is refused. Over UDP
/// (`datagram`) it is cut off where it is larger than the client takes. `None` for what is no question.
#[must_use]
pub fn answer(zone: &Zone, bytes: &[u8], datagram: bool) -> Option<Vec<u8>> {
    let asked = match Message::decode(bytes) {
        Ok(asked) => asked,
        Err(_) => return malformed(bytes),
    };
    if asked.response {
        return None;
    }
    let reply = reply_to(zone, &asked);
    let whole = reply.encode().ok()?;
    let fits = usize::from(asked.edns.unwrap_or(PLAIN).clamp(PLAIN, LARGEST));
    if !datagram || whole.len() <= fits {
        return Some(whole);
    }
    let cut = Message { truncated: true, answers: Vec::new(), authority: Vec::new(), ..reply };
    cut.encode().ok()
}

fn reply_to(zone: &Zone, asked: &Message) -> Message {
    let mut reply = Message {
        id: asked.id,
        response: true,
        opcode: asked.opcode,
        recursion_desired: asked.recursion_desired,
        questions: asked.questions.clone(),
        edns: asked.edns.map(|_| LARGEST),
        ..Message::default()
    };
    let [question] = asked.questions.as_slice() else {
        reply.rcode = Rcode::FORMERR;
        reply.questions = Vec::new();
        return reply;
    };
    let Question { name, kind, class } = question;
    if asked.opcode != 0 {
        reply.rcode = Rcode::NOTIMP;
        return reply;
    }
    if *class != 1 {
        reply.rcode = Rcode::REFUSED;
        return reply;
    }
    match zone.look_up(name, *kind) {
        Looked::NotOurs => reply.rcode = Rcode::REFUSED,
        Looked::NoName => {
            reply.authoritative = true;
            reply.rcode = Rcode::NXDOMAIN;
            reply.authority = vec![zone.soa()];
        }
        Looked::NoData => {
            reply.authoritative = true;
            let is_apex = name.eq_ignore_ascii_case(&zone.apex) && *kind == Kind::Soa;
            if is_apex { reply.answers = vec![zone.soa()] } else { reply.authority = vec![zone.soa()] }
        }
        Looked::Records(records) => {
            reply.authoritative = true;
            let alias = records.iter().find_map(|r| match (&r.data, kind) {
                (Data::Cname(_), Kind::Cname | Kind::Any) => None,
                (Data::Cname(to), _) => Some(to.clone()),
                _ => None,
            });
            reply.answers = records;
            if let Some(alias) = alias
                && let Looked::Records(more) = zone.look_up(&alias, *kind)
            {
                reply.answers.extend(more);
            }
        }
    }
    reply
}

/// To what begins like a question and is none: FORMERR under its number.
fn malformed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (id, flags) = (bytes.get(..2)?, bytes.get(2..4)?);
    if flags[0] & 0x80 != 0 {
        return None;
    }
    let id = u16::from_be_bytes([id[0], id[1]]);
    let reply = Message { id, response: true, rcode: Rcode::FORMERR, ..Message::default() };
    reply.encode().ok()
}

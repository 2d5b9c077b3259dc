//! The third way: packets, really sent.
//!
//! Nothing is waited for until a time runs out: a packet that did not come out before a sentinel that set out later is dropped.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::case::{Case, Connect, Expect, Flow, Sequence, Step, Verdict};
use super::fate::{Fate, Seen};
use super::loaded::Loaded;
use super::network::{Network, Place};
use super::wire::{Kind, Packet, Sight, is_port_unreachable};
use crate::error::Result;

/// Packets that show how evenly endpoints are chosen.
const DRAWS: u16 = 1000;
/// Packets between two sentinels: fewer than a device's queue holds.
const BATCH: u16 = 80;
/// First source port, and how many there are.
const PORTS: (u16, u16) = (2000, 60_000);
/// The same where the node comes to itself, so that being masqueraded changes nothing but the port: from these ports, and only
/// these, it never gets the same one (`nf_nat_l4proto_unique_tuple` gives one of 600 to 1023).
const PORTS_TO_ITSELF: (u16, u16) = (512, BATCH);
/// Between the numbers of two packets, since what the kernel answers by itself has numbers next to them.
const STRIDE: u32 = 4096;

/// A packet that was sent and what came of it.
struct Sent {
    packet: Packet,
    arrivals: Vec<(Place, Packet)>,
    errors: Vec<(u8, u8)>,
}

/// Sends the packets of a case.
pub(super) struct Sender<'a> {
    case: &'a Case,
    network: &'a Network,
    sent: u32,
}

impl<'a> Sender<'a> {
    pub(super) fn new(case: &'a Case, network: &'a Network) -> Self {
        Self { case, network, sent: 0 }
    }

    /// What is wrong with what flows really get, in the order of the case.
    pub(super) fn flows(&mut self, loaded: &Loaded) -> Result<Vec<(String, Vec<String>)>> {
        let mut all = Vec::new();
        for flow in &self.case.flows {
            all.push((flow.name.clone(), self.flow(flow, loaded)?));
        }
        Ok(all)
    }

    fn flow(&mut self, flow: &Flow, loaded: &Loaded) -> Result<Vec<String>> {
        let expect = flow.expected();
        let place = self.network.place(self.case, flow)?;
        let sticky = loaded.is_sticky(flow);
        let several = expect.verdict == Verdict::Dnat && expect.endpoints.len() > 1;
        // One client that comes back is no draw, and the node is only one.
        let draws = if several && !(sticky && place == Place::Node) { DRAWS } else { 1 };
        let source = |draw: u16| if sticky { upwards(flow.from_ip, draw) } else { flow.from_ip };
        let mut sent = self.send(flow, place, (0..draws).map(source))?;
        let mut differences = Vec::new();
        let fates: BTreeMap<Fate, u32> = self.fates(&sent).into_iter().fold(BTreeMap::new(), |mut all, f| {
            *all.entry(f).or_insert(0) += 1;
            all
        });
        differences.extend(expect.differences(&Seen::Draws(fates)));
        if differences.is_empty()
            && expect.verdict == Verdict::Dnat
            && let Some(last) = sent.pop()
        {
            differences.extend(self.answer(flow, &last)?);
        }
        Ok(differences)
    }

    /// Sends the first packet of a connection from each of the sources.
    fn send(
        &mut self,
        flow: &Flow,
        place: Place,
        sources: impl Iterator<Item = IpAddr>,
    ) -> Result<Vec<Sent>> {
        let mut endpoints = flow.expected().endpoints.iter();
        let to_itself = place == Place::Node && endpoints.any(|e| self.case.node.ips.contains(&e.ip()));
        let ports = if to_itself { PORTS_TO_ITSELF } else { PORTS };
        let mut all: Vec<Sent> = Vec::new();
        let mut waiting = 0;
        self.network.sights()?;
        for source in sources {
            if to_itself && waiting == 0 {
                // The ports come again.
                self.network.forget()?;
            }
            let packet = self.packet(flow, source, ports);
            self.network.send(place, &packet.bytes(Kind::First), flow.to_ip)?;
            all.push(Sent { packet, arrivals: Vec::new(), errors: Vec::new() });
            waiting += 1;
            if waiting == BATCH {
                self.collect(&mut all)?;
                waiting = 0;
            }
        }
        self.collect(&mut all)?;
        Ok(all)
    }

    /// A packet with a number that no other has, and the next of these source ports.
    fn packet(&mut self, flow: &Flow, source: IpAddr, (first, count): (u16, u16)) -> Packet {
        let port = first + u16::try_from(self.sent % u32::from(count)).unwrap_or(0);
        self.sent += 1;
        Packet {
            protocol: flow.protocol,
            from: SocketAddr::new(source, port),
            to: SocketAddr::new(flow.to_ip, flow.port),
            number: self.sent.wrapping_mul(STRIDE),
        }
    }

    /// Adds what came out to what was sent.
    fn collect(&self, sent: &mut [Sent]) -> Result<()> {
        let first = sent.first().map_or(0, |s| s.packet.number);
        let index = |number: u32| {
            let ahead = number.wrapping_sub(first);
            if ahead.is_multiple_of(STRIDE) { usize::try_from(ahead / STRIDE).ok() } else { None }
        };
        for (place, sight) in self.network.sights()? {
            match sight {
                Sight::Packet(packet) => {
                    if let Some(sent) = index(packet.number).and_then(|i| sent.get_mut(i)) {
                        sent.arrivals.push((place, packet));
                    }
                }
                Sight::Error { error, about } => {
                    if let Some(sent) = index(about).and_then(|i| sent.get_mut(i)) {
                        sent.errors.push(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn fates(&self, sent: &[Sent]) -> Vec<Fate> {
        sent.iter().map(|s| self.fate(s)).collect()
    }

    fn fate(&self, sent: &Sent) -> Fate {
        let Packet { from, to, .. } = sent.packet;
        match (&sent.arrivals[..], &sent.errors[..]) {
            ([(_, came)], _) if came.to == to && came.from == from => Fate::Pass,
            ([(_, came)], _) if came.to == to => Fate::Other(format!("it passes, but from {}", came.from)),
            ([(_, came)], _) => {
                let masquerade = came.from != from;
                if masquerade && !self.network.is_node(came.from.ip()) {
                    return Fate::Other(format!("it comes to {} from {}", came.to, came.from));
                }
                Fate::Dnat { endpoint: came.to, masquerade }
            }
            ([], []) => Fate::Drop,
            ([], [error, ..]) if is_port_unreachable(*error, to.is_ipv4()) => Fate::Reject,
            ([], [(kind, code), ..]) => Fate::Other(format!("an ICMP error of type {kind}, code {code}")),
            (several, _) => {
                let places = several.iter().map(|(_, p)| format!("{} from {}", p.to, p.from));
                Fate::Other(format!("it comes out at {}", places.collect::<Vec<_>>().join(" and ")))
            }
        }
    }

    /// The endpoint answers: the answer must come from where the flow went to. What the node itself answers is its own affair.
    fn answer(&mut self, flow: &Flow, sent: &Sent) -> Result<Option<String>> {
        let [(Place::Link(at), came)] = sent.arrivals[..] else { return Ok(None) };
        self.sent += 1;
        let number = self.sent.wrapping_mul(STRIDE);
        let answer = Packet { from: came.to, to: came.from, number, ..came };
        let bytes = answer.bytes(Kind::Answer(sent.packet.number));
        self.network.send(Place::Link(at), &bytes, answer.to.ip())?;
        let came_back: Vec<Packet> = self
            .network
            .sights()?
            .into_iter()
            .filter_map(|(_, s)| match s {
                Sight::Packet(p) if p.number == number => Some(p),
                _ => None,
            })
            .collect();
        let wanted = Packet { from: sent.packet.to, to: sent.packet.from, ..answer };
        Ok(match &came_back[..] {
            [only] if *only == wanted => None,
            [] => Some(format!("the answer of {} is lost", answer.from)),
            [other, ..] => Some(format!(
                "the answer of {} comes from {} to {}, must come from {}:{}",
                answer.from, other.from, other.to, flow.to_ip, flow.port
            )),
        })
    }

    /// What is wrong with what clients get that come back.
    pub(super) fn sequence(&mut self, sequence: &Sequence, loaded: &mut Loaded) -> Result<Vec<String>> {
        let mut known: BTreeMap<&str, Vec<SocketAddr>> = BTreeMap::new();
        for (i, step) in sequence.steps.iter().enumerate() {
            let connect = match step {
                Step::Wait(time) => {
                    std::thread::sleep(*time);
                    continue;
                }
                Step::Objects(objects) => {
                    loaded.change(objects)?;
                    continue;
                }
                Step::Connect(connect) => connect,
            };
            let found = match self.connect(sequence.clients, connect)? {
                Ok(reached) => compare(connect, reached, &mut known),
                Err(differences) => differences,
            };
            if !found.is_empty() {
                return Ok(found.into_iter().map(|d| format!("step {i}: {d}")).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Every client opens a connection: the endpoints that they come to, or what is wrong with those.
    fn connect(
        &mut self,
        clients: u16,
        connect: &Connect,
    ) -> Result<std::result::Result<Vec<SocketAddr>, Vec<String>>> {
        let flow = &self.case.flows[connect.flow];
        let place = self.network.place(self.case, flow)?;
        let sent = self.send(flow, place, (0..clients).map(|i| upwards(flow.from_ip, i)))?;
        let expect = Expect { endpoints: connect.allowed(flow).to_vec(), ..flow.expected().clone() };
        let (wanted, mut reached, mut wrong) = (expect.fates(), Vec::new(), Vec::new());
        for (client, fate) in self.fates(&sent).into_iter().enumerate() {
            match fate {
                Fate::Dnat { endpoint, .. } if wanted.contains(&fate) => reached.push(endpoint),
                other => wrong.push(format!("client {client} of {:?}: {other}", flow.name)),
            }
        }
        Ok(if wrong.is_empty() { Ok(reached) } else { Err(wrong) })
    }
}

/// Holds the endpoints that clients come to against those that they came to before.
fn compare<'a>(
    connect: &'a Connect,
    reached: Vec<SocketAddr>,
    known: &mut BTreeMap<&'a str, Vec<SocketAddr>>,
) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(name) = &connect.unlike
        && let Some(before) = known.get(name.as_str())
        && before.iter().zip(&reached).all(|(b, r)| b.ip() == r.ip())
    {
        out.push(format!("all {} clients come to the hosts of {name:?}", reached.len()));
    }
    let Some(name) = &connect.reaches else { return out };
    match known.get(name.as_str()) {
        None => drop(known.insert(name, reached)),
        Some(before) => {
            let moved = before.iter().zip(&reached).enumerate().filter(|(_, (b, r))| b != r);
            out.extend(
                moved.map(|(client, (b, r))| format!("client {client} comes to {r}, came to {b} before")),
            );
        }
    }
    out
}

/// The address so many further on.
fn upwards(address: IpAddr, by: u16) -> IpAddr {
    match address {
        IpAddr::V4(a) => std::net::Ipv4Addr::from_bits(a.to_bits().wrapping_add(by.into())).into(),
        IpAddr::V6(a) => std::net::Ipv6Addr::from_bits(a.to_bits().wrapping_add(by.into())).into(),
    }
}

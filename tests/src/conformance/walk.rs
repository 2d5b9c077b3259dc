//! The second way: the walk over the ruleset that the kernel holds.

use std::collections::BTreeMap;

use plumb_model::{Protocol, Tuple};
use plumb_trace::event::{Answer, Stop};
use plumb_trace::share::Share;
use plumb_trace::state::World;
use plumb_trace::{End, Network as Walked, Walker};

use super::case::{Case, Connect, Expect, Flow, Sequence, Step};
use super::fate::{Fate, Seen};
use super::network::Network;
use super::wire::is_port_unreachable;
use crate::error::Result;

/// By how much the share of an endpoint may be uneven: what empty slots, drawn again and again, leave to the first.
const BIAS: f64 = 2e-5;
/// Source port of the walk's packets.
const SOURCE_PORT: u16 = 40_000;

/// What is wrong with where the walk leads flows, in the order of the case, and the sequence last.
pub(super) fn flows(case: &Case, network: &Network) -> Result<Vec<(String, Vec<String>)>> {
    let snapshot = network.snapshot()?;
    let net = Walked::compile(&snapshot);
    let ask = |flow: &Flow, port: u16, world: &World, share: Share| -> Result<Way> {
        let place = network.place(case, flow)?;
        let origin = network.origin(place, &snapshot, flow.from_ip)?;
        let walker = Walker::new(&net, false);
        let sent = tuple(flow, port);
        let ends = walker.one_way(&origin, sent, world, share);
        let unknown = walker.unknowns().into_iter().map(|u| u.what).collect();
        Ok(Way { fates: ends.iter().map(|end| (fate(end, &sent), end.clone())).collect(), unknown })
    };
    let mut all = Vec::new();
    for flow in &case.flows {
        let way = ask(flow, SOURCE_PORT, &World::default(), Share::ONE)?;
        all.push((flow.name.clone(), way.differences(flow.expected())));
    }
    if let Some(sequence) = &case.sequence {
        all.push(("sequence".to_owned(), steps(case, sequence, &ask)?));
    }
    Ok(all)
}

/// Where a flow leads.
struct Way {
    fates: Vec<(Fate, End)>,
    unknown: Vec<String>,
}

impl Way {
    fn differences(&self, expect: &Expect) -> Vec<String> {
        let mut shares: BTreeMap<Fate, Share> = BTreeMap::new();
        for (fate, end) in &self.fates {
            let share = shares.entry(fate.clone()).or_insert(Share::ZERO);
            *share = *share + end.state.share;
        }
        let shares = shares.into_iter().map(|(fate, share)| (fate, share.as_f64())).collect();
        let mut out = expect.differences(&Seen::Shares(shares, BIAS));
        out.extend(self.unknown.iter().map(|what| format!("the walk does not know {what}")));
        out
    }
}

fn tuple(flow: &Flow, port: u16) -> Tuple {
    Tuple {
        src: flow.from_ip,
        dst: flow.to_ip,
        protocol: Protocol(flow.protocol.number()),
        sport: port,
        dport: flow.port,
        icmp: None,
    }
}

/// What became of a packet, from how it was when it left the node or came to one of its sockets.
fn fate(end: &End, sent: &Tuple) -> Fate {
    match &end.stop {
        Stop::Dropped { .. } => Fate::Drop,
        Stop::Rejected { answer: Answer::Icmp { kind, code }, .. }
            if is_port_unreachable((*kind, *code), sent.dst.is_ipv4()) =>
        {
            Fate::Reject
        }
        Stop::LeavesSnapshot { .. } | Stop::Delivered { .. } | Stop::NoListener { .. } => {
            let is = end.state.packet.tuple();
            let masquerade = (is.src, is.sport) != (sent.src, sent.sport);
            if (is.dst, is.dport) != (sent.dst, sent.dport) {
                return Fate::Dnat { endpoint: (is.dst, is.dport).into(), masquerade };
            }
            if masquerade { Fate::Other(format!("it passes, but from {}", is.src)) } else { Fate::Pass }
        }
        other => Fate::Other(format!("the walk ends with {other:?}")),
    }
}

type Ask<'a> = dyn Fn(&Flow, u16, &World, Share) -> Result<Way> + 'a;

/// A branch of what one client did so far.
struct Branch<'a> {
    world: World,
    share: Share,
    known: BTreeMap<&'a str, std::net::SocketAddr>,
}

/// Walks the connections of one client, each in the world that the ones before left behind, until time goes by or objects
/// change: the walk knows no time, and a snapshot is of one moment.
fn steps(case: &Case, sequence: &Sequence, ask: &Ask<'_>) -> Result<Vec<String>> {
    let mut out = Vec::new();
    let mut branches = vec![Branch { world: World::default(), share: Share::ONE, known: BTreeMap::new() }];
    for (i, step) in (0u16..).zip(&sequence.steps) {
        let Step::Connect(connect) = step else { break };
        let flow = &case.flows[connect.flow];
        let expect = Expect { endpoints: connect.allowed(flow).to_vec(), ..flow.expected().clone() };
        let wanted = expect.fates();
        let (mut next, mut same) = (Vec::new(), Share::ZERO);
        for branch in branches {
            let way = ask(flow, SOURCE_PORT + 1 + i, &branch.world, branch.share)?;
            for (fate, end) in way.fates {
                let Fate::Dnat { endpoint, .. } = fate else {
                    out.push(format!("step {i}: {fate}"));
                    continue;
                };
                if !wanted.contains(&fate) {
                    out.push(format!("step {i}: {fate}"));
                }
                let End { state, .. } = end;
                if connect.unlike.as_ref().and_then(|n| branch.known.get(n.as_str())).map(|e| e.ip())
                    == Some(endpoint.ip())
                {
                    same = same + state.share;
                }
                let mut known = branch.known.clone();
                out.extend(remember(connect, endpoint, &mut known).map(|d| format!("step {i}: {d}")));
                next.push(Branch { world: state.world, share: state.share, known });
            }
        }
        if let Some(name) = connect.unlike.as_ref().filter(|_| same.is_one()) {
            out.push(format!("step {i}: it comes to the host of {name:?} for certain"));
        }
        if !out.is_empty() {
            break;
        }
        branches = next;
    }
    Ok(out)
}

fn remember<'a>(
    connect: &'a Connect,
    endpoint: std::net::SocketAddr,
    known: &mut BTreeMap<&'a str, std::net::SocketAddr>,
) -> Option<String> {
    let name = connect.reaches.as_deref()?;
    match known.get(name) {
        Some(before) if *before != endpoint => {
            Some(format!("it comes to {endpoint}, came to {before} before"))
        }
        Some(_) => None,
        None => {
            known.insert(name, endpoint);
            None
        }
    }
}

//! The way to each name server, walked: whether it answers, by datagrams and over TCP.

use plumb_model::{NameServer, Snapshot};
use plumb_trace::Network;
use plumb_trace::session::{Attempt, Outcome, Transport};
use plumb_trace::share::Share;

use super::NameQuestion;
use super::plan::Plan;
use super::timing::Does;
use crate::diagnose::{self, Question, Walked};
use crate::hops::{Level, Telling};
use crate::report::{Assumption, Cause, PathReport, UnknownReport};

/// A name server that is asked, and how asking it ends.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its address as text.
    pub address: String,
    /// What it does, with shares.
    pub does: Vec<(Share, Does)>,
    /// Outcome of what the client uses: the datagram, or with `use-vc` the handshake.
    pub outcome: String,
    /// Outcome of the datagram.
    pub udp: String,
    /// Outcome of the handshake.
    pub tcp: String,
    /// Why the way that the client uses fails, where it does.
    pub causes: Vec<Cause>,
    /// Why the handshake fails, where it does.
    pub tcp_causes: Vec<Cause>,
    /// What is not known on the way.
    pub unknowns: Vec<UnknownReport>,
    /// What is assumed on the way.
    pub assumptions: Vec<Assumption>,
    /// The ways of the packets.
    pub paths: Vec<PathReport>,
}

/// Walks to these servers. `causes`: look for what stops those that do not answer.
#[must_use]
pub fn ways(
    snapshot: &Snapshot,
    net: &Network,
    q: &NameQuestion,
    plan: &Plan,
    servers: &[NameServer],
    telling: (Level, bool),
) -> Vec<Way> {
    let (level, causes) = telling;
    servers
        .iter()
        .map(|server| {
            let ask = |transport| Question {
                flow: q.to_server(server.address, transport),
                from: q.from.clone(),
                lang: q.lang,
            };
            let (udp, tcp) = (ask(Transport::Udp), ask(Transport::Tcp));
            let (walked_udp, walked_tcp) = (diagnose::walk(net, &udp.flow), diagnose::walk(net, &tcp.flow));
            let (said_udp, said_tcp) =
                (diagnose::verdict(net, &udp, &walked_udp), diagnose::verdict(net, &tcp, &walked_tcp));
            let (used, walked, said) = if plan.options.use_vc {
                (&tcp, &walked_tcp, &said_tcp)
            } else {
                (&udp, &walked_udp, &said_udp)
            };
            let why = |q: &Question, walked: &Walked, outcome: Outcome| {
                if !causes || matches!(outcome, Outcome::Connects | Outcome::Unknown) {
                    return Vec::new();
                }
                diagnose::causes_of(snapshot, q, net, walked)
            };
            let found = why(used, walked, said.outcome);
            let tcp_causes =
                if plan.options.use_vc { Vec::new() } else { why(&tcp, &walked_tcp, said_tcp.outcome) };
            let telling = Telling { unknowns: &walked.unknowns, level, lang: q.lang };
            Way {
                address: written(server),
                does: does(&walked.attempt, said.outcome),
                outcome: said.outcome.name().to_owned(),
                udp: said_udp.outcome.name().to_owned(),
                tcp: said_tcp.outcome.name().to_owned(),
                causes: found,
                tcp_causes,
                unknowns: said.unknowns.clone(),
                assumptions: said.assumptions.clone(),
                paths: diagnose::paths(net, &walked.attempt, telling),
            }
        })
        .collect()
}

/// As the `nameserver` line has it.
#[must_use]
pub fn written(server: &NameServer) -> String {
    match &server.scope {
        Some(scope) => format!("{}%{scope}", server.address),
        None => server.address.to_string(),
    }
}

/// What the client of a datagram learns: an error at once leads it to the next server (`send_dg`), silence after its timeout.
fn does(a: &Attempt, outcome: Outcome) -> Vec<(Share, Does)> {
    if outcome == Outcome::Unknown {
        return vec![(Share::ONE, Does::Open)];
    }
    let mut all: Vec<(Share, Does)> = Vec::new();
    for b in &a.branches {
        let does = match b.outcome {
            Outcome::Connects => Does::Answers,
            Outcome::TimesOut => Does::Silent,
            Outcome::Unknown | Outcome::Intermittent => Does::Open,
            Outcome::Refused | Outcome::Unreachable | Outcome::Reset | Outcome::LocalError => Does::Fails,
        };
        match all.iter_mut().find(|(_, d)| *d == does) {
            Some((share, _)) => *share = *share + b.share,
            None => all.push((b.share, does)),
        }
    }
    all
}

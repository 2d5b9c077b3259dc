//! From a question to causes: walk, name the cause of the first failure, mend it in the model, walk again.
//!
//! 1. [`suspect`] turns the end of a failing branch into suspects, in the order of report.md's rules for places, each
//!    with the changes that should cure it.
//! 2. [`cure`] tries them in the model; the first that helps is the cause, and its change the first remedy.
//! 3. When the flow connects (or nothing helps any more), causes that are not needed are dropped and shares are counted.

mod copies;
mod cure;
mod evidence;
mod failure;
mod in_order;
mod probe;
mod suspect;
mod verdict;

use plumb_model::Snapshot;
use plumb_trace::session::{Attempt, AttemptBranch, Exchange, Flow, Outcome, Part, attempt};
use plumb_trace::{Network, Walker};

pub(crate) use cure::{Diagnosed, commands, with};
pub(crate) use failure::Failure;
pub use probe::{ProbeSeen, with_probe};
pub(crate) use suspect::untracks;

use crate::hops::{self, Level, Telling};
use crate::messages::{self, Lang};
use crate::report::{BytesReport, Cause, FlowReport, PathReport, Report};
use crate::tried_in_lab;

/// A question, resolved against a snapshot.
#[derive(Clone, Debug)]
pub struct Question {
    /// The flow.
    pub flow: Flow,
    /// FROM as it was asked.
    pub from: String,
    /// Language of the sentences.
    pub lang: Lang,
}

/// A walk of one attempt, with everything that it met.
pub(crate) struct Walked {
    pub(crate) attempt: Attempt,
    pub(crate) unknowns: Vec<plumb_trace::event::Unknown>,
}

pub(crate) fn walk(net: &Network, flow: &Flow) -> Walked {
    let walker = Walker::new(net, true);
    let attempt = attempt(&walker, flow);
    Walked { attempt, unknowns: walker.unknowns() }
}

/// Answers a question from what a snapshot holds.
#[must_use]
pub fn diagnose(snapshot: &Snapshot, q: &Question) -> Report {
    let net = Network::compile(snapshot);
    let walked = walk(&net, &q.flow);
    let mut causes: Vec<Cause> =
        cure::causes(snapshot, q, &net, &walked).into_iter().map(|d| d.cause).collect();
    causes.iter_mut().for_each(|c| tried_in_lab::mark(&c.id, &mut c.remedy));
    let verdict = verdict::verdict(&net, q, &walked);
    let a = &walked.attempt;
    Report {
        version: 1,
        flow: flow_report(q, a),
        resolution: None,
        outcome: verdict.outcome.name().to_owned(),
        stage: verdict.stage.map(|s| s.name().to_owned()),
        success: verdict.success,
        errno: verdict.errno.map(|e| e.name().to_owned()),
        causes,
        unknowns: verdict.unknowns,
        assumptions: verdict.assumptions,
        probe: None,
        ruled_out: in_order::ruled_out(&net, &walked).iter().map(|i| messages::in_order(q.lang, i)).collect(),
        paths: paths(&net, a, Telling { unknowns: &walked.unknowns, level: Level::Brief, lang: q.lang }),
    }
}

/// What tells the failure (or delay) of an attempt from others: who stopped which packet of its largest failing branch.
/// With it, which packet that is. `None` where it connects at once.
pub(crate) fn failure_key(net: &Network, a: &Attempt) -> Option<FailureKey> {
    failure_key_among(net, a, |_| true)
}

/// What tells a failure from others.
pub(crate) struct FailureKey {
    /// Which packet fails.
    pub(crate) packet: crate::finding::Packet,
    /// Who stopped which packet, as text.
    pub(crate) key: String,
    /// A rule stopped the request.
    pub(crate) barred: bool,
}

/// The same, of some of its branches.
pub(crate) fn failure_key_among(
    net: &Network,
    a: &Attempt,
    counts: impl Fn(&AttemptBranch) -> bool,
) -> Option<FailureKey> {
    let failing = a.branches.iter().filter(|b| cure::needs_cause(a, b) && b.outcome != Outcome::Unknown);
    let failing = failing.filter(|b| counts(b));
    let failure = failure::Failure::of_branch(failing.max_by_key(|b| b.share)?)?;
    use crate::finding::Packet;
    use plumb_trace::event::Stop;
    let by_rule = matches!(failure.stop, Stop::Dropped { .. } | Stop::Rejected { .. });
    let barred = by_rule && failure.packet == Packet::Request;
    Some(FailureKey { packet: failure.missed(), key: failure.key(net), barred })
}

/// Whether something unknown let the attempt through where it does not end in silence: then it cannot be told how it ends.
pub(crate) fn is_open(a: &Attempt) -> bool {
    let ends_otherwise = a.branches.iter().filter(|b| b.outcome != Outcome::TimesOut);
    ends_otherwise.filter_map(|b| b.last()).any(|e| !verdict::met(e).is_empty())
}

/// What is said of a walk.
pub(crate) fn verdict(net: &Network, q: &Question, walked: &Walked) -> verdict::Verdict {
    verdict::verdict(net, q, walked)
}

/// The causes of a flow that was walked, as reports tell them.
pub(crate) fn causes_of(
    snapshot: &Snapshot,
    q: &Question,
    net: &Network,
    walked: &Walked,
) -> Vec<crate::report::Cause> {
    cure::causes(snapshot, q, net, walked).into_iter().map(|d| d.cause).collect()
}

/// The causes of one flow, with what cured each in the model.
pub(crate) fn causes(snapshot: &Snapshot, q: &Question) -> Vec<Diagnosed> {
    let net = Network::compile(snapshot);
    let walked = walk(&net, &q.flow);
    cure::causes(snapshot, q, &net, &walked)
}

/// Walks a question without looking for causes: what `plumb trace` shows.
#[must_use]
pub fn trace(net: &Network, q: &Question, level: Level) -> Report {
    let walked = walk(net, &q.flow);
    let report = verdict::verdict(net, q, &walked);
    let a = &walked.attempt;
    Report {
        version: 1,
        flow: flow_report(q, a),
        resolution: None,
        outcome: report.outcome.name().to_owned(),
        stage: report.stage.map(|s| s.name().to_owned()),
        success: report.success,
        errno: report.errno.map(|e| e.name().to_owned()),
        causes: Vec::new(),
        unknowns: report.unknowns,
        assumptions: report.assumptions,
        probe: None,
        ruled_out: Vec::new(),
        paths: paths(net, a, Telling { unknowns: &walked.unknowns, level, lang: q.lang }),
    }
}

fn flow_report(q: &Question, a: &Attempt) -> FlowReport {
    use plumb_trace::session::{Origin, Transport};
    let bound = match q.flow.origin {
        Origin::Process { source, .. } => source,
        Origin::Outside { source, .. } => Some(source),
    };
    let source = bound.or_else(|| a.branches.iter().find_map(|b| b.packets.first()?.world.source));
    FlowReport {
        from: q.from.clone(),
        source: source.map(|s| s.to_string()),
        destination: q.flow.dst.to_string(),
        port: (q.flow.transport != Transport::Icmp).then_some(q.flow.port),
        protocol: match q.flow.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Icmp => "icmp",
        }
        .to_owned(),
        bytes: q.flow.bytes.map(|b| BytesReport { up: b.up, down: b.down }),
    }
}

/// The ways that an attempt takes, as lists of steps.
#[must_use]
pub fn paths(net: &Network, a: &Attempt, telling: Telling<'_>) -> Vec<PathReport> {
    a.branches
        .iter()
        .map(|b| {
            let opening = if b.payload.is_empty() { failure::decisive(b) } else { b.packets.last() };
            let payload = b.payload.iter().enumerate().filter(|(i, e)| {
                // Retransmissions that fare like the one before are not told again.
                i.checked_sub(1)
                    .and_then(|i| b.payload.get(i))
                    .is_none_or(|before| !failure::alike(before, e))
            });
            let hops = opening
                .into_iter()
                .chain(payload.map(|(_, e)| e))
                .flat_map(|e| exchange_hops(net, e, telling))
                .collect();
            PathReport { share: b.share.rounded(), outcome: outcome_name(b.outcome), hops }
        })
        .collect()
}

fn exchange_hops(net: &Network, e: &Exchange, telling: Telling<'_>) -> Vec<crate::report::Hop> {
    use hops::PacketName as Name;
    use plumb_trace::session::ResponseKind;
    let name = match e.part {
        Part::Opening => Name::Request,
        Part::Up => Name::Payload,
        Part::Down => Name::Answer,
    };
    let mut out = hops::hops(net, &e.request, name, telling);
    if let Some(r) = &e.response {
        let name = match (r.kind, e.part) {
            (ResponseKind::Reply, Part::Opening) => Name::Reply,
            (ResponseKind::Reply, _) => Name::Acknowledgement,
            _ => Name::Error,
        };
        out.extend(hops::hops(net, &r.end, name, telling));
    }
    out
}

fn outcome_name(o: Outcome) -> String {
    o.name().to_owned()
}

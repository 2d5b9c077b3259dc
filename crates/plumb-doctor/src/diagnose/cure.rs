//! Suspects tried in the model: which changes make the flow connect, and which of them are needed.

use plumb_model::{Change, Snapshot};
use plumb_trace::Network;
use plumb_trace::session::{Attempt, Flow, Origin, Outcome};
use plumb_trace::share::Share;

use super::evidence;
use super::failure::Failure;
use super::suspect::{Suspect, suspects};
use super::{Question, Walked, walk};
use crate::finding::Packet;
use crate::messages::{self, Lang};
use crate::report::{Cause, Remedy};

/// More causes than this for one flow are not looked for.
const MOST_CAUSES: usize = 10;

/// A cause that was found, and how it was cured in the model.
struct Found {
    suspect: Suspect,
    /// The packet that it stopped.
    packet: Packet,
    /// The change that cured it; `None` where nothing in the model does.
    cure: Option<Vec<Change>>,
}

/// A cause of a flow's failure, as the report tells it, with what a check of many flows needs besides.
pub(crate) struct Diagnosed {
    /// As the report tells it.
    pub(crate) cause: Cause,
    /// Number in the catalogue of faults.
    pub(crate) fault: Option<&'static str>,
    /// Which packet of the flow it stops.
    pub(crate) packet: Packet,
    /// The changes that cured it in the model; empty where none did.
    pub(crate) cure: Vec<Change>,
}

/// The causes of a flow's failure (or delay), with remedies that were tried. Other networks of the machine, which no link
/// leads to, may have the same addresses, and are none of the flow's business.
pub(crate) fn causes(snapshot: &Snapshot, q: &Question, net: &Network, walked: &Walked) -> Vec<Diagnosed> {
    let Some((near, question)) = near(snapshot, q) else { return causes_in(snapshot, q, net, walked) };
    let net = Network::compile(&near);
    causes_in(&near, &question, &net, &walk(&net, &question.flow))
}

/// A snapshot without the namespaces that no link leads to from the flow's origin; `None` where there are none such.
fn near(snapshot: &Snapshot, q: &Question) -> Option<(Snapshot, Question)> {
    let origin = snapshot.namespaces.get(q.flow.origin.ns())?.id;
    let reached = snapshot.connected([origin].into());
    if snapshot.namespaces.iter().all(|n| reached.contains(&n.id)) {
        return None;
    }
    let mut near = snapshot.clone();
    near.namespaces.retain(|n| reached.contains(&n.id));
    let ns = near.namespaces.iter().position(|n| n.id == origin)?;
    let mut question = q.clone();
    question.flow.origin = match q.flow.origin {
        Origin::Process { source, .. } => Origin::Process { ns, source },
        Origin::Outside { device, source, .. } => Origin::Outside { ns, device, source },
    };
    Some((near, question))
}

fn causes_in(snapshot: &Snapshot, q: &Question, net: &Network, walked: &Walked) -> Vec<Diagnosed> {
    let mut found = Vec::new();
    let mut model = snapshot.clone();
    // What fails is followed until it connects, late or not; what connects is asked what makes it late.
    let fails = walked.attempt.outcome != Outcome::Connects;
    while found.len() < MOST_CAUSES {
        if fails && !found.is_empty() && outcome_with(&model, q, &[]) == Some(Outcome::Connects) {
            break;
        }
        let Some(next) = next_cause(&model, q, Ahead::Follow) else { break };
        let cure = next.cure.clone();
        found.push(next);
        match cure.and_then(|c| with(&model, &c)) {
            Some(mended) => model = mended,
            None => break,
        }
    }
    end_at_a_guess(snapshot, q, &mut found);
    drop_needless(snapshot, q, &mut found);
    let shares = shares(snapshot, q, &found);
    let mut applied: Vec<Change> = Vec::new();
    found
        .iter()
        .zip(shares)
        .map(|(f, (share, delay_s))| {
            let before = applied.clone();
            applied.extend(f.cure.iter().flatten().cloned());
            let tried = f.cure.as_ref().and_then(|_| outcome_with(snapshot, q, &applied));
            Diagnosed {
                cause: cause(snapshot, q, net, walked, f, share, delay_s, tried, &before),
                fault: messages::fault(&f.suspect.finding),
                packet: f.packet,
                cure: f.cure.clone().unwrap_or_default(),
            }
        })
        .collect()
}

/// A route that is added is a guess at where it should lead, which only a flow that connects in the end bears out. Where
/// none does, what fails behind it belongs to the guess: the cause is that the route is missing, and nothing is known
/// that cures it.
fn end_at_a_guess(snapshot: &Snapshot, q: &Question, found: &mut Vec<Found>) {
    let is_guess =
        |f: &Found| f.cure.iter().flatten().any(|c| matches!(c.action, plumb_model::Action::AddRoute(_)));
    let Some(guess) = found.iter().position(is_guess) else { return };
    let connects = |but| attempt_with(snapshot, q, found, but).map(|a| connecting(&a));
    if connects(None) > connects(Some(guess)) {
        return;
    }
    found.truncate(guess + 1);
    found[guess].cure = None;
}

/// Ways to go on that are followed to their end for one failure; more would only cost.
const MOST_FOLLOWED: usize = 8;

/// How far a way to go on is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ahead {
    /// What a suspect's cure leads to counts too.
    Follow,
    /// Only what the cure itself does.
    Stay,
}

/// How many further causes are found until the flow connects; `None` where it never does.
fn until_it_connects(model: &Snapshot, q: &Question) -> Option<usize> {
    let mut model = model.clone();
    for found in 0..MOST_CAUSES / 2 {
        let net = Network::compile(&model);
        let a = walk(&net, &q.flow).attempt;
        if a.outcome == Outcome::Connects {
            return Some(found);
        }
        model = with(&model, &next_cause(&model, q, Ahead::Stay)?.cure?)?;
    }
    None
}

/// The first cause of the first failing branch of a model.
fn next_cause(model: &Snapshot, q: &Question, ahead: Ahead) -> Option<Found> {
    let net = Network::compile(model);
    let walked = walk(&net, &q.flow);
    let a = &walked.attempt;
    let failing: Vec<_> = a.branches.iter().filter(|b| needs_cause(a, b)).collect();
    if failing.iter().any(|b| b.outcome == Outcome::Unknown) && failing.len() == 1 {
        return None;
    }
    let branch = failing.into_iter().filter(|b| b.outcome != Outcome::Unknown).max_by_key(|b| b.share)?;
    let failure = Failure::of_branch(branch)?;
    let mut first = None;
    let mut followed = 0;
    // What the other suspects come to, once it is asked for.
    let mut otherwise: Option<Option<usize>> = None;
    for suspect in suspects(&net, &q.flow, &failure) {
        // What lets the flow connect comes before what only lets it get further.
        for must_connect in [true, false] {
            for changes in &suspect.alternatives {
                let Some(mended) = with(model, changes) else { continue };
                if !helps(&q.flow, (&net, a), &failure, &mended, must_connect) {
                    continue;
                }
                if !must_connect && suspect.must_connect {
                    // It gets the flow further, but that is not enough: it is to blame where it takes no more causes
                    // to let the flow connect than without it.
                    if ahead == Ahead::Stay || followed == MOST_FOLLOWED {
                        continue;
                    }
                    followed += 1;
                    let Some(more) = until_it_connects(&mended, q) else { continue };
                    let others = *otherwise.get_or_insert_with(|| until_it_connects(model, q));
                    if others.is_some_and(|others| more + 1 > others) {
                        continue;
                    }
                }
                let cure = Some(changes.clone());
                return Some(Found { suspect, packet: failure.missed(), cure });
            }
        }
        if (!suspect.must_connect || suspect.even_uncured) && first.is_none() {
            first = Some(suspect);
        }
    }
    first.map(|suspect| Found { suspect, packet: failure.missed(), cure: None })
}

/// Whether a branch fails, or connects late in an attempt that connects.
pub(super) fn needs_cause(a: &Attempt, b: &plumb_trace::session::AttemptBranch) -> bool {
    if a.outcome == Outcome::Connects {
        return b.outcome == Outcome::Connects && b.is_late();
    }
    b.outcome != Outcome::Connects
}

/// A model with changes made; `None` where they do not fit it.
pub(crate) fn with(model: &Snapshot, changes: &[Change]) -> Option<Snapshot> {
    let mut mended = model.clone();
    for c in changes {
        c.apply(&mut mended).ok()?;
    }
    Some(mended)
}

/// Whether a change cures this failure: more attempts connect, or the failure is gone and what fails instead lies
/// further on the way.
fn helps(
    flow: &Flow,
    (old, before): (&Network, &Attempt),
    failure: &Failure,
    mended: &Snapshot,
    must_connect: bool,
) -> bool {
    let net = Network::compile(mended);
    let after = walk(&net, flow).attempt;
    if connecting(&after) > connecting(before) || late(&after) < late(before) {
        return true;
    }
    if must_connect {
        return false;
    }
    let key = failure.key(old);
    let failures: Vec<Failure> = after
        .branches
        .iter()
        .filter(|b| b.outcome != Outcome::Connects)
        .filter_map(Failure::of_branch)
        .collect();
    let known: Vec<String> =
        before.branches.iter().filter_map(Failure::of_branch).map(|f| f.key(old)).collect();
    !failures.is_empty()
        && failures.iter().all(|f| f.key(&net) != key)
        && failures.iter().filter(|f| !known.contains(&f.key(&net))).all(|f| f.is_behind(failure))
        && connecting(&after) >= connecting(before)
}

/// Share of the attempts that connect, whatever the outcome is called.
fn connecting(a: &Attempt) -> Share {
    a.branches.iter().filter(|b| b.outcome == Outcome::Connects).map(|b| b.share).sum()
}

/// Share of the attempts that connect late.
fn late(a: &Attempt) -> Share {
    a.branches.iter().filter(|b| b.outcome == Outcome::Connects && b.is_late()).map(|b| b.share).sum()
}

/// Drops causes without which the flow connects all the same, or is left with the very failure that nothing cures.
fn drop_needless(snapshot: &Snapshot, q: &Question, found: &mut Vec<Found>) {
    let full = ending(snapshot, q, found, None);
    let mut i = 0;
    while found.len() > 1 && i < found.len() {
        let without = ending(snapshot, q, found, Some(i));
        if found[i].cure.is_some() && without.is_some() && without == full {
            found.remove(i);
        } else {
            i += 1;
        }
    }
}

/// How a flow ends once causes are cured: what connects, what of that late, and the failures that are left.
fn ending(
    snapshot: &Snapshot,
    q: &Question,
    found: &[Found],
    but: Option<usize>,
) -> Option<(Share, Share, Vec<String>)> {
    let mended = mended_but(snapshot, found, but)?;
    let net = Network::compile(&mended);
    let a = walk(&net, &q.flow).attempt;
    let failing = a.branches.iter().filter(|b| b.outcome != Outcome::Connects);
    let mut left: Vec<String> = failing.filter_map(Failure::of_branch).map(|f| f.key(&net)).collect();
    left.sort();
    left.dedup();
    Some((connecting(&a), late(&a), left))
}

fn attempt_with(snapshot: &Snapshot, q: &Question, found: &[Found], but: Option<usize>) -> Option<Attempt> {
    let mended = mended_but(snapshot, found, but)?;
    let net = Network::compile(&mended);
    Some(walk(&net, &q.flow).attempt)
}

/// The model with causes cured, but for the one left out.
fn mended_but(snapshot: &Snapshot, found: &[Found], but: Option<usize>) -> Option<Snapshot> {
    let changes: Vec<Change> = found
        .iter()
        .enumerate()
        .filter(|(i, _)| Some(*i) != but)
        .flat_map(|(_, f)| f.cure.iter().flatten().cloned())
        .collect();
    with(snapshot, &changes)
}

/// What each cause alone breaks, every other mended: its share, and for one that only delays, by how much.
fn shares(snapshot: &Snapshot, q: &Question, found: &[Found]) -> Vec<(Share, Option<f64>)> {
    (0..found.len())
        .map(|i| {
            let Some(a) = attempt_with(snapshot, q, found, Some(i)) else { return (Share::ONE, None) };
            let failing = Share::ONE - connecting(&a);
            if a.outcome != Outcome::Connects {
                return (failing, None);
            }
            let delayed = late(&a);
            let mean = a
                .branches
                .iter()
                .filter(|b| b.outcome == Outcome::Connects && b.is_late())
                .map(|b| b.seconds * b.share.as_f64())
                .sum::<f64>();
            if delayed.is_zero() {
                return (failing, None);
            }
            (delayed, Some((mean / delayed.as_f64() * 1000.0).round() / 1000.0))
        })
        .collect()
}

fn outcome_with(snapshot: &Snapshot, q: &Question, changes: &[Change]) -> Option<Outcome> {
    let mended = with(snapshot, changes)?;
    let net = Network::compile(&mended);
    Some(walk(&net, &q.flow).attempt.outcome)
}

#[allow(clippy::too_many_arguments, reason = "a cause is told from all of it")]
fn cause(
    snapshot: &Snapshot,
    q: &Question,
    net: &Network,
    walked: &Walked,
    f: &Found,
    share: Share,
    delay_s: Option<f64>,
    tried: Option<Outcome>,
    before: &[Change],
) -> Cause {
    let s = &f.suspect;
    let mut remedy = Vec::new();
    if let Some(cure) = &f.cure {
        remedy.push(remedy_of(snapshot, q, cure, tried));
        // Other ways that work as well.
        for other in s.alternatives.iter().filter(|c| *c != cure).take(3) {
            let mut changes = before.to_vec();
            changes.extend(other.iter().cloned());
            if let Some(outcome) = outcome_with(snapshot, q, &changes)
                && Some(outcome) == tried
            {
                remedy.push(remedy_of(snapshot, q, other, Some(outcome)));
            }
        }
    }
    if remedy.is_empty() {
        let command = messages::advice(q.lang, &s.finding);
        remedy.push(Remedy { advice: true, ..Remedy::of(command) });
    }
    Cause {
        id: messages::id(&s.finding).to_owned(),
        share: share.rounded(),
        layer: s.layer,
        place: s.place.clone(),
        summary: messages::summary(q.lang, &s.finding),
        evidence: evidence::evidence(net, walked, s, q.lang),
        effect: messages::effect(q.lang, &s.finding, &q.flow),
        remedy,
        delay_s,
    }
}

fn remedy_of(snapshot: &Snapshot, q: &Question, changes: &[Change], tried: Option<Outcome>) -> Remedy {
    let (command, advice) = commands(snapshot, changes, q.lang);
    Remedy { tried_in_model: tried.map(|o| o.name().to_owned()), advice, ..Remedy::of(command) }
}

/// Changes as commands joined by ` && `, and whether one of them is advice only.
pub(crate) fn commands(snapshot: &Snapshot, changes: &[Change], lang: Lang) -> (String, bool) {
    // Later commands may name what earlier ones made.
    let mut model = snapshot.clone();
    let mut commands = Vec::new();
    let mut advice = false;
    for c in changes {
        let here = c.commands(&model);
        if here.is_empty()
            && let Some(a) = c.advice(&model)
        {
            commands.push(messages::change_advice(lang, &a));
            advice = true;
        }
        commands.extend(here);
        let _ = c.apply(&mut model);
    }
    (commands.join(" && "), advice)
}

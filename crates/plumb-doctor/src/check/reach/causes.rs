//! Failing pairs, grouped by cause and place.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use plumb_model::Snapshot;
use plumb_trace::Network;
use plumb_trace::session::{Outcome, Transport};

use super::answers::{Answer, some};
use super::consequences::{
    default_route, disabled, given_back, lost_addresses, remedy_of, took_along, whole_listener,
};
use super::pairs::Asked;
use super::whole_service::{self, Told};
use super::{dns, fault, meant, stale};
use crate::check::policies::{Expected, Judges};
use crate::check::report::{CheckFinding, FoundBy, Pairs, Severity};
use crate::check::told::{self, Observation};
use crate::check::yardstick::Yardstick;
use crate::diagnose::{self, Diagnosed, Question};
use crate::hops::Level;
use crate::messages::{self, Lang};
use crate::report::PathReport;

/// More causes than this are not looked for in one check; a pair of what is left is told as unexplained.
const MOST_CAUSES: usize = 60;

/// A cause, and what it was found by.
pub(super) struct Found {
    pub(super) diagnosed: Diagnosed,
    /// The pair that it was found with.
    pub(super) ask: usize,
    /// How that pair ended.
    outcome: Outcome,
    /// Pairs that it stops and that nothing in the model cures.
    stuck: BTreeSet<usize>,
}

/// The causes of all failing pairs, those that break most first.
pub(super) fn causes(
    snapshot: &Snapshot,
    net: &Network,
    (yardstick, judges): (&Yardstick, &Judges),
    asked: &Asked,
    answers: &[Answer],
    lang: Lang,
) -> Vec<CheckFinding> {
    let failing: Vec<usize> = (0..answers.len()).filter(|&i| answers[i].needs_cause()).collect();
    if failing.is_empty() {
        return Vec::new();
    }
    let Looked { found, unexplained, supposed } = look(snapshot, yardstick, asked, answers, &failing, lang);
    let broken = broken(snapshot, asked, &failing, &found);
    let of = asked.asks.iter().map(|a| a.count).sum();
    // What fails by itself because of something that nobody can have meant, not only behind what somebody may have.
    let unintended = |f: &Found, pairs: &BTreeSet<usize>| {
        pairs.iter().any(|p| meant::unintended(snapshot, asked, *p, &f.diagnosed))
    };
    let behind: BTreeSet<usize> = found
        .iter()
        .zip(&broken)
        .filter(|(f, pairs)| !unintended(f, pairs))
        .flat_map(|(_, pairs)| pairs.iter().copied())
        .chain(supposed)
        .collect();
    let may_be_meant = |f: &Found, pairs: &BTreeSet<usize>| {
        // What nobody can have meant for replies is another thing for requests that it stops as well.
        let proves = |p: &usize| {
            let d = &f.diagnosed;
            !behind.contains(p)
                && (!meant::for_requests(snapshot, asked, *p, d)
                    || answers[*p].packet.is_some_and(meant::comes_back))
        };
        !unintended(f, pairs) || !pairs.iter().any(proves)
    };
    let told = found
        .iter()
        .zip(broken)
        .map(|(f, pairs)| Told {
            finding: CheckFinding {
                path: path(net, asked, &pairs, lang),
                ..finding(yardstick, asked, answers, f, (&pairs, may_be_meant(f, &pairs)), of)
            },
            found: f,
            pairs,
        })
        .collect();
    let told = whole_service::as_one(snapshot, yardstick, asked, told, lang).into_iter();
    let refined = |t: Told| {
        let finding = dns::server_down(net, asked, &t.pairs, t.finding, lang);
        stale::in_place_of(snapshot, net, judges, asked, &t.pairs, finding, lang)
    };
    let mut findings: Vec<CheckFinding> = told.map(refined).collect();
    findings.extend(unexplained.iter().map(|&i| unexplained_pair(asked, answers, i, of, lang)));
    findings
}

/// What came of looking for causes.
struct Looked {
    found: Vec<Found>,
    /// A pair of each group that no cause was found for.
    unexplained: Vec<usize>,
    /// Pairs that got as far as they did only because something was mended that somebody may have meant.
    supposed: BTreeSet<usize>,
}

/// Takes the largest group of failures, names its causes, mends them in the model and walks again, until nothing fails.
fn look(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    asked: &Asked,
    answers: &[Answer],
    failing: &[usize],
    lang: Lang,
) -> Looked {
    let mut model = snapshot.clone();
    let mut open: Vec<(usize, Answer)> = failing.iter().map(|&i| (i, answers[i].clone())).collect();
    let (mut found, mut unexplained): (Vec<Found>, Vec<usize>) = (Vec::new(), Vec::new());
    // Addresses that IPv6 gave up show as a neighbour here, a route there; the sysctl is one place for all of them.
    for (ask, diagnosed) in disabled(snapshot, yardstick, asked, &open, lang) {
        diagnosed.cure.iter().for_each(|c| drop(c.apply(&mut model)));
        found.push(Found { diagnosed, ask, outcome: answers[ask].outcome, stuck: BTreeSet::new() });
    }
    if !found.is_empty() {
        open = walked_again(&model, asked, &open, Answer::needs_cause);
    }
    let mut supposed: BTreeSet<usize> = BTreeSet::new();
    while found.len() < MOST_CAUSES {
        let Some(group) = largest(asked, &open) else { break };
        let (ask, first) = (group[0], &open.iter().find(|(i, _)| *i == group[0]).map(|(_, a)| a.clone()));
        let Some(first) = first else { break };
        let question = Question {
            flow: asked.flow(&asked.asks[ask]),
            from: asked.sources[asked.asks[ask].source].0.clone(),
            lang,
        };
        let causes = needed(&model, asked, (ask, first), diagnose::causes(&model, &question));
        let may_be_meant = causes.iter().any(|d| !meant::unintended(snapshot, asked, ask, d));
        if causes.is_empty() {
            unexplained.push(ask);
        }
        let mut cured = false;
        for mut diagnosed in causes {
            // What is behind a translation that is mended away is nobody's concern.
            let again = || walked_again(&model, asked, &[(ask, first.clone())], Answer::needs_cause);
            if cured && asked.asks[ask].led.is_some_and(|led| !led.served) && again().is_empty() {
                break;
            }
            diagnosed.cure.extend(whole_listener(&model, &diagnosed.cure));
            let back = given_back(&model, yardstick, &diagnosed);
            if !back.is_empty() {
                diagnosed.cure.extend(back);
                diagnosed.cause.remedy = vec![remedy_of(&model, &diagnosed.cure, asked, ask, lang)];
            }
            if let Some(wider) = default_route(&model, asked, &open, &diagnosed.cure) {
                diagnosed.cause.remedy = vec![remedy_of(&model, &wider, asked, ask, lang)];
                diagnosed.cure = wider;
            }
            let stuck =
                if diagnosed.cure.is_empty() { group.iter().copied().collect() } else { BTreeSet::new() };
            // What does not fit the model any more was mended along with another cause.
            cured |= diagnosed.cure.iter().filter(|c| c.apply(&mut model).is_ok()).count() > 0;
            // Its routes went with a device that was set down: they are part of setting it up.
            if let Some(down) = found.iter_mut().find(|f| took_along(&f.diagnosed, &diagnosed)) {
                down.diagnosed.cure.extend(diagnosed.cure);
                let cure = down.diagnosed.cure.clone();
                down.diagnosed.cause.remedy = vec![remedy_of(snapshot, &cure, asked, down.ask, lang)];
                continue;
            }
            let known = found.iter_mut().find(|f| {
                f.diagnosed.cause.id == diagnosed.cause.id && f.diagnosed.cause.place == diagnosed.cause.place
            });
            match known {
                Some(f) => f.stuck.extend(stuck),
                None => found.push(Found { diagnosed, ask, outcome: first.outcome, stuck }),
            }
        }
        if cured {
            let before = open;
            open = walked_again(&model, asked, &before, Answer::needs_cause);
            if may_be_meant {
                let goes_on =
                    |(i, a): &&(usize, Answer)| before.iter().any(|(b, was)| b == i && was.key != a.key);
                supposed.extend(open.iter().filter(goes_on).map(|(i, _)| *i));
            }
            for f in &mut found {
                let gone = lost_addresses(snapshot, yardstick, asked, &f.diagnosed, &open);
                open.retain(|(i, _)| !gone.contains(i));
                f.stuck.extend(gone);
            }
        }
        // What fails as before although all was done that can be done is left alone.
        open.retain(|(i, a)| !(group.contains(i) && a.key == first.key));
    }
    // More causes than are looked for: one of the pairs that are left stands for them, so that they are not kept quiet. A
    // plain host's rules may be meant to stop what they stop.
    let left = open.iter().find(|(_, a)| !(yardstick.plain_host && a.barred));
    unexplained.extend(left.map(|(i, _)| *i).filter(|_| found.len() >= MOST_CAUSES));
    Looked { found, unexplained, supposed }
}

/// The open pairs that fail alike and are most, direct ones first; on a plain host behind all others those whose request a
/// rule stops.
fn largest(asked: &Asked, open: &[(usize, Answer)]) -> Option<Vec<usize>> {
    // What breaks an endpoint breaks its Services, too, and shows more plainly without them.
    let is_direct = |i: usize| asked.targets[asked.asks[i].target].member.is_some();
    let mut groups: BTreeMap<(bool, &str), (bool, u64, Vec<usize>)> = BTreeMap::new();
    for (i, a) in open {
        let group = groups.entry((!(asked.plain && a.barred), a.key.as_deref()?)).or_default();
        group.0 |= is_direct(*i);
        group.1 += asked.asks[*i].count;
        group.2.push(*i);
    }
    let (_, (_, _, mut all)) = groups.into_iter().max_by_key(|((first, _), (direct, count, all))| {
        (*first, *direct, *count, std::cmp::Reverse(all[0]))
    })?;
    all.sort_by_key(|&i| !is_direct(i));
    Some(all)
}

/// Of a Service's causes those that stop what policies allow: without their cures, and with those of the others, it still fails.
fn needed(
    model: &Snapshot,
    asked: &Asked,
    (ask, answer): (usize, &Answer),
    causes: Vec<Diagnosed>,
) -> Vec<Diagnosed> {
    if !matches!(asked.expected(ask), Expected::Each(_)) || causes.len() < 2 {
        return causes;
    }
    let fails_without = |but: usize| {
        let mut mended = model.clone();
        let others = causes.iter().enumerate().filter(|(i, _)| *i != but);
        for change in others.flat_map(|(_, d)| &d.cure) {
            let _ = change.apply(&mut mended);
        }
        !walked_again(&mended, asked, &[(ask, answer.clone())], Answer::needs_cause).is_empty()
    };
    let keep: Vec<bool> = (0..causes.len()).map(fails_without).collect();
    causes.into_iter().zip(keep).filter_map(|(d, keep)| keep.then_some(d)).collect()
}

pub(super) fn walked_again(
    model: &Snapshot,
    asked: &Asked,
    open: &[(usize, Answer)],
    keep: impl Fn(&Answer) -> bool,
) -> Vec<(usize, Answer)> {
    let net = Network::compile(model);
    let which: Vec<usize> = open.iter().map(|(i, _)| *i).collect();
    let answers = some(&net, asked, &which, &|_, _| {});
    which.into_iter().zip(answers).filter(|(_, a)| keep(a)).collect()
}

/// The pairs that each cause breaks, every other cause mended.
fn broken(snapshot: &Snapshot, asked: &Asked, failing: &[usize], found: &[Found]) -> Vec<BTreeSet<usize>> {
    let fails_with = |but: Option<usize>| -> BTreeSet<usize> {
        let cures = found.iter().enumerate().filter(|(i, _)| Some(*i) != but);
        let changes: Vec<_> = cures.flat_map(|(_, f)| f.diagnosed.cure.iter().cloned()).collect();
        // Cures that do not fit without one of the others were made for a model in which that was mended.
        let mut model = snapshot.clone();
        for change in &changes {
            let _ = change.apply(&mut model);
        }
        let net = Network::compile(&model);
        let answers = some(&net, asked, failing, &|_, _| {});
        failing.iter().copied().zip(answers).filter(|(_, a)| a.needs_cause()).map(|(i, _)| i).collect()
    };
    let left = fails_with(None);
    (0..found.len())
        .map(|i| {
            let mut own: BTreeSet<usize> = if found[i].diagnosed.cure.is_empty() {
                found[i].stuck.clone()
            } else {
                fails_with(Some(i)).difference(&left).chain(&found[i].stuck).copied().collect()
            };
            own.insert(found[i].ask);
            own
        })
        .collect()
}

fn finding(
    yardstick: &Yardstick,
    asked: &Asked,
    answers: &[Answer],
    f: &Found,
    (pairs, may_be_meant): (&BTreeSet<usize>, bool),
    of: u64,
) -> CheckFinding {
    let cause = f.diagnosed.cause.clone();
    let first = pairs.iter().next().copied().unwrap_or(f.ask);
    let ask = &asked.asks[first];
    let worst = worst(answers, asked, pairs).unwrap_or(f.outcome);
    let slow = worst == Outcome::Connects;
    let severity = match (yardstick.plain_host, slow) {
        (true, _) if may_be_meant => Severity::Info,
        _ if may_answer_otherwise(asked, f) => Severity::Info,
        (_, true) => Severity::Warning,
        _ => Severity::Error,
    };
    let symptom = |o: Outcome| if o == Outcome::Connects { "slow" } else { o.name() }.to_owned();
    CheckFinding {
        fault: fault::refined(f.diagnosed.fault, &cause, yardstick).map(str::to_owned),
        id: cause.id,
        severity,
        symptom: symptom(worst),
        place: cause.place,
        layer: cause.layer,
        summary: cause.summary,
        evidence: cause.evidence,
        effect: cause.effect,
        affects: affected(asked, pairs),
        remedy: cause.remedy,
        pairs: Some(Pairs {
            broken: pairs.iter().map(|&i| asked.asks[i].count).sum(),
            of,
            first: [
                asked.sources[ask.source].0.clone(),
                asked.targets[ask.target].name.clone(),
                symptom(answers[first].outcome),
            ],
        }),
        found_by: FoundBy::Reach,
        path: None,
    }
}

/// The way of the first of the pairs, of its branches the largest that fails.
fn path(net: &Network, asked: &Asked, pairs: &BTreeSet<usize>, lang: Lang) -> Option<PathReport> {
    let ask = &asked.asks[*pairs.iter().next()?];
    let from = asked.sources[ask.source].0.clone();
    let report = diagnose::trace(net, &Question { flow: asked.flow(ask), from, lang }, Level::Brief);
    let fails = |p: &PathReport| p.outcome != Outcome::Connects.name();
    report
        .paths
        .into_iter()
        .max_by(|a, b| (fails(a), a.share).partial_cmp(&(fails(b), b.share)).unwrap_or(Ordering::Equal))
}

/// How most of the pairs end that do not connect; that they connect late where all do.
fn worst(answers: &[Answer], asked: &Asked, pairs: &BTreeSet<usize>) -> Option<Outcome> {
    // A Service mixes the end of one endpoint with those of others: what goes to an address itself shows it plainly.
    let mut counts: BTreeMap<Outcome, (bool, u64)> = BTreeMap::new();
    for &i in pairs {
        let count = counts.entry(answers[i].outcome).or_default();
        count.0 |= asked.targets[asked.asks[i].target].member.is_some();
        count.1 += asked.asks[i].count;
    }
    let first = |(o, (direct, n)): &(Outcome, (bool, u64))| (*o != Outcome::Connects, *direct, *n);
    counts.into_iter().max_by_key(first).map(|(o, _)| o)
}

/// Names that a report lists at most.
const MOST_NAMES: usize = 8;

/// Whom a cause affects: the targets where they are fewer than the sources, else the sources.
pub(super) fn affected(asked: &Asked, pairs: &BTreeSet<usize>) -> Vec<String> {
    let sources: BTreeSet<usize> = pairs.iter().map(|&i| asked.asks[i].source).collect();
    let targets: BTreeSet<&str> =
        pairs.iter().map(|&i| asked.targets[asked.asks[i].target].name.as_str()).collect();
    if targets.len() <= sources.len() {
        targets.into_iter().take(MOST_NAMES).map(str::to_owned).collect()
    } else {
        sources.into_iter().take(MOST_NAMES).map(|s| asked.sources[s].0.clone()).collect()
    }
}

/// A server on UDP that is bound to no address may itself choose the one that it answers from (`IP_PKTINFO`): that the
/// kernel would choose another proves nothing.
fn may_answer_otherwise(asked: &Asked, f: &Found) -> bool {
    let target = &asked.targets[asked.asks[f.ask].target];
    f.diagnosed.cause.id == "answer-from-elsewhere" && target.transport == Transport::Udp
}

/// A pair that fails and that no cause was found for: said, not kept quiet.
fn unexplained_pair(asked: &Asked, answers: &[Answer], i: usize, of: u64, lang: Lang) -> CheckFinding {
    let ask = &asked.asks[i];
    let (from, to) = (&asked.sources[ask.source].0, &asked.targets[ask.target].name);
    let outcome = messages::outcome(lang, answers[i].outcome.name());
    let mut finding = told::finding(
        lang,
        Observation::new("pair-unexplained", told::at_name(from))
            .with("from", from)
            .with("to", to)
            .with("outcome", outcome),
        FoundBy::Reach,
    );
    finding.symptom = answers[i].outcome.name().to_owned();
    let same =
        answers.iter().zip(&asked.asks).filter(|(a, _)| a.key == answers[i].key).map(|(_, a)| a.count).sum();
    finding.pairs =
        Some(Pairs { broken: same, of, first: [from.clone(), to.clone(), finding.symptom.clone()] });
    finding
}

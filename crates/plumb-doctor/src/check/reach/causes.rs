//! Failing pairs, grouped by cause and place.

use std::collections::{BTreeMap, BTreeSet};

use plumb_model::{Action, Change, IpFamily, Prefix, Route, Snapshot};
use plumb_trace::event::{Event, NatKind};
use plumb_trace::session::{Outcome, attempt};
use plumb_trace::{Network, Walker};

use super::answers::{Answer, some};
use super::fault;
use super::pairs::Asked;
use crate::check::report::{CheckFinding, FoundBy, Pairs, Severity};
use crate::check::told::{self, Observation};
use crate::check::yardstick::{Member, Yardstick, global_addresses};
use crate::diagnose::{self, Diagnosed, Question};
use crate::finding::Packet;
use crate::messages::{self, Lang};
use crate::place;
use crate::report::Remedy;

/// More causes than this are not looked for in one check; what is left is told as a number.
const MOST_CAUSES: usize = 60;

/// A cause, and what it was found by.
struct Found {
    diagnosed: Diagnosed,
    /// The pair that it was found with.
    ask: usize,
    /// How that pair ended.
    outcome: Outcome,
    /// Pairs that it stops and that nothing in the model cures.
    stuck: BTreeSet<usize>,
}

/// The causes of all failing pairs, those that break most first.
pub(super) fn causes(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    asked: &Asked,
    answers: &[Answer],
    lang: Lang,
) -> Vec<CheckFinding> {
    let failing: Vec<usize> = (0..answers.len()).filter(|&i| answers[i].needs_cause()).collect();
    if failing.is_empty() {
        return Vec::new();
    }
    let (found, unexplained) = look(snapshot, yardstick, asked, answers, &failing, lang);
    let broken = broken(snapshot, asked, &failing, &found);
    let of = asked.asks.iter().map(|a| a.count).sum();
    let mut findings: Vec<CheckFinding> = found
        .iter()
        .zip(broken)
        .map(|(f, pairs)| finding(yardstick, asked, answers, f, &pairs, of))
        .collect();
    findings.extend(unexplained.iter().map(|&i| unexplained_pair(asked, answers, i, of, lang)));
    findings
}

/// Takes the largest group of failures, names its causes, mends them in the model and walks again, until nothing fails.
/// The second list holds a pair of each group that no cause was found for.
fn look(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    asked: &Asked,
    answers: &[Answer],
    failing: &[usize],
    lang: Lang,
) -> (Vec<Found>, Vec<usize>) {
    let mut model = snapshot.clone();
    let mut open: Vec<(usize, Answer)> = failing.iter().map(|&i| (i, answers[i].clone())).collect();
    let (mut found, mut unexplained): (Vec<Found>, Vec<usize>) = (Vec::new(), Vec::new());
    while found.len() < MOST_CAUSES {
        let Some(group) = largest(asked, &open) else { break };
        let (ask, first) = (group[0], &open.iter().find(|(i, _)| *i == group[0]).map(|(_, a)| a.clone()));
        let Some(first) = first else { break };
        let question = Question {
            flow: asked.flow(&asked.asks[ask]),
            from: asked.sources[asked.asks[ask].source].0.clone(),
            lang,
        };
        let causes = diagnose::causes(&model, &question);
        if causes.is_empty() {
            unexplained.push(ask);
        }
        let mut cured = false;
        for mut diagnosed in causes {
            diagnosed.cure.extend(whole_listener(&model, &diagnosed.cure));
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
            open = walked_again(&model, asked, &open, Answer::needs_cause);
            for f in &mut found {
                let gone = lost_addresses(snapshot, yardstick, asked, &f.diagnosed, &open);
                open.retain(|(i, _)| !gone.contains(i));
                f.stuck.extend(gone);
            }
        }
        // What fails as before although all was done that can be done is left alone.
        open.retain(|(i, a)| !(group.contains(i) && a.key == first.key));
    }
    (found, unexplained)
}

/// Whether a missing route went with a device that was set down.
fn took_along(down: &Diagnosed, missing: &Diagnosed) -> bool {
    let namespace = |d: &Diagnosed| d.cause.place.get("namespace").cloned();
    matches!(down.cause.id.as_str(), "link-down" | "ipv6-disabled")
        && matches!(missing.cause.id.as_str(), "route-missing" | "return-route-missing")
        && namespace(down) == namespace(missing)
        && !missing.cure.is_empty()
}

/// Open pairs that need an address which IPv6 gave up with a device (set down, or IPv6 disabled on it) and which does not
/// come back by itself: they are part of that, not faults of their own.
fn lost_addresses(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    asked: &Asked,
    d: &Diagnosed,
    open: &[(usize, Answer)],
) -> BTreeSet<usize> {
    if !matches!(d.cause.id.as_str(), "link-down" | "ipv6-disabled") {
        return BTreeSet::new();
    }
    let name = d.cause.place.get("namespace").and_then(|v| v.as_str()).unwrap_or_default();
    let here = |m: &&Member| snapshot.namespaces[m.ns].name == name;
    let Some(member) = yardstick.members.iter().find(here) else { return BTreeSet::new() };
    let has = global_addresses(&snapshot.namespaces[member.ns]);
    let lost: Vec<_> = member.addresses.iter().filter(|a| a.is_ipv6() && !has.contains(a)).collect();
    if lost.is_empty() {
        return BTreeSet::new();
    }
    let leads_there = |name: &str, address: std::net::IpAddr| {
        lost.contains(&&address)
            || yardstick.services.iter().any(|s| {
                s.address == address
                    && name.starts_with(&s.name)
                    && s.endpoints.iter().any(|(a, _)| lost.contains(&a))
            })
    };
    open.iter()
        .map(|(i, _)| *i)
        .filter(|&i| {
            let (ask, target) = (&asked.asks[i], &asked.targets[asked.asks[i].target]);
            target.address.is_ipv6()
                && (asked.sources[ask.source].1 == member.ns || leads_there(&target.name, target.address))
        })
        .collect()
}

/// Changes as a remedy, tried on one pair.
fn remedy_of(model: &Snapshot, cure: &[Change], asked: &Asked, ask: usize, lang: Lang) -> Remedy {
    let (command, advice) = diagnose::commands(model, cure, lang);
    let tried = diagnose::with(model, cure).map(|mended| {
        let net = Network::compile(&mended);
        let answers = some(&net, asked, &[ask], &|_, _| {});
        answers.first().map_or(Outcome::Unknown, |a| a.outcome).name().to_owned()
    });
    Remedy { tried_in_model: tried, advice, ..Remedy::of(command) }
}

/// A default route in place of one to a single network, where the table has none and more pairs connect by it.
fn default_route(
    model: &Snapshot,
    asked: &Asked,
    open: &[(usize, Answer)],
    cure: &[Change],
) -> Option<Vec<Change>> {
    let [Change { namespace, action: Action::AddRoute(route) }] = cure else { return None };
    route.next_hops.first()?.gateway?;
    let n = model.namespace(*namespace)?;
    let is_default = |r: &Route| r.dst.len == 0 && r.table == route.table && r.family == route.family;
    if n.routes.items().iter().any(is_default) {
        return None;
    }
    let all = Prefix::new(route.family.unspecified(), 0);
    let wider =
        vec![Change { namespace: *namespace, action: Action::AddRoute(Route { dst: all, ..route.clone() }) }];
    let left = |changes: &[Change]| {
        Some(walked_again(&diagnose::with(model, changes)?, asked, open, Answer::needs_cause).len())
    };
    (left(&wider)? < left(cure)?).then_some(wider)
}

/// A server that is started serves every address of its namespace: one cause for all of them, not one for each.
fn whole_listener(model: &Snapshot, cure: &[Change]) -> Vec<Change> {
    let mut all = Vec::new();
    for change in cure {
        let Action::StartListener { protocol, port, address, .. } = change.action else { continue };
        let Some(n) = model.namespace(change.namespace) else { continue };
        let others = global_addresses(n).into_iter().filter(|a| *a != address);
        all.extend(others.map(|address| Change {
            namespace: change.namespace,
            action: Action::StartListener { family: IpFamily::of(address), protocol, address, port },
        }));
    }
    all
}

/// The open pairs that fail alike and are most, direct ones first.
fn largest(asked: &Asked, open: &[(usize, Answer)]) -> Option<Vec<usize>> {
    // What breaks an endpoint breaks its Services, too, and shows more plainly without them.
    let is_direct = |i: usize| asked.targets[asked.asks[i].target].member.is_some();
    let mut groups: BTreeMap<&str, (bool, u64, Vec<usize>)> = BTreeMap::new();
    for (i, a) in open {
        let group = groups.entry(a.key.as_deref()?).or_default();
        group.0 |= is_direct(*i);
        group.1 += asked.asks[*i].count;
        group.2.push(*i);
    }
    let (_, _, mut all) = groups
        .into_values()
        .max_by_key(|(direct, count, all)| (*direct, *count, std::cmp::Reverse(all[0])))?;
    all.sort_by_key(|&i| !is_direct(i));
    Some(all)
}

fn walked_again(
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
    pairs: &BTreeSet<usize>,
    of: u64,
) -> CheckFinding {
    let cause = f.diagnosed.cause.clone();
    let first = pairs.iter().next().copied().unwrap_or(f.ask);
    let ask = &asked.asks[first];
    let worst = worst(answers, asked, pairs).unwrap_or(f.outcome);
    let slow = worst == Outcome::Connects;
    let severity = match (yardstick.plain_host, slow) {
        (true, _) if !unintended(&cause.id, f.diagnosed.packet) => Severity::Info,
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
    }
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
fn affected(asked: &Asked, pairs: &BTreeSet<usize>) -> Vec<String> {
    let sources: BTreeSet<usize> = pairs.iter().map(|&i| asked.asks[i].source).collect();
    let targets: BTreeSet<&str> =
        pairs.iter().map(|&i| asked.targets[asked.asks[i].target].name.as_str()).collect();
    if targets.len() <= sources.len() {
        targets.into_iter().take(MOST_NAMES).map(str::to_owned).collect()
    } else {
        sources.into_iter().take(MOST_NAMES).map(|s| asked.sources[s].0.clone()).collect()
    }
}

/// What no one can have meant, where nobody's intention is known: the reply that is lost, NAT to nobody, loops, martians,
/// neighbours that do not exist, limits. Rules that stop requests, and routes that are not there, may well be meant.
fn unintended(id: &str, packet: Packet) -> bool {
    match id {
        "netfilter-drop"
        | "netfilter-policy"
        | "netfilter-reject"
        | "route-missing"
        | "route-discards"
        | "policy-rule-discards"
        | "forwarding-off"
        | "link-down"
        | "ipv6-disabled"
        | "echo-ignored"
        | "listener-missing"
        | "listener-elsewhere"
        | "listener-other-family" => {
            matches!(packet, Packet::Reply)
        }
        _ => true,
    }
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

/// Pods that reach pods under another address than their own.
pub(super) fn translated(net: &Network, asked: &Asked, answers: &[Answer], lang: Lang) -> Vec<CheckFinding> {
    let is_pod = |name: &str| name.starts_with("pod:");
    let direct = |i: usize| {
        let (source, target) = (asked.asks[i].source, &asked.targets[asked.asks[i].target]);
        is_pod(&asked.sources[source].0) && is_pod(&target.name) && target.member.is_some()
    };
    let all: Vec<usize> = (0..answers.len()).filter(|&i| answers[i].seen_as.is_some() && direct(i)).collect();
    let mut by_rule: BTreeMap<String, (Observation, BTreeSet<usize>)> = BTreeMap::new();
    for &i in &all {
        let Some(seen) = answers[i].seen_as else { continue };
        let walker = Walker::new(net, true);
        let a = attempt(&walker, &asked.flow(&asked.asks[i]));
        let Some(exchange) = a.branches.first().and_then(|b| b.packets.last()) else { continue };
        let rule = exchange.request.state.history.events().into_iter().find_map(|e| match e {
            Event::Nat { rule: Some(rule), kind: NatKind::Source, .. } => Some(*rule),
            _ => None,
        });
        let Some(rule) = rule else { continue };
        let at = place::rule(net, rule, &[]);
        let key = serde_json::to_string(&at).unwrap_or_default();
        let text = at.get("rule").and_then(|r| r.as_str()).unwrap_or_default().to_owned();
        let entry = by_rule.entry(key).or_insert_with(|| {
            let observation = Observation::new("source-translated", at)
                .with("rule", text)
                .with("from", &asked.sources[asked.asks[i].source].0)
                .with("to", &asked.targets[asked.asks[i].target].name)
                .with("seen", seen.to_string());
            (observation, BTreeSet::new())
        });
        entry.1.insert(i);
    }
    let of = asked.asks.iter().map(|a| a.count).sum();
    by_rule
        .into_values()
        .map(|(observation, pairs)| {
            let first = pairs.iter().next().map(|&i| &asked.asks[i]);
            let mut finding = told::finding(lang, observation, FoundBy::Reach);
            finding.affects = affected(asked, &pairs);
            finding.pairs = first.map(|ask| Pairs {
                broken: pairs.iter().map(|&i| asked.asks[i].count).sum(),
                of,
                first: [
                    asked.sources[ask.source].0.clone(),
                    asked.targets[ask.target].name.clone(),
                    Outcome::Connects.name().to_owned(),
                ],
            });
            finding
        })
        .collect()
}

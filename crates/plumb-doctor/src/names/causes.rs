//! Why a look-up is not answered, or late: causes at the places of what stops the ways to servers.

use plumb_trace::share::Share;
use serde_json::json;

use super::NameFinding;
use super::ask::Said;
use super::heard::{answers, really};
use super::plan::Plan;
use super::resolve::LookUp;
use super::servers::Way;
use super::timing::{Asked, Does, until_given_up};
use crate::messages::{self, NameNote, name_note};
use crate::place;
use crate::report::{Cause, Evidence, Layer, Place, Remedy};

/// Look-ups that a server's failure breaks or delays, and the share of the questions to it that fail.
#[derive(Clone, Copy)]
struct Part {
    all: Share,
    failing: Share,
}

fn part<'a>(all: Share, failing: impl Iterator<Item = &'a (Share, Does)>) -> Part {
    Part { all, failing: failing.map(|d| d.0).sum() }
}

impl Part {
    /// The share of look-ups that one cause breaks, which breaks this share of the questions: a server's address may lead to one
    /// of several endpoints, each with a cause of its own.
    fn by(self, share_of_questions: f64) -> f64 {
        if share_of_questions >= 1.0 || self.failing.is_zero() {
            return self.all.rounded();
        }
        let all = self.all.as_f64();
        let share = (all * share_of_questions / self.failing.as_f64()).min(all);
        if share >= 1.0 { 1.0 } else { ((share * 1000.0).round() / 1000.0).clamp(0.001, 0.999) }
    }
}

impl LookUp<'_, '_> {
    /// Causes for the first server that keeps look-ups from being answered, and for those that only delay them.
    pub(super) fn unanswered(
        &mut self,
        plan: &Plan,
        ways: &[Way],
        asked: &[Asked],
        does: &[Vec<(Share, Does)>],
        said: Option<&Said>,
    ) {
        let lost: Vec<&Asked> = asked.iter().filter(|a| a.by.is_none() && !a.open).collect();
        let share: Share = lost.iter().map(|a| a.share).sum();
        if !share.is_zero() {
            let seconds = lost.iter().map(|a| until_given_up(plan, a)).max().unwrap_or(0);
            let refused = lost.iter().all(|a| a.at_once);
            let Some(first) = does.iter().position(|d| d.iter().any(|d| is_failure(d.1))) else { return };
            let (way, namespace, name) = (&ways[first], self.namespace(), self.q.name.clone());
            if let Some(finding) = said.and_then(|s| really(s, plan, first, way, &namespace, &name)) {
                let place = self.at_server(plan.servers[first].address);
                let evidence = answers(self.q.lang, ways, said);
                self.cause(&finding, share, place, evidence, Vec::new(), None);
                return;
            }
            let of = part(share, does[first].iter().filter(|d| is_failure(d.1)));
            self.through(way, ways, of, None, |why| NameFinding::ServerUnreachable {
                namespace: namespace.clone(),
                server: way.address.clone(),
                name: name.clone(),
                why,
                refused,
                seconds,
            });
        }
        let late: Share = asked.iter().filter(|a| a.seconds > 0 && a.by.is_some()).map(|a| a.share).sum();
        if late.is_zero() {
            return;
        }
        let silent = |i: usize| does[i].iter().any(|d| d.1 == Does::Silent);
        for (i, way) in ways.iter().enumerate().filter(|(i, _)| silent(*i)) {
            // A server behind the one that answers is not waited for.
            if !asked.iter().any(|a| a.seconds > 0 && a.by.is_some_and(|by| by != i)) {
                continue;
            }
            let (namespace, seconds) = (self.namespace(), plan.patience(i));
            if let Some(finding) = said.and_then(|s| really(s, plan, i, way, &namespace, &self.q.name)) {
                let place = self.at_server(plan.servers[i].address);
                let evidence = answers(self.q.lang, ways, said);
                self.cause(&finding, late, place, evidence, Vec::new(), Some(f64::from(seconds)));
                continue;
            }
            let of = part(late, does[i].iter().filter(|d| d.1 == Does::Silent));
            self.through(way, ways, of, Some(f64::from(seconds)), |why| NameFinding::ServerLate {
                namespace: namespace.clone(),
                server: way.address.clone(),
                why,
                seconds,
            });
        }
    }

    /// A cause at the place of what stops the way to a server: of the look-ups it breaks the part that it breaks of the way.
    fn through(
        &mut self,
        way: &Way,
        all: &[Way],
        of: Part,
        delay_s: Option<f64>,
        finding: impl Fn(String) -> NameFinding,
    ) {
        let lang = self.q.lang;
        let evidence: Vec<Evidence> = all
            .iter()
            .map(|w| Evidence {
                what: name_note(lang, NameNote::Server { address: &w.address }),
                seen: json!(if w.does.iter().any(|d| d.1 == Does::Open) {
                    "unknown"
                } else {
                    w.outcome.as_str()
                }),
                right: json!("connects"),
                delta: None,
                unit: None,
                read_with: None,
            })
            .collect();
        if way.causes.is_empty() {
            let why = messages::outcome(lang, &way.outcome);
            let place = place::namespace(self.net, self.ns);
            self.cause(&finding(why), of.all, place, evidence, Vec::new(), delay_s);
            return;
        }
        for inner in &way.causes {
            let mut shown = evidence.clone();
            shown.extend(inner.evidence.iter().cloned());
            self.with_share(
                &finding(inner.summary.clone()),
                of.by(inner.share),
                inner.place.clone(),
                shown,
                inner.remedy.clone(),
                delay_s,
            );
        }
    }

    pub(super) fn fails(&mut self, finding: &NameFinding, error: &str, place: Place) {
        self.found.report.error = Some(error.to_owned());
        self.found.answered = Share::ZERO;
        self.cause(finding, Share::ONE, place, Vec::new(), Vec::new(), None);
    }

    pub(super) fn cause(
        &mut self,
        finding: &NameFinding,
        share: Share,
        place: Place,
        evidence: Vec<Evidence>,
        remedy: Vec<Remedy>,
        delay_s: Option<f64>,
    ) {
        self.with_share(finding, share.rounded(), place, evidence, remedy, delay_s);
    }

    fn with_share(
        &mut self,
        finding: &NameFinding,
        share: f64,
        place: Place,
        evidence: Vec<Evidence>,
        remedy: Vec<Remedy>,
        delay_s: Option<f64>,
    ) {
        if self.causes {
            let lang = self.q.lang;
            self.found.causes.push(cause(lang, finding, share, place, evidence, remedy, delay_s));
        }
    }
}

fn is_failure(does: Does) -> bool {
    matches!(does, Does::Fails | Does::Silent)
}

/// A cause as reports have it; advice where there is no remedy.
pub(super) fn cause(
    lang: crate::messages::Lang,
    finding: &NameFinding,
    share: f64,
    place: Place,
    evidence: Vec<Evidence>,
    mut remedy: Vec<Remedy>,
    delay_s: Option<f64>,
) -> Cause {
    if remedy.is_empty() {
        remedy.push(Remedy { advice: true, ..Remedy::of(messages::name_advice(lang, finding)) });
    }
    Cause {
        id: finding.id().to_owned(),
        share,
        layer: Layer::Dns,
        place,
        summary: messages::name_summary(lang, finding),
        evidence,
        effect: messages::name_effect(lang, finding),
        remedy,
        delay_s,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_endpoints_that_a_question_is_led_to() {
        let half = Share::new(1, 2);
        let of = |all, failing| Part { all, failing };
        // Both of two endpoints are dead, each by itself; one of them is; a rule stops all.
        assert_eq!(of(Share::ONE, Share::ONE).by(0.5), 0.5);
        assert_eq!(of(half, half).by(0.5), 0.5);
        assert_eq!(of(Share::ONE, Share::ONE).by(1.0), 1.0);
        // Another server answers half of the look-ups: each of two dead endpoints breaks half of the rest.
        assert_eq!(of(half, Share::ONE).by(0.5), 0.25);
        assert_eq!(of(half, Share::ONE).by(1.0), 0.5);
    }
}

//! Reports as one page of HTML that needs nothing else: cards, the path drawn as namespaces with their steps, the hop that
//! fails in red with its rule beside it.

mod path;

use askama::Template;

use super::terminal::locator;
use crate::check::{CheckFinding, CheckReport, Severity};
use crate::messages::{self, Heading, Lang};
use crate::report::{Assumption, Cause, Evidence, Remedy, Report, RuledOut, UnknownReport};
use path::{Drawing, drawing};

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    lang: &'static str,
    title: String,
    subtitle: String,
    cards: Vec<Card>,
    lists: Vec<List>,
}

struct Card {
    class: &'static str,
    tag: String,
    title: String,
    id: String,
    facts: Vec<(&'static str, String)>,
    /// What it is called, the command or sentence, whether it is a sentence.
    remedies: Vec<(String, String, bool)>,
    paths: Vec<Drawing>,
}

struct List {
    title: &'static str,
    rows: Vec<(String, String)>,
}

/// The answer of `plumb check`.
///
/// # Errors
/// What writing gives.
pub fn check(report: &CheckReport, severity: Severity, lang: Lang) -> Result<String, askama::Error> {
    let shown = report.findings.iter().filter(|f| f.severity >= severity);
    let mut lists = common(&report.unknowns, &report.assumptions, lang);
    if !report.scope.not_covered.is_empty() {
        let rows = report.scope.not_covered.iter().map(|text| (text.clone(), String::new()));
        lists.push(List { title: messages::heading(lang, Heading::NotCovered), rows: rows.collect() });
    }
    lists.extend(ruled_out(&report.ruled_out, lang));
    let page = Page {
        lang: tag(lang),
        title: messages::check_headline(lang, report, severity),
        subtitle: messages::scope(lang, &report.scope),
        cards: shown.map(|f| finding(f, lang)).collect(),
        lists,
    };
    page.render()
}

/// The answer of `plumb diagnose`.
///
/// # Errors
/// What writing gives.
pub fn diagnosis(report: &Report, lang: Lang) -> Result<String, askama::Error> {
    let good = report.outcome == "connects";
    let class = if good { "good" } else { "bad" };
    let mut cards: Vec<Card> = report.causes.iter().map(|c| cause(c, lang)).collect();
    cards.push(Card {
        class,
        tag: messages::outcome(lang, &report.outcome),
        title: messages::heading(lang, Heading::Path).to_owned(),
        id: String::new(),
        facts: report
            .probe
            .iter()
            .map(|p| (messages::heading(lang, Heading::Probe), messages::probe(lang, p)))
            .collect(),
        remedies: Vec::new(),
        paths: report.paths.iter().map(|p| drawing(p, lang)).collect(),
    });
    let mut lists = common(&report.unknowns, &report.assumptions, lang);
    lists.extend(ruled_out(&report.ruled_out, lang));
    let page = Page {
        lang: tag(lang),
        title: messages::headline(
            lang,
            &report.outcome,
            report.errno.as_deref(),
            report.stage.as_deref().and_then(|s| messages::Stage::of(s, &report.flow.protocol)),
            report.success,
        ),
        subtitle: super::terminal::flow(report),
        cards,
        lists,
    };
    page.render()
}

fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "en",
        Lang::Zh => "zh-Hans",
    }
}

fn finding(f: &CheckFinding, lang: Lang) -> Card {
    let class = match f.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let h = |heading| messages::heading(lang, heading);
    let mut facts = vec![(h(Heading::Place), locator(lang, &f.place))];
    if let Some(p) = &f.pairs {
        facts.push((h(Heading::Pairs), messages::pairs(lang, p)));
    }
    facts.extend(f.evidence.iter().map(|e| (h(Heading::Evidence), evidence(e, lang))));
    facts.push((h(Heading::Effect), f.effect.clone()));
    if !f.affects.is_empty() {
        facts.push((h(Heading::Affects), f.affects.join(", ")));
    }
    let number = f.fault.as_ref().map(|n| format!("{n} ")).unwrap_or_default();
    Card {
        class,
        tag: messages::severity(lang, f.severity).to_owned(),
        title: f.summary.clone(),
        id: format!("{number}{}", f.id),
        facts,
        remedies: f.remedy.iter().map(|r| remedy(r, lang)).collect(),
        paths: f.path.iter().map(|p| drawing(p, lang)).collect(),
    }
}

fn cause(c: &Cause, lang: Lang) -> Card {
    let h = |heading| messages::heading(lang, heading);
    let mut facts = vec![(h(Heading::Place), locator(lang, &c.place))];
    facts.extend(c.evidence.iter().map(|e| (h(Heading::Evidence), evidence(e, lang))));
    facts.push((h(Heading::Effect), c.effect.clone()));
    if let Some(delay) = c.delay_s {
        facts.push((h(Heading::Delay), format!("{delay:.3} s")));
    }
    Card {
        class: "bad",
        tag: h(Heading::Cause).to_owned(),
        title: c.summary.clone(),
        id: c.id.clone(),
        facts,
        remedies: c.remedy.iter().map(|r| remedy(r, lang)).collect(),
        paths: Vec::new(),
    }
}

fn evidence(e: &Evidence, lang: Lang) -> String {
    let value = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mut text = e.what.clone();
    if !e.seen.is_null() {
        let unit = e.unit.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        text.push_str(&format!(": {}{unit}", value(&e.seen)));
    }
    if !e.right.is_null() {
        text.push_str(&format!(" ({} {})", messages::heading(lang, Heading::Right), value(&e.right)));
    }
    if let Some(delta) = e.delta {
        text.push_str(&format!(" (+{delta})"));
    }
    if let Some(command) = &e.read_with {
        text.push_str(&format!(" — {command}"));
    }
    text
}

fn remedy(r: &Remedy, lang: Lang) -> (String, String, bool) {
    let name = if r.advice { Heading::Advice } else { Heading::Remedy };
    let mut name = messages::heading(lang, name).to_owned();
    if let Some(outcome) = &r.tried_in_model {
        let tried = messages::heading(lang, Heading::TriedInModel);
        name.push_str(&format!(" ({tried}: {})", messages::outcome(lang, outcome)));
    }
    (name, r.command.replace(" && ", "\n"), r.advice)
}

fn common(unknowns: &[UnknownReport], assumptions: &[Assumption], lang: Lang) -> Vec<List> {
    let mut lists = Vec::new();
    if !unknowns.is_empty() {
        let rows = unknowns.iter().map(|u| (u.reason.clone(), locator(lang, &u.place))).collect();
        lists.push(List { title: messages::heading(lang, Heading::Unknowns), rows });
    }
    if !assumptions.is_empty() {
        let rows =
            assumptions.iter().map(|a| (a.what.clone(), format!("{}; {}", a.why, a.prove_with))).collect();
        lists.push(List { title: messages::heading(lang, Heading::Assumptions), rows });
    }
    lists
}

fn ruled_out(all: &[RuledOut], lang: Lang) -> Option<List> {
    let rows: Vec<_> = all.iter().map(|r| (r.what.clone(), r.why.clone())).collect();
    (!rows.is_empty()).then(|| List { title: messages::heading(lang, Heading::RuledOut), rows })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Names and rules come from the kernel: anybody may have put anything there.
    #[test]
    fn nothing_of_a_report_is_taken_for_html() {
        let page = Page {
            lang: "en",
            title: "<script>alert(1)</script>".into(),
            subtitle: "a & b".into(),
            cards: Vec::new(),
            lists: vec![List { title: "x", rows: vec![("\"><img src=x>".into(), String::new())] }],
        };
        let text = page.render().unwrap();
        assert!(!text.contains("<script>") && !text.contains("<img"));
        assert!(text.contains("a &#38; b"));
    }

    #[test]
    fn a_page_needs_nothing_else() {
        let text = Page {
            lang: "en",
            title: "t".into(),
            subtitle: String::new(),
            cards: Vec::new(),
            lists: Vec::new(),
        }
        .render()
        .unwrap();
        for loads in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!text.contains(loads), "{loads}");
        }
    }
}

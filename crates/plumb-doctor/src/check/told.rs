//! From what a check saw to a finding of the report: kinds, places, evidence, remedies.

use std::collections::BTreeMap;

use plumb_model::{Change, Snapshot};
use serde_json::Value;

use super::kinds::{self, Kind};
use super::report::{CheckFinding, FoundBy, Severity};
use crate::messages::{self, Lang};
use crate::report::{Evidence, Place, Remedy};

/// Something that a check saw and that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observation {
    pub(crate) kind: &'static Kind,
    /// Number in the catalogue: one of the kind's.
    pub(crate) fault: Option<&'static str>,
    pub(crate) severity: Severity,
    pub(crate) place: Place,
    /// What the sentences need, by the words that they name.
    pub(crate) words: BTreeMap<&'static str, String>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) affects: Vec<String>,
    pub(crate) mend: Vec<Vec<Change>>,
}

/// A value in support of an observation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// Which of the kind's values it is: its label stands with the kind's sentences.
    pub(crate) what: &'static str,
    pub(crate) seen: Value,
    pub(crate) right: Value,
    /// By how much it rose between two readings.
    pub(crate) rose: Option<i64>,
    pub(crate) unit: Option<&'static str>,
    pub(crate) read_with: Option<String>,
}

impl Seen {
    /// A value that was seen, the one that would be right, and the command that shows it.
    pub(crate) fn new(
        what: &'static str,
        seen: impl Into<Value>,
        right: impl Into<Value>,
        read_with: impl Into<String>,
    ) -> Self {
        Self {
            what,
            seen: seen.into(),
            right: right.into(),
            rose: None,
            unit: None,
            read_with: Some(read_with.into()),
        }
    }

    /// With a unit: a word of `messages`.
    pub(crate) fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// By how much it rose.
    pub(crate) fn rose(mut self, by: i64) -> Self {
        self.rose = Some(by);
        self
    }
}

impl Observation {
    /// Something of this kind, at this place. `id` is one of [`kinds::KINDS`].
    pub(crate) fn new(id: &'static str, place: Place) -> Self {
        let kind = kinds::get(id);
        Self {
            kind,
            fault: kind.fault,
            severity: kind.severity,
            place,
            words: BTreeMap::new(),
            seen: Vec::new(),
            affects: Vec::new(),
            mend: Vec::new(),
        }
    }

    /// Another of the kind's numbers in the catalogue.
    pub(crate) fn fault(mut self, fault: &'static str) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Other than the kind's as a rule.
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(crate) fn with(mut self, word: &'static str, text: impl Into<String>) -> Self {
        self.words.insert(word, text.into());
        self
    }

    pub(crate) fn seen(mut self, seen: Seen) -> Self {
        self.seen.push(seen);
        self
    }

    pub(crate) fn affects(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.affects.extend(names);
        self
    }

    pub(crate) fn change(mut self, changes: Vec<Change>) -> Self {
        self.mend.push(changes);
        self
    }
}

/// The place of somebody who is known by name only.
pub(crate) fn at_name(name: &str) -> Place {
    Place::from([("node".to_owned(), Value::Null), ("namespace".to_owned(), name.into())])
}

/// An observation as a finding, with the kind's advice; what the model can try is added by [`remedies`].
pub(crate) fn finding(lang: Lang, o: Observation, found_by: FoundBy) -> CheckFinding {
    let mut words = o.words;
    if let Some(namespace) = o.place.get("namespace").and_then(Value::as_str) {
        words.entry("namespace").or_insert_with(|| namespace.to_owned());
    }
    let texts = messages::checks::texts(lang, o.kind.id);
    let fill = |text: &str| messages::checks::fill(text, &words);
    let evidence = o.seen.into_iter().map(|s| Evidence {
        what: messages::checks::label(lang, s.what).to_owned(),
        seen: s.seen,
        right: s.right,
        delta: s.rose,
        unit: s.unit.map(|u| messages::checks::unit(lang, u).to_owned()),
        read_with: s.read_with,
    });
    CheckFinding {
        fault: o.fault.map(str::to_owned),
        id: o.kind.id.to_owned(),
        severity: o.severity,
        symptom: o.kind.symptom.to_owned(),
        place: o.place,
        layer: o.kind.layer,
        summary: fill(texts.summary),
        evidence: evidence.collect(),
        effect: fill(texts.effect),
        affects: o.affects,
        remedy: vec![Remedy { advice: true, ..Remedy::of(fill(texts.advice)) }],
        pairs: None,
        found_by,
        path: None,
    }
}

/// What a change does to the finding that it should mend.
pub(crate) enum Tried {
    /// The check finds it no more.
    Cleared,
    /// The model cannot tell: the change does not fit it, or the finding stays.
    Unknown,
}

/// The ways to mend an observation before the kind's advice: commands, each with what the model says of it.
pub(crate) fn remedies(
    lang: Lang,
    snapshot: &Snapshot,
    mend: &[Vec<Change>],
    tried: impl Fn(&[Change]) -> Tried,
) -> Vec<Remedy> {
    mend.iter()
        .map(|changes| {
            let (command, is_advice) = crate::diagnose::commands(snapshot, changes, lang);
            match tried(changes) {
                Tried::Cleared => Remedy {
                    tried_in_model: Some("cleared".to_owned()),
                    advice: is_advice,
                    ..Remedy::of(command)
                },
                Tried::Unknown => Remedy { advice: true, ..Remedy::of(command) },
            }
        })
        .collect()
}

//! Holds an answer of `plumb diagnose` against the truth of a scenario.

use serde_json::Value;

use crate::binary::Answer;
use crate::error::Result;
use crate::places::{self, Inside};
use crate::scenario::{Cause, Flow, Outcome, PlaceValue};
use crate::state::{Seen, State};

/// How far a printed share may be from the true one.
const SHARE: f64 = 0.001;

/// In what the answer differs from the flow's truth; empty where it is right.
pub fn differences(answer: &Answer, flow: &Flow, state: &State<'_>) -> Result<Vec<String>> {
    let document = &answer.document;
    let mut wrong = Vec::new();
    let mut need = |what: &str, wanted: Value, got: &Value| {
        if wanted != *got {
            wrong.push(format!("{what}: {got}, truly {wanted}"));
        }
    };
    need("version", Value::from(1), &document["version"]);
    need("outcome", Value::from(flow.outcome.word()), &document["outcome"]);
    need("stage", flow.stage.map_or(Value::Null, |s| Value::from(s.word())), &document["stage"]);
    need("errno", flow.errno.as_deref().map_or(Value::Null, Value::from), &document["errno"]);
    let status = match flow.outcome {
        Outcome::Connects => 0,
        Outcome::Unknown => 3,
        _ => 1,
    };
    need("exit status", Value::from(status), &answer.status.map_or(Value::Null, Value::from));
    if !near(&document["success"], flow.success()) {
        wrong.push(format!("success: {}, truly {}", document["success"], flow.success()));
    }
    let none = Vec::new();
    let causes = document["causes"].as_array().unwrap_or(&none);
    if causes.len() != flow.causes.len() {
        wrong.push(format!(
            "{} causes, truly {}: {}",
            causes.len(),
            flow.causes.len(),
            pretty(&document["causes"])
        ));
    }
    for (number, (got, wanted)) in causes.iter().zip(&flow.causes).enumerate() {
        for difference in cause(got, wanted, state)? {
            wrong.push(format!("cause {}: {difference}", number + 1));
        }
    }
    if let Some(last) = causes.last().filter(|_| causes.len() == flow.causes.len()) {
        let tried = &last["remedy"][0]["tried_in_model"];
        let advice = last["remedy"][0]["advice"] == true;
        if tried != "connects" && !(advice && tried.is_null()) {
            wrong.push(format!("with all first remedies the model says {tried}, not connects"));
        }
    }
    if document["unknowns"].as_array().is_some_and(|u| !u.is_empty()) {
        wrong.push(format!("nothing here is unknown, yet: {}", pretty(&document["unknowns"])));
    }
    Ok(wrong)
}

/// One cause: layer, share, every word of the place that the truth names, and the rule behind its handle.
fn cause(got: &Value, wanted: &Cause, state: &State<'_>) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    if !got["layer"].as_str().is_some_and(|l| wanted.layer.has(l)) {
        wrong.push(format!("layer {}, truly {:?}", got["layer"], wanted.layer));
    }
    if !near(&got["share"], wanted.share) {
        wrong.push(format!("share {}, truly {}", got["share"], wanted.share));
    }
    let place = &got["place"];
    for (key, value) in &wanted.place {
        let holds = match (key.as_str(), value) {
            ("namespace", PlaceValue::Text(name)) => place["namespace"] == state.namespace(name)?,
            _ => places::is(value, place.get(key)),
        };
        if !holds {
            wrong.push(format!("place, {key}: {}, truly {value:?}", place[key]));
        }
    }
    if got["remedy"].as_array().is_none_or(Vec::is_empty) {
        wrong.push("no remedy".into());
    }
    if wrong.is_empty() {
        wrong.extend(handle(place)?);
    } else {
        wrong.push(format!("all of it: {}", pretty(got)));
    }
    Ok(wrong)
}

/// A rule's handle must be that of the rule that the place prints.
fn handle(place: &Value) -> Result<Option<String>> {
    let word = |key: &str| place[key].as_str().unwrap_or_default();
    let backend = word("backend");
    let rule = word("rule");
    if !matches!(backend, "nft" | "xtables-nft") || rule.is_empty() || rule == "policy" {
        return Ok(None);
    }
    let Some(handle) = place["handle"].as_i64() else {
        return Ok(Some("a rule of nft without its handle".into()));
    };
    let inside = Inside { namespace: word("namespace") };
    let rules = inside.rules(backend, word("family"), word("table"), word("chain"))?;
    let there = rules.iter().find(|r| r.handle == Some(handle));
    Ok(match there {
        Some(there) if there.text == rule => None,
        Some(there) => Some(format!("handle {handle} is `{}`, not `{rule}`", there.text)),
        None => Some(format!("handle {handle} is not in chain {}", word("chain"))),
    })
}

/// In what the real client saw something else than the flow's truth.
pub fn reality(seen: &Seen, flow: &Flow) -> Vec<String> {
    let mut wrong = Vec::new();
    if seen.outcome != flow.outcome {
        wrong.push(format!("outcome {}, expected {}", seen.outcome.word(), flow.outcome.word()));
    }
    if seen.stage != flow.stage {
        wrong.push(format!("stage {:?}, expected {:?}", seen.stage, flow.stage));
    }
    if seen.errno != flow.errno {
        wrong.push(format!("errno {:?}, expected {:?}", seen.errno, flow.errno));
    }
    if seen.seconds < flow.at_least.unwrap_or(0.0) {
        wrong.push(format!("took {:.3} s only", seen.seconds));
    }
    // Four standard deviations: once in 15,000 runs wrong by chance.
    let share = flow.success();
    let spread = 4.0 * (share * (1.0 - share) / seen.attempts as f64).sqrt();
    if (seen.success - share).abs() > spread + f64::EPSILON {
        wrong.push(format!("{:.3} of {} attempts connect, expected {share}", seen.success, seen.attempts));
    }
    if !wrong.is_empty() {
        wrong.push(format!("all attempts: {:?}", seen.tally));
    }
    wrong
}

/// The document without what two snapshots of a living machine may differ in: counter readings and hop details.
pub fn lasting(document: &Value) -> Value {
    match document {
        Value::Object(fields) => {
            let kept =
                fields.iter().filter(|(key, _)| !matches!(key.as_str(), "evidence" | "paths" | "probe"));
            Value::Object(kept.map(|(k, v)| (k.clone(), lasting(v))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(lasting).collect()),
        other => other.clone(),
    }
}

/// Leaves out how a missing listener is started: a lab that runs has a command for it, its snapshot has not.
pub fn forget_starting(document: &mut Value) {
    for cause in document["causes"].as_array_mut().into_iter().flatten() {
        if cause["place"]["missing"] == "listener"
            && let Some(first) = cause["remedy"].get_mut(0).and_then(Value::as_object_mut)
        {
            first.remove("command");
            first.remove("advice");
            first.remove("tried_in_lab");
        }
    }
}

fn near(got: &Value, wanted: f64) -> bool {
    let exact = wanted == 0.0 || wanted == 1.0;
    got.as_f64().is_some_and(|got| if exact { got == wanted } else { (got - wanted).abs() <= SHARE })
}

/// JSON as a person reads it.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

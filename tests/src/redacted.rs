//! The same question asked of a redacted snapshot: the same outcome, and the same causes at the corresponding places.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use plumb_model::{Replacements, Snapshot};
use serde_json::{Map, Value};

use crate::binary::{Answer, Plumb};
use crate::error::{Failure, Result};
use crate::scenario::Flow;
use crate::state::State;

/// Redaction's key; which one it is makes no difference to what is compared.
const KEY: plumb_model::Key = *b"scenarios redact";

/// In what the answer from the redacted `file` differs from `original`, the answer from the file itself.
///
/// Only the scenario's own namespaces are redacted: others on the machine are of other tests.
pub fn differences(
    plumb: &Plumb,
    flow: &Flow,
    state: &State<'_>,
    file: &Path,
    original: &Answer,
) -> Result<Vec<String>> {
    let wrong = |why: String| Failure::Agent { what: format!("redacting {}", file.display()), why };
    let whole = File::open(file).map_err(Failure::io("opening the snapshot"))?;
    let mut snapshot = Snapshot::read_from(whole).map_err(|e| wrong(e.to_string()))?;
    let own = state.names();
    snapshot.namespaces.retain(|ns| own.contains(&ns.name));
    let redacted = snapshot.redact(KEY).map_err(|e| wrong(e.to_string()))?;
    let path = file.with_extension("redacted");
    let out = File::create(&path).map_err(Failure::io("making the redacted snapshot"))?;
    redacted.snapshot.write_to(out).map_err(|e| wrong(e.to_string()))?;

    let new = New(&redacted.replacements);
    let from = state.namespace(&flow.from)?;
    let Some(from) = redacted.replacements.namespace(&from) else {
        return Ok(vec![format!("{from} has no replacement")]);
    };
    let asked = Flow { to: new.endpoint(&flow.to), ..flow.clone() };
    let answer = plumb.diagnose(&asked, from, Some(&path))?;
    let (wanted, got) = (new.essence(&original.document), essence(&answer.document));
    // What was taken out for the addresses that it may hold, and said so, may leave the answer open; never another one.
    if !redacted.warnings.is_empty() && answer.status == Some(3) && got["outcome"] == "unknown" {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    if original.status != answer.status {
        out.push(format!("exit status {:?}, of the original {:?}", answer.status, original.status));
    }
    if wanted != got {
        let warnings = redacted.warnings.join("\n    ");
        out.push(format!(
            "{got:#}\n  of the original, its words replaced: {wanted:#}\n  warnings: {warnings}"
        ));
    }
    Ok(out)
}

/// What the words of a report become.
struct New<'r>(&'r Replacements);

impl New<'_> {
    /// What redaction must keep of a report, in its words.
    fn essence(&self, document: &Value) -> Value {
        let mut kept = essence(document);
        for cause in kept["causes"].as_array_mut().into_iter().flatten() {
            if let Some(place) = cause["place"].as_object_mut() {
                self.place(place);
            }
        }
        kept
    }

    fn place(&self, place: &mut Map<String, Value>) {
        let nft = place.contains_key("backend");
        for (key, value) in place {
            let Some(text) = value.as_str() else { continue };
            let new = match key.as_str() {
                "namespace" => self.0.namespace(text).map(str::to_owned),
                "node" => self.0.node(text).map(str::to_owned),
                "device" | "master" | "parent" => self.0.device(text).map(str::to_owned),
                // A table of routes keeps its name.
                "table" if nft => self.0.table(text).map(str::to_owned),
                "chain" => self.0.chain(text).map(str::to_owned),
                "set" => self.0.set(text).map(str::to_owned),
                "address" => Some(self.endpoint(text)),
                "socket" => text.split_once(' ').map(|(p, local)| format!("{p} {}", self.endpoint(local))),
                "sysctl" => Some(self.sysctl(text)),
                _ => Some(text.to_owned()),
            };
            *value = new.map_or(Value::Null, Value::String);
        }
    }

    /// An address with or without a port; what is neither stays (`*:8080`).
    fn endpoint(&self, text: &str) -> String {
        if let Ok(address) = text.parse::<IpAddr>() {
            return self.0.address(address).to_string();
        }
        match text.parse::<SocketAddr>() {
            Ok(socket) => SocketAddr::new(self.0.address(socket.ip()), socket.port()).to_string(),
            Err(_) => text.to_owned(),
        }
    }

    fn sysctl(&self, name: &str) -> String {
        let words = name.split('.').map(|word| self.0.device(word).unwrap_or(word));
        words.collect::<Vec<_>>().join(".")
    }
}

/// What of a report is no name: how the flow ends, and of each cause what it is, how much it breaks, and where it
/// stands, without texts that quote rules, routes and entries whole.
fn essence(document: &Value) -> Value {
    const QUOTES: [&str; 6] = ["rule", "route", "entry", "via", "element", "lladdr"];
    let causes = document["causes"].as_array().into_iter().flatten().map(|cause| {
        let mut place = cause["place"].clone();
        // A hardware address.
        if place["attribute"] == "address" {
            place["value"] = Value::from("…");
        }
        for (key, value) in place.as_object_mut().into_iter().flatten() {
            if QUOTES.contains(&key.as_str()) && value != "policy" {
                *value = Value::from("…");
            }
        }
        let mut kept = Map::new();
        for key in ["id", "share", "layer", "delay_s"] {
            kept.insert(key.to_owned(), cause[key].clone());
        }
        kept.insert("place".to_owned(), place);
        Value::Object(kept)
    });
    let causes: Vec<Value> = causes.collect();
    let mut kept = Map::new();
    for key in ["outcome", "stage", "errno", "success"] {
        kept.insert(key.to_owned(), document[key].clone());
    }
    let unknowns = document["unknowns"].as_array().map_or(0, Vec::len);
    kept.insert("unknowns".to_owned(), Value::from(unknowns));
    kept.insert("causes".to_owned(), Value::Array(causes));
    Value::Object(kept)
}

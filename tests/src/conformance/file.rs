//! Reading files of cases. Whatever is wrong is named by case and field.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plumb_api::Object;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::case::{BACKEND, Case, Config, Connect, Expect, Flow, Node, Sequence, Step, Verdict};
use crate::error::{Failure, Result};

/// Version of the format.
const VERSION: u64 = 1;

/// Sections of a file that cases are in or that speak to people.
const SECTIONS: &[&str] = &["format_version", "about", "namespaces", "cases"];

/// Fields of a case, those for people among them.
const FIELDS: &[&str] = &[
    "name",
    "about",
    "source",
    "basis",
    "derived",
    "note",
    "kubectl_apply",
    "upstream_expectation",
    "backends",
    "node",
    "config",
    "objects",
    "flows",
    "sequence",
];

/// Fields of parts of a case, by the name of the part; `flows` are those of each.
const PARTS: &[(&str, &[&str])] = &[
    ("node", &["name", "ips", "primary_ips", "zone"]),
    (
        "config",
        &[
            "detectLocalMode",
            "podCIDRs",
            "interfaceNamePrefix",
            "bridgeInterface",
            "serviceCIDRs",
            "nodePortAddresses",
            "masqueradeAll",
            "masqueradeBit",
            // Means nothing to nftables.
            "localhostNodePorts",
        ],
    ),
    (
        "flows",
        &[
            "name",
            "note",
            "from_ip",
            "to_ip",
            "port",
            "protocol",
            "in_interface",
            "expect",
            "expect_by_backend",
        ],
    ),
];

/// What a file holds.
#[derive(Debug)]
pub struct File {
    /// Cases of the backend under test.
    pub cases: Vec<Case>,
    /// Names of cases of other backends.
    pub others: Vec<String>,
    /// What the file says and nobody here looks at.
    pub unused: Vec<String>,
}

/// The files of this source tree.
pub fn files() -> Result<Vec<PathBuf>> {
    crate::library::yaml_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance"))
}

/// Reads a file.
pub fn read(file: &Path) -> Result<File> {
    let refuse = |why: String| Failure::File { file: file.into(), why };
    let mut document: Map<String, Value> = crate::library::read(file)?;
    let version = document.get("format_version").and_then(Value::as_u64);
    if version != Some(VERSION) {
        return Err(refuse(format!("format_version: must be {VERSION}")));
    }
    let unused = document.keys().filter(|k| !SECTIONS.contains(&k.as_str()));
    let mut unused: Vec<String> = unused.map(|k| format!("section {k}")).collect();
    let Some(Value::Array(cases)) = document.remove("cases") else {
        return Err(refuse("cases: must be a list".into()));
    };
    let mut read = File { cases: Vec::new(), others: Vec::new(), unused: Vec::new() };
    let mut names = BTreeSet::new();
    for (i, value) in cases.into_iter().enumerate() {
        let Some(name) = value.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err(refuse(format!("cases[{i}].name: must be a text")));
        };
        let case = case(&name, value, &mut unused).map_err(|why| refuse(format!("case {name}: {why}")))?;
        if !names.insert(name.clone()) {
            return Err(refuse(format!("case {name}: name: there is another of that name")));
        }
        match case.backends.iter().any(|b| b == BACKEND) {
            true => read.cases.push(case),
            false => read.others.push(name),
        }
    }
    read.unused = unused;
    Ok(read)
}

/// A case as its text form has it.
#[derive(Deserialize)]
struct Raw {
    name: String,
    backends: Vec<String>,
    node: Node,
    config: Config,
    objects: Vec<Value>,
    flows: Vec<Flow>,
    sequence: Option<RawSequence>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSequence {
    #[serde(default = "one")]
    clients: u16,
    steps: Vec<RawStep>,
}

fn one() -> u16 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    flow: Option<String>,
    reaches: Option<String>,
    unlike: Option<String>,
    endpoints: Option<Vec<SocketAddr>>,
    wait_seconds: Option<f64>,
    objects: Option<Vec<Value>>,
}

/// Reads a value; what is wrong comes with the path of the field.
fn typed<T: DeserializeOwned>(value: Value) -> std::result::Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        if path == "." { e.inner().to_string() } else { format!("{path}: {}", e.inner()) }
    })
}

fn case(name: &str, value: Value, unused: &mut Vec<String>) -> std::result::Result<Case, String> {
    unused.extend(unknown(&value).into_iter().map(|field| format!("case {name}: {field}")));
    let raw: Raw = typed(value)?;
    let objects = objects("objects", raw.objects)?;
    let mut names = BTreeMap::new();
    for (i, flow) in raw.flows.iter().enumerate() {
        if names.insert(flow.name.clone(), i).is_some() {
            return Err(format!("flows[{i}].name: there is another flow {:?}", flow.name));
        }
        check_flow(flow).map_err(|why| format!("flows[{i}] ({}): {why}", flow.name))?;
    }
    let sequence = raw.sequence.map(|s| sequence(s, &names)).transpose()?;
    let Raw { name, backends, node, config, flows, .. } = raw;
    Ok(Case { name, backends, node, config, objects, flows, sequence })
}

/// Fields that nobody here looks at.
fn unknown(case: &Value) -> Vec<String> {
    let beyond = |value: &Value, known: &[&str], at: &str| -> Vec<String> {
        let keys = value.as_object().into_iter().flat_map(Map::keys);
        keys.filter(|k| !known.contains(&k.as_str())).map(|k| format!("{at}{k}")).collect()
    };
    let mut out = beyond(case, FIELDS, "");
    for (part, known) in PARTS {
        match case.get(*part) {
            Some(Value::Array(all)) => {
                let each = all.iter().enumerate();
                out.extend(each.flat_map(|(i, value)| beyond(value, known, &format!("{part}[{i}]."))));
            }
            Some(value) => out.extend(beyond(value, known, &format!("{part}."))),
            None => {}
        }
    }
    out
}

fn objects(field: &str, values: Vec<Value>) -> std::result::Result<Vec<Object>, String> {
    let read =
        |(i, value): (usize, Value)| Object::from_json(value).map_err(|e| format!("{field}[{i}]: {e}"));
    values.into_iter().enumerate().map(read).collect()
}

fn check_flow(flow: &Flow) -> std::result::Result<(), String> {
    if flow.from_ip.is_ipv4() != flow.to_ip.is_ipv4() {
        return Err("from_ip: is of another family than to_ip".into());
    }
    check(&flow.expect).map_err(|why| format!("expect.{why}"))?;
    for (backend, expect) in &flow.expect_by_backend {
        check(expect).map_err(|why| format!("expect_by_backend.{backend}.{why}"))?;
    }
    Ok(())
}

fn check(expect: &Expect) -> std::result::Result<(), String> {
    if expect.verdict != Verdict::Dnat {
        return match expect.endpoints.is_empty() {
            true => Ok(()),
            false => Err("endpoints: only a verdict of dnat has some".into()),
        };
    }
    if expect.endpoints.is_empty() {
        return Err("endpoints: a verdict of dnat has some".into());
    }
    if expect.masquerade.is_some() {
        return Ok(());
    }
    match expect.endpoints.iter().find(|e| !expect.masquerade_by_endpoint.contains_key(e)) {
        Some(missing) => Err(format!("masquerade_by_endpoint: {missing} is missing, and so is masquerade")),
        None => Ok(()),
    }
}

fn sequence(raw: RawSequence, flows: &BTreeMap<String, usize>) -> std::result::Result<Sequence, String> {
    let mut known = BTreeSet::new();
    let mut steps = Vec::new();
    for (i, step) in raw.steps.into_iter().enumerate() {
        let at = |why: &str| format!("sequence.steps[{i}].{why}");
        let RawStep { flow, reaches, unlike, endpoints, wait_seconds, objects: changed } = step;
        steps.push(match (flow, wait_seconds, changed) {
            (Some(flow), None, None) => {
                let flow = *flows.get(&flow).ok_or_else(|| at(&format!("flow: no flow {flow:?}")))?;
                if let Some(name) = unlike.as_ref().filter(|n| !known.contains(*n)) {
                    return Err(at(&format!("unlike: no step before it `reaches: {name}`")));
                }
                known.extend(reaches.clone());
                Step::Connect(Connect { flow, reaches, unlike, endpoints })
            }
            (None, Some(seconds), None) => match Duration::try_from_secs_f64(seconds) {
                Ok(time) => Step::Wait(time),
                Err(e) => return Err(at(&format!("wait_seconds: {e}"))),
            },
            (None, None, Some(changed)) => {
                Step::Objects(objects(&format!("sequence.steps[{i}].objects"), changed)?)
            }
            _ => return Err(at("flow: a step has one of `flow`, `wait_seconds` and `objects`")),
        });
    }
    Ok(Sequence { clients: raw.clients.max(1), steps })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn flow() -> Value {
        json!({"name": "f", "from_ip": "10.0.0.2", "to_ip": "10.1.0.1", "port": 80, "protocol": "TCP",
            "expect": {"verdict": "drop"}})
    }

    fn with(flow: Value) -> String {
        let value = json!({"name": "c", "backends": ["nftables"], "node": {"name": "n", "ips": []},
            "config": {"detectLocalMode": "ClusterCIDR"}, "objects": [], "flows": [flow]});
        case("c", value, &mut Vec::new()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn our_own_files_hold_nothing_that_nobody_looks_at() {
        for path in files().unwrap() {
            let file = read(&path).unwrap();
            assert_eq!((file.unused, file.others), (Vec::new(), Vec::new()), "{}", path.display());
        }
    }

    #[test]
    fn what_is_not_looked_at_is_told() {
        let mut one = flow();
        one["in_interfaces"] = json!("eth0");
        let case = json!({"flows": [one], "config": {"mode": "nftables"}, "owner": "me"});
        assert_eq!(unknown(&case), ["owner", "config.mode", "flows[0].in_interfaces"]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let mut one = flow();
        one["from_ip"] = json!("10.0.0");
        assert_eq!(with(one), "flows[0].from_ip: invalid IP address syntax");
        let mut one = flow();
        one["expect"] = json!({"verdict": "dnat", "endpoints": ["10.0.0.3:80"]});
        assert_eq!(
            with(one),
            "flows[0] (f): expect.masquerade_by_endpoint: 10.0.0.3:80 is missing, and so is masquerade"
        );
        let mut one = flow();
        one["expect"] = json!({"verdict": "dnat", "endpoint": []});
        assert!(with(one).starts_with("flows[0].expect.endpoint: unknown field"));
    }
}

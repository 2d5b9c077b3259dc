//! Reads scenario and network files.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::agent::payload;
use crate::error::{Failure, Result};
use crate::scenario::{Cause, Network, Outcome, Scenario};
use crate::topology;

/// The directory `scenarios/` of this source tree.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// Every scenario, by name.
pub fn scenarios() -> Result<Vec<Scenario>> {
    yaml_files(&directory())?.iter().map(|file| scenario(file)).collect()
}

/// Every shared network, by name.
pub fn networks() -> Result<Vec<Network>> {
    yaml_files(&directory().join("networks"))?
        .iter()
        .map(|file| {
            let network: Network = read(file)?;
            same_name(file, &network.name)?;
            Ok(network)
        })
        .collect()
}

/// One scenario, checked for what the format alone cannot say.
fn scenario(file: &Path) -> Result<Scenario> {
    let text = text(file)?;
    let mut scenario: Scenario = parse(file, &text)?;
    same_name(file, &scenario.name)?;
    topology::fill_in(&mut scenario, file, &text)?;
    let refuse = |why: String| Err(Failure::File { file: file.into(), why });
    if scenario.flows.is_empty() {
        return refuse("there is no flow to ask about".into());
    }
    if scenario.flows.len() > 1 && scenario.flows.iter().any(|f| f.name.is_none()) {
        return refuse("with several flows each needs a `name`".into());
    }
    for flow in &scenario.flows {
        // One that connects may have causes too: what delays it.
        if flow.outcome != Outcome::Connects && flow.causes.is_empty() {
            return refuse(format!("flow to {}: a flow that fails has causes", flow.to));
        }
        if flow.bytes.is_some_and(|b| (b.up as usize) < payload::HEADER || b.down == 0) {
            return refuse(format!(
                "flow to {}: `bytes` has {} up at least, and one down",
                flow.to,
                payload::HEADER
            ));
        }
        for cause in &flow.causes {
            if let Some(why) = incurable(&scenario, cause) {
                return refuse(format!("flow to {}: {why}", flow.to));
            }
            if flow.causes.len() > 1 && cause.alone.is_none() {
                return refuse(format!(
                    "flow to {}: with several causes each says what it does `alone`",
                    flow.to
                ));
            }
        }
    }
    Ok(scenario)
}

/// Why nothing in the file cures a cause; `None` where something does.
fn incurable(scenario: &Scenario, cause: &Cause) -> Option<String> {
    match &cause.heal_fault {
        Some(id) if scenario.breaks.iter().all(|b| b.id != *id) => {
            Some(format!("`heal_fault` names {id}, which `break` does not make"))
        }
        None if cause.heal.trim().is_empty() && !cause.heal_servers => {
            Some("a cause needs `heal`, `heal_servers` or `heal_fault`".to_owned())
        }
        _ => None,
    }
}

/// The namespaces and build commands that a scenario starts from.
pub fn network(scenario: &Scenario) -> Result<Option<Network>> {
    let Some(name) = &scenario.network else { return Ok(None) };
    read(&directory().join("networks").join(format!("{name}.yaml"))).map(Some)
}

fn same_name(file: &Path, name: &str) -> Result<()> {
    let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let why = format!("`name` is {name}, the file's is {stem}");
    if stem == name { Ok(()) } else { Err(Failure::File { file: file.into(), why }) }
}

/// Reads one YAML file into a type.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    parse(file, &text(file)?)
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(Failure::io(format!("reading {}", file.display())))
}

fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T> {
    serde_saphyr::from_str(text).map_err(|e| Failure::File { file: file.into(), why: e.to_string() })
}

/// The YAML files of one directory, sorted.
pub fn yaml_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let doing = format!("listing {}", directory.display());
    let entries = std::fs::read_dir(directory).map_err(Failure::io(doing))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    Ok(files)
}

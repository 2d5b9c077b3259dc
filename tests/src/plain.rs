//! `plumb check` on plain hosts, where nobody's intention is known: networks that work give no finding, whatever odd but
//! harmless thing they hold; what no one can have meant is found.

use serde_json::Value;

use crate::binary::Plumb;
use crate::error::{Failure, Result};
use crate::library;
use crate::scenario::Scenario;
use crate::state::State;

/// Scenarios in which exactly this fault (or finding, where the catalogue has no number for it) must be told.
const FOUND: &[(&str, &str)] = &[
    ("accept-queue-full", "K01"),
    ("arp-ignored", "N04"),
    ("bridge-flood-off", "L07"),
    ("connmark-not-restored", "R13"),
    ("dnat-to-nobody", "nat-to-nobody"),
    ("forwarded-port-hairpin", "S09"),
    ("host-route-astray", "A05"),
    ("host-route-missing", "R03"),
    ("neighbour-wrong-lladdr", "N02"),
    ("proxy-without-route", "R01"),
    ("published-port-moved", "T01"),
    ("published-port-not-forwarded", "R10"),
    ("redirect-to-dead-port", "F16"),
    ("reply-dropped-stateless", "F01"),
    ("route-localnet-martian", "R08"),
    ("rp-filter-behind-dnat", "R07"),
];

/// A network, as it stands or broken, and the fault that a check must tell of it; `None`: nothing.
#[derive(Debug)]
pub struct Case {
    /// What is built.
    pub scenario: Scenario,
    /// The fault.
    pub fault: Option<&'static str>,
}

/// Networks as they are before anything breaks, an engine's host among them; decoys; faults that show without an intention.
pub fn cases() -> Result<Vec<Case>> {
    let networks =
        library::networks()?.into_iter().map(|n| Case { scenario: Scenario::of_network(&n), fault: None });
    let mut all: Vec<Case> = networks.collect();
    for scenario in library::scenarios()?.into_iter().filter(|s| s.lab.is_none()) {
        let fault = FOUND.iter().find(|(name, _)| *name == scenario.name).map(|(_, fault)| *fault);
        if fault.is_some() || scenario.name.starts_with("decoy-") || scenario.name == "docker-healthy" {
            all.push(Case { scenario, fault });
        }
    }
    Ok(all)
}

/// Builds the network and requires of `plumb check` exactly what the case says.
pub fn run(case: &Case, plumb: &Plumb) -> Result<()> {
    let state = State::broken(&case.scenario)?;
    let told = told(&state, plumb)?;
    let right = match (case.fault, &told[..]) {
        (None, []) => true,
        (Some(fault), [one]) => one.split(' ').next() == Some(fault),
        _ => false,
    };
    let wrong = format!("expected {:?}, told {told:#?}", case.fault);
    Failure::unless_same("plumb check", if right { vec![] } else { vec![wrong] })
}

/// What a check says from warnings on: fault and summary.
fn told(state: &State<'_>, plumb: &Plumb) -> Result<Vec<String>> {
    let names = state.names();
    let mut arguments = vec!["check", "-o", "json"];
    arguments.extend(names.iter().flat_map(|n| ["--netns", n.as_str()]));
    let output = plumb.run_plain(&arguments)?;
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|e| Failure::Differs {
        what: "plumb check -o json".to_owned(),
        differences: vec![e.to_string(), output.stderr.clone()],
    })?;
    let findings = report["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told: Vec<String> = findings
        .iter()
        .filter(|f| f["severity"] != "info")
        .map(|f| {
            let fault = f["fault"].as_str().or(f["id"].as_str()).unwrap_or_default();
            format!("{fault} {}", f["summary"].as_str().unwrap_or_default())
        })
        .collect();
    let status = Some(i32::from(!told.is_empty()));
    let wrong = format!("exit status {:?} with {} findings: {}", output.status, told.len(), output.stderr);
    Failure::unless_same("plumb check", if output.status == status { vec![] } else { vec![wrong] })?;
    Ok(told)
}

//! `plumb check` on a real lab: nothing on a healthy one; each fault of the catalogue that the lab can make is made, found
//! as exactly that, mended by the command that is printed, and gone.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use plumb_tests::binary::Plumb;
use plumb_tests::lab::Lab;
use serde_json::Value;

/// Faults that are told under another number of the catalogue than the lab gives them, and why.
const TOLD_AS: &[(&str, &[&str])] = &[
    // One dead endpoint of several is a port that nobody listens on.
    ("S07", &["T01"]),
    // The lab makes the way back another by a route to the client's network that breaks others as well.
    ("R07", &["R07", "N04"]),
];

struct Checked {
    status: Option<i32>,
    report: Value,
}

impl Checked {
    fn faults(&self) -> Vec<String> {
        let findings = self.report["findings"].as_array().unwrap();
        findings
            .iter()
            .map(|f| f["fault"].as_str().or(f["id"].as_str()).unwrap_or_default().to_owned())
            .collect()
    }

    fn told(&self) -> String {
        let findings = self.report["findings"].as_array().unwrap();
        let lines = findings.iter().map(|f| format!("\n    {} {}: {}", f["fault"], f["id"], f["summary"]));
        lines.collect()
    }
}

fn check(plumb: &Plumb, lab: &Lab) -> Checked {
    let pattern = format!("{}-*", lab.name());
    let output = plumb.run_plain(&["check", "--netns", &pattern, "-o", "json"]).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", output.stderr));
    Checked { status: output.status, report }
}

/// What the finding's first remedy says to run, where it is more than advice.
fn remedy(finding: &Value) -> Option<&str> {
    let first = finding["remedy"].as_array()?.first()?;
    (first["advice"] != Value::Bool(true)).then(|| first["command"].as_str())?
}

#[test]
fn every_fault_of_the_lab_is_found_and_mended() {
    let plumb = Plumb::find().unwrap();
    let lab = Lab::up(plumb.clone()).unwrap();
    let healthy = check(&plumb, &lab);
    assert_eq!((healthy.status, healthy.told().as_str()), (Some(0), ""), "a healthy lab");
    assert!(healthy.report["scope"]["pairs"].as_u64().unwrap() > 400);

    let listed = plumb.run_plain(&["lab", "faults", "-o", "json"]).unwrap();
    let faults: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let mut wrong = Vec::new();
    for fault in faults.iter().map(|f| f["id"].as_str().unwrap()) {
        if let Err(why) = one(&plumb, &lab, fault) {
            wrong.push(format!("{fault}: {why}"));
        }
        // Back to where it was, whatever happened.
        lab.heal().unwrap();
        let after = check(&plumb, &lab);
        if after.status != Some(0) {
            wrong.push(format!("{fault}: undone, and still there is{}", after.told()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), faults.len(), wrong.join("\n"));
}

fn one(plumb: &Plumb, lab: &Lab, fault: &str) -> Result<(), String> {
    lab.break_first(fault).map_err(|e| e.to_string())?;
    let found = check(plumb, lab);
    let allowed = TOLD_AS.iter().find(|(id, _)| *id == fault).map_or(vec![fault], |(_, as_)| as_.to_vec());
    let told = found.faults();
    if told.is_empty() || found.status != Some(1) {
        return Err("it is not found".to_owned());
    }
    if let Some(other) = told.iter().find(|t| !allowed.contains(&t.as_str())) {
        return Err(format!("{other} is named as well, or in its place:{}", found.told()));
    }
    if allowed.len() == 1 && told.len() > 1 {
        return Err(format!("one cause, {} findings:{}", told.len(), found.told()));
    }
    // What is printed is run, as a person would.
    for finding in found.report["findings"].as_array().unwrap() {
        let Some(command) = remedy(finding) else { continue };
        let ran = Command::new("bash").args(["-c", command]).env("PATH", plumb.search_path()).output();
        let ran = ran.map_err(|e| e.to_string())?;
        if !ran.status.success() {
            return Err(format!("`{command}` fails: {}", String::from_utf8_lossy(&ran.stderr)));
        }
    }
    let all_run = found.report["findings"].as_array().unwrap().iter().all(|f| remedy(f).is_some());
    let mended = check(plumb, lab);
    if all_run && mended.status != Some(0) {
        return Err(format!("what is printed does not mend it:{}", mended.told()));
    }
    Ok(())
}

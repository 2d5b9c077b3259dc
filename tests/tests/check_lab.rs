//! `plumb check` on a real lab: nothing on a healthy one; each fault of the catalogue that the lab can make is made, found
//! as exactly that, mended by the command that is printed, and gone.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use plumb_tests::binary::Plumb;
use plumb_tests::lab::Lab;
use serde_json::Value;

/// Faults that are told under other numbers of the catalogue than the lab gives them, or by more than one finding, and why.
const TOLD_AS: &[(&str, &[&str])] = &[
    // One dead endpoint of several is a port that nobody listens on.
    ("S07", &["T01"]),
    // The lab makes the way back another by a route to the client's network that breaks others as well.
    ("R07", &["R07", "N04", "A05"]),
    // The second owner is the router itself, which takes the first one's packets for martians.
    ("A01", &["A01", "R08"]),
    // Two rules, one for questions and one for answers.
    ("N06", &["N06", "N06"]),
    // That the rule stands in another table, or is reached by goto, is how the packet got there: the rule decides.
    ("F04", &["F01"]),
    ("F05", &["F02"]),
    // Only the object that the rule was made for tells these from any other drop.
    ("S06", &["F01"]),
    ("P04", &["F01", "F01"]),
    // A port or server that is missing at every endpoint is one finding an endpoint.
    ("S03", &["T01", "T01"]),
    ("D02", &["D02", "D02"]),
];

/// Faults that a check does not find, and why.
const NOT_FOUND: &[(&str, &str)] = &[(
    "F09",
    "one attempt passes a limit that has run dry for nobody yet: plumb diagnose --connections finds it",
)];

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

/// Half of the faults each, in labs of their own, beside each other.
#[test]
fn every_second_fault_of_the_lab_is_found_and_mended() {
    found_and_mended(0);
}

#[test]
fn every_other_fault_of_the_lab_is_found_and_mended() {
    found_and_mended(1);
}

fn found_and_mended(half: usize) {
    let plumb = Plumb::find().unwrap();
    let lab = Lab::up(plumb.clone()).unwrap();
    let healthy = check(&plumb, &lab);
    assert_eq!((healthy.status, healthy.told().as_str()), (Some(0), ""), "a healthy lab");
    assert!(healthy.report["scope"]["pairs"].as_u64().unwrap() > 400);

    let listed = plumb.run_plain(&["lab", "faults", "-o", "json"]).unwrap();
    let faults: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let mut wrong = Vec::new();
    for fault in faults.iter().skip(half).step_by(2).map(|f| f["id"].as_str().unwrap()) {
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
    if NOT_FOUND.iter().any(|(id, _)| *id == fault) {
        return if told.is_empty() { Ok(()) } else { Err(format!("it is found by now: {}", found.told())) };
    }
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

/// The table of the catalogue: what names each fault, whether the lab makes it, whether it is tried end to end.
/// `PLUMB_BLESS=1 cargo test -p plumb-tests --test check_lab the_table` writes it anew.
#[test]
fn the_table_of_faults_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults/coverage.md");
    let mut text = String::from(
        "# Which faults are found\n\nMade by the tests. The numbers are those of the fault catalogue.\n\n\
         * reach, state, motion: what finds it in `plumb check`\n\
         * lab: `plumb lab break` makes it\n\
         * end to end: a test breaks it in a lab, requires exactly this finding, runs the printed remedy, and requires that nothing is \
         found then\n\n\
         | fault | findings | reach | state | motion | lab | end to end |\n|---|---|---|---|---|---|---|\n",
    );
    let lab: Vec<&str> = plumb_lab::faults::all().iter().map(|f| f.id).collect();
    let coverage = plumb_doctor::check::coverage();
    let all: std::collections::BTreeSet<&str> = coverage.keys().copied().chain(lab.iter().copied()).collect();
    let (mut found, mut tried) = (0, 0);
    for fault in all {
        let c = coverage.get(fault).cloned().unwrap_or_default();
        let pages: Vec<String> = c.ids.iter().map(|id| format!("[{id}]({id}.md)")).collect();
        let yes = |b: bool| if b { "yes" } else { "" };
        let in_lab = lab.contains(&fault);
        let end_to_end = match TOLD_AS.iter().find(|(id, _)| *id == fault) {
            _ if !in_lab || NOT_FOUND.iter().any(|(id, _)| *id == fault) => String::new(),
            Some((_, told)) => format!("yes, told as {}", told[0]),
            None => "yes".to_owned(),
        };
        found += usize::from(!c.ids.is_empty());
        tried += usize::from(!end_to_end.is_empty());
        text.push_str(&format!(
            "| {fault} | {} | {} | {} | {} | {} | {end_to_end} |\n",
            pages.join(", "),
            yes(c.reach),
            yes(c.state),
            yes(c.motion),
            yes(in_lab),
        ));
    }
    text.push_str(&format!(
        "\n{found} faults have a finding, {} are made by the lab, {tried} are tried end to end.\n",
        lab.len()
    ));
    if std::env::var_os("PLUMB_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(there, text, "write it anew with PLUMB_BLESS=1");
}

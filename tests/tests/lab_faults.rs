//! Every fault that the lab can make, from end to end: a healthy lab has no finding; the fault is made, a real client sees what
//! the lab says it sees, `plumb check` finds exactly it, `plumb diagnose` blames the same place for the client's failure, what
//! is printed to mend it is run, and client and check find nothing any more. Then, with `PLUMB_LOOK_ALIKES` (as `make test-long`
//! sets it: they take half as long again), its look-alike is made, and nobody takes it for the fault.
//!
//! One trial a fault; a lab goes from trial to trial as long as nothing fails in it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use plumb_doctor::tried_in_lab;
use plumb_lab::faults::Fault;
use plumb_tests::binary::Plumb;
use plumb_tests::faults::{BLAMED_ELSEWHERE, told_as};
use plumb_tests::lab::{Checked, Lab, Made, Probed};
use plumb_tests::netns;
use serde_json::Value;

/// Most of a trial is waiting for answers that never come, so more than one fits a core.
const THREADS: usize = 8;
/// Connections whose outcomes are put together where the kernel chooses anew for each: with one of three failing, that 24
/// all end alike happens once in 10⁴.
const CONNECTIONS: u32 = 24;

type Try<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    plumb_lab::run_if_child();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    if !arguments.list
        && let Err(failure) = netns::need_root()
    {
        eprintln!("{failure}");
        return ExitCode::FAILURE;
    }
    let labs = Arc::new(Labs { free: Mutex::default(), ran: Mutex::default() });
    let trial = |fault: Fault| {
        let labs = Arc::clone(&labs);
        Trial::test(fault.id, move || labs.with(|lab| of(lab, &fault, &labs.ran)).map_err(Into::into))
    };
    let trials: Vec<Trial> = plumb_lab::faults::all().into_iter().map(trial).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // What a trial left would be found by the next one in its lab; what the last ones left is found here.
    let left = labs
        .free
        .lock()
        .unwrap()
        .iter()
        .filter(|_| !conclusion.has_failed())
        .find_map(|lab| sound(lab).err());
    if let Some(why) = left {
        eprintln!("all is undone, and {why}");
        return ExitCode::FAILURE;
    }
    let ran = labs.ran.lock().unwrap();
    let all = conclusion.num_filtered_out == 0 && !conclusion.has_failed() && !arguments.list;
    if let Err(why) = table_is_current(&ran, all) {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Holds the table of remedies that a lab ran against those that it ran now, or writes it anew.
fn table_is_current(ran: &BTreeSet<(String, String)>, all: bool) -> Try {
    let parse = |line: &str| line.split_once('\t').map(|(id, kind)| (id.to_owned(), kind.to_owned()));
    let known: BTreeSet<_> = tried_in_lab::TABLE.lines().filter_map(parse).collect();
    let now = if all { ran.clone() } else { ran.union(&known).cloned().collect() };
    if std::env::var_os("PLUMB_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/plumb-doctor/src/tried_in_lab.txt");
        let text: String = now.iter().map(|(id, kind)| format!("{id}\t{kind}\n")).collect();
        return std::fs::write(path, text).map_err(|e| e.to_string());
    }
    // What is missing there is told less than could be; what is there and was not run is told wrongly.
    let new: Vec<_> = now.difference(&known).collect();
    if !new.is_empty() {
        println!("tried_in_lab.txt lacks {new:?}: PLUMB_BLESS=1 writes it anew");
    }
    let old: Vec<_> = known.difference(&now).collect();
    if old.is_empty() {
        return Ok(());
    }
    Err(format!("tried_in_lab.txt has {old:?}, which no lab ran: write it anew with PLUMB_BLESS=1"))
}

/// Labs that nothing is wrong with.
struct Labs {
    free: Mutex<Vec<Lab>>,
    /// Findings' ids, and the kind of the remedy that was run for them and mended them.
    ran: Mutex<BTreeSet<(String, String)>>,
}

impl Labs {
    /// Runs this in a lab of its own; one in which something failed is taken down.
    fn with(&self, run: impl FnOnce(&Lab) -> Try) -> Try {
        let free = self.free.lock().unwrap().pop();
        let lab = match free {
            Some(lab) => lab,
            None => {
                let plumb = Plumb::find().map_err(|e| e.to_string())?;
                let lab = Lab::up(plumb).map_err(|e| e.to_string())?;
                let healthy = checked(&lab)?;
                if healthy.status != Some(0) || healthy.report["scope"]["pairs"].as_u64().unwrap() <= 400 {
                    return Err(format!("a healthy lab:{}", healthy.told()));
                }
                lab
            }
        };
        run(&lab)?;
        self.free.lock().unwrap().push(lab);
        Ok(())
    }
}

fn of(lab: &Lab, fault: &Fault, ran: &Mutex<BTreeSet<(String, String)>>) -> Try {
    let error = |e: plumb_tests::Failure| e.to_string();
    let made = lab.make(fault.id, false).map_err(error)?;
    // Bound first: a lock that is held while a trial runs would let no other run beside it.
    let mended = found_and_mended(lab, fault.id, &made)?;
    ran.lock().unwrap().extend(mended);
    lab.heal().map_err(error)?;
    settled(lab, &made, "healed")?;
    if std::env::var_os("PLUMB_LOOK_ALIKES").is_none() {
        return Ok(());
    }
    let Some(look_alike) = fault.look_alike() else { return Ok(()) };
    let made = lab.make(fault.id, true).map_err(|e| format!("its look-alike: {e}"))?;
    not_mistaken(lab, look_alike.is, &made).map_err(|e| format!("its look-alike ({}): {e}", made.effect))?;
    lab.heal().map_err(error)
}

fn checked(lab: &Lab) -> Try<Checked> {
    lab.check().map_err(|e| e.to_string())
}

fn sound(lab: &Lab) -> Try {
    let check = checked(lab)?;
    if check.status == Some(0) { Ok(()) } else { Err(format!("still there is{}", check.told())) }
}

/// The findings are of these numbers, and there is one where there is one number.
fn exactly(check: &Checked, numbers: &[&str]) -> Try {
    let told = check.faults();
    if numbers.is_empty() {
        return if told.is_empty() { Ok(()) } else { Err(format!("it is found:{}", check.told())) };
    }
    let status = if check.only_informs() { 0 } else { 1 };
    if told.is_empty() || check.status != Some(status) {
        return Err("it is not found".to_owned());
    }
    if let Some(other) = told.iter().find(|t| !numbers.contains(&t.as_str())) {
        return Err(format!("{other} is named as well, or in its place:{}", check.told()));
    }
    if numbers.len() == 1 && told.len() > 1 {
        return Err(format!("one cause, {} findings:{}", told.len(), check.told()));
    }
    Ok(())
}

/// Gives the remedies that were run: the finding's id and the remedy's kind.
fn found_and_mended(lab: &Lab, fault: &str, made: &Made) -> Try<Vec<(String, String)>> {
    let seen = symptom(lab, made)?;
    let found = lab.check_of(made).map_err(|e| e.to_string())?;
    let numbers = told_as(fault);
    exactly(&found, &numbers)?;
    let elsewhere = numbers.is_empty() || BLAMED_ELSEWHERE.iter().any(|(id, _)| *id == fault);
    let report = diagnosed(lab, made, &seen, if elsewhere { None } else { Some(&found) })?;
    // What is printed is run, as a person would: by the diagnosis, where only that tells.
    let told = if numbers.is_empty() { &report["causes"] } else { &found.report["findings"] };
    let findings = told.as_array().unwrap();
    for command in findings.iter().filter_map(remedy) {
        let ran = Command::new("bash").args(["-c", command]).env("PATH", lab.plumb().search_path()).output();
        let ran = ran.map_err(|e| e.to_string())?;
        if !ran.status.success() {
            return Err(format!("`{command}` fails: {}", String::from_utf8_lossy(&ran.stderr)));
        }
    }
    if findings.is_empty() || !findings.iter().all(|f| remedy(f).is_some()) {
        return Ok(Vec::new());
    }
    let mended = checked(lab)?;
    // A warning that is left as information is mended.
    if mended.status != Some(0) || found.only_informs() && !mended.faults().is_empty() {
        return Err(format!("what is printed does not mend it:{}", mended.told()));
    }
    settled(lab, made, "mended")?;
    let kind = |f: &Value| Some((f["id"].as_str()?.to_owned(), tried_in_lab::kind(remedy(f)?)));
    Ok(findings.iter().filter_map(kind).collect())
}

/// What the finding's first remedy says to run, where it is more than advice.
fn remedy(finding: &Value) -> Option<&str> {
    let first = finding["remedy"].as_array()?.first()?;
    (first["advice"] != Value::Bool(true)).then(|| first["command"].as_str())?
}

/// Nothing is found where nothing is wrong; where something else is, that. (What `diagnose` says of that is asked where it is
/// made as a fault of its own.)
fn not_mistaken(lab: &Lab, is: Option<&str>, made: &Made) -> Try {
    symptom(lab, made)?;
    let found = lab.check_of(made).map_err(|e| e.to_string())?;
    exactly(&found, &is.map(told_as).unwrap_or_default())
}

/// What real clients of the flow see. Connections that the kernel chooses anew for are opened beside each other.
fn symptom(lab: &Lab, made: &Made) -> Try<Probed> {
    let outcome = made.outcome.as_str();
    let patience = match outcome {
        // Time for one SYN more: a choice that it draws anew is not for the whole attempt.
        "intermittent" => "1.5",
        // Longer than a neighbour is asked for, 3 s: what is unreachable is not silent.
        "times_out" => "3.5",
        _ => "10",
    };
    let (clients, each) = if outcome == "intermittent" || made.late { (6, CONNECTIONS / 6) } else { (1, 1) };
    let seen = std::thread::scope(|scope| {
        let one = || lab.probe(made, each, patience).map_err(|e| e.to_string());
        let running: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        let ended = running.into_iter().map(|r| r.join().unwrap());
        ended.reduce(|a, b| Ok(a?.and(b?))).unwrap()
    })?;
    if seen.outcome != outcome {
        return Err(format!("{} to {} sees {} in place of {outcome}", made.from, made.to, seen.outcome));
    }
    // A fault that only delays: the kernel waits 0.2 s before it sends data again, 1 s before a SYN.
    if made.late && seen.longest < 0.19 {
        return Err("nothing was delayed".to_owned());
    }
    Ok(seen)
}

/// The flow connects again, at the latest when a neighbour that failed has been asked again.
fn settled(lab: &Lab, made: &Made, when: &str) -> Try {
    let until = Instant::now() + Duration::from_secs(15);
    let connections = if made.outcome == "intermittent" || made.late { 8 } else { 1 };
    loop {
        let seen = lab.probe(made, connections, "2").map_err(|e| e.to_string())?;
        if seen.outcome == "connects" && (!made.late || seen.longest < 0.19) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("{when}, and {} to {} sees {}", made.from, made.to, seen.outcome));
        }
    }
}

/// `diagnose` tells what the client saw, and blames what the check found; something, where the check finds nothing.
fn diagnosed(lab: &Lab, made: &Made, seen: &Probed, found: Option<&Checked>) -> Try<Value> {
    // Only several attempts meet a limit; of other choices one attempt tells.
    let limited = made.outcome == "intermittent" && found.is_none();
    let connections = if limited { CONNECTIONS } else { 1 };
    let asked = || lab.ask(made, &seen.protocol, connections).map_err(|e| e.to_string());
    let mut report = asked()?;
    // Where it names what it assumes (a bridge's entry that the next frame may move), another reading may find it otherwise.
    for _ in 0..3 {
        let assumes = report["assumptions"].as_array().is_some_and(|a| !a.is_empty());
        if !assumes || report["outcome"] == made.outcome.as_str() {
            break;
        }
        report = asked()?;
    }
    let causes = report["causes"].as_array().unwrap();
    let said: String = causes.iter().map(|c| format!("\n    {}: {}", c["id"], c["summary"])).collect();
    if report["outcome"] != made.outcome.as_str() {
        return Err(format!("diagnose says {} of what {}:{said}", report["outcome"], made.outcome));
    }
    let blames = made.outcome != "connects" || made.late;
    if blames == causes.is_empty() {
        return Err(format!("diagnose blames {}:{said}", if blames { "nothing" } else { "something" }));
    }
    let Some(found) = found else { return Ok(report) };
    let findings = found.report["findings"].as_array().unwrap();
    match causes.iter().map(|c| &c["place"]).find(|place| !findings.iter().any(|f| names(f, place))) {
        None => Ok(report),
        Some(other) => {
            Err(format!("diagnose blames another place, {other}:{said}\n  check:{}", found.told()))
        }
    }
}

/// Keys that tell how a place came to be known or how full it is, not which place it is.
const NOT_THE_PLACE: [&str; 3] = ["via", "value", "rule_pref"];

/// Whether a finding is at this place, or has it among the sockets of a Service.
fn names(finding: &Value, place: &Value) -> bool {
    let plain = |place: &Value| {
        let mut keys = place.as_object().cloned().unwrap_or_default();
        // A route that is missing is missing for whatever address one asks for first.
        let any = keys.get("missing").is_some_and(|m| m == "route");
        let beside = |k: &str| NOT_THE_PLACE.contains(&k) || (any && k == "address");
        keys.retain(|k, v| !beside(k) && !v.is_null());
        keys
    };
    let text = |key: &str| place[key].as_str().unwrap_or_default();
    let socket = format!("{} {}", text("namespace"), text("socket"));
    let sockets = finding["place"]["sockets"].as_str().unwrap_or_default();
    plain(&finding["place"]) == plain(place) || sockets.split(", ").any(|s| s == socket)
}

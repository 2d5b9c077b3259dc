//! One test: a flow of a scenario, told three ways.
//!
//! ```text
//! build ── control attempt
//! build ── fault ── places as written? ── diagnose ── snapshot, diagnose offline, redacted ── real attempt
//!                                      ── diagnose again ── printed remedies ── real attempt connects
//! build ── fault ── every cause's heal ── real attempt connects
//! build ── fault ── every heal but one ── real attempt fails        (several causes only)
//! ```

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::Plumb;
use crate::error::{Failure, Result};
use crate::places;
use crate::redacted;
use crate::scenario::{Flow, Outcome, Scenario};
use crate::state::{Seen, State};
use crate::verdict::{self, pretty};

/// Runs one case. Returns what the real client saw with the fault in place.
///
/// Without `plumb` only the scenario itself is held against reality.
pub fn run(scenario: &Scenario, flow: &Flow, plumb: Option<&Plumb>) -> Result<Seen> {
    {
        let state = State::build(scenario)?;
        expect(&state, flow, flow.control, "before the fault")?;
    }
    let mut state = State::broken(scenario)?;
    for cause in &flow.causes {
        let wrong = places::check(&state, cause)?;
        Failure::unless_same("the scenario's own words against the kernel", wrong)?;
    }
    if let Some(plumb) = plumb {
        let live = diagnose(&state, flow, plumb, "asked before any traffic")?;
        let first = scenario.flows.first().is_some_and(|f| f.name == flow.name);
        offline(&state, flow, plumb, &live, first || all())?;
    }
    let seen = state.ask(flow)?;
    Failure::unless_same("the real client", verdict::reality(&seen, flow))?;
    if let Some(name) = &flow.answered_by {
        let wrong =
            seen.servers.iter().filter(|s| *s != name).map(|s| format!("{s} answers, expected {name}"));
        Failure::unless_same("the server", wrong.collect())?;
    }
    if plumb.is_some() && flow.connections.is_some() {
        // They have used up what is limited: that is another question.
        drop(state);
        state = State::broken(scenario)?;
    }
    if let Some(plumb) = plumb {
        remedy(&mut state, flow, plumb)?;
        if !flow.causes.is_empty() {
            // The remedies have mended this one; the file's own cures start from the fault again.
            drop(state);
            state = State::broken(scenario)?;
        }
    }
    if !flow.causes.is_empty() {
        heal(&mut state, flow, None)?;
        recovers(&state, flow, "with every cause healed")?;
    }
    drop(state);
    if flow.causes.len() > 1 {
        for (left, cause) in flow.causes.iter().enumerate() {
            let mut state = State::broken(scenario)?;
            heal(&mut state, flow, Some(left))?;
            let alone = cause.alone.unwrap_or(flow.outcome);
            expect(&state, flow, alone, &format!("with only cause {} left", left + 1))?;
        }
    }
    Ok(seen)
}

/// How long a mended network may take until its flow connects: a neighbour entry that was still being asked
/// for when the network was mended fails first, and only the next packet asks anew.
const RECOVERY: Duration = Duration::from_secs(8);

/// Requires that the flow comes to its healthy outcome.
fn recovers(state: &State<'_>, flow: &Flow, when: &str) -> Result<()> {
    let end = Instant::now() + RECOVERY;
    loop {
        match expect(state, flow, flow.control, when) {
            Err(Failure::Differs { .. }) if Instant::now() < end => {}
            done => return done,
        }
    }
}

/// Makes the attempt and requires an outcome.
fn expect(state: &State<'_>, flow: &Flow, outcome: Outcome, when: &str) -> Result<()> {
    // Silence shows itself in the usual short wait, whatever the flow's own outcome is.
    let patience = if outcome == Outcome::TimesOut { Some(3.5) } else { flow.patience };
    let seen = state.ask(&Flow { outcome, patience, ..flow.clone() })?;
    let errno = seen.errno.unwrap_or_default();
    let wrong = format!("outcome {} {errno}, expected {}", seen.outcome.word(), outcome.word());
    Failure::unless_same(
        format!("the real client {when}"),
        if seen.outcome == outcome { vec![] } else { vec![wrong] },
    )
}

/// Cures the flow's causes by the file's own commands, but for the one left out.
fn heal(state: &mut State<'_>, flow: &Flow, but: Option<usize>) -> Result<()> {
    for (number, cause) in flow.causes.iter().enumerate().filter(|(n, _)| Some(*n) != but) {
        state.shell(&format!("heal of cause {}", number + 1), &cause.heal)?;
        if cause.heal_servers {
            state.heal_servers()?;
        }
        if let Some(id) = &cause.heal_fault {
            state.heal_fault(id)?;
        }
    }
    Ok(())
}

fn diagnose(state: &State<'_>, flow: &Flow, plumb: &Plumb, when: &str) -> Result<Value> {
    let answer = plumb.diagnose(flow, &state.namespace(&flow.from)?, None)?;
    Failure::unless_same(format!("plumb diagnose, {when}"), verdict::differences(&answer, flow, state)?)?;
    Ok(answer.document)
}

/// Whether all flows of a scenario are asked of a redacted snapshot, and not only the first one.
fn all() -> bool {
    std::env::var_os("PLUMB_ALL_REDACTED").is_some_and(|v| v == "1")
}

/// The answer from a snapshot file is the answer from the machine, and redaction keeps it.
fn offline(state: &State<'_>, flow: &Flow, plumb: &Plumb, live: &Value, redact: bool) -> Result<()> {
    let directory = tempfile::tempdir().map_err(Failure::io("making a directory for a snapshot"))?;
    let file = directory.path().join("machine.plumb");
    let from = state.namespace(&flow.from)?;
    plumb.snapshot(&state.names(), &file)?;
    let answer = plumb.diagnose(flow, &from, Some(&file))?;
    let (mut live, mut offline) = (verdict::lasting(live), verdict::lasting(&answer.document));
    if state.is_lab() {
        [&mut live, &mut offline].into_iter().for_each(verdict::forget_starting);
    }
    let wrong = format!("live {}\n  offline {}", pretty(&live), pretty(&offline));
    Failure::unless_same("live against offline", if live == offline { vec![] } else { vec![wrong] })?;
    if !redact {
        return Ok(());
    }
    let wrong = redacted::differences(plumb, flow, state, &file, &answer)?;
    Failure::unless_same("redacted against original", wrong)
}

/// Asks again, runs the first remedy of every cause as it is printed, and requires the flow to connect.
fn remedy(state: &mut State<'_>, flow: &Flow, plumb: &Plumb) -> Result<()> {
    let document = diagnose(state, flow, plumb, "asked after traffic")?;
    let mut ran = Vec::new();
    for (number, cause) in flow.causes.iter().enumerate() {
        if cause.heal_servers {
            // Nobody but its owner can start the real server: what is printed for it is advice.
            state.heal_servers()?;
            continue;
        }
        let first = &document["causes"][number]["remedy"][0];
        let Some(command) = first["command"].as_str().filter(|_| first["advice"] != true) else {
            let wrong =
                vec![format!("cause {}: the first is no command to run: {}", number + 1, pretty(first))];
            return Failure::unless_same("printed remedies", wrong);
        };
        let path = [("PATH".to_owned(), plumb.search_path())];
        state.shell_with(&format!("printed remedy of cause {}", number + 1), command, &path)?;
        ran.push(format!("`{command}`"));
    }
    if flow.causes.is_empty() {
        return Ok(());
    }
    recovers(state, flow, &format!("after the printed remedies ({})", ran.join("; ")))
}

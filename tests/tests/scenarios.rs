//! Every flow of every file under `scenarios/`: built in namespaces or as a lab, tried by a real client, and asked of `plumb`.
//! `check::…`: what `plumb check` says of the networks themselves.
//!
//! `PLUMB_BIN` names the binary (default: the one that `cargo build -p plumb` made in the same target
//! directory). `PLUMB_REALITY_ONLY=1` leaves it out: then only the scenarios themselves are tested.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use plumb_tests::binary::Plumb;
use plumb_tests::scenario::{Flow, Scenario};
use plumb_tests::{Result, agent, cases, library, netns, plain};

/// Most of a test is waiting for answers that never come, so more than one fits a core.
const THREADS: usize = 8;

fn main() -> ExitCode {
    plumb_lab::run_if_child();
    if let Some(code) = agent::run_if_asked() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    match run(&arguments) {
        Ok(conclusion) => conclusion.exit_code(),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Conclusion> {
    let reality_only = std::env::var_os("PLUMB_REALITY_ONLY").is_some_and(|v| v == "1");
    let plumb = if arguments.list || reality_only { None } else { Some(Plumb::find()?) };
    if !arguments.list {
        netns::need_root()?;
    }
    if reality_only {
        println!("PLUMB_REALITY_ONLY=1: the scenarios are held against reality; plumb itself is NOT tested");
    }
    let plumb = Arc::new(plumb);
    let mut trials = Vec::new();
    for scenario in library::scenarios()? {
        let scenario = Arc::new(scenario);
        for flow in &scenario.flows {
            trials.push(trial(&scenario, flow.clone(), &plumb, reality_only));
        }
    }
    if !reality_only {
        trials.extend(plain::cases()?.into_iter().map(|case| checked(case, &plumb)));
    }
    Ok(libtest_mimic::run(arguments, trials))
}

/// What a check says of a plain host.
fn checked(case: plain::Case, plumb: &Arc<Option<Plumb>>) -> Trial {
    let plumb = Arc::clone(plumb);
    Trial::test(format!("check::{}", case.scenario.name), move || match plumb.as_ref() {
        Some(plumb) => plain::run(&case, plumb).map_err(|failure| Failed::from(failure.to_string())),
        None => Ok(()),
    })
}

fn trial(scenario: &Arc<Scenario>, flow: Flow, plumb: &Arc<Option<Plumb>>, reality_only: bool) -> Trial {
    let name = match &flow.name {
        Some(flow) => format!("{}::{flow}", scenario.name),
        None => scenario.name.clone(),
    };
    let (scenario, plumb, title) = (Arc::clone(scenario), Arc::clone(plumb), name.clone());
    let trial = Trial::test(name, move || match cases::run(&scenario, &flow, plumb.as_ref().as_ref()) {
        Ok(seen) => {
            if reality_only {
                let errno = seen.errno.as_deref().unwrap_or("");
                println!(
                    "  {title}: {} {errno} {:.2} s, {:.3} connect",
                    seen.outcome.word(),
                    seen.seconds,
                    seen.success
                );
            }
            Ok(())
        }
        Err(failure) => Err(Failed::from(failure.to_string())),
    });
    if reality_only { trial.with_kind("reality only") } else { trial }
}

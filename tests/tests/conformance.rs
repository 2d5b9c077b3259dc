//! Every case under `conformance/`, or of the file that `PLUMB_CONFORMANCE` names: a test each.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use plumb_tests::conformance::file;
use plumb_tests::conformance::run::Runner;
use plumb_tests::{Result, netns};

/// Names a file to run in place of those under `conformance/`.
const FILE: &str = "PLUMB_CONFORMANCE";

fn main() -> ExitCode {
    match conformance(Arguments::from_args()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn conformance(mut arguments: Arguments) -> Result<ExitCode> {
    let files = match std::env::var_os(FILE).filter(|f| !f.is_empty()) {
        Some(file) => vec![PathBuf::from(file)],
        None => file::files()?,
    };
    if !arguments.list {
        netns::need_root()?;
    }
    let runner = Arc::new(Runner::new()?);
    arguments.test_threads.get_or_insert(runner.threads());
    let mut trials = Vec::new();
    for path in files {
        let read = file::read(&path)?;
        for unused in read.unused {
            eprintln!("{}: {unused} is not looked at here", path.display());
        }
        trials.extend(
            read.others.into_iter().map(|name| {
                Trial::test(name, || Ok(())).with_ignored_flag(true).with_kind("another backend's")
            }),
        );
        trials.extend(read.cases.into_iter().map(|case| {
            let runner = Arc::clone(&runner);
            Trial::test(case.name.clone(), move || {
                runner.run(&case).map_err(|failure| Failed::from(failure.to_string()))
            })
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        print!("{runner}");
    }
    Ok(conclusion.exit_code())
}

//! Shell commands with a deadline and errors that show what was run and what it said.

use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};

/// Longest that one step of a scenario may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `script` under `bash -eu`, with `variables` set. Returns what it said.
///
/// Inside the script `$client` is the real name of the namespace that the scenario calls `client`.
pub fn run(what: &str, script: &str, variables: &[(String, String)]) -> Result<String> {
    let mut command = Command::new("bash");
    command.args(["-eu", "-o", "pipefail", "-c", script]);
    command.envs(variables.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let (success, how, output) = finish(what, command)?;
    if success {
        Ok(output)
    } else {
        Err(Failure::Shell { what: what.into(), how, script: script.into(), output })
    }
}

/// Runs one program; what it said on stdout and stderr, or `None` where it failed.
pub fn try_run(program: &str, arguments: &[&str]) -> Result<Option<String>> {
    let mut command = Command::new(program);
    command.args(arguments);
    let (success, _, output) = finish(program, command)?;
    Ok(success.then_some(output))
}

/// Runs a command to its end or to the limit: whether it succeeded, how it ended, what it said.
fn finish(what: &str, mut command: Command) -> Result<(bool, String, String)> {
    // A file takes any amount of output without a reader, and outlives what the command leaves running.
    let mut said = tempfile::tempfile().map_err(Failure::io("making a file for a command's output"))?;
    let twice = said.try_clone().and_then(|a| Ok((a, said.try_clone()?)));
    let (out, err) = twice.map_err(Failure::io("sharing a command's output"))?;
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    let mut child =
        command.spawn().map_err(Failure::io(format!("starting {:?} ({what})", command.get_program())))?;
    let end = Instant::now() + LIMIT;
    let mut pause = Duration::from_micros(500);
    let (success, how) = loop {
        match child.try_wait().map_err(Failure::io(format!("waiting for {what}")))? {
            Some(status) => break (status.success(), status.to_string()),
            None if Instant::now() < end => std::thread::sleep(pause),
            None => {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
                }
                child.wait().map_err(Failure::io(format!("ending {what}")))?;
                break (false, format!("still running after {} s, ended", LIMIT.as_secs()));
            }
        }
        pause = (pause * 2).min(Duration::from_millis(10));
    };
    let mut bytes = Vec::new();
    said.rewind()
        .and_then(|()| said.read_to_end(&mut bytes))
        .map_err(Failure::io("reading a command's output"))?;
    Ok((success, how, String::from_utf8_lossy(&bytes).into_owned()))
}

//! Labs that end with the test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use plumb_lab::{Outcome, ProbeOptions, ProbeReport, Topology};
use rustix::process::{Pid, Signal};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A name that no other lab on this machine has.
pub(crate) fn name() -> String {
    format!("lt{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A line for whoever reads the test's output.
pub(crate) fn say(text: &str) {
    eprintln!("    {text}");
}

/// A lab that ends with this.
pub(crate) struct Lab {
    pub(crate) name: String,
}

impl Lab {
    pub(crate) fn standard() -> Result<Self, Failed> {
        Self::of(Topology::standard(&name())?)
    }

    pub(crate) fn of(topology: Topology) -> Result<Self, Failed> {
        let lab = Self { name: topology.name.clone() };
        plumb_lab::up(&topology, &mut |_| {})?;
        Ok(lab)
    }

    pub(crate) fn probe(&self, from: &str, to: &str) -> Result<ProbeReport, Failed> {
        Ok(plumb_lab::probe(&self.name, from, to, &options())?)
    }

    /// The outcome once the network has come to itself: a neighbour that failed is asked again after a while.
    pub(crate) fn settled(&self, from: &str, to: &str) -> Result<Outcome, Failed> {
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let options = ProbeOptions { connections: 8, patience: Duration::from_secs(2), ..options() };
            let outcome = plumb_lab::probe(&self.name, from, to, &options)?.outcome;
            if outcome == Outcome::Connects || Instant::now() > until {
                return Ok(outcome);
            }
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if plumb_lab::labs().contains(&self.name) {
            let _ = plumb_lab::down(&self.name);
        }
    }
}

pub(crate) fn options() -> ProbeOptions {
    ProbeOptions { patience: Duration::from_secs(5), ..ProbeOptions::default() }
}

/// Namespaces of a lab that are there.
pub(crate) fn namespaces(lab: &str) -> Vec<String> {
    let prefix = format!("{lab}-");
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return Vec::new() };
    entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| n.starts_with(&prefix))
        .collect()
}

/// Whether a process lives; one that only waits to be buried does not.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|s| !s.trim().is_empty() && !s.trim_start().starts_with('Z'))
}

pub(crate) fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

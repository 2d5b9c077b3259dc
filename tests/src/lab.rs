//! A lab of the built `plumb`, for as long as it is needed.

use crate::binary::{Output, Plumb};
use crate::error::{Failure, Result};
use crate::netns;

/// A running lab; it goes with this value.
#[derive(Debug)]
pub struct Lab {
    plumb: Plumb,
    name: String,
}

impl Lab {
    /// The standard lab, 3 nodes and 12 pods, under a name of its own.
    pub fn up(plumb: Plumb) -> Result<Self> {
        netns::need_root()?;
        let lab = Self { plumb, name: format!("{}lab", netns::unique_prefix()) };
        lab.must(&["lab", "up", "--name", &lab.name])?;
        Ok(lab)
    }

    /// Name of the namespace of a pod of the namespace `default`.
    #[must_use]
    pub fn pod(&self, pod: &str) -> String {
        format!("{}-default-{pod}", self.name)
    }

    /// Makes a fault of the catalogue.
    pub fn break_(&self, fault: &str, target: &str) -> Result<()> {
        self.must(&["lab", "break", "--lab", &self.name, fault, target])
    }

    /// Its name: every namespace of it begins with it and a hyphen.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a fault of the catalogue where it can be made first.
    pub fn break_first(&self, fault: &str) -> Result<()> {
        self.must(&["lab", "break", "--lab", &self.name, fault])
    }

    /// Undoes every fault.
    pub fn heal(&self) -> Result<()> {
        self.must(&["lab", "heal", "--lab", &self.name])
    }

    /// Asks about a flow; the exit status must be this one.
    pub fn diagnose(&self, from: &str, to: &str, status: i32) -> Result<Output> {
        let arguments = ["diagnose", from, to, "-o", "json"];
        let output = self.plumb.run_plain(&arguments)?;
        if output.status == Some(status) { Ok(output) } else { Err(output.failed(&arguments)) }
    }

    fn must(&self, arguments: &[&str]) -> Result<()> {
        let output = self.plumb.run_plain(arguments)?;
        if output.status == Some(0) { Ok(()) } else { Err(output.failed(arguments)) }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(failure) = self.must(&["lab", "down", &self.name]) {
            eprintln!("taking down lab {}: {failure}", self.name);
        }
    }
}

impl Output {
    fn failed(&self, arguments: &[&str]) -> Failure {
        let what = format!("plumb {}", arguments.join(" "));
        let why = format!("exit {:?}\n{}{}", self.status, self.stdout_text(), self.stderr);
        Failure::Agent { what, why }
    }
}

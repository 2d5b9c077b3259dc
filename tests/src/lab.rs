//! A lab of the built `plumb`, for as long as it is needed.

use serde_json::Value;

use crate::binary::{Output, Plumb};
use crate::error::{Failure, Result};
use crate::netns;

/// A fault that was made, or its look-alike.
#[derive(Clone, Debug)]
pub struct Made {
    /// Who asks.
    pub from: String,
    /// What is asked.
    pub to: String,
    /// What the client sees.
    pub outcome: String,
    /// Whether it connects only late.
    pub late: bool,
    /// Options of a probe or a question without which the client sees none of it.
    pub options: Vec<String>,
    /// Whether only servers can tell why, once they are asked.
    pub asked: bool,
    /// What its client does while counters are read twice: arguments of a probe, in front of the lab's own.
    pub meanwhile: Option<Vec<String>>,
    /// What was changed, in words.
    pub effect: String,
}

/// What real clients saw.
#[derive(Clone, Debug)]
pub struct Probed {
    /// What became of all of them together.
    pub outcome: String,
    /// What they spoke.
    pub protocol: String,
    /// Seconds that the slowest took.
    pub longest: f64,
}

impl Probed {
    /// Two as one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let outcome = if self.outcome == other.outcome { self.outcome } else { "intermittent".to_owned() };
        Self { outcome, protocol: self.protocol, longest: self.longest.max(other.longest) }
    }
}

/// An answer of `plumb check`.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Exit status.
    pub status: Option<i32>,
    /// The document.
    pub report: Value,
}

impl Checked {
    fn findings(&self) -> &[Value] {
        self.report["findings"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The findings' numbers in the catalogue; ids of those that have none.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let number = |f: &Value| f["fault"].as_str().or(f["id"].as_str()).unwrap_or_default().to_owned();
        self.findings().iter().map(number).collect()
    }

    /// Whether none of the findings is more than information.
    #[must_use]
    pub fn only_informs(&self) -> bool {
        self.findings().iter().all(|f| f["severity"] == "info")
    }

    /// The findings, a line each.
    #[must_use]
    pub fn told(&self) -> String {
        let line = |f: &Value| format!("\n    {} {}: {}", f["fault"], f["id"], f["summary"]);
        self.findings().iter().map(line).collect()
    }
}

/// A running lab; it goes with this value.
#[derive(Debug)]
pub struct Lab {
    plumb: Plumb,
    name: String,
}

impl Lab {
    /// The standard lab, 3 nodes and 12 pods, under a name of its own.
    pub fn up(plumb: Plumb) -> Result<Self> {
        Self::start(plumb, &[])
    }

    /// The lab of a topology file, under a name of its own.
    pub fn of(plumb: Plumb, file: &str) -> Result<Self> {
        Self::start(plumb, &[file])
    }

    fn start(plumb: Plumb, file: &[&str]) -> Result<Self> {
        netns::need_root()?;
        let lab = Self { plumb, name: format!("{}lab", netns::unique_prefix()) };
        lab.must(&[&["lab", "up", "--name", &lab.name], file].concat())?;
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

    /// The command.
    #[must_use]
    pub fn plumb(&self) -> &Plumb {
        &self.plumb
    }

    /// Makes a fault where it can be made first, or what looks like it.
    pub fn make(&self, fault: &str, look_alike: bool) -> Result<Made> {
        let mut arguments = vec!["lab", "break", "--lab", &self.name, fault, "-o", "json"];
        if look_alike {
            arguments.push("--look-alike");
        }
        let made = self.json(&arguments, &[0])?.1;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let flow = &made["flow"];
        Ok(Made {
            from: text(&flow["from"]),
            to: text(&flow["to"]),
            outcome: text(&flow["outcome"]),
            late: flow["late"] == true,
            options: options(flow),
            asked: flow["asked"] == true,
            meanwhile: meanwhile(flow),
            effect: text(&made["fault"]["effect"]),
        })
    }

    /// Opens real connections, one after the other.
    pub fn probe(&self, made: &Made, connections: u32, patience: &str) -> Result<Probed> {
        let n = connections.to_string();
        let mut arguments = vec!["lab", "probe", "--lab", &self.name, &made.from, &made.to];
        arguments.extend(["-n", &n, "--patience", patience, "-o", "json"]);
        arguments.extend(made.options.iter().map(String::as_str));
        let seen = self.json(&arguments, &[0, 1])?.1;
        let seconds = seen["attempts"].as_array().into_iter().flatten().filter_map(|a| a["seconds"].as_f64());
        Ok(Probed {
            outcome: seen["outcome"].as_str().unwrap_or_default().to_owned(),
            protocol: seen["protocol"].as_str().unwrap_or_default().to_owned(),
            longest: seconds.fold(0.0, f64::max),
        })
    }

    /// Checks all of it; where only counters tell, while its client does what makes them move.
    pub fn check_of(&self, made: &Made) -> Result<Checked> {
        let Some(arguments) = &made.meanwhile else { return self.check() };
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["--lab", &self.name, "--patience", "0.1", "-o", "json"]);
        let pattern = format!("{}-*", self.name);
        std::thread::scope(|scope| {
            let check = ["check", "--netns", &pattern, "--interval", "1s", "-o", "json"];
            let checking = scope.spawn(move || self.json(&check, &[0, 1, 3]));
            // Both readings are somewhere in here.
            while !checking.is_finished() {
                self.json(&arguments, &[0, 1])?;
            }
            let (status, report) =
                checking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(Checked { status, report })
        })
    }

    /// Checks all of it.
    pub fn check(&self) -> Result<Checked> {
        let pattern = format!("{}-*", self.name);
        let (status, report) = self.json(&["check", "--netns", &pattern, "-o", "json"], &[0, 1, 3])?;
        Ok(Checked { status, report })
    }

    /// Asks why a flow of one of its pods (`pod:NAMESPACE/NAME`) fails.
    pub fn ask(&self, made: &Made, protocol: &str, connections: u32) -> Result<Value> {
        let pod = made.from.trim_start_matches("pod:").replace('/', "-");
        let (from, n) = (format!("netns:{}-{pod}", self.name), connections.to_string());
        let mut arguments = vec!["diagnose", &from, &made.to];
        if !made.options.iter().any(|o| o == "--protocol") {
            arguments.extend(["--protocol", protocol]);
        }
        // A probe opens one connection.
        if made.asked {
            arguments.push("--probe");
        } else {
            arguments.extend(["--connections", &n]);
        }
        arguments.extend(["-o", "json"]);
        arguments.extend(made.options.iter().map(String::as_str));
        Ok(self.json(&arguments, &[0, 1, 3])?.1)
    }

    /// The document that a command prints; its exit status must be one of these.
    fn json(&self, arguments: &[&str], statuses: &[i32]) -> Result<(Option<i32>, Value)> {
        let output = self.plumb.run_plain(arguments)?;
        match serde_json::from_slice(&output.stdout) {
            Ok(document) if output.status.is_some_and(|s| statuses.contains(&s)) => {
                Ok((output.status, document))
            }
            _ => Err(output.failed(arguments)),
        }
    }

    fn must(&self, arguments: &[&str]) -> Result<()> {
        let output = self.plumb.run_plain(arguments)?;
        if output.status == Some(0) { Ok(()) } else { Err(output.failed(arguments)) }
    }
}

/// How a flow is asked about, beside who asks whom.
fn options(flow: &Value) -> Vec<String> {
    let mut options = Vec::new();
    if let Some(bytes) = flow["bytes"].as_object() {
        options.extend(["--bytes".to_owned(), format!("{}:{}", bytes["up"], bytes["down"])]);
    }
    if let Some(protocol) = flow["protocol"].as_str() {
        options.extend(["--protocol".to_owned(), protocol.to_owned()]);
    }
    if let Some(port) = flow["source_port"].as_u64() {
        options.extend(["--source-port".to_owned(), port.to_string()]);
    }
    options
}

/// The probe that makes counters move.
fn meanwhile(flow: &Value) -> Option<Vec<String>> {
    let load = flow["meanwhile"].as_object()?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut arguments = vec!["lab".to_owned(), "probe".to_owned(), text(&flow["from"]), text(&load["to"])];
    arguments.extend(["--protocol".to_owned(), text(&load["protocol"])]);
    arguments.extend(["-n".to_owned(), text(&load["connections"])]);
    Some(arguments)
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

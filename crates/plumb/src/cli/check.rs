//! `plumb check`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use plumb_doctor::check::Severity;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people: worst first
    #[default]
    Text,
    /// One JSON document on stdout, nothing else
    Json,
    /// JUnit XML, for CI systems
    Junit,
    /// One page that needs nothing else, with the paths drawn
    Html,
}

/// The least severity that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Threshold {
    /// Facts that may be meant, too
    Info,
    /// What will break something, or breaks some of it
    #[default]
    Warning,
    /// What breaks something now
    Error,
}

impl From<Threshold> for Severity {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Info => Self::Info,
            Threshold::Warning => Self::Warning,
            Threshold::Error => Self::Error,
        }
    }
}

/// `plumb check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// Snapshot files of one or several nodes (`-` for stdin) instead of this machine
    #[arg(value_name = "SNAPSHOT")]
    pub snapshots: Vec<PathBuf>,
    /// Only namespaces with these names (`*` and `?` allowed); may be given several times
    #[arg(long, value_name = "GLOB")]
    pub netns: Vec<String>,
    /// Services, EndpointSlices, Pods and NetworkPolicies that say what should connect: a file, or a folder; may be given several times
    #[arg(long, value_name = "DIR")]
    pub manifests: Vec<PathBuf>,
    /// The same from a Kubernetes API
    #[command(flatten)]
    pub api: super::ApiArgs,
    /// What should connect and what should not: a YAML or JSON list of {from, to, protocol, outcome}
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Read counters twice, so far apart, and judge them by what they did: 10s, 500ms, 2m
    #[arg(long, value_name = "TIME", value_parser = duration, num_args = 0..=1, default_missing_value = "10s")]
    pub interval: Option<Duration>,
    /// Check again and again, and print what appeared and what went
    #[arg(long, conflicts_with = "snapshots")]
    pub watch: bool,
    /// Walk each pair by itself: otherwise, in large networks, pairs that no rule, route or set can tell apart share a walk
    #[arg(long)]
    pub every_pair: bool,
    /// The least severity that is shown and that counts for the exit status
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    pub severity: Threshold,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: CheckFormat,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  plumb check                                  this machine: who should reach whom, and what is wrong in itself
  plumb check --interval 10s                   and what counters do in ten seconds
  plumb check --netns 'demo-*'                 one lab
  plumb check node-*.plumb                     the snapshots of several nodes, as one network
  plumb check --manifests cluster/             with the Services, Pods and NetworkPolicies of these files
  plumb check --kubeconfig ~/.kube/config      with those of a cluster's API, listed once
  plumb check node-*.plumb --kubeconfig ~/.kube/config --context prod
  plumb check --expect wanted.yaml -o junit > plumb.xml
  plumb check -o html > report.html
  plumb check --watch --interval 30s           what appears and what goes, until interrupted
  plumb check --severity info -o json | jq '.findings[].id'

What should connect is known from --expect, from API objects or a lab's topology, and from the Kubernetes network model:
every pod reaches every pod without NAT, nodes reach all pods, every Service port reaches its ready endpoints, unless a
NetworkPolicy says no. On a plain
host nobody's intention is known: there only what no one can have meant is a finding. Nothing is changed on the machine.

A file for --expect:
  - { from: 'pod:default/*', to: 'svc:default/web:http', outcome: connects }
  - { from: 'netns:guest', to: '10.0.0.5:22', protocol: tcp, outcome: not }

Exit status: 0 nothing at or above --severity, 1 findings, 2 usage or permission, 3 something needed could not be read
(what could is still reported).";

/// `10s`, `500ms`, `2m`; a number alone is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| format!("`{text}` is no time: write 10s, 500ms or 2m"))?;
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("`{other}` is no unit of time: write ms, s, m or h")),
    };
    let seconds = number * unit;
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err("between 100ms and 24h".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times() {
        for (text, ms) in [("10s", 10_000), ("500ms", 500), ("2m", 120_000), ("3", 3_000), ("1.5s", 1_500)] {
            assert_eq!(duration(text).unwrap().as_millis(), ms, "{text}");
        }
        for bad in ["", "s", "-1s", "10x", "0s", "2d", "1e9s", "NaNs", "99h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}

//! How fast the Service proxy is: `cargo run --release -p plumb-tests --bin bench_proxy [ROW…]`. Makes namespaces of its own; takes
//! root. Each row says what the kernel alone takes of it. Times are the median and the 99th percentile of some runs.

use std::process::ExitCode;
use std::time::Duration;

use plumb_tests::netns::{self, Namespace};
use plumb_tests::{Result, shell};

mod api;
mod backend;
mod bare;
mod packet;

type Row = (&'static str, fn() -> Result<()>);

const ROWS: [Row; 10] = [
    ("load", backend::load),
    ("api", api::api),
    ("endpoint", backend::endpoint),
    ("service", backend::create_and_delete),
    ("ranges", backend::source_ranges),
    ("restart", backend::restart),
    ("constant", backend::constant),
    ("packet", packet::first_packet),
    ("process", api::process),
    ("storm", api::storm),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Err(failure) = machine() {
        eprintln!("{failure}");
    }
    for (name, row) in ROWS {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        if let Err(failure) = row() {
            eprintln!("{name}: {failure}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The machine's facts.
fn machine() -> Result<()> {
    netns::need_root()?;
    let facts = shell::run(
        "asking the machine",
        "uname -r; nproc; grep -m1 'model name' /proc/cpuinfo | cut -d: -f2; cut -d' ' -f1 /proc/loadavg",
        &[],
    )?;
    println!("kernel, cores, processor, load: {}", facts.trim().replace('\n', ", "));
    Ok(())
}

/// Times of many runs.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn at(&mut self, per_cent: usize) -> f64 {
        self.0.sort_unstable();
        let index = (self.0.len() * per_cent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(index).map_or(0.0, |d| d.as_secs_f64() * 1e3)
    }

    fn show(&mut self) -> String {
        format!("{:.3} ms, p99 {:.3}", self.at(50), self.at(99))
    }
}

fn namespace() -> Result<Namespace> {
    Namespace::create(format!("{}bench", netns::unique_prefix()))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A line of `/proc/self/status` or `/proc/meminfo`, in MB.
fn megabytes(file: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
    let number: f64 =
        line.trim_start_matches(':').split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    number / 1024.0
}

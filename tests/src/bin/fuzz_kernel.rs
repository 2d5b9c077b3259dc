//! Random rules against the kernel: `fuzz_kernel --count 1000 --seed 1`.
//!
//! | option | |
//! |---|---|
//! | `--count N` | cases to run (default 1000) |
//! | `--kind K` | `nft`, `iptables-nft`, `iptables-legacy` or `mixed` (default: all by turns) |
//! | `--seed S` | the first one's seed (default: from the clock) |
//! | `--keep DIR` | where cases that disagree are written (default `tests/regressions`) |
//! | `--seconds S` | end after so many seconds |
//! | `--stop N` | end after so many disagreements (default 10) |
//! | `--replay FILE` | run the case of a file instead |
//! | `--show` | print the rules and flows of every case |

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plumb_tests::fuzz::network::pin_to_one_processor;
use plumb_tests::fuzz::observe::Observation;
use plumb_tests::fuzz::regression::{self, Regression};
use plumb_tests::fuzz::run::{Disagreement, Load, Outcome};
use plumb_tests::fuzz::{Case, Kind, Network, Networks, generate, shrink};
use plumb_tests::{Failure, Result};

struct Options {
    count: u64,
    seed: u64,
    kind: Option<Kind>,
    keep: PathBuf,
    stop: usize,
    seconds: u64,
    show: bool,
    replay: Option<PathBuf>,
}

fn options() -> std::result::Result<Options, String> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_secs());
    let mut o = Options {
        count: 1000,
        seed: clock,
        kind: None,
        keep: regression::folder(),
        stop: 10,
        seconds: u64::MAX,
        show: false,
        replay: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--show" {
            o.show = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} takes a value"))?;
        let number = || value.parse::<u64>().map_err(|e| format!("{word} {value}: {e}"));
        match word.as_str() {
            "--count" => o.count = number()?,
            "--seed" => o.seed = number()?,
            "--seconds" => o.seconds = number()?,
            "--kind" => o.kind = Some(value.parse()?),
            "--stop" => o.stop = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--replay" => {
                o.replay = Some(value.into());
                o.count = 1;
            }
            "--keep" => o.keep = value.into(),
            _ => {
                return Err(format!(
                    "{word} is no option; there are --count, --seed, --kind, --keep, --seconds, --stop, --replay and --show"
                ));
            }
        }
    }
    Ok(o)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(o) => o,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// Most frequent first.
fn list(title: &str, of: &BTreeMap<String, usize>) {
    let mut sorted: Vec<_> = of.iter().collect();
    sorted.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    for (what, n) in sorted.iter().take(25) {
        println!("{title} {n}×: {what}");
    }
}

/// How the cases of one kind came out.
#[derive(Default)]
struct Tally {
    agreed: usize,
    packets: usize,
    rules: usize,
    bad: usize,
    odd: usize,
    refused: BTreeMap<String, usize>,
    unknown: BTreeMap<String, usize>,
    took: Duration,
}

impl Tally {
    fn print(&self, kind: &str) {
        list("refused", &self.refused);
        list("unknown", &self.unknown);
        let (refused, unknown): (usize, usize) = (self.refused.values().sum(), self.unknown.values().sum());
        let Self { agreed, packets, rules, bad, odd, .. } = self;
        let ran = agreed + refused + unknown + odd + bad;
        let seconds = self.took.as_secs_f64();
        println!(
            "{kind}: {ran} cases in {seconds:.1} s ({:.1}/s): {agreed} agree ({packets} packets, {rules} rules), {bad} disagree, \
             {unknown} met something unknown, {refused} refused by the tools, {odd} agreed at the second try",
            ran as f64 / seconds
        );
    }
}

fn run(o: &Options) -> Result<bool> {
    pin_to_one_processor()?;
    let mut networks = Networks::default();
    println!("seed {} and the {} that follow", o.seed, o.count.saturating_sub(1));
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    let mut bad = 0;
    let start = Instant::now();
    for n in 0..o.count {
        if start.elapsed().as_secs() >= o.seconds {
            break;
        }
        let mut seed = o.seed.wrapping_add(n);
        let kind = o.kind.unwrap_or_else(|| Kind::by_turns(seed));
        let mut case = generate::case(kind, seed);
        let mut name = kind.name();
        if let Some(file) = &o.replay {
            case = regression::read(file)?.case;
            seed = case.seed;
            name = "replayed";
        }
        if o.show {
            show(&case);
        }
        let network = networks.of(&case)?;
        let load = Load::of(seed);
        let tally = tallies.entry(name).or_default();
        let began = Instant::now();
        let mut reporting = Duration::ZERO;
        match network.run(&case, load) {
            Ok(Outcome::Agrees(p)) => {
                tally.agreed += 1;
                tally.packets += p;
                tally.rules += case.rules();
            }
            Ok(Outcome::Refused(said)) => {
                *tally.refused.entry(said).or_insert(0) += 1;
            }
            Ok(Outcome::Unknown(what)) => *tally.unknown.entry(what).or_insert(0) += 1,
            Ok(Outcome::Disagrees(_)) => match network.run_slowly(&case, load)? {
                Outcome::Disagrees(d) => {
                    (bad, tally.bad) = (bad + 1, tally.bad + 1);
                    let at = Instant::now();
                    report(network, name, &case, load, &d, &o.keep)?;
                    reporting += at.elapsed();
                }
                _ => tally.odd += 1,
            },
            Err(failure @ Failure::Agent { .. }) => {
                (bad, tally.bad) = (bad + 1, tally.bad + 1);
                println!("seed {seed}, {name}: {failure}");
            }
            Err(failure) => return Err(failure),
        }
        tally.took += began.elapsed().saturating_sub(reporting);
        if bad >= o.stop {
            break;
        }
    }
    for (kind, tally) in &tallies {
        tally.print(kind);
    }
    Ok(bad == 0)
}

fn show(case: &Case) {
    println!("seed {}", case.seed);
    for (place, ruleset) in &case.rulesets {
        println!("# {}\n{ruleset}", place.name());
    }
    for place in case.places() {
        let sets = case.ipsets(place);
        if !sets.is_empty() {
            println!("# {}, ipset restore\n{sets}", place.name());
        }
    }
    for (place, x) in &case.xtables {
        for family in ["ip", "ip6"] {
            if let Some(text) = x.text(family) {
                println!("# {}, {}\n{text}", place.name(), x.program(family));
            }
        }
    }
    for f in &case.flows {
        println!("{f:?}");
    }
}

fn report(
    network: &mut Network,
    kind: &str,
    case: &Case,
    load: Load,
    d: &Disagreement,
    keep: &std::path::Path,
) -> Result<()> {
    println!("=== seed {}, {kind}, disagrees: {}", case.seed, d.differences.join("; "));
    let small = shrink::shrink(network, case, load)?;
    let (last, d) = match network.run_slowly(&small, load)? {
        Outcome::Disagrees(d) => (small, *d),
        _ => (case.clone(), d.clone()),
    };
    show(&last);
    println!("flow {} packet {}:", d.flow, d.packet);
    for difference in &d.differences {
        println!("  {difference}");
    }
    println!("  the walk: {}", d.story);
    let counts =
        |o: &Observation| o.counts.iter().map(|(r, n)| format!("{r}: {n}")).collect::<Vec<_>>().join(", ");
    println!("  kernel counted {}", counts(&d.kernel));
    if let Some(walk) = &d.walk {
        println!("  walk counted {}", counts(walk));
    }
    let kernel = vec![
        format!("flow {} packet {}: {:?}", d.flow, d.packet, d.kernel.seen),
        format!("arrives: {:?}", d.kernel.arrival),
    ];
    let kept = Regression { what: d.differences.join("; "), kernel, case: last };
    let path = regression::write(keep, &format!("{kind}-{}", case.seed), &kept)?;
    println!("  kept in {}", path.display());
    Ok(())
}

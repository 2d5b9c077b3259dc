//! Random tables of iptables, by either of its engines, and ipsets.

mod conditions;
mod ends;
mod sets;
mod stateful;

use super::super::case::{Case, Place};
use super::super::rng::Rng;
use super::super::ruleset::{self, Ruleset};
use super::super::xtables::{Chain, Table, Xtables};
use super::flows;
use sets::Known;

/// Tables, and how many of a hundred cases have them.
const TABLES: [(&str, usize); 5] =
    [("raw", 25), ("mangle", 45), ("nat", 60), ("filter", 90), ("security", 10)];
const FAMILIES: [&[&str]; 5] = [&["ip"], &["ip"], &["ip"], &["ip6"], &["ip", "ip6"]];

/// What rules are made for.
struct Context<'a> {
    seed: u64,
    v4: bool,
    table: &'a str,
    /// Built-in chains from which a rule can be reached: it takes only what all of them take.
    hooks: &'a [&'a str],
    /// Chains that may be led to.
    chains: &'a [String],
    sets: &'a [Known],
}

impl Context<'_> {
    /// Whether rules are reached from these built-in chains only.
    fn only(&self, hooks: &[&str]) -> bool {
        self.hooks.iter().all(|h| hooks.contains(h))
    }
}

/// A case of one engine.
#[must_use]
pub(super) fn case(seed: u64, legacy: bool) -> Case {
    let mut rng = Rng::new(seed);
    let families = FAMILIES[rng.below(FAMILIES.len())];
    let mut all = Vec::new();
    for place in places(&mut rng) {
        let (lines, known) = some_sets(&mut rng, families);
        let names: Vec<_> = families.iter().flat_map(|f| some_tables(&mut rng, f)).collect();
        all.push((place, one(&mut rng, seed, place, legacy, &names, &known, lines)));
    }
    let flows = flows::flows(&mut rng, &like(families));
    Case { seed, rulesets: Vec::new(), xtables: all, flows }
}

/// A case in which tables of iptables-legacy stand beside those of iptables-nft and chains of nftables. No two engines
/// have chains of the same priority: which of them runs first hangs on when they were made, which nothing shows.
#[must_use]
pub(super) fn mixed(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let families = FAMILIES[rng.below(FAMILIES.len())];
    let (mut rulesets, mut all) = (Vec::new(), Vec::new());
    for place in places(&mut rng) {
        let (lines, known) = some_sets(&mut rng, families);
        let names: Vec<_> = families.iter().flat_map(|f| some_tables(&mut rng, f)).collect();
        let (legacy, nft): (Vec<_>, Vec<_>) = names.into_iter().partition(|_| rng.percent(60));
        if rng.percent(60) {
            rulesets.push((place, apart(super::ruleset(&mut rng, place))));
        }
        all.push((place, one(&mut rng, seed, place, true, &legacy, &known, lines)));
        if !nft.is_empty() {
            all.push((place, one(&mut rng, seed, place, false, &nft, &known, Vec::new())));
        }
    }
    let flows = flows::flows(&mut rng, &like(families));
    Case { seed, rulesets, xtables: all, flows }
}

/// Base chains of priorities that iptables' tables do not have.
fn apart(mut ruleset: Ruleset) -> Ruleset {
    for chain in ruleset.0.iter_mut().flat_map(|t| &mut t.chains) {
        for priority in [-300, -150, -100, 0, 50, 100] {
            chain.base =
                chain.base.replace(&format!("priority {priority};"), &format!("priority {};", priority + 1));
        }
    }
    ruleset
}

fn places(rng: &mut Rng) -> Vec<Place> {
    let mut places = vec![Place::Router];
    places.extend([Place::Client, Place::Server].into_iter().filter(|_| rng.percent(15)));
    places
}

/// Flows go by the families of nftables' tables.
fn like(families: &[&str]) -> Vec<(Place, Ruleset)> {
    let table = |f: &&str| ruleset::Table {
        family: (*f).to_owned(),
        name: String::new(),
        sets: Vec::new(),
        chains: Vec::new(),
    };
    vec![(Place::Router, Ruleset(families.iter().map(table).collect()))]
}

fn some_tables(rng: &mut Rng, family: &'static str) -> Vec<(&'static str, &'static str)> {
    TABLES.iter().filter(|(_, percent)| rng.percent(*percent)).map(|(name, _)| (family, *name)).collect()
}

fn some_sets(rng: &mut Rng, families: &[&str]) -> (Vec<String>, Vec<Known>) {
    let (mut lines, mut known) = (Vec::new(), Vec::new());
    for family in families {
        let (mut l, mut k) = sets::sets(rng, family == &"ip");
        lines.append(&mut l);
        known.append(&mut k);
    }
    (lines, known)
}

fn one(
    rng: &mut Rng,
    seed: u64,
    place: Place,
    legacy: bool,
    names: &[(&str, &str)],
    sets: &[Known],
    lines: Vec<String>,
) -> Xtables {
    let tables = names.iter().map(|(family, name)| table(rng, seed, place, family, name, sets)).collect();
    Xtables { legacy, sets: lines, tables }
}

fn builtin(table: &str) -> &'static [&'static str] {
    match table {
        "raw" => &["PREROUTING", "OUTPUT"],
        "mangle" => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        "nat" => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        _ => &["INPUT", "FORWARD", "OUTPUT"],
    }
}

fn table(rng: &mut Rng, seed: u64, place: Place, family: &str, name: &str, sets: &[Known]) -> Table {
    let (hooks, v4) = (builtin(name), family == "ip");
    // Of nat there are chains for either direction.
    let own = |rng: &mut Rng, first: char| -> Vec<String> {
        (0..rng.below(4)).map(|n| format!("{first}{n}")).collect()
    };
    let groups: Vec<(Vec<&str>, Vec<String>)> = match name {
        "nat" => {
            vec![(vec!["PREROUTING", "OUTPUT"], own(rng, 'd')), (vec!["INPUT", "POSTROUTING"], own(rng, 's'))]
        }
        _ => vec![(hooks.to_vec(), own(rng, 'r'))],
    };
    let mut chains = Vec::new();
    for chain in hooks {
        let own = groups.iter().find(|(of, _)| of.contains(chain)).map_or(&[][..], |(_, own)| own);
        let (few, many) = if place == Place::Router || *chain != "FORWARD" { (0, 4) } else { (0, 0) };
        let at = [*chain];
        let context = Context { seed, v4, table: name, hooks: &at, chains: own, sets };
        let rules = (0..rng.between(few, many)).map(|_| rule(rng, &context)).collect();
        let drops = name == "filter" && rng.percent(10) || name == "mangle" && rng.percent(3);
        chains.push(Chain {
            name: (*chain).to_owned(),
            policy: if drops { "DROP" } else { "ACCEPT" }.to_owned(),
            rules,
        });
    }
    for (hooks, own) in &groups {
        for (n, chain) in own.iter().enumerate() {
            // A chain leads to chains before it only: no loops.
            let context = Context { seed, v4, table: name, hooks, chains: &own[..n], sets };
            let rules = (0..rng.below(4)).map(|_| rule(rng, &context)).collect();
            chains.push(Chain { name: chain.clone(), policy: String::new(), rules });
        }
    }
    Table { family: family.to_owned(), name: name.to_owned(), chains }
}

/// Options of protocols.
const PORTS: &[&str] = &[
    "",
    "-m P --dport 80",
    "-m P ! --dport 53",
    "-m P --dport 1:1000",
    "-m P --sport 20000:40000",
    "-m P ! --sport 40000:65535 --dport 53:8080",
    "-m multiport --dports 53,80,8080",
    "-m multiport ! --dports 53,1000:3000",
    "-m multiport --sports 20000:30000,50000",
    "-m multiport --ports 1000:9000",
];
const FLAGS: &[&str] = &[
    "--syn",
    "! --syn",
    "--tcp-flags SYN,ACK SYN",
    "--tcp-flags SYN,ACK SYN,ACK",
    "! --tcp-flags ALL SYN",
    "--tcp-flags FIN,RST NONE",
];

fn rule(rng: &mut Rng, context: &Context<'_>) -> String {
    let mut protocol = *rng.pick(&["", "", "", "tcp", "tcp", "udp", "udp", "icmp"]);
    let mut words: Vec<String> = Vec::new();
    match protocol {
        "" if rng.percent(8) => words.push(format!("! -p {}", rng.word(&["tcp", "udp", "gre"]))),
        "" => {}
        "icmp" if context.v4 => {
            let kind = rng.word(&[
                "--icmp-type 8",
                "--icmp-type 0",
                "! --icmp-type 8",
                "--icmp-type any",
                "--icmp-type 8/0",
            ]);
            words.push(format!("-p icmp -m icmp {kind}"));
        }
        "icmp" => {
            let kind = rng.word(&[
                "--icmpv6-type 128",
                "--icmpv6-type 129",
                "! --icmpv6-type 128",
                "--icmpv6-type 128/0",
            ]);
            words.push(format!("-p ipv6-icmp -m icmp6 {kind}"));
        }
        p => {
            words.push(format!("-p {p}"));
            if p == "tcp" && rng.percent(20) {
                words.push(format!("-m tcp {}", rng.word(FLAGS)));
            } else {
                words.push(rng.word(PORTS).replace("-m P", &format!("-m {p}")));
            }
        }
    }
    for _ in 0..*rng.pick(&[0, 1, 1, 1, 2, 2, 3]) {
        words.push(conditions::one(rng, context));
    }
    // An option can be given once.
    words.sort_by_key(|w| kind(w));
    words.dedup_by_key(|w| kind(w));
    let end = ends::one(rng, context, &mut protocol);
    if end.contains("CT --zone") {
        // Packets of one flow in different zones clash in the direction that has none.
        words.retain(|w| !stateful::is_one(w));
    }
    words.push(end);
    words.retain(|w| !w.is_empty());
    words.join(" ")
}

/// Conditions of which a rule takes one alone.
fn kind(word: &str) -> String {
    let mut parts = word.trim_start_matches("! ").split(' ');
    let first = parts.next().unwrap_or_default();
    match first {
        // Of sets any number.
        "-m" if word.starts_with("-m set ") => word.to_owned(),
        "-m" => format!("-m {}", parts.next().unwrap_or_default()),
        _ => format!(" {first}"),
    }
}

//! Random rulesets that nft, iptables and ipset take, and flows that have a fair chance of meeting them.

mod flows;
mod matches;
mod nat;
mod protocols;
mod sets;
mod statements;
mod words;
mod xtables;

use super::case::{Case, Place};
use super::kind::Kind as Rules;
use super::rng::Rng;
use super::ruleset::{Chain, Rule, Ruleset, Table};
use sets::Named;

/// Hook of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }
}

/// Type of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Filter,
    Nat,
    Route,
}

/// What a rule is made for.
#[derive(Clone, Debug)]
struct Context<'a> {
    family: &'static str,
    /// `None` in chains that others lead to: only what any hook takes.
    hook: Option<Hook>,
    kind: Kind,
    priority: i32,
    /// Chains that may be led to.
    chains: &'a [String],
    sets: &'a [Named],
}

impl Context<'_> {
    /// Whether this rule is to be about IPv4.
    fn v4(&self, rng: &mut Rng) -> bool {
        match self.family {
            "ip" => true,
            "ip6" => false,
            _ => rng.percent(60),
        }
    }
}

/// A case of a kind from a seed.
#[must_use]
pub fn case(kind: Rules, seed: u64) -> Case {
    match kind {
        Rules::Nft => nft(seed),
        Rules::IptablesNft => xtables::case(seed, false),
        Rules::IptablesLegacy => xtables::case(seed, true),
        Rules::Mixed => xtables::mixed(seed),
    }
}

fn nft(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let mut rulesets = vec![(Place::Router, ruleset(&mut rng, Place::Router))];
    for place in [Place::Client, Place::Server] {
        if rng.percent(15) {
            rulesets.push((place, ruleset(&mut rng, place)));
        }
    }
    let flows = flows::flows(&mut rng, &rulesets);
    Case { seed, rulesets, xtables: Vec::new(), flows }
}

fn ruleset(rng: &mut Rng, place: Place) -> Ruleset {
    let count = *rng.pick(&[1, 1, 1, 2, 2, 3]);
    Ruleset((0..count).map(|n| table(rng, place, n)).collect())
}

fn table(rng: &mut Rng, place: Place, number: usize) -> Table {
    let family = *rng.pick(&["ip", "ip", "ip", "inet", "inet", "ip6"]);
    let regular: Vec<String> = (0..rng.below(4)).map(|n| format!("r{n}")).collect();
    let sets = sets::named(rng, family, &regular);
    let mut chains = Vec::new();
    for (n, name) in regular.iter().enumerate() {
        // A chain leads to chains before it only: no loops.
        let context = Context {
            family,
            hook: None,
            kind: Kind::Filter,
            priority: 0,
            chains: regular.get(..n).unwrap_or_default(),
            sets: &sets,
        };
        // Verdict maps lead anywhere, so a chain that they may lead to must not use them.
        let without: Vec<Named> = sets.iter().filter(|s| !s.leads_on).cloned().collect();
        let context = Context { sets: &without, ..context };
        chains.push(Chain { name: name.clone(), base: String::new(), rules: rules(rng, &context, 0, 4) });
    }
    for n in 0..rng.between(1, 4) {
        let (hook, kind, priority) = base(rng, place);
        let context = Context { family, hook: Some(hook), kind, priority, chains: &regular, sets: &sets };
        let kind = match kind {
            Kind::Filter => "filter",
            Kind::Nat => "nat",
            Kind::Route => "route",
        };
        let policy = if rng.percent(10) { "drop" } else { "accept" };
        let base = format!("type {kind} hook {} priority {priority}; policy {policy};", hook.name());
        chains.push(Chain { name: format!("b{n}"), base, rules: rules(rng, &context, 0, 6) });
    }
    Table {
        family: family.to_owned(),
        name: format!("t{number}"),
        sets: sets.into_iter().map(|s| s.set).collect(),
        chains,
    }
}

fn base(rng: &mut Rng, place: Place) -> (Hook, Kind, i32) {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    let hooks: &[Hook] = match place {
        Place::Router => &[Prerouting, Prerouting, Forward, Forward, Postrouting, Postrouting, Input, Output],
        _ => &[Input, Output, Output, Prerouting, Postrouting],
    };
    let hook = *rng.pick(hooks);
    if hook != Forward && rng.percent(40) {
        let priority = match hook {
            Prerouting | Output => *rng.pick(&[-100, -100, -110, -90, 0]),
            _ => *rng.pick(&[100, 100, 90, 110, 0]),
        };
        return (hook, Kind::Nat, priority);
    }
    let priority = *rng.pick(&[
        -310, -300, -300, -250, -199, -150, -150, -101, -100, -99, -50, 0, 0, 0, 10, 50, 99, 100, 101, 150,
        300,
    ]);
    let kind = if hook == Output && rng.percent(40) { Kind::Route } else { Kind::Filter };
    (hook, kind, priority)
}

fn rules(rng: &mut Rng, context: &Context<'_>, from: usize, to: usize) -> Vec<Rule> {
    (0..rng.between(from, to)).map(|_| rule(rng, context)).collect()
}

/// Matches, then what changes the packet, then the counter, then what ends the rule.
fn rule(rng: &mut Rng, context: &Context<'_>) -> Rule {
    let v4 = context.v4(rng);
    let mut rule = Rule::new();
    if context.kind == Kind::Nat && rng.percent(60) {
        nat::rule(rng, context, v4, &mut rule);
        protocols::reconcile(&mut rule);
        return rule;
    }
    for _ in 0..*rng.pick(&[0, 1, 1, 1, 1, 2, 2, 3]) {
        rule.push(matches::one(rng, context, v4));
    }
    for _ in 0..*rng.pick(&[0, 0, 0, 1, 1, 2]) {
        statements::change(rng, context, v4, &mut rule);
    }
    rule.push("counter".to_owned());
    statements::end(rng, context, v4, &mut rule);
    protocols::reconcile(&mut rule);
    rule
}

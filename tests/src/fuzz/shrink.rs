//! Making a case that disagrees as small as it can be while it still does.

use super::case::Case;
use super::network::Network;
use super::ruleset::Ruleset;
use super::run::{Load, Outcome};
use crate::error::Result;

/// Attempts at most, so that it ends.
const ATTEMPTS: usize = 400;

/// The smallest case that was found to disagree still.
pub fn shrink(network: &mut Network, case: &Case, load: Load) -> Result<Case> {
    let mut best = case.clone();
    let mut left = ATTEMPTS;
    loop {
        let mut smaller = false;
        let mut n = 0;
        while let Some(candidate) = candidate(&best, n) {
            if left == 0 {
                return Ok(best);
            }
            if candidate == best {
                n += 1;
                continue;
            }
            left -= 1;
            if matches!(network.run(&candidate, load)?, Outcome::Disagrees(_)) {
                best = candidate;
                smaller = true;
            } else {
                n += 1;
            }
        }
        if !smaller {
            return Ok(best);
        }
    }
}

/// The case with its nth removable piece removed: whole things first.
fn candidate(case: &Case, mut n: usize) -> Option<Case> {
    let mut take = |count: usize| {
        if n < count {
            return Some(n);
        }
        n -= count;
        None
    };
    let mut new = case.clone();
    // Later flows first: the one that shows it is the last.
    if let Some(i) = take(case.flows.len()) {
        new.flows.remove(case.flows.len() - 1 - i);
        return (!new.flows.is_empty()).then_some(new).or_else(|| candidate(case, n + case.flows.len()));
    }
    if let Some(i) = take(case.flows.len()) {
        new.flows[i].packets = new.flows[i].packets.saturating_sub(1).max(1);
        return if new == *case { candidate_after(case, i + 1) } else { Some(new) };
    }
    for r in 0..case.rulesets.len() {
        if take(1).is_some() {
            new.rulesets.remove(r);
            return Some(new);
        }
        let ruleset = &case.rulesets[r].1;
        if let Some(i) = take(pieces(ruleset)) {
            new.rulesets[r].1 = without(ruleset, i);
            return Some(new);
        }
    }
    for x in 0..case.xtables.len() {
        if take(1).is_some() {
            new.xtables.remove(x);
            return Some(new);
        }
        let of = &case.xtables[x].1;
        for t in 0..of.tables.len() {
            if take(1).is_some() {
                new.xtables[x].1.tables.remove(t);
                return Some(new);
            }
            for c in 0..of.tables[t].chains.len() {
                let rules = &of.tables[t].chains[c].rules;
                let chain = &mut new.xtables[x].1.tables[t].chains[c];
                if let Some(i) = take(rules.len()) {
                    chain.rules.remove(i);
                    return Some(new);
                }
                for (r, rule) in rules.iter().enumerate() {
                    if let Some(i) = take(conditions(rule).len().saturating_sub(1)) {
                        let mut left = conditions(rule);
                        left.remove(i);
                        chain.rules[r] = left.join(" ");
                        return Some(new);
                    }
                }
                if take(1).is_some() {
                    if chain.policy.is_empty() && rules.is_empty() {
                        new.xtables[x].1.tables[t].chains.remove(c);
                    } else {
                        chain.policy = chain.policy.replace("DROP", "ACCEPT");
                    }
                    return Some(new);
                }
            }
        }
        if let Some(i) = take(of.sets.len()) {
            new.xtables[x].1.sets.remove(i);
            return Some(new);
        }
    }
    None
}

/// A rule of iptables in pieces: what each option that begins a condition brings along.
fn conditions(rule: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut bang = false;
    for word in rule.split(' ') {
        let begins = matches!(word, "-m" | "-p" | "-s" | "-d" | "-i" | "-o" | "-f" | "-j" | "-g");
        let word = if std::mem::take(&mut bang) { format!("! {word}") } else { word.to_owned() };
        match out.last_mut() {
            _ if word == "!" => bang = true,
            Some(last) if !begins => {
                last.push(' ');
                last.push_str(&word);
            }
            _ => out.push(word),
        }
    }
    out
}

/// Flows that cannot be shortened are passed over.
fn candidate_after(case: &Case, flow: usize) -> Option<Case> {
    candidate(case, case.flows.len() + flow)
}

/// Tables, sets, chains, rules and statements.
fn pieces(ruleset: &Ruleset) -> usize {
    let mut n = 0;
    for t in &ruleset.0 {
        n += 1 + t.sets.len() + t.chains.len();
        for c in &t.chains {
            n +=
                c.rules.len() + c.rules.iter().map(Vec::len).sum::<usize>() + usize::from(!c.base.is_empty());
        }
    }
    n
}

fn without(ruleset: &Ruleset, mut n: usize) -> Ruleset {
    let mut new = ruleset.clone();
    let mut hit = |count: usize| {
        let found = (n < count).then_some(n);
        n = n.wrapping_sub(count);
        found
    };
    for t in 0..ruleset.0.len() {
        if hit(1).is_some() {
            new.0.remove(t);
            return new;
        }
    }
    for (t, table) in ruleset.0.iter().enumerate() {
        if let Some(i) = hit(table.chains.len()) {
            new.0[t].chains.remove(i);
            return new;
        }
        for (c, chain) in table.chains.iter().enumerate() {
            if let Some(i) = hit(chain.rules.len()) {
                new.0[t].chains[c].rules.remove(i);
                return new;
            }
        }
        if let Some(i) = hit(table.sets.len()) {
            new.0[t].sets.remove(i);
            return new;
        }
    }
    for (t, table) in ruleset.0.iter().enumerate() {
        for (c, chain) in table.chains.iter().enumerate() {
            for (r, rule) in chain.rules.iter().enumerate() {
                if let Some(i) = hit(rule.len()) {
                    // Without its counter a rule could not be compared any more.
                    if rule[i] == "counter" {
                        continue;
                    }
                    new.0[t].chains[c].rules[r].remove(i);
                    return new;
                }
            }
            if !chain.base.is_empty() && hit(1).is_some() {
                new.0[t].chains[c].base = chain.base.replace("policy drop", "policy accept");
                return new;
            }
        }
    }
    new
}

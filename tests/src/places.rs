//! Holds the place that a scenario blames against the kernel: the rule, route, setting or socket must be there
//! (or, where it is said to be missing, must not), in the very words that nft, iptables, ip and ss print.

use serde_json::Value;

use crate::error::{Failure, Result};
use crate::scenario::{Cause, PlaceValue};
use crate::shell;
use crate::state::State;

/// One of these words of the place, as text.
fn text<'c>(cause: &'c Cause, key: &str) -> Option<&'c str> {
    match cause.place.get(key) {
        Some(PlaceValue::Text(text)) => Some(text),
        _ => None,
    }
}

/// Whether an observed word is what a place's key asks for.
pub fn is(expected: &PlaceValue, seen: Option<&Value>) -> bool {
    match expected {
        PlaceValue::Nothing => seen.is_none_or(Value::is_null),
        PlaceValue::Number(n) => seen.and_then(Value::as_i64) == Some(*n),
        PlaceValue::Text(t) => seen.and_then(Value::as_str) == Some(t),
        PlaceValue::Contains { contains } => seen
            .and_then(Value::as_str)
            .is_some_and(|s| contains.iter().all(|part| s.contains(part.as_str()))),
    }
}

/// The same for one line of a listing.
fn names(expected: &PlaceValue, line: &str) -> bool {
    is(expected, Some(&Value::String(line.trim().to_owned())))
}

/// What about the cause's place the kernel does not confirm.
pub fn check(state: &State<'_>, cause: &Cause) -> Result<Vec<String>> {
    let Some(namespace) = text(cause, "namespace") else { return Ok(vec!["place without namespace".into()]) };
    let real = state.namespace(namespace)?;
    let inside = Inside { namespace: &real };
    let mut wrong = Vec::new();
    let mut need = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{namespace}: {what}"));
        }
    };
    if let (Some(backend), Some(rule)) = (text(cause, "backend"), cause.place.get("rule")) {
        let word = |key| text(cause, key).unwrap_or_default();
        let rules = inside.rules(backend, word("family"), word("table"), word("chain"))?;
        need(rules.iter().any(|r| names(rule, &r.text)), format!("no rule {rule:?} among {rules:#?}"));
    }
    if let Some(set) = text(cause, "set") {
        let elements = text(cause, "element").unwrap_or_default();
        let xtables = text(cause, "backend").is_some_and(|b| b.starts_with("xtables"));
        let listing = match xtables {
            true => inside.run(&["ipset", "list", set])?,
            false => inside.run(&["nft", "list", "ruleset"])?,
        };
        need(xtables || listing.contains(&format!(" {set} {{")), format!("no set or map {set}"));
        need(listing.contains(elements), format!("no element {elements} of {set}"));
    }
    if let (Some(sysctl), Some(value)) = (text(cause, "sysctl"), cause.place.get("value")) {
        let read = inside.run(&["sysctl", "-n", sysctl])?;
        need(names(value, &read), format!("{sysctl} is {read}"));
    }
    if let (Some(table), Some(route)) = (text(cause, "table"), cause.place.get("route")) {
        // A table without a route of one family is an error to ip, not an empty list.
        let mut routes = inside.run(&["ip", "-4", "route", "show", "table", table]).unwrap_or_default();
        routes += &inside.run(&["ip", "-6", "route", "show", "table", table]).unwrap_or_default();
        need(
            routes.lines().any(|l| names(route, l)),
            format!("no route {route:?} in table {table}:\n{routes}"),
        );
    }
    match (text(cause, "missing"), text(cause, "address"), text(cause, "socket")) {
        (Some("route"), Some(address), _) => {
            let found = inside.run(&["ip", "route", "get", address]);
            need(found.is_err(), format!("there is a route to {address}"));
        }
        (missing, _, Some(socket)) => {
            let (protocol, local) = socket.split_once(' ').unwrap_or_default();
            let udp = protocol == "udp";
            let listing = inside.run(&["ss", if udp { "-Hlun" } else { "-Hltn" }])?;
            let there = listing.lines().any(|l| l.split_whitespace().nth(3) == Some(local));
            need(there == missing.is_none(), format!("{socket} (missing: {missing:?}) against\n{listing}"));
        }
        _ => {}
    }
    if let (Some(device), Some(address), Some(lladdr)) =
        (text(cause, "device"), text(cause, "address"), text(cause, "lladdr"))
    {
        let listing = inside.run(&["ip", "neigh", "show", "dev", device, "to", address])?;
        need(listing.contains(lladdr), format!("neighbour {address} on {device} is {listing}"));
    }
    if let (Some(device), Some(attribute), Some(value)) =
        (text(cause, "device"), text(cause, "attribute"), cause.place.get("value"))
    {
        let seen = inside.attribute(device, attribute)?;
        need(names(value, &seen), format!("{attribute} of {device} is {seen:?}"));
    }
    Ok(wrong)
}

/// A rule as its own tool prints it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// One line, counter values left out; `policy` for a chain's policy other than accept.
    pub text: String,
    /// The kernel's handle; `None` for a policy.
    pub handle: Option<i64>,
}

/// Asks tools inside one namespace.
#[derive(Debug, Clone, Copy)]
pub struct Inside<'n> {
    /// Its real name.
    pub namespace: &'n str,
}

impl Inside<'_> {
    /// What a command says that must succeed.
    fn run(&self, command: &[&str]) -> Result<String> {
        let all = [&["netns", "exec", self.namespace], command].concat();
        shell::try_run("ip", &all)?.ok_or_else(|| Failure::Agent {
            what: command.join(" "),
            why: format!("failed in {}", self.namespace),
        })
    }

    /// The rules of a chain in order, each with its handle.
    pub fn rules(&self, backend: &str, family: &str, table: &str, chain: &str) -> Result<Vec<Rule>> {
        if backend == "xtables-legacy" {
            return self.legacy_rules(family, table, chain);
        }
        let nft = self.run(&["nft", "-a", "list", "chain", family, table, chain])?;
        let drops = |line: &str| line.contains("policy drop");
        let mut rules = Vec::new();
        let mut policy = false;
        for line in nft.lines().map(str::trim) {
            let Some((rule, handle)) = line.rsplit_once(" # handle ") else {
                policy |= drops(line);
                continue;
            };
            if !rule.ends_with('{') {
                rules.push(Rule { text: without_counts(rule), handle: handle.trim().parse().ok() });
            }
        }
        if backend == "xtables-nft" {
            let program = if family == "ip6" { "ip6tables-nft" } else { "iptables-nft" };
            let saved = self.run(&[program, "-t", table, "-S", chain])?;
            let lines = saved.lines().filter(|l| l.starts_with("-A "));
            // Both list in the kernel's order, so the n-th of one is the n-th of the other.
            for (rule, line) in rules.iter_mut().zip(lines) {
                rule.text = line.trim().to_owned();
            }
        }
        if policy {
            rules.push(Rule { text: "policy".into(), handle: None });
        }
        Ok(rules)
    }

    /// The same of iptables-legacy, whose rules have no handles.
    fn legacy_rules(&self, family: &str, table: &str, chain: &str) -> Result<Vec<Rule>> {
        let program = if family == "ip6" { "ip6tables-legacy" } else { "iptables-legacy" };
        let listed = self.run(&[program, "-t", table, "-S", chain])?;
        let rules = listed.lines().map(str::trim).filter(|l| l.starts_with("-A "));
        let mut rules: Vec<Rule> = rules.map(|l| Rule { text: l.to_owned(), handle: None }).collect();
        if listed.lines().any(|l| l.trim() == format!("-P {chain} DROP")) {
            rules.push(Rule { text: "policy".into(), handle: None });
        }
        Ok(rules)
    }

    /// A setting of a device or bridge port, in the words of `ip -d link` and `bridge -d link`.
    fn attribute(&self, device: &str, attribute: &str) -> Result<String> {
        let word = |listing: &str| -> Option<String> {
            let all: Value = serde_json::from_str(listing).ok()?;
            let link = all.get(0)?;
            // The device's own state goes by another name than a port's.
            let operstate = || (attribute == "state").then(|| link.get("operstate")).flatten();
            match link.get(attribute).or_else(operstate)? {
                Value::Bool(on) => Some(if *on { "on" } else { "off" }.to_owned()),
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        };
        let port = self.run(&["bridge", "-j", "-d", "link", "show", "dev", device])?;
        let link = self.run(&["ip", "-j", "-d", "link", "show", "dev", device])?;
        Ok(word(&port).or_else(|| word(&link)).unwrap_or_else(|| "none".into()))
    }
}

/// A rule as nft prints it, the values of its counters left out.
fn without_counts(rule: &str) -> String {
    let mut words = rule.split(' ').peekable();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        kept.push(word);
        if word == "counter" && words.peek() == Some(&"packets") {
            words.by_ref().take(4).for_each(drop);
        }
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_lose_their_values_only() {
        assert_eq!(
            without_counts("tcp dport 80 counter packets 7 bytes 420 drop"),
            "tcp dport 80 counter drop"
        );
        assert_eq!(without_counts("counter name \"c\" drop"), "counter name \"c\" drop");
    }

    #[test]
    fn nothing_is_null_or_left_out() {
        assert!(is(&PlaceValue::Nothing, None) && is(&PlaceValue::Nothing, Some(&Value::Null)));
        assert!(!is(&PlaceValue::Nothing, Some(&Value::from(1))));
    }
}

//! Chains and sets of affinity as the table has them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use plumb_intent::{Endpoint, Frontend, FrontendKey, PortName};
use plumb_nft::{Data, Expr, Rule, Set, text};

use super::super::affinity::{Affinity, dispatch_rules, stem};
use super::super::compare::same_rule;
use super::frontend::locality;
use super::index::{Kernel, ip, target};
use crate::explain::{EndpointState, Held, Item, Lead, Share};

/// What the table has of a port's affinity, what is missing, what is stale.
pub(crate) type Sticky = (Vec<Held>, Vec<Item>, Vec<Item>);

impl Kernel<'_> {
    /// The endpoints that a chain chooses among, with the shares that its rules give to clients it does not know.
    pub(super) fn dispatched(&self, chain: &str, told: &[Endpoint]) -> Vec<EndpointState> {
        let rules = self.chain(chain).map_or(&[][..], |c| &c.rules);
        let mut states: Vec<EndpointState> = Vec::new();
        let mut left = Share::ALL;
        for rule in rules {
            let Some(name) = target(rule) else { continue };
            if rule.exprs.iter().any(|e| matches!(e, Expr::Lookup { .. })) {
                // For clients that it knows.
                continue;
            }
            let modulus = rule.exprs.iter().find_map(|e| match e {
                Expr::Numgen { modulus, .. } => Some(u64::from(*modulus).max(1)),
                _ => None,
            });
            let modulus = modulus.unwrap_or(1);
            let share = Share::new(left.numerator, left.denominator * modulus);
            left = Share::new(left.numerator * (modulus - 1), left.denominator * modulus);
            let end = self.chain(&name).and_then(|c| c.rules.iter().find_map(translates_to));
            states.push(EndpointState {
                address: end.map_or_else(|| name.clone(), |e| e.to_string()),
                local: end.and_then(|e| locality(told, e)),
                share,
                slots: Vec::new(),
                clients: self.table.set(&name).map(|set| set.elements.len()),
            });
        }
        states
    }

    /// What the table has of the affinity of a port, and what it should.
    pub(crate) fn affinity(&self, port: &PortName, frontends: &[(FrontendKey, Arc<Frontend>)]) -> Sticky {
        let of_port = frontends.iter().filter(|(_, f)| *f.name == *port);
        let wanted = Affinity::wanted(of_port.map(|(k, f)| (k, f)));
        let mut missing = Vec::new();
        for (name, end) in &wanted.endpoints {
            let rules = wanted.endpoint_rules(self.family, port.protocol.number(), name, *end);
            self.expect(name, &rules, &mut missing);
            if self.table.set(name).is_none() {
                missing.push(Item::Set { name: name.to_string() });
            }
        }
        for (name, endpoints) in &wanted.dispatch {
            self.expect(name, &dispatch_rules(self.family, endpoints), &mut missing);
        }
        let known: BTreeSet<&str> =
            wanted.endpoints.keys().chain(wanted.dispatch.keys()).map(AsRef::as_ref).collect();
        let begin = format!("{}/", stem(port));
        let stray = |name: &str| name.starts_with(&begin) && !known.contains(name);
        let chains = self.table.chains.iter().filter(|c| stray(&c.name));
        let sets = self.table.sets.iter().filter(|s| stray(&s.name));
        let stale = chains
            .map(|c| Item::Chain { name: c.name.clone() })
            .chain(sets.map(|s| Item::Set { name: s.name.clone() }))
            .collect();
        let ours = self.table.sets.iter().filter(|s| s.name.starts_with(&begin));
        (ours.flat_map(|s| self.clients(s)).collect(), missing, stale)
    }

    fn expect(&self, name: &str, rules: &[Rule], missing: &mut Vec<Item>) {
        match self.chain(name) {
            None => missing.push(Item::Chain { name: name.to_owned() }),
            Some(is) => {
                let same =
                    is.rules.len() == rules.len() && is.rules.iter().zip(rules).all(|(a, b)| same_rule(a, b));
                if !same {
                    missing.push(Item::OtherChain { name: name.to_owned() });
                }
            }
        }
    }

    /// The clients that a set remembers.
    fn clients(&self, set: &Set) -> Vec<Held> {
        let lead = Lead { chain: set.name.clone(), to: "dnat".to_owned(), unless: false };
        let print = |element: &plumb_nft::Element| {
            let one = Set { elements: vec![element.clone()], ..set.clone() };
            let text = text::elements(&one, &text::Options { counters: true, ..text::Options::default() });
            text.trim_start_matches("{ ").trim_end_matches(" }").to_owned()
        };
        let held = |e| Held { set: set.name.clone(), element: print(e), leads: vec![lead.clone()] };
        set.elements.iter().map(held).collect()
    }
}

/// The endpoint that a rule translates to.
fn translates_to(rule: &Rule) -> Option<SocketAddr> {
    let mut values = rule.exprs.iter().filter_map(|e| match e {
        Expr::Immediate { data: Data::Value(bytes), .. } => Some(bytes),
        _ => None,
    });
    let (address, port) = (values.next()?, values.next()?);
    let [high, low] = **port else { return None };
    Some(SocketAddr::new(ip(address)?, u16::from_be_bytes([high, low])))
}

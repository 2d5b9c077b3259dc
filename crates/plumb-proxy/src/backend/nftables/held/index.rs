//! A table's elements by frontend, its rules by the sets that they look up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plumb_api::address::IpFamily;
use plumb_api::{NamespacedName, Protocol};
use plumb_intent::FrontendKey;
use plumb_nft::{Chain, ChainRef, Data, Element, Expr, Register, Rule, Table, Verdict};

use super::super::compare::{self, Plain};
use super::super::frame::{FrameConfig, LocalDetector};
use super::super::sets::{SetId, Via};
use super::super::userdata::comment_of;
use crate::explain::{Held, Item, Lead, Rewritten};

/// A table as the kernel holds it, ready to be asked about Services.
pub(crate) struct Kernel<'a> {
    pub(super) table: &'a Table,
    pub(super) family: IpFamily,
    /// What the rules there were made for.
    pub(super) config: FrameConfig,
    frontends: BTreeMap<FrontendKey, Vec<(SetId, &'a Element)>>,
    leads: BTreeMap<&'a str, Vec<Lead>>,
}

impl<'a> Kernel<'a> {
    /// Looks through the table once.
    pub(crate) fn new(table: &'a Table, family: IpFamily) -> Self {
        let mut frontends: BTreeMap<FrontendKey, Vec<(SetId, &Element)>> = BTreeMap::new();
        for id in SetId::all() {
            let (Some(via), Some(set)) = (via(id), table.set(&id.to_string())) else { continue };
            for element in &set.elements {
                if let Some(key) = frontend_key(via, family, &element.key) {
                    frontends.entry(key).or_default().push((id, element));
                }
            }
        }
        let mut leads: BTreeMap<&str, Vec<Lead>> = BTreeMap::new();
        for chain in &table.chains {
            for rule in &chain.rules {
                for (set, inverted) in looked_up(rule) {
                    let Some(to) = target(rule) else { continue };
                    let lead = Lead { chain: chain.name.clone(), to, unless: inverted };
                    let known = leads.entry(set).or_default();
                    if !known.contains(&lead) {
                        known.push(lead);
                    }
                }
            }
        }
        Self { table, family, config: FrameConfig::of(table, family), frontends, leads }
    }

    /// Whether the rules tell pods from others.
    pub(crate) fn detects_pods(&self) -> bool {
        self.config.detector != LocalDetector::None
    }

    /// Whose source is rewritten on the way from cluster IPs.
    pub(crate) fn rewritten(&self) -> Rewritten {
        match (self.config.masquerade_all, self.detects_pods()) {
            (true, _) => Rewritten::All,
            (false, true) => Rewritten::Others,
            (false, false) => Rewritten::Nobody,
        }
    }

    /// What is held of a frontend.
    pub(super) fn of(&self, key: &FrontendKey) -> &[(SetId, &'a Element)] {
        self.frontends.get(key).map_or(&[], Vec::as_slice)
    }

    /// Frontends whose elements bear this Service's name.
    pub(crate) fn named(&self, service: &NamespacedName) -> BTreeSet<FrontendKey> {
        let name = service.to_string();
        let ours = |comment: &str| match comment.strip_prefix(&name) {
            Some(rest) => rest.is_empty() || rest.starts_with(':'),
            None => false,
        };
        let bears = |(_, e): &(SetId, &Element)| comment_of(&e.userdata).is_some_and(ours);
        self.frontends.iter().filter(|(_, all)| all.iter().any(bears)).map(|(k, _)| *k).collect()
    }

    pub(super) fn chain(&self, name: &str) -> Option<&'a Chain> {
        self.table.chains.iter().find(|c| c.name == name)
    }

    /// Base chains that jump to this one.
    pub(super) fn hooks(&self, name: &str) -> Vec<String> {
        let base = self.table.chains.iter().filter(|c| c.base.is_some());
        let jumps = |c: &&Chain| c.rules.iter().any(|r| target(r).as_deref() == Some(name));
        base.filter(jumps).map(|c| c.name.clone()).collect()
    }

    /// An element with what its set leads to.
    pub(super) fn held(&self, id: SetId, element: &Element) -> Held {
        let set = id.to_string();
        let mut leads = self.leads.get(set.as_str()).cloned().unwrap_or_default();
        // A verdict map leads where its element says.
        if let Some(Data::Verdict(verdict)) = &element.data {
            leads.iter_mut().for_each(|l| l.to = verdict_target(verdict));
        }
        Held { element: self.print(id, &compare::held_element(element)), set, leads }
    }

    /// An element as `nft` prints it.
    pub(super) fn print(&self, id: SetId, plain: &Plain) -> String {
        let text = compare::print(&id.declaration(self.family), plain, false);
        text.trim_start_matches("{ ").trim_end_matches(" }").to_owned()
    }

    pub(super) fn item(&self, id: SetId, plain: &Plain) -> Item {
        Item::Element { set: id.to_string(), element: self.print(id, plain) }
    }
}

/// Whether the keys of a set begin with a frontend, and of which kind.
fn via(id: SetId) -> Option<Via> {
    match id {
        SetId::Class(via, _)
        | SetId::Size(via, ..)
        | SetId::Endpoints(via, _)
        | SetId::Refused(via, _)
        | SetId::Affinity(via, _) => Some(via),
        SetId::ClusterSize(_) | SetId::Firewalled | SetId::SourceRanges => Some(Via::Address),
        _ => None,
    }
}

fn frontend_key(via: Via, family: IpFamily, key: &[u8]) -> Option<FrontendKey> {
    let (address, rest) = match via {
        Via::NodePort => (None, key),
        Via::Address => {
            let (address, rest) = key.split_at_checked(usize::from(family.bits() / 8))?;
            (Some(ip(address)?), rest)
        }
    };
    let [protocol, _, _, _, high, low, ..] = rest else { return None };
    let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    let protocol = known.into_iter().find(|p| p.number() == *protocol)?;
    Some(FrontendKey { address, protocol, port: u16::from_be_bytes([*high, *low]) })
}

/// An address as it lies in a register.
pub(super) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}

/// Sets that a rule looks up, and whether it goes on where the set has *not* what it looks up.
fn looked_up(rule: &Rule) -> impl Iterator<Item = (&str, bool)> {
    rule.exprs.iter().filter_map(|e| match e {
        Expr::Lookup { set, inverted, .. } => Some((set.as_str(), *inverted)),
        _ => None,
    })
}

fn verdict_target(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Goto(ChainRef::Name(name)) | Verdict::Jump(ChainRef::Name(name)) => name.clone(),
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// What a rule does in the end: the chain that it leads to, else a word.
pub(super) fn target(rule: &Rule) -> Option<String> {
    rule.exprs.iter().rev().find_map(|e| match e {
        Expr::Immediate { data: Data::Verdict(verdict), .. } => Some(verdict_target(verdict)),
        Expr::Reject { .. } => Some("reject".to_owned()),
        Expr::Dnat { .. } => Some("dnat".to_owned()),
        Expr::Masq { .. } => Some("masquerade".to_owned()),
        Expr::MetaSet { .. } => Some("mark".to_owned()),
        Expr::Lookup { dreg: Some(Register::VERDICT), .. } => Some("vmap".to_owned()),
        _ => None,
    })
}

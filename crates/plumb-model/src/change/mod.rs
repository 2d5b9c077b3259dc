//! One type for a change: a remedy that is tried in the model, a fault that a lab makes for real, a "what if".
//!
//! It can be applied to a [`Snapshot`](crate::Snapshot), printed as commands that a person can run, and made for real by
//! `plumb-kernel`.

mod address;
mod bridge;
mod commands;
mod error;
mod ipset;
mod legacy;
mod link;
mod nft;
mod nft_text;
mod route;
mod socket;
mod sysctl;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use commands::Advice;
pub use error::ChangeError;
pub(crate) use nft::successor;
use plumb_nft::{Element, Family, Rule, Table, Verdict};
use serde::{Deserialize, Serialize};
pub(crate) use sysctl::device_part;

use crate::{
    Address, CtEntry, FdbEntry, IpFamily, IpSetElement, Mac, Namespace, NamespaceId, Neighbour, PolicyRule,
    Protocol, Route, Snapshot, fmt_ct_entry, fmt_rule,
};

/// A change to one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    pub namespace: NamespaceId,
    /// What.
    pub action: Action,
}

/// Where a rule goes in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// At the end.
    Last,
    /// At the start.
    First,
    /// Before the rule with this handle.
    Before(u64),
    /// After the rule with this handle.
    After(u64),
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields bear the names of what they hold")]
pub enum Action {
    /// Delete a rule of nftables (iptables-nft's rules are rules of nftables).
    DeleteRule { family: Family, table: String, chain: String, handle: u64 },
    /// Add a rule. `xtables` holds the arguments after `iptables -t TABLE` for a rule that iptables should write.
    AddRule {
        family: Family,
        table: String,
        chain: String,
        position: Position,
        rule: Rule,
        xtables: Option<String>,
    },
    /// Set a base chain's policy.
    SetPolicy { family: Family, table: String, chain: String, policy: Verdict },
    /// Add an element to a set or map.
    AddElement { family: Family, table: String, set: String, element: Element },
    /// Delete an element from a set or map (the end of its interval with it).
    DeleteElement { family: Family, table: String, set: String, element: Element },
    /// Add a table with all that is in it.
    AddTable(Table),
    /// The same to a table of iptables-legacy: [`Action::DeleteRule`], [`Action::AddRule`], [`Action::SetPolicy`].
    Legacy(Box<Action>),
    /// Add an element to an ipset.
    AddIpsetElement { set: String, element: IpSetElement },
    /// Delete an element of an ipset.
    DeleteIpsetElement { set: String, element: IpSetElement },
    /// Delete a table.
    DeleteTable { family: Family, table: String },
    /// Add a route.
    AddRoute(Route),
    /// Delete a route.
    DeleteRoute(Route),
    /// Add a policy rule.
    AddPolicyRule(PolicyRule),
    /// Delete a policy rule.
    DeletePolicyRule(PolicyRule),
    /// Set a sysctl (dotted name).
    SetSysctl { name: String, value: String },
    /// Set a device up or down.
    SetLinkUp { device: String, up: bool },
    /// Set a device's MTU.
    SetMtu { device: String, mtu: u32 },
    /// Set a device's hardware address.
    SetMac { device: String, mac: Mac },
    /// Put a device under a master, or take it from one.
    SetMaster { device: String, master: Option<String> },
    /// Set an attribute of a bridge's port as `bridge link set` names it: flood, learning, hairpin, isolated,
    /// mcast_flood, bcast_flood, state …
    SetBridgePort { device: String, attribute: String, value: String },
    /// Add an address.
    AddAddress { device: String, address: Address },
    /// Delete an address.
    DeleteAddress { device: String, address: Address },
    /// Add or replace a neighbour.
    SetNeighbour { device: String, neighbour: Neighbour },
    /// Delete a neighbour.
    DeleteNeighbour { device: String, address: IpAddr },
    /// Add an entry to a forwarding database.
    AddFdb { device: String, entry: FdbEntry },
    /// Delete an entry from a forwarding database.
    DeleteFdb { device: String, entry: FdbEntry },
    /// Start something that listens.
    StartListener { family: IpFamily, protocol: Protocol, address: IpAddr, port: u16 },
    /// Stop what listens.
    StopListener { family: IpFamily, protocol: Protocol, address: IpAddr, port: u16 },
    /// Let a process go on that a signal stopped (SIGCONT); its number is that of plumb's own pid namespace.
    ResumeProcess { pid: u32 },
    /// Delete a conntrack entry.
    DeleteConntrack(CtEntry),
}

impl Change {
    /// Makes the change in the model, with what the kernel does along with it: a device that goes down takes its
    /// routes with it, an address brings its local and connected routes, `ip_forward` sets every device's.
    ///
    /// # Errors
    /// What the kernel would refuse, and what cannot be told because it was not read. The snapshot is unchanged then.
    pub fn apply(&self, snapshot: &mut Snapshot) -> Result<(), ChangeError> {
        let missing = || ChangeError::NoNamespace(self.namespace);
        match &self.action {
            // These reach into other namespaces: the peer's carrier, a limit that all share.
            Action::SetLinkUp { device, up } => return link::set_up(snapshot, self.namespace, device, *up),
            Action::SetMaster { device, master } => {
                return bridge::set_master(snapshot, self.namespace, device, master.as_deref());
            }
            Action::SetSysctl { name, value } => return sysctl::set(snapshot, self.namespace, name, value),
            _ => {}
        }
        let ns = snapshot.namespace_mut(self.namespace).ok_or_else(missing)?;
        ns.apply(&self.action)
    }
}

impl Namespace {
    fn apply(&mut self, action: &Action) -> Result<(), ChangeError> {
        match action {
            Action::DeleteRule { family, table, chain, handle } => {
                nft::delete_rule(nft::table(self, *family, table)?, chain, *handle)
            }
            Action::AddRule { family, table, chain, position, rule, xtables: _ } => {
                nft::add_rule(nft::table(self, *family, table)?, chain, *position, rule)
            }
            Action::SetPolicy { family, table, chain, policy } => {
                nft::set_policy(nft::table(self, *family, table)?, chain, policy)
            }
            Action::AddElement { family, table, set, element } => {
                nft::add_element(nft::table(self, *family, table)?, set, element)
            }
            Action::DeleteElement { family, table, set, element } => {
                nft::delete_element(nft::table(self, *family, table)?, set, element)
            }
            Action::AddTable(table) => nft::add_table(self, table),
            Action::AddIpsetElement { set, element } => ipset::add(self, set, element),
            Action::DeleteIpsetElement { set, element } => ipset::delete(self, set, element),
            Action::Legacy(action) => legacy::apply(self, action),
            Action::DeleteTable { family, table } => nft::delete_table(self, *family, table),
            Action::AddRoute(route) => route::add(self, route),
            Action::DeleteRoute(route) => route::delete(self, route),
            Action::AddPolicyRule(rule) => route::add_rule(self, rule),
            Action::DeletePolicyRule(rule) => {
                let name = self.name.clone();
                let rules = error::read(&mut self.rules, "policy rules", &name)?;
                let i = rules
                    .iter()
                    .position(|r| r == rule)
                    .ok_or_else(|| ChangeError::NotFound(format!("policy rule `{}`", fmt_rule(rule))))?;
                rules.remove(i);
                Ok(())
            }
            // Made by `Change::apply`, since other namespaces take part.
            Action::SetLinkUp { .. } | Action::SetSysctl { .. } | Action::SetMaster { .. } => Ok(()),
            Action::SetMtu { device, mtu } => link::set_mtu(self, device, *mtu),
            Action::SetMac { device, mac } => link::set_mac(self, device, *mac),
            Action::SetBridgePort { device, attribute, value } => {
                bridge::set_port(self, device, attribute, value)
            }
            Action::AddAddress { device, address } => address::add(self, device, address),
            Action::DeleteAddress { device, address } => address::delete(self, device, address),
            Action::SetNeighbour { device, neighbour } => bridge::set_neighbour(self, device, neighbour),
            Action::DeleteNeighbour { device, address } => bridge::delete_neighbour(self, device, *address),
            Action::AddFdb { device, entry } => bridge::add_fdb(self, device, entry),
            Action::DeleteFdb { device, entry } => bridge::delete_fdb(self, device, entry),
            Action::StartListener { family, protocol, address, port } => {
                socket::start(self, *family, *protocol, *address, *port)
            }
            Action::StopListener { family, protocol, address, port } => {
                socket::stop(self, *family, *protocol, *address, *port)
            }
            Action::ResumeProcess { pid } => socket::resume(self, *pid),
            Action::DeleteConntrack(entry) => {
                let name = self.name.clone();
                let table = error::read(&mut self.conntrack, "conntrack entries", &name)?;
                let i = table
                    .entries
                    .iter()
                    .position(|e| e.original == entry.original && e.zone == entry.zone)
                    .ok_or_else(|| {
                        ChangeError::NotFound(format!("conntrack entry `{}`", fmt_ct_entry(entry)))
                    })?;
                table.entries.remove(i);
                table.count = table.count.map(|n| n.saturating_sub(1));
                Ok(())
            }
        }
    }

    /// Index of the device with this name, or the error that there is none.
    fn device(&self, name: &str) -> Result<u32, ChangeError> {
        match self.link_by_name(name) {
            Some(link) => Ok(link.index),
            None => match &self.links {
                crate::Read::Denied { capability: why } | crate::Read::Absent { feature: why } => {
                    Err(ChangeError::NotRead {
                        what: "links",
                        namespace: self.name.clone(),
                        why: why.clone(),
                    })
                }
                _ => Err(ChangeError::NotFound(format!("device `{name}` in {}", self.name))),
            },
        }
    }

    fn link_mut(&mut self, index: u32) -> Option<&mut crate::Link> {
        self.links.value_mut()?.iter_mut().find(|l| l.index == index)
    }
}

//! One type for a change: a remedy that is tried in the model, a fault that a lab makes for real, a "what if".
//!
//! It can be applied to a [`Snapshot`](crate::Snapshot), printed as commands that a person can run, and made for real by
//! `plumb-kernel`.

use std::net::IpAddr;

use plumb_nft::{Element, Family, Rule, Verdict};
use serde::{Deserialize, Serialize};

use crate::{Address, CtEntry, FdbEntry, IpFamily, Mac, NamespaceId, Neighbour, PolicyRule, Protocol, Route};

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
    /// Delete a conntrack entry.
    DeleteConntrack(CtEntry),
}

//! What is not a frontend's: chains and rules, cluster IPs, endpoints that may reach themselves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_intent::{Hairpin, Services};

use super::super::compare::{self, Difference, held_element, wanted_element};
use super::super::elements::{self, Op};
use super::super::frame::LocalDetector;
use super::super::sets::SetId;
use super::index::Kernel;
use crate::explain::{Detector, Held, Item};

impl Kernel<'_> {
    /// Chains, rules and sets against what the rules themselves tell that they were made for: missing, stale.
    pub(crate) fn frame(&self) -> (Vec<Item>, Vec<Item>) {
        let (mut missing, mut stale) = (Vec::new(), Vec::new());
        for difference in compare::frame(&self.config.table(), self.table) {
            match difference {
                Difference::NoTable(name) => missing.push(Item::Table { name }),
                Difference::OtherTable(name) => missing.push(Item::OtherTable { name }),
                Difference::NoChain(name) => missing.push(Item::Chain { name }),
                Difference::OtherChain(name) => missing.push(Item::OtherChain { name }),
                Difference::NoSet(name) => missing.push(Item::Set { name }),
                Difference::OtherSet(name) => missing.push(Item::OtherSet { name }),
                Difference::NoElement { set, element } => missing.push(Item::Element { set, element }),
                Difference::StrayChain(name) => stale.push(Item::Chain { name }),
                Difference::StraySet(name) => stale.push(Item::Set { name }),
                Difference::StrayElement { set, element } => stale.push(Item::Element { set, element }),
            }
        }
        (missing, stale)
    }

    /// How the rules tell pods from others.
    pub(crate) fn detector(&self) -> Detector {
        match &self.config.detector {
            LocalDetector::None => Detector::Nothing,
            LocalDetector::Cidr(range) => Detector::Ranges(vec![range.to_string()]),
            LocalDetector::Bridge(name) => Detector::Bridge(name.clone()),
            LocalDetector::InterfacePrefix(prefix) => Detector::Prefix(prefix.clone()),
        }
    }

    /// The node's addresses that take node ports; none: all but loopback.
    pub(crate) fn node_port_addresses(&self) -> Vec<String> {
        if self.config.all_node_ips { Vec::new() } else { self.printed(SetId::NodePortIps) }
    }

    /// The elements of a set as `nft` prints them.
    fn printed(&self, id: SetId) -> Vec<String> {
        let Some(set) = self.table.set(&id.to_string()) else { return Vec::new() };
        let text = plumb_nft::text::elements(set, &plumb_nft::text::Options::default());
        let inner = text.trim_start_matches('{').trim_end_matches('}').trim();
        inner.split(", ").filter(|e| !e.is_empty()).map(str::to_owned).collect()
    }

    /// A cluster IP's membership.
    pub(crate) fn cluster_ip(&self, address: IpAddr) -> Result<Held, Item> {
        self.look_for(&elements::cluster_ip(true, address))
    }

    /// An endpoint of this node that may reach itself.
    pub(crate) fn hairpin(&self, hairpin: Hairpin) -> Result<Held, Item> {
        self.look_for(&elements::hairpin(true, hairpin))
    }

    /// Cluster IPs and endpoints that may reach themselves which no Service accounts for. Their elements bear no name, so that they
    /// cannot be told by Service.
    pub(crate) fn strays(&self, services: &Services) -> Vec<Item> {
        let ips = services.cluster_ips().map(|ip| elements::cluster_ip(true, ip));
        let hairpins = services.hairpins().map(|hairpin| elements::hairpin(true, hairpin));
        let mut stale = self.others(SetId::ClusterIps, ips);
        stale.extend(self.others(SetId::Hairpin, hairpins));
        stale
    }

    /// The elements of a set that are not among these.
    fn others(&self, id: SetId, wanted: impl Iterator<Item = Op>) -> Vec<Item> {
        let wanted: BTreeSet<_> = wanted.map(|op| wanted_element(&op)).collect();
        let elements = self.table.set(&id.to_string()).map_or(&[][..], |s| &s.elements);
        let others = elements.iter().map(held_element).filter(|e| !wanted.contains(e));
        others.map(|e| self.item(id, &e)).collect()
    }

    fn look_for(&self, op: &Op) -> Result<Held, Item> {
        let wanted = wanted_element(op);
        let elements = self.table.set(&op.set.to_string()).map_or(&[][..], |s| &s.elements);
        let found = elements.iter().find(|e| held_element(e) == wanted);
        found.map(|e| self.held(op.set, e)).ok_or_else(|| self.item(op.set, &wanted))
    }
}

//! Devices, addresses, routes, neighbours, conntrack, sockets.

use std::net::IpAddr;

use super::host::is_plain;
use super::names::Kind as Name;
use super::{Redactor, each};
use crate::{
    Address, CtEntry, FdbEntry, IpFamily, LegacyTable, Link, Neighbour, NextHop, PolicyRule, RecentEntry,
    RecentList, Route, Socket, Tuple,
};

impl Redactor {
    pub(super) fn link(&mut self, link: &mut Link) {
        let Link {
            index: _,
            name,
            alt_names,
            kind: _,
            hardware_type: _,
            mac,
            mtu: _,
            flags: _,
            operstate: _,
            carrier: _,
            carrier_changes: _,
            master: _,
            link: _,
            link_netnsid: _,
            peer: _,
            group: _,
            qdisc: _,
            xdp: _,
            promiscuity: _,
            stats: _,
            bridge: _,
            port: _,
            settings,
            unknown_attributes,
        } = link;
        let place = format!("device {name}");
        *name = self.names.name(Name::Device, name);
        alt_names.iter_mut().for_each(|n| *n = self.names.name(Name::Device, n));
        *mac = mac.map(|m| self.addresses.mac(m));
        for (key, value) in settings {
            if let Some(new) = self.setting(value) {
                *value = new;
            } else if key.starts_with("attribute-") || !is_plain(value) {
                self.warn(format!("{place}: setting {key} was taken out"));
                value.clear();
            }
        }
        self.attributes(unknown_attributes, &place);
    }

    /// Bytes that this version does not decode, and so cannot replace.
    fn attributes(&mut self, attributes: &mut [(u16, plumb_nft::Bytes)], place: &str) {
        for (number, bytes) in attributes.iter_mut().filter(|(_, bytes)| !bytes.is_empty()) {
            bytes.0.clear();
            self.warn(format!("{place}: attribute {number}, which is not decoded, was emptied"));
        }
    }

    pub(super) fn own_address(&mut self, address: &mut Address) {
        let Address { index: _, prefix, peer, scope: _, flags: _, label, broadcast, preferred: _ } = address;
        if self.first_pass {
            self.addresses.pin_last(*prefix);
        }
        // An address and its network, not a network: all bits count.
        prefix.addr = self.addresses.host(prefix.addr);
        each(peer, |a| self.addresses.host(a));
        each(broadcast, |a| self.addresses.host(a));
        if let Some(label) = label {
            // The device's name, and what follows a colon.
            let (device, _) = label.split_once(':').unwrap_or((label, ""));
            *label = self.names.name(Name::Device, device);
        }
    }

    pub(super) fn route(&mut self, route: &mut Route) {
        let Route {
            family: _,
            table: _,
            kind: _,
            dst,
            src,
            tos: _,
            priority: _,
            protocol: _,
            scope: _,
            prefsrc,
            next_hops,
            nexthop_id: _,
            flags: _,
            pref: _,
            metrics: _,
            unknown_attributes,
        } = route;
        *dst = self.addresses.prefix(*dst);
        *src = src.map(|p| self.addresses.prefix(p));
        each(prefsrc, |a| self.addresses.host(a));
        for hop in next_hops {
            let NextHop { gateway, oif: _, weight: _, flags: _ } = hop;
            each(gateway, |a| self.addresses.host(a));
        }
        self.attributes(unknown_attributes, "a route");
    }

    pub(super) fn policy_rule(&mut self, rule: &mut PolicyRule) {
        let PolicyRule {
            family: _,
            priority,
            action: _,
            invert: _,
            src,
            dst,
            iifname,
            oifname,
            fwmark: _,
            tos: _,
            uid_range: _,
            ip_proto: _,
            sport: _,
            dport: _,
            suppress_prefixlen: _,
            suppress_ifgroup: _,
            l3mdev: _,
            protocol: _,
            unknown_attributes,
        } = rule;
        *src = src.map(|p| self.addresses.prefix(p));
        *dst = dst.map(|p| self.addresses.prefix(p));
        for name in [iifname, oifname].into_iter().flatten() {
            *name = self.names.name(Name::Device, name);
        }
        self.attributes(unknown_attributes, &format!("policy rule {priority}"));
    }

    pub(super) fn neighbour(&mut self, neighbour: &mut Neighbour) {
        let Neighbour { index: _, addr, lladdr, state: _, flags: _ } = neighbour;
        *addr = self.addresses.host(*addr);
        *lladdr = lladdr.map(|m| self.addresses.mac(m));
    }

    pub(super) fn fdb_entry(&mut self, entry: &mut FdbEntry) {
        let FdbEntry { index: _, lladdr, master: _, vlan: _, state: _, flags: _, dst, vni: _, port: _ } =
            entry;
        *lladdr = self.addresses.mac(*lladdr);
        each(dst, |a| self.addresses.host(a));
    }

    /// Under a list's mask all of its addresses end in zeros, and must again.
    pub(super) fn recent_list(&mut self, list: &mut RecentList) {
        let RecentList { name, entries } = list;
        *name = self.names.name(Name::List, name);
        let zeros = |addr: IpAddr| match addr {
            IpAddr::V4(a) => 32 - a.to_bits().trailing_zeros().min(32) / 8 * 8,
            IpAddr::V6(a) => 128 - a.to_bits().trailing_zeros().min(128) / 8 * 8,
        };
        for family in [IpFamily::V4, IpFamily::V6] {
            let mut of_it: Vec<_> = entries.iter_mut().filter(|e| IpFamily::of(e.addr) == family).collect();
            let len = of_it.iter().map(|e| zeros(e.addr)).max().unwrap_or(0);
            for RecentEntry { addr, ttl: _, hits: _, ages_ms: _ } in &mut of_it {
                *addr = self.addresses.network(*addr, u8::try_from(len).unwrap_or(u8::MAX));
            }
        }
    }

    pub(super) fn ct_entry(&mut self, entry: &mut CtEntry) {
        let CtEntry {
            original,
            reply,
            status: _,
            timeout: _,
            tcp_state: _,
            mark: _,
            zone: _,
            zone_direction: _,
            labels: _,
            helper: _,
            id: _,
            counters: _,
        } = entry;
        for tuple in [original, reply] {
            let Tuple { src, dst, protocol: _, sport: _, dport: _, icmp: _ } = tuple;
            (*src, *dst) = (self.addresses.host(*src), self.addresses.host(*dst));
        }
    }

    pub(super) fn socket(&mut self, socket: &mut Socket) {
        let Socket {
            family: _,
            protocol: _,
            state: _,
            src,
            sport: _,
            dst,
            dport: _,
            bound_dev: _,
            receive_queue: _,
            send_queue: _,
            v6only: _,
            uid: _,
            inode: _,
            timer: _,
            receive_buffer: _,
            drops: _,
            transparent: _,
            mark: _,
        } = socket;
        (*src, *dst) = (self.addresses.host(*src), self.addresses.host(*dst));
    }

    pub(super) fn legacy(&mut self, table: &mut LegacyTable) {
        let LegacyTable {
            family: _,
            name,
            valid_hooks: _,
            hook_entry: _,
            underflow: _,
            num_entries: _,
            entries,
            only_accepts,
            table: rules,
            problem: _,
        } = table;
        if !*only_accepts && !entries.is_empty() {
            self.warn(format!("iptables-legacy {name}: its rules, which could not be read, were taken out"));
        }
        if let Some(rules) = rules {
            self.table(rules);
        }
        *name = self.names.name(Name::Table, name);
        entries.0.clear();
    }
}

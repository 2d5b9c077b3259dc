//! The machine, its namespaces, who lives in them, sysctls.

use std::collections::BTreeMap;

use super::Redactor;
use super::names::Kind as Name;
use crate::{Host, Namespace, Owner, PathMtu, Process, Read, Snapshot, Statistics, Sysctls};

impl Redactor {
    pub(super) fn snapshot(&mut self, snapshot: &mut Snapshot) {
        let Snapshot { version: _, taken_at: _, host, namespaces, gaps, redacted: _ } = snapshot;
        let Host { hostname, kernel: _, node, hidden_processes: _, minutes_west: _, statistics: _ } = host;
        *hostname = self.names.name(Name::Host, hostname);
        if let Some(node) = node {
            *node = self.names.name(Name::Node, node);
        }
        for ns in &mut *namespaces {
            self.namespace(ns);
        }
        for gap in gaps {
            // Text for people: it may quote anything. Which namespace it is about can be kept.
            let about = gap.split_once(": ").and_then(|(name, _)| self.names.known(Name::Namespace, name));
            *gap = match about {
                Some(name) => format!("{name}: something could not be read (redacted)"),
                None => "something could not be read (redacted)".to_owned(),
            };
        }
    }

    fn namespace(&mut self, ns: &mut Namespace) {
        let Namespace {
            id: _,
            name,
            aliases,
            own: _,
            path,
            processes,
            owner,
            node,
            nsids: _,
            links,
            addresses,
            routes,
            path_mtus,
            rules,
            neighbours,
            fdb,
            nft,
            legacy,
            recent,
            queues,
            ipsets,
            other_engines,
            conntrack,
            sockets,
            qdiscs,
            filters,
            sysctls,
            counters: _,
            statistics,
            resolver,
        } = ns;
        *name = self.names.name(Name::Namespace, name);
        for alias in aliases {
            *alias = match alias.starts_with('/') {
                true => self.path(alias),
                false => self.names.name(Name::Namespace, alias),
            };
        }
        if let Some(path) = path {
            *path = self.path(path);
        }
        processes.iter_mut().for_each(|p| self.process(p));
        match owner {
            Some(Owner::Node { node }) => *node = self.names.name(Name::Node, node),
            Some(Owner::Pod { node, namespace, name }) => {
                *node = self.names.name(Name::Node, node);
                *namespace = self.names.name(Name::Pod, namespace);
                *name = self.names.name(Name::Pod, name);
            }
            Some(Owner::Other { name }) => *name = self.names.name(Name::Node, name),
            None => {}
        }
        if let Some(node) = node {
            *node = self.names.name(Name::Node, node);
        }
        // Devices first: what else names them finds their replacements.
        self.part(links, |r, all| all.iter_mut().for_each(|l| r.link(l)));
        self.part(addresses, |r, all| all.iter_mut().for_each(|a| r.own_address(a)));
        self.part(routes, |r, all| all.iter_mut().for_each(|x| r.route(x)));
        for PathMtu { dst, oif: _, mtu: _, locked: _ } in path_mtus {
            *dst = self.addresses.host(*dst);
        }
        self.part(rules, |r, all| all.iter_mut().for_each(|x| r.policy_rule(x)));
        self.part(neighbours, |r, all| all.iter_mut().for_each(|x| r.neighbour(x)));
        self.part(fdb, |r, all| all.iter_mut().for_each(|x| r.fdb_entry(x)));
        self.part(nft, |r, all| r.ruleset(all));
        self.part(legacy, |r, all| all.iter_mut().for_each(|x| r.legacy(x)));
        self.part(recent, |r, all| all.iter_mut().for_each(|x| r.recent_list(x)));
        // Numbers.
        self.part(queues, |_, _| {});
        self.part(ipsets, |r, all| all.iter_mut().for_each(|x| r.ipset(x)));
        self.part(conntrack, |r, all| all.entries.iter_mut().for_each(|x| r.ct_entry(x)));
        self.part(sockets, |r, all| all.iter_mut().for_each(|x| r.socket(x)));
        // Kinds, handles and numbers.
        self.part(qdiscs, |_, _| {});
        self.part(filters, |_, _| {});
        let Statistics { read_at: _, sockstat: _, conntrack } = statistics;
        if let Some(conntrack) = conntrack {
            self.part(conntrack, |_, _| {});
        }
        for engine in other_engines {
            *engine = self.engine(engine);
        }
        self.sysctls(sysctls);
        self.part(resolver, |r, x| r.resolver(x));
    }

    /// The value of a part, and the text that says why there is none.
    pub(super) fn part<T>(&mut self, read: &mut Read<T>, f: impl FnOnce(&mut Self, &mut T)) {
        match read {
            Read::Got(value) => f(self, value),
            Read::Torn { reason, value } => {
                *reason = plain(reason);
                f(self, value);
            }
            Read::Denied { capability: text } | Read::Absent { feature: text } => *text = plain(text),
        }
    }

    pub(super) fn path(&mut self, path: &str) -> String {
        let of_process = path.strip_prefix("/proc/").and_then(|p| p.split('/').next());
        if of_process.is_some_and(|pid| pid.bytes().all(|b| b.is_ascii_digit())) {
            return path.to_owned();
        }
        match path.strip_prefix("/run/netns/") {
            Some(name) => format!("/run/netns/{}", self.names.name(Name::Namespace, name)),
            None => format!("/redacted/{}", self.names.name(Name::Path, path)),
        }
    }

    fn process(&mut self, process: &mut Process) {
        let Process { pid: _, comm, container, pod_uid, serving: _ } = process;
        *comm = self.names.name(Name::Process, comm);
        if let Some(id) = container {
            *id = self.names.name(Name::Container, id);
        }
        if let Some(uid) = pod_uid {
            *uid = self.names.name(Name::Pod, uid);
        }
    }

    /// The engine's kind stays; devices and names in it are replaced where they are known, else it is cut before them.
    fn engine(&mut self, engine: &str) -> String {
        let words = engine.split(' ').map(|word| {
            let (core, tail) = match word.strip_suffix([':', ',']) {
                Some(core) => (core, word.get(core.len()..).unwrap_or_default()),
                None => (word, ""),
            };
            let new = self.names.known(Name::Device, core).map(str::to_owned);
            let number = core.bytes().all(|b| b.is_ascii_digit());
            let common = ENGINE_WORDS.contains(&core.trim_matches(['(', ')']));
            match new {
                Some(new) => new + tail,
                None if number || common => word.to_owned(),
                None => format!("…{tail}"),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn sysctls(&mut self, sysctls: &mut Sysctls) {
        let old = std::mem::take(&mut sysctls.0);
        let mut new: BTreeMap<String, Read<String>> = BTreeMap::new();
        for (name, mut value) in old {
            let renamed = match crate::change::device_part(&name) {
                Some((tree, device, key)) if !matches!(device, "all" | "default") => {
                    format!("{tree}{}.{key}", self.names.name(Name::Device, device))
                }
                _ => name.clone(),
            };
            self.part(&mut value, |r, text| {
                if let Some(replaced) = r.setting(text) {
                    *text = replaced;
                } else if !is_plain(text) {
                    r.warn(format!("sysctl {name}: its value was taken out"));
                    text.clear();
                }
            });
            new.insert(renamed, value);
        }
        sysctls.0 = new;
    }

    /// The replacement of a setting's text where it is an address, a network or a device; `None` where it is none.
    pub(super) fn setting(&mut self, text: &str) -> Option<String> {
        if let Ok(addr) = text.parse() {
            return Some(self.addresses.host(addr).to_string());
        }
        if let Ok(mac) = text.parse() {
            return Some(self.addresses.mac(mac).to_string());
        }
        if text.contains('/')
            && let Ok(prefix) = text.parse()
        {
            return Some(self.addresses.prefix(prefix).to_string());
        }
        self.names.known(Name::Device, text).map(str::to_owned)
    }
}

/// Words that the names of other engines are made of.
const ENGINE_WORDS: &[&str] = &[
    "arptables",
    "ebtables-legacy",
    "filter",
    "nat",
    "broute",
    "is",
    "loaded",
    "ebtable_filter",
    "ebtable_nat",
    "ebtable_broute",
    "IPVS",
    "services",
    "tcx",
    "netkit",
    "ingress",
    "egress",
    "primary",
    "peer",
    "of",
    "BPF",
    "program",
    "programs",
    "cgroup",
    "connect4",
    "connect6",
    "sendmsg4",
    "sendmsg6",
    "recvmsg4",
    "recvmsg6",
    "on",
    "ipset",
    "sets",
    "XDP",
];

/// Numbers and words of settings: nothing that could be an address, a path or a key.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= 64
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || matches!(c, '_' | '-' | ','))
}

fn plain(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { "redacted".to_owned() }
}

//! What a pod asks for names: the files that a kubelet would have written for it, and changes of them.

use std::net::IpAddr;

use plumb_kernel::OwnFile;
use plumb_model::{HostsEntry, NameServer, Read, ResolvConf, Resolver, ResolverOptions};

use crate::error::{LabError, Result};
use crate::lab::running;
use crate::state::{self, State};
use crate::topology::{Pod, Topology};

/// `ndots` in the resolv.conf that kubelets write (`pkg/kubelet/network/dns`).
const NDOTS: u32 = 5;

/// What of a pod's resolv.conf becomes another; what is empty here stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverChange {
    /// Name servers, in this order.
    pub servers: Vec<IpAddr>,
    /// Search list.
    pub search: Vec<String>,
    /// `ndots`.
    pub ndots: Option<u32>,
}

impl ResolverChange {
    /// The configuration with the change.
    #[must_use]
    pub fn of(&self, mut conf: ResolvConf) -> ResolvConf {
        if !self.servers.is_empty() {
            conf.nameservers = self.servers.iter().map(|a| NameServer { address: *a, scope: None }).collect();
        }
        if !self.search.is_empty() {
            conf.search.clone_from(&self.search);
        }
        conf.options.ndots = self.ndots.unwrap_or(conf.options.ndots);
        conf
    }
}

/// Gives a pod another resolv.conf, or with `None` the one that a kubelet writes.
///
/// # Errors
/// Nothing bears the pod's name, or the lab's topology gives its pods no resolv.conf.
pub fn set_resolver(lab: &str, name: &str, change: Option<&ResolverChange>) -> Result<()> {
    let _edit = state::edit(lab)?;
    let mut state = running(lab)?;
    let namespace = crate::resolve::namespace(&state.topology, name)?;
    let conf = match change {
        Some(change) => Some(change.of(configuration(&state, &namespace)?)),
        None => {
            configuration(&state, &namespace)?;
            None
        }
    };
    set(&mut state, &namespace, conf)
}

/// Remembers another resolv.conf of a namespace, or forgets it.
pub(crate) fn set(state: &mut State, namespace: &str, conf: Option<ResolvConf>) -> Result<()> {
    match conf {
        Some(conf) => state.resolvers.insert(namespace.to_owned(), conf),
        None => state.resolvers.remove(namespace),
    };
    state.write()
}

/// The resolv.conf of a namespace now.
fn configuration(state: &State, namespace: &str) -> Result<ResolvConf> {
    let pod = state.topology.pods.iter().find(|p| state.topology.pod_namespace(p) == namespace);
    let pod =
        pod.ok_or_else(|| LabError::Unknown(format!("{namespace} is no pod's: it has no resolv.conf")))?;
    let changed = state.resolvers.get(namespace).cloned();
    changed.or_else(|| usual(&state.topology, pod)).ok_or_else(|| {
        LabError::Unknown(format!(
            "the topology of {} gives its pods no resolv.conf (dns)",
            state.topology.name
        ))
    })
}

/// What a kubelet gives a pod with `dnsPolicy: ClusterFirst`.
pub(crate) fn usual(topology: &Topology, pod: &Pod) -> Option<ResolvConf> {
    let dns = topology.dns.as_ref()?;
    let domain = &dns.domain;
    Some(ResolvConf {
        nameservers: dns.servers.iter().map(|a| NameServer { address: *a, scope: None }).collect(),
        search: vec![format!("{}.svc.{domain}", pod.namespace), format!("svc.{domain}"), domain.clone()],
        options: ResolverOptions { ndots: NDOTS, ..ResolverOptions::default() },
    })
}

/// The files of a pod, with the hosts file that a kubelet writes.
pub(crate) fn files(state: &State, pod: &Pod) -> Option<Resolver> {
    let topology = &state.topology;
    let changed = state.resolvers.get(&topology.pod_namespace(pod)).cloned();
    let conf = changed.or_else(|| usual(topology, pod))?;
    let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect();
    let mut hosts = vec![
        HostsEntry { address: IpAddr::from([127, 0, 0, 1]), names: names(&["localhost"]) },
        HostsEntry {
            address: std::net::Ipv6Addr::LOCALHOST.into(),
            names: names(&["localhost", "ip6-localhost", "ip6-loopback"]),
        },
    ];
    let own = topology.pod_addresses(pod).into_iter();
    hosts.extend(own.map(|address| HostsEntry { address, names: vec![pod.name.clone()] }));
    Some(Resolver {
        conf: Read::Got(conf),
        hosts: Read::Got(hosts),
        order: Read::Absent { feature: "/etc/nsswitch.conf".to_owned() },
        domain: None,
        paths: ["resolv.conf", "hosts", "nsswitch.conf"].map(|file| format!("/etc/{file}")),
        odd: Vec::new(),
        others: Vec::new(),
    })
}

/// The files of a namespace for a client that is to see them; none where they are the machine's own.
pub(crate) fn written(state: &State, namespace: &str) -> Result<Vec<OwnFile>> {
    let pod = state.topology.pods.iter().find(|p| state.topology.pod_namespace(p) == namespace);
    let Some(resolver) = pod.and_then(|pod| files(state, pod)) else { return Ok(Vec::new()) };
    let folder = state::file(&state.topology.name, "etc").join(namespace);
    std::fs::create_dir_all(&folder).map_err(LabError::io(format!("make {}", folder.display())))?;
    // What a system without an nsswitch.conf does, as the snapshot says.
    let texts = [text(&resolver.conf), hosts(&resolver.hosts), "hosts: files dns\n".to_owned()];
    let mut all = Vec::new();
    for (at, text) in resolver.paths.iter().zip(texts) {
        let name = at.rsplit('/').next().unwrap_or(at);
        let (path, new) = (folder.join(name), folder.join(format!("{name}.{}", std::process::id())));
        // Replaced whole: another client may look at it.
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(LabError::io(format!("write {}", path.display())))?;
        all.push(OwnFile { from: path, at: at.into() });
    }
    Ok(all)
}

/// resolv.conf(5)
fn text(conf: &Read<ResolvConf>) -> String {
    let Some(conf) = conf.value() else { return String::new() };
    let mut text: String = conf.nameservers.iter().map(|s| format!("nameserver {}\n", s.address)).collect();
    if !conf.search.is_empty() {
        text.push_str(&format!("search {}\n", conf.search.join(" ")));
    }
    text.push_str(&format!("options ndots:{}\n", conf.options.ndots));
    text
}

/// hosts(5)
fn hosts(entries: &Read<Vec<HostsEntry>>) -> String {
    entries.items().iter().map(|e| format!("{} {}\n", e.address, e.names.join(" "))).collect()
}

/// The command that gives a pod the resolv.conf that a kubelet writes, where the namespace is a pod of a lab that runs and has
/// another.
#[must_use]
pub fn usual_command(namespace: &str) -> Option<String> {
    state::labs().into_iter().find_map(|lab| {
        let state = State::read(&lab).ok().flatten().filter(State::alive)?;
        state.resolvers.get(namespace)?;
        let pod = state.topology.pods.iter().find(|p| state.topology.pod_namespace(p) == namespace)?;
        Some(format!("plumb lab resolver --lab {lab} pod:{} --usual", pod.full_name()))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_named_stays_and_what_is_written_is_read_back() {
        let topology = Topology::standard("demo").unwrap();
        let pod = topology.pod("client-0").unwrap();
        let before = usual(&topology, pod).unwrap();
        let change = ResolverChange { servers: vec!["203.0.113.10".parse().unwrap()], ..Default::default() };
        let now = change.of(before.clone());
        assert_eq!((&now.search, now.options.ndots), (&before.search, 5));
        assert_eq!(ResolvConf::parse(&text(&Read::Got(now.clone()))).0, now);
        let change =
            ResolverChange { search: vec!["a.example".to_owned()], ndots: Some(2), ..Default::default() };
        assert_eq!(
            text(&Read::Got(change.of(before))),
            "nameserver 10.97.0.53\nsearch a.example\noptions ndots:2\n"
        );
    }
}

//! The snapshot that a command works on: of this machine, or of a file.

use std::path::Path;

use plumb_kernel::{NamespaceHandle, Options, Parts};
use plumb_model::{Namespace, Snapshot};

use super::Context;
use crate::error::Error;
use crate::lang::Say;
use crate::progress::Progress;
use crate::rights::Missing;
use crate::{file, glob, output};

/// Links, addresses, sockets and who lives where: what an overview shows, read fast.
pub(super) const OVERVIEW: Parts = Parts {
    filters: false,
    conntrack: false,
    sockets: true,
    traffic_control: false,
    sysctls: false,
    counters: false,
    statistics: false,
    processes: false,
    names: false,
};

/// Reads this machine, and warns on stderr about what rights are missing.
pub(super) fn live(context: &Context, only: Option<Vec<String>>, parts: Parts) -> Result<Snapshot, Error> {
    let missing = Missing::now();
    if missing.any() {
        let names = missing.names().join(", ");
        let hides_namespaces = missing.sys_admin;
        output::warn(&context.say(&Say::MissingRights { names: &names, hides_namespaces }));
    }
    let progress = Progress::new(&context.say(&Say::Reading));
    let tell = |p: &plumb_kernel::Progress| progress.at(p.done, p.total, &p.name);
    // What `pod:` and `node:` stand for, where a lab runs here.
    let owners = plumb_lab::owners();
    let owner = |id| owners.get(&id).cloned();
    // A lab's pods live in this machine's mounts: what they ask for names is known to their lab alone.
    let resolvers = plumb_lab::resolvers();
    let resolver = |id| resolvers.get(&id).cloned();
    let options = Options {
        only,
        parts,
        owner: Some(&owner),
        resolver: Some(&resolver),
        progress: Some(&tell),
        ..Options::default()
    };
    Ok(plumb_kernel::snapshot(&options)?)
}

/// The names of the namespaces of this machine that the patterns select, as [`live`] takes them.
pub(super) fn select(context: &Context, patterns: &[String]) -> Result<Option<Vec<String>>, Error> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let none = Parts { sockets: false, ..OVERVIEW };
    let all = plumb_kernel::snapshot(&Options { parts: none, ..Options::default() })?;
    let chosen = chosen(context, &all, patterns)?.iter().map(|n| n.id.to_string()).collect();
    Ok(Some(chosen))
}

/// As [`select`], with all that links lead to from there, and plumb's own namespace: what a walk from one of them, or to
/// one, can come to.
pub(super) fn connected(context: &Context, patterns: &[String]) -> Result<Option<Vec<String>>, Error> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let none = Parts { sockets: false, ..OVERVIEW };
    let all = plumb_kernel::snapshot(&Options { parts: none, ..Options::default() })?;
    let chosen = chosen(context, &all, patterns)?.into_iter();
    let from = chosen.chain(all.namespaces.iter().filter(|n| n.own)).map(|n| n.id).collect();
    Ok(Some(all.reached_by_links(from).iter().map(ToString::to_string).collect()))
}

/// The namespaces that the patterns select; that there are none is an error.
pub(super) fn chosen<'a>(
    context: &Context,
    snapshot: &'a Snapshot,
    patterns: &[String],
) -> Result<Vec<&'a Namespace>, Error> {
    let chosen: Vec<&Namespace> = snapshot.namespaces.iter().filter(|n| glob::selects(patterns, n)).collect();
    if chosen.is_empty() && !patterns.is_empty() {
        let patterns = patterns.join(", ");
        let names: Vec<&str> = snapshot.namespaces.iter().map(|n| n.name.as_str()).collect();
        return Err(Error::Usage {
            problem: context.say(&Say::NoMatch { patterns: &patterns }),
            help: names.join(", "),
        });
    }
    Ok(chosen)
}

/// A file where one is named, else this machine.
pub(super) fn read(context: &Context, from: Option<&Path>, parts: Parts) -> Result<Snapshot, Error> {
    match from {
        Some(path) => file::read(path),
        None => live(context, None, parts),
    }
}

/// The namespace of this name, inode or path.
pub(super) fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Namespace, Error> {
    let by_path = || snapshot.namespaces.iter().find(|n| n.path.as_deref() == Some(name));
    snapshot.namespace_by_name(name).or_else(by_path).or_else(|| by_pid(snapshot, name)).ok_or_else(|| {
        let known_names = snapshot.namespaces.iter().map(|n| n.name.clone()).collect();
        Error::NoNamespace { name: name.to_owned(), known_names }
    })
}

/// The way into a namespace.
pub(super) fn handle(n: &Namespace) -> Result<NamespaceHandle, Error> {
    if n.own {
        return Ok(NamespaceHandle::current()?);
    }
    let path = n.path.as_ref().ok_or_else(|| Error::NoPath { name: n.name.clone() })?;
    Ok(NamespaceHandle::open(path)?)
}

/// `/proc/PID/ns/net` of a process that lives there.
fn by_pid<'a>(snapshot: &'a Snapshot, path: &str) -> Option<&'a Namespace> {
    let pid: u32 = path.strip_prefix("/proc/")?.strip_suffix("/ns/net")?.parse().ok()?;
    snapshot.namespaces.iter().find(|n| n.processes.iter().any(|p| p.pid == pid))
}

//! Finding the network namespaces of a machine and who lives in them.

mod cgroup;
mod mounts;
mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plumb_model::{NamespaceId, Process};

use crate::error::{KernelError, Result};
use crate::netns::NamespaceHandle;

/// Where `ip netns` keeps its bind mounts.
pub(crate) const RUN_NETNS: &str = "/run/netns";

/// A namespace that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: NamespaceId,
    pub(crate) own: bool,
    /// Names under /run/netns.
    pub(crate) names: Vec<String>,
    /// Bind mounts elsewhere.
    pub(crate) mounts: Vec<String>,
    pub(crate) processes: Vec<Process>,
    /// Open, or why it cannot be opened; `None` for plumb's own where even that is not allowed.
    pub(crate) handle: Result<NamespaceHandle>,
}

impl Found {
    /// `host`, the name under /run/netns, or `net:[INODE]`.
    pub(crate) fn name(&self) -> String {
        match self.names.first() {
            _ if self.own => "host".to_owned(),
            Some(name) => name.clone(),
            None => self.id.to_string(),
        }
    }

    /// The path by which a person enters it.
    pub(crate) fn path(&self) -> Option<String> {
        let named = self.names.first().map(|n| format!("{RUN_NETNS}/{n}"));
        named
            .or_else(|| self.mounts.first().cloned())
            .or_else(|| self.processes.first().map(|p| format!("/proc/{}/ns/net", p.pid)))
            .or_else(|| self.handle.as_ref().ok().map(|h| h.path().to_owned()))
    }
}

#[derive(Debug, Default)]
struct Places {
    names: Vec<String>,
    mounts: Vec<String>,
    processes: Vec<Process>,
    paths: Vec<PathBuf>,
}

/// What was found.
pub(crate) struct All {
    /// Namespaces, plumb's own first, then by name.
    pub(crate) found: Vec<Found>,
    /// What could not be looked at.
    pub(crate) gaps: Vec<String>,
    /// Processes that nobody on this machine may see.
    pub(crate) hidden_processes: u32,
}

/// All that can be found.
pub(crate) fn namespaces(extra: &[PathBuf]) -> Result<All> {
    let mut gaps = Vec::new();
    let mut places: BTreeMap<NamespaceId, Places> = BTreeMap::new();
    let own = own_id()?;
    places.entry(own).or_default();

    for (name, path) in named(&mut gaps) {
        match id_of(&path) {
            Some(id) => {
                let place = places.entry(id).or_default();
                place.names.push(name);
                place.paths.push(path);
            }
            None => gaps.push(format!("{} is no namespace (a leftover of `ip netns add`?)", path.display())),
        }
    }
    for mount in mounts::namespaces(&mut gaps) {
        let place = places.entry(mount.id).or_default();
        if Path::new(&mount.path).parent() != Some(Path::new(RUN_NETNS))
            && !mount.path.starts_with("/var/run/netns/")
        {
            place.mounts.push(mount.path.clone());
        }
        place.paths.push(mount.path.into());
    }
    let (processes, hidden_processes) = process::all(&mut gaps);
    for (id, process) in processes {
        let place = places.entry(id).or_default();
        place.paths.push(format!("/proc/{}/ns/net", process.pid).into());
        place.processes.push(process);
    }
    for path in extra {
        match id_of(path) {
            Some(id) => places.entry(id).or_default().paths.push(path.clone()),
            None => gaps.push(format!("{} is no namespace", path.display())),
        }
    }

    let mut found: Vec<Found> = places.into_iter().map(|(id, place)| open(id, id == own, place)).collect();
    // What went between being found and being opened was never there.
    found.retain(|f| match &f.handle {
        Ok(_) => true,
        Err(KernelError::Missing { .. }) => false,
        Err(error) => !matches!(error.errno(), Some(libc::ENOENT | libc::ESRCH)),
    });
    found.sort_by_key(|f| (!f.own, f.names.is_empty(), f.name()));
    Ok(All { found, gaps, hidden_processes })
}

fn open(id: NamespaceId, own: bool, place: Places) -> Found {
    let mut handle = Err(KernelError::Missing {
        what: format!("open the network namespace {id}"),
        missing: "path to it".into(),
    });
    if own {
        handle = NamespaceHandle::current();
    }
    for path in &place.paths {
        if handle.is_ok() {
            break;
        }
        // The process may have gone, and its number may be another's by now.
        match NamespaceHandle::open(path) {
            Ok(opened) if opened.id() == id => handle = Ok(opened),
            Ok(_) => {}
            Err(error) => handle = Err(error),
        }
    }
    let Places { mut names, mut mounts, processes, .. } = place;
    names.sort();
    mounts.sort();
    mounts.dedup();
    Found { id, own, names, mounts, processes, handle }
}

fn own_id() -> Result<NamespaceId> {
    let what = "find plumb's own network namespace (is /proc mounted?)";
    let link = std::fs::read_link("/proc/thread-self/ns/net").map_err(|e| KernelError::io(what, e))?;
    process::inode(&link).ok_or_else(|| KernelError::Protocol {
        what: what.into(),
        problem: format!("{} read", link.display()),
    })
}

/// Inode of a namespace's file; `None` where it is another file.
fn id_of(path: &Path) -> Option<NamespaceId> {
    NamespaceHandle::open(path).ok().map(|h| h.id())
}

fn named(gaps: &mut Vec<String>) -> Vec<(String, PathBuf)> {
    match std::fs::read_dir(RUN_NETNS) {
        Ok(entries) => {
            let entries = entries.filter_map(std::result::Result::ok);
            entries.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path())).collect()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            gaps.push(format!("{RUN_NETNS} cannot be listed: {error}"));
            Vec::new()
        }
    }
}

//! What is known of a lab: one file, owner-only, under `/run/plumb/labs`.
//!
//! | file | what for |
//! |---|---|
//! | `NAME.json` | the [`State`]; replaced whole, never half written |
//! | `NAME.lock` | held by the supervisor as long as it lives, and let go by the kernel however it ends |
//! | `NAME.edit` | held while a lab is started, ended, broken or healed |
//! | `NAME.sock` | where the supervisor takes commands |
//! | `NAME.log` | what the supervisor and the servers complain of |
//! | `NAME.etc` | files of pods that a client of theirs sees as its own |

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plumb_model::{NamespaceId, Owner, ResolvConf};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::faults::Act;
use crate::topology::Topology;

/// Where labs keep their files.
pub(crate) const DIRECTORY: &str = "/run/plumb/labs";
/// Where namespaces are pinned, so that `ip netns` finds them.
pub(crate) const NETNS: &str = "/run/netns";

/// How far a lab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Being built.
    Starting,
    /// Everything is there and serves.
    Ready,
}

/// A namespace of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LabNamespace {
    /// Name under /run/netns.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// Inode; `None` while it is not made yet.
    pub id: Option<NamespaceId>,
}

/// A fault that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveFault {
    /// Number in the catalogue.
    pub id: String,
    /// Whether it only looks like the fault of that number.
    #[serde(default)]
    pub look_alike: bool,
    /// What it was made at: `pod:…`, `node:…`, `svc:…`.
    pub target: String,
    /// What it does, here.
    pub effect: String,
    /// What was done.
    pub changes: Vec<Act>,
    /// What undoes it, in this order.
    pub undo: Vec<Act>,
    /// Seconds since 1970.
    pub since: u64,
}

/// What is known of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Version of this file's format.
    pub version: u32,
    /// The topology.
    pub topology: Topology,
    /// How far it is.
    pub phase: Phase,
    /// Process id of the supervisor.
    pub supervisor: u32,
    /// When that process started, in ticks since boot (field 22 of /proc/PID/stat): a number used again is told from it.
    pub started: u64,
    /// Namespaces.
    pub namespaces: Vec<LabNamespace>,
    /// Faults, oldest first.
    pub faults: Vec<ActiveFault>,
    /// What pods have in the place of the resolv.conf that a kubelet writes, by their namespaces.
    #[serde(default)]
    pub resolvers: BTreeMap<String, ResolvConf>,
}

impl State {
    /// The format that this version writes.
    pub(crate) const VERSION: u32 = 1;

    /// The namespace with this inode.
    #[must_use]
    pub(crate) fn namespace(&self, id: NamespaceId) -> Option<&LabNamespace> {
        self.namespaces.iter().find(|n| n.id == Some(id))
    }

    /// Reads the state of a lab; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub(crate) fn read(lab: &str) -> Result<Option<Self>> {
        let path = file(lab, "json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(LabError::io(format!("read {}", path.display()))(e)),
        };
        let state: Self = serde_json::from_slice(&text).map_err(|e| LabError::State {
            lab: lab.to_owned(),
            path: path.display().to_string(),
            message: e.to_string(),
        })?;
        Ok(Some(state))
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self) -> Result<()> {
        make_directory()?;
        let path = file(&self.topology.name, "json");
        let new = file(&self.topology.name, "json.new");
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        let error = || format!("write {}", path.display());
        let mut out = open(&new, true).map_err(LabError::io(error()))?;
        out.write_all(&text).map_err(LabError::io(error()))?;
        fs::rename(&new, &path).map_err(LabError::io(error()))
    }

    /// Whether its supervisor lives.
    #[must_use]
    pub(crate) fn alive(&self) -> bool {
        process_start(self.supervisor) == Some(self.started)
    }
}

/// A file of a lab.
#[must_use]
pub(crate) fn file(lab: &str, extension: &str) -> PathBuf {
    PathBuf::from(DIRECTORY).join(format!("{lab}.{extension}"))
}

fn open(path: &PathBuf, truncate: bool) -> std::io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(truncate).mode(0o600).open(path)
}

/// Makes the directory, for its owner alone.
pub(crate) fn make_directory() -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(DIRECTORY)
        .map_err(LabError::io(format!("make {DIRECTORY} (are you root?)")))
}

/// Opens the log of a lab, empty.
pub(crate) fn log(lab: &str) -> Result<File> {
    let path = file(lab, "log");
    open(&path, true).map_err(LabError::io(format!("write {}", path.display())))
}

/// A file that is locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Locks a file; `None` where somebody else holds it all the time.
pub(crate) fn lock(lab: &str, extension: &str, patience: Duration) -> Result<Option<Lock>> {
    make_directory()?;
    let path = file(lab, extension);
    let until = Instant::now() + patience;
    loop {
        let held = open(&path, false).map_err(LabError::io(format!("open {}", path.display())))?;
        match flock(&held, FlockOperation::NonBlockingLockExclusive) {
            // Whoever ends a lab removes its files: a lock on a file that is gone locks nothing.
            Ok(()) if same_file(&held, &path) => return Ok(Some(Lock { _file: held })),
            Ok(()) => continue,
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(e) => return Err(LabError::io(format!("lock {}", path.display()))(e.into())),
        }
    }
}

/// The right to change a lab.
pub(crate) fn edit(lab: &str) -> Result<Lock> {
    lock(lab, "edit", Duration::from_secs(30))?.ok_or_else(|| LabError::Refused {
        what: format!("change the lab {lab}"),
        message: "another command is changing it".to_owned(),
    })
}

fn same_file(held: &File, path: &PathBuf) -> bool {
    let there = fs::metadata(path).map(|m| (m.dev(), m.ino()));
    matches!((held.metadata(), there), (Ok(m), Ok(there)) if (m.dev(), m.ino()) == there)
}

/// When a process started, in ticks since boot; `None` where there is none or it is only waited for.
#[must_use]
pub(crate) fn process_start(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = after_name(&text)?;
    if matches!(fields.next(), Some("Z" | "X")) {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The state of a process, as `ps` shows it.
pub(crate) fn process_state(pid: u32) -> Option<char> {
    after_name(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?.next()?.chars().next()
}

/// The fields of /proc/PID/stat from the third on: the second is a name in brackets that may hold anything.
fn after_name(text: &str) -> Option<std::str::SplitWhitespace<'_>> {
    Some(text.get(text.rfind(')')? + 1..)?.split_whitespace())
}

/// Names of all labs, those of dead supervisors too.
#[must_use]
pub fn labs() -> Vec<String> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Whose namespaces are, for every lab of this machine: what the names `pod:…` and `node:…` stand for.
#[must_use]
pub fn owners() -> BTreeMap<NamespaceId, Owner> {
    let states = labs().into_iter().filter_map(|lab| State::read(&lab).ok().flatten());
    states.flat_map(|s| s.namespaces).filter_map(|n| Some((n.id?, n.owner))).collect()
}

/// Inode of a pinned namespace.
pub(crate) fn pinned(name: &str) -> Option<NamespaceId> {
    fs::metadata(PathBuf::from(NETNS).join(name)).ok().map(|m| NamespaceId(m.ino()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_living_process_has_a_start() {
        assert!(process_start(std::process::id()).unwrap() > 0);
        assert_eq!(process_start(u32::MAX), None);
        assert!(matches!(process_state(std::process::id()), Some('R' | 'S')));
    }
}

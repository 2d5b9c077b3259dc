//! Processes, their network namespace, and the container that they run in.

use std::path::Path;

use plumb_model::{NamespaceId, Process};

use super::cgroup;

/// `PF_KTHREAD`: threads of the kernel live nowhere that a person would look for them.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// `CAP_SYS_PTRACE`, `CAP_SYS_ADMIN` (include/uapi/linux/capability.h).
const TO_SEE: u64 = 1 << 19 | 1 << 21;

/// Every process whose namespace may be seen, and how many stay hidden from somebody who has every right to see them:
/// those of a container around plumb's own, say.
pub(super) fn all(gaps: &mut Vec<String>) -> (Vec<(NamespaceId, Process)>, u32) {
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => {
            gaps.push(format!("/proc cannot be listed: {error}"));
            return (Vec::new(), 0);
        }
    };
    let mut found = Vec::new();
    let mut hidden = 0_u32;
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Some((comm, flags)) = read(pid, "stat").and_then(|t| stat(&t)) else { continue };
        if flags & KERNEL_THREAD != 0 {
            continue;
        }
        match std::fs::read_link(format!("/proc/{pid}/ns/net")) {
            Ok(link) => {
                let Some(id) = inode(&link) else { continue };
                let place = read(pid, "cgroup").map(|t| cgroup::place(&t)).unwrap_or_default();
                let cgroup::Place { container, pod_uid } = place;
                found.push((id, Process { pid, comm, container, pod_uid, serving: None }));
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => hidden += 1,
            // It ended in the meantime.
            Err(_) => {}
        }
    }
    let may_see = may_see();
    if hidden > 0 && !may_see {
        gaps.push(format!(
            "the network namespaces of {hidden} processes of other users cannot be seen (CAP_SYS_PTRACE is missing)"
        ));
        hidden = 0;
    }
    found.sort_by_key(|(_, p)| p.pid);
    (found, hidden)
}

/// Whether this process has what it takes to see other users' processes.
fn may_see() -> bool {
    let mask = std::fs::read_to_string("/proc/thread-self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    mask.is_some_and(|mask| mask & TO_SEE == TO_SEE)
}

fn read(pid: u32, file: &str) -> Option<String> {
    std::fs::read(format!("/proc/{pid}/{file}")).ok().map(|b| String::from_utf8_lossy(&b).into_owned())
}

/// Name and flags: `7 (a (b) c) S 1 7 7 0 -1 4194560 …`. The name may hold anything, brackets included.
fn stat(text: &str) -> Option<(String, u64)> {
    let (head, tail) = text.rsplit_once(')')?;
    let (_, comm) = head.split_once('(')?;
    let flags = tail.split_ascii_whitespace().nth(6)?.parse().ok()?;
    Some((comm.to_owned(), flags))
}

/// Number in `net:[4026531840]`.
pub(super) fn inode(link: &Path) -> Option<NamespaceId> {
    let number = link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?;
    number.parse().ok().map(NamespaceId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets() {
        let text = "77 (tmux: (x) y) S 1 77 77 0 -1 4194368 100 0 0";
        assert_eq!(stat(text), Some(("tmux: (x) y".into(), 4_194_368)));
        assert_eq!(stat("77"), None);
        assert_eq!(stat(")("), None);
    }

    #[test]
    fn inode_of_a_link() {
        assert_eq!(inode(Path::new("net:[4026531840]")), Some(NamespaceId(4_026_531_840)));
        assert_eq!(inode(Path::new("mnt:[4026531840]")), None);
    }
}

//! How processes that serve fare: what they hold open, their state, the limits of their groups (/proc/PID, cgroups).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plumb_model::{Namespace, PidsLimit, Serving, Socket, Throttling};

/// Open files of one namespace's processes that are looked at: each costs some microseconds.
const MOST_FILES: usize = 20_000;
const CGROUPS: &str = "/sys/fs/cgroup";

/// Finds whose the listening sockets are, and looks at those processes.
pub(super) fn read(n: &mut Namespace, gaps: &mut Vec<String>) {
    let listening = |s: &&Socket| s.is_listening() && s.inode != 0;
    let mut wanted: BTreeSet<u32> = n.sockets.items().iter().filter(listening).map(|s| s.inode).collect();
    let all = wanted.clone();
    let mut left = MOST_FILES;
    for process in &mut n.processes {
        // Sockets may be shared, by a parent and its workers: every one of them may be the one that is stuck. But where
        // each has an owner, those that come after are not looked through for others.
        if wanted.is_empty() && left < MOST_FILES / 2 {
            break;
        }
        if all.is_empty() || left == 0 {
            break;
        }
        let Some(files) = files(process.pid, &all, &mut left) else { continue };
        if files.sockets.is_empty() {
            continue;
        }
        wanted.retain(|inode| !files.sockets.contains(inode));
        process.serving = Some(serving(process.pid, files));
    }
    if left == 0 && !wanted.is_empty() {
        gaps.push(format!(
            "whose {} of the listening sockets are was not looked for: its processes have more than {MOST_FILES} files open",
            wanted.len()
        ));
    }
}

struct Files {
    open: u64,
    sockets: Vec<u32>,
}

/// `None` for a process that ended, or that may not be looked into.
fn files(pid: u32, wanted: &BTreeSet<u32>, left: &mut usize) -> Option<Files> {
    let mut files = Files { open: 0, sockets: Vec::new() };
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        files.open += 1;
        if *left == 0 {
            continue;
        }
        *left -= 1;
        let Ok(link) = std::fs::read_link(entry.path()) else { continue };
        let inode = link.to_str().and_then(|l| l.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        if let Some(inode) = inode.filter(|inode| wanted.contains(inode)) {
            files.sockets.push(inode);
        }
    }
    files.sockets.sort_unstable();
    files.sockets.dedup();
    Some(files)
}

fn serving(pid: u32, files: Files) -> Serving {
    let file = |name: &str| {
        std::fs::read(format!("/proc/{pid}/{name}")).map(|b| String::from_utf8_lossy(&b).into_owned())
    };
    let groups = file("cgroup").unwrap_or_default();
    Serving {
        sockets: files.sockets,
        open_files: files.open,
        state: file("stat").ok().and_then(|t| state(&t)),
        max_open_files: file("limits").ok().and_then(|t| max_open_files(&t)),
        throttling: folders(&groups, "cpu").find_map(|f| throttling(&text(&f, "cpu.stat")?)),
        // `max_by` takes the last of equals; the innermost should win.
        pids: folders(&groups, "pids")
            .filter_map(|f| pids(&text(&f, "pids.current")?, &text(&f, "pids.max")?))
            .reduce(|a, b| if nearer(b, a) { b } else { a }),
    }
}

/// Whether the first is nearer to its limit.
fn nearer(a: PidsLimit, b: PidsLimit) -> bool {
    let share = |x: PidsLimit, of: PidsLimit| u128::from(x.current) * u128::from(of.max);
    share(a, b) > share(b, a)
}

fn text(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

/// The letter after the name, which may hold anything: `7 (a (b) c) S 1 …`.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// `Max open files            1024                 524288               files`
fn max_open_files(limits: &str) -> Option<u64> {
    limits
        .lines()
        .find_map(|l| l.strip_prefix("Max open files"))?
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Folders of a process's group for a controller and of the groups around it, innermost first. Lines of /proc/PID/cgroup
/// are `ID:CONTROLLERS:PATH`; the one hierarchy of version 2 has the number 0 and names no controller.
fn folders(groups: &str, controller: &str) -> impl Iterator<Item = PathBuf> {
    let mut found = None;
    for line in groups.lines() {
        let mut words = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let root = if controllers.is_empty() {
            PathBuf::from(CGROUPS)
        } else if controllers.split(',').any(|c| c == controller) {
            Path::new(CGROUPS).join(controllers)
        } else {
            continue;
        };
        // A group that is not below plumb's own in its cgroup namespace (`/../..`) has no folder here.
        if path.split('/').any(|part| part == "..") {
            continue;
        }
        let of_version_1 = !controllers.is_empty();
        if found.is_none() || of_version_1 {
            found = Some((root, path.trim_matches('/').to_owned()));
        }
    }
    found.into_iter().flat_map(|(root, path)| {
        let inner = if path.is_empty() { root.clone() } else { root.join(&path) };
        let all: Vec<PathBuf> =
            inner.ancestors().take_while(|f| f.starts_with(&root)).map(Path::to_path_buf).collect();
        all
    })
}

/// `None` for a group without a limit, whose periods nobody counts.
fn throttling(stat: &str) -> Option<Throttling> {
    let value = |name: &str| -> Option<u64> {
        stat.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' ')).and_then(|v| v.trim().parse().ok())
    };
    let periods = value("nr_periods").filter(|n| *n > 0)?;
    // Version 1 counts nanoseconds.
    let usec = value("throttled_usec").or_else(|| value("throttled_time").map(|ns| ns / 1000));
    Some(Throttling {
        periods,
        throttled: value("nr_throttled").unwrap_or(0),
        throttled_usec: usec.unwrap_or(0),
    })
}

/// `None` for a group without a limit (`max`).
fn pids(current: &str, max: &str) -> Option<PidsLimit> {
    Some(PidsLimit { current: current.trim().parse().ok()?, max: max.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_proc_says() {
        assert_eq!(state("7 (a (b) c) T 1 7"), Some('T'));
        assert_eq!(state("7"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(max_open_files(limits), Some(1024));
        assert_eq!(max_open_files("Max open files   unlimited  unlimited  files"), None);
    }

    #[test]
    fn groups_and_those_around_them() {
        let show = |groups: &str, controller: &str| -> Vec<String> {
            folders(groups, controller).map(|f| f.display().to_string()).collect()
        };
        assert_eq!(show("0::/a/b\n", "cpu"), ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"]);
        let mixed = "5:cpu,cpuacct:/x\n4:pids:/\n0::/y\n";
        assert_eq!(show(mixed, "cpu"), ["/sys/fs/cgroup/cpu,cpuacct/x", "/sys/fs/cgroup/cpu,cpuacct"]);
        assert_eq!(show(mixed, "pids"), ["/sys/fs/cgroup/pids"]);
        assert!(show("0::/../other\n", "cpu").is_empty());
    }

    #[test]
    fn limits_of_groups() {
        let stat = "usage_usec 9\nnr_periods 40\nnr_throttled 30\nthrottled_usec 123456\n";
        let seen = throttling(stat).unwrap();
        assert_eq!((seen.periods, seen.throttled, seen.throttled_usec), (40, 30, 123_456));
        assert_eq!(
            throttling("nr_periods 1\nnr_throttled 1\nthrottled_time 5000\n").unwrap().throttled_usec,
            5
        );
        assert_eq!(throttling("usage_usec 9\nnr_periods 0\n"), None);
        assert_eq!(pids("12\n", "max\n"), None);
        let (a, b) = (pids("12", "100").unwrap(), pids("50", "60").unwrap());
        assert!(nearer(b, a) && !nearer(a, b) && !nearer(a, a));
    }
}

//! The resolver's files as a process in a namespace sees them: those below the root of a process that lives there.
//!
//! A namespace without processes, or whose processes share plumb's own mounts, has the files that `ip netns exec` puts
//! over /etc (`/etc/netns/NAME/`, ip-netns(8)), else the machine's own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use plumb_model::{HostsEntry, HostsSource, OddLine, Read, ResolvConf, Resolver};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;

use crate::discover::Found;

/// More of a file is not read, bytes.
const MOST: u64 = 1024 * 1024;
/// More mount namespaces of one network namespace are not compared.
const MOST_MOUNTS: usize = 16;

/// What a process in the namespace asks for names.
pub(super) fn read(found: &Found) -> Read<Resolver> {
    let own = own_mounts();
    let mut by_mounts: BTreeMap<PathBuf, u32> = BTreeMap::new();
    let mut denied = false;
    for process in &found.processes {
        match std::fs::read_link(format!("/proc/{}/ns/mnt", process.pid)) {
            Ok(mounts) if Some(&mounts) != own.as_ref() => {
                by_mounts.entry(mounts).or_insert(process.pid);
            }
            Ok(_) => {}
            Err(error) => denied |= error.kind() == std::io::ErrorKind::PermissionDenied,
        }
    }
    let shares_mounts = by_mounts.is_empty() || found.own;
    if shares_mounts {
        if denied && !found.own {
            return Read::Denied { capability: "CAP_SYS_PTRACE".into() };
        }
        return Read::Got(of_machine(found));
    }
    let mut pids: Vec<u32> = by_mounts.into_values().collect();
    pids.sort_unstable();
    let mut all: Vec<(u32, bool, Resolver)> = pids
        .iter()
        .take(MOST_MOUNTS)
        .filter_map(|pid| Some((*pid, has_file_of_machine(*pid), below(*pid)?)))
        .collect();
    // The first that has a resolv.conf of its own: a pause container's image may hold no files at all, and mounts of
    // its own show the machine's files to whoever `ip netns exec` starts.
    all.sort_by_key(|(_, of_machine, r)| (r.conf.is_absent(), *of_machine));
    let mut all = all.into_iter();
    let mut resolver = match all.next() {
        Some((_, false, resolver)) => resolver,
        // The machine's files, or they ended in the meantime.
        _ => of_machine(found),
    };
    let other = |r: &Resolver| !r.conf.is_absent() && r.conf != resolver.conf;
    resolver.others = all.filter(|(_, _, r)| other(r)).map(|(pid, _, _)| pid).collect();
    Read::Got(resolver)
}

/// Whether a process sees the very resolv.conf that plumb sees: the same file, whatever mounts lead to it.
fn has_file_of_machine(pid: u32) -> bool {
    let of_machine = identity("/");
    of_machine.is_some() && identity(&format!("/proc/{pid}/root")) == of_machine
}

/// Device and inode of the resolv.conf below a root.
fn identity(root: &str) -> Option<(u64, u64)> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = openat2(CWD, root, flags, Mode::empty(), ResolveFlags::empty()).ok()?;
    let file = openat2(&root, "etc/resolv.conf", flags, Mode::empty(), ResolveFlags::IN_ROOT).ok()?;
    fstat(&file).ok().map(|s| (s.st_dev, s.st_ino))
}

fn own_mounts() -> Option<PathBuf> {
    std::fs::read_link("/proc/thread-self/ns/mnt").ok()
}

/// The machine's own files, those of `ip netns exec` in their place.
fn of_machine(found: &Found) -> Resolver {
    let path = |file: &str| {
        let of_netns = found.names.iter().map(|name| format!("/etc/netns/{name}/{file}"));
        let there = of_netns.into_iter().find(|p| std::path::Path::new(p).exists());
        there.filter(|_| !found.own).unwrap_or_else(|| format!("/etc/{file}"))
    };
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let root = openat2(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::empty());
    let open = |path: &str| match &root {
        Ok(root) => file(root, path.trim_start_matches('/')),
        Err(errno) => failed(*errno, path),
    };
    resolver(["resolv.conf", "hosts", "nsswitch.conf"].map(path), &name, open)
}

/// Those below a process' root; `None` when it has ended.
fn below(pid: u32) -> Option<Resolver> {
    let root = format!("/proc/{pid}/root");
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat2(CWD, &root, flags, Mode::empty(), ResolveFlags::empty());
    if matches!(opened, Err(Errno::NOENT | Errno::SRCH)) {
        return None;
    }
    let inside = |path: &str| path.strip_prefix(&root).unwrap_or(path).trim_start_matches('/').to_owned();
    let open = |path: &str| match &opened {
        Ok(root) => file(root, &inside(path)),
        Err(errno) => failed(*errno, path),
    };
    let name = match open(&format!("{root}/etc/hostname")) {
        Read::Got(text) | Read::Torn { value: text, .. } => text.trim().to_owned(),
        Read::Absent { .. } | Read::Denied { .. } => String::new(),
    };
    Some(resolver(["resolv.conf", "hosts", "nsswitch.conf"].map(|f| format!("{root}/etc/{f}")), &name, open))
}

fn failed(errno: Errno, path: &str) -> Read<String> {
    match errno {
        Errno::ACCESS | Errno::PERM => Read::Denied { capability: "CAP_SYS_PTRACE".into() },
        _ => Read::Absent { feature: path.to_owned() },
    }
}

/// The text of a file below a root; symbolic links stay below it, as they do for the process.
fn file(root: &OwnedFd, path: &str) -> Read<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT);
    let fd = match opened {
        Ok(fd) => fd,
        Err(errno) => return failed(errno, path),
    };
    let regular = fstat(&fd).is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile);
    if !regular {
        return Read::Absent { feature: format!("{path} as a regular file") };
    }
    let mut bytes = Vec::new();
    if let Err(error) = File::from(fd).take(MOST + 1).read_to_end(&mut bytes) {
        return Read::Torn { reason: error.kind().to_string(), value: text(&bytes) };
    }
    if bytes.len() as u64 > MOST {
        bytes.truncate(MOST as usize);
        return Read::Torn { reason: "cut off after 1 MiB".into(), value: text(&bytes) };
    }
    Read::Got(text(&bytes))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn resolver(paths: [String; 3], host: &str, open: impl Fn(&str) -> Read<String>) -> Resolver {
    let mut odd: Vec<OddLine> = Vec::new();
    let [conf, hosts, order] = &paths;
    let conf = open(conf).map(|text| taken(ResolvConf::parse(&text), &mut odd));
    let hosts = open(hosts).map(|text| taken(HostsEntry::parse_all(&text), &mut odd));
    let order = match open(order).map(|text| taken(HostsSource::parse_order(&text), &mut odd)) {
        Read::Got(Some(order)) => Read::Got(order),
        Read::Torn { reason, value: Some(value) } => Read::Torn { reason, value },
        Read::Got(None) | Read::Torn { value: None, .. } => Read::Absent { feature: "hosts".into() },
        Read::Absent { feature } => Read::Absent { feature },
        Read::Denied { capability } => Read::Denied { capability },
    };
    let domain = host.split_once('.').map(|(_, domain)| domain.to_owned()).filter(|d| !d.is_empty());
    Resolver { conf, hosts, order, domain, paths, odd, others: Vec::new() }
}

fn taken<T>((value, not_known): (T, Vec<OddLine>), odd: &mut Vec<OddLine>) -> T {
    odd.extend(not_known);
    value
}

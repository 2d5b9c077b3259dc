//! Reads a folder of manifests: which files there are, and what is in those that changed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file whose last change is younger than this may change again without a sign: times of files are as coarse as the kernel's
/// ticks. It is read again next time.
const YOUNG: Duration = Duration::from_millis(100);

/// What a look at the folder found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Manifests, by path.
    pub(crate) files: BTreeMap<PathBuf, Found>,
    /// Folders that cannot be read, and why. What was in them is not known to be gone.
    pub(crate) unreadable: BTreeMap<PathBuf, String>,
    /// Folders in which a change may change what is found.
    pub(crate) folders: BTreeSet<PathBuf>,
    stamps: BTreeMap<PathBuf, Stamp>,
}

/// A manifest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// As it was when it was last read.
    Same,
    /// Its text.
    Text(String),
    /// Why it cannot be read.
    Unreadable(String),
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(m: &Metadata) -> Self {
        Self {
            device: m.dev(),
            inode: m.ino(),
            size: m.size(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
        }
    }

    fn is_young(&self, now: SystemTime) -> bool {
        let seconds = u64::try_from(self.changed.0).unwrap_or(0);
        let nanos = u32::try_from(self.changed.1).unwrap_or(0);
        now < UNIX_EPOCH + Duration::new(seconds, nanos) + YOUNG
    }
}

/// Looks at a folder again and again.
#[derive(Debug)]
pub(crate) struct Scanner {
    root: PathBuf,
    stamps: BTreeMap<PathBuf, Stamp>,
}

impl Scanner {
    /// A file or a folder.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, stamps: BTreeMap::new() }
    }

    /// One look.
    ///
    /// # Errors
    /// When the file or folder itself cannot be read.
    pub(crate) fn scan(&self) -> io::Result<Scan> {
        let mut scan = Scan::default();
        let metadata = fs::metadata(&self.root)?;
        link_folders(&self.root, &mut scan.folders);
        if metadata.is_dir() {
            let mut seen = HashSet::from([(metadata.dev(), metadata.ino())]);
            self.folder(&self.root, entries(&self.root)?, &mut scan, &mut seen);
        } else {
            scan.folders.insert(parent(&self.root));
            self.file(self.root.clone(), &mut scan);
        }
        Ok(scan)
    }

    /// What this look found is known from now on, so that the next one need not read it again.
    pub(crate) fn accept(&mut self, scan: &mut Scan) {
        self.stamps = std::mem::take(&mut scan.stamps);
    }

    fn folder(&self, path: &Path, entries: Vec<PathBuf>, scan: &mut Scan, seen: &mut HashSet<(u64, u64)>) {
        scan.folders.insert(path.to_owned());
        for entry in entries {
            let is_link = fs::symlink_metadata(&entry).is_ok_and(|m| m.is_symlink());
            if is_link {
                link_folders(&entry, &mut scan.folders);
            }
            // What vanished since, and links to nothing, are not there.
            let Ok(metadata) = fs::metadata(&entry) else { continue };
            if metadata.is_dir() {
                // A link may lead back up, or to what is read anyway.
                if !seen.insert((metadata.dev(), metadata.ino())) {
                    continue;
                }
                match self::entries(&entry) {
                    Ok(inner) => self.folder(&entry, inner, scan, seen),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => drop(scan.unreadable.insert(entry, e.to_string())),
                }
            } else if metadata.is_file() && is_manifest(&entry) {
                self.file(entry, scan);
            }
        }
    }

    fn file(&self, path: PathBuf, scan: &mut Scan) {
        let now = SystemTime::now();
        let Ok(stamp) = fs::metadata(&path).map(|m| Stamp::of(&m)) else { return };
        if self.stamps.get(&path) == Some(&stamp) {
            scan.stamps.insert(path.clone(), stamp);
            scan.files.insert(path, Found::Same);
            return;
        }
        let found = match fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => Found::Text(text),
            Ok(Err(e)) => Found::Unreadable(format!("it is no UTF-8 text: {}", e.utf8_error())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(e) => Found::Unreadable(e.to_string()),
        };
        if !stamp.is_young(now) {
            scan.stamps.insert(path.clone(), stamp);
        }
        scan.files.insert(path, found);
    }
}

/// What kubectl reads in a folder (`FileExtensions` of cli-runtime `pkg/resource`).
fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ["yaml", "yml", "json"].iter().any(|e| extension.eq_ignore_ascii_case(e))
}

/// Entries by name, without hidden ones: `..data` of mounted ConfigMaps, files of editors.
fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Folders that hold a symbolic link on the way to `path`, and the one that holds what it leads to.
fn link_folders(path: &Path, folders: &mut BTreeSet<PathBuf>) {
    let mut links = 0;
    let mut rest: Vec<PathBuf> = parts(path);
    let mut at = PathBuf::new();
    while let Some(part) = rest.pop() {
        let next = at.join(&part);
        match fs::read_link(&next) {
            // As many as the kernel follows (path_resolution(7)).
            Ok(target) if links < 40 => {
                links += 1;
                folders.insert(if at.as_os_str().is_empty() { PathBuf::from(".") } else { at.clone() });
                rest.extend(parts(&target));
                if target.is_absolute() {
                    at = PathBuf::new();
                }
            }
            _ => at = next,
        }
    }
    if links > 0 {
        folders.insert(parent(&at));
    }
}

/// Components, the first one last.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().filter(|c| *c != Component::CurDir);
    let mut parts: Vec<_> = parts.map(|c| PathBuf::from(c.as_os_str())).collect();
    parts.reverse();
    parts
}

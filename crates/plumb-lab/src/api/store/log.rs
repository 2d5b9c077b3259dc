//! What happened to the objects of a kind, for those who watch.

use std::collections::VecDeque;
use std::sync::Arc;

use plumb_api::NamespacedName;

use super::{Selector, Status, Stored};

/// What happened to an object, as one who watches with a selector sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It is new, or the selector takes it now.
    Added,
    /// It changed.
    Modified,
    /// It is gone, or the selector no longer takes it.
    Deleted,
}

impl EventKind {
    /// `type` of a watch event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// An event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchEvent {
    /// What happened.
    pub kind: EventKind,
    /// The object; of a deleted one, its last state.
    pub object: Arc<Stored>,
}

#[derive(Debug)]
struct Entry {
    name: NamespacedName,
    before: Option<Arc<Stored>>,
    /// Of a deletion, the last state under the version of the deletion.
    after: Arc<Stored>,
    deleted: bool,
}

/// The last events of a kind.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Version of the newest event that has been forgotten.
    forgotten: u64,
}

impl Log {
    pub(super) fn push(
        &mut self,
        capacity: usize,
        name: NamespacedName,
        before: Option<Arc<Stored>>,
        after: Arc<Stored>,
        deleted: bool,
    ) {
        self.entries.push_back(Entry { name, before, after, deleted });
        while self.entries.len() > capacity {
            if let Some(entry) = self.entries.pop_front() {
                self.forgotten = entry.after.version;
            }
        }
    }

    /// Whether everything after this version is still known.
    pub(super) fn check(&self, version: u64) -> Result<(), Status> {
        if version < self.forgotten {
            let message = format!("too old resource version: {version} ({})", self.forgotten);
            return Err(Status::gone(message));
        }
        Ok(())
    }

    /// What happened after this version in this namespace (empty: in all), seen through a selector.
    pub(super) fn since(
        &self,
        version: u64,
        namespace: &str,
        selector: &Selector,
    ) -> Result<Vec<WatchEvent>, Status> {
        self.check(version)?;
        let first = self.entries.partition_point(|entry| entry.after.version <= version);
        let entries = self.entries.range(first..);
        Ok(entries
            .filter(|entry| namespace.is_empty() || &*entry.name.namespace == namespace)
            .filter_map(|entry| {
                let before = entry.before.as_ref().is_some_and(|o| selector.matches(&o.json));
                let after = !entry.deleted && selector.matches(&entry.after.json);
                let kind = match (before, after) {
                    (false, false) => return None,
                    (false, true) => EventKind::Added,
                    (true, true) => EventKind::Modified,
                    (true, false) => EventKind::Deleted,
                };
                // What the selector no longer takes is told as it was, with the version of the change
                // (apiserver pkg/storage/cacher/cache_watcher.go, convertToWatchEvent).
                let object = match (&entry.before, kind, entry.deleted) {
                    (Some(old), EventKind::Deleted, false) => {
                        Stored::new(entry.after.version, old.json.clone())
                    }
                    _ => entry.after.clone(),
                };
                Some(WatchEvent { kind, object })
            })
            .collect())
    }
}

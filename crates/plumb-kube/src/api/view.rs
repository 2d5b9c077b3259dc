//! What has been told of a kind: names and versions only.

use std::time::SystemTime;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use plumb_api::{Change, NamespacedName, ObjectMeta};

use super::decode::Decoded;
use super::machine::key;
use crate::{Event, Interest, Problem, Subject, Trouble};

/// Names and versions of what has been told, and names of what cannot be decoded.
#[derive(Debug)]
pub(crate) struct View {
    interest: Interest,
    known: HashMap<NamespacedName, Known>,
    bad: HashMap<NamespacedName, String>,
    /// Names in the list that is being read, where others were known before it.
    seen: Option<HashSet<NamespacedName>>,
}

/// `uid` and `resourceVersion` by their hashes: an object that was created anew, on a server that counts anew, may have the version
/// of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    uid: u64,
    /// `None`: of a server that is no more, so that any version is news.
    version: Option<u64>,
}

impl Known {
    fn of(metadata: &ObjectMeta) -> Self {
        use std::hash::BuildHasher as _;
        let hash = |text: &Option<Box<str>>| foldhash::fast::FixedState::default().hash_one(text);
        Self { uid: hash(&metadata.uid), version: Some(hash(&metadata.resource_version)) }
    }
}

impl View {
    /// Nothing is known.
    pub(crate) fn new(interest: Interest) -> Self {
        Self { interest, known: HashMap::new(), bad: HashMap::new(), seen: None }
    }

    /// A list begins, the first or another.
    pub(crate) fn begin_list(&mut self) {
        let nothing = self.known.is_empty() && self.bad.is_empty();
        self.seen = (!nothing).then(HashSet::new);
    }

    /// Versions count anew: whatever is listed next is news.
    pub(crate) fn forget_versions(&mut self) {
        self.known.values_mut().for_each(|known| known.version = None);
    }

    /// Whether the first objects of a server, if any, are those that are known. Where they are not, it may be another server; or they
    /// are new, which is nothing worse.
    pub(crate) fn agrees(&self, first: &[Decoded]) -> bool {
        let known = |decoded: &Decoded| match decoded {
            Decoded::Bad { name, .. } => self.bad.contains_key(name),
            Decoded::Object(object) => {
                let metadata = object.metadata();
                let known = self.known.get(&metadata.full_name());
                known.map_or(!self.interest.wants(object), |k| k.uid == Known::of(metadata).uid)
            }
        };
        let nothing = self.known.is_empty() && self.bad.is_empty();
        first.iter().all(known) && (nothing || !first.is_empty())
    }

    /// The list has been read: what is not in it is gone.
    pub(crate) fn end_list(&mut self, events: &mut Vec<Event>) {
        let Some(seen) = self.seen.take() else { return };
        let names = self.known.keys().chain(self.bad.keys());
        let mut gone: Vec<_> = names.filter(|name| !seen.contains(*name)).cloned().collect();
        gone.sort_unstable();
        gone.dedup();
        for name in gone {
            self.delete(&name, events);
        }
    }

    /// The object is new, changed, or listed once more.
    pub(crate) fn apply(&mut self, decoded: Decoded, events: &mut Vec<Event>) {
        match decoded {
            Decoded::Bad { name, error } => {
                if let Some(seen) = &mut self.seen {
                    seen.insert(name.clone());
                }
                if self.bad.get(&name) == Some(&error) {
                    return;
                }
                events.push(Event::Problem(Problem {
                    subject: Subject::Object(key(self.interest.kind, &name)),
                    since: SystemTime::now(),
                    trouble: Trouble::Undecodable(error.clone()),
                }));
                self.bad.insert(name, error);
            }
            Decoded::Object(object) => {
                let name = object.metadata().full_name();
                if !self.interest.wants(&object) {
                    self.delete(&name, events);
                    return;
                }
                if let Some(seen) = &mut self.seen {
                    seen.insert(name.clone());
                }
                let known = Known::of(object.metadata());
                let recovered = self.recovered(&name);
                if self.known.get(&name) != Some(&known) {
                    self.known.insert(name, known);
                    events.push(Event::Change(Change::Applied(object)));
                }
                events.extend(recovered);
            }
        }
    }

    /// The object is gone.
    pub(crate) fn delete(&mut self, name: &NamespacedName, events: &mut Vec<Event>) {
        if self.known.remove(name).is_some() {
            events.push(Event::Change(Change::Deleted(key(self.interest.kind, name))));
        }
        events.extend(self.recovered(name));
    }

    fn recovered(&mut self, name: &NamespacedName) -> Option<Event> {
        self.bad.remove(name)?;
        Some(Event::Recovered(Subject::Object(key(self.interest.kind, name))))
    }
}

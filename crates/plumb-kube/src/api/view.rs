//! What has been told of a kind: names and versions only.

use std::time::SystemTime;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use plumb_api::{Change, NamespacedName};

use super::decode::Decoded;
use super::machine::key;
use crate::{Event, Interest, Problem, Subject, Trouble};

/// Names and versions of what has been told, and names of what cannot be decoded.
#[derive(Debug)]
pub(crate) struct View {
    interest: Interest,
    known: HashMap<NamespacedName, Version>,
    bad: HashMap<NamespacedName, String>,
    /// Names in the list that is being read, where others were known before it.
    seen: Option<HashSet<NamespacedName>>,
}

/// `resourceVersion`. The API server's are numbers (KEP-5504); any other text is kept by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version(u64);

impl Version {
    fn of(text: &str) -> Self {
        use std::hash::BuildHasher as _;
        Self(text.parse().unwrap_or_else(|_| foldhash::fast::FixedState::default().hash_one(text)))
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
                let version = Version::of(object.metadata().resource_version.as_deref().unwrap_or_default());
                let recovered = self.recovered(&name);
                if self.known.get(&name) != Some(&version) {
                    self.known.insert(name, version);
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

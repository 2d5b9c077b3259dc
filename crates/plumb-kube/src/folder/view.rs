//! What a folder of manifests holds, and what changes when it is looked at again. Pure: texts in, events out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plumb_api::manifest::{self, Manifest};
use plumb_api::{Change, Object, ObjectKey};

use super::scan::{Found, Scan};
use crate::{Event, Interest, Notice, Problem, Subject, Trouble};

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct View {
    root: PathBuf,
    interests: Vec<Interest>,
    /// The last state of each file that made sense.
    good: BTreeMap<PathBuf, Manifest>,
    objects: HashMap<ObjectKey, Object>,
    warned: HashSet<String>,
    problems: BTreeMap<Subject, Trouble>,
    listed: bool,
}

impl View {
    /// Nothing yet.
    pub(crate) fn new(root: PathBuf, interests: Vec<Interest>) -> Self {
        Self {
            root,
            interests,
            good: BTreeMap::new(),
            objects: HashMap::new(),
            warned: HashSet::new(),
            problems: BTreeMap::new(),
            listed: false,
        }
    }

    /// What another look changes. A folder that is gone as a whole changes nothing: more likely it is being mounted again than
    /// emptied.
    pub(crate) fn update(&mut self, scan: io::Result<Scan>) -> Vec<Event> {
        let mut events = Vec::new();
        let scan = match scan {
            Ok(scan) => scan,
            Err(error) => {
                let mut problems = self.problems.clone();
                problems.insert(Subject::Folder(self.root.clone()), Trouble::Io(error.to_string()));
                self.tell_problems(problems, &mut events);
                return events;
            }
        };
        let problems = self.read(scan);
        self.tell_objects(&mut events);
        self.tell_problems(problems, &mut events);
        if !std::mem::replace(&mut self.listed, true) {
            events.extend(self.interests.iter().map(|i| Event::Change(Change::Listed(i.kind))));
        }
        events
    }

    /// Takes what files hold now; what is wrong with them.
    fn read(&mut self, scan: Scan) -> BTreeMap<Subject, Trouble> {
        let hidden = |path: &Path| scan.unreadable.keys().any(|folder| path.starts_with(folder));
        self.good.retain(|path, _| scan.files.contains_key(path) || hidden(path));
        let mut problems: BTreeMap<_, _> = self
            .problems
            .iter()
            .filter(|(subject, _)| match subject {
                Subject::File(path) => scan.files.get(path) == Some(&Found::Same) || hidden(path),
                _ => false,
            })
            .map(|(subject, trouble)| (subject.clone(), trouble.clone()))
            .collect();
        for (path, reason) in scan.unreadable {
            problems.insert(Subject::Folder(path), Trouble::Io(reason));
        }
        for (path, found) in scan.files {
            let trouble = match found {
                Found::Same => continue,
                Found::Unreadable(reason) => Trouble::Io(reason),
                Found::Text(text) => match manifest::parse(&text, &path.to_string_lossy()) {
                    Ok(manifest) => {
                        self.good.insert(path, manifest);
                        continue;
                    }
                    Err(error) => Trouble::Manifest(Box::new(error)),
                },
            };
            problems.insert(Subject::File(path), trouble);
        }
        problems
    }

    fn tell_objects(&mut self, events: &mut Vec<Event>) {
        let merged = manifest::merge(self.good.values().cloned());
        let mut old = std::mem::take(&mut self.objects);
        let mut applied = Vec::new();
        for object in merged.objects {
            let object = object.value;
            if !self.interests.iter().any(|interest| interest.wants(&object)) {
                continue;
            }
            let key = object.key();
            if old.remove(&key).as_ref() != Some(&object) {
                applied.push(Event::Change(Change::Applied(Box::new(object.clone()))));
            }
            self.objects.insert(key, object);
        }
        // Deletions first: an address may move from one object to another.
        let mut gone: Vec<_> = old.into_keys().collect();
        gone.sort_unstable();
        events.extend(gone.into_iter().map(|key| Event::Change(Change::Deleted(key))));
        events.append(&mut applied);
        let mut warned = HashSet::new();
        for warning in merged.warnings {
            let text = warning.to_string();
            if !self.warned.contains(&text) && !warned.contains(&text) {
                events.push(Event::Notice(Notice::Manifest(Box::new(warning))));
            }
            warned.insert(text);
        }
        self.warned = warned;
    }

    fn tell_problems(&mut self, problems: BTreeMap<Subject, Trouble>, events: &mut Vec<Event>) {
        for subject in self.problems.keys().filter(|subject| !problems.contains_key(subject)) {
            events.push(Event::Recovered(subject.clone()));
        }
        for (subject, trouble) in problems.iter().filter(|(s, t)| self.problems.get(s) != Some(t)) {
            let (subject, trouble) = (subject.clone(), trouble.clone());
            events.push(Event::Problem(Problem { subject, since: SystemTime::now(), trouble }));
        }
        self.problems = problems;
    }
}

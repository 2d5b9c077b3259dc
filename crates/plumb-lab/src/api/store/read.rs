//! Get, list, and what a watch reads.

use std::ops::Bound;
use std::sync::Arc;

use plumb_api::{Kind, NamespacedName};

use super::{EventKind, Selector, Status, Store, Stored, WatchEvent};

/// `resourceVersionMatch`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Match {
    /// Any state from this version on.
    #[default]
    NotOlderThan,
    /// The state at this version.
    Exact,
}

/// What a list is to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Only this namespace; empty: all.
    pub namespace: String,
    /// Only these.
    pub selector: Selector,
    /// Objects a page; 0: all in one.
    pub limit: usize,
    /// Where the page begins; empty: the first.
    pub continue_token: String,
    /// Version asked for.
    pub version: Option<u64>,
    /// How exactly.
    pub version_match: Match,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Version to watch from.
    pub version: u64,
    /// Where the next page begins; empty: this is the last.
    pub continue_token: String,
    /// Objects after this page, where the selector is empty.
    pub remaining: Option<usize>,
    /// Objects, by namespace and name.
    pub items: Vec<Arc<Stored>>,
}

impl Store {
    /// An object.
    ///
    /// # Errors
    /// 404 when it is not there.
    pub fn get(&self, kind: Kind, name: &NamespacedName) -> Result<Arc<Stored>, Status> {
        self.table(kind).objects.get(name).cloned().ok_or_else(|| Status::not_found(kind, &name.name))
    }

    /// A page of objects. Later pages show what is there when they are asked for, under the version of the first: a watch from it
    /// tells what changed meanwhile, some of it twice.
    ///
    /// # Errors
    /// 400 for a token that is none, 410 when what changed since the first page is no longer known or the exact version is past,
    /// 504 for a version that has not been reached.
    pub fn list(&self, kind: Kind, options: &ListOptions) -> Result<List, Status> {
        let table = self.table(kind);
        let (version, start) = match options.continue_token.as_str() {
            "" => (self.version, Bound::Unbounded),
            token => {
                let (version, after) = parse_token(token)?;
                table.log.check(version).map_err(|_| {
                    Status::gone("The provided continue parameter is too old: start the list again")
                })?;
                (version, Bound::Excluded(after))
            }
        };
        if let Some(asked) = options.version.filter(|_| options.continue_token.is_empty()) {
            self.reached(asked)?;
            if options.version_match == Match::Exact && asked != self.version {
                return Err(Status::gone("The resourceVersion for the provided list is too old"));
            }
        }
        let namespace = options.namespace.as_str();
        let start = match (start, namespace) {
            (Bound::Unbounded, ns) if !ns.is_empty() => Bound::Included(NamespacedName::new(ns, "")),
            (start, _) => start,
        };
        let mut objects = table
            .objects
            .range((start, Bound::Unbounded))
            .take_while(|(name, _)| namespace.is_empty() || &*name.namespace == namespace)
            .filter(|(_, object)| options.selector.is_empty() || options.selector.matches(&object.json));
        let limit = if options.limit == 0 { usize::MAX } else { options.limit };
        let page: Vec<_> = objects.by_ref().take(limit).collect();
        // To count behind a selector, every object would have to be looked at for every page.
        let more = objects.next().is_some();
        let remaining = (more && options.selector.is_empty()).then(|| 1 + objects.count());
        let continue_token = match page.last() {
            Some((name, _)) if more => format!("{version}:{}/{}", name.namespace, name.name),
            _ => String::new(),
        };
        Ok(List {
            version,
            continue_token,
            remaining,
            items: page.into_iter().map(|(_, object)| object.clone()).collect(),
        })
    }

    /// What is there, as events of a watch that begins with it.
    #[must_use]
    pub fn initial_events(&self, kind: Kind, namespace: &str, selector: &Selector) -> Vec<WatchEvent> {
        let objects = self.table(kind).objects.iter();
        objects
            .filter(|(name, o)| {
                (namespace.is_empty() || &*name.namespace == namespace) && selector.matches(&o.json)
            })
            .map(|(_, object)| WatchEvent { kind: EventKind::Added, object: object.clone() })
            .collect()
    }

    /// What happened after this version.
    ///
    /// # Errors
    /// 410 when it is no longer all known, 504 for a version that has not been reached.
    pub fn events_since(
        &self,
        kind: Kind,
        version: u64,
        namespace: &str,
        selector: &Selector,
    ) -> Result<Vec<WatchEvent>, Status> {
        self.reached(version)?;
        self.table(kind).log.since(version, namespace, selector)
    }

    fn reached(&self, version: u64) -> Result<(), Status> {
        if version > self.version {
            return Err(Status::version_too_large(version, self.version));
        }
        Ok(())
    }
}

fn parse_token(token: &str) -> Result<(u64, NamespacedName), Status> {
    let parse = || {
        let (version, name) = token.split_once(':')?;
        let (namespace, name) = name.split_once('/')?;
        Some((version.parse().ok()?, NamespacedName::new(namespace, name)))
    };
    parse().ok_or_else(|| Status::bad_request("continue key is not valid"))
}

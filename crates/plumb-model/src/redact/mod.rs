//! A snapshot that can be given away: addresses and names replaced so that the same question has the same answer.
//!
//! * Addresses keep their prefixes: what lay in a network or a range lies in its replacement, and nothing else does.
//!   Loopback, multicast and the like stay what they are. Hardware addresses keep their group and local bits.
//! * Names become `veth3`, `chain7`, `ns2`, the same one wherever it stands, in nftables' registers and sets as well.
//! * Comments, process and host names, container ids are gone. Ports, marks, protocols, counters and times stay, and so
//!   do process ids and the structure of everything.
//!
//! What cannot be replaced without knowing its meaning is set to zero or taken out, and said in a warning: there the
//! answer may differ. Structures are taken apart field by field, so that a new field cannot be forgotten.

mod address;
mod hash;
mod headers;
mod host;
mod ipset;
mod names;
mod network;
mod nft;
mod resolver;
mod rules;
mod values;
mod xt;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use address::Addresses;
pub use hash::Key;
use names::{Kind, Names};

use crate::Snapshot;

/// A redacted snapshot, and where it may give another answer than the original.
#[derive(Clone, Debug)]
pub struct Redacted {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// What was set to zero or taken out, and why. They name the original places: for the owner alone.
    pub warnings: Vec<String>,
    /// What took the place of what: for the owner alone, to ask the redacted snapshot a question about the original.
    pub replacements: Replacements,
}

/// What took the place of addresses and names.
#[derive(Clone, Debug)]
pub struct Replacements {
    addresses: Addresses,
    names: Names,
}

impl Replacements {
    /// The replacement of an address, whether or not it is in the snapshot.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> IpAddr {
        self.addresses.host(address)
    }

    /// The replacement of a namespace's name; `None` where the snapshot has none of that name.
    #[must_use]
    pub fn namespace<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.names.of(Kind::Namespace, name)
    }

    /// The replacement of a host's name, label by label; `None` where the snapshot has one of its labels nowhere.
    #[must_use]
    pub fn host_name(&self, name: &str) -> Option<String> {
        let labels = name.split('.').map(|label| self.names.of(Kind::Label, label));
        Some(labels.collect::<Option<Vec<_>>>()?.join("."))
    }

    /// The same for a device.
    #[must_use]
    pub fn device<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.names.of(Kind::Device, name)
    }

    /// The same for a node.
    #[must_use]
    pub fn node<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.names.of(Kind::Node, name)
    }

    /// The same for a table of nftables.
    #[must_use]
    pub fn table<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.names.of(Kind::Table, name)
    }

    /// The same for a chain.
    #[must_use]
    pub fn chain<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.names.of(Kind::Chain, name)
    }

    /// The same for a set or map.
    #[must_use]
    pub fn set<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.names.of(Kind::Set, name)
    }
}

/// Why a snapshot cannot be redacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// Something of the original was found in the result.
    #[error("`{text}` of the original is still in the redacted snapshot, at {place}; nothing was written")]
    Leak {
        /// What was found.
        text: String,
        /// Path in the JSON.
        place: String,
    },
}

struct Redactor {
    addresses: Addresses,
    names: Names,
    warnings: Vec<String>,
    /// The first pass learns ranges and starts of names; what it gives is thrown away.
    first_pass: bool,
}

impl Redactor {
    fn warn(&mut self, text: String) {
        if !self.first_pass && !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }
}

impl Snapshot {
    /// A copy with addresses and names replaced. The key decides by what: the same key gives the same replacements of
    /// addresses, and whoever has it can undo them. Take a random one and forget it.
    ///
    /// # Errors
    /// [`RedactError::Leak`] when a name or address of the original is found in the result.
    pub fn redact(&self, key: Key) -> Result<Redacted, RedactError> {
        let mut redactor = Redactor {
            addresses: Addresses::new(key),
            names: Names::default(),
            warnings: Vec::new(),
            first_pass: true,
        };
        for ns in &self.namespaces {
            for link in ns.links.items() {
                redactor.names.device_kind(&link.name, &link.kind);
            }
        }
        redactor.snapshot(&mut self.clone());
        // The first pass gave names before it knew which starts rules match by, and addresses before all pins were set.
        let mut names = std::mem::take(&mut redactor.names);
        names.settle();
        redactor.names = names.forget();
        redactor.first_pass = false;
        for ns in &self.namespaces {
            ns.addresses.items().iter().for_each(|a| redactor.addresses.know(a.prefix.addr));
        }
        let mut snapshot = self.clone();
        redactor.snapshot(&mut snapshot);
        snapshot.redacted = true;
        redactor.find_leaks(self, &snapshot)?;
        let Redactor { addresses, names, warnings, .. } = redactor;
        Ok(Redacted { snapshot, warnings, replacements: Replacements { addresses, names } })
    }
}

impl Redactor {
    /// Looks for originals in the result, as whole values or as words of a text.
    fn find_leaks(&self, before: &Snapshot, after: &Snapshot) -> Result<(), RedactError> {
        let mut addresses = std::collections::HashSet::new();
        for ns in &before.namespaces {
            let mine = ns.addresses.items().iter().map(|a| a.prefix.addr);
            let neighbours = ns.neighbours.items().iter().map(|n| n.addr);
            addresses.extend(
                mine.chain(neighbours).filter(|a| self.addresses.host(*a) != *a).map(|a| a.to_string()),
            );
        }
        // A replacement may be the text of another's original: `eth0`, `veth1`, an address by chance.
        let mut taken = std::collections::HashSet::new();
        for ns in &after.namespaces {
            taken.extend(ns.addresses.items().iter().map(|a: &crate::Address| a.prefix.addr.to_string()));
            taken.extend(ns.neighbours.items().iter().map(|n| n.addr.to_string()));
        }
        let names = self.names.originals().iter().filter(|n| n.len() > 2 && !self.names.is_replacement(n));
        let secret: std::collections::HashSet<&str> =
            names.map(String::as_str).chain(addresses.difference(&taken).map(String::as_str)).collect();
        let Ok(json) = serde_json::to_value(after) else { return Ok(()) };
        search(&json, &secret, "$")
    }
}

fn search(
    value: &serde_json::Value,
    secret: &std::collections::HashSet<&str>,
    place: &str,
) -> Result<(), RedactError> {
    let check = |text: &str| {
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | ',' | ';' | '`' | '"');
        let word = std::iter::once(text).chain(text.split(ends)).find(|w| secret.contains(w));
        match word {
            Some(word) => Err(RedactError::Leak { text: word.to_owned(), place: place.to_owned() }),
            None => Ok(()),
        }
    };
    match value {
        serde_json::Value::String(text) => check(text),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(i, v)| search(v, secret, &format!("{place}[{i}]")))
        }
        serde_json::Value::Object(items) => items.iter().try_for_each(|(k, v)| {
            // Only maps of names have keys that are data; those of types are the field's words.
            if k.contains('.') {
                k.split('.').try_for_each(&check)?;
            }
            search(v, secret, &format!("{place}.{k}"))
        }),
        _ => Ok(()),
    }
}

/// An address where there is one.
fn each(addr: &mut Option<IpAddr>, f: impl Fn(IpAddr) -> IpAddr) {
    *addr = addr.map(f);
}

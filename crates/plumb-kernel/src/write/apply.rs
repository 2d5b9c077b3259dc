//! Making a [`Change`] real.

use plumb_model::{Action, Change, Namespace, Position, Snapshot};
use plumb_nft::{Batch, Bytes, Element, EncodeError, Family, Place, Set, TableKey, Verdict};

use super::NamespaceWriter;
use crate::error::{KernelError, Result};
use crate::netns::NamespaceHandle;

/// Makes a change. `snapshot` tells where its namespace is and what its sets are; it should be of now.
///
/// Listeners are programs: starting and stopping them is [`KernelError::Unsupported`] here.
pub fn apply(change: &Change, snapshot: &Snapshot) -> Result<()> {
    let what = || format!("make a change in {}", change.namespace);
    let missing = |missing: String| KernelError::Missing { what: what(), missing };
    let namespace = snapshot
        .namespace(change.namespace)
        .ok_or_else(|| missing(format!("namespace {}", change.namespace)))?;
    let handle = if namespace.own {
        NamespaceHandle::current()?
    } else {
        let path = namespace.path.as_deref();
        NamespaceHandle::open(path.ok_or_else(|| missing(format!("path to {}", namespace.name)))?)?
    };
    if handle.id() != change.namespace {
        let problem = format!("{} is another namespace by now: take a new snapshot", handle.path());
        return Err(KernelError::Protocol { what: what(), problem });
    }
    let mut writer = NamespaceWriter::new(&handle)?;
    writer.apply(&change.action, namespace)
}

impl NamespaceWriter {
    /// Makes a change in this namespace. `namespace` is what was read of it: the sets that a change of an element needs.
    pub fn apply(&mut self, action: &Action, namespace: &Namespace) -> Result<()> {
        let there = |found: bool, what: &str| {
            let missing = what.to_owned();
            let what = format!("delete in {}", namespace.name);
            if found { Ok(()) } else { Err(KernelError::Missing { what, missing }) }
        };
        match action {
            Action::AddRoute(route) => self.add_route(route),
            Action::DeleteRoute(route) => there(self.delete_route(route)?, "such route"),
            Action::AddPolicyRule(rule) => self.add_rule(rule),
            Action::DeletePolicyRule(rule) => there(self.delete_rule(rule)?, "such policy rule"),
            Action::SetSysctl { name, value } => self.set_sysctl(name, value),
            Action::SetLinkUp { device, up } => self.set_up(device, *up),
            Action::SetMtu { device, mtu } => self.set_mtu(device, *mtu),
            Action::SetMac { device, mac } => self.set_mac(device, *mac),
            Action::SetMaster { device, master } => self.set_master(device, master.as_deref()),
            Action::SetBridgePort { device, attribute, value } => {
                self.set_bridge_port(device, attribute, value)
            }
            Action::AddAddress { device, address } => self.add_address(device, address),
            Action::DeleteAddress { device, address } => {
                there(self.delete_address(device, address)?, "such address")
            }
            Action::SetNeighbour { device, neighbour } => self.set_neighbour(device, neighbour),
            Action::DeleteNeighbour { device, address } => {
                there(self.delete_neighbour(device, *address)?, "such neighbour")
            }
            Action::AddFdb { device, entry } => self.add_fdb(device, entry),
            Action::DeleteFdb { device, entry } => there(self.delete_fdb(device, entry)?, "such FDB entry"),
            Action::DeleteConntrack(entry) => there(self.delete_conntrack(entry)?, "such conntrack entry"),
            Action::ResumeProcess { pid } => resume(*pid),
            Action::StartListener { .. } | Action::StopListener { .. } => Err(KernelError::Unsupported {
                what: "starting or stopping a listener".into(),
                why: "it belongs to a program; start or stop that".into(),
            }),
            other => {
                let batch = batch(other, namespace)?;
                self.nftables(batch)
            }
        }
    }
}

/// A change of nftables as a transaction.
fn batch(action: &Action, namespace: &Namespace) -> Result<Batch> {
    let key = |family: Family, table: &String| TableKey { family, name: table.clone() };
    let mut batch = Batch::new(1, None);
    let written = match action {
        Action::DeleteRule { family, table, chain, handle } => {
            Ok(batch.delete_rule(&key(*family, table), chain, *handle))
        }
        Action::AddRule { family, table, chain, position, rule, .. } => {
            let place = match *position {
                Position::Last => Place::Last,
                Position::First => Place::First,
                Position::Before(handle) => Place::Before(handle),
                Position::After(handle) => Place::After(handle),
            };
            batch.add_rule(&key(*family, table), chain, rule, place)
        }
        Action::SetPolicy { family, table, chain, policy } => {
            let accept = match policy {
                Verdict::Accept => true,
                Verdict::Drop => false,
                other => {
                    return Err(unsupported(&format!("the policy {other:?}"), "policies are accept or drop"));
                }
            };
            Ok(batch.set_policy(&key(*family, table), chain, accept))
        }
        Action::AddElement { family, table, set, element } => {
            let elements = with_end(find_set(namespace, *family, table, set)?, element);
            batch.add_elements(&key(*family, table), set, &elements).map(|_| 0)
        }
        Action::DeleteElement { family, table, set, element } => {
            let elements = with_old_end(find_set(namespace, *family, table, set)?, element);
            batch.delete_elements(&key(*family, table), set, &elements).map(|_| 0)
        }
        Action::AddTable(table) => batch.add_all(table).map(|()| 0),
        Action::DeleteTable { family, table } => Ok(batch.delete_table(&key(*family, table))),
        other => return Err(unsupported(&format!("{other:?}"), "this version does not know how")),
    };
    written.map_err(|e: EncodeError| unsupported("a change of nftables", &e.to_string()))?;
    Ok(batch)
}

fn unsupported(what: &str, why: &str) -> KernelError {
    KernelError::Unsupported { what: what.to_owned(), why: why.to_owned() }
}

fn find_set<'a>(namespace: &'a Namespace, family: Family, table: &str, set: &str) -> Result<&'a Set> {
    let found = namespace.nft.value().and_then(|r| r.table(family, table)).and_then(|t| t.set(set));
    found.ok_or_else(|| KernelError::Missing {
        what: format!("change an element in {}", namespace.name),
        missing: format!("set {set} in table {table}"),
    })
}

/// An interval set without concatenations keeps the start of an interval and the key after it as two elements.
fn is_split(set: &Set, element: &Element) -> bool {
    set.has(Set::INTERVAL) && !set.has(Set::CONCAT) && !element.is_catchall()
}

/// The element with the one that ends it. In a [`Change`], `key_end` is the last key.
fn with_end(set: &Set, element: &Element) -> Vec<Element> {
    if !is_split(set, element) {
        return vec![element.clone()];
    }
    let last = element.key_end.as_ref().unwrap_or(&element.key);
    let mut elements = vec![Element { key_end: None, ..element.clone() }];
    elements.extend(successor(last).map(end_at));
    elements
}

fn end_at(key: Bytes) -> Element {
    Element { key, flags: Element::INTERVAL_END, ..Element::default() }
}

/// The key after this one; none after the last.
fn successor(key: &Bytes) -> Option<Bytes> {
    let mut bytes = key.0.clone();
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(Bytes(bytes));
        }
    }
    None
}

/// The element with the one that ends it in the set: the nearest end above, unless another interval starts before it.
fn with_old_end(set: &Set, element: &Element) -> Vec<Element> {
    if !is_split(set, element) {
        return vec![element.clone()];
    }
    let above = |e: &&Element| e.key > element.key && !e.is_catchall();
    let end = set.elements.iter().filter(|e| e.is_interval_end()).filter(above).map(|e| &e.key).min();
    let start = set.elements.iter().filter(|e| !e.is_interval_end()).filter(above).map(|e| &e.key).min();
    let mut elements = vec![Element { key_end: None, ..element.clone() }];
    if let Some(end) = end
        && start.is_none_or(|start| start >= end)
    {
        elements.push(end_at(end.clone()));
    }
    elements
}

/// Sends SIGCONT.
fn resume(pid: u32) -> Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let what = || format!("let process {pid} go on");
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| KernelError::io(what(), rustix::io::Errno::SRCH))?;
    kill_process(process, Signal::CONT).map_err(|e| KernelError::io(what(), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_after_the_last() {
        assert_eq!(successor(&Bytes(vec![10, 0, 0, 255])), Some(Bytes(vec![10, 0, 1, 0])));
        assert_eq!(successor(&Bytes(vec![255, 255])), None);
    }
}

//! Changes to the elements of ipsets.

use super::ChangeError;
use super::error::read;
use crate::{IpSet, IpSetElement, Namespace};

fn find<'a>(ns: &'a mut Namespace, name: &str) -> Result<&'a mut IpSet, ChangeError> {
    let namespace = ns.name.clone();
    read(&mut ns.ipsets, "ipsets", &namespace)?
        .iter_mut()
        .find(|s| s.name == name)
        .ok_or_else(|| ChangeError::NotFound(format!("ipset `{name}` in {namespace}")))
}

/// What makes two elements the same: all but flags, time-out, counters and comment.
fn same(set: &IpSet, a: &IpSetElement, b: &IpSetElement) -> bool {
    let physical = |e: &IpSetElement| e.flags & IpSetElement::PHYSDEV;
    a.text(set) == b.text(set) && physical(a) == physical(b)
}

pub(super) fn delete(ns: &mut Namespace, name: &str, element: &IpSetElement) -> Result<(), ChangeError> {
    let set = find(ns, name)?;
    let at = set.elements.iter().position(|e| same(set, e, element));
    let missing = || ChangeError::NotFound(format!("element {} in ipset `{name}`", element.text(set)));
    let at = at.ok_or_else(missing)?;
    set.elements.remove(at);
    Ok(())
}

pub(super) fn add(ns: &mut Namespace, name: &str, element: &IpSetElement) -> Result<(), ChangeError> {
    let set = find(ns, name)?;
    if set.elements.iter().any(|e| same(set, e, element)) {
        return Err(ChangeError::AlreadyThere(format!("element {} of ipset `{name}`", element.text(set))));
    }
    set.elements.push(element.clone());
    Ok(())
}

pub(super) fn command(ns: &Namespace, verb: &str, name: &str, element: &IpSetElement) -> Option<String> {
    let set = ns.ipsets.items().iter().find(|s| s.name == name)?;
    let exception = if verb == "add" && element.is_nomatch() { " nomatch" } else { "" };
    Some(format!("ipset {verb} {} {}{exception}", super::commands::quote(name), element.text(set)))
}

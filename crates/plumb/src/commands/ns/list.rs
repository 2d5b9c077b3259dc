//! The table of `plumb ns`, and the same as JSON.

use plumb_model::{Link, Namespace, Owner, Process, Snapshot};
use serde::Serialize;

use super::facts;
use crate::commands::Context;
use crate::lang::Say;
use crate::output;

/// Lines of one cell; `plumb ns show` has the rest.
const MOST: usize = 8;

pub(super) fn table(chosen: &[&Namespace], context: &Context) -> String {
    let head = [Say::Namespace, Say::LivesHere, Say::Addresses, Say::Listeners].map(|s| context.say(&s));
    let mut table = output::table(&head.each_ref().map(String::as_str), true);
    for ns in chosen {
        let mut name = vec![ns.name.clone()];
        name.extend(ns.aliases.iter().filter(|a| !a.starts_with('/')).cloned());
        if ns.name != ns.id.to_string() {
            name.push(ns.id.to_string());
        }
        let nobody = || vec![context.say(&Say::Nobody)];
        let part = |read: Option<String>, lines: Vec<String>| read.map_or(lines, |why| vec![why]);
        let inhabitants = facts::inhabitants(ns);
        let addresses = context.say(&Say::Addresses);
        let listeners = context.say(&Say::Listeners);
        table.add_row([
            name.join("\n"),
            cell(if inhabitants.is_empty() { nobody() } else { inhabitants }, context),
            cell(part(facts::absence(&ns.addresses, &addresses, context), facts::addresses(ns)), context),
            cell(part(facts::absence(&ns.sockets, &listeners, context), facts::listeners(ns)), context),
        ]);
    }
    format!("{table}\n")
}

fn cell(mut lines: Vec<String>, context: &Context) -> String {
    if lines.len() > MOST {
        let count = lines.len() - (MOST - 1);
        lines.truncate(MOST - 1);
        lines.push(context.say(&Say::More { count }));
    }
    lines.join("\n")
}

/// `plumb ns -o json`
#[derive(Serialize)]
pub(super) struct Document<'a> {
    version: u32,
    namespaces: Vec<Entry<'a>>,
    gaps: &'a [String],
}

/// A namespace in `plumb ns -o json`.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    id: String,
    inode: u64,
    own: bool,
    aliases: &'a [String],
    path: Option<&'a str>,
    owner: Option<&'a Owner>,
    processes: &'a [Process],
    links: Vec<Device<'a>>,
    listeners: Vec<String>,
}

#[derive(Serialize)]
struct Device<'a> {
    index: u32,
    name: &'a str,
    kind: &'a str,
    up: bool,
    carrier: Option<bool>,
    mtu: u32,
    mac: Option<plumb_model::Mac>,
    master: Option<String>,
    peer: Option<PeerName>,
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct PeerName {
    namespace: String,
    device: Option<String>,
}

pub(super) fn json<'a>(snapshot: &'a Snapshot, chosen: &[&'a Namespace]) -> Document<'a> {
    let namespaces = chosen.iter().map(|ns| entry(snapshot, ns)).collect();
    Document { version: 1, namespaces, gaps: &snapshot.gaps }
}

fn entry<'a>(snapshot: &'a Snapshot, ns: &'a Namespace) -> Entry<'a> {
    Entry {
        name: &ns.name,
        id: ns.id.to_string(),
        inode: ns.id.0,
        own: ns.own,
        aliases: &ns.aliases,
        path: ns.path.as_deref(),
        owner: ns.owner.as_ref(),
        processes: &ns.processes,
        links: ns.links.items().iter().map(|l| device(snapshot, ns, l)).collect(),
        listeners: facts::listeners(ns),
    }
}

fn device<'a>(snapshot: &Snapshot, ns: &Namespace, link: &'a Link) -> Device<'a> {
    let peer = link.peer.map(|p| match snapshot.namespace(p.namespace) {
        Some(other) => {
            PeerName { namespace: other.name.clone(), device: other.link(p.index).map(|l| l.name.clone()) }
        }
        None => PeerName { namespace: p.namespace.to_string(), device: None },
    });
    let mine = ns.addresses.items().iter().filter(|a| a.index == link.index);
    Device {
        index: link.index,
        name: &link.name,
        kind: &link.kind,
        up: link.is_up(),
        carrier: link.carrier,
        mtu: link.mtu,
        mac: link.mac,
        master: link.master.map(|m| ns.link_name(m)),
        peer,
        addresses: mine.map(|a| a.prefix.to_string()).collect(),
    }
}

//! `plumb ns --tree`: how namespaces are wired to each other.
//!
//! Each namespace is a root; a bridge (bond, VRF) has its ports below it, a device the VLANs and macvlans that stand on
//! it. A veth's far end is behind `──`, with its namespace and its addresses.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use owo_colors::OwoColorize;
use plumb_model::{Link, Namespace, Snapshot};

use crate::commands::Context;
use crate::lang::Say;

pub(super) fn draw(snapshot: &Snapshot, chosen: &[&Namespace], context: &Context) -> String {
    let mut out = String::new();
    for ns in chosen {
        let mut drawing = Drawing { snapshot, ns, context, done: BTreeSet::new(), out: &mut out };
        drawing.namespace();
    }
    out
}

struct Drawing<'a> {
    snapshot: &'a Snapshot,
    ns: &'a Namespace,
    context: &'a Context,
    /// Indices of devices that are drawn; against loops in a damaged file.
    done: BTreeSet<u32>,
    out: &'a mut String,
}

impl Drawing<'_> {
    fn namespace(&mut self) {
        _ = write!(self.out, "{}", self.ns.name.bold());
        let inhabitants = super::facts::inhabitants(self.ns);
        if let Some(first) = inhabitants.first() {
            let more = inhabitants.len() - 1;
            let rest = if more > 0 {
                format!(", {}", self.context.say(&Say::More { count: more }))
            } else {
                String::new()
            };
            _ = write!(self.out, "  {}", format!("{first}{rest}").dimmed());
        }
        self.out.push('\n');
        let devices = self.context.say(&Say::Devices);
        if let Some(why) = super::facts::absence(&self.ns.links, &devices, self.context) {
            _ = writeln!(self.out, "└─ {}", why.red());
        }
        let ns = self.ns;
        let top: Vec<&Link> = ns
            .links
            .items()
            .iter()
            .filter(|l| self.parent(l).is_none() && !is_plain_loopback(ns, l))
            .collect();
        self.children(&top, "");
        // What hangs in a loop has no top.
        let rest: Vec<&Link> = ns
            .links
            .items()
            .iter()
            .filter(|l| !self.done.contains(&l.index) && !is_plain_loopback(ns, l))
            .collect();
        self.children(&rest, "");
    }

    /// The device that it is drawn below: its master, or the one it stands on, in the same namespace.
    fn parent(&self, link: &Link) -> Option<u32> {
        let here = |index: u32| (index != link.index && self.ns.link(index).is_some()).then_some(index);
        let stands_on = matches!(link.kind.as_str(), "vlan" | "macvlan" | "macvtap" | "ipvlan" | "ipvtap");
        let lower = link.peer.filter(|p| stands_on && p.namespace == self.ns.id).map(|p| p.index);
        link.master.and_then(here).or_else(|| lower.and_then(here))
    }

    fn children(&mut self, links: &[&Link], indent: &str) {
        for (i, link) in links.iter().enumerate() {
            let last = i + 1 == links.len();
            if !self.done.insert(link.index) {
                continue;
            }
            let line = self.line(link);
            _ = writeln!(self.out, "{indent}{}{line}", if last { "└─ " } else { "├─ " });
            let ns = self.ns;
            let below: Vec<&Link> =
                ns.links.items().iter().filter(|l| self.parent(l) == Some(link.index)).collect();
            let indent = format!("{indent}{}", if last { "   " } else { "│  " });
            self.children(&below, &indent);
        }
    }

    fn line(&self, link: &Link) -> String {
        let mut out = device(self.ns, link, self.context);
        let Some(peer) = link.peer else { return out };
        match self.snapshot.namespace(peer.namespace) {
            // A VLAN is drawn below the device it stands on.
            Some(_) if self.parent(link) == Some(peer.index) && peer.namespace == self.ns.id => {}
            Some(other) => {
                let name = match other.link(peer.index) {
                    Some(end) => device(other, end, self.context),
                    None => format!("if{}", peer.index),
                };
                let place =
                    if other.id == self.ns.id { String::new() } else { format!("{}:", other.name.bold()) };
                _ = write!(out, " ── {place}{name}");
            }
            None => {
                let what = self.context.say(&Say::OutsideSnapshot);
                _ = write!(out, " ── {} ({what})", peer.namespace);
            }
        }
        out
    }
}

/// A loopback device as it should be: up, with no other addresses than everybody's.
fn is_plain_loopback(ns: &Namespace, link: &Link) -> bool {
    let mut mine = ns.addresses.items().iter().filter(|a| a.index == link.index);
    link.is_loopback() && link.is_up() && mine.all(|a| a.prefix.addr.is_loopback())
}

/// Name, kind, what is wrong with it, addresses.
fn device(ns: &Namespace, link: &Link, context: &Context) -> String {
    let mut out = link.name.cyan().to_string();
    if !link.kind.is_empty() && link.kind != "veth" {
        _ = write!(out, " {}", link.kind.dimmed());
    }
    if !link.is_up() {
        _ = write!(out, " {}", context.say(&Say::Down).red());
    } else if link.carrier == Some(false) {
        _ = write!(out, " {}", context.say(&Say::NoCarrier).red());
    }
    for a in ns.addresses.items().iter().filter(|a| a.index == link.index) {
        let text = a.prefix.to_string();
        let is_link_local = matches!(a.prefix.addr, std::net::IpAddr::V6(v6) if v6.is_unicast_link_local());
        if !is_link_local {
            _ = write!(out, " {}", text.green());
        }
    }
    out
}

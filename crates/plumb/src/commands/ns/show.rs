//! `plumb ns show NAME`: one namespace in full.

use std::fmt::Write as _;

use owo_colors::OwoColorize;
use plumb_kernel::Parts;
use plumb_model::{Link, Namespace, Read, Route, Snapshot, fmt_route, fmt_rule};

use super::facts;
use crate::cli::{NsShowArgs, TextOrJson};
use crate::commands::{Context, source};
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::output;

pub(super) fn run(args: &NsShowArgs, context: &Context) -> Result<Status, Error> {
    let snapshot = source::read(context, args.source.snapshot.as_deref(), Parts::default())?;
    let ns = source::find(&snapshot, &args.name)?;
    match args.output {
        TextOrJson::Json => output::print_json(ns)?,
        TextOrJson::Text => {
            output::print(&Page { snapshot: &snapshot, ns, context, out: String::new() }.write())?
        }
    }
    let denied = ns.links.is_denied() || ns.nft.is_denied() || ns.sockets.is_denied();
    Ok(if denied { Status::CannotTell } else { Status::Good })
}

struct Page<'a> {
    snapshot: &'a Snapshot,
    ns: &'a Namespace,
    context: &'a Context,
    out: String,
}

impl Page<'_> {
    fn write(mut self) -> String {
        let ns = self.ns;
        let path = ns.path.as_deref().unwrap_or_default();
        _ = writeln!(self.out, "{}  {}  {path}", ns.name.bold(), ns.id);
        for alias in &ns.aliases {
            _ = writeln!(self.out, "  = {alias}");
        }
        self.section(Say::LivesHere, facts::inhabitants(ns));
        let links = ns.links.items().iter().map(|l| self.device(l)).collect();
        self.read(Say::Devices, &ns.links, links);
        let rules = ns.rules.items().iter().map(fmt_rule).collect();
        self.read(Say::Rules, &ns.rules, rules);
        self.routes();
        let neighbours = ns.neighbours.items().iter().map(|n| {
            let mac = n.lladdr.map(|m| format!(" lladdr {m}")).unwrap_or_default();
            format!("{} dev {}{mac} {}", n.addr, ns.link_name(n.index), n.state.word())
        });
        self.read(Say::Neighbours, &ns.neighbours, neighbours.collect());
        self.read(Say::Listeners, &ns.sockets, facts::listeners(ns));
        let tables = ns.nft.value().map(|r| r.tables.as_slice()).unwrap_or_default().iter().map(|t| {
            let rules: usize = t.chains.iter().map(|c| c.rules.len()).sum();
            format!(
                "{} {}: {} {}, {} {}, {rules} {}",
                t.family.word().unwrap_or("?"),
                t.name,
                t.chains.len(),
                self.context.say(&Say::Chains),
                t.sets.len(),
                self.context.say(&Say::Sets),
                self.context.say(&Say::FilterRules),
            )
        });
        let tables: Vec<String> = tables.collect();
        self.titled("nftables", facts::absence(&ns.nft, "nftables", self.context), tables);
        let legacy =
            ns.legacy.items().iter().map(|t| format!("{} {}", t.family.nft_name(), t.name)).collect();
        self.titled("iptables-legacy", facts::absence(&ns.legacy, "iptables-legacy", self.context), legacy);
        if !ns.other_engines.is_empty() {
            let names = ns.other_engines.join(", ");
            _ = writeln!(self.out, "{}", self.context.say(&Say::OtherEngines { names: &names }));
        }
        let fill = ns.conntrack.value().map(|c| {
            let count = c.count.map_or(c.entries.len(), |n| usize::try_from(n).unwrap_or(usize::MAX));
            let max = c.max.map_or_else(|| "?".to_owned(), |m| m.to_string());
            self.context.say(&Say::Entries { count, max: &max })
        });
        self.read(Say::Conntrack, &ns.conntrack, fill.into_iter().collect());
        self.out
    }

    fn routes(&mut self) {
        let ns = self.ns;
        let mut tables: Vec<u32> = ns.routes.items().iter().map(|r| r.table).collect();
        // The table that people look at first, in front; the kernel's own, last.
        tables.sort_by_key(|t| (*t == Route::TABLE_LOCAL, *t != Route::TABLE_MAIN, *t));
        tables.dedup();
        let mut lines = Vec::new();
        for table in tables {
            let name = Route::table_name(table);
            lines.push(self.context.say(&Say::Table { name: &name }).dimmed().to_string());
            let of_table = ns.routes.items().iter().filter(|r| r.table == table);
            lines.extend(of_table.map(|r| format!("  {}", fmt_route(r, ns))));
        }
        self.read(Say::Routes, &ns.routes, lines);
    }

    fn device(&self, link: &Link) -> String {
        let mut out = format!("{}: {}", link.index, link.name.cyan());
        if !link.kind.is_empty() {
            _ = write!(out, " {}", link.kind);
        }
        _ = write!(out, " mtu {}", link.mtu);
        if let Some(mac) = link.mac.filter(|_| !link.is_loopback()) {
            _ = write!(out, " {mac}");
        }
        if !link.is_up() {
            _ = write!(out, " {}", self.context.say(&Say::Down).red());
        } else if link.carrier == Some(false) {
            _ = write!(out, " {}", self.context.say(&Say::NoCarrier).red());
        }
        if let Some(master) = link.master {
            _ = write!(out, " master {}", self.ns.link_name(master));
        }
        if let Some(peer) = link.peer {
            let place = self.snapshot.namespace(peer.namespace).map_or_else(
                || peer.namespace.to_string(),
                |n| format!("{}:{}", n.name, n.link_name(peer.index)),
            );
            _ = write!(out, " ── {place}");
        }
        for a in self.ns.addresses.items().iter().filter(|a| a.index == link.index) {
            _ = write!(out, "\n     {}", a.prefix.to_string().green());
        }
        out
    }

    fn read<T>(&mut self, title: Say<'_>, read: &Read<T>, lines: Vec<String>) {
        let title = self.context.say(&title);
        let why = facts::absence(read, &title, self.context);
        self.titled(&title, why, lines);
    }

    fn section(&mut self, title: Say<'_>, lines: Vec<String>) {
        let title = self.context.say(&title);
        self.titled(&title, None, lines);
    }

    fn titled(&mut self, title: &str, why: Option<String>, lines: Vec<String>) {
        _ = writeln!(self.out, "{}", title.bold());
        let is_empty = lines.is_empty() && why.is_none();
        for line in lines {
            _ = writeln!(self.out, "  {line}");
        }
        if let Some(why) = why {
            _ = writeln!(self.out, "  {}", why.yellow());
        }
        if is_empty {
            _ = writeln!(self.out, "  {}", self.context.say(&Say::Nothing).dimmed());
        }
    }
}

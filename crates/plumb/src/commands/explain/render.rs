//! An explanation for people. Writing to a `String` cannot fail.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use plumb_doctor::messages::Lang;
use plumb_proxy::explain::{
    Explanation, Field, FrontendState, Held, Item, List, PortState, Share, TableState, Told, Verdict,
};

use crate::lang::explain::{self as say, Word};
use crate::output;

/// Where a line of prose ends, where the terminal does not say.
const USUAL_WIDTH: usize = 110;

/// The whole of it.
pub(super) fn text(explanation: &Explanation, lang: Lang) -> String {
    let width = output::width().map_or(USUAL_WIDTH, |w| usize::from(w).clamp(40, 120));
    let mut page = Page { out: String::new(), lang, width };
    page.head(explanation);
    explanation.fields.iter().for_each(|f| page.field(f));
    explanation.endpoints.iter().for_each(|p| page.port(p));
    for frontend in &explanation.left_over {
        let title = say::word(lang, Word::LeftOver);
        let _ = writeln!(page.out, "\n{}", title.yellow().bold());
        page.frontend(frontend);
    }
    page.out
}

struct Page {
    out: String,
    lang: Lang,
    width: usize,
}

impl Page {
    fn head(&mut self, e: &Explanation) {
        let verdict = say::verdict(self.lang, &e.service, &e.node, e.verdict);
        let verdict = match e.verdict {
            Verdict::InForce => verdict.green().bold().to_string(),
            Verdict::NothingToDo => verdict.bold().to_string(),
            Verdict::NotInForce { .. } => verdict.red().bold().to_string(),
        };
        let _ = writeln!(self.out, "{verdict}");
        e.tables.iter().for_each(|t| self.table(t));
    }

    fn table(&mut self, table: &TableState) {
        if table.found {
            let detector = say::detector(self.lang, &table.detector);
            let _ = writeln!(self.out, "  {}  {detector}", table.table);
        }
        self.items("  ", &table.missing, &table.stale);
    }

    fn field(&mut self, field: &Field) {
        let value = if field.value.is_empty() { say::word(self.lang, Word::NotSet) } else { &field.value };
        let _ = writeln!(self.out, "\n{}: {value}", field.path.bold());
        for meaning in &field.meaning {
            self.prose("  ", &say::meaning(self.lang, meaning));
        }
        self.held("  ", &field.held);
        self.items("  ", &field.missing, &field.stale);
        field.frontends.iter().for_each(|f| self.frontend(f));
    }

    fn frontend(&mut self, frontend: &FrontendState) {
        let port = if frontend.port.is_empty() { String::new() } else { format!(" ({})", frontend.port) };
        let _ = writeln!(self.out, "  {}{port} {}", frontend.frontend.cyan(), frontend.family);
        // Endpoints stand below, slot by slot.
        let plain: Vec<Held> =
            frontend.held.iter().filter(|h| !h.set.ends_with("endpoints")).cloned().collect();
        self.held("    ", &plain);
        for list in &frontend.lists {
            self.list(list);
        }
        if let Some(refused) = &frontend.refusal {
            let senders = say::senders(self.lang, refused.senders);
            let with = say::refused(self.lang, &refused.with);
            let _ = writeln!(self.out, "    {senders}: {}", with.yellow());
            self.way("      ", &refused.hooks, &refused.way);
        }
        self.items("    ", &frontend.missing, &frontend.stale);
    }

    fn list(&mut self, list: &List) {
        let _ = writeln!(self.out, "    {}:", say::senders(self.lang, list.senders));
        self.way("      ", &list.hooks, &list.way);
        let wide = list.endpoints.iter().map(|e| e.address.len()).max().unwrap_or_default();
        for end in &list.endpoints {
            let place = say::word(
                self.lang,
                match end.local {
                    Some(true) => Word::ThisNode,
                    Some(false) => Word::OtherNode,
                    None => Word::Untold,
                },
            );
            let share = if end.share == Share::NONE { "0".to_owned() } else { end.share.to_string() };
            let _ = write!(
                self.out,
                "      {:wide$}  {} {share:<5}",
                end.address,
                say::word(self.lang, Word::Share)
            );
            if !end.slots.is_empty() {
                let slots: Vec<String> = end.slots.iter().map(ToString::to_string).collect();
                let _ = write!(self.out, "  {} {}", say::word(self.lang, Word::Slot), slots.join(","));
            }
            if let Some(count) = end.clients {
                let _ = write!(self.out, "  {}", say::clients(self.lang, count));
            }
            let _ = writeln!(self.out, "  {place}");
        }
        if let Some(rest) = &list.rest {
            self.prose("      ", &say::rest(self.lang, rest));
        }
    }

    fn way(&mut self, indent: &str, hooks: &[String], way: &[String]) {
        let word = say::word(self.lang, Word::Way);
        if way.is_empty() {
            let not = say::word(self.lang, Word::NotReached);
            let _ = writeln!(self.out, "{indent}{}", not.red());
        } else {
            let _ = writeln!(self.out, "{indent}{word}  {} → {}", hooks.join(", "), way.join(" → "));
        }
    }

    fn held(&mut self, indent: &str, held: &[Held]) {
        let unless = say::word(self.lang, Word::Unless);
        let element = |h: &Held| format!("{} {{ {} }}", h.set, h.element);
        let wide = held.iter().map(|h| element(h).len()).max().unwrap_or_default();
        for one in held {
            let leads: Vec<String> = one
                .leads
                .iter()
                .map(|l| {
                    let unless = if l.unless { format!(" ({unless})") } else { String::new() };
                    format!("{} → {}{unless}", l.chain, l.to)
                })
                .collect();
            let line = format!("{indent}{:wide$}  {}", element(one), leads.join("; "));
            let _ = writeln!(self.out, "{}", line.trim_end());
        }
    }

    fn items(&mut self, indent: &str, missing: &[Item], stale: &[Item]) {
        for item in missing {
            let word = say::word(self.lang, Word::Missing);
            let _ = writeln!(self.out, "{indent}{}  {}", word.red().bold(), say::item(self.lang, item));
        }
        for item in stale {
            let word = say::word(self.lang, Word::Stale);
            let _ = writeln!(self.out, "{indent}{}  {}", word.yellow().bold(), say::item(self.lang, item));
        }
    }

    fn port(&mut self, port: &PortState) {
        let name = if port.port.is_empty() {
            port.protocol.clone()
        } else {
            format!("{} {}", port.port, port.protocol)
        };
        let counts = [port.ready, port.serving, port.terminating];
        let title = say::counts(self.lang, &name, &port.family.to_string(), counts);
        let _ = writeln!(self.out, "\n{}", title.bold());
        if port.endpoints.is_empty() {
            let _ = writeln!(self.out, "  {}", say::word(self.lang, Word::NoEndpoints));
        }
        let some = port.endpoints.iter().any(|e| !e.hints.is_empty());
        if let Some(hints) = say::hints(self.lang, port.hints, some) {
            self.prose("  ", hints);
        }
        let wide = port.endpoints.iter().map(|e| e.address.len()).max().unwrap_or_default();
        let nodes =
            port.endpoints.iter().map(|e| e.node.as_deref().map_or(1, str::len)).max().unwrap_or_default();
        port.endpoints.iter().for_each(|e| self.told(e, wide, nodes));
        if !port.held.is_empty() {
            let _ = writeln!(self.out, "  {}:", say::word(self.lang, Word::Hairpin));
            self.held("    ", &port.held);
        }
        self.items("  ", &port.missing, &[]);
    }

    fn told(&mut self, end: &Told, wide: usize, nodes: usize) {
        use plumb_intent::Why;
        let lists = [(end.cluster, Word::AnyNode), (end.local_only, Word::ThisNodeOnly)];
        let mut asked: Vec<String> = lists
            .into_iter()
            .filter(|(why, _)| *why != Why::NoTraffic)
            .map(|(why, list)| format!("{}: {}", say::word(self.lang, list), say::why(self.lang, why)))
            .collect();
        if asked.is_empty() {
            asked.push(say::why(self.lang, Why::NoTraffic).to_owned());
        }
        let node = end.node.as_deref().unwrap_or("-");
        let hints =
            if end.hints.is_empty() { String::new() } else { format!("  [{}]", end.hints.join(", ")) };
        let _ = writeln!(self.out, "  {:wide$}  {node:nodes$}  {}{hints}", end.address, asked.join("; "));
    }

    /// Prose in lines. Text without spaces, as Chinese has it, is left to the terminal.
    fn prose(&mut self, indent: &str, text: &str) {
        let mut line = String::from(indent);
        for word in text.split(' ') {
            if line.chars().count() + word.chars().count() > self.width && line.len() > indent.len() {
                let _ = writeln!(self.out, "{}", line.trim_end());
                line = String::from(indent);
            }
            line.push_str(word);
            line.push(' ');
        }
        let _ = writeln!(self.out, "{}", line.trim_end());
    }
}

//! A report as text for a terminal.
//!
//! The caller decides on colour and hands over where to write; every line stands on its own, so that it can be piped
//! into `grep`. The order is that of a person who asks: what happens, why, how to mend it, what is not known, what need
//! not be looked at, and the way that the packet took.

mod check;
mod locator;
mod names;
mod style;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde_json::Value;

pub use check::{check, check_line};
pub use locator::locator;
use style::Style;

use crate::messages::{self, Heading, Lang, percent};
use crate::report::{Assumption, Cause, Evidence, Hop, PathReport, Remedy, Report, UnknownReport};

/// How to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Language.
    pub lang: Lang,
    /// With colour (ANSI sequences).
    pub color: bool,
}

/// A report.
///
/// # Errors
/// What writing gives.
pub fn report(out: &mut dyn Write, report: &Report, options: Options) -> io::Result<()> {
    Terminal { out, lang: options.lang, style: Style(options.color) }.report(report)
}

/// The ways that a flow takes (`plumb trace`), each with its share and all of its steps; before them those of the look-up.
///
/// # Errors
/// What writing gives.
pub fn trace(out: &mut dyn Write, report: &Report, options: Options) -> io::Result<()> {
    let mut terminal = Terminal { out, lang: options.lang, style: Style(options.color) };
    if let Some(r) = &report.resolution {
        terminal.resolution(r, true)?;
        writeln!(terminal.out)?;
    }
    terminal.paths(&report.paths, true)
}

struct Terminal<'w> {
    out: &'w mut dyn Write,
    lang: Lang,
    style: Style,
}

impl Terminal<'_> {
    fn heading(&mut self, heading: Heading) -> io::Result<()> {
        let text = messages::heading(self.lang, heading);
        writeln!(self.out, "\n{}", self.style.bold(text))
    }

    /// `label: text`, with the lines of one cause under each other.
    fn line(&mut self, label: Heading, text: &str) -> io::Result<()> {
        let label = messages::heading(self.lang, label);
        writeln!(self.out, "  {}{text}", self.style.dim(&format!("{label}{}", self.colon())))
    }

    /// What stands between a label and its text.
    fn colon(&self) -> &'static str {
        match self.lang {
            Lang::En => ": ",
            Lang::Zh => "：",
        }
    }

    fn report(&mut self, r: &Report) -> io::Result<()> {
        let stage = r.stage.as_deref().and_then(|s| messages::Stage::of(s, &r.flow.protocol));
        let headline = messages::headline(self.lang, &r.outcome, r.errno.as_deref(), stage, r.success);
        writeln!(self.out, "{}", self.style.outcome(&r.outcome, &headline))?;
        writeln!(self.out, "{}", self.style.dim(&flow(r)))?;
        for (i, cause) in r.causes.iter().enumerate() {
            self.cause(cause, (r.causes.len() > 1).then_some(i + 1))?;
        }
        if let Some(resolution) = &r.resolution {
            self.resolution(resolution, false)?;
        }
        if !r.unknowns.is_empty() {
            self.heading(Heading::Unknowns)?;
            for u in &r.unknowns {
                self.unknown(u)?;
            }
        }
        if !r.assumptions.is_empty() {
            self.heading(Heading::Assumptions)?;
            for a in &r.assumptions {
                self.assumption(a)?;
            }
        }
        if let Some(p) = &r.probe {
            self.heading(Heading::Probe)?;
            let text = messages::probe(self.lang, p);
            writeln!(self.out, "  {}", if p.agrees { text } else { self.style.bad(&text) })?;
        }
        if !r.ruled_out.is_empty() {
            self.heading(Heading::RuledOut)?;
            for out in &r.ruled_out {
                writeln!(self.out, "  {}{}{}", out.what, self.colon(), out.why)?;
            }
        }
        if !r.paths.is_empty() {
            self.heading(Heading::Path)?;
            self.paths(&r.paths, false)?;
        }
        Ok(())
    }

    fn cause(&mut self, c: &Cause, number: Option<usize>) -> io::Result<()> {
        let title = messages::heading(self.lang, Heading::Cause);
        let number = number.map(|n| format!(" {n}")).unwrap_or_default();
        let share = if c.share < 1.0 { format!(" ({})", self.share(c.share)) } else { String::new() };
        let title = self.style.bold(&format!("{title}{number}{}", self.colon()));
        writeln!(self.out, "\n{title}{}{share}", c.summary)?;
        let place = locator(self.lang, &c.place);
        self.line(Heading::Place, &self.style.place(&place))?;
        if let Some(via) = c.place.get("via").and_then(Value::as_str) {
            self.line(Heading::Via, via)?;
        }
        for e in &c.evidence {
            self.evidence(e)?;
        }
        self.line(Heading::Effect, &c.effect)?;
        if let Some(delay) = c.delay_s {
            self.line(Heading::Delay, &format!("{delay:.3} s"))?;
        }
        for r in &c.remedy {
            self.remedy(r)?;
        }
        Ok(())
    }

    fn share(&self, share: f64) -> String {
        let of = messages::heading(self.lang, Heading::Share);
        match self.lang {
            Lang::En => format!("{} {of}", percent(share)),
            Lang::Zh => format!("{}{of}", percent(share)),
        }
    }

    fn evidence(&mut self, e: &Evidence) -> io::Result<()> {
        let unit = e.unit.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        let mut text = e.what.clone();
        if !e.seen.is_null() {
            text.push_str(&format!("{}{}{unit}", self.colon(), value(&e.seen)));
        }
        let mut notes = Vec::new();
        if !e.right.is_null() {
            notes.push(format!("{} {}", messages::heading(self.lang, Heading::Right), value(&e.right)));
        }
        if let Some(delta) = e.delta {
            notes.push(format!("{} {delta}", messages::heading(self.lang, Heading::Rose)));
        }
        if !notes.is_empty() {
            text.push_str(&format!(" ({})", notes.join(", ")));
        }
        self.line(Heading::Evidence, &text)?;
        if let Some(command) = &e.read_with {
            let label = format!("{}{}", messages::heading(self.lang, Heading::ShownBy), self.colon());
            writeln!(self.out, "    {}{}", self.style.dim(&label), self.style.command(command))?;
        }
        Ok(())
    }

    fn remedy(&mut self, r: &Remedy) -> io::Result<()> {
        if r.advice {
            return self.line(Heading::Advice, &r.command);
        }
        let tried = r.tried_in_model.as_ref().map(|outcome| {
            let outcome = messages::outcome(self.lang, outcome);
            format!("# {}{}{outcome}", messages::heading(self.lang, Heading::TriedInModel), self.colon())
        });
        self.line(Heading::Remedy, &self.style.dim(&tried.unwrap_or_default()))?;
        for command in r.command.split(" && ") {
            writeln!(self.out, "    {}", self.style.command(command))?;
        }
        Ok(())
    }

    fn unknown(&mut self, u: &UnknownReport) -> io::Result<()> {
        let outcome = messages::outcome(self.lang, &u.if_passes);
        writeln!(self.out, "  {}", u.reason)?;
        let place = locator(self.lang, &u.place);
        writeln!(self.out, "    {}", self.style.place(&place))?;
        let label = format!("{}{}", messages::heading(self.lang, Heading::IfPasses), self.colon());
        writeln!(self.out, "    {}{outcome}", self.style.dim(&label))
    }

    fn assumption(&mut self, a: &Assumption) -> io::Result<()> {
        writeln!(self.out, "  {} ({})", a.what, a.why)?;
        let label = format!("{}{}", messages::heading(self.lang, Heading::ProveWith), self.colon());
        writeln!(self.out, "    {}{}", self.style.dim(&label), a.prove_with)
    }

    /// Paths that differ in nothing that is told are one, with their shares added up.
    fn paths(&mut self, paths: &[PathReport], explain: bool) -> io::Result<()> {
        let merged = merged(paths);
        for (i, p) in merged.iter().enumerate() {
            if i > 0 {
                writeln!(self.out)?;
            }
            if merged.len() > 1 || explain {
                // Rounded shares that are added up may miss the whole by a little.
                let share = if merged.len() == 1 || p.share >= 1.0 {
                    messages::heading(self.lang, Heading::All).to_owned()
                } else {
                    self.share(p.share)
                };
                let outcome = messages::outcome(self.lang, &p.outcome);
                let line = format!("{share}{}{outcome}", self.colon());
                writeln!(self.out, "  {}", self.style.outcome(&p.outcome, &line))?;
            }
            self.hops(p)?;
        }
        Ok(())
    }

    fn hops(&mut self, path: &PathReport) -> io::Result<()> {
        let wide = path.hops.iter().map(|h| width(&h.namespace)).max().unwrap_or(0).min(24);
        let failing = (path.outcome != "connects").then(|| failing_hop(&path.hops)).flatten();
        let (mut packet, mut namespace) = (String::new(), String::new());
        for (i, h) in path.hops.iter().enumerate() {
            if h.packet != packet {
                packet.clone_from(&h.packet);
                namespace.clear();
                let word = match packet.as_str() {
                    "request" => messages::heading(self.lang, Heading::Request),
                    "reply" => messages::heading(self.lang, Heading::Reply),
                    "error" => messages::heading(self.lang, Heading::Error),
                    "payload" => messages::heading(self.lang, Heading::Payload),
                    "answer" => messages::heading(self.lang, Heading::Answer),
                    "acknowledgement" => messages::heading(self.lang, Heading::Acknowledgement),
                    other => other,
                };
                writeln!(self.out, "  {}", self.style.bold(word))?;
            }
            // A namespace is named where the packet enters it.
            let shown = if h.namespace == namespace { "" } else { h.namespace.as_str() };
            namespace.clone_from(&h.namespace);
            let pad = " ".repeat(wide.saturating_sub(width(shown)));
            let shown = format!("{shown}{pad}");
            if failing == Some(i) {
                writeln!(self.out, "  {} {shown}  {}", self.style.bad("✗"), self.style.bad(&h.text))?;
            } else {
                writeln!(self.out, "    {}  {}", self.style.dim(&shown), h.text)?;
            }
        }
        Ok(())
    }
}

/// The hop that a failing path fails at: the end of the request, or of the reply where the request arrived; of a payload
/// the last end.
pub(super) fn failing_hop(hops: &[Hop]) -> Option<usize> {
    if hops.iter().any(|h| matches!(h.packet.as_str(), "payload" | "answer")) {
        return hops.iter().rposition(|h| h.step == "end");
    }
    let end_of = |packet: &str| hops.iter().rposition(|h| h.packet == packet);
    match end_of("request").and_then(|i| Some((i, hops.get(i)?))) {
        Some((i, h)) if h.step == "end" => Some(i),
        _ => end_of("reply").filter(|&i| hops.get(i).is_some_and(|h| h.step == "end")),
    }
}

fn merged(paths: &[PathReport]) -> Vec<PathReport> {
    let mut out: Vec<PathReport> = Vec::new();
    for p in paths {
        match out.iter_mut().find(|o| o.outcome == p.outcome && o.hops == p.hops) {
            Some(o) => o.share += p.share,
            None => out.push(p.clone()),
        }
    }
    out
}

/// `netns:client (10.0.1.2) → 10.0.2.2:8080 tcp`
pub(super) fn flow(r: &Report) -> String {
    let f = &r.flow;
    let source = f.source.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
    let to = match (f.port, f.destination.contains(':')) {
        (Some(port), true) => format!("[{}]:{port}", f.destination),
        (Some(port), false) => format!("{}:{port}", f.destination),
        (None, _) => f.destination.clone(),
    };
    let bytes = f.bytes.map(|b| format!(", {}:{} B", b.up, b.down)).unwrap_or_default();
    format!("{}{source} → {to} {}{bytes}", f.from, f.protocol)
}

/// A value as text: a string without quotes.
fn value(v: &Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

/// Columns that a text takes: CJK characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if ('\u{2e80}'..='\u{ffef}').contains(&c) { 2 } else { 1 }).sum()
}

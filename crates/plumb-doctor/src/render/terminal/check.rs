//! The answer of `check` as text: findings grouped by how bad they are, worst first; what to do next; what was ruled out.

use std::io::{self, Write};

use super::{Options, Terminal, locator, style::Style};
use crate::check::{CheckFinding, CheckReport, Severity};
use crate::messages::{self, Heading, Lang};

/// Findings below this severity are counted, not shown.
///
/// # Errors
/// What writing gives.
pub fn check(
    out: &mut dyn Write,
    report: &CheckReport,
    severity: Severity,
    options: Options,
) -> io::Result<()> {
    Terminal { out, lang: options.lang, style: Style(options.color) }.check(report, severity)
}

/// One line on one finding, as `--watch` tells what came and what went.
#[must_use]
pub fn check_line(finding: &CheckFinding, lang: Lang, color: bool) -> String {
    let style = Style(color);
    let name = finding.fault.as_deref().unwrap_or(&finding.id);
    let word = messages::severity(lang, finding.severity);
    format!("{} {name}: {}", style.severity(finding.severity, word), finding.summary)
}

impl Terminal<'_> {
    fn check(&mut self, r: &CheckReport, severity: Severity) -> io::Result<()> {
        let shown: Vec<&CheckFinding> = r.findings.iter().filter(|f| f.severity >= severity).collect();
        let headline = messages::check_headline(self.lang, r, severity);
        let outcome = match (shown.is_empty(), r.incomplete) {
            (true, false) => "connects",
            (true, true) => "unknown",
            (false, _) => "times_out",
        };
        writeln!(self.out, "{}", self.style.outcome(outcome, &headline))?;
        writeln!(self.out, "{}", self.style.dim(&messages::scope(self.lang, &r.scope)))?;
        for finding in &shown {
            self.finding(finding)?;
        }
        if let Some(next) = shown.iter().find_map(|f| f.remedy.first()) {
            self.heading(Heading::NextStep)?;
            for line in next.command.split(" && ") {
                let text = if next.advice { line.to_owned() } else { self.style.command(line) };
                writeln!(self.out, "  {text}")?;
            }
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
        if !r.scope.not_covered.is_empty() {
            self.heading(Heading::NotCovered)?;
            for text in &r.scope.not_covered {
                writeln!(self.out, "  {text}")?;
            }
        }
        if !r.ruled_out.is_empty() {
            self.heading(Heading::RuledOut)?;
            for out in &r.ruled_out {
                writeln!(self.out, "  {}{}{}", out.what, self.colon(), out.why)?;
            }
        }
        Ok(())
    }

    fn finding(&mut self, f: &CheckFinding) -> io::Result<()> {
        let word = messages::severity(self.lang, f.severity);
        let name = match &f.fault {
            Some(fault) => format!("{fault} {}", f.id),
            None => f.id.clone(),
        };
        writeln!(self.out, "\n{} {}", self.style.severity(f.severity, word), self.style.dim(&name))?;
        writeln!(self.out, "  {}", self.style.bold(&f.summary))?;
        if let Some(p) = &f.pairs {
            let text = messages::pairs(self.lang, p);
            self.line(Heading::Pairs, &text)?;
        }
        self.line(Heading::Place, &self.style.place(&locator(self.lang, &f.place)))?;
        for e in &f.evidence {
            self.evidence(e)?;
        }
        self.line(Heading::Effect, &f.effect)?;
        if !f.affects.is_empty() {
            self.line(Heading::Affects, &f.affects.join(", "))?;
        }
        for r in &f.remedy {
            self.remedy(r)?;
        }
        Ok(())
    }
}

//! The look-up of a name: its files, what is asked of whom, and what came of it.

use std::io;

use super::Terminal;
use crate::messages::{self, Heading, Lang};
use crate::names::report::{HeardReport, ResolutionReport, ServerReport};

impl Terminal<'_> {
    /// `paths`: the ways to the servers too.
    pub(super) fn resolution(&mut self, r: &ResolutionReport, paths: bool) -> io::Result<()> {
        self.heading(Heading::LookUp)?;
        let colon = self.colon();
        let said = match (&r.source, &r.error, r.addresses.is_empty()) {
            (Some(source), _, false) => format!("{} ({source})", r.addresses.join(", ")),
            (_, Some(error), _) => self.style.bad(error),
            _ => messages::heading(self.lang, Heading::Unknowns).to_owned(),
        };
        writeln!(self.out, "  {}{colon}{said}", r.name)?;
        if !r.queries.is_empty() {
            self.line(Heading::Queries, &r.queries.join(", "))?;
        }
        for server in &r.servers {
            let text = self.server(server);
            self.line(Heading::NameServer, &text)?;
            for heard in &server.heard {
                writeln!(self.out, "    {}", self.style.dim(&heard_line(heard)))?;
            }
            if paths {
                self.paths(&server.paths, false)?;
            }
        }
        if r.seconds > 0.0 {
            self.line(Heading::Waits, &format!("{} s", r.seconds))?;
        }
        let files: Vec<&str> = r.files.iter().map(String::as_str).filter(|f| !f.is_empty()).collect();
        self.line(Heading::Files, &files.join(", "))
    }

    fn server(&self, server: &ServerReport) -> String {
        let mut text = server.address.clone();
        for (over, outcome) in [("UDP", &server.udp), ("TCP", &server.tcp)] {
            if let Some(outcome) = outcome {
                text.push_str(&format!(", {over} {}", messages::outcome(self.lang, outcome)));
            }
        }
        if !server.asked {
            text.push_str(match self.lang {
                Lang::En => " (never asked)",
                Lang::Zh => "（不会被询问）",
            });
        }
        text
    }
}

/// `web.default.svc.cluster.local A over udp: NOERROR 10.96.0.7 (0.001 s)`
fn heard_line(h: &HeardReport) -> String {
    let truncated = if h.truncated { " TC" } else { "" };
    let addresses =
        if h.addresses.is_empty() { String::new() } else { format!(" {}", h.addresses.join(" ")) };
    format!("{} {} {}: {}{truncated}{addresses} ({:.3} s)", h.query, h.kind, h.over, h.answer, h.seconds)
}

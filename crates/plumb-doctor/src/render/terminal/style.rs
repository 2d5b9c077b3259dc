//! Colours, or none.

use owo_colors::{OwoColorize, Style as Ansi};

use crate::check::Severity;

/// Colours where the caller wants them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style(pub(super) bool);

impl Style {
    fn paint(self, text: &str, style: Ansi) -> String {
        if self.0 && !text.is_empty() { text.style(style).to_string() } else { text.to_owned() }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint(text, Ansi::new().bold())
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint(text, Ansi::new().dimmed())
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint(text, Ansi::new().red().bold())
    }

    pub(super) fn place(self, text: &str) -> String {
        self.paint(text, Ansi::new().yellow())
    }

    pub(super) fn command(self, text: &str) -> String {
        self.paint(text, Ansi::new().cyan())
    }

    pub(super) fn severity(self, severity: Severity, text: &str) -> String {
        let style = match severity {
            Severity::Error => Ansi::new().red().bold(),
            Severity::Warning => Ansi::new().yellow().bold(),
            Severity::Info => Ansi::new().cyan(),
        };
        self.paint(text, style)
    }

    pub(super) fn outcome(self, outcome: &str, text: &str) -> String {
        let style = match outcome {
            "connects" => Ansi::new().green().bold(),
            "intermittent" | "unknown" => Ansi::new().yellow().bold(),
            _ => Ansi::new().red().bold(),
        };
        self.paint(text, style)
    }
}

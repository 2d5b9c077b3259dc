//! What is wrong with a topology, and where.

use std::fmt;

use serde_saphyr::Location;

/// Why a topology cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The file cannot be read.
    #[error("cannot read the topology {source_name}: {error}")]
    Unreadable {
        /// The file.
        source_name: String,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The name of the lab is no good.
    #[error("`{name}` cannot be the name of a lab: {message}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        message: String,
    },
    /// Something in the file is wrong.
    #[error("{0}")]
    At(Box<Flaw>),
}

/// Something that is wrong at a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The file.
    pub source_name: String,
    /// Line, from 1; 0 where the place is not known.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong, and what to write.
    pub message: String,
    /// That line.
    pub snippet: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.source_name, self.message);
        }
        let Self { source_name, line, column, message, snippet } = self;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(column.saturating_sub(1));
        write!(
            f,
            "{source_name}:{line}:{column}: {message}\n {margin} |\n {number} | {snippet}\n {margin} | {indent}^"
        )
    }
}

/// A flaw before it is known which file it is in.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) location: Location,
    pub(super) message: String,
}

impl Found {
    pub(super) fn into_error(self, source: &str, text: &str) -> TopologyError {
        TopologyError::at(source, text, Some(self.location), self.message)
    }
}

impl TopologyError {
    pub(super) fn of_parser(source: &str, text: &str, error: &serde_saphyr::Error) -> Self {
        let location = error.location();
        let mut message = error.without_snippet().to_string();
        // The parser puts the place behind the message too; it stands in front here.
        if let Some(l) = location {
            for tail in [
                format!(" at line {}, column {}", l.line(), l.column()),
                format!("line {} column {}: ", l.line(), l.column()),
            ] {
                message = message.replace(&tail, "");
            }
        }
        Self::at(source, text, location, message)
    }

    fn at(source: &str, text: &str, location: Option<Location>, message: String) -> Self {
        let number = |n: u64| usize::try_from(n).unwrap_or(0);
        let (line, column) = location.map_or((0, 0), |l| (number(l.line()), number(l.column())));
        let snippet = line.checked_sub(1).and_then(|n| text.lines().nth(n)).unwrap_or_default().to_owned();
        Self::At(Box::new(Flaw { source_name: source.to_owned(), line, column, message, snippet }))
    }
}

//! Where in a file something stands.

use std::fmt;
use std::sync::Arc;

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// What the file is called in messages.
    pub file: Arc<str>,
    /// Line, from 1; 0 where only the file is known.
    pub line: usize,
    /// Column, from 1, in characters; 0 where only the file is known.
    pub column: usize,
}

impl Place {
    pub(crate) fn new(file: &Arc<str>, at: Position) -> Self {
        Self { file: Arc::clone(file), line: at.line, column: at.column }
    }

    /// Bytes before this place in the file's text; `None` where the text has no such place.
    #[must_use]
    pub fn offset(&self, text: &str) -> Option<usize> {
        let line = text.split_inclusive('\n').nth(self.line.checked_sub(1)?)?;
        let start = line.as_ptr() as usize - text.as_ptr() as usize;
        let column = self.column.checked_sub(1)?;
        let within = line.char_indices().nth(column).map_or(line.trim_end().len(), |(i, _)| i);
        Some(start + within)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// Something and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// What.
    pub value: T,
    /// Where it begins.
    pub place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_leads_back_to_the_byte() {
        let at = |line, column| Place { file: "x".into(), line, column };
        let text = "a: ü\nb: [c]\n";
        assert_eq!(at(1, 4).offset(text).map(|o| &text[o..]), Some("ü\nb: [c]\n"));
        assert_eq!(at(2, 4).offset(text).map(|o| &text[o..]), Some("[c]\n"));
        assert_eq!(at(2, 40).offset(text).map(|o| &text[o..]), Some("\n"));
        assert_eq!(at(7, 1).offset(text), None);
        assert_eq!(at(0, 0).offset(text), None);
        assert_eq!(at(2, 4).to_string(), "x:2:4");
        assert_eq!(at(0, 0).to_string(), "x");
    }
}

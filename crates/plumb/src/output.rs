//! The terminal: colours, width, tables, errors.

use std::io::{self, IsTerminal, Write};

use anstream::ColorChoice;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};

use crate::error::Error;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Even into a pipe
    Always,
    /// Not at all
    Never,
}

impl Color {
    /// Makes it the choice for all that is printed.
    pub fn choose(self) {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

/// Writes to stdout, without colours where nobody could see them. A reader that closes early (`head`) is no error.
///
/// # Errors
/// When stdout cannot be written to.
pub fn print(text: &str) -> Result<(), Error> {
    let done = {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
    match done {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::file("write to", "-")(e)),
        _ => Ok(()),
    }
}

/// Writes a value to stdout as indented JSON.
///
/// # Errors
/// When stdout cannot be written to.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|e| Error::file("write to", "-")(io::Error::other(e)))?;
    text.push('\n');
    let done = {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
    match done {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::file("write to", "-")(e)),
        _ => Ok(()),
    }
}

/// A warning on stderr.
pub fn warn(text: &str) {
    use owo_colors::OwoColorize;
    anstream::eprintln!("{} {text}", "!".yellow().bold());
}

/// An error on stderr, with its help.
pub fn report(error: Error) {
    let colors = match ColorChoice::global() {
        ColorChoice::Always | ColorChoice::AlwaysAnsi => Some(true),
        ColorChoice::Never => Some(false),
        ColorChoice::Auto => None,
    };
    // Fails only where a hook is set already.
    _ = miette::set_hook(Box::new(move |_| {
        let mut options = miette::MietteHandlerOpts::new();
        if let Some(colors) = colors {
            options = options.color(colors);
        }
        Box::new(options.build())
    }));
    eprintln!("{:?}", miette::Report::new(error));
}

/// Columns of the terminal; `None` where stdout is none.
#[must_use]
pub fn width() -> Option<u16> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// An empty table with this head, as wide as the terminal; with lines between its rows where they are of several lines.
#[must_use]
pub fn table(head: &[&str], lines_between: bool) -> Table {
    use comfy_table::presets::{UTF8_FULL, UTF8_FULL_CONDENSED};
    let mut table = Table::new();
    table.load_style(if lines_between { UTF8_FULL } else { UTF8_FULL_CONDENSED });
    table.set_header(head.to_vec());
    match width() {
        Some(columns) => {
            table.set_width(columns).set_content_arrangement(ContentArrangement::Dynamic);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table
}

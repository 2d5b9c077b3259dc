//! The command line of Plumb: it parses arguments, calls the crates that do the work, and shows what they give.
//!
//! | module | what |
//! |---|---|
//! | [`cli`] | flags and subcommands, each with examples in its `--help` |
//! | [`commands`] | one file a subcommand |
//! | [`endpoint`], [`flow`] | `FROM` and `TO` of a flow, and the flags that go with them |
//! | [`lang`] | what the command says, a module a language |
//! | [`error`] | errors, each with its exit status |
//! | [`manifests`] | files and folders of manifests |
//! | [`file`], [`glob`], [`output`], [`progress`], [`rights`] | files, patterns, the terminal, capabilities |

pub mod cli;
pub mod commands;
pub mod endpoint;
pub mod error;
pub mod file;
pub mod flow;
pub mod glob;
pub mod lang;
pub mod manifests;
pub mod output;
pub mod progress;
pub mod rights;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

/// Parses the process's arguments, runs the command, and gives its exit status.
#[must_use]
pub fn main() -> ExitCode {
    let matches = cli::Cli::command().get_matches();
    let args = match cli::Cli::from_arg_matches(&matches) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    args.color.choose();
    let context = commands::Context::new(&args);
    match commands::run(&args.command, &context) {
        Ok(status) => status.into(),
        Err(error) => {
            let status = error.status();
            output::report(error);
            status.into()
        }
    }
}

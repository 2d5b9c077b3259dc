//! The subcommands, one file each.

mod check;
mod completion;
mod diagnose;
mod dns;
mod endpointslices;
mod explain;
mod flow;
mod known;
mod lab;
mod ns;
mod objects;
mod proxy;
mod snapshot;
mod source;
mod trace;

use plumb_doctor::messages::Lang;

use crate::cli::{Cli, Command};
use crate::error::{Error, Status};
use crate::lang::{self, Say};

/// What every command is given.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    lang: Lang,
}

impl Context {
    /// From the global flags and the environment.
    #[must_use]
    pub fn new(args: &Cli) -> Self {
        Self { lang: args.lang.unwrap_or_else(|| Lang::from_locale(|name| std::env::var(name).ok())) }
    }

    /// Language of what is printed.
    fn lang(&self) -> Lang {
        self.lang
    }

    fn say(&self, what: &Say<'_>) -> String {
        lang::say(self.lang, what)
    }
}

/// Runs a command.
///
/// # Errors
/// Whatever keeps it from being done.
pub fn run(command: &Command, context: &Context) -> Result<Status, Error> {
    match command {
        Command::Diagnose(args) => diagnose::run(args, context),
        Command::Trace(args) => trace::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Ns(args) => ns::run(args, context),
        Command::Snapshot(args) => snapshot::run(args, context),
        Command::Lab(args) => lab::run(args, context),
        Command::Proxy(args) => proxy::run(args, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Endpointslices(args) => endpointslices::run(args, context),
        Command::Completion(args) => completion::run(args),
        Command::Man(args) => completion::man(args),
    }
}

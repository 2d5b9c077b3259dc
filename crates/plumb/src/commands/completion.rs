//! `plumb completion SHELL`, `plumb man FOLDER`

use clap::CommandFactory;

use crate::cli::{Cli, CompletionArgs, ManArgs};
use crate::error::{Error, Status};
use crate::{file, output};

pub(super) fn run(args: &CompletionArgs) -> Result<Status, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "plumb", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Status::Good)
}

pub(super) fn man(args: &ManArgs) -> Result<Status, Error> {
    let mut command = Cli::command();
    command.build();
    pages(&command, args)?;
    Ok(Status::Good)
}

fn pages(command: &clap::Command, args: &ManArgs) -> Result<(), Error> {
    let man = clap_mangen::Man::new(command.clone());
    let path = args.folder.join(man.get_filename());
    let mut page = Vec::new();
    man.render(&mut page).map_err(Error::file("write", &path))?;
    file::write_text(&path, &page)?;
    let subcommands = command.get_subcommands().filter(|s| !s.is_hide_set() && s.get_name() != "help");
    subcommands.into_iter().try_for_each(|sub| pages(sub, args))
}

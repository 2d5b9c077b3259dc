//! `plumb ns`: network namespaces at a glance.

mod exec;
mod facts;
mod list;
mod show;
mod tree;

pub(super) use facts::absence;

use plumb_model::{Read, Snapshot};

use super::{Context, source};
use crate::cli::{NsArgs, NsCommand, TextOrJson};
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::output;

pub(super) fn run(args: &NsArgs, context: &Context) -> Result<Status, Error> {
    match &args.command {
        Some(NsCommand::Show(args)) => return show::run(args, context),
        Some(NsCommand::Exec(args)) => return exec::run(args),
        None => {}
    }
    let snapshot = source::read(context, args.source.snapshot.as_deref(), source::OVERVIEW)?;
    let chosen = source::chosen(context, &snapshot, &args.netns)?;
    match (args.output, args.tree) {
        (TextOrJson::Json, _) => output::print_json(&list::json(&snapshot, &chosen))?,
        (TextOrJson::Text, true) => output::print(&tree::draw(&snapshot, &chosen, context))?,
        (TextOrJson::Text, false) => output::print(&list::table(&chosen, context))?,
    }
    Ok(warn_of_gaps(&snapshot, context))
}

/// Says what could not be read, and the exit status that it means.
fn warn_of_gaps(snapshot: &Snapshot, context: &Context) -> Status {
    for gap in &snapshot.gaps {
        output::warn(&context.say(&Say::Gap { text: gap }));
    }
    let denied =
        snapshot.namespaces.iter().any(|n| n.links.is_denied() || matches!(n.sockets, Read::Denied { .. }));
    if denied || !snapshot.gaps.is_empty() { Status::CannotTell } else { Status::Good }
}

//! `plumb snapshot`: all that the kernel holds, in a file.

mod show;

use std::path::Path;

use plumb_kernel::Parts;
use plumb_model::Snapshot;

use super::{Context, source};
use crate::cli::{SnapshotArgs, SnapshotCommand};
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::{file, output};

pub(super) fn run(args: &SnapshotArgs, context: &Context) -> Result<Status, Error> {
    if let Some(SnapshotCommand::Show(args)) = &args.command {
        return show::run(args, context);
    }
    let Some(path) = args.output.as_deref() else {
        return Err(Error::Usage { problem: "no file to write to".to_owned(), help: "-o FILE".to_owned() });
    };
    let only = source::select(context, &args.netns)?;
    let mut snapshot = source::live(context, only, Parts::default())?;
    snapshot.host.node.clone_from(&args.node);
    if args.redact {
        let redacted = snapshot.redact(file::random_key()?)?;
        for warning in &redacted.warnings {
            output::warn(&context.say(&Say::Redaction { warning }));
        }
        file::write(&redacted.snapshot, path)?;
    } else {
        file::write(&snapshot, path)?;
    }
    for gap in &snapshot.gaps {
        output::warn(&context.say(&Say::Gap { text: gap }));
    }
    if path != Path::new("-") {
        let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
        let file = path.display().to_string();
        let namespaces = snapshot.namespaces.len();
        output::print(&format!("{}\n", context.say(&Say::Written { file: &file, namespaces, bytes })))?;
    }
    Ok(if is_complete(&snapshot) { Status::Good } else { Status::CannotTell })
}

/// Whether nothing was forbidden and nothing failed.
fn is_complete(snapshot: &Snapshot) -> bool {
    let denied = |n: &plumb_model::Namespace| {
        n.links.is_denied()
            || n.addresses.is_denied()
            || n.routes.is_denied()
            || n.nft.is_denied()
            || n.legacy.is_denied()
            || n.conntrack.is_denied()
            || n.sockets.is_denied()
    };
    snapshot.gaps.is_empty() && !snapshot.namespaces.iter().any(denied)
}

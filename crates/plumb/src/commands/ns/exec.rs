//! `plumb ns exec NAME -- COMMAND`

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use plumb_kernel::{Options, Parts};

use crate::cli::NsExecArgs;
use crate::commands::source::{self, OVERVIEW};
use crate::error::{Error, Status};

pub(super) fn run(args: &NsExecArgs) -> Result<Status, Error> {
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Error::Usage {
            problem: "there is no command to run".to_owned(),
            help: "plumb ns exec NAME -- COMMAND".to_owned(),
        });
    };
    let path = path_of(&args.name)?;
    // The thread that enters is the one that becomes the command, so nothing else of this process moves.
    let source = plumb_kernel::in_namespace(&path, || Command::new(program).args(rest).exec())?;
    Err(Error::Exec { command: program.to_string_lossy().into_owned(), source })
}

/// A path by which the namespace can be entered. A name under /run/netns is not searched for.
fn path_of(name: &str) -> Result<PathBuf, Error> {
    if name.starts_with('/') {
        return Ok(name.into());
    }
    if name == "host" {
        return Ok("/proc/self/ns/net".into());
    }
    let is_plain = !name.contains('/') && name != "." && name != "..";
    let named = Path::new("/run/netns").join(name);
    if is_plain && named.exists() {
        return Ok(named);
    }
    let parts = Parts { sockets: false, ..OVERVIEW };
    let snapshot = plumb_kernel::snapshot(&Options { parts, ..Options::default() })?;
    let ns = source::find(&snapshot, name)?;
    ns.path.clone().map(PathBuf::from).ok_or_else(|| Error::NoPath { name: name.to_owned() })
}

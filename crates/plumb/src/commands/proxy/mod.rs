//! `plumb proxy`: the Service proxy of a node.

mod config;
mod once;
mod run;
mod status;

pub(super) use config::of_node;
use plumb_kube::{Access, ApiSource, Event, FolderSource, Interest, Running};

use super::Context;
use crate::cli::{ProxyArgs, ProxyCommand};
use crate::error::{Error, Status};

pub(super) fn run(args: &ProxyArgs, context: &Context) -> Result<Status, Error> {
    if let Some(ProxyCommand::Status(args)) = &args.command {
        return status::run(args, context);
    }
    let config = config::of(args)?;
    log_to_stderr(args.log_level);
    if args.cleanup {
        return once::cleanup(config, context);
    }
    if args.once || args.dry_run {
        return once::run(args, config, context);
    }
    run::run(args, config)
}

fn log_to_stderr(level: tracing::Level) {
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .with_target(false);
    // A second one in this process would be a test's: the first holds.
    let _ = subscriber.try_init();
}

/// Starts the source that was asked for.
fn source(args: &ProxyArgs, node: &str) -> Result<(std::sync::mpsc::Receiver<Vec<Event>>, Running), Error> {
    let interests = Interest::proxy(node);
    Ok(match &args.manifests {
        Some(path) => FolderSource::new(path, interests).channel()?,
        None => {
            let access = Access {
                kubeconfig: args.kubeconfig.clone(),
                master: args.master.clone(),
                ..Access::default()
            };
            ApiSource::new(access, interests).channel()?
        }
    })
}

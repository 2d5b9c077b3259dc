//! `plumb proxy`, until it is told to end.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use plumb_kernel::NamespaceHandle;
use plumb_proxy::runner::status::Server;
use plumb_proxy::{Config, Proxy, Runner};

use super::{config, source};
use crate::cli::ProxyArgs;
use crate::error::{Error, Status};

pub(super) fn run(args: &ProxyArgs, config: Config) -> Result<Status, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(Error::file("handle", "signals"))?;
    }
    let intervals = config.intervals;
    let path = config::socket(args.node.status_socket.as_ref(), &config.node_name);
    let proxy = Proxy::new(&NamespaceHandle::current()?, config.clone())?;
    let mut runner = Runner::new(proxy, intervals);
    let server = Server::start(&path, runner.status()).map_err(Error::file("listen at", &path))?;
    let (events, running) = source(args, &config.node_name)?;
    tracing::info!(node = config.node_name, status = %path.display(), "proxy started");
    let ended = runner.run(&events, &stop);
    drop(running);
    drop(server);
    ended?;
    tracing::info!("proxy ends; its rules stay");
    Ok(Status::Good)
}

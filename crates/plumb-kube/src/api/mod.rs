//! The Kubernetes API as a source of changes.

mod backoff;
mod connect;
mod decode;
mod driver;
mod machine;
mod once;
mod outlet;
mod reason;
mod request;
mod view;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

pub use connect::Access;
pub use once::{ListOptions, Listed, Undecodable, Unread, WhyUnread, list_once};

use crate::{Event, Interest, Running, SourceError};
use outlet::Outlet;

/// Lists and watches objects of an API server, on a thread of its own.
#[derive(Clone, Debug)]
pub struct ApiSource {
    access: Access,
    interests: Vec<Interest>,
}

impl ApiSource {
    /// Which server, and which objects; at most one interest a kind.
    #[must_use]
    pub fn new(access: Access, interests: Vec<Interest>) -> Self {
        Self { access, interests }
    }

    /// Starts. `deliver` gets what happened in order, many events at once where many came at once, on the source's thread: while
    /// it blocks, nothing is read.
    ///
    /// # Errors
    /// When the kubeconfig, the account or the address cannot be used. A server that cannot be reached is no error but a
    /// [`crate::Problem`]: it is asked again until it answers.
    pub fn start(self, deliver: impl FnMut(Vec<Event>) + Send + 'static) -> Result<Running, SourceError> {
        let (stop, stopped) = oneshot::channel();
        let (started, result) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("plumb-api".to_owned())
            .spawn(move || self.run(Box::new(deliver), &started, stopped))
            .map_err(SourceError::Thread)?;
        let running = Running::new(move || drop(stop), thread);
        result.recv().unwrap_or_else(|_| Err(SourceError::Thread(std::io::Error::other("it ended"))))?;
        Ok(running)
    }

    /// Starts, and delivers into a channel.
    ///
    /// # Errors
    /// As [`ApiSource::start`].
    pub fn channel(self) -> Result<(mpsc::Receiver<Vec<Event>>, Running), SourceError> {
        let (sender, receiver) = mpsc::channel();
        // Nobody listens any more: the guard is about to be dropped too.
        let running = self.start(move |events| drop(sender.send(events)))?;
        Ok((receiver, running))
    }

    fn run(
        self,
        deliver: Box<dyn FnMut(Vec<Event>) + Send>,
        started: &mpsc::Sender<Result<(), SourceError>>,
        stopped: oneshot::Receiver<()>,
    ) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(SourceError::Thread(error)))),
        };
        // Dropping the runtime ends every task and connection.
        runtime.block_on(async {
            let (client, address) = match connect::connect(&self.access).await {
                Ok(connected) => connected,
                Err(error) => return drop(started.send(Err(error))),
            };
            if started.send(Ok(())).is_err() {
                return;
            }
            let outlet = Arc::new(Outlet::new(address, deliver));
            for interest in self.interests {
                tokio::spawn(driver::drive(client.clone(), interest, outlet.clone()));
            }
            // An error says that the guard is gone, which is the same.
            let _ = stopped.await;
        });
    }
}

//! The API over HTTP/1.1: paths and verbs to the methods of [`Store`].

mod discovery;
mod path;
mod verbs;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use axum::Router;
use tokio::sync::{oneshot, watch as news};

use super::store::Store;

/// How the API behaves.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Pause between the bookmarks of a watch. The API server's is a minute.
    pub bookmarks: Duration,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self { bookmarks: Duration::from_secs(30) }
    }
}

/// The store behind any number of servers.
#[derive(Debug)]
pub struct Api {
    store: Mutex<Store>,
    /// The version that the store is at.
    version: news::Sender<u64>,
    options: ApiOptions,
}

impl Api {
    /// A store to be served.
    #[must_use]
    pub fn new(store: Store, options: ApiOptions) -> Arc<Self> {
        let (version, _) = news::channel(store.version());
        Arc::new(Self { store: Mutex::new(store), version, options })
    }

    /// Reads the store, or changes it; those who watch are told.
    pub fn with<T>(&self, f: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store();
        let result = f(&mut store);
        let version = store.version();
        drop(store);
        self.version.send_if_modified(|at| std::mem::replace(at, version.max(*at)) != version.max(*at));
        result
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Methods of the store change it in one go at their end.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn news(&self) -> news::Receiver<u64> {
        self.version.subscribe()
    }
}

/// A server at work; it ends when this is dropped, and with it all its connections. The store lives on.
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct ApiServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl ApiServer {
    /// Serves on this socket, on a thread of its own. Whoever binds it chooses its network namespace.
    ///
    /// # Errors
    /// When the socket or the thread cannot be used.
    pub fn start(listener: std::net::TcpListener, api: Arc<Api>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("plumb-lab-api".to_owned()).spawn(move || {
            let router = Router::new().fallback(verbs::answer).with_state(api);
            runtime.block_on(async {
                tokio::select! {
                    // It never ends by itself.
                    _ = axum::serve(listener, router) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

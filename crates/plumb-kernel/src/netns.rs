//! Entering network namespaces: always on a fresh thread that ends with its work.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::thread;

use plumb_model::NamespaceId;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{KernelError, Result};

/// `NSFS_MAGIC` (include/uapi/linux/magic.h)
const NSFS_MAGIC: rustix::fs::FsWord = 0x6e73_6673;

/// A namespace held open: it lives at least as long as this does.
#[derive(Debug)]
pub struct NamespaceHandle {
    file: File,
    id: NamespaceId,
    path: String,
}

impl NamespaceHandle {
    /// Opens `/run/netns/NAME`, `/proc/PID/ns/net` or another bind mount of a namespace.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let enter = |source| KernelError::Enter { path: path.to_owned(), source };
        let file = File::open(path).map_err(enter)?;
        let is_nsfs = rustix::fs::fstatfs(&file).is_ok_and(|s| s.f_type == NSFS_MAGIC);
        if !is_nsfs {
            return Err(KernelError::Missing {
                what: format!("open the network namespace {}", path.display()),
                missing: "namespace at that path (an ordinary file is there; a leftover of `ip netns add`?)"
                    .into(),
            });
        }
        let stat = rustix::fs::fstat(&file).map_err(|e| enter(e.into()))?;
        Ok(Self { file, id: NamespaceId(stat.st_ino), path: path.display().to_string() })
    }

    /// The namespace of the calling thread.
    pub fn current() -> Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// Its inode.
    #[must_use]
    pub fn id(&self) -> NamespaceId {
        self.id
    }

    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A second handle on the same namespace.
    pub fn try_clone(&self) -> Result<Self> {
        let file = self.file.try_clone().map_err(|e| KernelError::io("duplicate a namespace's handle", e))?;
        Ok(Self { file, id: self.id, path: self.path.clone() })
    }

    /// Runs `work` on a fresh thread inside the namespace and gives what it gave.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = thread::Builder::new()
                .name("plumb-netns".into())
                .spawn_scoped(scope, || self.enter_this_thread().map(|()| work()))
                .map_err(|e| KernelError::io("start a thread", e))?;
            match inside.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Moves the calling thread. Only for threads that end in there.
    pub(crate) fn enter_this_thread(&self) -> Result<()> {
        move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| KernelError::Enter { path: self.path.clone().into(), source: e.into() })
    }
}

impl AsFd for NamespaceHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Runs `work` inside the namespace at `path`, on a fresh thread that ends with it.
pub fn in_namespace<T: Send>(path: impl AsRef<Path>, work: impl FnOnce() -> T + Send) -> Result<T> {
    NamespaceHandle::open(path)?.run(work)
}

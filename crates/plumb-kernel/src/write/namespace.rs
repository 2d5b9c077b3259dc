//! Making and deleting network namespaces.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};

use crate::discover::RUN_NETNS;
use crate::error::{KernelError, Result};
use crate::netns::NamespaceHandle;
use crate::sys;

/// A new namespace that lives while its handle, or a process or device in it, does. Its loopback is down.
pub fn create_anonymous() -> Result<NamespaceHandle> {
    on_new_namespace(|| Ok(()))
}

/// A new namespace under `/run/netns/NAME`, as `ip netns add` makes it; an error where there is one of that name.
pub fn create_named(name: &str) -> Result<NamespaceHandle> {
    let what = format!("create the network namespace {name}");
    let path = path_of(name)?;
    prepare_folder(&what)?;
    fs::File::create_new(&path).map_err(|e| KernelError::io(what.as_str(), e))?;
    let bound = on_new_namespace(|| mount_bind("/proc/thread-self/ns/net", &path).map_err(io::Error::from));
    if let Err(error) = bound {
        let _ = fs::remove_file(&path);
        return Err(error.within(&what));
    }
    NamespaceHandle::open(&path)
}

/// Takes the name from a namespace, which so ends unless something else holds it. `false` where there was none.
pub fn delete_named(name: &str) -> Result<bool> {
    let what = || format!("delete the network namespace {name}");
    let path = path_of(name)?;
    // EINVAL: nothing is mounted there; ENOENT: nothing is there. A stack of mounts goes whole.
    loop {
        match unmount(&path, UnmountFlags::DETACH) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => break,
            Err(e) => return Err(KernelError::io(what(), e)),
        }
    }
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(KernelError::io(what(), e)),
    }
}

fn path_of(name: &str) -> Result<PathBuf> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(KernelError::Unsupported {
            what: format!("the network namespace `{name}`"),
            why: "its name must be the name of a file".into(),
        });
    }
    Ok(Path::new(RUN_NETNS).join(name))
}

/// Makes /run/netns a shared mount, so that names show in the mount namespaces of others, as `ip netns` does.
fn prepare_folder(what: &str) -> Result<()> {
    let error = |e: io::Error| KernelError::io(what, e);
    fs::create_dir_all(RUN_NETNS).map_err(error)?;
    let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    match mount_change(RUN_NETNS, shared) {
        Ok(()) => Ok(()),
        // It is no mount point yet.
        Err(rustix::io::Errno::INVAL) => {
            rustix::mount::mount_bind_recursive(RUN_NETNS, RUN_NETNS).map_err(|e| error(e.into()))?;
            mount_change(RUN_NETNS, shared).map_err(|e| error(e.into()))
        }
        Err(e) => Err(error(e.into())),
    }
}

/// A fresh thread makes the namespace and ends with it.
fn on_new_namespace(pin: impl FnOnce() -> io::Result<()> + Send) -> Result<NamespaceHandle> {
    const WHAT: &str = "create a network namespace";
    thread::scope(|scope| {
        let inside = thread::Builder::new()
            .name("plumb-netns".into())
            .spawn_scoped(scope, || {
                sys::unshare_net().map_err(|e| KernelError::io(WHAT, e))?;
                pin().map_err(|e| KernelError::io(WHAT, e))?;
                NamespaceHandle::current()
            })
            .map_err(|e| KernelError::io(WHAT, e))?;
        match inside.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

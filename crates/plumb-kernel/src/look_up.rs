//! Work inside a namespace that sees files of its own, and names looked up there as the C library does.

use std::net::IpAddr;
use std::path::PathBuf;

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};

use crate::error::{KernelError, Result};
use crate::netns::NamespaceHandle;
use crate::sys;

/// A file that is seen in the place of the machine's.
#[derive(Clone, Debug)]
pub struct OwnFile {
    /// The file.
    pub from: PathBuf,
    /// Whose place it takes. Where the machine has no such file, nothing is put there.
    pub at: PathBuf,
}

/// The addresses of a name, or the error of getaddrinfo(3) by its name: `EAI_AGAIN`, `EAI_NONAME`.
pub type LookedUp = std::result::Result<Vec<IpAddr>, String>;

impl NamespaceHandle {
    /// As [`run`](Self::run), on a thread that has mounts of its own, with these files in their places. A process that it
    /// starts, or becomes, sees them as well.
    ///
    /// # Errors
    /// The namespace cannot be entered, or a file cannot be put into its place.
    pub fn run_seeing<T: Send>(&self, files: &[OwnFile], work: impl FnOnce() -> T + Send) -> Result<T> {
        if files.is_empty() {
            return self.run(work);
        }
        self.run(|| put(files).map(|()| work()))?
    }
}

fn put(files: &[OwnFile]) -> Result<()> {
    let error = |source| KernelError::io("give a process files of its own", source);
    sys::unshare_mounts().map_err(error)?;
    // What is mounted here is nobody else's.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|e| error(e.into()))?;
    for file in files.iter().filter(|f| f.at.exists()) {
        mount_bind(&file.from, &file.at).map_err(|e| error(e.into()))?;
    }
    Ok(())
}

/// Looks a name up in a namespace, with these files in their places.
///
/// # Errors
/// As [`NamespaceHandle::run_seeing`]. That the name is not found is none.
pub fn look_up(namespace: &NamespaceHandle, name: &str, files: &[OwnFile]) -> Result<LookedUp> {
    let found = namespace.run_seeing(files, || sys::addresses_of(name))?;
    found.map_err(|e| KernelError::io(format!("look up `{name}`"), e))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_addresses_and_errors_have_names() {
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(sys::addresses_of("192.0.2.7").unwrap(), Ok(vec![address]));
        assert_eq!(sys::addresses_of("").unwrap(), Err("EAI_NONAME".to_owned()));
        assert!(sys::addresses_of("a\0b").is_err());
    }
}

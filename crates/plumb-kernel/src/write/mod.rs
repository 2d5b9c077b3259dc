//! Changing a namespace: devices, addresses, routes, rules, neighbours, sysctls, nftables, conntrack.

mod address;
mod apply;
mod conntrack;
mod fdb;
mod link;
mod look;
mod namespace;
mod new_link;
mod nft;
mod route;
mod rule;
mod sysctl;

use plumb_model::NamespaceId;

pub use apply::apply;
pub use namespace::{create_anonymous, create_named, delete_named};
pub use new_link::{NewLink, NewLinkKind, VethPeer};

use crate::error::{KernelError, Result};
use crate::netlink::{CREATE, EXCL, Socket, Subsystem};
use crate::netns::NamespaceHandle;

/// Changes one namespace. It may be used from any thread: its sockets belong to the namespace, the thread need not.
///
/// Adding what is there already is an error (`EEXIST`) where two of a kind could differ, and nothing happens where they
/// cannot (an address, a neighbour). Deleting says whether there was anything to delete.
///
/// ```no_run
/// use plumb_kernel::{NamespaceWriter, NewLink, NewLinkKind, VethPeer, create_named};
///
/// let (a, b) = (create_named("a")?, create_named("b")?);
/// let mut writer = NamespaceWriter::new(&a)?;
/// let peer = VethPeer { name: "eth0", namespace: Some(&b), ..VethPeer::default() };
/// writer.add_link(&NewLink::new("eth0", NewLinkKind::Veth(peer)))?;
/// writer.set_up("eth0", true)?;
/// # Ok::<(), plumb_kernel::KernelError>(())
/// ```
#[derive(Debug)]
pub struct NamespaceWriter {
    handle: NamespaceHandle,
    route: Socket,
    netfilter: Option<Socket>,
}

impl NamespaceWriter {
    /// For this namespace.
    pub fn new(handle: &NamespaceHandle) -> Result<Self> {
        let route = handle.run(|| Socket::open(Subsystem::Route))??;
        Ok(Self { handle: handle.try_clone()?, route, netfilter: None })
    }

    /// For the namespace at this path: `/run/netns/NAME`, `/proc/PID/ns/net`.
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Self::new(&NamespaceHandle::open(path)?)
    }

    /// The namespace.
    #[must_use]
    pub fn handle(&self) -> &NamespaceHandle {
        &self.handle
    }

    /// Its inode.
    #[must_use]
    pub fn id(&self) -> NamespaceId {
        self.handle.id()
    }

    /// `verb` with the place, as errors name it.
    fn what(&self, verb: &str) -> String {
        format!("{verb} in {}", self.handle.path())
    }

    fn netfilter(&mut self) -> Result<&mut Socket> {
        let socket = match self.netfilter.take() {
            Some(socket) => socket,
            None => self.handle.run(|| Socket::open(Subsystem::Netfilter))??,
        };
        Ok(self.netfilter.insert(socket))
    }

    /// Makes something; an error where it is there.
    fn create(&mut self, verb: &str, kind: u16, payload: &[u8]) -> Result<()> {
        let what = self.what(verb);
        self.route.change(&what, kind, CREATE | EXCL, payload)
    }

    /// Deletes something; `false` where it was not there.
    fn delete(&mut self, verb: &str, kind: u16, payload: &[u8], missing: &[i32]) -> Result<bool> {
        let what = self.what(verb);
        match self.route.change(&what, kind, 0, payload) {
            Ok(()) => Ok(true),
            Err(KernelError::Refused { errno, .. }) if missing.contains(&errno) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

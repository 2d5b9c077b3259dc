//! A netlink socket: blocking, for route, netfilter, generic and sock_diag.

mod attr;
mod message;

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use plumb_model::Read;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_send_buffer_size_force};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

pub(crate) use attr::{Native, WriteNative, ip_addr, ip_bytes};
pub(crate) use message::{
    ACK, APPEND, CREATE, DUMP, EXCL, Message, Messages, REPLACE, REQUEST, Reply, encode,
};

use crate::error::{KernelError, Result};
use crate::sys;

/// Which part of the kernel a socket speaks to (`NETLINK_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subsystem {
    Route = 0,
    SockDiag = 4,
    Netfilter = 12,
}

const SOL_NETLINK: i32 = 270;
const NETLINK_CAP_ACK: i32 = 10;
const NETLINK_EXT_ACK: i32 = 11;
const NETLINK_GET_STRICT_CHK: i32 = 12;

/// The kernel makes dump messages as large as the largest read it saw, up to 32 KB; replies to a batch may be larger.
const READ_SIZE: usize = 256 * 1024;
/// What is asked for, to hold the errors of a large batch; more than the limit of the machine needs CAP_NET_ADMIN.
const BUFFER_SIZE: usize = 8 * 1024 * 1024;
/// How often an interrupted dump is repeated.
pub(crate) const ATTEMPTS: usize = 5;
/// The kernel answers at once, or after it took the lock that a large transaction holds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A netlink socket in the namespace of the thread that opened it, wherever it is used afterwards.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub(crate) fn open(subsystem: Subsystem) -> Result<Self> {
        let what = || format!("open a netlink socket ({subsystem:?})");
        let protocol = match subsystem {
            Subsystem::Route => None,
            Subsystem::SockDiag => Some(rustix::net::netlink::SOCK_DIAG),
            Subsystem::Netfilter => Some(rustix::net::netlink::NETFILTER),
        };
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
            .map_err(|e| KernelError::io(what(), e))?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, 0)).map_err(|e| KernelError::io(what(), e))?;
        // Each of these only makes answers fuller; an older or unprivileged place may do without.
        let _ = set_socket_recv_buffer_size_force(&fd, BUFFER_SIZE);
        for option in [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK] {
            let _ = sys::set_int_option(fd.as_fd(), SOL_NETLINK, option, 1);
        }
        rustix::net::sockopt::set_socket_timeout(&fd, Timeout::Recv, Some(PATIENCE))
            .map_err(|e| KernelError::io(what(), e))?;
        Ok(Self { fd, sequence: 1, buffer: vec![0; READ_SIZE] })
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }

    fn send(&self, what: &str, bytes: &[u8]) -> Result<()> {
        let sent = send(&self.fd, bytes, SendFlags::empty()).map_err(|e| KernelError::io(what, e))?;
        if sent == bytes.len() { Ok(()) } else { Err(protocol(what, "the request was sent only in part")) }
    }

    /// One datagram of messages; its length in `buffer`.
    fn receive(&mut self, what: &str) -> Result<usize> {
        loop {
            match recv(&self.fd, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                Ok((_, length)) if length > self.buffer.len() => {
                    return Err(protocol(what, "the answer is larger than what was read"));
                }
                Ok((_, length)) => return Ok(length),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    return Err(protocol(what, "the kernel did not answer within a minute"));
                }
                Err(e) => return Err(KernelError::io(what, e)),
            }
        }
    }

    /// A dump: `each` sees every message of the answer. Says whether the kernel flagged it as interrupted.
    pub(crate) fn dump(
        &mut self,
        what: &str,
        kind: u16,
        payload: &[u8],
        mut each: impl FnMut(&Message<'_>) -> Result<()>,
    ) -> Result<bool> {
        let sequence = self.next_sequence();
        self.send(what, &encode(kind, REQUEST | DUMP, sequence, payload))?;
        let mut interrupted = false;
        // An answer that cannot be read must still be taken from the socket to its end.
        let mut failed = None;
        loop {
            let length = self.receive(what)?;
            let bytes = self.buffer.get(..length).unwrap_or_default();
            for message in Messages::new(bytes) {
                let message = message.map_err(|source| KernelError::Decode { what: what.into(), source })?;
                if message.sequence != sequence {
                    continue;
                }
                interrupted |= message.is_interrupted();
                match message.reply() {
                    Reply::Done { errno: 0, .. } => return failed.map_or(Ok(interrupted), Err),
                    Reply::Done { errno, extended } | Reply::Error { errno, extended } => {
                        // A dump of what this kernel lacks may be answered by a plain acknowledgement.
                        if errno == 0 {
                            return failed.map_or(Ok(interrupted), Err);
                        }
                        return Err(refused(what, errno, extended));
                    }
                    Reply::Data if failed.is_none() => failed = each(&message).err(),
                    Reply::Data | Reply::Noop => {}
                }
            }
        }
    }

    /// A dump of things, repeated while it is interrupted, then marked torn.
    pub(crate) fn dump_list<T>(
        &mut self,
        what: &str,
        kind: u16,
        payload: &[u8],
        mut parse: impl FnMut(&Message<'_>) -> std::result::Result<Option<T>, plumb_nft::DecodeError>,
    ) -> Result<Read<Vec<T>>> {
        let mut list = Vec::new();
        for _ in 0..ATTEMPTS {
            list.clear();
            let interrupted = self.dump(what, kind, payload, |message| {
                let item =
                    parse(message).map_err(|source| KernelError::Decode { what: what.into(), source })?;
                list.extend(item);
                Ok(())
            })?;
            if !interrupted {
                return Ok(Read::Got(list));
            }
        }
        Ok(Read::Torn { reason: "dump interrupted".into(), value: list })
    }

    /// A request that changes something, acknowledged.
    pub(crate) fn change(&mut self, what: &str, kind: u16, flags: u16, payload: &[u8]) -> Result<()> {
        self.ask(what, kind, flags | ACK, payload, |_| Ok(()))
    }

    /// A request that is no dump: `each` sees the data that comes before the acknowledgement.
    pub(crate) fn ask(
        &mut self,
        what: &str,
        kind: u16,
        flags: u16,
        payload: &[u8],
        mut each: impl FnMut(&Message<'_>) -> Result<()>,
    ) -> Result<()> {
        let sequence = self.next_sequence();
        let flags = flags | REQUEST;
        self.send(what, &encode(kind, flags, sequence, payload))?;
        loop {
            let length = self.receive(what)?;
            let bytes = self.buffer.get(..length).unwrap_or_default();
            let mut answered = false;
            for message in Messages::new(bytes) {
                let message = message.map_err(|source| KernelError::Decode { what: what.into(), source })?;
                if message.sequence != sequence {
                    continue;
                }
                match message.reply() {
                    Reply::Done { errno: 0, .. } | Reply::Error { errno: 0, .. } => return Ok(()),
                    Reply::Done { errno, extended } | Reply::Error { errno, extended } => {
                        return Err(refused(what, errno, extended));
                    }
                    Reply::Data => {
                        each(&message)?;
                        answered = true;
                    }
                    Reply::Noop => {}
                }
            }
            if answered && flags & ACK == 0 {
                return Ok(());
            }
        }
    }

    /// Sends ready messages in one datagram and gathers the errors by sequence number, until the one with sequence
    /// number `last` was answered. The message `last` must ask for an acknowledgement.
    pub(crate) fn batch(&mut self, what: &str, bytes: &[u8], last: u32) -> Result<Vec<(u32, KernelError)>> {
        // A batch is one datagram, however large.
        let _ = set_socket_send_buffer_size_force(&self.fd, bytes.len().saturating_mul(2).max(1 << 20));
        self.send(what, bytes)?;
        let mut errors = Vec::new();
        loop {
            let length = self.receive(what)?;
            let bytes = self.buffer.get(..length).unwrap_or_default();
            let mut ended = false;
            for message in Messages::new(bytes) {
                let message = message.map_err(|source| KernelError::Decode { what: what.into(), source })?;
                if let Reply::Error { errno, extended } = message.reply() {
                    if errno != 0 {
                        errors.push((message.sequence, refused(what, errno, extended)));
                    }
                    ended |= message.sequence == last;
                }
            }
            if ended {
                return Ok(errors);
            }
            // A batch that failed as a whole answers its opening message alone.
            if !errors.is_empty() && !self.has_more()? {
                return Ok(errors);
            }
        }
    }

    fn has_more(&self) -> Result<bool> {
        let mut fds = [rustix::event::PollFd::new(&self.fd, rustix::event::PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        match rustix::event::poll(&mut fds, Some(&now)) {
            Ok(ready) => Ok(ready > 0),
            Err(e) => Err(KernelError::io("wait for netlink replies", e)),
        }
    }
}

fn refused(what: &str, errno: i32, extended: message::Extended) -> KernelError {
    KernelError::Refused { what: what.into(), errno, message: extended.message, offset: extended.offset }
}

fn protocol(what: &str, problem: &str) -> KernelError {
    KernelError::Protocol { what: what.into(), problem: problem.into() }
}

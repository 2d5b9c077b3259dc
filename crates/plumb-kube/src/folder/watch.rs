//! Waits until something in some folders changes.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// When nothing changed for so long, a change is taken to be complete.
const QUIET: Duration = Duration::from_millis(50);
/// So long, files that are being written are waited for.
const LONGEST: Duration = Duration::from_secs(2);

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something changed, and is complete.
    Changed,
    /// The time is over.
    Timeout,
    /// The source is to end.
    Stop,
}

/// Waits for changes.
pub(crate) struct Watcher {
    inotify: Inotify,
    watched: HashSet<WatchDescriptor>,
    /// Closed at its other end when the source is to end.
    stop: OwnedFd,
    /// Files that were written to and not closed since.
    writing: HashSet<(WatchDescriptor, OsString)>,
}

impl Watcher {
    /// Watches nothing yet.
    pub(crate) fn new(stop: OwnedFd) -> io::Result<Self> {
        Ok(Self { inotify: Inotify::init()?, watched: HashSet::new(), stop, writing: HashSet::new() })
    }

    /// From now on watches these folders; whether some are new, so that something may have changed unseen. A path may lead to
    /// another folder than before, so all are added again: a folder that is watched already stays as it is.
    pub(crate) fn cover(&mut self, folders: &BTreeSet<PathBuf>) -> io::Result<bool> {
        let mask = WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::MOVE
            | WatchMask::ATTRIB
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let mut watched = HashSet::new();
        let mut failed = None;
        for folder in folders {
            match self.inotify.watches().add(folder, mask) {
                Ok(descriptor) => drop(watched.insert(descriptor)),
                // It vanished, of which its parent tells.
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(e) => failed = Some(e),
            }
        }
        for old in self.watched.difference(&watched) {
            // The kernel has removed it where the folder is gone.
            let _ = self.inotify.watches().remove(old.clone());
        }
        let new = watched.difference(&self.watched).next().is_some();
        self.watched = watched;
        failed.map_or(Ok(new), Err)
    }

    /// Waits for a change, and then until it is complete.
    pub(crate) fn wait(&mut self, limit: Duration) -> io::Result<Wake> {
        match self.wait_for_events(limit)? {
            Wake::Changed => self.settle(),
            other => Ok(other),
        }
    }

    /// Whether nothing changes at this moment, so that what was just read is complete: between the moment in which a file is
    /// opened to be written anew and the writing it is empty, and the kernel tells of the first at once.
    pub(crate) fn is_still(&mut self) -> io::Result<bool> {
        Ok(self.wait_for_events(Duration::ZERO)? != Wake::Changed && self.writing.is_empty())
    }

    /// Waits until what changes is complete.
    pub(crate) fn settle(&mut self) -> io::Result<Wake> {
        let deadline = Instant::now() + LONGEST;
        loop {
            match self.wait_for_events(QUIET)? {
                Wake::Stop => return Ok(Wake::Stop),
                Wake::Timeout if self.writing.is_empty() => return Ok(Wake::Changed),
                _ if Instant::now() > deadline => {
                    self.writing.clear();
                    return Ok(Wake::Changed);
                }
                _ => {}
            }
        }
    }

    fn wait_for_events(&mut self, limit: Duration) -> io::Result<Wake> {
        let timeout = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        let mut fds = [
            PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.inotify.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Wake::Timeout),
            Err(e) => return Err(e.into()),
        }
        if !fds[0].revents().is_empty() {
            return Ok(Wake::Stop);
        }
        if fds[1].revents().is_empty() {
            return Ok(Wake::Timeout);
        }
        let mut buffer = [0; 16 * 1024];
        let events = match self.inotify.read_events(&mut buffer) {
            Ok(events) => events,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Wake::Timeout),
            Err(e) => return Err(e),
        };
        for event in events {
            let Some(name) = event.name else { continue };
            let file = (event.wd, name.to_owned());
            if event.mask.contains(EventMask::MODIFY) {
                self.writing.insert(file);
            } else if event
                .mask
                .intersects(EventMask::CLOSE_WRITE | EventMask::DELETE | EventMask::MOVED_FROM)
            {
                self.writing.remove(&file);
            }
        }
        Ok(Wake::Changed)
    }
}

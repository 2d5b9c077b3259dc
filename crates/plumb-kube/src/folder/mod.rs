//! A folder of manifests as a source of changes.

mod scan;
mod view;
mod watch;

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::{Event, Interest, Notice, Running, SourceError};
use scan::{Found, Scan, Scanner};
use view::View;
use watch::{Wake, Watcher};

/// Now and then the folder is looked at although nothing was heard: file systems over a network do not tell what others change.
const LOOK: Duration = Duration::from_secs(30);
/// The same where changes cannot be heard of.
const POLL: Duration = Duration::from_secs(1);

/// The manifests of a folder, or the one that is a file, as they are now: path and text, in the order in which they count.
/// Which files those are is told at [`FolderSource`].
///
/// # Errors
/// When the folder, something in it, or the file cannot be read.
pub fn read_manifests(path: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let scan = Scanner::new(path.to_owned()).scan()?;
    let failed = |path: &Path, why: &str| io::Error::other(format!("{}: {why}", path.display()));
    if let Some((path, why)) = scan.unreadable.first_key_value() {
        return Err(failed(path, why));
    }
    let texts = scan.files.into_iter().filter_map(|(path, found)| match found {
        Found::Text(text) => Some(Ok((path, text))),
        Found::Unreadable(why) => Some(Err(failed(&path, &why))),
        // Only a second look finds this.
        Found::Same => None,
    });
    texts.collect()
}

/// Reads manifests from a folder, a file or the standard input, and follows what changes, on a thread of its own.
///
/// * In a folder: `.yaml`, `.yml` and `.json`, in subfolders too. Names that begin with `.` are passed over, unless a link leads
///   there: so a mounted ConfigMap is seen once, and changes as a whole.
/// * Files count in the order of their paths, as if they were applied one after the other.
/// * Of a file that makes no sense, the last state that did stays in force; so does everything while the folder as a whole is gone.
#[derive(Clone, Debug)]
pub struct FolderSource {
    path: PathBuf,
    interests: Vec<Interest>,
}

impl FolderSource {
    /// A folder, a file, or `-` for the standard input, which is read once.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, interests: Vec<Interest>) -> Self {
        Self { path: path.into(), interests }
    }

    /// Starts. `deliver` gets what happened in order, all that one look at the folder found at once, on the source's thread. Every
    /// kind counts as listed after the first look, even when a file could not be read.
    ///
    /// # Errors
    /// When the folder or file is not there, or the standard input holds no manifest. What goes wrong later, or with single files,
    /// is a [`crate::Problem`].
    pub fn start(self, deliver: impl FnMut(Vec<Event>) + Send + 'static) -> Result<Running, SourceError> {
        let failed = |source: io::Error| SourceError::Folder { path: self.path.clone(), source };
        let first = if self.path == Path::new("-") {
            Some(standard_input()?)
        } else {
            fs::metadata(&self.path).map_err(failed)?;
            None
        };
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| failed(e.into()))?;
        let watcher =
            Watcher::new(stopped).map_err(|source| SourceError::Watch { path: self.path.clone(), source })?;
        let follower = Follower {
            view: View::new(self.path.clone(), self.interests),
            scanner: Scanner::new(self.path.clone()),
            watcher,
            deliver: Box::new(deliver),
            path: self.path,
            polls: false,
        };
        let thread = thread::Builder::new()
            .name("plumb-manifests".to_owned())
            .spawn(move || match first {
                Some(scan) => follower.once(scan),
                None => follower.follow(),
            })
            .map_err(SourceError::Thread)?;
        Ok(Running::new(move || drop(stop), thread))
    }

    /// Starts, and delivers into a channel.
    ///
    /// # Errors
    /// As [`FolderSource::start`].
    pub fn channel(self) -> Result<(mpsc::Receiver<Vec<Event>>, Running), SourceError> {
        let (sender, receiver) = mpsc::channel();
        // Nobody listens any more: the guard is about to be dropped too.
        let running = self.start(move |events| drop(sender.send(events)))?;
        Ok((receiver, running))
    }
}

fn standard_input() -> Result<Scan, SourceError> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|source| SourceError::Folder { path: PathBuf::from("-"), source })?;
    plumb_api::manifest::parse(&text, "-").map_err(|e| SourceError::Manifest(Box::new(e)))?;
    let mut scan = Scan::default();
    scan.files.insert(PathBuf::from("-"), Found::Text(text));
    Ok(scan)
}

/// Looks that may be in vain because something changed meanwhile.
const TRIES: usize = 4;

/// How a look ended.
enum Look {
    /// The folder is there.
    There,
    /// It is not.
    Gone,
    /// The source is to end.
    Stop,
}

struct Follower {
    path: PathBuf,
    view: View,
    scanner: Scanner,
    watcher: Watcher,
    deliver: Box<dyn FnMut(Vec<Event>) + Send>,
    polls: bool,
}

impl Follower {
    fn deliver(&mut self, events: Vec<Event>) {
        if !events.is_empty() {
            (self.deliver)(events);
        }
    }

    fn once(mut self, scan: Scan) {
        let events = self.view.update(Ok(scan));
        self.deliver(events);
        while matches!(self.watcher.wait(LOOK), Ok(Wake::Changed | Wake::Timeout)) {}
    }

    fn follow(mut self) {
        loop {
            let woken = match self.look() {
                Ok(Look::Stop) => return,
                Ok(Look::There) if !self.polls => self.watcher.wait(LOOK),
                Ok(_) => self.watcher.wait(POLL),
                Err(error) => Err(error),
            };
            match woken {
                Ok(Wake::Stop) => return,
                Ok(Wake::Changed | Wake::Timeout) => {}
                Err(error) => {
                    self.poll_instead(&error);
                    thread::sleep(POLL);
                }
            }
        }
    }

    /// Looks until nothing changed meanwhile, and tells what is found.
    fn look(&mut self) -> io::Result<Look> {
        let mut tries = 0;
        loop {
            let mut scan = self.scanner.scan();
            let grown = match &scan {
                Ok(scan) => self.watcher.cover(&scan.folders).unwrap_or_else(|error| {
                    self.poll_instead(&error);
                    false
                }),
                Err(_) => false,
            };
            // In folders that were not watched before, things may have changed unheard.
            let complete = self.watcher.is_still()? && !grown;
            tries += 1;
            // Where changes never end, what is there must be told all the same.
            if complete || tries == TRIES {
                let look = if scan.is_ok() { Look::There } else { Look::Gone };
                if let Ok(scan) = &mut scan {
                    self.scanner.accept(scan);
                }
                let events = self.view.update(scan);
                self.deliver(events);
                return Ok(look);
            }
            if self.watcher.settle()? == Wake::Stop {
                return Ok(Look::Stop);
            }
        }
    }

    fn poll_instead(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.polls, true) {
            let notice = Notice::Polling { path: self.path.clone(), error: error.to_string() };
            self.deliver(vec![Event::Notice(notice)]);
        }
    }
}

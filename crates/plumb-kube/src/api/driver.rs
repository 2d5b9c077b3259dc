//! Does what a [`Machine`] asks for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{AsyncBufRead as _, AsyncBufReadExt as _};
use kube::Client;
use tokio::time::{sleep, timeout};

use super::decode::{self, Watched};
use super::machine::{Failure, Input, Machine};
use super::outlet::Outlet;
use super::reason;
use super::request::{Request, WATCH_SECONDS};
use crate::Interest;

/// A page that takes longer is asked for again.
const LIST_LIMIT: Duration = Duration::from_secs(60);
/// A watch that tells nothing for so long is taken for dead. API servers send bookmarks about once a minute
/// (`defaultBookmarkFrequency` in apiserver `pkg/storage/cacher`) and end watches after what was asked for.
const SILENCE: Duration = Duration::from_secs(150);
const _: () = assert!(WATCH_SECONDS > SILENCE.as_secs());

/// Reads a kind until the task is dropped.
pub(crate) async fn drive(client: Client, interest: Interest, outlet: Arc<Outlet>) {
    let mut machine = Machine::new(interest);
    loop {
        let pause = match machine.request() {
            Request::List { .. } | Request::Check { .. } => {
                let input = list(&client, &machine).await.map_or_else(Input::Failed, Input::Page);
                tell(&mut machine, &outlet, input).1
            }
            Request::Watch { .. } => watch(&client, &mut machine, &outlet).await,
        };
        if pause > Duration::ZERO {
            sleep(pause).await;
        }
    }
}

/// Steps, and delivers; whether the request goes on, and the pause if not.
fn tell(machine: &mut Machine, outlet: &Outlet, input: Input) -> (bool, Duration) {
    let mut step = machine.step(input);
    outlet.tell(machine.kind(), &mut step);
    (step.go_on, step.pause)
}

async fn list(client: &Client, machine: &Machine) -> Result<decode::Page, Failure> {
    let request = get(&machine.path())?;
    let text = timeout(LIST_LIMIT, client.request_text(request))
        .await
        .map_err(|_| Failure::Unreachable(format!("no list within {} s", LIST_LIMIT.as_secs())))?
        .map_err(failure)?;
    decode::page(machine.kind(), &text).map_err(|e| Failure::Garbled(e.to_string()))
}

async fn watch(client: &Client, machine: &mut Machine, outlet: &Outlet) -> Duration {
    let opened = async {
        let request = get(&machine.path())?;
        let opened = timeout(LIST_LIMIT, client.request_stream(request)).await;
        opened.map_err(|_| Failure::Unreachable("no answer to a watch".to_owned()))?.map_err(failure)
    };
    let stream = match opened.await {
        Ok(stream) => stream,
        Err(failure) => return tell(machine, outlet, Input::Failed(failure)).1,
    };
    let mut stream = std::pin::pin!(stream);
    tell(machine, outlet, Input::Opened);
    let mut lines = Lines::default();
    loop {
        let input = match timeout(SILENCE, stream.fill_buf()).await {
            Ok(Ok(chunk)) if !chunk.is_empty() => {
                let (length, events) = (chunk.len(), lines.push(chunk, |line| event(machine, line)));
                stream.as_mut().consume(length);
                if events.is_empty() {
                    continue;
                }
                Input::Watched(events)
            }
            // The end, a connection that was lost, silence: that the server is gone shows when the watch is opened again.
            Ok(Ok(_) | Err(_)) | Err(_) => Input::Ended,
        };
        let (go_on, pause) = tell(machine, outlet, input);
        if !go_on {
            return pause;
        }
    }
}

fn event(machine: &Machine, line: &[u8]) -> Watched {
    decode::watched(machine.kind(), line).unwrap_or_else(|e| Watched::Failed(Failure::Garbled(e.to_string())))
}

pub(super) fn get(path: &str) -> Result<http::Request<Vec<u8>>, Failure> {
    http::Request::get(path)
        .header(http::header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|e| Failure::Garbled(e.to_string()))
}

pub(super) fn failure(error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => Failure::answer(status.code, status.message, true),
        other => Failure::Unreachable(reason::of(&other)),
    }
}

/// Lines out of chunks.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// What `f` makes of every line that the chunk ends.
    fn push<T>(&mut self, chunk: &[u8], f: impl Fn(&[u8]) -> T) -> Vec<T> {
        let mut out = Vec::new();
        let mut parts = chunk.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                self.partial.extend_from_slice(part);
                break;
            }
            let line = if self.partial.is_empty() {
                part
            } else {
                self.partial.extend_from_slice(part);
                &self.partial
            };
            if !line.iter().all(u8::is_ascii_whitespace) {
                out.push(f(line));
            }
            self.partial.clear();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_any_chunks() {
        let text = b"one\ntwo\n\nthree\nrest";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let read: Vec<_> = text
                .chunks(size)
                .flat_map(|c| lines.push(c, |l| String::from_utf8_lossy(l).into_owned()))
                .collect();
            assert_eq!(read, ["one", "two", "three"], "chunks of {size}");
            assert_eq!(lines.partial, b"rest");
        }
    }
}

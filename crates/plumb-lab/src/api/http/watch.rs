//! A watch: a line of JSON for each event, for as long as the client listens.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use plumb_api::Kind;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::super::store::{ListOptions, Match, Selector, Status, WatchEvent};
use super::Api;
use super::path::{Query, Target};

/// After so long a watch ends where its client does not say (apiserver `--min-request-timeout`).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);

struct Watch {
    api: Arc<Api>,
    news: watch::Receiver<u64>,
    kind: Kind,
    namespace: String,
    selector: Selector,
    /// Told up to here.
    version: u64,
    /// To be told first.
    initial: Option<String>,
    bookmarks: Option<Instant>,
    end: Instant,
    failed: bool,
}

/// Answers a watch.
///
/// # Errors
/// 400 for options that are none; 410 for versions that are past, as the first event of the stream. A version that is not reached is
/// waited for, for as long as the watch lasts, as the API server does ("Unavailable resource versions"); a streaming list gets 504.
pub(super) fn watch(api: Arc<Api>, target: &Target, query: &Query) -> Result<Response, Status> {
    let options = query.list_options(target)?;
    let timeout =
        query.number("timeoutSeconds")?.filter(|s| *s > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let streaming_list = query.flag("sendInitialEvents");
    if streaming_list
        && (options.version_match != Match::NotOlderThan || query.text("resourceVersionMatch").is_empty())
    {
        return Err(Status::bad_request("sendInitialEvents needs resourceVersionMatch=NotOlderThan"));
    }
    let now = Instant::now();
    let every = api.options.bookmarks;
    let mut watch = Watch {
        news: api.news(),
        kind: target.kind,
        namespace: options.namespace.clone(),
        selector: options.selector.clone(),
        version: 0,
        initial: None,
        bookmarks: query.flag("allowWatchBookmarks").then_some(now + every),
        end: now + timeout,
        failed: false,
        api,
    };
    watch.begin(&options, streaming_list);
    let body = stream::unfold(watch, |mut watch| async move {
        let text = watch.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), watch))
    });
    Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response())
}

impl Watch {
    /// Where it begins: at the version that the client has, or with all that is there.
    fn begin(&mut self, options: &ListOptions, streaming_list: bool) {
        let api = self.api.clone();
        let store = api.store();
        match (options.version, streaming_list) {
            (Some(version), false) => self.version = version,
            (Some(version), true) if version > store.version() => {
                let status = Status::version_too_large(version, store.version());
                self.failed = true;
                self.initial = Some(error(&status));
            }
            _ => {
                self.version = store.version();
                let mut text = lines(&store.initial_events(self.kind, &self.namespace, &self.selector));
                if streaming_list {
                    text.push_str(&self.bookmark(true));
                }
                self.initial = Some(text);
            }
        }
    }

    /// The next lines; `None`: it is over.
    async fn next(&mut self) -> Option<String> {
        if let Some(text) = self.initial.take().filter(|text| !text.is_empty()) {
            return Some(text);
        }
        if self.failed {
            return None;
        }
        loop {
            // Before the look, so that what comes in between is news.
            self.news.mark_unchanged();
            let (found, at) = {
                let store = self.api.store();
                if store.version() < self.version {
                    (Ok(Vec::new()), self.version)
                } else {
                    let found = store.events_since(self.kind, self.version, &self.namespace, &self.selector);
                    (found, store.version())
                }
            };
            match found {
                Err(status) => {
                    self.failed = true;
                    return Some(error(&status));
                }
                Ok(events) => {
                    self.version = at;
                    if !events.is_empty() {
                        return Some(lines(&events));
                    }
                }
            }
            let bookmark = self.bookmarks.unwrap_or(self.end);
            tokio::select! {
                changed = self.news.changed() => changed.ok()?,
                () = sleep_until(self.end) => return None,
                () = sleep_until(bookmark), if self.bookmarks.is_some() => {
                    self.bookmarks = Some(Instant::now() + self.api.options.bookmarks);
                    return Some(self.bookmark(false));
                }
            }
        }
    }

    fn bookmark(&self, ends_initial: bool) -> String {
        let (api_version, kind, _) = self.kind.names();
        let mut metadata = json!({"resourceVersion": self.version.to_string(), "creationTimestamp": null});
        if ends_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
    }
}

fn lines(events: &[WatchEvent]) -> String {
    let mut text = String::with_capacity(events.iter().map(|e| e.object.text.len() + 40).sum());
    for WatchEvent { kind, object } in events {
        let _ = writeln!(text, "{{\"type\":\"{}\",\"object\":{}}}", kind.name(), object.text);
    }
    text
}

fn error(status: &Status) -> String {
    format!("{}\n", json!({"type": "ERROR", "object": status.to_json()}))
}

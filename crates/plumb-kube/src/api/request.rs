//! Paths and queries of the API (Kubernetes API concepts: "Efficient detection of changes", "Retrieving large results sets in
//! chunks").

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use crate::Interest;

/// Objects a page. A page is held in memory as text until it is decoded.
const PAGE: u32 = 1000;
/// After this time at least the API server ends a watch in good order, and it is opened again.
pub(crate) const WATCH_SECONDS: u64 = 300;

/// After this time it does: up to twice as long, another time on each node, so that the nodes of a cluster do not come all at
/// once (as client-go's reflector).
static WATCH_FOR: LazyLock<u64> =
    LazyLock::new(|| WATCH_SECONDS + RandomState::new().hash_one(0_u8) % WATCH_SECONDS);

/// What to ask the API server next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A page of all objects.
    List {
        /// Any state that the server has in memory will do; otherwise the newest, as after 410.
        cached: bool,
        /// Where the page begins; empty: the first.
        continue_token: String,
    },
    /// The first object, from a server that has come as far as this version. One that was set up anew, or from an old copy of its
    /// store, has not; a watch may wait there for ever (Kubernetes API concepts: "Unavailable resource versions").
    Check {
        /// `resourceVersion`
        version: String,
    },
    /// Changes after this version.
    Watch {
        /// `resourceVersion`
        version: String,
    },
}

impl Request {
    /// Path and query. `fields` is false for servers that do not know the field selector.
    pub(crate) fn path(&self, interest: &Interest, fields: bool) -> String {
        let (api_version, _, plural) = interest.kind.names();
        let root = if api_version.contains('/') { "apis" } else { "api" };
        let mut path = format!("/{root}/{api_version}/{plural}?");
        match self {
            Self::List { cached, continue_token } => {
                let _ = write!(path, "limit={PAGE}");
                if !continue_token.is_empty() {
                    let _ = write!(path, "&continue={}", encode(continue_token));
                } else if *cached {
                    path.push_str("&resourceVersion=0");
                }
            }
            Self::Check { version } => {
                let version = encode(version);
                let _ = write!(path, "limit=1&resourceVersion={version}&resourceVersionMatch=NotOlderThan");
            }
            Self::Watch { version } => {
                let _ = write!(
                    path,
                    "watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
                    *WATCH_FOR,
                    encode(version)
                );
            }
        }
        if let Some(selector) = interest.label_selector() {
            let _ = write!(path, "&labelSelector={}", encode(&selector));
        }
        if let (Some(selector), true) = (interest.field_selector(), fields) {
            let _ = write!(path, "&fieldSelector={}", encode(&selector));
        }
        path
    }
}

/// Percent encoding of what RFC 3986 does not call unreserved.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use plumb_api::Kind;

    use super::*;

    #[test]
    fn paths_and_selectors() {
        let first = Request::List { cached: true, continue_token: String::new() };
        let [services, slices, cidrs, node] = &Interest::proxy("n1")[..] else { panic!("interests") };
        assert_eq!(
            first.path(services, true),
            "/api/v1/services?limit=1000&resourceVersion=0\
             &labelSelector=%21service.kubernetes.io%2Fservice-proxy-name&fieldSelector=spec.clusterIP%21%3DNone"
        );
        assert_eq!(
            Request::List { cached: true, continue_token: "a=".to_owned() }.path(slices, true),
            "/apis/discovery.k8s.io/v1/endpointslices?limit=1000&continue=a%3D\
             &labelSelector=%21service.kubernetes.io%2Fheadless"
        );
        assert!(first.path(cidrs, true).starts_with("/apis/networking.k8s.io/v1/servicecidrs?limit"));
        assert_eq!(
            Request::Watch { version: "7".to_owned() }.path(node, true),
            format!(
                "/api/v1/nodes?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion=7\
                 &fieldSelector=metadata.name%3Dn1",
                *WATCH_FOR
            )
        );
        let check = Request::Check { version: "7".to_owned() };
        assert_eq!(
            check.path(&Interest::all(Kind::Pod), true),
            "/api/v1/pods?limit=1&resourceVersion=7&resourceVersionMatch=NotOlderThan"
        );
        let newest = Request::List { cached: false, continue_token: String::new() };
        assert_eq!(newest.path(&Interest::all(Kind::Pod), false), "/api/v1/pods?limit=1000");
    }
}

//! Lists and watch events → objects. Each object is decoded straight into the narrow types of `plumb-api`, apart from the others,
//! so that one that cannot be decoded does not stop the rest. `managedFields` and whatever else is not used is skipped over.

use plumb_api::{Kind, NamespacedName, Object};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::machine::Failure;

/// An object, or what can still be said of one that cannot be decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decoded {
    /// An object.
    Object(Box<Object>),
    /// Not an object of its kind.
    Bad {
        /// As far as it could be read.
        name: NamespacedName,
        /// What and where.
        error: String,
    },
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    /// Version of the list as a whole.
    pub(crate) version: String,
    /// Where the next page begins; empty: this is the last one.
    pub(crate) continue_token: String,
    /// Objects.
    pub(crate) items: Vec<Decoded>,
}

/// An event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Watched {
    /// New or changed, and the version of the change (empty: unknown).
    Applied(Decoded, String),
    /// Gone.
    Deleted(NamespacedName, String),
    /// Nothing happened up to this version.
    Bookmark(String),
    /// The watch is over.
    Failed(Failure),
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    continue_token: String,
}

#[derive(Deserialize)]
struct RawList<'a> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct RawWatched<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Names and version of an object whose other fields may be anything.
#[derive(Deserialize, Default)]
struct Named {
    #[serde(default)]
    metadata: NamedMeta,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct NamedMeta {
    name: Box<str>,
    namespace: Box<str>,
    resource_version: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawStatus {
    code: u16,
    message: String,
}

/// A page of a list of a kind that is not read: names alone.
pub(crate) fn names(text: &str) -> Result<(String, Vec<NamespacedName>), serde_json::Error> {
    let list: RawList<'_> = serde_json::from_str(text)?;
    let name = |item: &RawValue| {
        let NamedMeta { namespace, name, .. } = named(item.get());
        NamespacedName { namespace, name }
    };
    let names = list.items.unwrap_or_default().into_iter().map(name).collect();
    Ok((list.metadata.continue_token, names))
}

/// A page of a list from its text.
pub(crate) fn page(kind: Kind, text: &str) -> Result<Page, serde_json::Error> {
    let list: RawList<'_> = serde_json::from_str(text)?;
    Ok(Page {
        version: list.metadata.resource_version,
        continue_token: list.metadata.continue_token,
        items: list.items.unwrap_or_default().into_iter().map(|item| object(kind, item.get())).collect(),
    })
}

/// An event of a watch from its line.
pub(crate) fn watched(kind: Kind, line: &[u8]) -> Result<Watched, serde_json::Error> {
    let raw: RawWatched<'_> = serde_json::from_slice(line)?;
    let text = raw.object.get();
    Ok(match raw.kind.as_str() {
        "ADDED" | "MODIFIED" => {
            let decoded = object(kind, text);
            let version = match &decoded {
                Decoded::Object(o) => o.metadata().resource_version.as_deref().unwrap_or_default().to_owned(),
                Decoded::Bad { .. } => named(text).resource_version,
            };
            Watched::Applied(decoded, version)
        }
        "DELETED" => {
            let named = named(text);
            Watched::Deleted(
                NamespacedName { namespace: named.namespace, name: named.name },
                named.resource_version,
            )
        }
        "BOOKMARK" => Watched::Bookmark(named(text).resource_version),
        _ => {
            let status = serde_json::from_str::<RawStatus>(text).unwrap_or_default();
            Watched::Failed(Failure::answer(status.code, status.message, false))
        }
    })
}

fn named(text: &str) -> NamedMeta {
    serde_json::from_str::<Named>(text).unwrap_or_default().metadata
}

fn object(kind: Kind, text: &str) -> Decoded {
    use serde_json::from_str;
    let read = match kind {
        Kind::Service => from_str(text).map(Object::Service),
        Kind::EndpointSlice => from_str(text).map(Object::EndpointSlice),
        Kind::Endpoints => from_str(text).map(Object::Endpoints),
        Kind::Pod => from_str(text).map(Object::Pod),
        Kind::Node => from_str(text).map(Object::Node),
        Kind::ServiceCidr => from_str(text).map(Object::ServiceCidr),
        Kind::Namespace => from_str(text).map(Object::Namespace),
        Kind::NetworkPolicy => from_str(text).map(Object::NetworkPolicy),
        Kind::AdminNetworkPolicy => from_str(text).map(Object::AdminNetworkPolicy),
        Kind::BaselineAdminNetworkPolicy => from_str(text).map(Object::BaselineAdminNetworkPolicy),
    };
    let bad = |error: String| {
        let NamedMeta { namespace, name, .. } = named(text);
        Decoded::Bad { name: NamespacedName { namespace, name }, error }
    };
    match read {
        Ok(object) if object.metadata().name.is_empty() => bad("it has no name".to_owned()),
        Ok(object) => Decoded::Object(Box::new(object)),
        // The place counts within the object's own JSON, which nobody sees as lines.
        Err(error) => bad(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_object_among_good_ones() {
        let text = r#"{"kind":"ServiceList","metadata":{"resourceVersion":"9","continue":"x"},"items":[
            {"metadata":{"name":"a","namespace":"n","managedFields":[{"manager":"m"}]},"spec":{"ports":[{"port":80}]}},
            {"metadata":{"name":"b","namespace":"n"},"spec":{"ports":[{"port":"http"}]}},
            {"metadata":{"name":"c","namespace":"n"},"spec":{"ports":[{"port":81}]}}, 7]}"#;
        let page = page(Kind::Service, text).expect("a page");
        assert_eq!((page.version.as_str(), page.continue_token.as_str()), ("9", "x"));
        let names: Vec<_> = page
            .items
            .iter()
            .map(|item| match item {
                Decoded::Object(o) => o.metadata().full_name().to_string(),
                Decoded::Bad { name, .. } => format!("bad {name}"),
            })
            .collect();
        assert_eq!(names, ["n/a", "bad n/b", "n/c", "bad "]);
    }

    #[test]
    fn empty_lists_may_be_null() {
        let page = page(Kind::Pod, r#"{"metadata":{"resourceVersion":"1"},"items":null}"#).expect("a page");
        assert!(page.items.is_empty());
    }

    #[test]
    fn events_of_a_watch() {
        let event = |line: &str| watched(Kind::Service, line.as_bytes()).expect("an event");
        assert_eq!(
            event(r#"{"type":"BOOKMARK","object":{"kind":"Service","metadata":{"resourceVersion":"12"}}}"#),
            Watched::Bookmark("12".to_owned())
        );
        assert_eq!(
            event(r#"{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"13"},"spec":7}}"#),
            Watched::Deleted(NamespacedName::new("", "a"), "13".to_owned())
        );
        assert_eq!(
            event(r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#),
            Watched::Failed(Failure::Gone)
        );
        assert!(matches!(
            event(r#"{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"14"},"spec":7}}"#),
            Watched::Applied(Decoded::Bad { .. }, version) if version == "14"
        ));
        assert!(watched(Kind::Service, b"{").is_err());
    }
}

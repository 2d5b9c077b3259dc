//! `Status` of `meta/v1`: why a request cannot be served.

use plumb_api::Kind;
use serde_json::{Value, json};

/// Why a request cannot be served, as the API says it (apimachinery `pkg/api/errors/errors.go`).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Status {
    /// HTTP status.
    pub code: u16,
    /// `NotFound`, `Conflict` …
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Kind and name, where it is about an object.
    pub about: Option<(Kind, String)>,
    /// Fields that are wrong, with why.
    pub causes: Vec<Cause>,
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired` …
    pub reason: &'static str,
    /// `spec.clusterIPs[0]`
    pub field: String,
    /// Why.
    pub message: String,
}

impl Cause {
    /// A value that the field cannot have.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: "FieldValueInvalid", field: field.into(), message: message.into() }
    }

    /// A value is missing.
    pub fn required(field: impl Into<String>) -> Self {
        Self { reason: "FieldValueRequired", field: field.into(), message: "Required value".to_owned() }
    }
}

/// Plural and group, `endpointslices.discovery.k8s.io`, as in the API's messages.
fn resource(kind: Kind) -> String {
    let (api_version, _, plural) = kind.names();
    match api_version.split_once('/') {
        Some((group, _)) => format!("{plural}.{group}"),
        None => plural.to_owned(),
    }
}

impl Status {
    fn new(code: u16, reason: &'static str, message: String) -> Self {
        Self { code, reason, message, about: None, causes: Vec::new() }
    }

    fn about(mut self, kind: Kind, name: &str) -> Self {
        self.about = Some((kind, name.to_owned()));
        self
    }

    /// 404: no such object.
    pub fn not_found(kind: Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource(kind))).about(kind, name)
    }

    /// 404: no such path.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource".to_owned())
    }

    /// 405: not a verb of this path.
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource".to_owned(),
        )
    }

    /// 409: an object of that name is there.
    pub fn already_exists(kind: Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource(kind)))
            .about(kind, name)
    }

    /// 409: the object was changed since it was read.
    pub fn conflict(kind: Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource(kind));
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// 410: the version or page is no longer in memory.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message.into())
    }

    /// 504: the version has not been reached yet.
    pub fn version_too_large(asked: u64, at: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {at}");
        let mut status = Self::new(504, "Timeout", message.clone());
        status.causes.push(Cause { reason: "ResourceVersionTooLarge", field: String::new(), message });
        status
    }

    /// 422: fields are wrong.
    pub fn invalid(kind: Kind, name: &str, causes: Vec<Cause>) -> Self {
        let text: Vec<_> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        let message = format!("{} \"{name}\" is invalid: {}", kind, text.join(", "));
        let mut status = Self::new(422, "Invalid", message).about(kind, name);
        status.causes = causes;
        status
    }

    /// 400: not understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message.into())
    }

    /// 415: a body in a form that is not known.
    pub fn unsupported_media_type(what: &str, known: &str) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!("the body of the request was in an unknown format - {what}; accepted are: {known}"),
        )
    }

    /// 413: a body that is too long.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            413,
            "RequestEntityTooLarge",
            format!("the body of the request is longer than {limit} bytes"),
        )
    }

    /// As the API sends it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut details = serde_json::Map::new();
        if let Some((kind, name)) = &self.about {
            let (api_version, _, plural) = kind.names();
            details.insert("name".to_owned(), name.as_str().into());
            details.insert("kind".to_owned(), plural.into());
            if let Some((group, _)) = api_version.split_once('/') {
                details.insert("group".to_owned(), group.into());
            }
        }
        if !self.causes.is_empty() {
            let causes = self.causes.iter();
            let causes =
                causes.map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field})).collect();
            details.insert("causes".to_owned(), Value::Array(causes));
        }
        let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code});
        if !details.is_empty() {
            status["details"] = Value::Object(details);
        }
        status
    }
}

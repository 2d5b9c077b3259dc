//! A request to its answer.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::super::store::{DeleteOptions, List, Part, Patch, Status};
use super::path::{Query, Target};
use super::{Api, discovery, watch};

/// Longest body (apiserver `MaxRequestBodyBytes`).
const LONGEST_BODY: usize = 3 * 1024 * 1024;

/// Answers any request.
pub(super) async fn answer(State(api): State<Arc<Api>>, request: Request) -> Response {
    respond(api, request).await.unwrap_or_else(|status| {
        let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        text(code, status.to_json().to_string())
    })
}

fn text(code: StatusCode, body: impl Into<Body>) -> Response {
    (code, [(CONTENT_TYPE, "application/json")], body.into()).into_response()
}

async fn respond(api: Arc<Api>, request: Request) -> Result<Response, Status> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if matches!(path, "/healthz" | "/livez" | "/readyz") && head.method == Method::GET {
        return Ok((StatusCode::OK, "ok").into_response());
    }
    let Some(target) = Target::parse(path) else {
        let found = discovery::discover(path).ok_or_else(Status::no_such_path)?;
        return match head.method {
            Method::GET => Ok(text(StatusCode::OK, found.to_string())),
            _ => Err(Status::method_not_allowed()),
        };
    };
    let query = Query::parse(head.uri.query().unwrap_or_default())?;
    if head.method == Method::GET {
        return get(&api, &target, &query);
    }
    if !query.text("dryRun").is_empty() {
        return Err(Status::bad_request("dryRun is not served here: nothing was done"));
    }
    let body = to_bytes(body, LONGEST_BODY).await.map_err(|_| Status::too_large(LONGEST_BODY))?;
    let (kind, name, part) = (target.kind, target.full_name(), target.part);
    let one = !target.name.is_empty();
    match head.method {
        Method::POST if !one => {
            let object = parse(&head.headers, &body)?;
            let stored = api.with(|store| store.create(kind, &target.namespace, object))?;
            Ok(text(StatusCode::CREATED, stored.text.to_string()))
        }
        Method::PUT if one => {
            let object = parse(&head.headers, &body)?;
            let stored = api.with(|store| store.update(kind, &name, part, object))?;
            Ok(text(StatusCode::OK, stored.text.to_string()))
        }
        Method::PATCH if one => {
            let patch = parse_patch(&head.headers, &body)?;
            let stored = api.with(|store| store.patch(kind, &name, part, patch))?;
            Ok(text(StatusCode::OK, stored.text.to_string()))
        }
        Method::DELETE if one && part == Part::Main => {
            let options = delete_options(&body)?;
            let stored = api.with(|store| store.delete(kind, &name, &options))?;
            Ok(text(StatusCode::OK, stored.text.to_string()))
        }
        Method::DELETE if !one => {
            let selector = query.list_options(&target)?.selector;
            let (items, version) =
                api.with(|store| (store.delete_all(kind, &target.namespace, &selector), store.version()));
            let list = List { version, continue_token: String::new(), remaining: None, items };
            Ok(text(StatusCode::OK, list_text(&target, &list)))
        }
        _ => Err(Status::method_not_allowed()),
    }
}

fn get(api: &Arc<Api>, target: &Target, query: &Query) -> Result<Response, Status> {
    if query.flag("watch") {
        return watch::watch(api.clone(), target, query);
    }
    if !target.name.is_empty() {
        let stored = api.store().get(target.kind, &target.full_name())?;
        return Ok(text(StatusCode::OK, stored.text.to_string()));
    }
    let options = query.list_options(target)?;
    let list = api.store().list(target.kind, &options)?;
    Ok(text(StatusCode::OK, list_text(target, &list)))
}

fn list_text(target: &Target, list: &List) -> String {
    let (api_version, kind, _) = target.kind.names();
    let mut metadata = json!({"resourceVersion": list.version.to_string()});
    if !list.continue_token.is_empty() {
        metadata["continue"] = list.continue_token.as_str().into();
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    let mut text = String::with_capacity(list.items.iter().map(|o| o.text.len() + 1).sum::<usize>() + 256);
    let _ = write!(
        text,
        "{{\"kind\":\"{kind}List\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":["
    );
    for (i, object) in list.items.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&object.text);
    }
    text.push_str("]}");
    text
}

fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// JSON, which is also taken for what a body without a type is.
fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Value, Status> {
    match media_type(headers) {
        "" | "application/json" => from_json(body),
        other => Err(Status::unsupported_media_type(other, "application/json")),
    }
}

fn from_json(body: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(body).map_err(|e| Status::bad_request(format!("the body is no JSON: {e}")))
}

fn parse_patch(headers: &HeaderMap, body: &[u8]) -> Result<Patch, Status> {
    match media_type(headers) {
        "application/merge-patch+json" => from_json(body).map(Patch::Merge),
        "application/strategic-merge-patch+json" => from_json(body).map(Patch::Strategic),
        other => Err(Status::unsupported_media_type(
            other,
            "application/merge-patch+json, application/strategic-merge-patch+json",
        )),
    }
}

fn delete_options(body: &[u8]) -> Result<DeleteOptions, Status> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(DeleteOptions::default());
    }
    let body = from_json(body)?;
    if body.get("dryRun").and_then(Value::as_array).is_some_and(|d| !d.is_empty()) {
        return Err(Status::bad_request("dryRun is not served here: nothing was done"));
    }
    let field = |name: &str| body["preconditions"][name].as_str().map(str::to_owned);
    Ok(DeleteOptions { uid: field("uid"), version: field("resourceVersion") })
}

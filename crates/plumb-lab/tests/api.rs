//! The small Kubernetes API by plain HTTP: every verb, every kind of answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use plumb_lab::api::{Api, ApiOptions, ApiServer, Store, StoreOptions};
use serde_json::{Value, json};

struct Client {
    address: SocketAddr,
    _server: ApiServer,
}

/// Status and body.
type Answer = (u16, Value);

impl Client {
    fn new() -> Self {
        let options = ApiOptions { bookmarks: Duration::from_millis(50) };
        let api: Arc<Api> =
            Api::new(Store::new(StoreOptions { log_capacity: 32, ..Default::default() }), options);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let server = ApiServer::start(listener, api).expect("a server");
        Self { address: server.address(), _server: server }
    }

    fn open(&self, method: &str, path: &str, media: &str, body: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Type: {media}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        BufReader::new(stream)
    }

    fn text(&self, method: &str, path: &str, media: &str, body: &str) -> (u16, String) {
        let mut text = String::new();
        self.open(method, path, media, body).read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let code = head.split(' ').nth(1).and_then(|c| c.parse().ok()).expect("a status");
        (code, body.to_owned())
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (code, text) = self.text(method, path, media, &body);
        (code, serde_json::from_str(&text).expect("JSON"))
    }

    fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null)
    }

    /// Lines of JSON of a watch, until `n` came that are no bookmarks (or one that is, with `bookmarks`).
    fn watch(&self, path: &str, n: usize, bookmarks: bool) -> Vec<Value> {
        let lines = self.open("GET", path, "application/json", "").lines();
        let events = lines.map(|line| line.expect("a line")).filter(|line| line.starts_with('{'));
        let events = events.map(|line| serde_json::from_str::<Value>(&line).expect("an event"));
        events.filter(|e| bookmarks || e["type"] != "BOOKMARK").take(n).collect()
    }
}

fn service(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "selector": {"app": name}}})
}

const SERVICES: &str = "/api/v1/namespaces/default/services";

#[test]
fn every_verb() {
    let client = Client::new();
    let (code, created) = client.call("POST", SERVICES, &service("web"));
    assert_eq!((code, created["spec"]["clusterIP"].is_string()), (201, true));
    let path = format!("{SERVICES}/web");
    assert_eq!(client.get(&path), (200, created.clone()));

    let mut object = created.clone();
    object["metadata"]["labels"] = json!({"tier": "front"});
    let (code, updated) = client.call("PUT", &path, &object);
    assert_eq!((code, &updated["metadata"]["labels"]["tier"]), (200, &json!("front")));
    let (code, status) = client.call("PUT", &path, &object);
    assert_eq!(
        (code, status["reason"].as_str(), status["kind"].as_str()),
        (409, Some("Conflict"), Some("Status"))
    );
    assert_eq!(status["details"], json!({"name": "web", "kind": "services"}));

    let (code, patched) = client.call("PATCH", &path, &json!({"spec": {"sessionAffinity": "ClientIP"}}));
    assert_eq!(
        (code, &patched["spec"]["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]),
        (200, &json!(10_800))
    );
    let ingress = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    let (code, patched) = client.call("PATCH", &format!("{path}/status"), &ingress);
    assert_eq!((code, &patched["status"]), (200, &ingress["status"]));
    let (code, whole) = client.call("PUT", &format!("{path}/status"), &created);
    assert_eq!((code, whole["reason"].as_str()), (409, Some("Conflict")));
    assert_eq!(client.get(&format!("{path}/status")).1["status"], ingress["status"]);
    let strategic = r#"{"spec": {"ports": [{"port": 443, "name": "https"}, {"port": 80, "name": "http"}]}}"#;
    let (code, text) = client.text("PATCH", &path, "application/strategic-merge-patch+json", strategic);
    let ports = serde_json::from_str::<Value>(&text).expect("JSON")["spec"]["ports"].clone();
    assert_eq!((code, ports[0]["name"].as_str(), ports[1]["port"].as_u64()), (200, Some("http"), Some(443)));

    let (code, list) =
        client.get("/api/v1/services?labelSelector=tier%3Dfront&fieldSelector=spec.clusterIP%21%3DNone");
    assert_eq!(
        (code, list["kind"].as_str(), list["items"].as_array().map(Vec::len)),
        (200, Some("ServiceList"), Some(1))
    );
    let uid = json!({"preconditions": {"uid": "another"}});
    assert_eq!(client.call("DELETE", &path, &uid).0, 409);
    assert_eq!(client.call("DELETE", &path, &Value::Null).0, 200);
    let (code, status) = client.get(&path);
    assert_eq!((code, status["message"].as_str()), (404, Some("services \"web\" not found")));
    for name in ["a", "b"] {
        client.call("POST", SERVICES, &service(name));
    }
    let (code, deleted) = client.call("DELETE", &format!("{SERVICES}?labelSelector=%21tier"), &Value::Null);
    assert_eq!((code, deleted["items"].as_array().map(Vec::len)), (200, Some(2)));
}

#[test]
fn what_is_refused() {
    let client = Client::new();
    client.call("POST", SERVICES, &service("web"));
    for (method, path, body, code, reason) in [
        ("POST", SERVICES, service("web"), 409, "AlreadyExists"),
        ("POST", "/api/v1/namespaces/none/services", service("web"), 404, "NotFound"),
        ("POST", SERVICES, json!({"metadata": {"name": "x"}, "spec": {}}), 422, "Invalid"),
        ("POST", SERVICES, json!("text"), 400, "BadRequest"),
        ("POST", "/api/v1/services", service("x"), 400, "BadRequest"),
        ("POST", "/api/v1/namespaces/default/services?dryRun=All", service("x"), 400, "BadRequest"),
        ("POST", "/api/v1/namespaces/default/services/web", service("web"), 405, "MethodNotAllowed"),
        ("PUT", SERVICES, service("web"), 405, "MethodNotAllowed"),
        ("GET", "/api/v1/namespaces/default/services?labelSelector=a+b", Value::Null, 400, "BadRequest"),
        ("GET", "/api/v1/services?fieldSelector=spec.nodeName%3Dx", Value::Null, 400, "BadRequest"),
        ("GET", "/api/v1/services?limit=many", Value::Null, 400, "BadRequest"),
        ("GET", "/api/v1/services?resourceVersion=999999", Value::Null, 504, "Timeout"),
        ("GET", "/api/v1/services?continue=x", Value::Null, 400, "BadRequest"),
        ("GET", "/api/v1/secrets", Value::Null, 404, "NotFound"),
        ("GET", "/apis/apps/v1", Value::Null, 404, "NotFound"),
    ] {
        let (status, answer) = client.call(method, path, &body);
        assert_eq!((status, answer["reason"].as_str()), (code, Some(reason)), "{method} {path}: {answer}");
        assert_eq!(answer["code"], code, "{answer}");
    }
    for (method, path, media, body, code) in [
        ("POST", SERVICES, "application/json", "{", 400),
        ("POST", SERVICES, "application/yaml", "a: b", 415),
        ("PATCH", "/api/v1/namespaces/default/services/web", "application/apply-patch+yaml", "{}", 415),
        ("PATCH", "/api/v1/namespaces/default/services/web", "application/merge-patch+json", "7", 400),
    ] {
        let (status, text) = client.text(method, path, media, body);
        assert_eq!((status, text.contains("\"Status\"")), (code, true), "{method} {media}: {text}");
    }
    let long = format!("\"{}\"", "x".repeat(3 * 1024 * 1024));
    assert_eq!(client.text("POST", SERVICES, "application/json", &long).0, 413);
}

#[test]
fn discovery() {
    let client = Client::new();
    assert_eq!(client.get("/version").1["minor"], "36");
    assert_eq!(client.get("/api").1["versions"], json!(["v1"]));
    let groups = client.get("/apis").1;
    let names = groups["groups"].as_array().into_iter().flatten().filter_map(|g| g["name"].as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["discovery.k8s.io", "networking.k8s.io", "policy.networking.k8s.io"]
    );
    assert_eq!(client.get("/apis/discovery.k8s.io").1["kind"], "APIGroup");
    assert_eq!(client.get("/apis/discovery.k8s.io/v1").1["resources"][0]["name"], "endpointslices");
    let (code, core) = client.get("/api/v1");
    assert_eq!((code, core["resources"].as_array().is_some_and(|r| r.len() > 5)), (200, true));
    assert_eq!(client.text("GET", "/readyz", "", ""), (200, "ok".to_owned()));
    assert_eq!(client.call("POST", "/version", &Value::Null).0, 405);
    assert_eq!(
        client.get("/apis/networking.k8s.io/v1/servicecidrs/kubernetes").1["spec"]["cidrs"],
        json!(["10.96.0.0/12"])
    );
}

#[test]
fn watches() {
    let client = Client::new();
    let version =
        client.get(SERVICES).1["metadata"]["resourceVersion"].as_str().map(str::to_owned).expect("a version");
    for name in ["a", "b"] {
        client.call("POST", SERVICES, &service(name));
    }
    client.call("DELETE", &format!("{SERVICES}/a"), &Value::Null);
    let kinds = |events: &[Value]| {
        events.iter().map(|e| e["type"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };

    let events = client.watch(&format!("{SERVICES}?watch=1&resourceVersion={version}"), 3, false);
    assert_eq!(kinds(&events), ["ADDED", "ADDED", "DELETED"]);
    let events = client.watch("/api/v1/services?watch=true&allowWatchBookmarks=true", 3, true);
    assert_eq!(kinds(&events), ["ADDED", "BOOKMARK", "BOOKMARK"]);
    assert_eq!(
        events[1]["object"]["metadata"]["resourceVersion"],
        client.get(SERVICES).1["metadata"]["resourceVersion"]
    );
    let streaming = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let events = client.watch(&format!("/api/v1/services?watch=1&{streaming}"), 2, true);
    assert_eq!(kinds(&events), ["ADDED", "BOOKMARK"]);
    assert_eq!(events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    // One object, while it changes under the eyes of who watches.
    let path = format!("{SERVICES}/b");
    let watched = std::thread::scope(|scope| {
        let watch = scope.spawn(|| client.watch(&format!("{path}?watch=1"), 3, false));
        for i in 0.. {
            client.call("PATCH", &path, &json!({"metadata": {"labels": {"i": i.to_string()}}}));
            if watch.is_finished() {
                break;
            }
        }
        watch.join().expect("a watch")
    });
    assert_eq!(kinds(&watched), ["ADDED", "MODIFIED", "MODIFIED"]);

    for i in 0..40 {
        client.call("PATCH", &path, &json!({"metadata": {"labels": {"n": i.to_string()}}}));
    }
    let events = client.watch(&format!("{SERVICES}?watch=1&resourceVersion={version}"), 9, false);
    assert_eq!(
        (events[0]["type"].as_str(), events[0]["object"]["code"].as_u64()),
        (Some("ERROR"), Some(410))
    );
    assert_eq!(events.len(), 1);
    let events = client.watch("/api/v1/services?watch=1&timeoutSeconds=1", 9, false);
    assert_eq!(kinds(&events), ["ADDED"]);
}

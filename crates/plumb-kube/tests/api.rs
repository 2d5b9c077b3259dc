//! The API as a source, against the lab's small API over loopback.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use plumb_api::{Change, Kind, NamespacedName, Object};
use plumb_kube::{Access, ApiSource, Event, Interest, Notice, Running, Subject};
use plumb_lab::api::store::{DeleteOptions, Part, Patch, Stored};
use plumb_lab::api::{Api, ApiOptions, ApiServer, Status, Store, StoreOptions};
use serde_json::{Value, json};

/// Longest wait for anything; what is waited for takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn api(log_capacity: usize) -> Arc<Api> {
    let store = Store::new(StoreOptions { log_capacity, ..StoreOptions::default() });
    Api::new(store, ApiOptions { bookmarks: Duration::from_millis(100) })
}

fn serve(api: &Arc<Api>, address: &str) -> ApiServer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return ApiServer::start(listener, api.clone()).expect("a server"),
            Err(e) if Instant::now() > deadline => panic!("{address}: {e}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn create(api: &Api, kind: Kind, object: Value) -> Result<Arc<Stored>, Status> {
    let namespace = if kind.is_namespaced() { "default" } else { "" };
    api.with(|store| store.create(kind, namespace, object))
}

fn service(api: &Api, name: &str) -> Arc<Stored> {
    create(api, Kind::Service, json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}))
        .expect("a Service")
}

fn patch(api: &Api, kind: Kind, name: &str, patch: Value) {
    let name = NamespacedName::new("default", name);
    api.with(|store| store.patch(kind, &name, Part::Main, Patch::Merge(patch))).expect("a patch");
}

fn delete(api: &Api, kind: Kind, name: &str) {
    let name = NamespacedName::new("default", name);
    api.with(|store| store.delete(kind, &name, &DeleteOptions::default())).expect("a deletion");
}

/// One who keeps the view that the source tells.
struct Viewer {
    events: Receiver<Vec<Event>>,
    _running: Running,
    /// Name → labels, of all kinds.
    view: BTreeMap<String, String>,
    listed: Vec<Kind>,
    others: Vec<Event>,
    told: usize,
}

impl Viewer {
    fn new(server: &ApiServer, interests: Vec<Interest>) -> Self {
        let access = Access::plain(&format!("http://{}", server.address()));
        let (events, running) = ApiSource::new(access, interests).channel().expect("a source");
        Self { events, _running: running, view: BTreeMap::new(), listed: vec![], others: vec![], told: 0 }
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let batch = self.events.recv_timeout(left).unwrap_or_else(|e| {
                panic!(
                    "{what}: {e}; view {:?}, listed {:?}, {:?}",
                    self.view.keys(),
                    self.listed,
                    self.others
                )
            });
            batch.into_iter().for_each(|event| self.take(event));
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Change(Change::Applied(object)) => {
                self.told += 1;
                let key = object.key().to_string();
                assert!(!object.metadata().name.is_empty());
                self.view.insert(key, format!("{:?}", object.metadata().labels));
            }
            Event::Change(Change::Deleted(key)) => {
                self.told += 1;
                assert!(self.view.remove(&key.to_string()).is_some(), "{key} was not there");
            }
            Event::Change(Change::Listed(kind)) => self.listed.push(kind),
            other => self.others.push(other),
        }
    }

    fn has(&self, key: &str) -> bool {
        self.view.contains_key(key)
    }

    fn recovered(&self, wanted: impl Fn(&Subject) -> bool) -> bool {
        self.others.iter().any(|e| matches!(e, Event::Recovered(subject) if wanted(subject)))
    }

    fn problems(&self) -> Vec<String> {
        let problems = self.others.iter().filter_map(|e| match e {
            Event::Problem(problem) => Some(problem.to_string()),
            _ => None,
        });
        problems.collect()
    }
}

#[test]
fn what_a_proxy_watches() {
    let api = api(1000);
    let server = serve(&api, "127.0.0.1:0");
    service(&api, "before");
    let other = json!({"metadata": {"name": "other", "labels": {"service.kubernetes.io/service-proxy-name": ""}},
        "spec": {"ports": [{"port": 80}]}});
    create(&api, Kind::Service, other).expect("a Service");
    let headless =
        json!({"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}});
    create(&api, Kind::Service, headless).expect("a Service");
    for node in ["n1", "n2"] {
        create(&api, Kind::Node, json!({"metadata": {"name": node}})).expect("a Node");
    }
    let slice = json!({"metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "before"}}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": null});
    create(&api, Kind::EndpointSlice, slice).expect("a slice");

    let mut viewer = Viewer::new(&server, Interest::proxy("n1"));
    viewer.until("all lists", |v| v.listed.len() == 4);
    let there = ["EndpointSlice default/s", "Node n1", "Service default/before", "ServiceCIDR kubernetes"];
    assert_eq!(viewer.view.keys().collect::<Vec<_>>(), there);

    service(&api, "new");
    viewer.until("a new Service", |v| v.has("Service default/new"));
    patch(&api, Kind::Service, "new", json!({"metadata": {"labels": {"a": "b"}}}));
    viewer.until("a label", |v| v.view["Service default/new"].contains("\"b\""));
    // Another proxy takes over, and gives back.
    let label =
        |value: Value| json!({"metadata": {"labels": {"service.kubernetes.io/service-proxy-name": value}}});
    patch(&api, Kind::Service, "new", label(json!("mine")));
    viewer.until("it is gone", |v| !v.has("Service default/new"));
    patch(&api, Kind::Service, "new", label(Value::Null));
    viewer.until("it is back", |v| v.has("Service default/new"));
    delete(&api, Kind::Service, "new");
    delete(&api, Kind::EndpointSlice, "s");
    viewer.until("deletions", |v| v.view.len() == 3);
    assert_eq!((viewer.others, viewer.listed.len()), (vec![], 4));
}

#[test]
fn a_log_that_overflows_while_the_server_is_away() {
    let api = api(20);
    let server = serve(&api, "127.0.0.1:0");
    let address = server.address().to_string();
    for name in ["a", "b", "c"] {
        service(&api, name);
    }
    let mut viewer =
        Viewer::new(&server, vec![Interest::all(Kind::Service), Interest::all(Kind::EndpointSlice)]);
    viewer.until("lists", |v| v.listed.len() == 2 && v.view.len() == 3);

    drop(server);
    viewer.until("a problem", |v| !v.problems().is_empty());
    delete(&api, Kind::Service, "a");
    patch(&api, Kind::Service, "b", json!({"metadata": {"labels": {"now": "other"}}}));
    for i in 0..100 {
        service(&api, &format!("x{i}"));
    }
    let told = viewer.told;
    let _server = serve(&api, &address);
    viewer.until("all of it", |v| v.view.len() == 102);
    viewer.until("recovery", |v| v.recovered(|s| matches!(s, Subject::Server(_))));
    assert!(!viewer.has("Service default/a") && viewer.view["Service default/b"].contains("other"));
    // c did not change, so it is not told again: 100 new, one changed, one deleted.
    assert_eq!(viewer.told - told, 102);
    assert_eq!(viewer.listed.len(), 2);
    let problems = viewer.problems();
    assert!(problems.len() == 1 && problems[0].contains(&address), "{problems:?}");
    delete(&api, Kind::Service, "c");
    viewer.until("a change after it", |v| !v.has("Service default/c"));
}

#[test]
fn a_short_outage_loses_nothing() {
    let api = api(1000);
    let mut server = serve(&api, "127.0.0.1:0");
    let address = server.address().to_string();
    let mut viewer = Viewer::new(&server, vec![Interest::all(Kind::Service)]);
    for round in 0..3 {
        service(&api, &format!("up{round}"));
        viewer.until("a change", |v| v.has(&format!("Service default/up{round}")));
        drop(server);
        service(&api, &format!("down{round}"));
        server = serve(&api, &address);
        viewer.until("what came while it was away", |v| v.has(&format!("Service default/down{round}")));
    }
    assert_eq!((viewer.view.len(), viewer.told), (6, 6));
}

#[test]
fn a_server_that_is_set_up_anew() {
    let first = api(1000);
    let server = serve(&first, "127.0.0.1:0");
    let address = server.address().to_string();
    for i in 0..50 {
        service(&first, &format!("old{i}"));
    }
    let mut viewer = Viewer::new(&server, vec![Interest::all(Kind::Service)]);
    viewer.until("the old ones", |v| v.view.len() == 50);
    drop(server);
    // Its versions are below those that were seen.
    let second = api(1000);
    service(&second, "new");
    let _server = serve(&second, &address);
    viewer.until("only the new one", |v| v.view.len() == 1 && v.has("Service default/new"));
}

#[test]
fn a_malformed_object_among_good_ones() {
    let api = api(1000);
    let server = serve(&api, "127.0.0.1:0");
    let slice = |name: &str, endpoints: Value| json!({"metadata": {"name": name}, "addressType": "IPv4", "endpoints": endpoints});
    for (name, endpoints) in [("a", json!([])), ("bad", json!([{"addresses": [7]}])), ("c", json!([]))] {
        create(&api, Kind::EndpointSlice, slice(name, endpoints)).expect("a slice");
    }
    let mut viewer = Viewer::new(&server, vec![Interest::all(Kind::EndpointSlice)]);
    viewer.until("a list", |v| v.listed.len() == 1);
    assert_eq!(
        viewer.view.keys().collect::<Vec<_>>(),
        ["EndpointSlice default/a", "EndpointSlice default/c"]
    );
    assert!(viewer.problems()[0].starts_with("EndpointSlice default/bad: "), "{:?}", viewer.problems());

    patch(&api, Kind::EndpointSlice, "bad", json!({"endpoints": []}));
    viewer.until("the mended one", |v| v.view.len() == 3);
    assert!(viewer.recovered(|s| matches!(s, Subject::Object(key) if &*key.name.name == "bad")));
    patch(&api, Kind::EndpointSlice, "a", json!({"endpoints": "none", "metadata": {"labels": {"x": "y"}}}));
    create(&api, Kind::EndpointSlice, slice("d", json!([]))).expect("a slice");
    viewer.until("what comes after it", |v| v.has("EndpointSlice default/d"));
    assert_eq!(viewer.problems().len(), 2);
    assert_eq!(viewer.view["EndpointSlice default/a"], "{}");
}

#[test]
fn nobody_there_at_first() {
    let api = api(1000);
    let server = serve(&api, "127.0.0.1:0");
    let address = server.address().to_string();
    let access = Access::plain(&address);
    drop(server);
    let (events, running) =
        ApiSource::new(access, vec![Interest::all(Kind::Service)]).channel().expect("a source");
    let first = events.recv_timeout(PATIENCE).expect("a problem");
    assert!(matches!(&first[..], [Event::Problem(p)] if p.to_string().contains("no answer")), "{first:?}");
    let _server = serve(&api, &address);
    let second = events.recv_timeout(PATIENCE).expect("a list");
    assert!(
        matches!(
            &second[..],
            [Event::Change(Change::Listed(Kind::Service)), Event::Recovered(Subject::Server(_))]
        ),
        "{second:?}"
    );
    drop(running);
    assert!(events.recv_timeout(PATIENCE).is_err(), "the source ends with its guard");
}

#[test]
fn an_older_server_without_servicecidrs() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let access = Access::plain(&listener.local_addr().expect("an address").to_string());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n");
    });
    let (events, _running) =
        ApiSource::new(access, vec![Interest::all(Kind::ServiceCidr)]).channel().expect("a source");
    let first = events.recv_timeout(PATIENCE).expect("a notice");
    assert_eq!(
        first,
        [
            Event::Notice(Notice::KindAbsent(Kind::ServiceCidr)),
            Event::Change(Change::Listed(Kind::ServiceCidr))
        ]
    );
    server.join().expect("the server");
}

#[test]
fn by_kubeconfig() {
    let api = api(1000);
    service(&api, "a");
    let server = serve(&api, "127.0.0.1:0");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    let config = |server: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
             contexts: [{{name: lab, context: {{cluster: lab, user: me}}}}]\n\
             clusters: [{{name: lab, cluster: {{server: '{server}'}}}}]\nusers: [{{name: me, user: {{token: abc}}}}]\n"
        );
        std::fs::write(&path, text).expect("a file");
    };
    let address = format!("http://{}", server.address());
    // The second is what `--master` puts right.
    for (in_config, master) in [(address.as_str(), None), ("http://127.0.0.1:1", Some(address.clone()))] {
        config(in_config);
        let access = Access { kubeconfig: Some(path.clone()), master, ..Access::default() };
        let source = ApiSource::new(access, vec![Interest::all(Kind::Service)]);
        let (events, _running) = source.channel().expect("a source");
        let first = events.recv_timeout(PATIENCE).expect("events");
        assert!(
            matches!(&first[..], [Event::Change(Change::Applied(_)), Event::Change(Change::Listed(_))]),
            "{first:?}"
        );
    }
    let start = |access: Access| ApiSource::new(access, vec![]).channel().expect_err("no source").to_string();
    let elsewhere = folder.path().join("missing");
    assert!(start(Access { kubeconfig: Some(elsewhere), ..Access::default() }).contains("missing"));
    assert!(
        start(Access {
            context: Some("other".to_owned()),
            kubeconfig: Some(path.clone()),
            ..Access::default()
        })
        .contains("other")
    );
    assert!(start(Access::plain("http://")).contains("https://host:port"));
}

/// Prints times; what they should be is judged elsewhere, on a quiet machine and a release build:
/// `cargo test --release -p plumb-kube --test api ten_thousand -- --nocapture`.
#[test]
fn ten_thousand_services_and_slices() {
    const N: usize = 10_000;
    let api = api(10);
    let server = serve(&api, "127.0.0.1:0");
    let managed: Vec<_> = (0..2)
        .map(|i| json!({"manager": format!("m{i}"), "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:ports": {}, "f:selector": {}, "f:type": {}, "f:clusterIP": {}}}}))
        .collect();
    for i in 0..N {
        let labels = json!({"app": format!("app-{i}"), "kubernetes.io/service-name": format!("s{i}")});
        let spec = json!({"selector": {"app": format!("app-{i}")}, "ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443}]});
        create(
            &api,
            Kind::Service,
            json!({"metadata": {"name": format!("s{i}"), "labels": labels, "managedFields": managed}, "spec": spec}),
        )
        .expect("a Service");
        let endpoint = |e: usize| {
            json!({"addresses": [format!("10.{}.{}.{e}", i / 250, i % 250)], "nodeName": format!("node-{e}"), "zone": "a",
                "conditions": {"ready": true, "serving": true, "terminating": false},
                "targetRef": {"kind": "Pod", "namespace": "default", "name": format!("app-{i}-{e}"), "uid": "0f2f3c2e-1b7e-4f39-9f1d-6d0f6f6b7a11"}})
        };
        let slice = json!({"metadata": {"name": format!("s{i}-abcde"), "labels": labels, "managedFields": managed}, "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "https", "port": 8443, "protocol": "TCP"}],
            "endpoints": [endpoint(1), endpoint(2), endpoint(3)]});
        create(&api, Kind::EndpointSlice, slice).expect("a slice");
    }
    let started = Instant::now();
    let access = Access::plain(&server.address().to_string());
    let (sender, events) = std::sync::mpsc::channel();
    let deliver = move |events| {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        drop(sender.send((events, Duration::try_from(cpu).unwrap_or_default())));
    };
    let _running = ApiSource::new(access, Interest::proxy("n1")).start(deliver).expect("a source");
    let mut cpu = Duration::ZERO;
    let (mut applied, mut listed, mut slices) = (0, 0, 0);
    while listed < 4 {
        let (batch, so_far): (Vec<Event>, Duration) = events.recv_timeout(PATIENCE).expect("events");
        cpu = so_far;
        for event in batch {
            match event {
                Event::Change(Change::Applied(object)) => {
                    applied += 1;
                    slices += usize::from(matches!(*object, Object::EndpointSlice(_)));
                }
                Event::Change(Change::Listed(_)) => listed += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    let all = started.elapsed();
    println!(
        "{applied} objects ({slices} slices): first request to last change {all:?}, of the source's thread {cpu:?}"
    );
    assert_eq!((applied, slices), (2 * N + 1, N));
}

//! Objects listed once: against the lab's small API, and against servers that answer as they should not.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plumb_api::Kind;
use plumb_kube::{Access, Interest, ListOptions, Listed, SourceError, WhyUnread, list_once};
use plumb_lab::api::{Api, ApiOptions, ApiServer, Store, StoreOptions};
use serde_json::{Value, json};

fn all() -> Vec<Interest> {
    [Kind::Service, Kind::Pod, Kind::NetworkPolicy, Kind::AdminNetworkPolicy].map(Interest::all).into()
}

fn names(listed: &Listed) -> Vec<String> {
    let mut names: Vec<String> = listed.objects.iter().map(|o| o.key().to_string()).collect();
    names.sort();
    names
}

/// A server that answers each path with what was set for it, one answer after the other; the last stays.
struct Fake {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Status and body.
type Answer = (u16, Value);

impl Fake {
    fn new(answers: &[(&str, &[Answer])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address").to_string();
        let answers: BTreeMap<String, Vec<Answer>> =
            answers.iter().map(|(path, all)| ((*path).to_owned(), all.to_vec())).collect();
        let answers = Arc::new(Mutex::new(answers));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, told) = (answers.clone(), told.clone());
                std::thread::spawn(move || serve(&stream, &answers, &told));
            }
        });
        Self { address, asked }
    }

    fn list(&self, options: &ListOptions<'_>) -> Result<Listed, SourceError> {
        list_once(&Access::plain(&self.address), &all(), options)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn serve(stream: &TcpStream, answers: &Mutex<BTreeMap<String, Vec<Answer>>>, told: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while line.trim() != "" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
        }
        told.lock().expect("no panic").push(path.clone());
        let mut answers = answers.lock().expect("no panic");
        let key = answers.keys().filter(|k| path.starts_with(k.as_str())).max_by_key(|k| k.len()).cloned();
        let (code, body) = match key.and_then(|k| answers.get_mut(&k)) {
            Some(all) if all.len() > 1 => all.remove(0),
            Some(all) => all[0].clone(),
            None => (404, status(404, "the server could not find the requested resource")),
        };
        // Silence.
        if code == 0 {
            std::thread::sleep(Duration::from_secs(20));
            return;
        }
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if (&*stream).write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "X", "code": code})
}

fn list(next: &str, names: &[&str]) -> Value {
    let items: Vec<Value> =
        names.iter().map(|n| json!({"metadata": {"name": n, "namespace": "default"}})).collect();
    json!({"kind": "List", "metadata": {"resourceVersion": "5", "continue": next}, "items": items})
}

const SERVICES: &str = "/api/v1/services";
const PODS: &str = "/api/v1/pods";
const POLICIES: &str = "/apis/networking.k8s.io/v1/networkpolicies";

#[test]
fn pages_of_the_labs_api() {
    let store = Store::new(StoreOptions::default());
    let api = Api::new(store, ApiOptions { bookmarks: Duration::from_millis(100) });
    for i in 0..7 {
        let service = json!({"metadata": {"name": format!("s{i}")}, "spec": {"ports": [{"port": 80}]}});
        api.with(|store| store.create(Kind::Service, "default", service)).expect("a Service");
    }
    let deny = json!({"metadata": {"name": "deny"}, "spec": {"priority": 1, "subject": {"namespaces": {}},
        "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]}});
    api.with(|store| store.create(Kind::AdminNetworkPolicy, "", deny)).expect("a policy");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let server = ApiServer::start(listener, api).expect("a server");
    let told = Mutex::new(Vec::new());
    let progress = |kind: &str, count: usize| told.lock().expect("no panic").push(format!("{kind} {count}"));
    let options = ListOptions { page: 3, foreign: true, progress: &progress, ..ListOptions::default() };
    let listed = list_once(&Access::plain(&server.address().to_string()), &all(), &options).expect("objects");
    assert_eq!(listed.objects.len(), 8);
    assert!(names(&listed).contains(&"AdminNetworkPolicy deny".to_owned()), "{:?}", names(&listed));
    assert_eq!((listed.unread.len(), listed.undecodable.len(), listed.foreign.len()), (0, 0, 0));
    assert_eq!(
        told.into_inner().expect("no panic"),
        [
            "APIGroup 0",
            "Service 3",
            "Service 6",
            "Service 7",
            "Pod 0",
            "NetworkPolicy 0",
            "AdminNetworkPolicy 1"
        ]
    );
}

#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_used() {
    let fake = Fake::new(&[
        (SERVICES, &[(200, list("", &["a", "b"]))]),
        (PODS, &[(403, status(403, "pods is forbidden: User \"me\" cannot list resource \"pods\""))]),
        // Not there: a server of another age.
        (POLICIES, &[(404, status(404, "the server could not find the requested resource"))]),
    ]);
    let listed = fake.list(&ListOptions::default()).expect("some objects");
    assert_eq!(names(&listed), ["Service default/a", "Service default/b"]);
    let unread: Vec<String> = listed.unread.iter().map(ToString::to_string).collect();
    // An AdminNetworkPolicy is an extension: that nobody installed it is no loss.
    assert_eq!(unread.len(), 2, "{unread:?}");
    for word in
        ["Pod (", &format!("http://{}{PODS}", fake.address), "HTTP 403", "cannot list", "list on pods"]
    {
        assert!(unread[0].contains(word), "{word}: {unread:?}");
    }
    assert_eq!(listed.unread[1].why, WhyUnread::Absent);
    assert!(unread[1].contains("NetworkPolicy") && unread[1].contains("does not know"), "{unread:?}");
    // Whom nobody knows may read nothing; that is no silence.
    let nobody = Fake::new(&[("/", &[(401, status(401, "Unauthorized"))])]);
    let listed = nobody.list(&ListOptions { foreign: true, ..ListOptions::default() }).expect("an answer");
    assert_eq!((listed.objects.len(), listed.unread.len()), (0, 5));
    assert!(listed.unread[1].to_string().contains("check the account"), "{:?}", listed.unread);
}

#[test]
fn a_list_that_grows_too_old_is_begun_again() {
    let fake = Fake::new(&[
        (SERVICES, &[(200, list("t1", &["a"])), (200, list("t2", &["x", "y"])), (200, list("t2", &["x"]))]),
        (&format!("{SERVICES}?limit=500&continue=t1"), &[(410, status(410, "too old"))]),
        (&format!("{SERVICES}?limit=500&continue=t2"), &[(200, list("", &["z"]))]),
        (PODS, &[(200, list("", &[]))]),
        (POLICIES, &[(200, list("", &[]))]),
    ]);
    let listed = fake.list(&ListOptions::default()).expect("objects");
    // Nothing of the first try is left, and nothing comes twice.
    assert_eq!(names(&listed), ["Service default/x", "Service default/y", "Service default/z"]);
    let always = Fake::new(&[
        (SERVICES, &[(200, list("t1", &["a"]))]),
        (&format!("{SERVICES}?limit=500&continue=t1"), &[(410, status(410, "too old"))]),
        (PODS, &[(200, list("", &["p"]))]),
        (POLICIES, &[(200, list("", &[]))]),
    ]);
    let listed = always.list(&ListOptions::default()).expect("objects");
    assert_eq!((names(&listed), listed.unread.len()), (vec!["Pod default/p".to_owned()], 1));
    assert_eq!(listed.unread[0].why, WhyUnread::Changing);
}

#[test]
fn what_passes_is_asked_for_again_and_what_is_silent_is_not() {
    let busy = (429, status(429, "too many requests"));
    let fake = Fake::new(&[
        (SERVICES, &[busy.clone(), (503, status(503, "starting")), (200, list("", &["a"]))]),
        (PODS, &[busy]),
        (POLICIES, &[(200, json!("no list"))]),
    ]);
    let listed = fake.list(&ListOptions::default()).expect("objects");
    assert_eq!(names(&listed), ["Service default/a"]);
    assert!(matches!(listed.unread[0].why, WhyUnread::Unavailable { code: 429, .. }), "{:?}", listed.unread);
    assert!(matches!(listed.unread[1].why, WhyUnread::Garbled(_)), "{:?}", listed.unread);
    assert_eq!(fake.asked().iter().filter(|p| p.starts_with(PODS)).count(), 3);
    let silent = Fake::new(&[("/", &[(0, Value::Null)])]);
    let options = ListOptions { patience: Duration::from_millis(200), ..ListOptions::default() };
    let error = silent.list(&options).expect_err("nobody answers").to_string();
    assert!(error.contains(SERVICES) && error.contains("0.2 s"), "{error}");
    assert_eq!(silent.asked().len(), 1, "the rest is not asked for");
    let gone = list_once(&Access::plain("127.0.0.1:1"), &all(), &ListOptions::default());
    assert!(gone.expect_err("nobody there").to_string().contains("127.0.0.1:1"));
}

#[test]
fn a_bad_object_is_named_and_left_out() {
    let items = json!([{"metadata": {"name": "a", "namespace": "n"}, "spec": {"ports": [{"port": "x"}]}},
        {"metadata": {"name": "b", "namespace": "n"}, "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}}]);
    let fake = Fake::new(&[
        (SERVICES, &[(200, json!({"metadata": {}, "items": items}))]),
        (PODS, &[(200, list("", &[]))]),
        (POLICIES, &[(200, list("", &[]))]),
    ]);
    let listed = fake.list(&ListOptions::default()).expect("objects");
    assert_eq!(names(&listed), ["Service n/b"]);
    assert!(
        listed.undecodable[0].to_string().starts_with("Service n/a is left out: "),
        "{:?}",
        listed.undecodable
    );
}

#[test]
fn policies_of_network_plugins_are_found_by_name() {
    let version = |v: &str| json!({"groupVersion": v, "version": "x"});
    let group =
        |name: &str, v: &str| json!({"name": name, "versions": [version(v)], "preferredVersion": version(v)});
    let resource =
        |name: &str, kind: &str| json!({"name": name, "kind": kind, "verbs": ["list"], "namespaced": true});
    let cilium = [
        resource("ciliumnetworkpolicies", "CiliumNetworkPolicy"),
        resource("ciliumendpoints", "CiliumEndpoint"),
        resource("ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy"),
        resource("ciliumnetworkpolicies/status", "CiliumNetworkPolicy"),
    ];
    let fake = Fake::new(&[
        (
            "/apis",
            &[(200, json!({"groups": [group("cilium.io", "cilium.io/v2"), group("apps", "apps/v1")]}))],
        ),
        ("/apis/cilium.io/v2", &[(200, json!({"resources": cilium}))]),
        ("/apis/cilium.io/v2/ciliumnetworkpolicies", &[(200, list("", &["dns"]))]),
        ("/apis/cilium.io/v2/ciliumclusterwidenetworkpolicies", &[(403, status(403, "no"))]),
        (SERVICES, &[(200, list("", &[]))]),
        (PODS, &[(200, list("", &[]))]),
        (POLICIES, &[(200, list("", &[]))]),
    ]);
    let listed = fake.list(&ListOptions { foreign: true, ..ListOptions::default() }).expect("objects");
    let foreign: Vec<String> = listed.foreign.iter().map(ToString::to_string).collect();
    assert_eq!(foreign, ["CiliumNetworkPolicy default/dns"]);
    let unread: Vec<&str> = listed.unread.iter().map(|u| &*u.resource).collect();
    assert_eq!(unread, ["ciliumclusterwidenetworkpolicies.cilium.io"]);
    // What the server has not is not asked for.
    assert!(!fake.asked().iter().any(|p| p.contains("adminnetworkpolicies") || p.contains("apps/v1")));
}

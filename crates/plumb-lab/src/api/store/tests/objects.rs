//! Every verb, on objects of kinds without special treatment.

use super::*;

fn pod(store: &mut Store, called: &str, labels: Value) -> Arc<Stored> {
    let object = json!({"metadata": {"name": called, "labels": labels}, "spec": {"nodeName": "n1"}});
    store.create(Kind::Pod, "default", object).expect("a Pod")
}

fn seen(events: &[WatchEvent]) -> Vec<String> {
    let word = |e: &WatchEvent| {
        format!("{} {}", e.kind.name(), e.object.json["metadata"]["name"].as_str().unwrap_or(""))
    };
    events.iter().map(word).collect()
}

#[test]
fn create_fills_in_what_every_object_has() {
    let mut store = store();
    let pod = pod(&mut store, "a", json!({}));
    let metadata = &pod.json["metadata"];
    assert_eq!((pod.json["kind"].as_str(), pod.json["apiVersion"].as_str()), (Some("Pod"), Some("v1")));
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["resourceVersion"], store.version().to_string());
    assert!(metadata["uid"].is_string() && metadata["creationTimestamp"].is_string());
    assert_eq!(pod.json["status"]["phase"], "Pending");
    assert_eq!(serde_json::from_str::<Value>(&pod.text).expect("JSON"), pod.json);
    let made =
        store.create(Kind::Pod, "default", json!({"metadata": {"generateName": "web-"}})).expect("a Pod");
    let called = made.json["metadata"]["name"].as_str().expect("a name");
    assert!(called.starts_with("web-") && called.len() == 9, "{called}");
}

#[test]
fn what_cannot_be_created() {
    let mut store = store();
    pod(&mut store, "a", json!({}));
    let before = store.version();
    for (kind, namespace, object, code, reason) in [
        (Kind::Pod, "default", json!({"metadata": {"name": "a"}}), 409, "AlreadyExists"),
        (Kind::Pod, "nowhere", json!({"metadata": {"name": "b"}}), 404, "NotFound"),
        (Kind::Pod, "default", json!({"metadata": {"name": "B"}}), 422, "Invalid"),
        (Kind::Pod, "default", json!({}), 422, "Invalid"),
        (Kind::Pod, "default", json!([]), 400, "BadRequest"),
        (Kind::Pod, "default", json!({"metadata": 1}), 400, "BadRequest"),
        (Kind::Pod, "default", json!({"metadata": {"name": 1}}), 400, "BadRequest"),
        (Kind::Pod, "default", json!({"kind": "Node", "metadata": {"name": "b"}}), 400, "BadRequest"),
        (Kind::Pod, "default", json!({"metadata": {"name": "b", "namespace": "x"}}), 400, "BadRequest"),
        (Kind::Pod, "default", json!({"metadata": {"name": "b", "resourceVersion": "1"}}), 400, "BadRequest"),
        (Kind::Service, "default", json!({"metadata": {"name": "b"}, "spec": 7}), 422, "Invalid"),
        (
            Kind::NetworkPolicy,
            "default",
            json!({"metadata": {"name": "b"}, "spec": {"ingress": [{"from": [{}]}]}}),
            422,
            "Invalid",
        ),
        (
            Kind::NetworkPolicy,
            "default",
            json!({"metadata": {"name": "b"}, "spec": {"policyTypes": ["Sideways"]}}),
            400,
            "BadRequest",
        ),
    ] {
        let status = store.create(kind, namespace, object.clone()).expect_err("an error");
        assert_eq!((status.code, status.reason), (code, reason), "{object}");
    }
    assert_eq!(store.version(), before);
}

#[test]
fn updates_with_a_stale_version_conflict() {
    let mut store = store();
    let old = pod(&mut store, "a", json!({}));
    let mut new = old.json.clone();
    new["metadata"]["labels"] = json!({"app": "web"});
    let updated = store.update(Kind::Pod, &name("a"), Part::Main, new.clone()).expect("an update");
    assert!(updated.version > old.version);
    assert_eq!(updated.json["metadata"]["uid"], old.json["metadata"]["uid"]);
    let status = store.update(Kind::Pod, &name("a"), Part::Main, new.clone()).expect_err("stale");
    assert_eq!((status.code, status.reason), (409, "Conflict"));
    // Without a version the last one wins; without a change nothing happens.
    new["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    let again = store.update(Kind::Pod, &name("a"), Part::Main, new).expect("an update");
    assert_eq!(again.version, updated.version);
}

#[test]
fn the_status_is_written_apart() {
    let mut store = store();
    pod(&mut store, "a", json!({}));
    let patch = |v: Value| Patch::Merge(v);
    let body = json!({"metadata": {"labels": {"x": "y"}}, "status": {"podIP": "10.0.0.9"}});
    let pod = store.patch(Kind::Pod, &name("a"), Part::Main, patch(body.clone())).expect("a patch");
    assert_eq!((pod.json["status"].get("podIP"), &pod.json["metadata"]["labels"]["x"]), (None, &json!("y")));
    let pod = store.patch(Kind::Pod, &name("a"), Part::Status, patch(body)).expect("a patch");
    assert_eq!(pod.json["status"], json!({"phase": "Pending", "podIP": "10.0.0.9"}));
    assert_eq!(
        store.patch(Kind::Pod, &name("a"), Part::Main, patch(json!(1))).expect_err("no patch").code,
        400
    );
}

#[test]
fn lists_in_pages() {
    let mut store = store();
    for i in 0..5 {
        pod(&mut store, &format!("p{i}"), json!({}));
    }
    let mut options = ListOptions { limit: 2, namespace: "default".to_owned(), ..ListOptions::default() };
    let first = store.list(Kind::Pod, &options).expect("a page");
    assert_eq!((first.items.len(), first.remaining, first.version), (2, Some(3), store.version()));
    pod(&mut store, "p00", json!({}));
    let mut names = Vec::new();
    let mut page = first.clone();
    loop {
        names.extend(page.items.iter().map(|o| o.json["metadata"]["name"].clone()));
        if page.continue_token.is_empty() {
            break;
        }
        options.continue_token = page.continue_token;
        page = store.list(Kind::Pod, &options).expect("a page");
        assert_eq!(page.version, first.version);
    }
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4"]);
    let missed = store.events_since(Kind::Pod, first.version, "", &Selector::default()).expect("events");
    assert_eq!(seen(&missed), ["ADDED p00"]);
    for i in 0..20 {
        pod(&mut store, &format!("q{i}"), json!({}));
    }
    options.continue_token = first.continue_token;
    assert_eq!(store.list(Kind::Pod, &options).expect_err("forgotten").code, 410);
    options.continue_token = "nonsense".to_owned();
    assert_eq!(store.list(Kind::Pod, &options).expect_err("nonsense").code, 400);
}

#[test]
fn a_watch_sees_objects_come_and_go_by_its_selector() {
    let mut store = store();
    let start = store.version();
    let selector = Selector::parse(Kind::Pod, "!hidden", "spec.nodeName=n1").expect("a selector");
    pod(&mut store, "a", json!({}));
    pod(&mut store, "b", json!({"hidden": ""}));
    let patch = |store: &mut Store, pod: &str, labels: Value| {
        let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
        store.patch(Kind::Pod, &name(pod), Part::Main, patch).expect("a patch").version
    };
    let hid = patch(&mut store, "a", json!({"hidden": "yes"}));
    patch(&mut store, "b", json!({"hidden": null}));
    patch(&mut store, "b", json!({"app": "web"}));
    store.delete(Kind::Pod, &name("a"), &DeleteOptions::default()).expect("a deletion");
    let gone = store.delete(Kind::Pod, &name("b"), &DeleteOptions::default()).expect("a deletion");
    let events = store.events_since(Kind::Pod, start, "default", &selector).expect("events");
    assert_eq!(seen(&events), ["ADDED a", "DELETED a", "ADDED b", "MODIFIED b", "DELETED b"]);
    assert_eq!(events[1].object.version, hid);
    assert!(events[1].object.json["metadata"]["labels"].get("hidden").is_none());
    assert_eq!((events[4].object.version, gone.version), (store.version(), store.version()));
    assert!(store.events_since(Kind::Pod, start, "other", &selector).expect("events").is_empty());
    assert_eq!(
        store.events_since(Kind::Pod, store.version() + 1, "", &selector).expect_err("future").code,
        504
    );
}

#[test]
fn deletion_with_preconditions_and_finalizers() {
    let mut store = store();
    let object = json!({"metadata": {"name": "a", "finalizers": ["example.com/x"]}});
    let pod = store.create(Kind::Pod, "default", object).expect("a Pod");
    let other = DeleteOptions { uid: Some("other".to_owned()), version: None };
    assert_eq!(store.delete(Kind::Pod, &name("a"), &other).expect_err("another").code, 409);
    let uid = pod.json["metadata"]["uid"].as_str().map(str::to_owned);
    let marked = store.delete(Kind::Pod, &name("a"), &DeleteOptions { uid, version: None }).expect("a mark");
    assert!(marked.json["metadata"]["deletionTimestamp"].is_string());
    assert!(store.get(Kind::Pod, &name("a")).is_ok());
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    store.patch(Kind::Pod, &name("a"), Part::Main, patch).expect("a patch");
    assert_eq!(store.get(Kind::Pod, &name("a")).expect_err("gone").code, 404);
}

#[test]
fn a_namespace_takes_what_lives_in_it_along() {
    let mut store = store();
    store.create(Kind::Namespace, "", json!({"metadata": {"name": "shop"}})).expect("a Namespace");
    let slice = json!({"metadata": {"name": "s"}, "addressType": "IPv4", "endpoints": []});
    let slice = store.create(Kind::EndpointSlice, "shop", slice).expect("a slice");
    assert_eq!(slice.json["metadata"]["generation"], 1);
    store.delete(Kind::Namespace, &NamespacedName::new("", "shop"), &DeleteOptions::default()).expect("gone");
    assert_eq!(store.list(Kind::EndpointSlice, &ListOptions::default()).expect("a list").items.len(), 0);
}

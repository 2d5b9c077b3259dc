use plumb_api::Object;
use serde_json::json;

use super::super::decode::Decoded;
use super::*;

fn service(name: &str, version: &str) -> Decoded {
    let json = json!({"metadata": {"name": name, "namespace": "n", "resourceVersion": version}});
    Decoded::Object(Box::new(Object::of_kind(Kind::Service, json).expect("a Service")))
}

fn bad(name: &str) -> Decoded {
    Decoded::Bad { name: NamespacedName::new("n", name), error: "spec".to_owned() }
}

fn page(version: &str, more: &str, items: Vec<Decoded>) -> Input {
    Input::Page(Page { version: version.to_owned(), continue_token: more.to_owned(), items })
}

/// `+a` applied, `-a` deleted, `!a` a problem, `~a` recovered, `=` listed.
fn told(step: &Step) -> String {
    let name = |subject: &Subject| match subject {
        Subject::Object(key) => key.name.name.to_string(),
        other => other.to_string(),
    };
    let words = step.events.iter().map(|event| match event {
        Event::Change(Change::Applied(o)) => format!("+{}", o.metadata().name),
        Event::Change(Change::Deleted(key)) => format!("-{}", key.name.name),
        Event::Change(Change::Listed(_)) => "=".to_owned(),
        Event::Problem(problem) => format!("!{}", name(&problem.subject)),
        Event::Recovered(subject) => format!("~{}", name(subject)),
        Event::Notice(notice) => notice.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn machine() -> Machine {
    Machine::new(Interest::proxy("node").swap_remove(0))
}

#[test]
fn pages_then_changes_then_a_new_list() {
    let mut m = machine();
    assert_eq!(told(&m.step(page("", "p2", vec![service("a", "1"), service("b", "2")]))), "+a +b");
    assert_eq!(*m.request(), Request::List { cached: true, continue_token: "p2".to_owned() });
    assert_eq!(told(&m.step(page("7", "", vec![service("c", "3")]))), "+c =");
    assert_eq!(*m.request(), Request::Watch { version: "7".to_owned() });
    assert!(m.step(Input::Opened).go_on);
    let deleted = Watched::Deleted(NamespacedName::new("n", "b"), "9".to_owned());
    let step = m.step(Input::Watched(vec![Watched::Applied(service("a", "8"), "8".to_owned()), deleted]));
    assert_eq!((told(&step).as_str(), step.go_on), ("+a -b", true));
    m.step(Input::Watched(vec![Watched::Bookmark("20".to_owned())]));
    assert_eq!(m.step(Input::Ended).pause, Duration::ZERO);
    assert_eq!(*m.request(), Request::Check { version: "20".to_owned() });
    // The first object comes along; that it may have changed is for the watch to tell.
    assert_eq!(told(&m.step(page("21", "more", vec![service("a", "21")]))), "");
    assert_eq!(*m.request(), Request::Watch { version: "20".to_owned() });

    let step = m.step(Input::Watched(vec![Watched::Failed(Failure::Gone)]));
    assert!(!step.go_on && step.events.is_empty());
    assert_eq!(*m.request(), Request::List { cached: false, continue_token: String::new() });
    // Known versions are not told again; what is missing is gone; `Listed` comes once.
    assert_eq!(told(&m.step(page("30", "", vec![service("a", "8"), service("d", "25")]))), "+d -c");
}

#[test]
fn a_list_that_breaks_off_forgets_nothing() {
    let mut m = machine();
    m.step(page("", "p2", vec![service("a", "1"), service("b", "1")]));
    let step = m.step(Input::Failed(Failure::Unreachable("refused".to_owned())));
    assert!(step.pause > Duration::ZERO && matches!(step.server, Some(Err(Trouble::Unreachable(_)))));
    assert_eq!(*m.request(), Request::List { cached: true, continue_token: "p2".to_owned() });
    m.step(Input::Failed(Failure::Gone));
    let step = m.step(page("5", "", vec![service("a", "1")]));
    assert_eq!((told(&step).as_str(), step.server), ("-b =", Some(Ok(()))));
}

#[test]
fn an_object_that_cannot_be_decoded_stays_as_it_was() {
    let mut m = machine();
    m.step(page("5", "", vec![service("a", "1"), service("b", "1")]));
    let step = m.step(Input::Watched(vec![Watched::Applied(bad("a"), "6".to_owned())]));
    assert_eq!(told(&step), "!a");
    m.step(Input::Failed(Failure::Gone));
    assert_eq!(told(&m.step(page("7", "", vec![bad("a"), service("b", "1")]))), "");
    let step = m.step(Input::Watched(vec![Watched::Applied(service("a", "8"), "8".to_owned())]));
    assert_eq!(told(&step), "+a ~a");
    m.step(Input::Watched(vec![Watched::Applied(bad("a"), "9".to_owned())]));
    let deleted = Watched::Deleted(NamespacedName::new("n", "a"), "10".to_owned());
    assert_eq!(told(&m.step(Input::Watched(vec![deleted]))), "-a ~a");
}

#[test]
fn what_is_no_longer_wanted_is_deleted() {
    let mut m = machine();
    m.step(page("5", "", vec![service("a", "1")]));
    let json = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"clusterIP": "None"}});
    let headless = Decoded::Object(Box::new(Object::of_kind(Kind::Service, json).expect("a Service")));
    let step = m.step(Input::Watched(vec![Watched::Applied(headless.clone(), "6".to_owned())]));
    assert_eq!(told(&step), "-a");
    assert_eq!(told(&m.step(Input::Watched(vec![Watched::Applied(headless, "7".to_owned())]))), "");
}

#[test]
fn a_kind_that_the_server_does_not_know() {
    let absent = || Input::Failed(Failure::answer(404, "not found".to_owned(), true));
    let mut m = Machine::new(Interest::all(Kind::ServiceCidr));
    let step = m.step(absent());
    assert!(
        told(&step).ends_with('=') && told(&step).contains("does not know ServiceCIDR"),
        "{}",
        told(&step)
    );
    assert_eq!((step.pause, step.server), (ABSENT_PAUSE, Some(Ok(()))));
    assert_eq!(told(&m.step(absent())), "");
    // Of other kinds an empty list would take everything away.
    let mut m = machine();
    assert_eq!(told(&m.step(absent())), "!objects of kind Service");
    assert_eq!(told(&m.step(absent())), "");
    assert_eq!(told(&m.step(page("5", "", vec![]))), "~objects of kind Service =");
}

#[test]
fn a_server_without_the_field_selector() {
    let mut m = machine();
    assert!(m.path().contains("fieldSelector"));
    let refused = Failure::answer(400, "field label not supported: spec.clusterIP".to_owned(), true);
    let step = m.step(Input::Failed(refused.clone()));
    assert!(matches!(step.events[..], [Event::Notice(Notice::SelectorUnsupported { .. })]));
    assert!(!m.path().contains("fieldSelector"));
    assert_eq!(told(&m.step(Input::Failed(refused))), "!objects of kind Service");
}

#[test]
fn pauses_grow_while_watches_end_at_once() {
    let mut m = machine();
    m.step(page("5", "", vec![]));
    let mut pauses = Vec::new();
    for _ in 0..6 {
        m.step(Input::Opened);
        pauses.push(m.step(Input::Ended).pause);
    }
    assert!(pauses[5] > pauses[0] * 8, "{pauses:?}");
    m.step(Input::Watched(vec![Watched::Bookmark("6".to_owned())]));
    assert_eq!(m.step(Input::Ended).pause, Duration::ZERO);
}

#[test]
fn a_server_that_counts_anew() {
    let mut m = machine();
    m.step(page("7", "", vec![service("a", "3"), service("b", "4")]));
    let lost = || Input::Failed(Failure::Unreachable("reset".to_owned()));
    m.step(lost());
    m.step(lost());
    assert_eq!(*m.request(), Request::Check { version: "7".to_owned() });
    m.step(Input::Failed(Failure::answer(504, "Too large resource version: 7, current: 5".to_owned(), true)));
    assert_eq!(*m.request(), Request::List { cached: false, continue_token: String::new() });
    // Another `a` may have the version of the old one.
    assert_eq!(told(&m.step(page("5", "", vec![service("a", "3")]))), "+a -b");
    // One that tells its version although it was asked for a later one; one that has come further, with another `a`, and without.
    let json = json!({"metadata": {"name": "a", "namespace": "n", "resourceVersion": "3", "uid": "other"}});
    let other = Decoded::Object(Box::new(Object::of_kind(Kind::Service, json).expect("a Service")));
    for first in [page("4", "", vec![service("a", "3")]), page("9", "", vec![other]), page("9", "", vec![])] {
        m.step(Input::Ended);
        assert_eq!(told(&m.step(first)), "");
        assert_eq!(*m.request(), Request::List { cached: false, continue_token: String::new() });
        m.step(page("5", "", vec![service("a", "3")]));
    }
}

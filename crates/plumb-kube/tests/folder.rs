//! A folder of manifests as a source: files appear, break, are mended, renamed, swapped and deleted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use plumb_api::{Change, Kind, Object};
use plumb_kube::{Event, FolderSource, Interest, Notice, Running, SourceError, Subject};
use tempfile::TempDir;

/// Longest wait for anything; what is waited for takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(30);

fn service(name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{clusterIP: 10.96.0.9, ports: [{{port: {port}}}]}}\n"
    )
}

/// Writes as careful programs do.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("a file");
    fs::rename(&new, path).expect("a rename");
}

struct Viewer {
    events: Receiver<Vec<Event>>,
    _running: Running,
    /// Name → first port.
    view: BTreeMap<String, u16>,
    history: Vec<String>,
    problems: BTreeMap<Subject, String>,
    notices: Vec<Notice>,
}

impl Viewer {
    fn new(path: &Path) -> Self {
        let interests = vec![Interest::all(Kind::Service), Interest::all(Kind::EndpointSlice)];
        let (events, running) = FolderSource::new(path, interests).channel().expect("a source");
        let mut viewer = Self {
            events,
            _running: running,
            view: BTreeMap::new(),
            history: vec![],
            problems: BTreeMap::new(),
            notices: vec![],
        };
        viewer.until("the first look", |v| v.history.iter().filter(|h| *h == "=").count() == 2);
        viewer.history.clear();
        viewer
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let batch = self.events.recv_timeout(left).unwrap_or_else(|e| {
                panic!("{what}: {e}; {:?}, {:?}, {:?}", self.view, self.history, self.problems)
            });
            batch.into_iter().for_each(|event| self.take(event));
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Change(Change::Applied(object)) => {
                let Object::Service(service) = *object else { panic!("{object:?}") };
                self.history.push(format!("+{}", service.metadata.name));
                self.view.insert(service.metadata.name.to_string(), service.spec.ports[0].port);
            }
            Event::Change(Change::Deleted(key)) => {
                self.history.push(format!("-{}", key.name.name));
                assert!(self.view.remove(&*key.name.name).is_some(), "{key} was not there");
            }
            Event::Change(Change::Listed(_)) => self.history.push("=".to_owned()),
            Event::Problem(problem) => {
                drop(self.problems.insert(problem.subject.clone(), problem.to_string()))
            }
            Event::Recovered(subject) => assert!(self.problems.remove(&subject).is_some(), "{subject}"),
            Event::Notice(notice) => self.notices.push(notice),
        }
    }

    fn names(&self) -> Vec<&str> {
        self.view.keys().map(String::as_str).collect()
    }
}

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("manifests");
    fs::create_dir(&path).expect("a folder");
    (dir, path)
}

#[test]
fn a_bad_file_keeps_its_last_state() {
    let (_dir, path) = folder();
    fs::write(path.join("a.yaml"), service("a", 80)).expect("a file");
    fs::write(path.join("b.yaml"), service("b", 80)).expect("a file");
    fs::write(path.join("notes.txt"), "not: [a manifest").expect("a file");
    fs::write(path.join(".hidden.yaml"), "not: [a manifest").expect("a file");
    let mut viewer = Viewer::new(&path);
    assert_eq!((viewer.names(), viewer.problems.len()), (vec!["a", "b"], 0));

    let bad = service("a", 81).replace("port: 81", "port: many");
    fs::write(path.join("a.yaml"), bad).expect("a file");
    viewer.until("a problem", |v| !v.problems.is_empty());
    let (subject, text) = viewer.problems.first_key_value().expect("a problem");
    assert_eq!(*subject, Subject::File(path.join("a.yaml")));
    let place = format!("{}:4:", path.join("a.yaml").display());
    assert!(text.starts_with(&place), "{text}");
    // The others go on meanwhile.
    fs::write(
        path.join("c.json"),
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"c"},"spec":{"ports":[{"port":1}]}}"#,
    )
    .expect("a file");
    viewer.until("another file", |v| v.view.contains_key("c"));
    assert_eq!((viewer.view["a"], viewer.problems.len()), (80, 1));

    fs::write(path.join("a.yaml"), service("a", 82)).expect("a file");
    viewer.until("the mended file", |v| v.view["a"] == 82 && v.problems.is_empty());
    fs::remove_file(path.join("b.yaml")).expect("a deletion");
    viewer.until("the deletion", |v| v.names() == ["a", "c"]);
    assert_eq!(viewer.history, ["+c", "+a", "-b"]);
}

#[test]
fn a_bad_file_that_is_deleted() {
    let (_dir, path) = folder();
    fs::write(path.join("a.yaml"), "{").expect("a file");
    let mut viewer = Viewer::new(&path);
    assert_eq!(viewer.problems.len(), 1);
    fs::remove_file(path.join("a.yaml")).expect("a deletion");
    viewer.until("the problem to go", |v| v.problems.is_empty());
}

#[test]
fn files_that_are_renamed_into_place() {
    let (_dir, path) = folder();
    fs::write(path.join("a.yaml"), service("a", 80)).expect("a file");
    let mut viewer = Viewer::new(&path);
    for port in 81..90 {
        replace(&path.join("a.yaml"), &service("a", port));
        viewer.until("the new text", |v| v.view["a"] == port);
    }
    // As vim does: the old file is moved away, the new one written.
    fs::rename(path.join("a.yaml"), path.join("a.yaml~")).expect("a rename");
    fs::write(path.join("a.yaml"), service("a", 99)).expect("a file");
    viewer.until("the new text", |v| v.view["a"] == 99);
    assert!(viewer.history.iter().all(|h| h == "+a"), "{:?}", viewer.history);
    fs::rename(path.join("a.yaml"), path.join("a.off")).expect("a rename");
    viewer.until("the deletion", |v| v.view.is_empty());
}

#[test]
fn a_mounted_configmap_changes_as_a_whole() {
    let (_dir, path) = folder();
    let version = |name: &str, port: u16| {
        let data = path.join(name);
        fs::create_dir_all(data.join("sub")).expect("a folder");
        fs::write(data.join("a.yaml"), service("a", port)).expect("a file");
        fs::write(data.join("sub/b.yaml"), service("b", port)).expect("a file");
    };
    version("..1", 80);
    symlink("..1", path.join("..data")).expect("a link");
    symlink("..data/a.yaml", path.join("a.yaml")).expect("a link");
    symlink("..data/sub", path.join("sub")).expect("a link");
    let mut viewer = Viewer::new(&path);
    assert_eq!(viewer.names(), ["a", "b"]);
    for round in 2..5 {
        version(&format!("..{round}"), 80 + round);
        symlink(format!("..{round}"), path.join("..data_tmp")).expect("a link");
        fs::rename(path.join("..data_tmp"), path.join("..data")).expect("a swap");
        fs::remove_dir_all(path.join(format!("..{}", round - 1))).expect("a deletion");
        viewer.until("the swap", |v| v.view.values().all(|port| *port == 80 + round));
    }
    assert!(viewer.history.iter().all(|h| h.starts_with('+')), "{:?}", viewer.history);
    // A change of what a link leads to, beyond the folder.
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::write(elsewhere.path().join("c"), service("c", 1)).expect("a file");
    symlink(elsewhere.path().join("c"), path.join("c.yaml")).expect("a link");
    viewer.until("the linked file", |v| v.view.get("c") == Some(&1));
    replace(&elsewhere.path().join("c"), &service("c", 2));
    viewer.until("its change", |v| v.view.get("c") == Some(&2));
}

#[test]
fn subfolders_and_links_in_circles() {
    let (_dir, path) = folder();
    fs::create_dir(path.join("x")).expect("a folder");
    symlink("..", path.join("x/up")).expect("a link");
    symlink("nowhere", path.join("gone.yaml")).expect("a link");
    let mut viewer = Viewer::new(&path);
    fs::create_dir_all(path.join("y/z")).expect("a folder");
    fs::write(path.join("y/z/a.yaml"), service("a", 80)).expect("a file");
    viewer.until("a file in a new folder", |v| v.names() == ["a"]);
    fs::write(path.join("y/z/a.yaml"), service("a", 81)).expect("a file");
    viewer.until("its change", |v| v.view["a"] == 81);
    fs::rename(path.join("y"), path.join("w")).expect("a rename");
    fs::write(path.join("w/z/b.yaml"), service("b", 80)).expect("a file");
    viewer.until("a file in the renamed folder", |v| v.names() == ["a", "b"]);
    fs::remove_dir_all(path.join("w")).expect("a deletion");
    viewer.until("the deletion", |v| v.view.is_empty());
}

#[test]
fn the_same_object_in_two_files() {
    let (_dir, path) = folder();
    fs::write(path.join("a.yaml"), service("a", 1)).expect("a file");
    fs::write(path.join("b.yaml"), service("a", 2)).expect("a file");
    let mut viewer = Viewer::new(&path);
    assert_eq!(viewer.view["a"], 2);
    let warned = |n: &Notice| matches!(n, Notice::Manifest(w) if w.id() == "again");
    assert!(viewer.notices.iter().any(warned), "{:?}", viewer.notices);
    fs::remove_file(path.join("b.yaml")).expect("a deletion");
    viewer.until("the other one", |v| v.view["a"] == 1);
    assert_eq!(viewer.history, ["+a"]);
}

#[test]
fn a_folder_that_goes_and_comes_back() {
    let (dir, path) = folder();
    fs::write(path.join("a.yaml"), service("a", 80)).expect("a file");
    let mut viewer = Viewer::new(&path);
    fs::rename(&path, dir.path().join("away")).expect("a rename");
    viewer.until("a problem", |v| v.problems.contains_key(&Subject::Folder(path.clone())));
    assert_eq!(viewer.names(), ["a"]);
    fs::write(dir.path().join("away/a.yaml"), service("a", 81)).expect("a file");
    fs::rename(dir.path().join("away"), &path).expect("a rename");
    viewer.until("recovery", |v| v.problems.is_empty() && v.view["a"] == 81);
    replace(&path.join("a.yaml"), &service("a", 82));
    viewer.until("a change after it", |v| v.view["a"] == 82);
}

#[test]
fn a_single_file() {
    let (_dir, path) = folder();
    let file = path.join("services.conf");
    fs::write(&file, service("a", 80)).expect("a file");
    let mut viewer = Viewer::new(&file);
    replace(&file, &format!("{}---\n{}", service("a", 81), service("b", 80)));
    viewer.until("the new text", |v| v.names() == ["a", "b"] && v.view["a"] == 81);
    let missing = FolderSource::new(path.join("missing"), vec![]).channel().expect_err("no such file");
    assert!(
        matches!(missing, SourceError::Folder { .. }) && missing.to_string().contains("missing"),
        "{missing}"
    );
}

/// A file that is opened to be written is empty for a moment, in which its objects are not gone.
#[test]
fn a_file_is_never_seen_half_written() {
    let (_dir, path) = folder();
    for name in ["a", "b"] {
        fs::write(path.join(name).with_extension("yaml"), service(name, 1)).expect("a file");
    }
    let mut viewer = Viewer::new(&path);
    for port in 2..40 {
        // New folders make the source look again at once, and another file keeps it busy.
        fs::create_dir(path.join(port.to_string())).expect("a folder");
        fs::write(path.join("b.yaml"), service("b", port)).expect("a file");
        fs::write(path.join("a.yaml"), service("a", port)).expect("a file");
        if port % 4 == 0 {
            viewer.until("the new text", |v| v.view["a"] == port);
        }
    }
    assert!(viewer.history.iter().all(|h| h.starts_with('+')), "{:?}", viewer.history);
}

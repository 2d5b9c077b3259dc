//! A node with a proxy, an API server on its loopback, a client, and endpoints.

use std::fs::File;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumb_api::{Kind, NamespacedName, Object};
use plumb_kernel::in_namespace;
use plumb_lab::api::store::{DeleteOptions, Part, Patch};
use plumb_lab::api::{Api, ApiOptions, ApiServer, Status, Store, StoreOptions};
use plumb_tests::binary::Plumb;
use plumb_tests::hosts::{Hosts, endpoint, path};
use plumb_tests::services::{cluster_ip, failed, service, slice};
use plumb_tests::{Failure, Result};
use serde_json::{Value, json};

/// Longest wait for a state; the proxy asks an API server that was away again after 23 s at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the node finds the API.
pub(crate) const API: &str = "127.0.0.1:6443";
/// The same as an argument.
pub(crate) const PLAIN: [&str; 2] = ["--master", "http://127.0.0.1:6443"];

pub(crate) struct Bed {
    pub(crate) hosts: Hosts,
    pub(crate) folder: tempfile::TempDir,
    plumb: Plumb,
}

/// An API's store, with what the tests write into it.
pub(crate) struct Objects(pub(crate) Arc<Api>);

impl Objects {
    /// With a log of so many events a kind.
    pub(crate) fn new(log_capacity: usize) -> Result<Self> {
        let store = Store::new(StoreOptions { log_capacity, ..StoreOptions::default() });
        let objects = Self(Api::new(store, ApiOptions::default()));
        objects.create(Kind::Namespace, "", json!({"metadata": {"name": "bench"}}))?;
        Ok(objects)
    }

    fn create(&self, kind: Kind, namespace: &str, object: Value) -> Result<()> {
        told(self.0.with(|store| store.create(kind, namespace, object)).map(drop))
    }

    /// A Service with these endpoints.
    pub(crate) fn service(&self, number: u32, endpoints: &[u8]) -> Result<()> {
        let object = Object::Service(service(number, json!({}))?).to_json().map_err(failed("writing"))?;
        self.create(Kind::Service, "bench", object)?;
        let ends: Vec<_> = endpoints.iter().copied().map(endpoint).collect();
        let object = Object::EndpointSlice(slice(number, &ends)?).to_json().map_err(failed("writing"))?;
        self.create(Kind::EndpointSlice, "bench", object)
    }

    /// Other endpoints.
    pub(crate) fn endpoints(&self, number: u32, endpoints: &[u8]) -> Result<()> {
        let ends: Vec<Value> =
            endpoints.iter().map(|i| json!({"addresses": [endpoint(*i).to_string()]})).collect();
        let name = NamespacedName::new("bench", &format!("svc-{number}-a"));
        let patch = Patch::Merge(json!({"endpoints": ends}));
        told(self.0.with(|store| store.patch(Kind::EndpointSlice, &name, Part::Main, patch)).map(drop))
    }

    /// No Service, no slice.
    pub(crate) fn delete(&self, number: u32) -> Result<()> {
        let names =
            [(Kind::Service, format!("svc-{number}")), (Kind::EndpointSlice, format!("svc-{number}-a"))];
        for (kind, name) in names {
            let name = NamespacedName::new("bench", &name);
            told(self.0.with(|store| store.delete(kind, &name, &DeleteOptions::default())).map(drop))?;
        }
        Ok(())
    }

    /// Serves them to the node, without TLS and accounts.
    pub(crate) fn serve(&self, bed: &Bed) -> Result<ApiServer> {
        ApiServer::start(bed.listen()?, Arc::clone(&self.0)).map_err(Failure::io("serving the API"))
    }
}

fn told(result: std::result::Result<(), Status>) -> Result<()> {
    result.map_err(|s| Failure::Agent { what: "the API".into(), why: s.to_json().to_string() })
}

impl Bed {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir().map_err(Failure::io("making a folder"))?;
        Ok(Self { hosts: Hosts::new()?, folder, plumb: Plumb::find()? })
    }

    /// The socket at [`API`] in the node; one that was just closed may take a moment.
    pub(crate) fn listen(&self) -> Result<TcpListener> {
        let bind =
            || in_namespace(path(&self.hosts.node), || TcpListener::bind(API)).map_err(failed("entering"));
        let mut bound = bind()?;
        let deadline = Instant::now() + PATIENCE;
        while bound.is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
            bound = bind()?;
        }
        bound.map_err(Failure::io("listening for the API"))
    }

    /// A command in the node's namespace: `plumb` with these arguments, by way of others where there are some.
    pub(crate) fn command(&self, by_way_of: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.hosts.node.name()]).args(by_way_of).arg(self.plumb.path());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("status.sock")
    }

    fn node(&self, command: &mut Command) {
        command.args(["--hostname-override", "here", "--status-socket"]).arg(self.socket());
    }

    /// Starts a proxy, which logs into a file of its own.
    pub(crate) fn proxy(&self, by_way_of: &[&str], access: &[&str]) -> Result<Proxy> {
        let mut command = self.command(by_way_of, &["proxy", "--cluster-cidr", "10.244.0.0/16"]);
        self.node(&mut command);
        let log = tempfile::NamedTempFile::new_in(self.folder.path()).map_err(Failure::io("making a log"))?;
        let file = log.reopen().map_err(Failure::io("opening a log"))?;
        command.args(access).stdout(Stdio::null()).stderr(file);
        Ok(Proxy { child: command.spawn().map_err(Failure::io("starting a proxy"))?, log })
    }

    /// Exit status and output of `plumb proxy` with these arguments.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        let mut command = self.command(&[], &["proxy"]);
        command.args(arguments);
        self.node(&mut command);
        let output = command.output().map_err(Failure::io("running plumb"))?;
        let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        Ok((output.status.code(), text))
    }

    /// What the running proxy says that it cannot read; `None`: there is none that could say so.
    pub(crate) fn problems(&self) -> Result<Option<Vec<String>>> {
        let (_, text) = self.ask_status(&["-o", "json"])?;
        let Ok(status) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
        let problems = status["problems"].as_array().into_iter().flatten();
        Ok(Some(problems.filter_map(Value::as_str).map(str::to_owned).collect()))
    }

    /// `plumb proxy status`.
    pub(crate) fn ask_status(&self, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        self.ask(&[&["status"], arguments].concat())
    }

    /// The kernel is as the API says, object by object.
    pub(crate) fn kernel_is_as_the_api_says(&self) -> Result<()> {
        let whole = [&PLAIN[..], &["--dry-run", "--cluster-cidr", "10.244.0.0/16"]].concat();
        let (code, text) = self.ask(&whole)?;
        if (code, text.as_str()) == (Some(0), "") {
            return Ok(());
        }
        Err(Failure::Agent {
            what: "the kernel".into(),
            why: format!("is not as the API says ({code:?}):\n{text}"),
        })
    }

    /// Which endpoint answers for a Service now; `None`: none does.
    pub(crate) fn answer(&self, number: u32) -> Result<Option<u8>> {
        in_namespace(path(&self.hosts.client), move || connect(number).ok()).map_err(failed("entering"))
    }

    /// One of these endpoints answers for a Service, and no other.
    pub(crate) fn is_served_by(&self, number: u32, endpoints: &[u8]) -> Result<bool> {
        for _ in 0..4 {
            if !self.answer(number)?.is_some_and(|index| endpoints.contains(&index)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The kernel holds something of a Service.
    pub(crate) fn holds(&self, number: u32) -> Result<bool> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.hosts.node.name(), "nft", "list", "table", "ip", "plumb"]);
        let output = command.output().map_err(Failure::io("running nft"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.contains(&format!("{} ", cluster_ip(number)))
            || text.contains(&format!("bench/svc-{number}:")))
    }
}

/// Waits for a state.
pub(crate) fn wait(what: &str, proxy: &Proxy, so: impl Fn() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !so()? {
        if began.elapsed() > PATIENCE {
            let why = format!("it did not come to pass; the proxy's log:\n{}", proxy.log()?);
            return Err(Failure::Agent { what: what.into(), why });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A connection to a Service from the namespace that the thread is in: which endpoint answered.
pub(crate) fn connect(number: u32) -> std::io::Result<u8> {
    let limit = Duration::from_secs(2);
    let to = SocketAddr::new(cluster_ip(number).into(), 80);
    let mut stream = TcpStream::connect_timeout(&to, limit)?;
    stream.set_read_timeout(Some(limit))?;
    // To the end: the server closes first, so that a port that is used again is a new connection to the kernel.
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    said.first().copied().ok_or_else(|| std::io::Error::other("it said nothing"))
}

/// A proxy, killed when this goes.
pub(crate) struct Proxy {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Proxy {
    /// What it logged so far.
    pub(crate) fn log(&self) -> Result<String> {
        let mut text = String::new();
        File::open::<&Path>(self.log.path())
            .and_then(|mut file| file.read_to_string(&mut text))
            .map_err(Failure::io("reading a log"))?;
        Ok(text)
    }

    /// Asks it to end, and waits until it has; its exit status.
    pub(crate) fn terminate(mut self) -> Result<Option<i32>> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .map_err(|e| Failure::Agent { what: "ending a proxy".into(), why: e.to_string() })?;
        }
        Ok(self.child.wait().map_err(Failure::io("waiting for a proxy"))?.code())
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<i32>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().map_err(Failure::io("waiting for a proxy"))? {
                Some(status) => return Ok(status.code()),
                None if Instant::now() > deadline => {
                    return Err(Failure::Agent { what: "a proxy".into(), why: "it goes on".into() });
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

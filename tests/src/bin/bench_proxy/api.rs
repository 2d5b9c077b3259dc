//! The whole proxy on a Kubernetes API.

use std::net::{IpAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plumb_api::{Kind, NamespacedName, Object};
use plumb_kernel::NamespaceHandle;
use plumb_kube::{Access, ApiSource, Interest};
use plumb_lab::api::store::{Part, Patch};
use plumb_lab::api::{Api, ApiOptions, ApiServer, Store, StoreOptions};
use plumb_proxy::{Config, Intervals, Proxy, Runner, Status};
use plumb_tests::binary::Plumb;
use plumb_tests::netns::Namespace;
use plumb_tests::services::{endpoints, failed, service, slice};
use plumb_tests::{Failure, Result, shell};
use serde_json::json;

use super::{Times, megabytes, ms, namespace};

/// A small API with so many Services, served.
fn served(services: u32) -> Result<(Arc<Api>, ApiServer)> {
    served_at(services, TcpListener::bind("127.0.0.1:0").map_err(Failure::io("listening"))?)
}

fn served_at(services: u32, listener: TcpListener) -> Result<(Arc<Api>, ApiServer)> {
    let store = Store::new(StoreOptions { log_capacity: 1_000_000, ..StoreOptions::default() });
    let api = Api::new(store, ApiOptions::default());
    let refused = |what: &str| {
        let what = what.to_owned();
        move |status: plumb_lab::api::Status| Failure::Agent {
            what: what.clone(),
            why: status.to_json().to_string(),
        }
    };
    api.with(|store| -> Result<()> {
        store
            .create(Kind::Namespace, "", json!({"metadata": {"name": "bench"}}))
            .map_err(refused("creating a namespace"))?;
        for number in 0..services {
            let object = Object::Service(service(number, json!({}))?).to_json().map_err(failed("writing"))?;
            store.create(Kind::Service, "bench", object).map_err(refused("creating a Service"))?;
            let ends = slice(number, &endpoints(number, 3))?;
            let object = Object::EndpointSlice(ends).to_json().map_err(failed("writing"))?;
            store.create(Kind::EndpointSlice, "bench", object).map_err(refused("creating a slice"))?;
        }
        Ok(())
    })?;
    let server = ApiServer::start(listener, Arc::clone(&api)).map_err(Failure::io("serving"))?;
    Ok((api, server))
}

/// A proxy that runs on an API, on a thread of its own.
struct Working {
    status: Arc<Mutex<Status>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Working {
    fn start(namespace: &Namespace, server: &ApiServer) -> Result<Self> {
        let handle =
            NamespaceHandle::open(format!("/run/netns/{}", namespace.name())).map_err(failed("entering"))?;
        let config = Config { node_name: "here".into(), masquerade_bit: 14, ..Config::default() };
        let proxy = Proxy::new(&handle, config).map_err(failed("making a proxy"))?;
        let mut runner = Runner::new(proxy, Intervals::default());
        let status = runner.status();
        let stop = Arc::new(AtomicBool::new(false));
        let access = Access::plain(&format!("http://{}", server.address()));
        let (events, running) =
            ApiSource::new(access, Interest::proxy("here")).channel().map_err(failed("starting a source"))?;
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            if let Err(ended) = runner.run(&events, &until) {
                eprintln!("{ended}");
            }
            drop(running);
        });
        Ok(Self { status, stop, thread: Some(thread) })
    }

    fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until this is so.
    fn wait(&self, so: impl Fn(&Status) -> bool) -> Result<Status> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.status();
            if so(&status) {
                return Ok(status);
            }
            if Instant::now() > until {
                return Err(Failure::Agent {
                    what: "waiting for the proxy".into(),
                    why: format!("{status:?}"),
                });
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn put(api: &Api, number: u32, ends: &[IpAddr]) -> Result<()> {
    let ends: Vec<_> = ends.iter().map(|ip| json!({"addresses": [ip.to_string()]})).collect();
    let name = NamespacedName::new("bench", &format!("svc-{number}-a"));
    let patch = Patch::Merge(json!({"endpoints": ends}));
    let result = api.with(|store| store.patch(Kind::EndpointSlice, &name, Part::Main, patch));
    result.map(drop).map_err(|status| Failure::Agent {
        what: "changing a slice".into(),
        why: status.to_json().to_string(),
    })
}

/// From the first API list, and a lone change from the API's event to the kernel.
pub(super) fn api() -> Result<()> {
    let (api, server) = served(10_000)?;
    let namespace = namespace()?;
    let began = Instant::now();
    let working = Working::start(&namespace, &server)?;
    let status = working.wait(|s| s.runs > 0)?;
    println!(
        "10,000 × 3 from the first API list: kernel holds it after {:.0} ms ({} frontends)",
        ms(began.elapsed()),
        status.frontends
    );
    let (mut times, mut inside) = (Times::default(), Times::default());
    for run in 0..100u32 {
        // Longer than the minimum interval: alone.
        std::thread::sleep(Duration::from_millis(120));
        let runs = working.status().runs;
        let began = Instant::now();
        put(&api, run * 97, &endpoints(run * 97, 2))?;
        let status = working.wait(|s| s.runs > runs)?;
        times.0.push(began.elapsed());
        let latency = status.last.map_or(0.0, |r| r.latency_ms);
        inside.0.push(Duration::from_secs_f64(latency / 1e3));
    }
    println!(
        "one endpoint at 10,000 services, from the event to the kernel: {}; from the write to the API, HTTP watch included: {}",
        inside.show(),
        times.show()
    );
    Ok(())
}

/// A thousand changes a second for half a minute.
pub(super) fn storm() -> Result<()> {
    const LASTS: Duration = Duration::from_secs(30);
    let (api, server) = served(10_000)?;
    let namespace = namespace()?;
    let working = Working::start(&namespace, &server)?;
    working.wait(|s| s.runs > 0)?;
    let (began, cpu) = (Instant::now(), cpu_time());
    let (mut changes, mut behind) = (0u32, 0f64);
    while began.elapsed() < LASTS {
        let due = (began.elapsed().as_secs_f64() * 1000.0) as u32;
        while changes < due {
            put(
                &api,
                changes.wrapping_mul(7919) % 10_000,
                &endpoints(changes.wrapping_mul(7919) % 10_000, 2 + changes % 2),
            )?;
            changes += 1;
        }
        let status = working.status();
        behind = behind.max(status.last.map_or(0.0, |r| r.latency_ms)).max(status.behind_ms);
        std::thread::sleep(Duration::from_millis(2));
    }
    let share = (cpu_time() - cpu) / began.elapsed().as_secs_f64() * 100.0;
    println!(
        "{changes} endpoint changes in {:.0} s at 10,000 services: kernel at most {behind:.0} ms behind; {share:.0} % of a core for \
         API, watch and proxy together",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// A proxy as a process of its own, at rest.
pub(super) fn process() -> Result<()> {
    let plumb = Plumb::find()?;
    for services in [10_000, 100_000] {
        let namespace = namespace()?;
        let path = format!("/run/netns/{}", namespace.name());
        let listener = plumb_kernel::in_namespace(&path, || TcpListener::bind("127.0.0.1:0"))
            .map_err(failed("entering"))?
            .map_err(Failure::io("listening"))?;
        let (_api, server) = served_at(services, listener)?;
        let access = tempfile::NamedTempFile::new().map_err(Failure::io("making a file"))?;
        std::fs::write(access.path(), kubeconfig(&server)).map_err(Failure::io("writing a kubeconfig"))?;
        let slab = megabytes("/proc/meminfo", "Slab");
        let mut command = Command::new(plumb.path());
        command.args(["proxy", "--hostname-override", "here", "--cluster-cidr", "10.244.0.0/16"]);
        command.arg("--kubeconfig").arg(access.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let handle = NamespaceHandle::open(&path).map_err(failed("entering"))?;
        let child = plumb_kernel::spawn(&mut command, &handle).map_err(failed("starting a proxy"))?;
        let child = Child(child);
        wait_for_base_chains(&namespace)?;
        // What a start leaves behind is given back.
        std::thread::sleep(Duration::from_secs(2));
        let status = format!("/proc/{}/status", child.0.id());
        println!(
            "plumb proxy as a process at {services} × 3: {:.0} MB, {:.0} at most; slab {:+.0} MB",
            megabytes(&status, "VmRSS"),
            megabytes(&status, "VmHWM"),
            megabytes("/proc/meminfo", "Slab") - slab,
        );
    }
    Ok(())
}

/// A process that ends with this.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kubeconfig(server: &ApiServer) -> String {
    let named = json!([{"name": "bench", "cluster": {"server": format!("http://{}", server.address())}}]);
    json!({"apiVersion": "v1", "kind": "Config", "current-context": "bench", "clusters": named,
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "users": [{"name": "bench", "user": {}}]})
    .to_string()
}

fn wait_for_base_chains(namespace: &Namespace) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    let arguments = ["netns", "exec", namespace.name(), "nft", "list", "chain", "ip", "plumb", "nat-output"];
    while shell::try_run("ip", &arguments)?.is_none() {
        if Instant::now() > until {
            return Err(Failure::Agent { what: "waiting for the proxy".into(), why: "no chain".into() });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Processor time of this process in seconds, user and system.
fn cpu_time() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15 of proc(5), in ticks of a hundredth of a second; the second field may hold spaces.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

//! How fast the Service proxy is: `cargo run --release -p plumb-tests --bin bench_proxy [ROW…]`. Makes namespaces of its own; takes
//! root. Each row says what the kernel alone takes of it. Times are the median and the 99th percentile of some runs.

use std::net::{IpAddr, TcpListener};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plumb_api::{Kind, NamespacedName, Object};
use plumb_intent::Services;
use plumb_kernel::NamespaceHandle;
use plumb_kube::{Access, ApiSource, Interest};
use plumb_lab::api::store::{Part, Patch};
use plumb_lab::api::{Api, ApiOptions, ApiServer, Store, StoreOptions};
use plumb_proxy::backend::nftables::Nftables;
use plumb_proxy::{Config, Intervals, Proxy, Runner, Status};
use plumb_tests::netns::{self, Namespace};
use plumb_tests::services::{backend, endpoints, failed, frame, many, service, settings, slice};
use plumb_tests::{Failure, Result, shell};
use serde_json::json;

type Row = (&'static str, fn() -> Result<()>);

const ROWS: [Row; 8] = [
    ("load", load),
    ("api", api),
    ("endpoint", endpoint),
    ("service", create_and_delete),
    ("ranges", source_ranges),
    ("restart", restart),
    ("constant", constant),
    ("storm", storm),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Err(failure) = machine() {
        eprintln!("{failure}");
    }
    for (name, row) in ROWS {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        if let Err(failure) = row() {
            eprintln!("{name}: {failure}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The machine's facts.
fn machine() -> Result<()> {
    netns::need_root()?;
    let facts = shell::run(
        "asking the machine",
        "uname -r; nproc; grep -m1 'model name' /proc/cpuinfo | cut -d: -f2; cut -d' ' -f1 /proc/loadavg",
        &[],
    )?;
    println!("kernel, cores, processor, load: {}", facts.trim().replace('\n', ", "));
    Ok(())
}

/// Times of many runs.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn at(&mut self, per_cent: usize) -> f64 {
        self.0.sort_unstable();
        let index = (self.0.len() * per_cent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(index).map_or(0.0, |d| d.as_secs_f64() * 1e3)
    }

    fn show(&mut self) -> String {
        format!("{:.3} ms, p99 {:.3}", self.at(50), self.at(99))
    }
}

fn namespace() -> Result<Namespace> {
    Namespace::create(format!("{}bench", netns::unique_prefix()))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A line of `/proc/self/status` or `/proc/meminfo`, in MB.
fn megabytes(file: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
    let number: f64 =
        line.trim_start_matches(':').split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    number / 1024.0
}

fn loaded(services: u32, each: u32) -> Result<(Namespace, Services, Nftables)> {
    let namespace = namespace()?;
    let mut view = many(services, each)?;
    view.take();
    let mut kernel = backend(namespace.name(), frame())?;
    kernel.load(&view, &settings()).map_err(failed("loading"))?;
    Ok((namespace, view, kernel))
}

/// View complete → kernel holds it.
fn load() -> Result<()> {
    for (services, each) in [(10_000, 3), (100_000, 3), (44_125, 1)] {
        let namespace = namespace()?;
        let mut view = many(services, each)?;
        let began = Instant::now();
        let delta = view.take();
        let intent = began.elapsed();
        drop(delta);
        let slab = megabytes("/proc/meminfo", "Slab");
        let mut kernel = backend(namespace.name(), frame())?;
        let began = Instant::now();
        let synced = kernel.load(&view, &settings()).map_err(failed("loading"))?;
        let all = began.elapsed();
        println!(
            "{services} services × {each}: kernel holds it after {:.0} ms ({:.0} intent, {:.0} in the kernel); {} elements, {:.1} MB; \
             this process {:.0} MB, slab {:+.0} MB",
            ms(intent + all),
            ms(intent),
            ms(synced.kernel_time),
            synced.elements,
            synced.bytes as f64 / 1e6,
            megabytes("/proc/self/status", "VmRSS"),
            megabytes("/proc/meminfo", "Slab") - slab,
        );
    }
    Ok(())
}

/// One endpoint of a Service goes and comes back: decoding the event, intent, transaction.
fn endpoint() -> Result<()> {
    for services in [100, 10_000, 100_000] {
        let (_namespace, mut view, mut kernel) = loaded(services, 3)?;
        let (mut all, mut inside) = (Times::default(), Times::default());
        for run in 0..1000u32 {
            let number = run.wrapping_mul(7919) % services;
            let here: Vec<IpAddr> = endpoints(number, 3).into_iter().skip((run % 2) as usize).collect();
            let event =
                Object::EndpointSlice(slice(number, &here)?).to_json().map_err(failed("writing an event"))?;
            let text = event.to_string();
            let began = Instant::now();
            let value = serde_json::from_str(&text).map_err(failed("reading an event"))?;
            if let Object::EndpointSlice(slice) =
                Object::from_json(value).map_err(failed("reading an event"))?
            {
                view.apply_slice(&slice);
            }
            let synced = kernel.apply(&view.take()).map_err(failed("applying"))?;
            if synced.transactions > 0 {
                all.0.push(began.elapsed());
                inside.0.push(synced.kernel_time);
            }
        }
        println!("one endpoint at {services} services: {} ({} in the kernel)", all.show(), inside.show());
    }
    Ok(())
}

fn create_and_delete() -> Result<()> {
    for services in [100, 10_000] {
        let (_namespace, mut view, mut kernel) = loaded(services, 3)?;
        let (mut created, mut deleted) = (Times::default(), Times::default());
        for run in 0..500 {
            let number = services + run;
            let (object, ends) = (service(number, json!({}))?, slice(number, &endpoints(number, 3))?);
            let began = Instant::now();
            view.apply_service(&object);
            view.apply_slice(&ends);
            kernel.apply(&view.take()).map_err(failed("applying"))?;
            created.0.push(began.elapsed());
            let began = Instant::now();
            view.remove_service(&object.metadata.full_name());
            view.remove_slice(&ends.metadata.full_name());
            kernel.apply(&view.take()).map_err(failed("applying"))?;
            deleted.0.push(began.elapsed());
        }
        println!("a Service at {services} services: created {}; deleted {}", created.show(), deleted.show());
    }
    Ok(())
}

/// A Service with source ranges comes and goes where there are 10,000 ranges.
fn source_ranges() -> Result<()> {
    let namespace = namespace()?;
    let mut view = plumb_tests::services::view();
    let with_ranges = |number: u32, ranges: u32| -> Result<plumb_api::Service> {
        let all: Vec<String> = (0..ranges).map(|i| format!("20.{}.{}.0/25", i / 256, i % 256)).collect();
        let mut object = service(number, json!({"type": "LoadBalancer", "loadBalancerSourceRanges": all}))?;
        object.status.load_balancer.ingress = vec![plumb_api::LoadBalancerIngress {
            ip: format!("198.51.{}.{}", 100 + number / 256, number % 256).into(),
            ..plumb_api::LoadBalancerIngress::default()
        }];
        Ok(object)
    };
    for number in 0..100 {
        view.apply_service(&with_ranges(number, 100)?);
        view.apply_slice(&slice(number, &endpoints(number, 3))?);
    }
    view.take();
    let mut kernel = backend(namespace.name(), frame())?;
    kernel.load(&view, &settings()).map_err(failed("loading"))?;
    let mut times = Times::default();
    for run in 0..200 {
        let object = with_ranges(200 + run, 3)?;
        let began = Instant::now();
        view.apply_service(&object);
        kernel.apply(&view.take()).map_err(failed("applying"))?;
        times.0.push(began.elapsed());
        view.remove_service(&object.metadata.full_name());
        kernel.apply(&view.take()).map_err(failed("applying"))?;
    }
    println!("a Service with 3 source ranges beside 10,000 ranges: {}", times.show());
    Ok(())
}

/// Another process takes over what is there.
fn restart() -> Result<()> {
    let (namespace, view, _kernel) = loaded(10_000, 3)?;
    let mut times = Times::default();
    for _ in 0..5 {
        let mut kernel = backend(namespace.name(), frame())?;
        let began = Instant::now();
        kernel.load(&view, &settings()).map_err(failed("loading"))?;
        times.0.push(began.elapsed());
    }
    println!("restart with the rules of 10,000 × 3 in place: in sync after {}", times.show());
    Ok(())
}

/// Chains, rules and anonymous sets do not grow.
fn constant() -> Result<()> {
    for services in [100, 10_000] {
        let (namespace, _view, _kernel) = loaded(services, 3)?;
        let count = r#"ip netns exec "$ns" nft -s list ruleset > "$file"
            echo "$(grep -c 'chain ' "$file") chains, $(awk '/^\tchain/{c=1;next} /^\t}/{c=0} c' "$file" | wc -l) rules, \
$(grep -c '__set\|__map\|vmap {' "$file" || true) anonymous sets""#;
        let file = tempfile::NamedTempFile::new().map_err(Failure::io("making a file"))?;
        let variables =
            [("ns".into(), namespace.name().to_owned()), ("file".into(), file.path().display().to_string())];
        println!("{services} services: {}", shell::run("counting", count, &variables)?.trim());
    }
    Ok(())
}

/// A small API with so many Services, served.
fn served(services: u32) -> Result<(Arc<Api>, ApiServer)> {
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
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::io("listening"))?;
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
fn api() -> Result<()> {
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
fn storm() -> Result<()> {
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

/// Processor time of this process in seconds, user and system.
fn cpu_time() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15 of proc(5), in ticks of a hundredth of a second; the second field may hold spaces.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

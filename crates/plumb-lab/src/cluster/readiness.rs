//! Probes the pods whose readiness follows from a port, as a kubelet does with a `tcpSocket` probe, and sets their Ready condition.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use plumb_api::{Kind, NamespacedName};
use plumb_kernel::in_namespace;
use serde_json::json;

use crate::api::Api;
use crate::api::store::{Part, Patch};
use crate::error::{LabError, Result};
use crate::state::NETNS;
use crate::topology::{Ready, Topology};

/// From the end of a probe to the next.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a probe waits for a connection (`timeoutSeconds` of a probe that says nothing).
const TIMEOUT: Duration = Duration::from_secs(1);

/// Probes at work; they end with this.
pub(super) struct Probes {
    stops: Vec<Sender<()>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.stops.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A pod and where its readiness shows.
struct Probe {
    api: Arc<Api>,
    pod: NamespacedName,
    to: SocketAddr,
    ready: bool,
}

impl Probes {
    /// Starts one for each pod that has a readiness port, in a thread that lives in the pod's namespace. Every pod was probed once
    /// when this returns.
    pub(super) fn start(topology: &Topology, api: &Arc<Api>) -> Result<Self> {
        let mut probes = Self { stops: Vec::new(), threads: Vec::new() };
        // Ends when every pod has been probed.
        let (first, probed) = mpsc::channel::<()>();
        for pod in &topology.pods {
            // The kubelet asks at the pod's first address.
            let address: Option<IpAddr> = topology.pod_addresses(pod).first().copied();
            let (Ready::Port(port), Some(address)) = (pod.ready, address) else { continue };
            let mut probe = Probe {
                api: Arc::clone(api),
                pod: NamespacedName::new(&pod.namespace, &pod.name),
                to: SocketAddr::new(address, port),
                ready: false,
            };
            let namespace = format!("{NETNS}/{}", topology.pod_namespace(pod));
            let ((stop, stopped), first) = (mpsc::channel(), first.clone());
            let thread = thread::Builder::new()
                .name("plumb-lab-probe".to_owned())
                .spawn(move || {
                    let name = probe.pod.to_string();
                    if let Err(error) = in_namespace(namespace, move || probe.run(first, &stopped)) {
                        eprintln!("probe {name}: {error}");
                    }
                })
                .map_err(LabError::io("start a readiness probe"))?;
            probes.stops.push(stop);
            probes.threads.push(thread);
        }
        drop(first);
        probed.iter().for_each(drop);
        Ok(probes)
    }
}

impl Probe {
    fn run(&mut self, first: Sender<()>, stopped: &Receiver<()>) {
        self.probe();
        drop(first);
        loop {
            match stopped.recv_timeout(PERIOD) {
                Err(RecvTimeoutError::Timeout) => self.probe(),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn probe(&mut self) {
        let ready = TcpStream::connect_timeout(&self.to, TIMEOUT).is_ok();
        if std::mem::replace(&mut self.ready, ready) == ready {
            return;
        }
        let status = if ready { "True" } else { "False" };
        let patch = Patch::Merge(json!({"status": {"conditions": [{"type": "Ready", "status": status}]}}));
        let done = self.api.with(|store| store.patch(Kind::Pod, &self.pod, Part::Status, patch).map(drop));
        if let Err(status) = done {
            // Somebody deleted it by way of the API.
            eprintln!("probe {}: {}", self.pod, status.to_json()["message"]);
        }
    }
}

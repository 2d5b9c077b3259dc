//! `plumb check` on the snapshots of several real nodes: three namespaces on one segment, two pods behind each. Each fault
//! is one finding, its printed remedy is run on its node, and then nothing is found.

#![allow(clippy::unwrap_used)]

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use plumb_tests::binary::Plumb;
use plumb_tests::netns::{Namespace, need_root, unique_prefix};
use plumb_tests::shell;
use serde_json::Value;

const NODES: u8 = 3;
const PODS: [u8; 2] = [2, 3];

/// Three nodes; what listens in their pods ends with them.
struct Nodes {
    plumb: Plumb,
    prefix: String,
    folder: tempfile::TempDir,
    _listeners: Vec<TcpListener>,
    _namespaces: Vec<Namespace>,
}

const FABRIC: &str = r#"
ip -n "$fabric" link add br0 type bridge
ip -n "$fabric" link set br0 up
"#;

const NODE: &str = r#"
ip -n "$node" link add eth0 type veth peer name "up$n" netns "$fabric"
ip -n "$fabric" link set "up$n" master br0 up
ip -n "$node" address add "192.168.77.$n/24" dev eth0
ip -n "$node" address add "fd77::$n/64" dev eth0 nodad
ip -n "$node" link set eth0 up
ip netns exec "$node" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$node" link add cni0 type bridge
ip -n "$node" link set cni0 up
ip -n "$node" address add "10.244.$n.1/24" dev cni0
ip -n "$node" address add "fd00:244:$n::1/64" dev cni0 nodad
for m in 1 2 3; do
  [ "$m" = "$n" ] && continue
  ip -n "$node" route add "10.244.$m.0/24" via "192.168.77.$m"
  ip -n "$node" route add "fd00:244:$m::/64" via "fd77::$m"
done
"#;

const POD: &str = r#"
ip -n "$pod" link add eth0 type veth peer name "v$p" netns "$node"
ip -n "$node" link set "v$p" master cni0 up
ip -n "$pod" address add "10.244.$n.$p/24" dev eth0
ip -n "$pod" address add "fd00:244:$n::$p/64" dev eth0 nodad
ip -n "$pod" link set eth0 up
ip -n "$pod" route add default via "10.244.$n.1"
ip -n "$pod" route add default via "fd00:244:$n::1"
"#;

impl Nodes {
    fn up() -> Self {
        need_root().unwrap();
        let prefix = unique_prefix();
        let fabric = format!("{prefix}fabric");
        let mut namespaces = vec![Namespace::create(fabric.clone()).unwrap()];
        let mut listeners = Vec::new();
        shell::run("fabric", FABRIC, &[("fabric".into(), fabric.clone())]).unwrap();
        for n in 1..=NODES {
            let node = format!("{prefix}{n}-node");
            namespaces.push(Namespace::create(node.clone()).unwrap());
            let mut variables =
                vec![("n".into(), n.to_string()), ("node".into(), node), ("fabric".into(), fabric.clone())];
            shell::run("node", NODE, &variables).unwrap();
            for p in PODS {
                let pod = format!("{prefix}{n}-pod{p}");
                namespaces.push(Namespace::create(pod.clone()).unwrap());
                variables.extend([("p".into(), p.to_string()), ("pod".into(), pod.clone())]);
                shell::run("pod", POD, &variables).unwrap();
                let listener = inside(&pod, || TcpListener::bind("[::]:8080").unwrap());
                listeners.push(listener);
            }
        }
        Self {
            plumb: Plumb::find().unwrap(),
            prefix,
            folder: tempfile::tempdir().unwrap(),
            _listeners: listeners,
            _namespaces: namespaces,
        }
    }

    /// A command on a node, in its own namespace.
    fn on(&self, node: u8, script: &str) -> String {
        let name = format!("{}{node}-node", self.prefix);
        let variables = [("node".into(), name), ("script".into(), script.to_owned())];
        shell::run(script, r#"ip netns exec "$node" bash -euc "$script""#, &variables).unwrap()
    }

    fn snapshots(&self) -> Vec<PathBuf> {
        (1..=NODES)
            .map(|n| {
                let file = self.folder.path().join(format!("node-{n}.plumb"));
                let plumb = self.plumb.path().display();
                let globs = format!("{}{n}-*", self.prefix);
                let command = format!(
                    "{plumb} snapshot --node node-{n} --netns '{globs}' -o {} --lang en",
                    file.display()
                );
                // 3: something that this test does not need could not be read.
                self.on(n, &format!("{command} || [ $? = 3 ]"));
                file
            })
            .collect()
    }

    fn check(&self) -> Value {
        let files: Vec<String> = self.snapshots().iter().map(|f| f.display().to_string()).collect();
        let mut arguments = vec!["check", "-o", "json", "--lang", "en"];
        arguments.extend(files.iter().map(String::as_str));
        let out = self.plumb.run_plain(&arguments).unwrap();
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", out.stderr))
    }

    /// Whether a pod of one node reaches a pod of another.
    fn connects(&self, from: u8, to: &str) -> bool {
        let pod = format!("{}{from}-pod{}", self.prefix, PODS[0]);
        let to = to.parse().unwrap();
        inside(&pod, move || TcpStream::connect_timeout(&to, Duration::from_millis(1500)).is_ok())
    }
}

fn inside<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    plumb_kernel::in_namespace(format!("/run/netns/{namespace}"), work).unwrap()
}

/// Fault, node, and the namespace of each finding.
fn told(report: &Value) -> Vec<String> {
    let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|f| format!("{} {} {}", word(&f["fault"]), word(&f["id"]), word(&f["place"]["node"])))
        .collect()
}

struct Fault {
    /// What is run on which node.
    breaks: (u8, &'static str),
    /// The one finding.
    told: &'static str,
    /// From a pod of which node to what no connection is made any more; `None`: it connects all the same.
    fails: Option<(u8, &'static str)>,
    /// What mends it, where the report only gives advice.
    mends: Option<&'static str>,
}

const FAULTS: &[Fault] = &[
    Fault {
        breaks: (3, "ip route del 10.244.1.0/24"),
        told: "R02 return-route-missing node-3",
        fails: Some((1, "10.244.3.2:8080")),
        mends: None,
    },
    Fault {
        breaks: (2, "ip route replace 10.244.1.0/24 dev cni0"),
        told: "A05 route-astray node-2",
        fails: Some((1, "10.244.2.2:8080")),
        mends: None,
    },
    Fault {
        breaks: (2, "ip -6 route add blackhole fd00:244:3::2"),
        told: "R03 route-discards node-2",
        fails: Some((2, "[fd00:244:3::2]:8080")),
        mends: None,
    },
    Fault {
        breaks: (1, "sysctl -qw net.ipv6.conf.all.forwarding=0"),
        told: "R10 forwarding-off node-1",
        fails: Some((2, "[fd00:244:1::2]:8080")),
        mends: None,
    },
    Fault {
        breaks: (2, "iptables-legacy -I FORWARD -d 10.244.2.3 -p tcp --dport 8080 -j DROP"),
        told: "F01 netfilter-drop node-2",
        fails: Some((1, "10.244.2.3:8080")),
        mends: None,
    },
    Fault {
        breaks: (1, "iptables-nft -t nat -A POSTROUTING -s 10.244.1.0/24 -j MASQUERADE"),
        told: "S11 source-translated node-1",
        fails: None,
        mends: Some("iptables-nft -t nat -F POSTROUTING"),
    },
];

#[test]
fn each_fault_of_a_node_is_one_finding() {
    let nodes = Nodes::up();
    let healthy = nodes.check();
    assert_eq!(told(&healthy), Vec::<String>::new(), "{healthy:#}");
    // Nodes ask pods and pods pods, at both addresses; no name server is one of a pod's own.
    assert_eq!(healthy["scope"]["pairs"], 2 * (6 * 5 + 3 * 6));
    for fault in FAULTS {
        let (node, script) = fault.breaks;
        nodes.on(node, script);
        if let Some((from, to)) = fault.fails {
            assert!(!nodes.connects(from, to), "{script} breaks nothing");
        }
        let report = nodes.check();
        assert_eq!(told(&report), [fault.told], "{script}: {report:#}");
        let finding = &report["findings"][0];
        let remedy = match fault.mends {
            Some(mends) => {
                assert_eq!(finding["remedy"][0]["advice"], true, "{script}");
                mends.to_owned()
            }
            None => {
                assert_eq!(finding["remedy"][0]["tried_in_model"], "connects", "{script}");
                finding["remedy"][0]["command"].as_str().unwrap().to_owned()
            }
        };
        let at: u8 = fault.told.rsplit('-').next().unwrap().parse().unwrap();
        nodes.on(at, &remedy);
        if let Some((from, to)) = fault.fails {
            assert!(nodes.connects(from, to), "{script}: {remedy} mends nothing");
        }
        let mended = nodes.check();
        assert_eq!(told(&mended), Vec::<String>::new(), "{script}, then {remedy}: {mended:#}");
    }
}

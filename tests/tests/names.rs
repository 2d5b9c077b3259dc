//! Flows to names: real namespaces, a client with a resolv.conf of its own, a real DNS server that is broken in several ways.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use plumb_api::Object;
use plumb_dns::{Message, Rcode, Zone, answer};
use plumb_kernel::in_namespace;
use plumb_tests::binary::Plumb;
use plumb_tests::netns::{self, Namespace};
use plumb_tests::services::failed;
use plumb_tests::{Failure, Result, shell};
use serde_json::{Value, json};

const SERVER: &str = "10.77.0.2";
const WEB: &str = "web.shop:80";

/// What the server does instead of answering.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It reads and says nothing.
    Silent,
    /// It says nothing to the first question.
    LosesTheFirst,
    Fails,
    CutsOff,
}

/// A client and a server with a link between them; the client's process sees a resolv.conf of its own.
struct Bed {
    plumb: Plumb,
    client: Namespace,
    server: Namespace,
    _conf: tempfile::NamedTempFile,
    process: Child,
    stop: Arc<AtomicBool>,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Bed {
    fn new(conf: &str) -> Result<Self> {
        netns::need_root()?;
        let prefix = netns::unique_prefix();
        let client = Namespace::create(format!("{prefix}client"))?;
        let server = Namespace::create(format!("{prefix}server"))?;
        let variables = [("c".into(), client.name().to_owned()), ("s".into(), server.name().to_owned())];
        let script = "ip -n $c link add e0 type veth peer name e0 netns $s\n\
            ip -n $c addr add 10.77.0.1/24 dev e0\nip -n $s addr add 10.77.0.2/24 dev e0\n\
            ip -n $c link set e0 up\nip -n $s link set e0 up";
        shell::run("a link", script, &variables)?;
        let mut file = tempfile::NamedTempFile::new().map_err(Failure::io("making resolv.conf"))?;
        file.write_all(conf.as_bytes()).map_err(Failure::io("writing resolv.conf"))?;
        let bind = format!(
            "mount --make-rprivate / && mount --bind {} /etc/resolv.conf && echo ready && exec sleep 600",
            file.path().display()
        );
        let mut process = Command::new("ip")
            .args(["netns", "exec", client.name(), "unshare", "--mount", "sh", "-c", &bind])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::io("starting the client"))?;
        let mut line = String::new();
        let out = process.stdout.take().ok_or(Failure::NotRoot { uid: 0 })?;
        BufReader::new(out).read_line(&mut line).map_err(Failure::io("waiting for the client"))?;
        assert_eq!(line, "ready\n");
        let stop = Arc::new(AtomicBool::new(false));
        Ok(Self { plumb: Plumb::find()?, client, server, _conf: file, process, stop })
    }

    /// Serves DNS and a web server until the bed goes.
    fn serve(&self, fault: Fault) -> Result<()> {
        let objects: Vec<Object> = vec![service("shop")?];
        let zone = Arc::new(Zone::new("test", &objects));
        let path = format!("/run/netns/{}", self.server.name());
        let (udp, tcp, web) = in_namespace(path, || {
            let udp = UdpSocket::bind((SERVER, 53))?;
            std::io::Result::Ok((udp, TcpListener::bind((SERVER, 53))?, TcpListener::bind((SERVER, 80))?))
        })
        .map_err(failed("entering the server"))?
        .map_err(Failure::io("listening"))?;
        udp.set_read_timeout(Some(Duration::from_millis(50))).map_err(Failure::io("a timeout"))?;
        tcp.set_nonblocking(true).map_err(Failure::io("not to block"))?;
        let (stop, asked) = (Arc::clone(&self.stop), AtomicUsize::new(0));
        std::thread::spawn(move || {
            let _web = web;
            let mut buffer = [0; 2048];
            while !stop.load(Ordering::Relaxed) {
                if let Ok((n, from)) = udp.recv_from(&mut buffer) {
                    let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
                    let silent = fault == Fault::Silent || fault == Fault::LosesTheFirst && first;
                    if let Some(reply) = reply(&zone, &buffer[..n], fault, true).filter(|_| !silent) {
                        let _ = udp.send_to(&reply, from);
                    }
                }
                if let Ok((mut stream, _)) = tcp.accept() {
                    let _ = stream.set_nonblocking(false);
                    let mut length = [0; 2];
                    if stream.read_exact(&mut length).is_ok() {
                        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                        if stream.read_exact(&mut question).is_ok()
                            && let Some(reply) = reply(&zone, &question, fault, false)
                        {
                            // In two pieces, as a stream may bring it.
                            let length = u16::try_from(reply.len()).unwrap_or(0).to_be_bytes();
                            let _ = stream.write_all(&length).and_then(|()| stream.flush());
                            let _ = stream.write_all(&reply);
                        }
                    }
                }
            }
        });
        Ok(())
    }

    fn nft(&self, rule: &str) -> Result<()> {
        let script = format!(
            "ip netns exec $s nft 'table ip t {{ chain i {{ type filter hook input priority 0; {rule}; }}; }}'"
        );
        shell::run("a rule", &script, &[("s".into(), self.server.name().to_owned())]).map(drop)
    }

    fn ask(&self, to: &str, more: &[&str]) -> Result<(Option<i32>, Value)> {
        let from = format!("netns:{}", self.client.name());
        let mut arguments = vec!["diagnose", &from, to, "-o", "json"];
        arguments.extend(more);
        let out = self.plumb.run_plain(&arguments)?;
        let document = serde_json::from_slice(&out.stdout).map_err(failed("reading the answer"))?;
        Ok((out.status, document))
    }
}

fn service(namespace: &str) -> Result<Object> {
    let text = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace},
        "spec": {"clusterIP": SERVER, "clusterIPs": [SERVER], "ports": [{"name": "http", "port": 80}]}});
    Object::from_json(text).map_err(failed("reading a Service"))
}

fn reply(zone: &Zone, question: &[u8], fault: Fault, datagram: bool) -> Option<Vec<u8>> {
    let whole = answer(zone, question, datagram)?;
    let message = Message::decode(&whole).ok()?;
    match fault {
        Fault::Fails => Message { rcode: Rcode::SERVFAIL, answers: vec![], ..message }.encode().ok(),
        Fault::CutsOff if datagram && message.rcode == Rcode::NOERROR => {
            Message { truncated: true, answers: vec![], ..message }.encode().ok()
        }
        _ => Some(whole),
    }
}

/// Two domains of the search list, the second has the name.
const CONF: &str = "nameserver 10.77.0.2\nsearch none.test svc.test\noptions ndots:3 timeout:1\n";

fn cause(document: &Value) -> (&Value, &Value) {
    (&document["causes"][0]["id"], &document["causes"][0]["layer"])
}

#[test]
fn what_a_server_says_is_known_by_probe_alone() -> Result<()> {
    let bed = Bed::new(CONF)?;
    bed.serve(Fault::None)?;
    let (status, document) = bed.ask(WEB, &[])?;
    assert_eq!((status, &document["outcome"]), (Some(3), &json!("unknown")), "{document}");
    let server = &document["resolution"]["servers"][0];
    assert_eq!((&server["udp"], &server["tcp"]), (&json!("connects"), &json!("connects")));
    let (status, document) = bed.ask(WEB, &["--probe"])?;
    assert_eq!((status, &document["outcome"]), (Some(0), &json!("connects")), "{document}");
    assert_eq!((&document["flow"]["destination"], &document["causes"]), (&json!(SERVER), &json!([])));
    let resolution = &document["resolution"];
    assert_eq!((&resolution["source"], &resolution["addresses"]), (&json!("probe"), &json!([SERVER])));
    let queries = json!(["web.shop.none.test", "web.shop.svc.test", "web.shop"]);
    assert_eq!(resolution["queries"], queries);
    assert_eq!(document["probe"]["outcome"], "connects");
    // One that is not there.
    let (status, document) = bed.ask("web.shap:80", &["--probe"])?;
    // The server refuses the name without a domain, which is not its own.
    assert_eq!((status, &document["errno"]), (Some(1), &json!("EAI_AGAIN")), "{document}");
    assert_eq!(cause(&document).0, "dns-server-fails");
    let (_, document) = bed.ask("web.shap.svc.test.:80", &["--probe"])?;
    assert_eq!(
        (&document["errno"], cause(&document).0),
        (&json!("EAI_NONAME"), &json!("dns-name-not-found"))
    );
    // The hosts file comes first, and nobody is asked.
    let (_, document) = bed.ask("localhost:80", &[])?;
    assert_eq!(document["resolution"]["source"], "hosts");
    Ok(())
}

#[test]
fn what_stops_the_look_up_is_the_cause() -> Result<()> {
    let bed = Bed::new(CONF)?;
    // Nobody listens: refused at once.
    let (status, document) = bed.ask(WEB, &[])?;
    assert_eq!((status, &document["errno"]), (Some(1), &json!("EAI_AGAIN")), "{document}");
    assert_eq!(cause(&document), (&json!("dns-server-unreachable"), &json!("dns")));
    let place = &document["causes"][0]["place"];
    assert_eq!((&place["socket"], &place["missing"]), (&json!("udp 10.77.0.2:53"), &json!("listener")));
    bed.serve(Fault::None)?;
    bed.nft("udp dport 53 drop")?;
    let (_, document) = bed.ask(WEB, &[])?;
    assert_eq!(cause(&document), (&json!("dns-server-unreachable"), &json!("dns")));
    assert_eq!(document["causes"][0]["place"]["rule"], "udp dport 53 drop");
    assert_eq!(document["causes"][0]["remedy"][0]["tried_in_model"], "connects");
    // 1 s twice, for the first of the search list and the name itself.
    assert_eq!(document["resolution"]["seconds"], 4.0);
    Ok(())
}

#[test]
fn a_server_that_says_nothing_delays() -> Result<()> {
    let bed = Bed::new(&format!("nameserver 10.77.0.9\n{CONF}"))?;
    bed.serve(Fault::None)?;
    let (status, document) = bed.ask(WEB, &["--probe"])?;
    assert_eq!((status, &document["outcome"]), (Some(0), &json!("connects")), "{document}");
    assert_eq!(cause(&document), (&json!("dns-server-late"), &json!("dns")));
    // A second for each of the two names.
    assert_eq!(document["causes"][0]["delay_s"], 2.0);
    Ok(())
}

#[test]
fn servers_that_fail() -> Result<()> {
    for (fault, id) in [
        (Fault::Silent, "dns-answer-lost"),
        (Fault::LosesTheFirst, "dns-answer-lost"),
        (Fault::Fails, "dns-server-fails"),
        (Fault::CutsOff, ""),
    ] {
        let bed = Bed::new(CONF)?;
        bed.serve(fault)?;
        let (status, document) = bed.ask(WEB, &["--probe"])?;
        let connects = matches!(fault, Fault::LosesTheFirst | Fault::CutsOff);
        assert_eq!(status, Some(if connects { 0 } else { 1 }), "{document}");
        assert_eq!(cause(&document).0.as_str().unwrap_or_default(), id);
        if fault == Fault::CutsOff {
            bed.nft("tcp dport 53 drop")?;
            let (_, document) = bed.ask(WEB, &["--probe"])?;
            assert_eq!(cause(&document), (&json!("dns-tcp-blocked"), &json!("dns")), "{document}");
            assert_eq!(document["causes"][0]["place"]["rule"], "tcp dport 53 drop");
        }
    }
    Ok(())
}

#[test]
fn the_fourth_server_is_never_asked() -> Result<()> {
    let dead: String = (7..10).map(|i| format!("nameserver 10.77.0.{i}\n")).collect();
    let bed = Bed::new(&format!("{dead}{CONF}"))?;
    bed.serve(Fault::None)?;
    let (_, document) = bed.ask(WEB, &[])?;
    let ids: Vec<&Value> = document["causes"].as_array().into_iter().flatten().map(|c| &c["id"]).collect();
    assert_eq!(ids, [&json!("dns-server-unreachable"), &json!("dns-servers-beyond-three")], "{document}");
    let fourth = &document["resolution"]["servers"][3];
    assert_eq!((&fourth["asked"], &fourth["udp"]), (&json!(false), &json!("connects")));
    Ok(())
}

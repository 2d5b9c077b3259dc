//! First packets while endpoints change at full speed: none is lost, none refused, and none goes to an endpoint whose removal
//! the kernel had acknowledged before the packet was sent.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plumb_kernel::in_namespace;
use plumb_tests::hosts::{ENDPOINTS, Hosts, endpoint, path};
use plumb_tests::services::{backend, cluster_ip, failed, frame, service, settings, slice, view};
use plumb_tests::{Failure, Result};
use serde_json::json;

/// How long the flood lasts.
const LASTS: Duration = Duration::from_secs(4);
/// A lost SYN is sent again after a second at the earliest (`TCP_TIMEOUT_INIT`).
const LOST: Duration = Duration::from_millis(900);

/// When each endpoint was surely not in force: from the acknowledgement of its removal until its return was asked for.
#[derive(Default)]
struct Gone(Vec<(u8, Instant, Option<Instant>)>);

impl Gone {
    /// Whether the endpoint was gone all the time in which the connection's first packet may have been sent.
    fn forbids(&self, answer: &Answer) -> bool {
        self.0.iter().any(|(index, from, until)| {
            *index == answer.index && *from < answer.before && until.is_none_or(|until| answer.after < until)
        })
    }
}

/// Which endpoint answered, and between which moments the connection's first packet was sent.
#[derive(Debug)]
struct Answer {
    index: u8,
    before: Instant,
    after: Instant,
}

/// What the client saw.
#[derive(Default, Debug)]
struct Seen {
    connections: u32,
    lost: u32,
    refused: Vec<String>,
    answers: Vec<Answer>,
}

fn flood(bed: &Hosts, stop: &Arc<AtomicBool>) -> Result<Seen> {
    let (namespace, stop) = (path(&bed.client), Arc::clone(stop));
    let to = SocketAddr::new(cluster_ip(1).into(), 80);
    in_namespace(namespace, move || {
        let mut seen = Seen::default();
        while !stop.load(Ordering::Relaxed) {
            let sent = Instant::now();
            seen.connections += 1;
            match TcpStream::connect_timeout(&to, Duration::from_secs(5)) {
                Ok(mut stream) => {
                    let after = Instant::now();
                    seen.lost += u32::from(after - sent > LOST);
                    // To the end: the server closes first, so that the kernel gives up the connection's entry when the port is
                    // used again (`nf_conntrack_tcp_packet`), and each connection is a new choice.
                    let mut said = Vec::new();
                    if stream.read_to_end(&mut said).is_ok()
                        && let [index] = said[..]
                    {
                        seen.answers.push(Answer { index, before: sent, after });
                    }
                }
                Err(error) => seen.refused.push(error.to_string()),
            }
        }
        seen
    })
    .map_err(failed("entering"))
}

#[test]
fn no_first_packet_is_lost_while_endpoints_change() -> Result<()> {
    let bed = Hosts::new()?;
    let mut services = view();
    let mut kernel = backend(bed.node.name(), frame())?;
    services.apply_service(&service(1, json!({}))?);
    services.apply_slice(&slice(1, &(0..ENDPOINTS).map(endpoint).collect::<Vec<_>>())?);
    services.take();
    kernel.load(&services, &settings()).map_err(failed("loading"))?;

    let stop = Arc::new(AtomicBool::new(false));
    let gone = Mutex::new(Gone::default());
    let mut changes = 0u32;
    let seen = std::thread::scope(|scope| -> Result<Seen> {
        let client = scope.spawn(|| flood(&bed, &stop));
        let begin = Instant::now();
        let mut present = [true; ENDPOINTS as usize];
        let mut number = 7u32;
        let result = (|| -> Result<()> {
            while begin.elapsed() < LASTS {
                // Endpoint 0 stays, so that there always is one.
                number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                let index = 1 + (number >> 16) as usize % usize::from(ENDPOINTS - 1);
                present[index] = !present[index];
                let asked = Instant::now();
                if present[index] {
                    let mut gone = gone.lock().unwrap_or_else(PoisonError::into_inner);
                    for entry in
                        gone.0.iter_mut().filter(|(i, _, until)| usize::from(*i) == index && until.is_none())
                    {
                        entry.2 = Some(asked);
                    }
                }
                let now: Vec<IpAddr> =
                    (0..ENDPOINTS).filter(|i| present[usize::from(*i)]).map(endpoint).collect();
                services.apply_slice(&slice(1, &now)?);
                kernel.apply(&services.take()).map_err(failed("applying"))?;
                changes += 1;
                if !present[index] {
                    let mut gone = gone.lock().unwrap_or_else(PoisonError::into_inner);
                    gone.0.push((index as u8, Instant::now(), None));
                }
            }
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        let seen = client
            .join()
            .map_err(|_| Failure::Agent { what: "the client".into(), why: "panicked".into() })?;
        result.and(seen)
    })?;

    println!("{} connections, {changes} changes", seen.connections);
    let gone = gone.into_inner().unwrap_or_else(PoisonError::into_inner);
    let wrong: Vec<_> = seen.answers.iter().filter(|answer| gone.forbids(answer)).collect();
    assert!(seen.connections > 100 && changes > 100, "too little happened to tell anything");
    assert_eq!(seen.refused, Vec::<String>::new());
    assert_eq!(seen.lost, 0, "SYNs were lost");
    assert!(wrong.is_empty(), "connections to endpoints that were gone: {wrong:?}");
    Ok(())
}

/// A first sync over the rules of a former run, whole or refilled, while connections come in.
#[test]
fn no_first_packet_is_lost_while_the_table_is_taken_over() -> Result<()> {
    let bed = Hosts::new()?;
    let mut services = view();
    services.apply_service(&service(1, json!({}))?);
    services.apply_slice(&slice(1, &(0..ENDPOINTS).map(endpoint).collect::<Vec<_>>())?);
    services.take();
    backend(bed.node.name(), frame())?.load(&services, &settings()).map_err(failed("loading"))?;
    let stop = Arc::new(AtomicBool::new(false));
    let seen = std::thread::scope(|scope| -> Result<Seen> {
        let client = scope.spawn(|| flood(&bed, &stop));
        let result = (|| -> Result<()> {
            for round in 0..12u32 {
                // Every third restart comes with other rules, so that the table is replaced.
                let frame = plumb_proxy::backend::nftables::FrameConfig {
                    masquerade_mark: 0x4000 << (round / 3 % 2),
                    ..frame()
                };
                let mut kernel = backend(bed.node.name(), frame)?;
                kernel.load(&services, &settings()).map_err(failed("loading"))?;
            }
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        let seen = client
            .join()
            .map_err(|_| Failure::Agent { what: "the client".into(), why: "panicked".into() })?;
        result.and(seen)
    })?;
    println!("{} connections", seen.connections);
    assert!(seen.connections > 20);
    assert_eq!(seen.refused, Vec::<String>::new());
    assert_eq!(seen.lost, 0, "SYNs were lost");
    Ok(())
}

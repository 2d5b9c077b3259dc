//! The API server goes away and comes back: the same, one that has forgotten what happened, one that was set up anew.

use std::time::{Duration, Instant};

use plumb_tests::Result;
use plumb_tests::services::cluster_ip;

use super::bed::{Bed, Objects, PLAIN, Proxy, wait};
use super::traffic::Traffic;

/// Three Services that are in force, and connections to the first, which nothing happens to.
fn begin(bed: &Bed, objects: &Objects) -> Result<(Proxy, Traffic)> {
    objects.service(1, &[0, 1])?;
    objects.service(2, &[2])?;
    objects.service(3, &[3])?;
    let proxy = bed.proxy(&[], &PLAIN)?;
    wait("the first sync", &proxy, || {
        Ok(bed.is_served_by(1, &[0, 1])? && bed.is_served_by(2, &[2])? && bed.is_served_by(3, &[3])?)
    })?;
    let traffic = Traffic::start(bed, 1, &[0, 1]);
    traffic.flows()?;
    Ok((proxy, traffic))
}

/// Until the proxy says that the API server does not answer.
fn lost(bed: &Bed, proxy: &Proxy) -> Result<()> {
    let told = |problems: Vec<String>| {
        let [only] = &problems[..] else { return false };
        only.starts_with("API server http://127.0.0.1:6443/: no answer")
    };
    wait("the loss of the API", proxy, || Ok(bed.problems()?.is_some_and(told)))?;
    let (code, text) = bed.ask_status(&["--lang", "en"])?;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("cannot read: API server http://127.0.0.1:6443/: no answer"), "{text}");
    let (code, text) = bed.ask_status(&["--lang", "zh"])?;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("无法读取：API server http://127.0.0.1:6443/"), "{text}");
    let log = proxy.log()?;
    let lines: Vec<&str> = log.lines().filter(|l| l.contains("no answer")).collect();
    assert_eq!(lines.len(), 1, "one line, not one a try: {log}");
    assert!(lines[0].contains("WARN") && lines[0].contains("the last state stays in force"), "{log}");
    Ok(())
}

/// Until it answers again, and the kernel is as it says.
fn found(bed: &Bed, proxy: &Proxy, so: impl Fn() -> Result<bool>) -> Result<()> {
    wait("the API to be found again", proxy, || Ok(bed.problems()?.is_some_and(|p| p.is_empty())))?;
    wait("the new state", proxy, so)?;
    bed.kernel_is_as_the_api_says()?;
    assert!(proxy.log()?.contains("API server http://127.0.0.1:6443/: well again"), "{}", proxy.log()?);
    assert_eq!(bed.ask_status(&[])?.0, Some(0));
    Ok(())
}

fn away_for(lasts: Duration) -> Result<()> {
    let (bed, objects) = (Bed::new()?, Objects::new(10_000)?);
    let server = objects.serve(&bed)?;
    let (proxy, traffic) = begin(&bed, &objects)?;
    let began = Instant::now();
    drop(server);
    lost(&bed, &proxy)?;
    objects.delete(2)?;
    objects.endpoints(3, &[5])?;
    objects.service(4, &[4])?;
    while began.elapsed() < lasts {
        traffic.flows()?;
        assert!(bed.is_served_by(2, &[2])? && bed.is_served_by(3, &[3])?, "the last state is not in force");
        assert!(!bed.holds(4)?);
    }
    let _server = objects.serve(&bed)?;
    found(&bed, &proxy, || Ok(bed.is_served_by(4, &[4])? && bed.is_served_by(3, &[5])? && !bed.holds(2)?))?;
    traffic.flows()
}

#[test]
fn an_api_server_that_is_away_for_some_seconds() -> Result<()> {
    away_for(Duration::from_secs(3))
}

#[test]
#[ignore = "takes more than a minute"]
fn an_api_server_that_is_away_for_a_minute() -> Result<()> {
    away_for(Duration::from_secs(60))
}

#[test]
fn an_api_server_that_has_forgotten_what_happened() -> Result<()> {
    let (bed, objects) = (Bed::new()?, Objects::new(5)?);
    let server = objects.serve(&bed)?;
    let (proxy, traffic) = begin(&bed, &objects)?;
    // Connections that are cut while objects change, and nothing else: 410 is no news of the server.
    drop(server);
    objects.delete(2)?;
    objects.endpoints(3, &[5])?;
    for number in 10..30 {
        objects.service(number, &[4])?;
    }
    let server = objects.serve(&bed)?;
    let new = || Ok(bed.is_served_by(29, &[4])? && bed.is_served_by(3, &[5])? && !bed.holds(2)?);
    wait("what happened meanwhile", &proxy, new)?;
    bed.kernel_is_as_the_api_says()?;
    traffic.flows()?;
    // And once more after an outage that is told.
    drop(server);
    lost(&bed, &proxy)?;
    (10..30).try_for_each(|number| objects.delete(number))?;
    objects.endpoints(3, &[3])?;
    traffic.flows()?;
    let _server = objects.serve(&bed)?;
    found(&bed, &proxy, || Ok(bed.is_served_by(3, &[3])? && !bed.holds(10)? && !bed.holds(29)?))?;
    traffic.flows()
}

/// How far the new server has come.
#[derive(Clone, Copy, PartialEq)]
enum Anew {
    Behind,
    Further,
}

fn counts_anew(how: Anew) -> Result<()> {
    let (bed, objects) = (Bed::new()?, Objects::new(10_000)?);
    let server = objects.serve(&bed)?;
    let (proxy, traffic) = begin(&bed, &objects)?;
    if how == Anew::Behind {
        for round in 0..20 {
            objects.endpoints(2, &[3 - round % 2])?;
        }
        wait("the old state", &proxy, || bed.is_served_by(2, &[2]))?;
    }
    drop(server);
    lost(&bed, &proxy)?;
    traffic.flows()?;
    // Services and slices of the same names, the third with the version that the old one had, and another endpoint.
    let anew = Objects::new(10_000)?;
    anew.service(1, &[0, 1])?;
    anew.service(4, &[4])?;
    anew.service(3, &[5])?;
    if how == Anew::Further {
        (40..60).try_for_each(|number| anew.service(number, &[4]))?;
    }
    let _server = anew.serve(&bed)?;
    found(&bed, &proxy, || Ok(bed.is_served_by(4, &[4])? && bed.is_served_by(3, &[5])? && !bed.holds(2)?))?;
    traffic.flows()?;
    // What happens there from now on is heard of.
    anew.endpoints(3, &[2])?;
    wait("a change on the new one", &proxy, || bed.is_served_by(3, &[2]))?;
    assert!(!bed.holds(2)?, "{} is still there", cluster_ip(2));
    traffic.flows()
}

#[test]
fn an_api_server_that_counts_anew_and_is_behind() -> Result<()> {
    counts_anew(Anew::Behind)
}

#[test]
fn an_api_server_that_counts_anew_and_has_come_further() -> Result<()> {
    counts_anew(Anew::Further)
}

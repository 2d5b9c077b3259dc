//! A port that is missing at every endpoint of a Service is one fault, the Service's: its `targetPort` names a port that its
//! pods do not serve, or all its servers are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use plumb_model::{Change, Snapshot};
use serde_json::Value;

use super::causes::{Found, affected};
use super::consequences::remedy_of;
use super::pairs::Asked;
use crate::check::report::CheckFinding;
use crate::check::yardstick::{ServiceTarget, Yardstick};
use crate::messages::Lang;
use crate::messages::checks::{fill, texts};

/// What each of the findings is called that are put together.
const ALONE: &str = "listener-missing";
/// What they are called together.
const TOGETHER: &str = "service-port-dead";
/// The port of DNS (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// A cause, the pairs that it breaks, and how it is told alone.
pub(super) struct Told<'a> {
    pub(super) found: &'a Found,
    pub(super) pairs: BTreeSet<usize>,
    pub(super) finding: CheckFinding,
}

/// Puts one finding in place of those of a Service whose endpoints all lack the port.
pub(super) fn as_one<'a>(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    asked: &Asked,
    mut told: Vec<Told<'a>>,
    lang: Lang,
) -> Vec<Told<'a>> {
    let mut services: BTreeMap<(&str, &str), Vec<&ServiceTarget>> = BTreeMap::new();
    for s in &yardstick.services {
        services.entry((&s.cluster, &s.name)).or_default().push(s);
    }
    for ((_, name), ports) in services {
        let targets = targets(asked, &ports);
        let owner = |address| yardstick.members.iter().position(|m| m.addresses.contains(&address));
        let endpoints: BTreeSet<usize> =
            ports.iter().flat_map(|s| &s.endpoints).filter_map(|(a, _)| owner(*a)).collect();
        let at = |t: &Told<'_>| {
            let of_service = t.pairs.iter().any(|i| targets.contains(&asked.asks[*i].target));
            let (_, socket) = socket(&t.finding)?;
            owner(socket.ip()).filter(|m| t.finding.id == ALONE && of_service && endpoints.contains(m))
        };
        let dead: BTreeSet<usize> = told.iter().filter_map(at).collect();
        if endpoints.len() < 2 || dead != endpoints {
            continue;
        }
        let (of_service, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|t| at(t).is_some());
        told = others;
        told.extend(together(snapshot, asked, name, of_service, lang));
    }
    told
}

/// Indices of the targets that are these ports of a Service.
fn targets(asked: &Asked, ports: &[&ServiceTarget]) -> BTreeSet<usize> {
    let is_one = |i: &usize| {
        let t = &asked.targets[*i];
        let same = |s: &&&ServiceTarget| (&s.cluster, s.address, s.port) == (&t.cluster, t.address, t.port);
        t.member.is_none() && ports.iter().any(|s| same(&s))
    };
    (0..asked.targets.len()).filter(is_one).collect()
}

/// Protocol and address at which a finding says that nobody listens.
fn socket(finding: &CheckFinding) -> Option<(&str, SocketAddr)> {
    let (protocol, address) = finding.place.get("socket")?.as_str()?.split_once(' ')?;
    Some((protocol, address.parse().ok()?))
}

/// One finding of many. Its place is the first's, and names the others; its remedy mends all.
fn together<'a>(
    snapshot: &Snapshot,
    asked: &Asked,
    service: &str,
    all: Vec<Told<'a>>,
    lang: Lang,
) -> Option<Told<'a>> {
    let sockets: Vec<String> = all
        .iter()
        .filter_map(|t| {
            let namespace = t.finding.place.get("namespace")?.as_str()?;
            Some(format!("{namespace} {}", t.finding.place.get("socket")?.as_str()?))
        })
        .collect();
    let ports: BTreeSet<(u16, String)> = all
        .iter()
        .filter_map(|t| socket(&t.finding).map(|(protocol, s)| (s.port(), protocol.to_owned())))
        .collect();
    let cure: Vec<Change> = all.iter().flat_map(|t| t.found.diagnosed.cure.iter().cloned()).collect();
    let mut all = all.into_iter();
    let mut one = all.next()?;
    for other in all {
        one.pairs.extend(other.pairs);
        for evidence in other.finding.evidence {
            if !one.finding.evidence.contains(&evidence) {
                one.finding.evidence.push(evidence);
            }
        }
    }
    let is_dns = ports.iter().all(|(port, _)| *port == DNS);
    let named: Vec<String> = ports.iter().map(|(port, protocol)| format!("{protocol}/{port}")).collect();
    let words = BTreeMap::from([("service", service.to_owned()), ("ports", named.join(", "))]);
    let texts = texts(lang, TOGETHER);
    let finding = &mut one.finding;
    finding.id = TOGETHER.to_owned();
    finding.fault = Some(if is_dns { "D02" } else { "S03" }.to_owned());
    finding.summary = fill(texts.summary, &words);
    finding.effect = fill(texts.effect, &words);
    finding.place.insert("sockets".to_owned(), Value::String(sockets.join(", ")));
    finding.affects = affected(asked, &one.pairs);
    finding.remedy = vec![remedy_of(snapshot, &cure, asked, one.found.ask, lang)];
    if let Some(pairs) = &mut finding.pairs {
        pairs.broken = one.pairs.iter().map(|&i| asked.asks[i].count).sum();
    }
    Some(one)
}

//! A report about a flow to a name: the look-up first, then the flow to the address that it gave.

use std::net::IpAddr;

use plumb_model::Snapshot;
use plumb_trace::Network;
use plumb_trace::session::{Flow, Origin, Transport};

use super::resolve::{Resolution, resolve};
use super::{NameError, NameQuestion, Told};
use crate::diagnose::{self, Question};
use crate::hops::Level;
use crate::messages::{NameNote, name_note};
use crate::report::{FlowReport, Report, RuledOut};

/// The question about the flow, once the address is known.
#[must_use]
pub fn flow_question(q: &NameQuestion, address: IpAddr) -> Question {
    Question { flow: Flow { dst: address, ..q.flow }, from: q.from.clone(), lang: q.lang }
}

/// Answers a question from what a snapshot holds.
///
/// # Errors
/// The client's files are of a machine that was not read.
pub fn diagnose(
    snapshot: &Snapshot,
    net: &Network,
    q: &NameQuestion,
    told: Told,
) -> Result<Report, NameError> {
    let found = resolve(snapshot, net, q, told, Level::Brief, true)?;
    Ok(report(q, found, |question| diagnose::diagnose(snapshot, question)))
}

/// Walks a question without looking for causes: what `plumb trace` shows.
///
/// # Errors
/// The client's files are of a machine that was not read.
pub fn trace(
    snapshot: &Snapshot,
    net: &Network,
    q: &NameQuestion,
    told: Told,
    level: Level,
) -> Result<Report, NameError> {
    let found = resolve(snapshot, net, q, told, level, false)?;
    Ok(report(q, found, |question| diagnose::trace(net, question, level)))
}

/// The look-up and the flow that follows it as one report.
#[must_use]
pub fn report(q: &NameQuestion, found: Resolution, follow: impl Fn(&Question) -> Report) -> Report {
    let mut report = match found.addresses.first() {
        Some(&address) => follow(&flow_question(q, address)),
        None => without_address(q),
    };
    let lost = found.report.error.clone();
    if found.causes.iter().all(|c| c.share == 0.0) && lost.is_none() && !found.addresses.is_empty() {
        let from = found.report.source.clone().unwrap_or_default();
        report.ruled_out.insert(
            0,
            RuledOut {
                what: name_note(q.lang, NameNote::Addresses { from: &from }),
                why: format!("{}: {}", q.name, found.report.addresses.join(", ")),
            },
        );
    }
    // One fault that stops the look-up and the flow is told once.
    report.causes.retain(|c| found.causes.iter().all(|d| d.place != c.place));
    report.causes.splice(0..0, found.causes);
    report.unknowns.splice(0..0, found.unknowns);
    report.assumptions.splice(0..0, found.assumptions);
    report.assumptions.dedup();
    report.unknowns.dedup();
    if let Some(error) = lost {
        // getaddrinfo(3) fails before anything is dialled.
        report.outcome = "local_error".to_owned();
        report.stage = Some("connect".to_owned());
        report.errno = Some(error);
        report.success = 0.0;
    } else if found.open || found.addresses.is_empty() {
        report.outcome = "unknown".to_owned();
        (report.stage, report.errno, report.success) = (None, None, 0.0);
    } else if !found.answered.is_one() {
        if report.outcome == "connects" {
            report.errno = Some("EAI_AGAIN".to_owned());
            report.stage = Some("connect".to_owned());
        } else if report.outcome != "unknown" {
            report.errno = None;
        }
        if report.outcome != "unknown" {
            report.outcome = "intermittent".to_owned();
            report.success = (report.success * found.answered.as_f64() * 1000.0).round() / 1000.0;
        }
    }
    report.resolution = Some(found.report);
    report
}

fn without_address(q: &NameQuestion) -> Report {
    let source = match q.flow.origin {
        Origin::Process { source, .. } => source,
        Origin::Outside { source, .. } => Some(source),
    };
    let protocol = match q.flow.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
        Transport::Icmp => "icmp",
    };
    Report {
        version: 1,
        flow: FlowReport {
            from: q.from.clone(),
            source: source.map(|s| s.to_string()),
            destination: q.name.clone(),
            port: (q.flow.transport != Transport::Icmp).then_some(q.flow.port),
            protocol: protocol.to_owned(),
            bytes: q.flow.bytes.map(|b| crate::report::BytesReport { up: b.up, down: b.down }),
        },
        resolution: None,
        outcome: "unknown".to_owned(),
        stage: None,
        success: 0.0,
        errno: None,
        causes: Vec::new(),
        unknowns: Vec::new(),
        assumptions: Vec::new(),
        probe: None,
        ruled_out: Vec::new(),
        paths: Vec::new(),
    }
}

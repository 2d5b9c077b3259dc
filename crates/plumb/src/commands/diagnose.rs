//! `plumb diagnose`: why a flow fails, where, and what mends it.

use plumb_doctor::diagnose::{ProbeSeen, diagnose, with_probe};
use plumb_doctor::names::ask::{Ask, Heard};
use plumb_doctor::names::{self, Cluster, NameQuestion, Told};
use plumb_doctor::render::{html, terminal as render};
use plumb_doctor::report::Report;
use plumb_kernel::Parts;
use plumb_kernel::probe;
use plumb_model::{IpFamily, Namespace, Snapshot};
use plumb_trace::Network;
use plumb_trace::session::Origin;

use super::flow::Resolved;
use super::{Context, dns, flow, source};
use crate::cli::DiagnoseArgs;
use crate::error::{Error, Status};
use crate::flow::{AnswerFormat, Question as Asked};
use crate::lang::Say;
use crate::output;
use crate::progress::Progress;

pub(super) fn run(args: &DiagnoseArgs, context: &Context) -> Result<Status, Error> {
    let asked = args.flow.question()?;
    let known = flow::known(&args.flow, context)?;
    let snapshot = flow::snapshot(&args.flow, &asked, &known, context)?;
    let net = Network::compile(&snapshot);
    let question = flow::resolve(&net, &args.flow, &asked, &known, context)?;
    let mut report = match &question {
        Resolved::Flow(question) => {
            let report = diagnose(&snapshot, question);
            if args.probe.probe {
                probed(report, &snapshot, &net, question, &asked, context)?
            } else {
                report
            }
        }
        Resolved::Name(question) if args.probe.probe => {
            let clusters = flow::clusters(&args.flow)?;
            let cluster = flow::cluster(&net, question, &clusters);
            by_name(&snapshot, &net, question, cluster, &asked, context)?
        }
        Resolved::Name(question) => {
            let clusters = flow::clusters(&args.flow)?;
            let told = Told { cluster: flow::cluster(&net, question, &clusters), ask: None };
            names::diagnose(&snapshot, &net, question, told).map_err(flow::no_look_up)?
        }
    };
    if args.flow.snapshot.is_none() {
        super::lab::remedy::of_causes(&mut report);
    }
    if args.print_remedy {
        for command in report.causes.iter().filter_map(|c| c.remedy.first()).filter(|r| !r.advice) {
            output::print(&format!("{}\n", command.command))?;
        }
    } else {
        match args.flow.output {
            AnswerFormat::Json => output::print_json(&report)?,
            AnswerFormat::Html => {
                let page = html::diagnosis(&report, context.lang())
                    .map_err(|e| Error::file("write to", "-")(std::io::Error::other(e)))?;
                output::print(&page)?;
            }
            AnswerFormat::Text => {
                let mut text = Vec::new();
                let options = render::Options { lang: context.lang(), color: true };
                render::report(&mut text, &report, options).map_err(Error::file("write to", "-"))?;
                output::print(&String::from_utf8_lossy(&text))?;
            }
        }
    }
    Ok(match report.exit_status() {
        0 => Status::Good,
        3 => Status::CannotTell,
        _ => Status::No,
    })
}

/// Asks the name's servers for real, then opens the connection to the address that they gave.
fn by_name(
    snapshot: &Snapshot,
    net: &Network,
    question: &NameQuestion,
    cluster: Option<Cluster>,
    asked: &Asked,
    context: &Context,
) -> Result<Report, Error> {
    let Origin::Process { ns, .. } = question.flow.origin else {
        return Err(Error::Usage {
            problem: "a probe needs a client on this machine".to_owned(),
            help: "name the namespace of the client, or leave --probe out".to_owned(),
        });
    };
    let n: &Namespace = net.namespace(ns);
    let handle = source::handle(n)?;
    let progress = Progress::new(&context.say(&Say::Probing));
    let ask = |a: &Ask| -> Heard { dns::ask(&handle, n, a, asked.uid) };
    let told = Told { ask: Some(&ask), cluster };
    let report = names::diagnose(snapshot, net, question, told).map_err(flow::no_look_up)?;
    drop(progress);
    let resolution = report.resolution.as_ref();
    let address = resolution.filter(|r| r.error.is_none()).and_then(|r| r.addresses.first()?.parse().ok());
    match address {
        Some(address) => {
            let flow = names::flow_question(question, address);
            probed(report, snapshot, net, &flow, asked, context)
        }
        None => Ok(report),
    }
}

/// Opens the one connection that was asked for, and reads the counters again.
fn probed(
    report: Report,
    before: &Snapshot,
    net: &Network,
    question: &plumb_doctor::diagnose::Question,
    asked: &Asked,
    context: &Context,
) -> Result<Report, Error> {
    let Origin::Process { ns, source } = question.flow.origin else {
        return Err(Error::Usage {
            problem: "a probe needs a client on this machine".to_owned(),
            help: "name the namespace of the client, or leave --probe out".to_owned(),
        });
    };
    if source.is_some() {
        return Err(Error::Usage {
            problem: "a probe binds no source address".to_owned(),
            help: "name the client's namespace (netns:NAME) instead of its address".to_owned(),
        });
    }
    let n: &Namespace = net.namespace(ns);
    let family = IpFamily::of(question.flow.dst);
    let mut flow = probe::Flow::new(asked.ip_protocol(family), question.flow.dst, question.flow.port);
    flow.source_port = asked.source_port;
    flow.uid = Some(asked.uid);
    if let Some(bytes) = asked.bytes {
        flow.payload = vec![b'p'; usize::try_from(bytes.up).unwrap_or(usize::MAX)];
        flow.answer = Some(usize::try_from(bytes.down).unwrap_or(usize::MAX));
    }
    let progress = Progress::new(&context.say(&Say::Probing));
    let handle = source::handle(n)?;
    let seen = probe::connect(&handle, &flow, &probe::Patience::default())?;
    drop(progress);
    let names: Vec<String> = before.namespaces.iter().map(|n| n.id.to_string()).collect();
    let parts = Parts { statistics: false, processes: false, ..Parts::default() };
    let after = source::live(context, Some(names), parts)?;
    let seen = ProbeSeen::new(seen.connects, seen.errno, seen.seconds);
    Ok(with_probe(report, before, &after, &seen))
}

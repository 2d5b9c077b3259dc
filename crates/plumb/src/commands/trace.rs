//! `plumb trace`: the way of a packet, there and back.

use plumb_doctor::diagnose::trace;
use plumb_doctor::hops::Level;
use plumb_doctor::names::{self, Told};
use plumb_doctor::render::{html, terminal as render};
use plumb_trace::Network;

use super::flow::Resolved;
use super::{Context, flow};
use crate::cli::TraceArgs;
use crate::error::{Error, Status};
use crate::flow::AnswerFormat;
use crate::output;

pub(super) fn run(args: &TraceArgs, context: &Context) -> Result<Status, Error> {
    let asked = args.flow.question()?;
    let known = flow::known(&args.flow, context)?;
    let snapshot = flow::snapshot(&args.flow, &asked, &known, context)?;
    let net = Network::compile(&snapshot);
    let question = flow::resolve(&net, &args.flow, &asked, &known, context)?;
    let level = if args.explain.explain { Level::Explain } else { Level::Brief };
    let report = match &question {
        Resolved::Flow(question) => trace(&net, question, level),
        Resolved::Name(question) => {
            let clusters = flow::clusters(&args.flow)?;
            let told = Told { cluster: flow::cluster(&net, question, &clusters), ask: None };
            names::trace(&snapshot, &net, question, told, level).map_err(flow::no_look_up)?
        }
    };
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
            render::trace(&mut text, &report, options).map_err(Error::file("write to", "-"))?;
            output::print(&String::from_utf8_lossy(&text))?;
        }
    }
    Ok(match report.exit_status() {
        0 => Status::Good,
        3 => Status::CannotTell,
        _ => Status::No,
    })
}

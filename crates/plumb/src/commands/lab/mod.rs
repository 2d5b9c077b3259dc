//! `plumb lab`: clusters out of network namespaces.

pub(super) mod remedy;
mod render;

use std::time::{Duration, Instant};

use plumb_doctor::messages::Lang;
use plumb_lab::faults::Fault;
use plumb_lab::faults::look_alike::LookAlike;
use plumb_lab::server::{Hold, Manner};
use plumb_lab::topology::PortProtocol;
use plumb_lab::{ProbeOptions, ResolverChange, Step, Topology};
use plumb_model::{IpFamily, Protocol};

use super::Context;
use crate::cli::{
    HoldProtocol, LabArgs, LabBreakArgs, LabCommand, LabDownArgs, LabFaultsArgs, LabHealArgs, LabHoldArgs,
    LabListenArgs, LabProbeArgs, LabResolverArgs, LabStatusArgs, LabTopologyArgs, LabUpArgs, ListenProtocol,
    ProbeProtocol, TextOrJson,
};
use crate::error::{Error, Status};
use crate::lang::lab::{self, Say, say};
use crate::output;

pub(super) fn run(args: &LabArgs, context: &Context) -> Result<Status, Error> {
    let lang = context.lang();
    match &args.command {
        LabCommand::Up(args) => up(lang, args),
        LabCommand::Down(args) => down(lang, args),
        LabCommand::Status(args) => status(lang, args),
        LabCommand::Exec(args) => {
            let lab = plumb_lab::choose(args.which.lab.as_deref())?;
            match plumb_lab::exec(&lab, &args.name, &args.command)? {}
        }
        LabCommand::Probe(args) => probe(lang, args),
        LabCommand::Faults(args) => faults(lang, args),
        LabCommand::Break(args) => break_(lang, args),
        LabCommand::Heal(args) => heal(lang, args),
        LabCommand::Listen(args) => listen(lang, args),
        LabCommand::Restart(args) => {
            let lab = plumb_lab::choose(args.which.lab.as_deref())?;
            plumb_lab::restart(&lab, &args.name)?;
            tell(lang, &Say::Restarted { name: &args.name })?;
            Ok(Status::Good)
        }
        LabCommand::Hold(args) => hold(lang, args),
        LabCommand::Resolver(args) => resolver(lang, args),
        LabCommand::Topology(args) => topology(lang, args),
    }
}

/// Prints one sentence.
fn tell(lang: Lang, what: &Say<'_>) -> Result<(), Error> {
    output::print(&format!("{}\n", say(lang, what)))
}

fn up(lang: Lang, args: &LabUpArgs) -> Result<Status, Error> {
    let mut topology = match &args.file {
        Some(file) => Topology::read(file).map_err(plumb_lab::LabError::from)?,
        None => Topology::standard("demo").map_err(plumb_lab::LabError::from)?,
    };
    if let Some(name) = &args.name {
        topology = topology.renamed(name).map_err(plumb_lab::LabError::from)?;
    }
    let start = Instant::now();
    // What takes less than a second needs no progress.
    let mut tell = |step: Step| {
        if start.elapsed() > Duration::from_secs(1) {
            eprintln!("{} …", lab::step(lang, step));
        }
    };
    plumb_lab::up(&topology, &mut tell)?;
    let took = start.elapsed();
    let status = plumb_lab::status(&topology.name)?;
    match args.output {
        TextOrJson::Json => output::print_json(&status)?,
        TextOrJson::Text => output::print(&render::up(lang, &status, took))?,
    }
    Ok(Status::Good)
}

fn down(lang: Lang, args: &LabDownArgs) -> Result<Status, Error> {
    let labs = if args.all { plumb_lab::labs() } else { vec![plumb_lab::choose(args.lab.as_deref())?] };
    for lab in labs {
        plumb_lab::down(&lab)?;
        tell(lang, &Say::Gone { lab: &lab })?;
    }
    Ok(Status::Good)
}

fn status(lang: Lang, args: &LabStatusArgs) -> Result<Status, Error> {
    let status = plumb_lab::status(&plumb_lab::choose(args.lab.as_deref())?)?;
    match args.output {
        TextOrJson::Json => output::print_json(&status)?,
        TextOrJson::Text => output::print(&render::status(lang, &status))?,
    }
    Ok(if status.ready { Status::Good } else { Status::No })
}

fn probe(lang: Lang, args: &LabProbeArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let options = ProbeOptions {
        protocol: args.protocol.map(|p| match p {
            ProbeProtocol::Tcp => Protocol::TCP,
            ProbeProtocol::Udp => Protocol::UDP,
            ProbeProtocol::Icmp => Protocol::ICMP,
        }),
        family: args.ipv6.then_some(IpFamily::V6),
        connections: args.connections,
        patience: Duration::from_secs_f64(args.patience),
        bytes: args.bytes.map(|b| plumb_lab::Payload { up: b.up, down: b.down.unwrap_or(0) }),
        source_port: args.source_port,
    };
    let report = plumb_lab::probe(&lab, &args.from, &args.to, &options)?;
    match args.output {
        TextOrJson::Json => output::print_json(&report)?,
        TextOrJson::Text => output::print(&render::probe(lang, &report))?,
    }
    Ok(if report.outcome == plumb_lab::Outcome::Connects { Status::Good } else { Status::No })
}

/// A fault with what looks like it.
#[derive(serde::Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    fault: &'a Fault,
    look_alike: Option<LookAlike>,
}

impl<'a> Listed<'a> {
    fn of(fault: &'a Fault) -> Self {
        Self { fault, look_alike: fault.look_alike() }
    }
}

fn faults(lang: Lang, args: &LabFaultsArgs) -> Result<Status, Error> {
    let all = plumb_lab::faults::all();
    match args.output {
        TextOrJson::Json => output::print_json(&all.iter().map(Listed::of).collect::<Vec<_>>())?,
        TextOrJson::Text => output::print(&render::faults(lang, &all))?,
    }
    Ok(Status::Good)
}

fn break_(lang: Lang, args: &LabBreakArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let make = if args.look_alike { plumb_lab::look_alike } else { plumb_lab::break_ };
    let broken = make(&lab, &args.id, args.target.as_deref())?;
    match args.output {
        TextOrJson::Json => output::print_json(&broken)?,
        TextOrJson::Text => output::print(&render::broken(lang, &broken))?,
    }
    Ok(Status::Good)
}

fn heal(lang: Lang, args: &LabHealArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let healed = plumb_lab::heal(&lab, args.id.as_deref())?;
    output::print(&render::healed(lang, &healed))?;
    Ok(Status::Good)
}

fn listen(lang: Lang, args: &LabListenArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let (protocol, spoken) = match args.protocol {
        ListenProtocol::Tcp => (Protocol::TCP, None),
        ListenProtocol::Udp => (Protocol::UDP, None),
        ListenProtocol::Http => (Protocol::TCP, Some(PortProtocol::Http)),
        ListenProtocol::Dns => (Protocol::UDP, Some(PortProtocol::Dns)),
        ListenProtocol::DnsTcp => (Protocol::TCP, Some(PortProtocol::DnsTcp)),
    };
    let manner = Manner {
        backlog: args.backlog,
        device: args.device.clone(),
        shares: args.share,
        never_accepts: args.never_accept,
        never_closes: args.never_close,
        receive_buffer: args.receive_buffer,
        fails: args.fail,
        cuts_off: args.cut_off,
    };
    let start = (!args.stop).then_some(manner);
    plumb_lab::listen(&lab, &args.name, start, (protocol, spoken), args.address, args.port)?;
    let (name, protocol, port) = (args.name.as_str(), protocol.to_string(), args.port);
    let protocol = protocol.as_str();
    let said = if args.stop {
        Say::ListensNoMore { name, protocol, port }
    } else {
        Say::Listens { name, protocol, port }
    };
    tell(lang, &said)?;
    Ok(Status::Good)
}

fn hold(lang: Lang, args: &LabHoldArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let name = args.name.as_str();
    if let Some(held) = &args.release {
        plumb_lab::release(&lab, name, held)?;
        tell(lang, &Say::Released { name, held })?;
        return Ok(Status::Good);
    }
    // clap asks for it where nothing is let go.
    let to = args.to.as_deref().unwrap_or_default();
    let to = plumb_lab::destination(&plumb_lab::topology(&lab)?, to, None)?.socket();
    let hold = Hold {
        name: args.held.clone(),
        protocol: match args.protocol {
            HoldProtocol::Tcp => Protocol::TCP,
            HoldProtocol::Udp => Protocol::UDP,
        },
        to,
        connections: args.connections,
        source_port: args.source_port,
        every: args.every,
        close: args.close,
        half_open: args.half_open,
    };
    plumb_lab::hold(&lab, name, hold)?;
    tell(lang, &Say::Held { name, connections: args.connections, to: &to.to_string(), held: &args.held })?;
    Ok(Status::Good)
}

fn resolver(lang: Lang, args: &LabResolverArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let change =
        ResolverChange { servers: args.servers.clone(), search: args.search.clone(), ndots: args.ndots };
    plumb_lab::set_resolver(&lab, &args.name, (!args.usual).then_some(&change))?;
    tell(lang, &Say::Resolves { name: &args.name, usual: args.usual })?;
    Ok(Status::Good)
}

fn topology(lang: Lang, args: &LabTopologyArgs) -> Result<Status, Error> {
    if let Some(file) = &args.check {
        let topology = Topology::read(file).map_err(plumb_lab::LabError::from)?;
        let (nodes, pods) = (topology.nodes.len(), topology.pods.len());
        tell(lang, &Say::Sound { file: &file.display().to_string(), nodes, pods })?;
    } else if args.schema {
        output::print(&plumb_lab::topology::schema())?;
    } else {
        output::print(Topology::standard_text())?;
    }
    Ok(Status::Good)
}

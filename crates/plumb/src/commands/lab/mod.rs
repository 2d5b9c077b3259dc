//! `plumb lab`: clusters out of network namespaces.

pub(super) mod remedy;
mod render;

use std::time::{Duration, Instant};

use plumb_lab::{ProbeOptions, Topology};
use plumb_model::{IpFamily, Protocol};

use crate::cli::{
    LabArgs, LabBreakArgs, LabCommand, LabDownArgs, LabFaultsArgs, LabHealArgs, LabListenArgs, LabProbeArgs,
    LabStatusArgs, LabTopologyArgs, LabUpArgs, ListenProtocol, ProbeProtocol, TextOrJson,
};
use crate::error::{Error, Status};
use crate::output;

pub(super) fn run(args: &LabArgs) -> Result<Status, Error> {
    match &args.command {
        LabCommand::Up(args) => up(args),
        LabCommand::Down(args) => down(args),
        LabCommand::Status(args) => status(args),
        LabCommand::Exec(args) => {
            let lab = plumb_lab::choose(args.which.lab.as_deref())?;
            match plumb_lab::exec(&lab, &args.name, &args.command)? {}
        }
        LabCommand::Probe(args) => probe(args),
        LabCommand::Faults(args) => faults(args),
        LabCommand::Break(args) => break_(args),
        LabCommand::Heal(args) => heal(args),
        LabCommand::Listen(args) => listen(args),
        LabCommand::Topology(args) => topology(args),
    }
}

fn up(args: &LabUpArgs) -> Result<Status, Error> {
    let mut topology = match &args.file {
        Some(file) => Topology::read(file).map_err(plumb_lab::LabError::from)?,
        None => Topology::standard("demo").map_err(plumb_lab::LabError::from)?,
    };
    if let Some(name) = &args.name {
        topology = topology.renamed(name).map_err(plumb_lab::LabError::from)?;
    }
    let start = Instant::now();
    // What takes less than a second needs no progress.
    let mut tell = |step: &str| {
        if start.elapsed() > Duration::from_secs(1) {
            eprintln!("{step} …");
        }
    };
    plumb_lab::up(&topology, &mut tell)?;
    let took = start.elapsed();
    let status = plumb_lab::status(&topology.name)?;
    match args.output {
        TextOrJson::Json => output::print_json(&status)?,
        TextOrJson::Text => output::print(&render::up(&status, took))?,
    }
    Ok(Status::Good)
}

fn down(args: &LabDownArgs) -> Result<Status, Error> {
    let labs = if args.all { plumb_lab::labs() } else { vec![plumb_lab::choose(args.lab.as_deref())?] };
    for lab in labs {
        plumb_lab::down(&lab)?;
        output::print(&format!("{lab} is gone\n"))?;
    }
    Ok(Status::Good)
}

fn status(args: &LabStatusArgs) -> Result<Status, Error> {
    let status = plumb_lab::status(&plumb_lab::choose(args.lab.as_deref())?)?;
    match args.output {
        TextOrJson::Json => output::print_json(&status)?,
        TextOrJson::Text => output::print(&render::status(&status))?,
    }
    Ok(if status.ready { Status::Good } else { Status::No })
}

fn probe(args: &LabProbeArgs) -> Result<Status, Error> {
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
    };
    let report = plumb_lab::probe(&lab, &args.from, &args.to, &options)?;
    match args.output {
        TextOrJson::Json => output::print_json(&report)?,
        TextOrJson::Text => output::print(&render::probe(&report))?,
    }
    Ok(if report.outcome == plumb_lab::Outcome::Connects { Status::Good } else { Status::No })
}

fn faults(args: &LabFaultsArgs) -> Result<Status, Error> {
    let all = plumb_lab::faults::all();
    match args.output {
        TextOrJson::Json => output::print_json(&all)?,
        TextOrJson::Text => output::print(&render::faults(&all))?,
    }
    Ok(Status::Good)
}

fn break_(args: &LabBreakArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let broken = plumb_lab::break_(&lab, &args.id, args.target.as_deref())?;
    match args.output {
        TextOrJson::Json => output::print_json(&broken)?,
        TextOrJson::Text => output::print(&render::broken(&broken))?,
    }
    Ok(Status::Good)
}

fn heal(args: &LabHealArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let healed = plumb_lab::heal(&lab, args.id.as_deref())?;
    output::print(&render::healed(&healed))?;
    Ok(Status::Good)
}

fn listen(args: &LabListenArgs) -> Result<Status, Error> {
    let lab = plumb_lab::choose(args.which.lab.as_deref())?;
    let protocol = match args.protocol {
        ListenProtocol::Tcp => Protocol::TCP,
        ListenProtocol::Udp => Protocol::UDP,
    };
    plumb_lab::listen(&lab, &args.name, !args.stop, protocol, args.address, args.port)?;
    let verb = if args.stop { "listens no more" } else { "listens" };
    output::print(&format!("{} {verb} on {protocol} port {}\n", args.name, args.port))?;
    Ok(Status::Good)
}

fn topology(args: &LabTopologyArgs) -> Result<Status, Error> {
    if let Some(file) = &args.check {
        let topology = Topology::read(file).map_err(plumb_lab::LabError::from)?;
        let (nodes, pods) = (topology.nodes.len(), topology.pods.len());
        output::print(&format!("{}: sound, {nodes} nodes, {pods} pods\n", file.display()))?;
    } else if args.schema {
        output::print(&plumb_lab::topology::schema())?;
    } else {
        output::print(Topology::standard_text())?;
    }
    Ok(Status::Good)
}

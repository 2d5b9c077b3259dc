//! `plumb proxy --once`, `--dry-run`, `--cleanup`.

use std::collections::BTreeMap;
use std::time::Duration;

use plumb_api::Kind;
use plumb_doctor::messages::Lang;
use plumb_kernel::NamespaceHandle;
use plumb_kube::{Event, Subject};
use plumb_proxy::{Config, Proxy};

use super::super::Context;
use super::source;
use crate::cli::ProxyArgs;
use crate::error::{Error, Status};
use crate::lang::proxy::{Line, line};
use crate::{lang, output};

/// An API that does not answer for so long is an error for a run that should end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes all that the source lists first. A manifest that makes no sense ends it: nothing is written from half a view.
fn listed(args: &ProxyArgs, config: &Config, proxy: &mut Proxy, lang: Lang) -> Result<(), Error> {
    let (events, running) = source(args, &config.node_name)?;
    let mut open = BTreeMap::new();
    // A proxy that runs on writes service ranges when they come; what is done once waits for them.
    let mut without_ranges = false;
    while !(proxy.is_ready() && (without_ranges || proxy.has_listed(Kind::ServiceCidr))) {
        let Ok(batch) = events.recv_timeout(PATIENCE) else { break };
        for event in batch {
            match event {
                Event::Change(change) => proxy.observe(change),
                // Without a permission for them they can be given by flag.
                Event::Problem(problem) if problem.subject == Subject::Kind(Kind::ServiceCidr) => {
                    without_ranges = true;
                    output::warn(&problem.to_string());
                }
                Event::Problem(problem) => {
                    open.insert(problem.subject.clone(), problem.to_string());
                }
                Event::Recovered(subject) => {
                    open.remove(&subject);
                }
                Event::Notice(notice) => output::warn(&lang::notice::notice(lang, &notice)),
            }
        }
    }
    drop(running);
    let mut problems: Vec<String> = open.into_values().collect();
    if problems.is_empty() && proxy.is_ready() {
        return Ok(());
    }
    if problems.is_empty() {
        problems
            .push("the source did not list Services, EndpointSlices and the Node within a minute".to_owned());
    }
    Err(Error::Manifests { problems })
}

pub(super) fn run(args: &ProxyArgs, config: Config, context: &Context) -> Result<Status, Error> {
    let mut proxy = Proxy::new(&NamespaceHandle::current()?, config.clone())?;
    listed(args, &config, &mut proxy, context.lang())?;
    if args.dry_run {
        let differences = proxy.differences()?;
        for (family, difference) in &differences {
            output::print(&format!("{family} {difference}\n"))?;
        }
        return Ok(if differences.is_empty() { Status::Good } else { Status::No });
    }
    let report = proxy.sync();
    let mut failed = report.errors.into_iter();
    if let Some(error) = failed.next() {
        failed.for_each(|error| output::warn(&error.to_string()));
        return Err(error.into());
    }
    for refused in &report.synced.refused {
        let what = format!("{}: {}", refused.what, refused.error);
        output::warn(&line(context.lang(), &Line::NotInForce { what: &what }));
    }
    Ok(if report.synced.refused.is_empty() { Status::Good } else { Status::No })
}

pub(super) fn cleanup(config: Config, context: &Context) -> Result<Status, Error> {
    let mut proxy = Proxy::new(&NamespaceHandle::current()?, config)?;
    for family in proxy.cleanup()? {
        let gone = line(context.lang(), &Line::TableGone { family: &family.to_string() });
        output::print(&format!("{gone}\n"))?;
    }
    Ok(Status::Good)
}

//! `plumb proxy --once`, `--dry-run`, `--cleanup`.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
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

fn listed(args: &ProxyArgs, config: &Config, proxy: &mut Proxy, lang: Lang) -> Result<(), Error> {
    let (events, running) = source(args, &config.node_name)?;
    let problems = take_listing(&events, proxy, lang);
    drop(running);
    if problems.is_empty() { Ok(()) } else { Err(Error::Manifests { problems }) }
}

/// Takes all that the source lists first; what kept it from that. A manifest that makes no sense is one of these: nothing is written
/// from half a view. A proxy that runs on writes service ranges when they come; what is done once waits for them.
fn take_listing(events: &Receiver<Vec<Event>>, proxy: &mut Proxy, lang: Lang) -> Vec<String> {
    let mut open = BTreeMap::new();
    let mut without_ranges = false;
    let complete = |proxy: &Proxy, without_ranges| {
        proxy.is_ready() && (without_ranges || proxy.has_listed(Kind::ServiceCidr))
    };
    while !complete(proxy, without_ranges) {
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
    let mut problems: Vec<String> = open.into_values().collect();
    if problems.is_empty() && !complete(proxy, without_ranges) {
        let what =
            "the source did not list Services, EndpointSlices, ServiceCIDRs and the Node within a minute";
        problems.push(what.to_owned());
    }
    problems
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::SystemTime;

    use plumb_api::Change;
    use plumb_kube::{Problem, Trouble};

    use super::*;

    fn list(kinds: &[Kind]) -> Vec<Event> {
        kinds.iter().map(|kind| Event::Change(Change::Listed(*kind))).collect()
    }

    /// What a source that tells this and ends leaves to complain of, and how much of it was not taken.
    fn told(batches: Vec<Vec<Event>>) -> Result<(Vec<String>, usize), Box<dyn std::error::Error>> {
        let mut proxy = Proxy::new(&NamespaceHandle::current()?, Config::default())?;
        let (sender, events) = mpsc::channel();
        for batch in batches {
            sender.send(batch)?;
        }
        drop(sender);
        let problems = take_listing(&events, &mut proxy, Lang::En);
        Ok((problems, events.try_iter().count()))
    }

    #[test]
    fn service_ranges_are_waited_for() -> Result<(), Box<dyn std::error::Error>> {
        let first = || list(&[Kind::Service, Kind::EndpointSlice, Kind::Node]);
        assert_eq!(told(vec![first(), list(&[Kind::ServiceCidr])])?, (Vec::new(), 0));
        // Without a permission nobody waits.
        let refused = Problem {
            subject: Subject::Kind(Kind::ServiceCidr),
            since: SystemTime::now(),
            trouble: Trouble::Refused { code: 403, message: "forbidden".to_owned() },
        };
        assert_eq!(told(vec![first(), vec![Event::Problem(refused)]])?, (Vec::new(), 0));
        let (problems, _) = told(vec![first()])?;
        assert!(problems.iter().any(|p| p.contains("ServiceCIDRs")), "{problems:?}");
        Ok(())
    }
}

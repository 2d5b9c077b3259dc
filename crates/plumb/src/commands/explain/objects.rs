//! The objects that an explanation is made from: all Services and slices, and the node.

use std::collections::BTreeMap;
use std::time::Duration;

use plumb_api::{Change, Kind, Object, ObjectKey};
use plumb_kube::{Access, ApiSource, Event, Interest};

use crate::cli::ServiceArgs;
use crate::commands::Context;
use crate::error::Error;
use crate::{lang, manifests, output};

/// An API that does not answer for so long is an error.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn read(args: &ServiceArgs, node: &str, context: &Context) -> Result<Vec<Object>, Error> {
    if args.manifests.is_empty() {
        return from_api(args, node, context);
    }
    let manifest = manifests::read(&args.manifests)?;
    manifests::tell(&manifest, context.lang());
    Ok(manifest.objects.into_iter().map(|o| o.value).collect())
}

/// Lists once. Unlike a proxy it asks for all Services: also those that no proxy serves can be explained.
fn from_api(args: &ServiceArgs, node: &str, context: &Context) -> Result<Vec<Object>, Error> {
    let kinds = [Kind::Service, Kind::EndpointSlice, Kind::Node];
    let interests = kinds.map(|kind| match kind {
        Kind::Node => Interest { name: Some(node.into()), ..Interest::all(kind) },
        _ => Interest::all(kind),
    });
    let access =
        Access { kubeconfig: args.kubeconfig.clone(), master: args.master.clone(), ..Access::default() };
    let (events, running) = ApiSource::new(access, interests.to_vec()).channel()?;
    let mut objects: BTreeMap<ObjectKey, Object> = BTreeMap::new();
    let mut open = kinds.to_vec();
    let mut problems = Vec::new();
    while !open.is_empty() {
        let Ok(batch) = events.recv_timeout(PATIENCE) else { break };
        for event in batch {
            match event {
                Event::Change(Change::Applied(object)) => drop(objects.insert(object.key(), *object)),
                Event::Change(Change::Deleted(key)) => drop(objects.remove(&key)),
                Event::Change(Change::Listed(kind)) => open.retain(|k| *k != kind),
                Event::Problem(problem) => problems.push(problem.to_string()),
                Event::Recovered(_) => problems.clear(),
                Event::Notice(notice) => output::warn(&lang::notice::notice(context.lang(), &notice)),
            }
        }
    }
    drop(running);
    if open.is_empty() {
        return Ok(objects.into_values().collect());
    }
    if problems.is_empty() {
        problems.push("the API listed no Services and EndpointSlices within a minute".to_owned());
    }
    Err(Error::NoObjects { problems })
}

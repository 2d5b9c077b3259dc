//! The objects that an explanation is made from: all Services and slices, and the node.

use plumb_api::{Kind, Object};
use plumb_kube::{Access, Interest};

use crate::cli::ServiceArgs;
use crate::commands::{Context, known};
use crate::error::Error;
use crate::{lang, manifests};

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
    let interests = [Kind::Service, Kind::EndpointSlice, Kind::Node].map(|kind| match kind {
        Kind::Node => Interest { name: Some(node.into()), ..Interest::all(kind) },
        _ => Interest::all(kind),
    });
    let access =
        Access { kubeconfig: args.kubeconfig.clone(), master: args.master.clone(), ..Access::default() };
    let listed = known::list(&access, &interests, false, context)?;
    if listed.unread.is_empty() {
        return Ok(listed.objects);
    }
    let problems = listed.unread.iter().map(|u| lang::notice::unread(context.lang(), u)).collect();
    Err(Error::NoObjects { problems })
}

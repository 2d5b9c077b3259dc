//! What is known of a cluster: its objects, from files or from its API. One way for both.

use std::path::PathBuf;

use plumb_api::policy::PolicyRef;
use plumb_api::{Kind, NamespacedName, Object};
use plumb_doctor::owners::{self, Owners};
use plumb_kube::{Access, Interest, ListOptions, Listed, Unread, list_once};
use plumb_model::Snapshot;

use super::Context;
use crate::cli::ApiArgs;
use crate::error::Error;
use crate::lang::Say;
use crate::progress::Progress;
use crate::{lang, manifests, output};

/// What a check needs.
const OF_A_CHECK: &[Kind] = &[
    Kind::Service,
    Kind::EndpointSlice,
    Kind::Pod,
    Kind::Node,
    Kind::Namespace,
    Kind::NetworkPolicy,
    Kind::AdminNetworkPolicy,
    Kind::BaselineAdminNetworkPolicy,
];

/// What names of a flow's ends are looked up in.
const OF_A_FLOW: &[Kind] = &[Kind::Service, Kind::EndpointSlice, Kind::Pod, Kind::Node];

/// What objects are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Who should connect to whom.
    Check,
    /// Where names lead.
    Flow,
}

/// What is known of a cluster.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) objects: Vec<Object>,
    /// Policies of kinds that are not read, and kinds of policies that could not be.
    pub(super) foreign: Vec<PolicyRef>,
    /// Kinds that could not be read.
    pub(super) unread: Vec<Unread>,
    /// They are all that there is, as an API tells; of files nobody knows.
    pub(super) is_whole: bool,
}

impl Known {
    /// Gives the namespaces of a snapshot the names of their Pods and nodes.
    pub(super) fn name_owners(&self, snapshot: &mut Snapshot, context: &Context) -> Owners {
        let mut owners = owners::name(snapshot, &self.objects);
        for (namespace, pods) in &owners.several {
            output::warn(&context.say(&Say::SeveralOwners { namespace, pods: &pods.join(", ") }));
        }
        // Of files nobody knows whether they name every Pod.
        let pods_are_known = self.is_whole && !self.unread.iter().any(|u| &*u.kind == Kind::Pod.names().1);
        if !pods_are_known {
            owners.nobodys.clear();
        }
        owners
    }

    /// Whether there is nothing that could tell anything.
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.foreign.is_empty()
    }
}

/// Reads manifests, or lists an API once; nothing where neither is named.
pub(super) fn read(
    manifests: &[PathBuf],
    api: &ApiArgs,
    need: Need,
    context: &Context,
) -> Result<Known, Error> {
    if let Some(access) = api.access() {
        return of_api(&access, need, context);
    }
    if manifests.is_empty() {
        return Ok(Known::default());
    }
    let manifest = manifests::read(manifests)?;
    manifests::tell(&manifest, context.lang());
    Ok(Known {
        objects: manifest.objects.into_iter().map(|o| o.value).collect(),
        foreign: manifest.foreign,
        ..Known::default()
    })
}

fn of_api(access: &Access, need: Need, context: &Context) -> Result<Known, Error> {
    let kinds = if need == Need::Check { OF_A_CHECK } else { OF_A_FLOW };
    let interests: Vec<Interest> = kinds.iter().copied().map(Interest::all).collect();
    let listed = list(access, &interests, need == Need::Check, context)?;
    let mut foreign = listed.foreign;
    // What is not known of policies may forbid anything.
    let of_policies = |u: &&Unread| u.kind.ends_with("NetworkPolicy") || &*u.kind == "APIGroup";
    foreign.extend(
        listed
            .unread
            .iter()
            .filter(of_policies)
            .map(|u| PolicyRef { kind: u.kind.clone(), name: NamespacedName::new("", "*") }),
    );
    // Nor is what a policy says that makes no sense here.
    let policies = listed.undecodable.iter().filter(|u| u.object.kind.names().1.ends_with("NetworkPolicy"));
    foreign.extend(policies.map(|u| PolicyRef::of(u.object.kind, u.object.name.clone())));
    Ok(Known { objects: listed.objects, foreign, unread: listed.unread, is_whole: true })
}

/// Lists, shows how far it is, and says on stderr what makes no sense or could not be read.
pub(super) fn list(
    access: &Access,
    interests: &[Interest],
    foreign: bool,
    context: &Context,
) -> Result<Listed, Error> {
    let progress = Progress::new(&context.say(&Say::Listing));
    let total = interests.len();
    let tell = |kind: &str, count: usize| {
        let at = interests.iter().position(|i| i.kind.names().1 == kind);
        progress.at(at.unwrap_or_default(), total, &format!("{kind} {count}"));
    };
    let options = ListOptions { foreign, progress: &tell, ..ListOptions::default() };
    let listed = list_once(access, interests, &options)?;
    drop(progress);
    for object in &listed.undecodable {
        output::warn(&lang::notice::undecodable(context.lang(), object));
    }
    for unread in &listed.unread {
        output::warn(&lang::notice::unread(context.lang(), unread));
    }
    Ok(listed)
}

//! The requests of a list.

use kube::Client;
use plumb_api::policy::{GROUPS, PolicyRef, is_foreign};
use plumb_api::{Kind, NamespacedName, Object, defaults};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::super::backoff::Backoff;
use super::super::decode::{self, Decoded};
use super::super::driver;
use super::super::machine::{Failure, key};
use super::super::request::encode;
use super::{ListOptions, Listed, Undecodable, Unread, WhyUnread, is_passing};
use crate::{Interest, SourceError};

/// Reads kinds one after the other.
pub(super) struct Reader<'a> {
    pub(super) client: Client,
    pub(super) options: &'a ListOptions<'a>,
}

impl Reader<'_> {
    pub(super) async fn all(&self, interests: &[Interest], into: &mut Listed) -> Result<(), SourceError> {
        let mut served: Option<Vec<Resource>> = None;
        if self.options.foreign {
            served = self.policies(into).await?;
        }
        for interest in interests {
            let (api_version, kind, _) = interest.kind.names();
            let is_extension = is_extension(interest.kind);
            let is_served = |r: &Resource| r.api_version == api_version && r.kind == kind && r.listable();
            if is_extension && served.as_ref().is_some_and(|all| !all.iter().any(is_served)) {
                continue;
            }
            let path = path(interest.kind);
            match self.kind(interest, &path, into).await {
                Ok(()) => {}
                // Whoever has not installed it has no such objects.
                Err(Failure::Absent(_)) if is_extension => {}
                Err(failure) => {
                    let unread = self.unread(into, kind, &resource_of(interest.kind), &path, failure);
                    into.unread.push(no_answer(unread, into.objects.is_empty() && into.unread.is_empty())?);
                }
            }
        }
        for kind in served.unwrap_or_default().iter().filter(|r| r.is_foreign()) {
            let path = format!("/apis/{}/{}", kind.api_version, kind.plural);
            let found = self.names(&path).await;
            match found {
                Ok(names) => {
                    let policies =
                        names.into_iter().map(|n| PolicyRef::foreign(&kind.api_version, &kind.kind, n));
                    into.foreign.extend(policies.filter(|p| !p.is_copy()));
                }
                Err(Failure::Absent(_)) => {}
                Err(failure) => {
                    let group = kind.api_version.split('/').next().unwrap_or_default();
                    let resource = format!("{}.{group}", kind.plural);
                    let unread = self.unread(into, &kind.kind, &resource, &path, failure);
                    into.unread.push(unread);
                }
            }
        }
        let ranges = into.objects.iter().filter_map(|o| match o {
            Object::ServiceCidr(range) => Some(range),
            _ => None,
        });
        let families = defaults::cluster_families(ranges);
        for object in &mut into.objects {
            defaults::fill(object);
            if let Object::Service(service) = object {
                defaults::families(service, &families);
            }
        }
        Ok(())
    }

    fn unread(&self, into: &Listed, kind: &str, resource: &str, path: &str, failure: Failure) -> Unread {
        Unread {
            kind: kind.into(),
            resource: resource.into(),
            url: format!("{}{path}", into.server).into(),
            why: failure.into(),
        }
    }

    /// The kinds of policies that the server has, in groups that have some; `None` where it does not tell.
    async fn policies(&self, into: &mut Listed) -> Result<Option<Vec<Resource>>, SourceError> {
        (self.options.progress)("APIGroup", 0);
        let groups: Groups = match self.document("/apis").await {
            Ok(groups) => groups,
            // A server without groups has none of them.
            Err(Failure::Absent(_)) => return Ok(Some(Vec::new())),
            Err(failure) => {
                let unread = self.unread(into, "APIGroup", "apigroups", "/apis", failure);
                into.unread.push(no_answer(unread, true)?);
                return Ok(None);
            }
        };
        let mut all = Vec::new();
        for group in groups.groups.into_iter().filter(|g| GROUPS.contains(&g.name.as_str())) {
            // Versions of one group hold the same objects, but the API's own, whose versions have other kinds.
            let own = group.name == "policy.networking.k8s.io";
            let preferred = group.preferred_version.group_version;
            let several = group.versions.into_iter().map(|v| v.group_version);
            let versions: Vec<String> = if own { several.collect() } else { vec![preferred] };
            for version in versions {
                let path = format!("/apis/{version}");
                let found: Resources = match self.document(&path).await {
                    Ok(found) => found,
                    Err(failure) => {
                        let unread = self.unread(into, "APIGroup", &group.name, &path, failure);
                        into.unread.push(unread);
                        continue;
                    }
                };
                all.extend(
                    found.resources.into_iter().map(|r| Resource { api_version: version.clone(), ..r }),
                );
            }
        }
        Ok(Some(all))
    }

    /// Every object of a kind. A list that is too old for its next page is begun again.
    async fn kind(&self, interest: &Interest, path: &str, into: &mut Listed) -> Result<(), Failure> {
        let (_, kind, _) = interest.kind.names();
        let mut fields = interest.field_selector().is_some();
        for _ in 0..self.options.attempts.max(1) {
            let (mut objects, mut bad, mut token) = (Vec::new(), Vec::new(), String::new());
            let ended = loop {
                let query = self.query(interest, path, &token, fields);
                let text = match self.text(&query).await {
                    Ok(text) => text,
                    // A server that does not know the field: all are read, and chosen here.
                    Err(Failure::Answer { code: 400, .. }) if std::mem::take(&mut fields) => continue,
                    Err(Failure::Gone) => break false,
                    Err(failure) => return Err(failure),
                };
                let page = decode::page(interest.kind, &text).map_err(|e| Failure::Garbled(e.to_string()))?;
                for item in page.items {
                    match item {
                        Decoded::Object(object) if interest.wants(&object) => objects.push(*object),
                        Decoded::Object(_) => {}
                        Decoded::Bad { name, error } => {
                            bad.push(Undecodable { object: key(interest.kind, &name), error });
                        }
                    }
                }
                (self.options.progress)(kind, objects.len());
                token = page.continue_token;
                if token.is_empty() {
                    break true;
                }
            };
            if ended {
                into.objects.extend(objects);
                into.undecodable.extend(bad);
                return Ok(());
            }
        }
        Err(Failure::Gone)
    }

    /// Names of objects of a kind that is not read.
    async fn names(&self, path: &str) -> Result<Vec<NamespacedName>, Failure> {
        for _ in 0..self.options.attempts.max(1) {
            let (mut all, mut token) = (Vec::new(), String::new());
            let ended = loop {
                let text = match self.text(&self.page(path, &token)).await {
                    Ok(text) => text,
                    Err(Failure::Gone) => break false,
                    Err(failure) => return Err(failure),
                };
                let (next, names) = decode::names(&text).map_err(|e| Failure::Garbled(e.to_string()))?;
                all.extend(names);
                token = next;
                if token.is_empty() {
                    break true;
                }
            };
            if ended {
                return Ok(all);
            }
        }
        Err(Failure::Gone)
    }

    fn page(&self, path: &str, token: &str) -> String {
        let next = if token.is_empty() { String::new() } else { format!("&continue={}", encode(token)) };
        format!("{path}?limit={}{next}", self.options.page)
    }

    fn query(&self, interest: &Interest, path: &str, token: &str, fields: bool) -> String {
        let mut query = self.page(path, token);
        if let Some(selector) = interest.label_selector() {
            query.push_str(&format!("&labelSelector={}", encode(&selector)));
        }
        if let (Some(selector), true) = (interest.field_selector(), fields) {
            query.push_str(&format!("&fieldSelector={}", encode(&selector)));
        }
        query
    }

    async fn document<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, Failure> {
        let text = self.text(path).await?;
        serde_json::from_str(&text).map_err(|e| Failure::Garbled(e.to_string()))
    }

    /// The answer to a request. One that fails for the moment is made again.
    async fn text(&self, path: &str) -> Result<String, Failure> {
        let mut backoff = Backoff::default();
        let mut left = self.options.attempts.max(1);
        loop {
            left -= 1;
            let asked = timeout(self.options.patience, self.client.request_text(driver::get(path)?)).await;
            let failure = match asked {
                Ok(Ok(text)) => return Ok(text),
                Ok(Err(error)) => driver::failure(error),
                // Who has waited so long waits no second time.
                Err(_) => {
                    return Err(Failure::Unreachable(format!(
                        "nothing within {} s",
                        self.options.patience.as_secs_f32()
                    )));
                }
            };
            let passes = match &failure {
                Failure::Answer { code, .. } => is_passing(*code),
                Failure::Unreachable(_) => true,
                _ => false,
            };
            if !passes || left == 0 {
                return Err(failure);
            }
            sleep(backoff.next()).await;
        }
    }
}

/// The first request that nobody answers ends it: nobody will answer the next.
fn no_answer(unread: Unread, first: bool) -> Result<Unread, SourceError> {
    match unread.why {
        WhyUnread::NoAnswer(message) if first => {
            Err(SourceError::NoAnswer { url: unread.url.into(), message })
        }
        why => Ok(Unread { why, ..unread }),
    }
}

/// Kinds that a cluster has where somebody installed them.
fn is_extension(kind: Kind) -> bool {
    matches!(kind, Kind::ServiceCidr | Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy)
}

fn path(kind: Kind) -> String {
    let (api_version, _, plural) = kind.names();
    let root = if api_version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{api_version}/{plural}")
}

/// A kind as rights name it.
fn resource_of(kind: Kind) -> String {
    let (api_version, _, plural) = kind.names();
    match api_version.split_once('/') {
        Some((group, _)) => format!("{plural}.{group}"),
        None => plural.to_owned(),
    }
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<Version>,
    preferred_version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

/// A kind of a group.
#[derive(Deserialize)]
struct Resource {
    #[serde(skip)]
    api_version: String,
    #[serde(rename = "name")]
    plural: String,
    kind: String,
    #[serde(default)]
    verbs: Vec<String>,
}

impl Resource {
    /// Subresources (`x/status`) are no lists.
    fn listable(&self) -> bool {
        !self.plural.contains('/') && self.verbs.iter().any(|v| v == "list")
    }

    fn is_foreign(&self) -> bool {
        self.listable() && is_foreign(&self.api_version, &self.kind)
    }
}

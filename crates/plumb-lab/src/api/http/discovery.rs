//! What clients ask before anything else: which version, groups and kinds there are.

use plumb_api::Kind;
use serde_json::{Value, json};

use super::super::store::has_status;

/// The version that this API is like.
const VERSION: &str = "v1.36.0";

/// Group and version of a kind; the core group has no name.
fn group_version(kind: Kind) -> (&'static str, &'static str) {
    let (api_version, _, _) = kind.names();
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Groups but the core one, in the order of the kinds.
fn groups() -> Vec<(&'static str, &'static str)> {
    let mut groups: Vec<_> =
        Kind::ALL.into_iter().map(group_version).filter(|(group, _)| !group.is_empty()).collect();
    groups.dedup();
    groups
}

/// The answer to a path of discovery.
pub(super) fn discover(path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts[..] {
        ["version"] => Some(json!({"major": "1", "minor": "36", "gitVersion": format!("{VERSION}+plumb"),
            "gitCommit": "", "gitTreeState": "clean", "buildDate": "", "goVersion": "", "compiler": "", "platform": "linux"})),
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => {
            let groups: Vec<_> =
                groups().into_iter().map(|(group, version)| describe(group, version)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", group] => {
            let (group, version) = groups().into_iter().find(|(g, _)| *g == group)?;
            let mut described = describe(group, version);
            described["kind"] = "APIGroup".into();
            described["apiVersion"] = "v1".into();
            Some(described)
        }
        ["api", version] => resources("", version),
        ["apis", group, version] => resources(group, version),
        _ => None,
    }
}

fn describe(group: &str, version: &str) -> Value {
    let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(|k| group_version(*k) == (group, version)).collect();
    let api_version = kinds.first()?.names().0;
    let mut resources = Vec::new();
    for kind in kinds {
        let (_, name, plural) = kind.names();
        let resource = |path: String, verbs: &[&str]| {
            json!({"name": path, "singularName": name.to_lowercase(), "namespaced": kind.is_namespaced(), "kind": name,
                "verbs": verbs, "shortNames": short_names(kind)})
        };
        let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
        resources.push(resource(plural.to_owned(), &verbs));
        if has_status(kind) {
            let mut status = resource(format!("{plural}/status"), &["get", "patch", "update"]);
            status["shortNames"] = json!([]);
            status["singularName"] = "".into();
            resources.push(status);
        }
    }
    Some(
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}),
    )
}

/// As `kubectl api-resources` has them.
fn short_names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Service => &["svc"],
        Kind::Endpoints => &["ep"],
        Kind::Pod => &["po"],
        Kind::Node => &["no"],
        Kind::Namespace => &["ns"],
        Kind::NetworkPolicy => &["netpol"],
        Kind::AdminNetworkPolicy => &["anp"],
        Kind::BaselineAdminNetworkPolicy => &["banp"],
        Kind::EndpointSlice | Kind::ServiceCidr => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_their_kinds() {
        assert_eq!(
            groups(),
            [
                ("discovery.k8s.io", "v1"),
                ("networking.k8s.io", "v1"),
                ("policy.networking.k8s.io", "v1alpha1")
            ]
        );
        let core = discover("/api/v1").expect("kinds");
        let names: Vec<_> =
            core["resources"].as_array().into_iter().flatten().map(|r| r["name"].clone()).collect();
        assert!(names.contains(&json!("services/status")) && !names.contains(&json!("endpoints/status")));
        assert_eq!(
            discover("/apis/discovery.k8s.io/v1").expect("kinds")["groupVersion"],
            "discovery.k8s.io/v1"
        );
        assert_eq!(discover("/apis/apps/v1"), None);
    }
}

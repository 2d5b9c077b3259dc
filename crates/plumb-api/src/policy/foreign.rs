//! Policies of kinds that are not read: those of network plugins, and newer ones of the API. What they say is not known, so a verdict
//! that they could change is none.

use std::fmt;

use crate::objects::{Kind, NamespacedName};

/// Which policy, of whatever kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyRef {
    /// `NetworkPolicy`, `AdminNetworkPolicy`, `CiliumNetworkPolicy` …
    pub kind: Box<str>,
    /// Its name; without a namespace where it is the whole cluster's.
    pub name: NamespacedName,
}

impl PolicyRef {
    /// One of a kind that is read.
    #[must_use]
    pub fn of(kind: Kind, name: NamespacedName) -> Self {
        Self { kind: kind.names().1.into(), name }
    }

    /// One of a kind that is not read. A plugin's kind may bear the name of the API's: then its group stands with it, as kubectl takes it.
    #[must_use]
    pub fn foreign(api_version: &str, kind: &str, name: NamespacedName) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let alike = Kind::ALL.iter().any(|k| k.names().1 == kind);
        Self { kind: if alike { format!("{kind}.{group}").into() } else { kind.into() }, name }
    }

    /// Whether it is a NetworkPolicy of the API.
    #[must_use]
    pub fn is_network_policy(&self) -> bool {
        &*self.kind == Kind::NetworkPolicy.names().1
    }

    /// Whether it is another's way to show a policy of the API's own.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        let calicos = self.kind.ends_with("projectcalico.org") || &*self.kind == "GlobalNetworkPolicy";
        calicos && COPIES.iter().any(|prefix| self.name.name.starts_with(prefix))
    }

    /// The command that shows it.
    #[must_use]
    pub fn read_with(&self) -> String {
        let kind = self.kind.to_lowercase();
        match &*self.name.namespace {
            "" => format!("kubectl get {kind} {} -o yaml", self.name.name),
            namespace => format!("kubectl -n {namespace} get {kind} {} -o yaml", self.name.name),
        }
    }
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Groups of the API whose kinds say who may connect to whom.
pub const GROUPS: &[&str] = &[
    "policy.networking.k8s.io",
    "cilium.io",
    "crd.projectcalico.org",
    "projectcalico.org",
    "crd.antrea.io",
    "k8s.ovn.org",
    "network.openshift.io",
];

/// Kinds of these groups that keep connections away and whose names do not say so.
const OTHERS: &[&str] = &["EgressFirewall"];

/// How Calico's API server calls the API's own policies, which it shows among its own (`libcalico-go`, `conversion`): NetworkPolicies,
/// AdminNetworkPolicies, the baseline, ClusterNetworkPolicies.
const COPIES: &[&str] = &["knp.", "kanp.", "kbanp.", "kcnp."];

/// Whether objects of this kind say who may connect to whom, and are not read.
#[must_use]
pub fn is_foreign(api_version: &str, kind: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    // Calico's copies of the API's own policies, and what only groups others.
    let stands_for_others = kind.starts_with("Staged") || kind.ends_with("List");
    GROUPS.contains(&group)
        && (kind.ends_with("NetworkPolicy") || OTHERS.contains(&kind))
        && !stands_for_others
        && Kind::of(api_version, kind).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_plugins_are_told_from_those_that_are_read() {
        for (version, kind, is) in [
            ("cilium.io/v2", "CiliumNetworkPolicy", true),
            ("cilium.io/v2", "CiliumClusterwideNetworkPolicy", true),
            ("cilium.io/v2", "CiliumEndpoint", false),
            ("crd.projectcalico.org/v1", "NetworkPolicy", true),
            ("projectcalico.org/v3", "GlobalNetworkPolicy", true),
            ("projectcalico.org/v3", "StagedGlobalNetworkPolicy", false),
            ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy", true),
            ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", true),
            ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", false),
            ("networking.k8s.io/v1", "NetworkPolicy", false),
            ("networking.istio.io/v1", "NetworkPolicy", false),
            ("v1", "Service", false),
        ] {
            assert_eq!(is_foreign(version, kind), is, "{version} {kind}");
        }
    }

    #[test]
    fn a_policy_says_how_to_read_it() {
        let of = |namespace: &str| PolicyRef {
            kind: "CiliumNetworkPolicy".into(),
            name: NamespacedName::new(namespace, "a"),
        };
        assert_eq!(of("shop").read_with(), "kubectl -n shop get ciliumnetworkpolicy a -o yaml");
        assert_eq!(of("").read_with(), "kubectl get ciliumnetworkpolicy a -o yaml");
        assert_eq!(of("shop").to_string(), "CiliumNetworkPolicy shop/a");
        let calico =
            PolicyRef::foreign("crd.projectcalico.org/v1", "NetworkPolicy", NamespacedName::new("shop", "a"));
        assert!(!calico.is_network_policy() && !calico.is_copy());
        let name = NamespacedName::new("shop", "knp.default.web");
        assert!(PolicyRef::foreign("projectcalico.org/v3", "NetworkPolicy", name.clone()).is_copy());
        assert!(!PolicyRef::foreign("cilium.io/v2", "CiliumNetworkPolicy", name).is_copy());
        assert_eq!(calico.read_with(), "kubectl -n shop get networkpolicy.crd.projectcalico.org a -o yaml");
    }
}

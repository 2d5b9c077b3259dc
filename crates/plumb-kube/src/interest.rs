//! Which objects are wanted.

use plumb_api::{Kind, Object, label};

/// Objects of a kind, all or some. The API server selects them; a folder's objects are selected here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Kind.
    pub kind: Kind,
    /// Only objects that lack this label, whatever its value.
    pub without_label: Option<&'static str>,
    /// Only the object of this name.
    pub name: Option<Box<str>>,
    /// Only Services whose `spec.clusterIP` is not `None`.
    pub without_headless: bool,
}

impl Interest {
    /// All objects of the kind.
    #[must_use]
    pub fn all(kind: Kind) -> Self {
        Self { kind, without_label: None, name: None, without_headless: false }
    }

    /// What a Service proxy on this node reads (Kubernetes v1.36, `cmd/kube-proxy/app/server.go`): Services that no other proxy
    /// serves and that are not headless, EndpointSlices but those of headless Services, all ServiceCIDRs, and the node's own
    /// Node.
    #[must_use]
    pub fn proxy(node: &str) -> Vec<Self> {
        vec![
            Self {
                without_label: Some(label::SERVICE_PROXY_NAME),
                without_headless: true,
                ..Self::all(Kind::Service)
            },
            Self { without_label: Some(label::HEADLESS), ..Self::all(Kind::EndpointSlice) },
            Self::all(Kind::ServiceCidr),
            Self { name: Some(node.into()), ..Self::all(Kind::Node) },
        ]
    }

    /// Whether the object is wanted.
    #[must_use]
    pub fn wants(&self, object: &Object) -> bool {
        let metadata = object.metadata();
        object.kind() == self.kind
            && self.without_label.is_none_or(|key| metadata.label(key).is_none())
            && self.name.as_ref().is_none_or(|name| *name == metadata.name)
            && !(self.without_headless
                && matches!(object, Object::Service(service) if &*service.spec.cluster_ip == "None"))
    }

    /// `labelSelector` of the API.
    pub(crate) fn label_selector(&self) -> Option<String> {
        self.without_label.map(|key| format!("!{key}"))
    }

    /// `fieldSelector` of the API.
    pub(crate) fn field_selector(&self) -> Option<String> {
        let name = self.name.as_ref().map(|name| format!("metadata.name={name}"));
        let headless = self.without_headless.then(|| "spec.clusterIP!=None".to_owned());
        match (name, headless) {
            (Some(name), Some(headless)) => Some(format!("{name},{headless}")),
            (name, headless) => name.or(headless),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_proxy_leaves_what_others_serve() {
        let [services, ..] = &Interest::proxy("node-1")[..] else { panic!("interests") };
        let service = |labels: serde_json::Value, ip: &str| {
            Object::of_kind(
                Kind::Service,
                json!({"metadata": {"name": "a", "labels": labels}, "spec": {"clusterIP": ip}}),
            )
            .expect("a Service")
        };
        assert!(services.wants(&service(json!({}), "10.0.0.1")));
        assert!(!services.wants(&service(json!({}), "None")));
        assert!(
            !services.wants(&service(json!({"service.kubernetes.io/service-proxy-name": ""}), "10.0.0.1"))
        );
        assert_eq!(services.label_selector().as_deref(), Some("!service.kubernetes.io/service-proxy-name"));
        assert_eq!(services.field_selector().as_deref(), Some("spec.clusterIP!=None"));
    }
}

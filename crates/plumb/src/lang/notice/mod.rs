//! What is said of manifests and sources that can be read: English is that of the libraries, which log it too.

mod problem;
mod zh;

use plumb_api::manifest::Warning;
use plumb_doctor::messages::Lang;
use plumb_kube::{Notice, Undecodable, Unread};

/// What a source tells, and nothing to mend.
#[must_use]
pub fn notice(lang: Lang, notice: &Notice) -> String {
    match lang {
        Lang::En => notice.to_string(),
        Lang::Zh => zh::notice(notice),
    }
}

/// An object that makes no sense.
#[must_use]
pub fn undecodable(lang: Lang, object: &Undecodable) -> String {
    match lang {
        Lang::En => object.to_string(),
        Lang::Zh => format!("{} 已略过：{}", object.object, object.error),
    }
}

/// A kind that could not be read.
#[must_use]
pub fn unread(lang: Lang, unread: &Unread) -> String {
    match lang {
        Lang::En => unread.to_string(),
        Lang::Zh => zh::unread(unread),
    }
}

/// Something in a manifest.
#[must_use]
pub fn warning(lang: Lang, warning: &Warning) -> String {
    match lang {
        Lang::En => warning.to_string(),
        Lang::Zh => zh::warning(warning),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A Service with much that an API server would refuse, and what each sentence names.
    #[test]
    fn whatever_is_wrong_has_a_sentence_in_both_languages() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: Web, namespace: shop}\n\
             spec:\n  type: ClusterIP\n  clusterIP: 10.0.0.300\n  externalIPs: [127.0.0.1]\n  healthCheckNodePort: 30009\n  \
             sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}\n  loadBalancerSourceRanges: [10.0.0.0/99]\n  \
             ports: [{port: 80, nodePort: 30080}, {port: 80}]\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\n\
             apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: x, namespace: shop}\naddressType: IPv4\n\
             endpoints: [{addresses: []}, {addresses: ['fd00::1']}]\nports: []\n";
        let read = plumb_api::manifest::parse(text, "web.yaml").unwrap();
        assert!(read.warnings.len() > 8, "{:?}", read.warnings);
        for w in &read.warnings {
            let (en, zh) = (warning(Lang::En, w), warning(Lang::Zh, w));
            assert!(en.starts_with("web.yaml:") && zh.starts_with("web.yaml:"), "{en}\n{zh}");
            assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{zh}");
            // What is a name stays; no English sentence is left over.
            for word in [" is ", " the ", "leave", "write ", "only "] {
                assert!(!zh.contains(word), "{word:?} in {zh}");
            }
        }
        let all: Vec<String> = read.warnings.iter().map(|w| warning(Lang::Zh, w)).collect();
        let says = |word: &str| assert!(all.iter().any(|t| t.contains(word)), "{word}: {all:#?}");
        for word in
            ["仅用于 LoadBalancer 类型", "回环地址", "不是 IP 地址", "API server 会拒绝该对象", "已跳过"]
        {
            says(word);
        }
    }
}

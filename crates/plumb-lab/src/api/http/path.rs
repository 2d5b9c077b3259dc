//! Paths and queries of the API.

use plumb_api::{Kind, NamespacedName};

use super::super::store::{ListOptions, Match, Part, Selector, Status};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: Kind,
    /// Empty: all, or of a kind that lives in none.
    pub(super) namespace: String,
    /// Empty: all.
    pub(super) name: String,
    pub(super) part: Part,
}

impl Target {
    /// From the path, `/api/v1/namespaces/shop/services/web/status`; `None` for any other.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let parts = path.split('/').map(decode).collect::<Option<Vec<_>>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (api_version, rest) = match &parts[..] {
            ["", "api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["", "apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let find = |plural: &str| {
            Kind::ALL.into_iter().find(|k| {
                let (v, _, p) = k.names();
                v == api_version && p == plural
            })
        };
        // `namespaces/NAME/status` is about the Namespace; no kind is called so.
        let (namespace, plural, rest) = match rest {
            ["namespaces", namespace, plural, rest @ ..] if *plural != "status" => {
                (*namespace, *plural, rest)
            }
            [plural, rest @ ..] => ("", *plural, rest),
            [] => return None,
        };
        let kind = find(plural)?;
        let (name, part) = match rest {
            [] => ("", Part::Main),
            [name] => (*name, Part::Main),
            [name, "status"] if super::super::store::has_status(kind) => (*name, Part::Status),
            _ => return None,
        };
        let fits = if name.is_empty() {
            kind.is_namespaced() || namespace.is_empty()
        } else {
            kind.is_namespaced() != namespace.is_empty()
        };
        fits.then(|| Self { kind, namespace: namespace.to_owned(), name: name.to_owned(), part })
    }

    pub(super) fn full_name(&self) -> NamespacedName {
        NamespacedName::new(&self.namespace, &self.name)
    }
}

/// The query, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// 400 for escapes that are none.
    pub(super) fn parse(text: &str) -> Result<Self, Status> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = |text: &str| decode(&text.replace('+', " "));
            plain(key).zip(plain(value)).ok_or_else(|| Status::bad_request(format!("{pair:?} is no query")))
        });
        Ok(Self(pairs.collect::<Result<_, _>>()?))
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.0.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v)
    }

    /// As Go's `strconv.ParseBool` within the API: present without a value is true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.0
            .iter()
            .any(|(k, v)| k == key && !matches!(v.as_str(), "0" | "false" | "f" | "F" | "FALSE" | "False"))
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, Status> {
        match self.text(key) {
            "" => Ok(None),
            text => {
                let wrong = |_| Status::bad_request(format!("{key}: {text:?} is no number"));
                text.parse().map(Some).map_err(wrong)
            }
        }
    }

    /// Which objects a list, a watch or a deletion is about.
    pub(super) fn list_options(&self, target: &Target) -> Result<ListOptions, Status> {
        let mut fields = self.text("fieldSelector").to_owned();
        if !target.name.is_empty() {
            // `watch=true` on the path of an object.
            fields = format!("metadata.name={}", target.name);
        }
        let version_match = match self.text("resourceVersionMatch") {
            "" | "NotOlderThan" => Match::NotOlderThan,
            "Exact" => Match::Exact,
            other => {
                return Err(Status::bad_request(format!("resourceVersionMatch: unknown value {other:?}")));
            }
        };
        Ok(ListOptions {
            namespace: target.namespace.clone(),
            selector: Selector::parse(target.kind, self.text("labelSelector"), &fields)?,
            limit: usize::try_from(self.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX),
            continue_token: self.text("continue").to_owned(),
            version: self.number("resourceVersion")?.filter(|v| *v != 0),
            version_match,
        })
    }
}

/// Percent decoding; `None` where the result is no text.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let target = |path: &str| Target::parse(path).map(|t| (t.kind, t.namespace, t.name, t.part));
        let own = str::to_owned;
        assert_eq!(target("/api/v1/services"), Some((Kind::Service, own(""), own(""), Part::Main)));
        assert_eq!(
            target("/api/v1/namespaces/shop/services/web/status"),
            Some((Kind::Service, own("shop"), own("web"), Part::Status))
        );
        assert_eq!(
            target("/apis/discovery.k8s.io/v1/namespaces/n/endpointslices/a"),
            Some((Kind::EndpointSlice, own("n"), own("a"), Part::Main))
        );
        assert_eq!(target("/api/v1/namespaces/n"), Some((Kind::Namespace, own(""), own("n"), Part::Main)));
        assert_eq!(
            target("/api/v1/namespaces/n/status"),
            Some((Kind::Namespace, own(""), own("n"), Part::Status))
        );
        for none in [
            "/",
            "/api/v1",
            "/api/v2/services",
            "/api/v1/secrets",
            "/api/v1/services/a",
            "/api/v1/namespaces/n/nodes",
            "/api/v1/namespaces/n/services/a/scale",
            "/api/v1/namespaces/n/endpoints/a/status",
            "/api/v1/nodes/%zz",
        ] {
            assert_eq!(target(none), None, "{none}");
        }
    }

    #[test]
    fn queries() {
        let query = Query::parse("watch&labelSelector=a%21%3Db%2Cc+in+%28d%29&limit=5&x=0").expect("a query");
        assert!(query.flag("watch") && !query.flag("x") && !query.flag("y"));
        assert_eq!(query.text("labelSelector"), "a!=b,c in (d)");
        assert_eq!(query.number("limit"), Ok(Some(5)));
        assert!(query.number("labelSelector").is_err() && Query::parse("a=%f").is_err());
    }
}

//! Label and field selectors (apimachinery `pkg/labels/selector.go`, `pkg/fields/selector.go`).

use plumb_api::Kind;
use serde_json::Value;

use super::status::Status;

/// Which objects a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    /// An absent label passes.
    NotIn(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldTerm {
    field: String,
    value: String,
    equal: bool,
}

/// Fields that can be selected by, for each kind (`pkg/apis/core/v1/conversion.go` and the registries' `GetAttrs`).
fn selectable(kind: Kind, field: &str) -> bool {
    match field {
        "metadata.name" => true,
        "metadata.namespace" => kind.is_namespaced(),
        "spec.clusterIP" | "spec.type" => kind == Kind::Service,
        "spec.nodeName" | "status.phase" => kind == Kind::Pod,
        _ => false,
    }
}

impl Selector {
    /// From the texts of a request; empty: everything.
    ///
    /// # Errors
    /// 400 when a text is no selector, or a field cannot be selected by.
    pub fn parse(kind: Kind, labels: &str, fields: &str) -> Result<Self, Status> {
        let wrong = |text: &str, why: &str| {
            Status::bad_request(format!("unable to parse requirement of selector {text:?}: {why}"))
        };
        let labels = split_outside(labels)
            .map(|part| requirement(part).map_err(|why| wrong(part, why)))
            .collect::<Result<_, _>>()?;
        let fields = fields
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| field_term(part).ok_or_else(|| wrong(part, "write field=value or field!=value")))
            .collect::<Result<Vec<FieldTerm>, _>>()?;
        match fields.iter().find(|term| !selectable(kind, &term.field)) {
            Some(term) => Err(Status::bad_request(format!("field label not supported: {}", term.field))),
            None => Ok(Self { labels, fields }),
        }
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object passes.
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |key: &str| labels.get(key).and_then(Value::as_str);
        self.labels.iter().all(|r| match (&r.test, label(&r.key)) {
            (Test::Exists, value) => value.is_some(),
            (Test::Absent, value) => value.is_none(),
            (Test::In(values), value) => value.is_some_and(|v| values.iter().any(|x| x == v)),
            (Test::NotIn(values), value) => value.is_none_or(|v| values.iter().all(|x| x != v)),
        }) && self.fields.iter().all(|term| {
            let value = term.field.split('.').fold(object, |at, part| &at[part]);
            (value.as_str().unwrap_or_default() == term.value) == term.equal
        })
    }
}

/// Parts between commas that stand in no parentheses.
fn split_outside(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

fn requirement(text: &str) -> Result<Requirement, &'static str> {
    let made = |key: &str, test| {
        let key = key.trim();
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.is_empty() || !key.chars().all(fine) {
            return Err("a label's key has letters, digits, - _ . and at most one /");
        }
        Ok(Requirement { key: key.to_owned(), test })
    };
    let value = |text: &str| {
        let text = text.trim();
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        text.chars().all(fine).then(|| text.to_owned()).ok_or("a label's value has letters, digits, - _ .")
    };
    if let Some((head, rest)) = text.split_once('(') {
        let list = rest.trim_end().strip_suffix(')').ok_or("a list ends with )")?;
        let values = list.split(',').map(value).collect::<Result<Vec<_>, _>>()?;
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => made(key, Test::In(values)),
            [key, "notin"] => made(key, Test::NotIn(values)),
            _ => Err("write key in (a, b) or key notin (a, b)"),
        };
    }
    if let Some((key, v)) = text.split_once("!=") {
        return made(key, Test::NotIn(vec![value(v)?]));
    }
    if let Some((key, v)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return made(key, Test::In(vec![value(v)?]));
    }
    match text.strip_prefix('!') {
        Some(key) => made(key, Test::Absent),
        None => made(text, Test::Exists),
    }
}

fn field_term(text: &str) -> Option<FieldTerm> {
    let (field, value, equal) = if let Some((field, value)) = text.split_once("!=") {
        (field, value, false)
    } else {
        let (field, value) = text.split_once("==").or_else(|| text.split_once('='))?;
        (field, value, true)
    };
    Some(FieldTerm { field: field.trim().to_owned(), value: value.trim().to_owned(), equal })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(selector: &str, object: &Value) -> bool {
        Selector::parse(Kind::Service, selector, "").expect("a selector").matches(object)
    }

    #[test]
    fn label_selectors() {
        let object = json!({"metadata": {"name": "a", "labels": {"app": "web", "k8s.io/x": ""}}});
        for yes in [
            "",
            "app",
            "app=web",
            "app == web",
            "app in (a, web)",
            "!tier",
            "tier!=x",
            "tier notin (a,b)",
            "app in (web),!tier,k8s.io/x",
            "k8s.io/x=",
        ] {
            assert!(labels(yes, &object), "{yes}");
        }
        for no in
            ["!app", "app=db", "app!=web", "app notin (web)", "tier", "tier=", "app,tier", "tier in (a)"]
        {
            assert!(!labels(no, &object), "{no}");
        }
        assert!(labels("!app", &json!({"metadata": {"name": "b"}})));
        for wrong in ["a b", "app in web", "app in (web", "=x", "app=a b", "app of (x)"] {
            assert!(Selector::parse(Kind::Service, wrong, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn field_selectors() {
        let fields = |text: &str, object: &Value| {
            Selector::parse(Kind::Service, "", text).expect("a selector").matches(object)
        };
        let object = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"clusterIP": "None"}});
        assert!(fields("metadata.name=a,metadata.namespace==n", &object));
        assert!(!fields("spec.clusterIP!=None", &object));
        assert!(fields("spec.clusterIP!=None", &json!({"metadata": {"name": "a"}})));
        assert!(Selector::parse(Kind::Service, "", "spec.nodeName=x").is_err());
        assert!(Selector::parse(Kind::Pod, "", "spec.nodeName=x").is_ok());
        assert!(Selector::parse(Kind::Pod, "", "metadata.name").is_err());
    }
}

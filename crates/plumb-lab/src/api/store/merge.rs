//! Merge patches: RFC 7386, and Kubernetes' strategic ones, which merge some lists by a key.

use serde_json::{Map, Value};

use super::status::Status;

/// Applies a JSON merge patch (RFC 7386).
pub(crate) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(&key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// The key by which the list of this field is merged: `patchMergeKey` of `k8s.io/api/core/v1/types.go`. Fields of the same name merge
/// alike in all the kinds here, but `ports`.
fn merge_key(path: &[String]) -> Option<&'static str> {
    match path.last()?.as_str() {
        "ports" if path.iter().any(|p| p == "containers" || p == "initContainers") => Some("containerPort"),
        "ports" if path.len() == 2 && path[0] == "spec" => Some("port"),
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => Some("name"),
        "conditions" => Some("type"),
        "addresses" if path.len() == 2 && path[0] == "status" => Some("type"),
        "podIPs" | "hostIPs" | "hostAliases" => Some("ip"),
        "ownerReferences" => Some("uid"),
        _ => None,
    }
}

/// Fields whose lists of plain values are united: `patchStrategy: merge` without a key.
fn is_set(path: &[String]) -> bool {
    matches!(path.last().map(String::as_str), Some("finalizers" | "podCIDRs"))
}

/// Applies a strategic merge patch (apimachinery `pkg/util/strategicpatch`): as [`merge`], but lists with a key are merged item by
/// item. Of the directives it knows `$patch: delete` and `replace`, `$retainKeys`, `$deleteFromPrimitiveList`; `$setElementOrder` is
/// read over, since no list here has an order that matters.
///
/// # Errors
/// 400 for other directives, and for items without their key.
pub(crate) fn strategic_merge(target: &mut Value, patch: Value) -> Result<(), Status> {
    strategic(target, patch, &mut Vec::new())
}

fn strategic(target: &mut Value, patch: Value, path: &mut Vec<String>) -> Result<(), Status> {
    let Value::Object(mut patch) = patch else {
        *target = patch;
        return Ok(());
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return Ok(()) };
    match patch.remove("$patch").as_ref().map(|d| d.as_str().unwrap_or_default()) {
        None | Some("merge") => {}
        Some("replace") => fields.clear(),
        Some("delete") => {
            fields.clear();
            return Ok(());
        }
        Some(other) => return Err(Status::bad_request(format!("unknown $patch directive: {other:?}"))),
    }
    if let Some(Value::Array(keep)) = patch.remove("$retainKeys") {
        fields.retain(|key, _| keep.iter().any(|k| k == key));
    }
    for (key, value) in patch {
        if key.starts_with("$setElementOrder/") {
            continue;
        }
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (fields.get_mut(list), &value) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if value.is_null() {
            fields.remove(&key);
            continue;
        }
        path.push(key.clone());
        let target = fields.entry(key).or_insert(Value::Null);
        match value {
            Value::Array(items) if merge_key(path).is_some() || is_set(path) => list(target, items, path)?,
            value => strategic(target, value, path)?,
        }
        path.pop();
    }
    Ok(())
}

fn list(target: &mut Value, items: Vec<Value>, path: &mut Vec<String>) -> Result<(), Status> {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Value::Array(list) = target else { return Ok(()) };
    if items.iter().any(|item| item["$patch"] == "replace") {
        *list = items.into_iter().filter(|item| item["$patch"] != "replace").collect();
        return Ok(());
    }
    for mut item in items {
        let Some(key) = merge_key(path) else {
            if !list.contains(&item) {
                list.push(item);
            }
            continue;
        };
        let id = item.get(key).cloned().ok_or_else(|| {
            Status::bad_request(format!("map: {item} does not contain declared merge key: {key}"))
        })?;
        let at = list.iter().position(|old| old.get(key) == Some(&id));
        match (item["$patch"] == "delete", at) {
            (true, Some(at)) => drop(list.remove(at)),
            (true, None) => {}
            (false, Some(at)) => strategic(&mut list[at], item, path)?,
            (false, None) => {
                let mut new = Value::Null;
                strategic(&mut new, item.take(), path)?;
                list.push(new);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_patches_of_the_rfc() {
        // RFC 7386, appendix A.
        for (mut target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            merge(&mut target, patch);
            assert_eq!(target, result);
        }
    }

    #[test]
    fn strategic_patches_merge_lists_by_their_key() {
        let mut service = json!({"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}],
            "externalIPs": ["1.1.1.1"]}});
        let patch = json!({"spec": {"$setElementOrder/ports": [{"port": 80}], "externalIPs": ["2.2.2.2"],
            "ports": [{"port": 80, "targetPort": 8080}, {"port": 81, "$patch": "delete"}, {"port": 82}]}});
        strategic_merge(&mut service, patch).expect("a patch");
        assert_eq!(
            service,
            json!({"spec": {"ports": [{"port": 80, "name": "a", "targetPort": 8080}, {"port": 82}],
                "externalIPs": ["2.2.2.2"]}})
        );
        let wrong = json!({"spec": {"ports": [{"name": "a"}]}});
        assert_eq!(strategic_merge(&mut service, wrong).expect_err("no key").code, 400);
    }
}

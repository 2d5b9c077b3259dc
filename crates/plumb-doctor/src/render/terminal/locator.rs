//! A place on one line, as a person would point at it.

use crate::messages::Lang;
use crate::report::Place;

/// `router: nft ip filter forward, handle 12: tcp dport 8080 counter drop`.
#[must_use]
pub fn locator(lang: Lang, place: &Place) -> String {
    let text = |key: &str| {
        place
            .get(key)
            .filter(|v| !v.is_null())
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
    };
    let namespace = text("namespace").unwrap_or_default();
    let node = text("node").filter(|n| *n != namespace).map(|n| format!("{n} ")).unwrap_or_default();
    let what = what(lang, place, &text);
    match (what.is_empty(), lang) {
        (true, _) => format!("{node}{namespace}"),
        (false, Lang::En) => format!("{node}{namespace}: {what}"),
        (false, Lang::Zh) => format!("{node}{namespace}：{what}"),
    }
}

fn what(lang: Lang, place: &Place, text: &dyn Fn(&str) -> Option<String>) -> String {
    let say = |en: &str, zh: &str| match lang {
        Lang::En => en.to_owned(),
        Lang::Zh => zh.to_owned(),
    };
    if let Some(backend) = text("backend") {
        return rule(lang, &backend, text);
    }
    if let Some(sysctl) = text("sysctl") {
        return format!("{sysctl} = {}", text("value").unwrap_or_default());
    }
    if let Some(route) = text("route") {
        let pref = text("rule_pref").map(|p| say(&format!(", rule {p}"), &format!("，策略规则 {p}")));
        let table = text("table").unwrap_or_default();
        return format!("{} {table}{}: {route}", say("table", "路由表"), pref.unwrap_or_default());
    }
    if let Some(rule) = text("policy_rule") {
        return format!("ip rule {rule}");
    }
    if text("missing").as_deref() == Some("route") {
        let (table, address) = (text("table").unwrap_or_default(), text("address").unwrap_or_default());
        return say(
            &format!("table {table} has no route to {address}"),
            &format!("路由表 {table} 没有到 {address} 的路由"),
        );
    }
    if let Some(socket) = text("socket") {
        return match text("missing") {
            Some(_) => say(&format!("{socket} (nobody listens)"), &format!("{socket}（无人监听）")),
            None => socket,
        };
    }
    if let Some(entry) = text("entry") {
        let zone = text("zone").map(|z| format!(" zone={z}")).unwrap_or_default();
        return format!("conntrack {entry}{zone}");
    }
    if let Some(file) = text("file") {
        return text("line").map_or_else(|| file.clone(), |line| format!("{file}: {line}"));
    }
    if let Some(object) = text("object") {
        return object;
    }
    let Some(device) = text("device") else { return String::new() };
    let master = text("master").map(|m| format!(" ({m})")).unwrap_or_default();
    if let Some(qdisc) = text("qdisc") {
        let priority = text("priority").map(|p| format!(" prio {p}")).unwrap_or_default();
        return format!("{device} {} {qdisc}{priority}", text("hook").unwrap_or_default());
    }
    if let Some(attribute) = text("attribute") {
        let parent = text("parent").map(|p| format!(" @ {p}")).unwrap_or_default();
        return format!("{device}{master}{parent} {attribute} {}", text("value").unwrap_or_default());
    }
    match (text("address"), place.contains_key("lladdr"), text("lladdr")) {
        (Some(address), true, Some(lladdr)) => format!("{device}{master}: {address} lladdr {lladdr}"),
        (Some(address), true, None) => {
            say(&format!("{device}: {address} without lladdr"), &format!("{device}: {address} 没有 lladdr"))
        }
        (Some(address), false, _) => format!("{device}: {address}"),
        (None, _, Some(lladdr)) if text("missing").is_some() => say(
            &format!("{device}{master}: no entry for {lladdr}"),
            &format!("{device}{master}: 没有 {lladdr} 的表项"),
        ),
        (None, _, Some(lladdr)) => format!("{device}{master}: {lladdr}"),
        (None, _, None) => device,
    }
}

fn rule(lang: Lang, backend: &str, text: &dyn Fn(&str) -> Option<String>) -> String {
    let mut line: Vec<String> = vec![backend.to_owned()];
    line.extend(["family", "table", "chain"].into_iter().filter_map(text));
    let mut line = line.join(" ");
    if let Some(device) = text("device") {
        line.push_str(&format!(" dev {device}"));
    }
    if let Some(handle) = text("handle") {
        line.push_str(&format!(" handle {handle}"));
    }
    let what = match (text("missing"), text("rule")) {
        (Some(missing), _) => match lang {
            Lang::En => format!("missing: {missing}"),
            Lang::Zh => format!("缺少：{missing}"),
        },
        (None, Some(rule)) => rule,
        (None, None) => return line,
    };
    line.push_str(&format!(": {what}"));
    if let Some(set) = text("set") {
        let element = text("element").map(|e| format!(" {{ {e} }}")).unwrap_or_default();
        line.push_str(&format!(" (@{set}{element})"));
    }
    line
}

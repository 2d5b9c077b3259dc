//! Families and cluster IPs.

use std::net::IpAddr;

use plumb_api::address::parse_ip;
use plumb_api::{IpFamily, NamespacedName};
use serde_json::Value;

use super::super::Cause;
use super::super::allocate::Allocation;
use super::{Fields, claim_ip, text, texts};

const FIELDS: [&str; 4] = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"];

/// Fills in `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy`; the addresses that the Service holds.
pub(super) fn assign(
    spec: &mut Fields,
    old: Option<&Fields>,
    owner: &NamespacedName,
    allocation: &mut Allocation,
) -> Result<Vec<IpAddr>, Vec<Cause>> {
    let old = old.filter(|old| text(old, "type") != "ExternalName");
    if text(spec, "type") == "ExternalName" {
        // What it had as a Service of another type goes; what is asked for anew is wrong.
        for field in FIELDS {
            if old.is_some_and(|old| old.get(field) == spec.get(field)) {
                spec.remove(field);
            }
        }
        return if text(spec, "clusterIP").is_empty() && texts(spec, "clusterIPs").is_empty() {
            Ok(Vec::new())
        } else {
            Err(vec![Cause::invalid("spec.clusterIPs", "may not be set when `type` is 'ExternalName'")])
        };
    }
    if let Some(old) = old {
        keep(spec, old)?;
    }
    let mut ips = texts(spec, "clusterIPs");
    let first = text(spec, "clusterIP").to_owned();
    match (first.as_str(), ips.first().map(String::as_str)) {
        ("", _) => {}
        (first, None) => ips.push(first.to_owned()),
        (first, Some(other)) if first == other => {}
        _ => return Err(vec![Cause::invalid("spec.clusterIPs", "first value must match `clusterIP`")]),
    }
    let headless = ips.first().is_some_and(|ip| ip == "None");
    let asked = given_families(spec)?;
    let families = choose(spec, old.is_some(), headless, &ips, asked, &allocation.families())?;
    let mut held = Vec::new();
    if !headless && families.is_empty() {
        return Err(vec![Cause::invalid("spec.clusterIPs", "there is no range of cluster IPs")]);
    }
    if !headless {
        for (i, family) in families.iter().enumerate() {
            held.push(address(i, *family, ips.get(i), owner, allocation).map_err(|cause| vec![cause])?);
        }
        ips = held.iter().map(ToString::to_string).collect();
    }
    spec.insert("clusterIP".to_owned(), ips[0].as_str().into());
    spec.insert("clusterIPs".to_owned(), ips.into());
    spec.insert("ipFamilies".to_owned(), families.iter().map(ToString::to_string).collect::<Vec<_>>().into());
    Ok(held)
}

/// What an update that leaves it out keeps. The first cluster IP never changes.
fn keep(spec: &mut Fields, old: &Fields) -> Result<(), Vec<Cause>> {
    let (was, is) = (text(old, "clusterIP"), text(spec, "clusterIP"));
    let first = texts(spec, "clusterIPs").into_iter().next().unwrap_or_default();
    for (field, value) in [("spec.clusterIP", is), ("spec.clusterIPs[0]", first.as_str())] {
        if !value.is_empty() && !was.is_empty() && value != was {
            return Err(vec![Cause::invalid(field, "may not change once set")]);
        }
    }
    for field in FIELDS {
        let empty = spec
            .get(field)
            .is_none_or(|v| v.is_null() || *v == "" || v.as_array().is_some_and(Vec::is_empty));
        if let (true, Some(value)) = (empty, old.get(field)) {
            spec.insert(field.to_owned(), value.clone());
        }
    }
    // Fewer families than before: the second address goes unless it was asked for anew.
    if text(spec, "ipFamilyPolicy") == "SingleStack" && text(old, "ipFamilyPolicy") != "SingleStack" {
        for field in ["clusterIPs", "ipFamilies"] {
            if let (true, Some(Value::Array(list))) = (spec.get(field) == old.get(field), spec.get_mut(field))
            {
                list.truncate(1);
            }
        }
    }
    Ok(())
}

fn given_families(spec: &Fields) -> Result<Vec<IpFamily>, Vec<Cause>> {
    let texts = texts(spec, "ipFamilies").into_iter().enumerate();
    texts
        .map(|(i, family)| match family.as_str() {
            "IPv4" => Ok(IpFamily::V4),
            "IPv6" => Ok(IpFamily::V6),
            _ => Err(vec![Cause::invalid(format!("spec.ipFamilies[{i}]"), "supported values: IPv4, IPv6")]),
        })
        .collect()
}

/// The families of the Service, and its policy where it names none.
fn choose(
    spec: &mut Fields,
    is_update: bool,
    headless: bool,
    ips: &[String],
    mut families: Vec<IpFamily>,
    cluster: &[IpFamily],
) -> Result<Vec<IpFamily>, Vec<Cause>> {
    let wrong = |field: &str, message: &str| Err(vec![Cause::invalid(field, message)]);
    let of_ips: Vec<_> = ips.iter().filter_map(|ip| parse_ip(ip)).map(IpFamily::of).collect();
    // Endpoints of a Service without selector are its owner's affair, whatever the cluster can do.
    let free =
        headless && spec.get("selector").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
    let policy = text(spec, "ipFamilyPolicy").to_owned();
    let policy = match policy.as_str() {
        "" if !is_update && (families.len() > 1 || ips.len() > 1) => {
            return wrong(
                "spec.ipFamilyPolicy",
                "must be RequireDualStack or PreferDualStack when two families or addresses are given",
            );
        }
        "" if free && families.is_empty() => "RequireDualStack",
        "" => "SingleStack",
        "SingleStack" | "PreferDualStack" | "RequireDualStack" => policy.as_str(),
        _ => {
            return wrong(
                "spec.ipFamilyPolicy",
                "supported values: SingleStack, PreferDualStack, RequireDualStack",
            );
        }
    };
    for (i, family) in of_ips.iter().enumerate() {
        match families.get(i) {
            None => families.push(*family),
            Some(given) if given != family => {
                return wrong(
                    &format!("spec.clusterIPs[{i}]"),
                    &format!("expected an {given} value as indicated by `ipFamilies[{i}]`"),
                );
            }
            Some(_) => {}
        }
    }
    if families.is_empty() {
        families.extend(cluster.first().copied().or(free.then_some(IpFamily::V4)));
    }
    if policy == "SingleStack" && families.len() > 1 {
        return wrong(
            "spec.ipFamilyPolicy",
            "must be RequireDualStack or PreferDualStack when two families are given",
        );
    }
    if let Some(family) = families.iter().find(|f| !free && !cluster.contains(f)) {
        return wrong("spec.ipFamilies[0]", &format!("{family} is not configured on this cluster"));
    }
    let other = IpFamily::ALL.into_iter().find(|f| !families.contains(f));
    if let (true, Some(other)) = (policy != "SingleStack", other) {
        if free || cluster.contains(&other) {
            families.push(other);
        } else if policy == "RequireDualStack" {
            return wrong("spec.ipFamilyPolicy", "this cluster is not configured for dual-stack services");
        }
    }
    let policy = policy.to_owned();
    spec.insert("ipFamilyPolicy".to_owned(), policy.into());
    Ok(families)
}

fn address(
    i: usize,
    family: IpFamily,
    given: Option<&String>,
    owner: &NamespacedName,
    allocation: &mut Allocation,
) -> Result<IpAddr, Cause> {
    let field = format!("spec.clusterIPs[{i}]");
    let Some(text) = given else {
        return allocation
            .free_ip(family)
            .ok_or_else(|| Cause::invalid(field, format!("no {family} cluster IP is free")));
    };
    match parse_ip(text) {
        Some(address) => claim_ip(address, field, owner, allocation).map(|()| address),
        None => Err(Cause::invalid(field, format!("Invalid value: {text:?}: must be a valid IP address"))),
    }
}

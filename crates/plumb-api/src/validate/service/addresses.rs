//! Cluster IPs, families and external IPs (`ValidateServiceClusterIPsRelatedFields`).

use crate::address::IpFamily;
use crate::field::FieldPath;
use crate::objects::{Service, ServiceType};
use crate::validate::{Findings, Missing, NameForm, Problem, address, name};

pub(super) fn check(service: &Service, found: &mut Findings) {
    let spec = FieldPath::of(&["spec"]);
    if service.spec.kind == ServiceType::ExternalName {
        external_name(service, &spec, found);
    } else {
        let headless = service.spec.is_headless();
        if headless && service.spec.kind != ServiceType::ClusterIP {
            found.add(spec.field("clusterIP"), Problem::Headless { kind: service.spec.kind });
        }
        cluster_ips(service, &spec, found);
        families(service, &spec, found);
    }
    for (i, ip) in service.spec.external_ips.iter().enumerate() {
        address::reachable_ip(ip, spec.field("externalIPs").index(i), found);
    }
}

fn cluster_ips(service: &Service, spec: &FieldPath, found: &mut Findings) {
    let (one, all) = (&service.spec.cluster_ip, &service.spec.cluster_ips);
    let path = spec.field("clusterIPs");
    match all.first() {
        // The API server copies a lone clusterIP to clusterIPs, but not the other way round.
        Some(first) if first != one => {
            let (value, first) = (one.clone(), first.clone());
            let problem = Problem::FirstDiffers { one: "clusterIP", list: "clusterIPs", value, first };
            found.add(path.clone(), problem);
        }
        None if !one.is_empty() && &**one != "None" => {
            address::ip(one, spec.field("clusterIP"), found);
        }
        _ => {}
    }
    let mut sound = true;
    for (i, text) in all.iter().enumerate() {
        if i == 0 && &**text == "None" {
            if all.len() > 1 {
                found.add(path.clone(), Problem::NoneAmongOthers);
                sound = false;
            }
        } else {
            sound &= address::ip(text, path.index(i), found).is_some();
        }
    }
    if sound {
        let texts: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
        address::one_a_family(&texts, crate::address::parse_ip, &path, found);
    }
}

fn families(service: &Service, spec: &FieldPath, found: &mut Findings) {
    let families = &service.spec.ip_families;
    let path = spec.field("ipFamilies");
    for (i, family) in families.iter().enumerate() {
        if families.iter().take(i).any(|f| f == family) {
            found.add(path.index(i), Problem::Duplicate { value: family.to_string().into() });
        }
    }
    let alone = [service.spec.cluster_ip.clone()];
    let (texts, list): (&[Box<str>], _) = match service.spec.cluster_ips.as_slice() {
        [] => (&alone, false),
        all => (all, true),
    };
    for (i, (text, wanted)) in texts.iter().zip(families).enumerate() {
        let Some(address) = crate::address::parse_ip(text) else { continue };
        if IpFamily::of(address) != *wanted {
            let path = if list { spec.field("clusterIPs").index(i) } else { spec.field("clusterIP") };
            let because = if i == 0 { "ipFamilies[0]" } else { "ipFamilies[1]" };
            found.add(path, Problem::WrongFamily { text: text.clone(), wanted: *wanted, because });
        }
    }
}

fn external_name(service: &Service, spec: &FieldPath, found: &mut Findings) {
    if !service.spec.cluster_ips.is_empty() {
        found.add(spec.field("clusterIPs"), Problem::NotForExternalName);
    } else if !service.spec.cluster_ip.is_empty() {
        found.add(spec.field("clusterIP"), Problem::NotForExternalName);
    }
    if !service.spec.ip_families.is_empty() {
        found.add(spec.field("ipFamilies"), Problem::NotForExternalName);
    }
    if service.spec.ip_family_policy.is_some() {
        found.add(spec.field("ipFamilyPolicy"), Problem::NotForExternalName);
    }
    let text = service.spec.external_name.as_deref().unwrap_or_default();
    let path = spec.field("externalName");
    match text.strip_suffix('.').unwrap_or(text) {
        "" => found.add(path, Problem::Required { why: Missing::ExternalName }),
        text => name::check(text, NameForm::Dns1123Subdomain, path, found),
    }
}

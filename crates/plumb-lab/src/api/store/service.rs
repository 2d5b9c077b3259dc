//! What the API server does with a Service: defaults (`pkg/apis/core/v1/defaults.go`), families, cluster IPs and node ports
//! (`pkg/registry/core/service/storage/alloc.go`), what an update keeps (`…/service/strategy.go`).

mod families;

use std::net::IpAddr;

use plumb_api::NamespacedName;
use plumb_api::address::parse_ip;
use serde_json::{Map, Value, json};

use super::Cause;
use super::allocate::{Allocation, Held};

type Fields = Map<String, Value>;

/// Text of a field; empty where it is absent or no text.
fn text<'a>(fields: &'a Fields, field: &str) -> &'a str {
    fields.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Texts of a list; empty where it is absent.
fn texts(fields: &Fields, field: &str) -> Vec<String> {
    let list = fields.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn port_number(port: &Value, field: &str) -> u16 {
    port.get(field).and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).unwrap_or(0)
}

fn default(fields: &mut Fields, field: &str, value: impl Into<Value>) {
    let at = fields.entry(field).or_insert(Value::Null);
    if at.is_null() || *at == "" {
        *at = value.into();
    }
}

/// Cluster IPs and node ports of a Service that is stored.
pub(super) fn held(service: &Value) -> Held {
    let Some(spec) = service["spec"].as_object() else { return Held::default() };
    let mut held =
        Held { ips: texts(spec, "clusterIPs").iter().filter_map(|t| parse_ip(t)).collect(), ports: vec![] };
    let ports = spec.get("ports").and_then(Value::as_array).into_iter().flatten();
    held.ports.extend(ports.map(|p| port_number(p, "nodePort")).filter(|p| *p != 0));
    held.ports.extend(Some(port_number(&service["spec"], "healthCheckNodePort")).filter(|p| *p != 0));
    held
}

/// Fills in what a Service leaves out, and says what it holds from now on. `old` is its state before an update.
pub(super) fn prepare(
    service: &mut Fields,
    old: Option<&Value>,
    owner: &NamespacedName,
    allocation: &mut Allocation,
) -> Result<Held, Vec<Cause>> {
    let spec = service.entry("spec").or_insert(Value::Null);
    if spec.is_null() {
        *spec = Value::Object(Map::new());
    }
    let Value::Object(spec) = spec else { return Err(vec![Cause::invalid("spec", "it is a JSON object")]) };
    let old = old.and_then(|o| o["spec"].as_object());
    defaults(spec);
    if let Some(old) = old {
        keep(spec, old);
    }
    let mut causes = Vec::new();
    let ips = match families::assign(spec, old, owner, allocation) {
        Ok(ips) => ips,
        Err(wrong) => {
            causes.extend(wrong);
            Vec::new()
        }
    };
    let ports = assign_ports(spec, owner, allocation, &mut causes);
    service.entry("status").or_insert_with(|| json!({"loadBalancer": {}}));
    if causes.is_empty() { Ok(Held { ips, ports }) } else { Err(causes) }
}

fn defaults(spec: &mut Fields) {
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "ClientIP" => default(spec, "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 10_800}})),
        "None" => drop(spec.remove("sessionAffinityConfig")),
        _ => {}
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Object(port) = port else { continue };
        default(port, "protocol", "TCP");
        if let Some(number) = port.get("port").cloned() {
            if port.get("targetPort") == Some(&json!(0)) {
                port.remove("targetPort");
            }
            default(port, "targetPort", number);
        }
    }
    let kind = text(spec, "type").to_owned();
    let outside = kind == "NodePort"
        || kind == "LoadBalancer"
        || (kind == "ClusterIP" && !texts(spec, "externalIPs").is_empty());
    if outside {
        default(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind != "ExternalName" {
        default(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" && !spec.contains_key("allocateLoadBalancerNodePorts") {
        spec.insert("allocateLoadBalancerNodePorts".to_owned(), true.into());
    }
}

/// Whether ports without one are given node ports.
fn needs_node_ports(spec: &Fields) -> bool {
    match text(spec, "type") {
        "NodePort" => true,
        "LoadBalancer" => spec.get("allocateLoadBalancerNodePorts") != Some(&Value::Bool(false)),
        _ => false,
    }
}

fn may_have_node_ports(spec: &Fields) -> bool {
    matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
}

fn needs_health_port(spec: &Fields) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// What an update that leaves it out keeps, and what goes with a change of the type (`patchAllocatedValues`,
/// `dropTypeDependentFields`).
fn keep(spec: &mut Fields, old: &Fields) {
    let old_ports: Vec<Value> = old.get("ports").and_then(Value::as_array).cloned().unwrap_or_default();
    let (both, none) = (needs_node_ports(spec) && needs_node_ports(old), !may_have_node_ports(spec));
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let (number, name) = (port_number(port, "nodePort"), port.get("name").cloned());
        let same = old_ports.iter().find(|p| p.get("name").cloned() == name);
        let was = same.map_or(0, |p| port_number(p, "nodePort"));
        let Value::Object(port) = port else { continue };
        if both && number == 0 && was != 0 {
            port.insert("nodePort".to_owned(), was.into());
        } else if none && number == was {
            port.remove("nodePort");
        }
    }
    if needs_health_port(spec) && needs_health_port(old) {
        if let Some(port) = old.get("healthCheckNodePort") {
            default(spec, "healthCheckNodePort", port.clone());
        }
    } else if !needs_health_port(spec) && spec.get("healthCheckNodePort") == old.get("healthCheckNodePort") {
        spec.remove("healthCheckNodePort");
    }
    let same = |spec: &Fields, field: &str| spec.get(field) == old.get(field);
    if !may_have_node_ports(spec)
        && may_have_node_ports(old)
        && texts(spec, "externalIPs").is_empty()
        && same(spec, "externalTrafficPolicy")
    {
        spec.remove("externalTrafficPolicy");
    }
    if text(spec, "type") != "LoadBalancer" && same(spec, "allocateLoadBalancerNodePorts") {
        spec.remove("allocateLoadBalancerNodePorts");
    }
}

/// Node ports, given or found, and the port of the health check.
fn assign_ports(
    spec: &mut Fields,
    owner: &NamespacedName,
    allocation: &mut Allocation,
    causes: &mut Vec<Cause>,
) -> Vec<u16> {
    let (needed, allowed) = (needs_node_ports(spec), may_have_node_ports(spec));
    let empty_is_fine = text(spec, "type") == "ExternalName" || text(spec, "clusterIP") == "None";
    let health = needs_health_port(spec);
    let mut asked = port_number(&Value::Object(spec.clone()), "healthCheckNodePort");
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    let Some(ports) = ports.filter(|ports| !ports.is_empty()) else {
        if !empty_is_fine {
            causes.push(Cause::required("spec.ports"));
        }
        return Vec::new();
    };
    let mut held: Vec<u16> = Vec::new();
    // Those that are given first, so that none that is found takes one of them.
    for (i, port) in ports.iter().enumerate() {
        if port_number(port, "port") == 0 {
            causes.push(Cause::invalid(
                format!("spec.ports[{i}].port"),
                "must be between 1 and 65535, inclusive",
            ));
        }
        let number = port_number(port, "nodePort");
        let field = format!("spec.ports[{i}].nodePort");
        if number == 0 {
            continue;
        }
        if !allowed {
            causes.push(Cause::invalid(field, "may not be used when `type` is 'ClusterIP'"));
        } else if let Err(cause) = claim(number, field, owner, allocation) {
            causes.push(cause);
        } else {
            held.push(number);
        }
    }
    if health && asked != 0 {
        match claim(asked, "spec.healthCheckNodePort".to_owned(), owner, allocation) {
            Ok(()) => held.push(asked),
            Err(cause) => causes.push(cause),
        }
    }
    if needed {
        for i in 0..ports.len() {
            if port_number(&ports[i], "nodePort") != 0 {
                continue;
            }
            // The same port over another protocol shares the node port.
            let number = port_number(&ports[i], "port");
            let twin = ports.iter().find(|p| {
                port_number(p, "port") == number
                    && port_number(p, "nodePort") != 0
                    && p.get("protocol") != ports[i].get("protocol")
            });
            let found = twin.map(|p| port_number(p, "nodePort")).or_else(|| allocation.free_port(&held));
            let Some(found) = found else {
                causes.push(Cause::invalid(format!("spec.ports[{i}].nodePort"), "no node port is free"));
                break;
            };
            ports[i]["nodePort"] = found.into();
            held.push(found);
        }
    }
    if health && asked == 0 {
        match allocation.free_port(&held) {
            Some(found) => {
                asked = found;
                held.push(found);
                spec.insert("healthCheckNodePort".to_owned(), asked.into());
            }
            None => causes.push(Cause::invalid("spec.healthCheckNodePort", "no node port is free")),
        }
    }
    held.sort_unstable();
    held.dedup();
    held
}

fn claim(number: u16, field: String, owner: &NamespacedName, allocation: &Allocation) -> Result<(), Cause> {
    if !allocation.port_in_range(number) {
        let range = allocation.port_range();
        let message = format!("provided port is not in the valid range {}-{}", range.start(), range.end());
        return Err(Cause::invalid(field, message));
    }
    if allocation.port_taken(number, owner) {
        return Err(Cause::invalid(field, "provided port is already allocated"));
    }
    Ok(())
}

/// An address that is given: whether it can be had.
fn claim_ip(
    address: IpAddr,
    field: String,
    owner: &NamespacedName,
    allocation: &Allocation,
) -> Result<(), Cause> {
    let range = allocation.cidr(plumb_api::IpFamily::of(address));
    match range {
        Some(range) if range.contains(address) && !allocation.ip_taken(address, owner) => Ok(()),
        Some(range) if range.contains(address) => {
            Err(Cause::invalid(field, "provided IP is already allocated"))
        }
        _ => {
            let ranges: Vec<_> = allocation
                .families()
                .into_iter()
                .filter_map(|f| allocation.cidr(f))
                .map(|c| c.to_string())
                .collect();
            let message = format!(
                "provided IP is not in the valid range. The range of valid IPs is {}",
                ranges.join(", ")
            );
            Err(Cause::invalid(field, message))
        }
    }
}

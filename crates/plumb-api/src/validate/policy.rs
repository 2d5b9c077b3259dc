//! NetworkPolicies (`ValidateNetworkPolicySpec`, `pkg/apis/networking/validation`) and label selectors
//! (`ValidateLabelSelector`, `apimachinery/pkg/apis/meta/v1/validation`).

use std::collections::BTreeSet;

use super::service::is_port_name;
use super::{Findings, Missing, Problem, address};
use crate::address::parse_cidr;
use crate::field::FieldPath;
use crate::objects::{
    IntOrString, IpBlock, LabelOperator, LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort,
    PolicyType,
};

pub(super) fn check(policy: &NetworkPolicy, found: &mut Findings) {
    let spec = FieldPath::of(&["spec"]);
    selector(&policy.spec.pod_selector, &spec.field("podSelector"), found);
    for direction in PolicyType::ALL {
        let (list, peers_field) = direction.fields();
        for (i, (peers, ports)) in policy.spec.rules(direction).into_iter().enumerate() {
            let path = spec.field(list).index(i);
            for (j, p) in ports.iter().enumerate() {
                port(p, &path.field("ports").index(j), found);
            }
            for (j, p) in peers.iter().enumerate() {
                peer(p, &path.field(peers_field).index(j), found);
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (i, kind) in policy.spec.policy_types.iter().enumerate() {
        if !seen.insert(kind) {
            let path = spec.field("policyTypes").index(i);
            found.add(path, Problem::Duplicate { value: format!("{kind:?}").into() });
        }
    }
}

fn port(port: &NetworkPolicyPort, path: &FieldPath, found: &mut Findings) {
    let is_port = |n: i32| (1..=65_535).contains(&n);
    match &port.port {
        Some(IntOrString::Int(n)) if !is_port(*n) => {
            found.add(path.field("port"), Problem::Port { value: i64::from(*n) });
        }
        Some(IntOrString::String(text)) if !is_port_name(text) => {
            found.add(path.field("port"), Problem::PortName { text: text.clone() });
        }
        _ => {}
    }
    let Some(last) = port.end_port else { return };
    let path = path.field("endPort");
    match &port.port {
        Some(IntOrString::Int(first)) if last < *first => {
            found.add(path, Problem::RangeEndsEarly { first: *first, last });
        }
        Some(IntOrString::Int(_)) if !is_port(last) => {
            found.add(path, Problem::Port { value: i64::from(last) });
        }
        Some(IntOrString::Int(_)) => {}
        _ => found.add(path, Problem::Required { why: Missing::FirstPort }),
    }
}

fn peer(peer: &NetworkPolicyPeer, path: &FieldPath, found: &mut Findings) {
    let selectors = [("podSelector", &peer.pod_selector), ("namespaceSelector", &peer.namespace_selector)];
    for (field, s) in selectors.iter().filter_map(|(field, s)| Some((*field, s.as_ref()?))) {
        selector(s, &path.field(field), found);
    }
    let selects = selectors.iter().any(|(_, s)| s.is_some());
    match &peer.ip_block {
        Some(block) => {
            let path = path.field("ipBlock");
            if selects {
                found.add(path.clone(), Problem::IpBlockAmongOthers);
            }
            ip_block(block, &path, found);
        }
        None if !selects => found.add(path.clone(), Problem::Required { why: Missing::Peer }),
        None => {}
    }
}

fn ip_block(block: &IpBlock, path: &FieldPath, found: &mut Findings) {
    address::cidr(&block.cidr, path.field("cidr"), found);
    let whole = parse_cidr(&block.cidr);
    for (i, text) in block.except.iter().enumerate() {
        let path = path.field("except").index(i);
        match (whole, parse_cidr(text)) {
            (_, None) => address::cidr(text, path, found),
            (Some(whole), Some(part)) if !(whole.covers(part) && whole != part) => {
                found.add(path, Problem::NotWithin { text: text.clone(), whole: block.cidr.clone() });
            }
            _ => {}
        }
    }
}

/// The values that an operator needs, or may not have. Forms of keys and values are not checked.
fn selector(s: &LabelSelector, path: &FieldPath, found: &mut Findings) {
    for (i, r) in s.match_expressions.iter().enumerate() {
        let path = path.field("matchExpressions").index(i).field("values");
        match (r.operator, r.values.is_empty()) {
            (LabelOperator::In | LabelOperator::NotIn, true) => {
                found.add(path, Problem::Required { why: Missing::LabelValues });
            }
            (LabelOperator::Exists | LabelOperator::DoesNotExist, false) => {
                found.add(path, Problem::NeedlessValues);
            }
            _ => {}
        }
    }
}

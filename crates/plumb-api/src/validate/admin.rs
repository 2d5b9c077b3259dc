//! AdminNetworkPolicies: the ranges and ports that their rules hold (the rest of what their schema asks for makes a rule whose meaning is
//! not known, see [`crate::policy`]).

use super::{Findings, Problem, address};
use crate::field::FieldPath;
use crate::objects::{AdminPolicyPort, AdminPolicySpec, PolicyType};

pub(super) fn check(policy: &AdminPolicySpec, found: &mut Findings) {
    let spec = FieldPath::of(&["spec"]);
    for direction in PolicyType::ALL {
        let (list, peers_field) = direction.fields();
        for (i, (_, peers, ports)) in policy.rules(direction).into_iter().enumerate() {
            let path = spec.field(list).index(i);
            for (j, peer) in peers.iter().enumerate() {
                let networks = path.field(peers_field).index(j).field("networks");
                for (k, text) in peer.networks.iter().enumerate() {
                    address::cidr(text, networks.index(k), found);
                }
            }
            for (j, p) in ports.unwrap_or_default().iter().enumerate() {
                port(p, &path.field("ports").index(j), found);
            }
        }
    }
}

fn port(port: &AdminPolicyPort, path: &FieldPath, found: &mut Findings) {
    let mut number = |path: FieldPath, n: i32| {
        if !(1..=65_535).contains(&n) {
            found.add(path, Problem::Port { value: i64::from(n) });
        }
    };
    if let Some(p) = &port.port_number {
        number(path.field("portNumber").field("port"), p.port);
    }
    if let Some(range) = &port.port_range {
        let path = path.field("portRange");
        number(path.field("start"), range.start);
        number(path.field("end"), range.end);
        if range.end < range.start {
            found.add(path.field("end"), Problem::RangeEndsEarly { first: range.start, last: range.end });
        }
    }
}

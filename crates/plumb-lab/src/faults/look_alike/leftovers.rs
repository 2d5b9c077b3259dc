//! What looks left over, and is right.

use plumb_nft::Family;

use super::super::leftovers::{dropping_chain, from_one_port, given_again, of_another_proxy};
use super::super::scene::{made, made_by};
use super::super::{Flow, Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::rules;
use plumb_model::IpFamily;

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "A04",
        does: "takes the pod's IPv6 address away, and gives it back while nobody has it: duplicate address detection finds none",
        is: None,
        target: TargetKind::Server,
        make: nobody_had_it,
    },
    LookAlike {
        of: "C03",
        does: "lets the pod ask the cluster's name server from one port: its entry leads where the rules lead",
        is: None,
        target: TargetKind::Client,
        make: current_entry,
    },
    LookAlike {
        of: "C12",
        does: "drops what the pod sends to a server in a chain of type nat, beside a rule that asks for the connection's state",
        is: Some("F01"),
        target: TargetKind::Client,
        make: asked,
    },
    LookAlike {
        of: "Z07",
        does: "adds a table to the pod's node as kube-proxy (nftables) leaves it, with a chain that is empty",
        is: None,
        target: TargetKind::Client,
        make: empty_table,
    },
];

fn nobody_had_it(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let acts = given_again(scene, (Vec::new(), Vec::new()))?;
    let flow = scene.flow_to_pod_of(scene.remote(pod, |_| true)?, pod, IpFamily::V6, Outcome::Connects)?;
    made_by(acts, flow, format!("{} has its address as before", pod.full_name()))
}

fn current_entry(scene: &Scene<'_>) -> Result<Made, String> {
    let (flow, mut acts, sends) = from_one_port(scene)?;
    acts.extend(sends);
    made_by(acts, flow, "one port of the client has an entry, which leads to a pod that serves")
}

fn asked(scene: &Scene<'_>) -> Result<Made, String> {
    let (flow, table) = dropping_chain(scene, Some(rules::rule(Family::Inet).new_connection()))?;
    let effect = format!("a chain of {} of type nat is asked, and drops", scene.pod()?.full_name());
    // A packet of the client's own that a rule drops on the way out is refused to nobody: EPERM is the rule's of another hook.
    made(vec![table], Flow { outcome: Outcome::TimesOut, ..flow }, effect)
}

fn empty_table(scene: &Scene<'_>) -> Result<Made, String> {
    of_another_proxy(scene, Vec::new())
}

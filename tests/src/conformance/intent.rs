//! The first way: what the intent decides.

use std::collections::BTreeMap;

use plumb_api::Object;
use plumb_api::address::IpFamily;
use plumb_intent::{Decision, FrontendKey, Services, decide, masquerades};

use super::apply::{Applied, tell};
use super::case::{Case, Expect, Flow, Sequence, Step};
use super::fate::{Fate, Seen};
use crate::error::Result;

/// What the intent says of every flow, in the order of the case, and what of it is wrong.
pub fn flows(case: &Case) -> Result<Vec<(String, Vec<String>)>> {
    let both = both(case)?;
    let judge = |flow: &Flow| flow.expected().differences(&decided(case, flow, &both));
    let mut all: Vec<_> = case.flows.iter().map(|flow| (flow.name.clone(), judge(flow))).collect();
    if let Some(sequence) = &case.sequence {
        all.push(("sequence".to_owned(), steps(case, sequence)?));
    }
    Ok(all)
}

fn both(case: &Case) -> Result<Vec<(Applied, Services)>> {
    IpFamily::ALL
        .iter()
        .map(|family| {
            let applied = Applied::new(case, *family)?;
            let services = applied.services(&case.objects);
            Ok((applied, services))
        })
        .collect()
}

/// The decision for a flow.
#[allow(clippy::cast_precision_loss, reason = "a count of endpoints")]
fn decided(case: &Case, flow: &Flow, both: &[(Applied, Services)]) -> Seen {
    let mut shares = BTreeMap::new();
    for (applied, services) in both.iter().filter(|(a, _)| a.family == flow.family()) {
        let packet = applied.packet(case, flow);
        match decide(services, &applied.around, &packet) {
            Decision::Pass => drop(shares.insert(Fate::Pass, 1.0)),
            Decision::Reject => drop(shares.insert(Fate::Reject, 1.0)),
            Decision::Drop => drop(shares.insert(Fate::Drop, 1.0)),
            Decision::Dnat { endpoints, masquerade, .. } => {
                for end in endpoints.iter() {
                    let masquerade = masquerades(masquerade, &applied.around, &packet, end);
                    let fate = Fate::Dnat { endpoint: (end.ip, end.port).into(), masquerade };
                    *shares.entry(fate).or_insert(0.0) += 1.0 / endpoints.len() as f64;
                }
            }
        }
    }
    Seen::Shares(shares, 0.0)
}

/// Whether clients of a flow stay with their endpoint.
pub(super) fn is_sticky(services: &Services, flow: &Flow) -> bool {
    let key = |address| FrontendKey { address, protocol: flow.protocol, port: flow.port };
    let frontend = services.frontend(&key(Some(flow.to_ip))).or_else(|| services.frontend(&key(None)));
    frontend.is_some_and(|f| f.affinity.is_some())
}

/// Of connections that depend on earlier ones the intent says where they may go, and that they depend on them.
fn steps(case: &Case, sequence: &Sequence) -> Result<Vec<String>> {
    let mut both = both(case)?;
    let mut out = Vec::new();
    for (i, step) in sequence.steps.iter().enumerate() {
        match step {
            Step::Wait(_) => {}
            Step::Objects(objects) => both.iter_mut().for_each(|(_, s)| change(s, objects)),
            Step::Connect(connect) => {
                let flow = &case.flows[connect.flow];
                let expect = Expect { endpoints: connect.allowed(flow).to_vec(), ..flow.expected().clone() };
                let found = expect.differences(&decided(case, flow, &both));
                out.extend(found.into_iter().map(|d| format!("step {i}: {d}")));
                let sticky = both.iter().any(|(a, s)| a.family == flow.family() && is_sticky(s, flow));
                if connect.reaches.is_some() && !sticky {
                    out.push(format!("step {i}: clients of {:?} do not stay with their endpoint", flow.name));
                }
            }
        }
    }
    Ok(out)
}

fn change(services: &mut Services, objects: &[Object]) {
    tell(services, objects);
    services.take();
}

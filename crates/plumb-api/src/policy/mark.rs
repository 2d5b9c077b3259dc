//! What tells somebody from others to policies.

use super::admin::takes_admin_port;
use super::matching::named_ports;
use super::party::Party;
use super::truth::Truth;
use super::{Admin, Policies};
use crate::objects::{IntOrString, PolicyType, Protocol};

impl Policies {
    /// Everything by which policies can tell somebody from others, as bytes: who has the same is treated alike.
    #[must_use]
    pub fn mark(&self, party: &Party) -> Vec<u8> {
        let mut mark = Vec::new();
        for policy in &self.policies {
            mark.push(byte(self.selects(policy, party)));
            for direction in PolicyType::ALL {
                for (peers, ports) in policy.spec.rules(direction) {
                    for peer in peers {
                        let at = party.addresses.iter();
                        mark.extend(at.map(|a| byte(self.takes(policy, peer, party, direction, *a))));
                        mark.push(u8::MAX);
                    }
                    for port in ports {
                        if let Some(IntOrString::String(name)) = &port.port {
                            names(&mut mark, name, port.protocol.unwrap_or_default(), party);
                        }
                    }
                }
            }
        }
        for admin in self.admin.iter().chain(&self.baseline) {
            self.mark_of(admin, party, &mut mark);
        }
        // Of policies that are not read it is known whom they may be about.
        for policy in self.foreign_about(party) {
            mark.extend(policy.name.namespace.bytes());
            mark.push(u8::MAX);
        }
        mark
    }

    fn mark_of(&self, admin: &Admin, party: &Party, mark: &mut Vec<u8>) {
        mark.push(byte(self.is_subject(&admin.spec.subject, party)));
        for direction in PolicyType::ALL {
            for (_, peers, ports) in admin.spec.rules(direction) {
                for peer in peers {
                    mark.extend(party.addresses.iter().map(|a| byte(self.takes_admin(peer, party, *a))));
                    mark.push(u8::MAX);
                }
                for port in ports.unwrap_or_default() {
                    let Some(name) = &port.named_port else { continue };
                    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
                        names(mark, name, protocol, party);
                    }
                    // Whether its ports are known at all.
                    mark.push(byte(takes_admin_port(
                        Some(std::slice::from_ref(port)),
                        (Protocol::Tcp, 0),
                        party,
                    )));
                }
            }
        }
    }
}

fn byte(truth: Truth) -> u8 {
    match truth {
        Truth::No => 0,
        Truth::Yes => 1,
        Truth::Open(doubt) => 2 + doubt as u8,
    }
}

/// The numbers of somebody's ports of a name.
fn names(mark: &mut Vec<u8>, name: &str, protocol: Protocol, party: &Party) {
    let found = named_ports(name, protocol, party);
    let numbers = found.into_iter().flatten();
    mark.extend(numbers.flat_map(|p| p.container_port.to_be_bytes()));
    mark.push(u8::MAX);
}

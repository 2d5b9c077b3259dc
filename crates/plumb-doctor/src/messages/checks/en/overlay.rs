//! Tunnels.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "vxlan-id-differs",
        Texts {
            summary: "{device} in {namespace} has the network number {value}; that of {other}, which it sends to, is {right}",
            effect: "packets between the two arrive and are dropped: nobody there takes that network",
            advice: "make the device anew with the number of the others (restart the network plugin)",
        },
    ),
    (
        "vxlan-port-differs",
        Texts {
            summary: "{device} in {namespace} uses the UDP port {value}; that of {other}, which it sends to, uses {right}",
            effect: "packets between the two reach a port where nothing listens",
            advice: "make the device anew with the port of the others (restart the network plugin)",
        },
    ),
    (
        "vxlan-fdb-wrong",
        Texts {
            summary: "{device} in {namespace} sends what is for {lladdr} to {address}; that hardware address is that of {node}, which does not have {address}",
            effect: "pods on {node} are not reached from here",
            advice: "let the network plugin synchronize (restart its agent), or correct the entry",
        },
    ),
    (
        "vxlan-fdb-missing",
        Texts {
            summary: "{device} in {namespace} has no forwarding entry for {lladdr}, the hardware address of {node} that its neighbour entry for {address} leads to; it neither floods nor learns",
            effect: "pods on {node} are not reached from here",
            advice: "let the network plugin synchronize (restart its agent), or add the entry",
        },
    ),
];

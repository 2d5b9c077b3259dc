//! Devices and bridges.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "link-no-carrier",
        Texts {
            summary: "{device} in {namespace} is up and has no carrier",
            effect: "what leaves by {device} is lost, and its neighbours do not answer",
            advice: "see what is at the other end: a cable, or a device that is gone or down",
        },
    ),
    (
        "duplicate-mac",
        Texts {
            summary: "{device} in {namespace} has the hardware address {mac}, which {other} on the same segment has, too",
            effect: "frames for either go to whoever sent last: both lose connections now and then, or for good",
            advice: "give one of them an address of its own, and see what copied it (a cloned machine, a fixed address in a template)",
        },
    ),
    (
        "mtu-differs",
        Texts {
            summary: "{device} in {namespace} takes packets of up to {mtu} bytes, its other end {peer} in {other} sends up to {larger}",
            effect: "packets of {peer} above {mtu} bytes are dropped at {device}, and nobody is told",
            advice: "give both ends one MTU",
        },
    ),
    (
        "bridge-port-detached",
        Texts {
            summary: "{device} in {namespace} leads to {pod} and is in no bridge; the links of its neighbours are in {bridge}",
            effect: "{pod} reaches nobody, and nobody reaches it",
            advice: "find out why the network plugin did not attach it, or who took it off",
        },
    ),
    (
        "bridge-port-state",
        Texts {
            summary: "{device} in {namespace} is up and its state in {bridge} is {value}, while no spanning tree runs",
            effect: "what comes in by {device} or should leave by it is dropped",
            advice: "find out who set the state",
        },
    ),
    (
        "bridge-port-no-flood",
        Texts {
            summary: "{device} in {namespace} takes no unknown unicast from {bridge}, does not learn, and no entry leads to who is behind it",
            effect: "frames for who is behind {device} do not get there, although it answers ARP",
            advice: "flood or learning on, or a static entry: bridge fdb add MAC dev {device} master static",
        },
    ),
];

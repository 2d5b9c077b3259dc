//! Bridge ports that do not take a frame.

use plumb_model::{Action, Change, Mac};
use plumb_trace::event::PortRefusal;
use plumb_trace::state::NsIndex;

use super::{Case, Suspect, links};
use crate::finding::{Finding, Shown, ShownWhat};
use crate::place;
use crate::report::Layer;

/// The ports that kept a frame from its receiver; the one with the receiver behind it first.
pub(super) fn no_port(
    case: &Case,
    ns: NsIndex,
    bridge: u32,
    from: Option<u32>,
    lladdr: Mac,
    refused: &[(u32, PortRefusal)],
) -> Vec<Suspect> {
    let behind = |port: u32| {
        let n = case.net.namespace(ns);
        let peer = n.link(port).and_then(|l| l.peer);
        peer.and_then(|p| {
            Some(case.net.namespace(case.net.index_of(p.namespace)?).link(p.index)?.mac == Some(lladdr))
        })
        .unwrap_or(false)
    };
    let mut ports = refused.to_vec();
    ports.sort_by_key(|(p, _)| !behind(*p));
    ports
        .into_iter()
        .filter_map(|(port, why)| refused_at(case, ns, bridge, from, port, why, lladdr))
        .collect()
}

/// A port that does not take what comes in by it.
pub(super) fn refused(case: &Case, ns: NsIndex, port: u32, from: u32, why: PortRefusal) -> Option<Suspect> {
    let bridge = case.net.namespace(ns).link(port)?.master?;
    refused_at(case, ns, bridge, Some(from), port, why, Mac::default())
}

fn refused_at(
    case: &Case,
    ns: NsIndex,
    bridge: u32,
    from: Option<u32>,
    port: u32,
    why: PortRefusal,
    lladdr: Mac,
) -> Option<Suspect> {
    let namespace = case.name(ns);
    let device = case.net.device_name(ns, port);
    let bridge = case.net.device_name(ns, bridge);
    let set = |attribute: &str, value: &str| -> Vec<Change> {
        let action = Action::SetBridgePort {
            device: device.clone(),
            attribute: attribute.to_owned(),
            value: value.to_owned(),
        };
        vec![case.change(ns, action)]
    };
    let (finding, attribute, value, cure) = match why {
        PortRefusal::NoFlood => (
            Finding::PortNoFlood { namespace, bridge, device: device.clone(), lladdr: lladdr.to_string() },
            "flood",
            "off".to_owned(),
            set("flood", "on"),
        ),
        PortRefusal::NoBroadcast => {
            let attribute = if lladdr == Mac::BROADCAST { "bcast_flood" } else { "mcast_flood" };
            (
                Finding::PortNoBroadcast {
                    namespace,
                    bridge,
                    device: device.clone(),
                    attribute: attribute.to_owned(),
                },
                attribute,
                "off".to_owned(),
                set(attribute, "on"),
            )
        }
        PortRefusal::Isolated => (
            Finding::PortIsolated {
                namespace,
                bridge,
                device: device.clone(),
                from: from.map_or_else(String::new, |f| case.net.device_name(ns, f)),
            },
            "isolated",
            "on".to_owned(),
            set("isolated", "off"),
        ),
        PortRefusal::NoHairpin => (
            Finding::PortNoHairpin { namespace, bridge, device: device.clone() },
            "hairpin",
            "off".to_owned(),
            set("hairpin", "on"),
        ),
        PortRefusal::State(state) => {
            let word = ["disabled", "listening", "learning", "forwarding", "blocking"]
                .get(usize::from(state))
                .map_or_else(|| state.to_string(), |w| (*w).to_owned());
            if case.net.namespace(ns).link(port).is_some_and(|l| !l.is_up()) {
                return Some(links::down(case, ns, port));
            }
            (
                Finding::PortState { namespace, bridge, device: device.clone(), state: word.clone() },
                "state",
                word,
                set("state", "3"),
            )
        }
        PortRefusal::Down => return Some(links::down(case, ns, port)),
        PortRefusal::Locked => (
            Finding::PortState { namespace, bridge, device: device.clone(), state: "locked".to_owned() },
            "locked",
            "on".to_owned(),
            set("locked", "off"),
        ),
        _ => return None,
    };
    let place = place::port(case.net, ns, port, attribute, &value);
    let right = match (attribute, value.as_str()) {
        ("state", _) => "forwarding",
        (_, "off") => "on",
        _ => "off",
    };
    let read_with = case.command(ns, &format!("bridge -d link show dev {device}"));
    let shown = Shown::new(
        ShownWhat::PortSetting,
        format!("{attribute} {value}"),
        format!("{attribute} {right}"),
        read_with,
    );
    Some(Suspect::new(finding, place, Layer::Bridge, vec![cure]).show([shown]))
}

//! Bridges whose choice of a port may not last: two devices behind them have one hardware address, and each frame that
//! either sends moves the entry (`br_fdb_update`).

use plumb_model::{FdbEntry, Mac};
use plumb_trace::Network;
use plumb_trace::event::{BridgeHow, Event};
use plumb_trace::session::Attempt;
use plumb_trace::state::NsIndex;

use crate::messages::{self, Copies, Lang};
use crate::report::Assumption;

/// A device behind a bridge's port.
struct Behind {
    namespace: String,
    device: String,
    mac: Mac,
}

/// What is assumed of bridges on the way that know an address by what they learnt, where two devices have it.
pub(super) fn assumed(net: &Network, a: &Attempt, lang: Lang) -> Vec<Assumption> {
    let exchanges = a.branches.iter().flat_map(|b| b.packets.iter().chain(&b.payload));
    let ends = exchanges.flat_map(|e| std::iter::once(&e.request).chain(e.response.iter().map(|r| &r.end)));
    let mut chosen: Vec<(NsIndex, u32, u32)> = ends
        .flat_map(|end| end.state.history.events())
        .filter_map(|e| match e {
            Event::Bridge { ns, bridge, to: Some(port), how: BridgeHow::Fdb | BridgeHow::Learnt, .. } => {
                Some((*ns, *bridge, *port))
            }
            _ => None,
        })
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().filter_map(|(ns, bridge, port)| of(net, ns, bridge, port, lang)).collect()
}

fn of(net: &Network, ns: NsIndex, bridge: u32, port: u32, lang: Lang) -> Option<Assumption> {
    let meant = behind(net, ns, port)?;
    let n = net.namespace(ns);
    let stays = |e: &FdbEntry| e.index == port && e.lladdr == meant.mac && e.flags & FdbEntry::STICKY != 0;
    if n.fdb.items().iter().any(stays) {
        return None;
    }
    let ports = n.links.items().iter().filter(|l| l.master == Some(bridge) && l.index != port);
    let (other, copy) = ports
        .filter_map(|l| Some((l, behind(net, ns, l.index)?)))
        .find(|(_, behind)| behind.mac == meant.mac)?;
    let bridge = net.device_name(ns, bridge);
    Some(messages::copies(
        lang,
        &Copies {
            namespace: &n.name,
            shown_by: &n.command(&format!("bridge fdb show br {bridge}")),
            bridge: &bridge,
            port: &net.device_name(ns, port),
            mac: &meant.mac.to_string(),
            other_port: &other.name,
            copy: (&copy.namespace, &copy.device),
        },
    ))
}

/// The device at the other end of a port, where it can send.
fn behind(net: &Network, ns: NsIndex, port: u32) -> Option<Behind> {
    let peer = net.namespace(ns).link(port)?.peer?;
    let n = net.namespace(net.index_of(peer.namespace)?);
    let link = n.link(peer.index).filter(|l| l.is_up())?;
    Some(Behind { namespace: n.name.clone(), device: link.name.clone(), mac: link.mac? })
}

#[cfg(test)]
mod tests {
    use plumb_model::{Host, Link, Namespace, NamespaceId, NeighbourState, Peer, Read, Snapshot};

    use super::*;

    const NODE: NamespaceId = NamespaceId(1);
    const BRIDGE: u32 = 1;
    /// Its first port.
    const PORT: u32 = 2;

    fn link(index: u32, name: &str, mac: u8, peer: (NamespaceId, u32)) -> Link {
        Link {
            index,
            name: name.to_owned(),
            kind: "veth".to_owned(),
            mac: Some(Mac([2, 0, 0, 0, 0, mac])),
            flags: Link::UP,
            peer: Some(Peer { namespace: peer.0, index: peer.1 }),
            ..Link::default()
        }
    }

    /// Two pods at a bridge, with hardware addresses that end so.
    fn bridged(macs: [u8; 2]) -> Snapshot {
        let mut node = Namespace::empty(NODE, "node");
        let mut links = vec![Link { index: BRIDGE, name: "br0".to_owned(), ..Link::default() }];
        let mut pods = Vec::new();
        for (port, mac) in (PORT..).zip(macs) {
            let id = NamespaceId(u64::from(port));
            let mut pod = Namespace::empty(id, &format!("pod{port}"));
            pod.links = Read::Got(vec![link(9, "eth0", mac, (NODE, port))]);
            links.push(Link { master: Some(BRIDGE), ..link(port, &format!("v{port}"), 100, (id, 9)) });
            pods.push(pod);
        }
        node.links = Read::Got(links);
        Snapshot {
            version: Snapshot::VERSION,
            taken_at: 0,
            host: Host::default(),
            namespaces: std::iter::once(node).chain(pods).collect(),
            gaps: Vec::new(),
            redacted: false,
        }
    }

    fn told(snapshot: &Snapshot) -> Option<Assumption> {
        of(&Network::compile(snapshot), 0, BRIDGE, PORT, Lang::En)
    }

    #[test]
    fn a_copy_at_another_port_may_move_the_entry() {
        assert_eq!(told(&bridged([7, 8])), None);
        let mut twice = bridged([7, 7]);
        let what = told(&twice).map(|a| a.what);
        assert_eq!(what.as_deref(), Some("br0 of node goes on sending what is for 02:00:00:00:00:07 by v2"));
        twice.namespaces[0].fdb = Read::Got(vec![FdbEntry {
            index: PORT,
            master: Some(BRIDGE),
            lladdr: Mac([2, 0, 0, 0, 0, 7]),
            vlan: None,
            state: NeighbourState(0x40),
            flags: FdbEntry::STICKY,
            dst: None,
            vni: None,
            port: None,
        }]);
        assert_eq!(told(&twice), None);
    }
}

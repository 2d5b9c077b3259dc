//! A frame on its way over links, until it reaches a device that hands it to IP (`dev_queue_xmit`, `veth_xmit`,
//! `__netif_receive_skb_core`).

use plumb_model::{Link, Mac};
use plumb_nft::Hook;
use smallvec::SmallVec;

use super::layer2::Ends;
use super::mtu::exceeds;
use super::{MAX_DEPTH, Walker};
use crate::event::{Event, Stop, Unknown};
use crate::machine::Path;
use crate::packet::{PacketType, Tracking};
use crate::state::{NsIndex, State};

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// IP: rules of the IP hooks may see it on a bridge.
    Ip,
    /// ARP.
    Arp,
}

/// A frame that came to a device with IP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) ns: NsIndex,
    pub(crate) device: u32,
    /// Bridge port that it came in by.
    pub(crate) physin: Option<u32>,
    /// The prerouting hook has seen it already, on a bridge.
    pub(crate) prerouted: bool,
    pub(crate) depth: u32,
}

/// Where the copies of a frame ended.
pub(crate) type Arrivals = SmallVec<[(State, Result<Arrived, Stop>); 1]>;

/// Parents of filters (include/uapi/linux/pkt_sched.h): ingress qdisc, clsact ingress and egress.
const INGRESS: [u32; 2] = [0xffff_0000, 0xffff_fff2];
const EGRESS: u32 = 0xffff_fff3;

impl Walker<'_, '_> {
    /// Sends a frame out of a device.
    pub(super) fn carry(
        &self,
        ns: NsIndex,
        device: u32,
        frame: Frame,
        mut s: State,
        depth: u32,
        out: &mut Arrivals,
    ) {
        let Some(link) = self.net.link(ns, device) else {
            let what = format!("device {device}, which is not in the snapshot");
            return out.push((s, Err(Stop::Unmodelled { ns, what })));
        };
        if depth > MAX_DEPTH {
            let what = "a loop of bridges".to_owned();
            return out.push((s, Err(Stop::Unmodelled { ns, what })));
        }
        if !link.is_up() {
            return out.push((s, Err(Stop::LinkDown { ns, device })));
        }
        self.note(&mut s, || Event::Leaves { ns, device });
        let ends = Ends { iif: None, oif: Some(device) };
        for mut s in self.layer2(ns, Path::Netdev(device), Hook::Egress, ends, s, out) {
            self.filters(ns, link, &[EGRESS], "egress", &mut s);
            self.across(ns, link, frame, s, depth, out);
        }
    }

    /// Over the link, by the kind of the device.
    fn across(&self, ns: NsIndex, link: &Link, frame: Frame, mut s: State, depth: u32, out: &mut Arrivals) {
        let device = link.index;
        match link.kind.as_str() {
            "bridge" => self.bridge_from_host(ns, link, frame, s, depth + 1, out),
            "veth" => {
                let peer = link.peer.and_then(|p| self.net.peer(p));
                match peer {
                    Some((peer_ns, peer))
                        if peer.is_up() && frame == Frame::Ip && exceeds(&s.packet, peer.mtu) =>
                    {
                        let at_sender = s.packet.owner.is_some() && link.port.is_none();
                        let (ns, device, mtu) = (peer_ns, peer.index, peer.mtu);
                        out.push((s, Err(Stop::FrameTooBig { ns, device, mtu, at_sender })));
                    }
                    Some((peer_ns, peer)) if peer.is_up() => {
                        scrub(&mut s, ns != peer_ns);
                        self.frame_in(peer_ns, peer, frame, s, depth + 1, out);
                    }
                    Some(_) => out.push((s, Err(Stop::NoCarrier { ns, device }))),
                    None if link.carrier == Some(false) => out.push((s, Err(Stop::NoCarrier { ns, device }))),
                    None => out.push((s, Err(Stop::LeavesSnapshot { ns, device }))),
                }
            }
            "" if link.carrier == Some(false) => out.push((s, Err(Stop::NoCarrier { ns, device }))),
            "" => out.push((s, Err(Stop::LeavesSnapshot { ns, device }))),
            kind => {
                let what = format!("device {} of kind {kind}", link.name);
                out.push((s, Err(Stop::Unmodelled { ns, what })));
            }
        }
    }

    /// A frame comes in by a device.
    fn frame_in(&self, ns: NsIndex, link: &Link, frame: Frame, mut s: State, depth: u32, out: &mut Arrivals) {
        let device = link.index;
        self.note(&mut s, || Event::Enters { ns, device });
        s.packet.packet_type = packet_type(s.packet.eth_dst, link.mac);
        if let Some(id) = link.xdp {
            let what = format!("XDP program {id} on {}", link.name);
            self.assume(&mut s, Unknown { ns, rule: None, device: Some(device), what });
        }
        self.filters(ns, link, &INGRESS, "ingress", &mut s);
        let ends = Ends { iif: Some(device), oif: None };
        for s in self.layer2(ns, Path::Netdev(device), Hook::Ingress, ends, s, out) {
            self.taken(ns, link, frame, s, depth, out);
        }
    }

    /// The device hands a frame to its bridge, to a device stacked on it, or to IP.
    fn taken(&self, ns: NsIndex, link: &Link, frame: Frame, s: State, depth: u32, out: &mut Arrivals) {
        let device = link.index;
        self.children(ns, link, &s, out);
        match (link.master, &link.port) {
            (Some(bridge), Some(port)) => self.bridge_in(ns, bridge, link, port, frame, s, depth, out),
            (Some(master), None) => {
                let what =
                    format!("device {}, which belongs to {}", link.name, self.net.device_name(ns, master));
                out.push((s, Err(Stop::Unmodelled { ns, what })));
            }
            _ => out.push((s, Ok(Arrived { ns, device, physin: None, prerouted: false, depth }))),
        }
    }

    /// Devices stacked on this one take frames of their own address and copies of broadcasts; where that leads is not
    /// modelled.
    fn children(&self, ns: NsIndex, link: &Link, s: &State, out: &mut Arrivals) {
        for &(child_ns, child) in self.net.ns[ns].children.get(&link.index).into_iter().flatten() {
            let Some(child) = self.net.link(child_ns, child) else { continue };
            let group = s.packet.eth_dst.is_none_or(|m| m.is_multicast());
            if group || s.packet.eth_dst == child.mac {
                let what = format!("device {} of kind {} on {}", child.name, child.kind, link.name);
                out.push((s.clone(), Err(Stop::Unmodelled { ns: child_ns, what })));
            }
        }
    }

    /// Filters of tc at a device: what they decide is not known.
    fn filters(&self, ns: NsIndex, link: &Link, parents: &[u32], side: &str, s: &mut State) {
        let n = self.net.namespace(ns);
        for f in n.filters.items().iter().filter(|f| f.index == link.index && parents.contains(&f.parent)) {
            let what = format!("tc filter {} (priority {}) on {} {side}", f.kind, f.priority, link.name);
            self.assume(s, Unknown { ns, rule: None, device: Some(link.index), what });
        }
    }
}

pub(super) fn packet_type(dst: Option<Mac>, own: Option<Mac>) -> PacketType {
    match dst {
        None => PacketType::Host,
        Some(Mac::BROADCAST) => PacketType::Broadcast,
        Some(m) if m.is_multicast() => PacketType::Multicast,
        Some(m) if Some(m) == own => PacketType::Host,
        Some(_) => PacketType::OtherHost,
    }
}

/// `skb_scrub_packet`: the tracker's mark always goes, the rest when the packet changes its namespace.
fn scrub(s: &mut State, other_namespace: bool) {
    s.packet.tracking = Tracking::None;
    s.packet.zone = None;
    s.packet.priority = 0;
    s.packet.owner = None;
    s.packet.socket = None;
    if other_namespace {
        s.packet.mark = 0;
    }
}

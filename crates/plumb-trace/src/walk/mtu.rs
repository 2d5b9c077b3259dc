//! How large a packet may be on its way, and the pieces that larger ones are cut into (net/ipv4/route.c, ip_forward.c,
//! ip_output.c; net/ipv6/route.c, ip6_output.c).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol};

use super::{At, End, Goal, Out, Walker};
use crate::event::{Event, Stop};
use crate::network::Network;
use crate::packet::{Fragment, Packet};
use crate::routing::OutputRoute;
use crate::state::{NsIndex, State, World};

/// `RTAX_LOCK`, `RTAX_MTU`, `RTAX_ADVMSS`
const RTAX_LOCK: u16 = 1;
const RTAX_MTU: u16 = 2;
const RTAX_ADVMSS: u16 = 8;
/// `IP_MAX_MTU`, `IP6_MAX_MTU`
const MAX_MTU: [u32; 2] = [0xfff0, 0xffff + 40];
/// `IPV6_MIN_MTU` (RFC 8200, 5)
const MIN_MTU_V6: u32 = 1280;
/// What a veth or bridge lets pass beyond a device's MTU: room for a VLAN tag (`__is_skb_forwardable`).
const VLAN_TAG: u32 = 4;
/// Bytes of an IPv6 fragment header.
const FRAGMENT_HEADER: u16 = 8;

/// An MTU, and whether it is locked: then packets are sent without DF, and no ICMP changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mtu {
    pub(crate) value: u32,
    pub(crate) locked: bool,
}

/// A smaller MTU that a namespace has learnt for a destination: `struct fib_nh_exception`, `struct rt6_exception`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathMtu {
    /// Namespace.
    pub(crate) ns: NsIndex,
    /// Destination.
    pub(crate) dst: IpAddr,
    /// MTU.
    pub(crate) mtu: u32,
    /// It is below `net.ipv4.route.min_pmtu`: packets are sent without DF.
    pub(crate) locked: bool,
}

/// Bytes of an IP header without options.
pub(crate) fn header(family: IpFamily) -> u16 {
    match family {
        IpFamily::V4 => 20,
        IpFamily::V6 => 40,
    }
}

impl Network<'_> {
    fn metric(&self, ns: NsIndex, way: &OutputRoute, number: u16) -> Option<u32> {
        let route = self.namespace(ns).routes.items().get(way.route.route)?;
        route.metrics.get(&number).copied().filter(|v| *v != 0)
    }

    fn device_mtu(&self, ns: NsIndex, device: u32, family: IpFamily) -> u32 {
        let link = self.link(ns, device);
        let own = link.map_or(0, |l| l.mtu);
        let (IpFamily::V6, Some(link)) = (family, link) else { return own };
        // A router's advertisement may have set less (`cnf.mtu6`).
        let name = format!("net.ipv6.conf.{}.mtu", link.name);
        let six = self.namespace(ns).sysctls.number(&name).and_then(|n| u32::try_from(n).ok());
        six.filter(|n| *n > 0 && *n < own).unwrap_or(own)
    }

    /// MTU of a way for a packet that is made here (`ipv4_mtu`, `ip6_mtu`).
    pub(crate) fn path_mtu(&self, ns: NsIndex, way: &OutputRoute, dst: IpAddr, world: &World) -> Mtu {
        let family = IpFamily::of(dst);
        let most = MAX_MTU[crate::network::family_index(family)];
        let lock = self.metric(ns, way, RTAX_LOCK).is_some_and(|l| l & (1 << RTAX_MTU) != 0);
        let learnt = world.path_mtus.iter().find(|p| p.ns == ns && p.dst == dst);
        if let Some(p) = learnt.filter(|_| !lock) {
            return Mtu { value: p.mtu.min(most), locked: p.locked };
        }
        let known = self.namespace(ns).path_mtus.iter();
        let mut known = known.filter(|p| p.dst == dst && p.oif.is_none_or(|d| d == way.device));
        if let Some(p) = known.next().filter(|_| !lock) {
            return Mtu { value: p.mtu.min(most), locked: p.locked };
        }
        let route = self.metric(ns, way, RTAX_MTU);
        let value = route.unwrap_or_else(|| self.device_mtu(ns, way.device, family));
        Mtu { value: value.min(most), locked: lock }
    }

    /// MTU of a way for a packet that is carried on (`ip_dst_mtu_maybe_forward`, `ip6_dst_mtu_maybe_forward`): IPv6 asks
    /// the device alone, unless the route's is locked.
    pub(crate) fn forward_mtu(&self, ns: NsIndex, way: &OutputRoute, family: IpFamily) -> u32 {
        let device = self.device_mtu(ns, way.device, family);
        let lock = self.metric(ns, way, RTAX_LOCK).is_some_and(|l| l & (1 << RTAX_MTU) != 0);
        let route = self.metric(ns, way, RTAX_MTU);
        match family {
            IpFamily::V4 => route.unwrap_or(device).min(MAX_MTU[0]),
            IpFamily::V6 => route.filter(|_| lock).unwrap_or(device).clamp(MIN_MTU_V6, MAX_MTU[1]),
        }
    }

    /// Maximum segment size that a machine offers to the other end of a way (`ipv4_default_advmss`,
    /// `ip6_default_advmss`).
    pub(crate) fn offered_mss(&self, ns: NsIndex, way: &OutputRoute, dst: IpAddr, world: &World) -> u16 {
        let family = IpFamily::of(dst);
        let mss = self.metric(ns, way, RTAX_ADVMSS).unwrap_or_else(|| {
            let headers = u32::from(header(family)) + 20;
            let sysctls = &self.namespace(ns).sysctls;
            let (name, default) = match family {
                IpFamily::V4 => ("net.ipv4.route.min_adv_mss", 256),
                IpFamily::V6 => ("net.ipv6.route.min_adv_mss", 1220),
            };
            let least = sysctls.number(name).and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
            let mtu = self.path_mtu(ns, way, dst, world).value;
            mtu.saturating_sub(headers).max(least).min(65535 - headers)
        });
        u16::try_from(mss).unwrap_or(u16::MAX)
    }

    /// Takes over the MTU that an ICMP error tells of (`__ip_rt_update_pmtu`, `__ip6_rt_update_pmtu`). `false`: nothing
    /// changes.
    pub(crate) fn learn_mtu(
        &self,
        ns: NsIndex,
        way: &OutputRoute,
        dst: IpAddr,
        told: u32,
        world: &mut World,
    ) -> bool {
        let old = self.path_mtu(ns, way, dst, world);
        let family = IpFamily::of(dst);
        if old.locked || old.value < told {
            return false;
        }
        let (mtu, locked) = match family {
            IpFamily::V4 => {
                let least = self.namespace(ns).sysctls.number("net.ipv4.route.min_pmtu");
                let least = least.and_then(|n| u32::try_from(n).ok()).unwrap_or(552);
                if told < least { (old.value.min(least), true) } else { (told, false) }
            }
            IpFamily::V6 => (told.max(MIN_MTU_V6), false),
        };
        if mtu >= old.value && !locked {
            return false;
        }
        world.path_mtus.retain(|p| !(p.ns == ns && p.dst == dst));
        world.path_mtus.push(PathMtu { ns, dst, mtu, locked });
        true
    }
}

/// Whether a link's far end, or a bridge's port, drops a frame for its length (`__is_skb_forwardable`). What stands for
/// several segments passes whole.
pub(super) fn exceeds(p: &Packet, mtu: u32) -> bool {
    mtu != 0 && !p.sizing.segmented && u32::from(p.len) > mtu + VLAN_TAG
}

/// The same where no room is left for the tag of a VLAN.
pub(super) fn exceeds_strictly(p: &Packet, mtu: u32) -> bool {
    mtu != 0 && !p.sizing.segmented && u32::from(p.len) > mtu
}

/// What becomes of a packet at the IP layer of the device that it leaves by.
enum Fits {
    Yes,
    Cut(u32),
    No,
}

/// `ip_finish_output`, `ip6_finish_output`
fn fits(p: &Packet, mtu: u32, made_here: bool) -> Fits {
    let whole = u32::from(p.len) <= mtu;
    let largest = u32::from(p.sizing.largest_fragment);
    match p.family {
        // What was put together goes out in pieces no larger than those it came in.
        _ if largest != 0 && largest < u32::from(p.len) => Fits::Cut(mtu.min(largest)),
        _ if whole => Fits::Yes,
        IpFamily::V4 if p.sizing.dont_fragment == Some(false) => Fits::Cut(mtu),
        IpFamily::V6 if made_here && p.sizing.discovers && p.protocol != Protocol::TCP => Fits::Cut(mtu),
        _ => Fits::No,
    }
}

/// The pieces of a packet that a walk follows: rules can tell the first and the last from those between, and these by
/// nothing that a walk knows.
fn pieces(p: &Packet, mtu: u32) -> Vec<Packet> {
    let head = header(p.family);
    let extra = if p.family == IpFamily::V6 && p.sizing.fragment.is_none() { FRAGMENT_HEADER } else { 0 };
    let room = u16::try_from(mtu).unwrap_or(u16::MAX).saturating_sub(head + extra) & !7;
    let data = p.len.saturating_sub(head);
    if room == 0 {
        return vec![p.clone()];
    }
    let of = p.sizing.fragment;
    let base = of.map_or(0, |f| f.offset);
    let last = (data.saturating_sub(1) / room) * room;
    let mut offsets = vec![0];
    if last > room {
        offsets.push(room);
    }
    if last > 0 {
        offsets.push(last);
    }
    let count = offsets.len();
    let piece = |(i, offset): (usize, u16)| {
        let is_last = i + 1 == count;
        let mut piece = p.clone();
        piece.len = head + extra + if is_last { data - last } else { room };
        piece.sizing.largest_fragment = head + extra + room;
        piece.sizing.fragment = Some(Fragment {
            offset: base + offset,
            more: !is_last || of.is_some_and(|f| f.more),
            whole: of.map_or(p.len, |f| f.whole),
            completes: is_last && of.is_none_or(|f| f.completes),
        });
        piece
    };
    offsets.into_iter().enumerate().map(piece).collect()
}

/// Puts a packet together where its last piece arrives; `false`: it waits for the others (`ip_defrag`,
/// `nf_ct_frag6_gather`).
pub(super) fn put_together(p: &mut Packet) -> bool {
    let Some(f) = p.sizing.fragment else { return true };
    if !f.completes {
        return false;
    }
    p.len = f.whole;
    p.sizing.fragment = None;
    true
}

impl Walker<'_, '_> {
    /// A packet that is larger than the way on takes: said to its sender, before rules of the forward hook see it
    /// (`ip_exceeds_mtu`, `ip6_pkt_too_big`).
    pub(super) fn too_big_to_forward(&self, ns: NsIndex, way: &OutputRoute, p: &Packet) -> Option<Stop> {
        let mtu = self.net.forward_mtu(ns, way, p.family);
        let too_big = match p.family {
            IpFamily::V4 => u32::from(p.len) > mtu && p.sizing.dont_fragment != Some(false),
            IpFamily::V6 if p.sizing.fragment.is_none() && p.sizing.largest_fragment != 0 => {
                u32::from(p.sizing.largest_fragment) > mtu
            }
            IpFamily::V6 => u32::from(p.len) > mtu,
        };
        (too_big && mtu != 0).then_some(Stop::TooBig { ns, device: way.device, mtu })
    }

    /// Hands a packet to the link, in pieces where it is too large and may be cut.
    pub(super) fn transmit(&self, at: At, out: Out, s: State, goal: &Goal, ends: &mut Vec<End>) {
        if out.mtu == 0 {
            return self.transmit_whole(at, out, s, goal, ends);
        }
        match fits(&s.packet, out.mtu, out.made_here) {
            Fits::Yes => self.transmit_whole(at, out, s, goal, ends),
            Fits::No => {
                let stop = Stop::TooBig { ns: at.ns, device: out.device, mtu: out.mtu };
                ends.push(End { state: s, stop });
            }
            Fits::Cut(mtu) => self.transmit_pieces(at, out, s, mtu, goal, ends),
        }
    }

    /// One piece after the other: those that wait somewhere let the next one set out, the last one goes on as the whole.
    fn transmit_pieces(&self, at: At, out: Out, s: State, mtu: u32, goal: &Goal, ends: &mut Vec<End>) {
        let pieces = pieces(&s.packet, mtu);
        let count = pieces.len();
        let history = s.history.clone();
        let mut open = vec![s];
        for (i, piece) in pieces.into_iter().enumerate() {
            let mut next = Vec::new();
            for s in open {
                let s = State { packet: piece.clone(), history: history.clone(), ..s };
                if i + 1 == count {
                    self.transmit_whole(at, out, s, goal, ends);
                    continue;
                }
                let mut here = Vec::new();
                self.transmit_whole(at, out, s, goal, &mut here);
                for end in here {
                    match end.stop {
                        Stop::FragmentWaits { .. } => next.push(end.state),
                        stop => ends.push(End { state: end.state, stop }),
                    }
                }
            }
            open = next;
        }
    }

    /// What a sender decides of a packet's size once its route is known.
    pub(super) fn size(&self, ns: NsIndex, way: &OutputRoute, s: &mut State) {
        let dst = s.packet.dst;
        if s.packet.sizing.mss == Some(0) {
            s.packet.sizing.mss = Some(self.net.offered_mss(ns, way, dst, &s.world));
        }
        let mtu = self.net.path_mtu(ns, way, dst, &s.world);
        if let Some(data) = s.packet.sizing.data.take() {
            data.fill(&mut s.packet, mtu.value);
        }
        if !s.packet.sizing.discovers {
            return;
        }
        if s.packet.family == IpFamily::V4 {
            self.may_fragment(ns, mtu, s);
        }
        let (len, sizing) = (s.packet.len, s.packet.sizing);
        let (dont_fragment, mss) = (sizing.dont_fragment, sizing.mss);
        self.note(s, || Event::Sized { ns, len, dont_fragment, mss });
    }

    /// `ip_dont_fragment`; a socket has it from the sysctl of its own time (`inet_create`).
    fn may_fragment(&self, ns: NsIndex, mtu: Mtu, s: &mut State) {
        let off = self.net.namespace(ns).sysctls.number("net.ipv4.ip_no_pmtu_disc").unwrap_or(0) != 0;
        let fits = u32::from(s.packet.len) <= mtu.value || s.packet.protocol == Protocol::TCP;
        s.packet.sizing.dont_fragment = Some(fits && !off && !mtu.locked);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::packet::Stream;
    use crate::session::blank;

    fn datagram(dst: &str, len: u16) -> Packet {
        let dst: IpAddr = dst.parse().unwrap();
        let mut p = blank(IpFamily::of(dst).unspecified(), dst, Protocol::UDP, 64);
        p.len = len;
        p.sizing.discovers = true;
        p
    }

    fn cut(p: &Packet, mtu: u32) -> Vec<(u16, u16, bool, bool)> {
        let of = |p: &Packet| {
            let f = p.sizing.fragment.unwrap();
            (p.len, f.offset, f.more, f.completes)
        };
        pieces(p, mtu).iter().map(of).collect()
    }

    #[test]
    fn a_datagram_is_cut_at_multiples_of_eight() {
        // 4000 bytes of payload, as tcpdump shows them: 1500, 1500, 1068; IPv6 1496, 1496, 1160.
        let v4 = cut(&datagram("10.0.0.1", 4028), 1500);
        assert_eq!(v4, [(1500, 0, true, false), (1500, 1480, true, false), (1068, 2960, false, true)]);
        let v6 = cut(&datagram("fd00::1", 4048), 1500);
        assert_eq!(v6, [(1496, 0, true, false), (1496, 1448, true, false), (1160, 2896, false, true)]);
    }

    #[test]
    fn a_piece_is_cut_again_and_only_the_last_completes() {
        let first = pieces(&datagram("10.0.0.1", 3000), 1500).remove(0);
        assert_eq!(cut(&first, 1000), [(996, 0, true, false), (524, 976, true, false)]);
        let last = pieces(&datagram("10.0.0.1", 3000), 1500).pop().unwrap();
        assert_eq!(cut(&last, 1400).last(), Some(&(40, 2960, false, true)));
    }

    #[test]
    fn what_was_put_together_goes_out_no_larger_than_it_came() {
        let mut last = pieces(&datagram("10.0.0.1", 3000), 1300).pop().unwrap();
        assert!(put_together(&mut last));
        assert_eq!((last.len, last.sizing.largest_fragment), (3000, 1300));
        assert!(matches!(fits(&last, 9000, false), Fits::Cut(1300)));
    }

    #[test]
    fn segments_are_full_up_to_what_the_other_end_offers() {
        let stream = Stream { payload: 1449, peer_mss: 1460, options: 12, most: None };
        let size = |s: Stream, mtu| {
            let mut p = datagram("10.0.0.1", 0);
            s.fill(&mut p, mtu);
            (p.len, p.sizing.segmented)
        };
        assert_eq!(size(stream, 1500), (1500, true));
        assert_eq!(size(Stream { payload: 1448, ..stream }, 1500), (1500, false));
        assert_eq!(size(stream, 1300), (1300, true));
        assert_eq!(size(Stream { peer_mss: 1260, ..stream }, 1500), (1300, true));
        assert_eq!(size(Stream { most: Some(1076), ..stream }, 1500), (1076, true));
        assert_eq!(size(Stream { payload: 16, ..stream }, 1500), (68, false));
    }

    #[test]
    fn a_link_has_room_for_a_tag() {
        let mut p = datagram("10.0.0.1", 1404);
        assert!(!exceeds(&p, 1400));
        p.len = 1405;
        assert!(exceeds(&p, 1400));
        p.sizing.segmented = true;
        assert!(!exceeds(&p, 1400));
    }
}

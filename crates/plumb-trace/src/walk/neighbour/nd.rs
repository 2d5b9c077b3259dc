//! Neighbour discovery, asked and answered as packets of their own (net/ipv6/ndisc.c).

use std::net::{IpAddr, Ipv6Addr};

use plumb_model::{Address, Icmp, Mac, Protocol};

use super::{Asker, plain, worse};
use crate::event::{NoAnswer, Stop};
use crate::packet::SocketOwner;
use crate::state::State;
use crate::walk::Walker;
use crate::walk::carry::{Arrivals, Arrived, Frame};

/// `ND_NEIGHBOR_SOLICIT`, `ND_NEIGHBOR_ADVERT`
const SOLICIT: u8 = 135;
const ADVERT: u8 = 136;

impl Walker<'_, '_> {
    pub(super) fn ask_nd(&self, asker: &Asker, s: &mut State) -> Result<Mac, NoAnswer> {
        let IpAddr::V6(target) = asker.target else { return Err(NoAnswer::Nobody) };
        let lost = |answer, stop| NoAnswer::Lost { answer, stop: Box::new(stop) };
        let group = solicited_node(target);
        let mut packet = plain(asker.source, group.into(), Protocol::ICMPV6);
        packet.icmp = Some(Icmp { kind: SOLICIT, code: 0, id: 0 });
        packet.nd_target = Some(asker.target);
        packet.ttl = 255;
        packet.len = 72;
        packet.owner = Some(SocketOwner::KERNEL);
        let question =
            self.question(asker, &s.world, packet).with_eth(asker.link.mac, Some(multicast_mac(group)));
        let out = self
            .own_hooks(asker.ns, asker.link.index, asker.target, question)
            .map_err(|stop| lost(false, stop))?;
        let mut arrivals = Arrivals::new();
        self.carry(asker.ns, asker.link.index, Frame::Ip, out, asker.depth + 1, &mut arrivals);
        self.learn(s, &arrivals);
        let mut reason = None;
        for (copy, arrived) in &arrivals {
            let Ok(a) = arrived else { continue };
            if (a.ns == asker.ns && a.device == asker.link.index) || !self.answers_nd(a, asker) {
                continue;
            }
            if let Err(stop) = self.in_hooks(a, copy.clone()) {
                worse(&mut reason, lost(false, stop));
                continue;
            }
            let Some(lladdr) = self.net.link(a.ns, a.device).and_then(|l| l.mac) else { continue };
            match self.nd_back(asker, a, lladdr, s) {
                Ok(()) => return Ok(lladdr),
                Err(stop) => worse(&mut reason, lost(true, stop)),
            }
        }
        Err(reason.unwrap_or_else(|| self.question_lost(asker, arrivals)))
    }

    /// Whether a machine has the address on that device (`ndisc_recv_ns`), or answers for its owner.
    fn answers_nd(&self, a: &Arrived, asker: &Asker) -> bool {
        let settings = self.net.ns[a.ns].devices.get(&a.device);
        if settings.is_some_and(|d| d.disable_ipv6.value != 0) {
            return false;
        }
        let unusable = Address::TENTATIVE | Address::DADFAILED;
        let own = self
            .net
            .namespace(a.ns)
            .addresses
            .items()
            .iter()
            .any(|x| x.index == a.device && x.prefix.addr == asker.target && x.flags & unusable == 0);
        own || settings.is_some_and(|d| d.proxy_ndp.value != 0)
            && self.net.ns[a.ns].proxies.contains_key(&(a.device, asker.target))
    }

    fn nd_back(&self, asker: &Asker, from: &Arrived, lladdr: Mac, s: &mut State) -> Result<(), Stop> {
        if let Some(mac) = asker.link.mac
            && !asker.source.is_unspecified()
            && !s
                .world
                .neighbours
                .iter()
                .any(|(n, d, a, _)| (*n, *d, *a) == (from.ns, from.device, asker.source))
        {
            s.world.neighbours.push((from.ns, from.device, asker.source, mac));
        }
        let mut packet = plain(asker.target, asker.source, Protocol::ICMPV6);
        packet.icmp = Some(Icmp { kind: ADVERT, code: 0, id: 0 });
        packet.nd_target = Some(asker.target);
        packet.ttl = 255;
        packet.len = 72;
        packet.owner = Some(SocketOwner::KERNEL);
        let answer = self.question(asker, &s.world, packet).with_eth(Some(lladdr), asker.link.mac);
        let out = self.own_hooks(from.ns, from.device, asker.source, answer)?;
        let mut arrivals = Arrivals::new();
        self.carry(from.ns, from.device, Frame::Ip, out, from.depth + 1, &mut arrivals);
        self.learn(s, &arrivals);
        let mut stop = None;
        for (copy, r) in arrivals {
            match r {
                Ok(a) if a.ns == asker.ns && a.device == asker.link.index => return self.in_hooks(&a, copy),
                Ok(_) => {}
                Err(e) => stop = stop.or(Some(e)),
            }
        }
        Err(stop.unwrap_or(Stop::LeavesSnapshot { ns: from.ns, device: from.device }))
    }
}

/// RFC 4291: ff02::1:ff00:0/104 with the last 24 bits of the address.
fn solicited_node(a: Ipv6Addr) -> Ipv6Addr {
    let low = a.to_bits() & 0xff_ffff;
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | low)
}

/// RFC 2464: 33:33 and the last four bytes.
fn multicast_mac(a: Ipv6Addr) -> Mac {
    let [.., w, x, y, z] = a.octets();
    Mac([0x33, 0x33, w, x, y, z])
}

//! The next hop's hardware address: from the table, or asked for (net/core/neighbour.c, net/ipv4/arp.c,
//! net/ipv6/ndisc.c).

use std::net::{IpAddr, Ipv6Addr};

use plumb_model::{Address, Icmp, IpFamily, Link, Mac, Protocol};
use plumb_nft::Hook;

use super::carry::{Arrivals, Arrived, Frame};
use super::layer2::Ends;
use super::{At, Out, Walker};
use crate::event::{Event, NeighbourHow, NoAnswer, PortRefusal, Stop};
use crate::packet::{Packet, PacketType, SocketOwner, Tracking};
use crate::routing::InputRoute;
use crate::share::Share;
use crate::state::{History, NsIndex, State, World};

/// `ND_NEIGHBOR_SOLICIT`, `ND_NEIGHBOR_ADVERT`
const SOLICIT: u8 = 135;
const ADVERT: u8 = 136;
/// `ARPOP_REQUEST`, `ARPOP_REPLY`
const ARP_QUESTION: u16 = 1;
const ARP_ANSWER: u16 = 2;

/// Who asks: the device and its addresses.
struct Asker<'a> {
    ns: NsIndex,
    link: &'a Link,
    /// Address that is asked for.
    target: IpAddr,
    /// Address that the answer goes to.
    source: IpAddr,
    depth: u32,
}

impl Walker<'_, '_> {
    /// The hardware address that a packet is sent to; `None` on a device that needs none.
    pub(super) fn neighbour(&self, at: At, out: Out, s: &mut State) -> Result<Option<Mac>, Stop> {
        let (ns, device, addr) = (at.ns, out.device, out.next_hop);
        let Some(link) = self.net.link(ns, device) else { return Ok(None) };
        let noted = |s: &mut State, lladdr, how| {
            self.note(s, || Event::Neighbour { ns, device, addr, lladdr, how });
            Ok(lladdr)
        };
        if link.flags & (Link::NOARP | Link::LOOPBACK) != 0 {
            return noted(s, None, NeighbourHow::NotNeeded);
        }
        let entry = self.net.ns[ns].neighbours.get(&(device, addr)).copied();
        let fixed = |i: usize| {
            let e = &self.net.namespace(ns).neighbours.items()[i];
            (e.state.0 & (plumb_model::NeighbourState::PERMANENT.0 | plumb_model::NeighbourState::NOARP.0)
                != 0)
                .then_some(e.lladdr)
                .flatten()
        };
        if let Some(i) = entry
            && let Some(lladdr) = fixed(i)
        {
            return noted(s, Some(lladdr), NeighbourHow::Entry(i));
        }
        let known =
            s.world.neighbours.iter().find(|(n, d, a, _)| (*n, *d, *a) == (ns, device, addr)).map(|k| k.3);
        if let Some(lladdr) = known {
            return noted(s, Some(lladdr), NeighbourHow::Learnt);
        }
        if let Some(i) = entry {
            let e = &self.net.namespace(ns).neighbours.items()[i];
            if let Some(lladdr) = e.lladdr.filter(|_| e.state.is_valid()) {
                return noted(s, Some(lladdr), NeighbourHow::Entry(i));
            }
        }
        let asker = Asker {
            ns,
            link,
            target: addr,
            source: self.ask_from(ns, link, &s.packet, addr),
            depth: at.depth,
        };
        let answer = match addr {
            IpAddr::V4(_) => self.ask_arp(&asker, s),
            IpAddr::V6(_) => self.ask_nd(&asker, s),
        };
        match answer {
            Ok(lladdr) => {
                s.world.neighbours.push((ns, device, addr, lladdr));
                noted(s, Some(lladdr), NeighbourHow::Resolved)
            }
            Err(why) => Err(Stop::NeighbourFailed { ns, device, addr, local: out.made_here, why }),
        }
    }

    /// Address that a question comes from (`arp_solicit`, `ndisc_solicit`).
    fn ask_from(&self, ns: NsIndex, link: &Link, p: &Packet, target: IpAddr) -> IpAddr {
        match target {
            IpAddr::V4(_) => {
                let announce = self.net.ns[ns].devices.get(&link.index).map_or(0, |d| d.arp_announce.value);
                let own = Some(p.src).filter(|a| a.is_ipv4() && self.net.is_local(ns, *a));
                let same_net =
                    |a: &IpAddr| {
                        self.net.namespace(ns).addresses.items().iter().any(|x| {
                            x.index == link.index && x.prefix.contains(*a) && x.prefix.contains(target)
                        })
                    };
                let usable = match announce {
                    0 => own,
                    1 => own.filter(same_net),
                    _ => None,
                };
                usable
                    .or_else(|| self.net.select_source4(ns, link.index, Some(target), 253))
                    .unwrap_or_else(|| IpFamily::V4.unspecified())
            }
            IpAddr::V6(_) => {
                let on_device = |a: &IpAddr| {
                    self.net
                        .namespace(ns)
                        .addresses
                        .items()
                        .iter()
                        .any(|x| x.index == link.index && x.prefix.addr == *a)
                };
                Some(p.src)
                    .filter(on_device)
                    .or_else(|| {
                        self.net.namespace(ns).addresses.items().iter().find_map(|x| match x.prefix.addr {
                            IpAddr::V6(a) if x.index == link.index && a.is_unicast_link_local() => {
                                Some(IpAddr::V6(a))
                            }
                            _ => None,
                        })
                    })
                    .unwrap_or_else(|| IpFamily::V6.unspecified())
            }
        }
    }

    /// A frame of the walk's own, in the world as the asking packet knows it.
    fn question(&self, asker: &Asker, world: &World, packet: Packet) -> State {
        State {
            share: Share::ONE,
            packet,
            world: world.clone(),
            rerouted: false,
            history: History::default(),
        }
        .with_eth(asker.link.mac, None)
    }

    fn ask_arp(&self, asker: &Asker, s: &mut State) -> Result<Mac, NoAnswer> {
        let packet = Packet { arp: Some(ARP_QUESTION), ..plain(asker.source, asker.target, Protocol(0)) };
        let question = self.question(asker, &s.world, packet).with_eth(asker.link.mac, Some(Mac::BROADCAST));
        let out = Ends { iif: None, oif: Some(asker.link.index) };
        let question = self
            .arp_hook(asker.ns, Hook::Output, out, question)
            .map_err(|stop| NoAnswer::Lost { answer: false, stop: Box::new(stop) })?;
        let mut arrivals = Arrivals::new();
        self.carry(asker.ns, asker.link.index, Frame::Arp, question, asker.depth + 1, &mut arrivals);
        self.learn(s, &arrivals);
        let mut reason = None;
        for (copy, arrived) in &arrivals {
            let Ok(a) = arrived else { continue };
            if a.ns == asker.ns && a.device == asker.link.index {
                continue;
            }
            let answer = self.arp_answer(asker, a);
            let input = Ends { iif: Some(a.device), oif: None };
            if answer.is_some() {
                match self.arp_hook(a.ns, Hook::Input, input, copy.clone()) {
                    Ok(heard) => heed(s, &heard),
                    Err(stop) => {
                        worse(&mut reason, NoAnswer::Lost { answer: false, stop: Box::new(stop) });
                        continue;
                    }
                }
            }
            match answer {
                Some(Ok(lladdr)) => match self.answer_back(asker, a, lladdr, s) {
                    Ok(()) => return Ok(lladdr),
                    Err(stop) => worse(&mut reason, NoAnswer::Lost { answer: true, stop: Box::new(stop) }),
                },
                Some(Err(why)) => worse(&mut reason, why),
                None => {}
            }
        }
        Err(reason.unwrap_or_else(|| self.question_lost(asker, arrivals)))
    }

    /// What a machine answers to a question for an address (`arp_process`); `None`: it is not its business.
    fn arp_answer(&self, asker: &Asker, a: &Arrived) -> Option<Result<Mac, NoAnswer>> {
        let (ns, device) = (a.ns, a.device);
        let link = self.net.link(ns, device)?;
        let lladdr = link.mac?;
        let settings = self.net.ns[ns].devices.get(&device)?;
        let owns = self.net.ns[ns].local.contains_key(&asker.target);
        let question = plain(asker.source, asker.target, Protocol(0));
        if link.flags & Link::NOARP != 0 {
            return None;
        }
        match self.net.route_input(ns, &question, device) {
            Ok(InputRoute::Local(_)) => {
                let ignore = &settings.arp_ignore;
                let sysctl = |e: &crate::device::Effective| {
                    Some(Err(NoAnswer::Sysctl { ns, name: e.name.clone(), value: e.text.clone() }))
                };
                if self.arp_ignored(ns, device, ignore.value, asker) {
                    return sysctl(ignore);
                }
                if settings.arp_filter.value != 0 && self.way_back(ns, asker) != Some(device) {
                    return sysctl(&settings.arp_filter);
                }
                Some(Ok(lladdr))
            }
            Ok(InputRoute::Forward(ways)) if settings.forwarding4.value != 0 => {
                let way = ways.first()?;
                let proxied = self.net.ns[ns].proxies.contains_key(&(device, asker.target));
                (way.device != device && (settings.proxy_arp.value != 0 || proxied)).then_some(Ok(lladdr))
            }
            Err(stop) if owns => Some(Err(NoAnswer::Lost { answer: true, stop: Box::new(stop) })),
            _ => None,
        }
    }

    /// `arp_ignore`
    fn arp_ignored(&self, ns: NsIndex, device: u32, mode: i64, asker: &Asker) -> bool {
        let on = |a: &&Address| a.prefix.addr == asker.target;
        let all = self.net.namespace(ns).addresses.items();
        match mode {
            1 => !all.iter().filter(on).any(|a| a.index == device),
            2 => !all.iter().filter(on).any(|a| a.index == device && a.prefix.contains(asker.source)),
            3 => !all.iter().filter(on).any(|a| a.scope <= 253),
            8 => true,
            _ => false,
        }
    }

    fn way_back(&self, ns: NsIndex, asker: &Asker) -> Option<u32> {
        let p = plain(asker.target, asker.source, Protocol(0));
        self.net.route_output(ns, &p, None).ok()?.first().map(|w| w.device)
    }

    /// The answer travels back to the asker as a frame.
    fn answer_back(&self, asker: &Asker, from: &Arrived, lladdr: Mac, s: &mut State) -> Result<(), Stop> {
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
        let packet = Packet { arp: Some(ARP_ANSWER), ..plain(asker.target, asker.source, Protocol(0)) };
        let answer = self.question(asker, &s.world, packet).with_eth(Some(lladdr), asker.link.mac);
        let out = Ends { iif: None, oif: Some(from.device) };
        let answer = self.arp_hook(from.ns, Hook::Output, out, answer)?;
        let mut arrivals = Arrivals::new();
        self.carry(from.ns, from.device, Frame::Arp, answer, from.depth + 1, &mut arrivals);
        self.learn(s, &arrivals);
        let home = |(_, r): &(State, Result<Arrived, Stop>)| matches!(r, Ok(a) if a.ns == asker.ns && a.device == asker.link.index);
        if let Some((copy, _)) = arrivals.iter().find(|a| home(a)) {
            let input = Ends { iif: Some(asker.link.index), oif: None };
            return self.arp_hook(asker.ns, Hook::Input, input, copy.clone()).map(|_| ());
        }
        Err(first_stop(arrivals).unwrap_or(Stop::LeavesSnapshot { ns: from.ns, device: from.device }))
    }

    /// Nobody who has the address heard the question: what kept it from them?
    fn question_lost(&self, asker: &Asker, arrivals: Arrivals) -> NoAnswer {
        let owner_behind = |ns: NsIndex, port: u32| {
            let peer = self.net.link(ns, port).and_then(|l| l.peer).and_then(|p| self.net.peer(p));
            peer.is_some_and(|(n, l)| {
                self.net.namespace(n).addresses.items().iter().any(|a| {
                    a.prefix.addr == asker.target
                        && (a.index == l.index
                            || l.master == Some(a.index)
                            || self.net.ns[n].local.contains_key(&asker.target))
                })
            })
        };
        let mut first = None;
        for (_, r) in arrivals {
            let Err(stop) = r else { continue };
            let relevant = match &stop {
                Stop::NoPort { ns, refused, .. } => refused.iter().any(|(p, _)| owner_behind(*ns, *p)),
                Stop::NoCarrier { ns, device } => {
                    // One of several ways of a broadcast may end dead without harm.
                    (*ns == asker.ns && *device == asker.link.index) || owner_behind(*ns, *device)
                }
                Stop::PortClosed { .. } | Stop::LinkDown { .. } => true,
                Stop::LeavesSnapshot { .. } | Stop::Unmodelled { .. } => true,
                Stop::Dropped { .. } | Stop::Rejected { .. } => true,
                _ => false,
            };
            if relevant {
                let stop = narrowed(stop, &owner_behind);
                match (&first, &stop) {
                    (None, _) => first = Some(stop),
                    (Some(Stop::LeavesSnapshot { .. } | Stop::Unmodelled { .. }), s)
                        if !matches!(s, Stop::LeavesSnapshot { .. } | Stop::Unmodelled { .. }) =>
                    {
                        first = Some(stop);
                    }
                    _ => {}
                }
            }
        }
        first.map_or(NoAnswer::Nobody, |stop| NoAnswer::Lost { answer: false, stop: Box::new(stop) })
    }

    /// What bridges learnt from a question or an answer stays learnt.
    fn learn(&self, s: &mut State, arrivals: &Arrivals) {
        for (copy, _) in arrivals {
            heed(s, copy);
            for learnt in &copy.world.learnt {
                if !s.world.learnt.contains(learnt) {
                    s.world.learnt.retain(|(n, b, m, _)| (*n, *b, *m) != (learnt.0, learnt.1, learnt.2));
                    s.world.learnt.push(*learnt);
                }
            }
        }
    }

    fn ask_nd(&self, asker: &Asker, s: &mut State) -> Result<Mac, NoAnswer> {
        let IpAddr::V6(target) = asker.target else { return Err(NoAnswer::Nobody) };
        let lost = |answer, stop| NoAnswer::Lost { answer, stop: Box::new(stop) };
        let group = solicited_node(target);
        let mut packet = plain(asker.source, group.into(), Protocol::ICMPV6);
        packet.icmp = Some(Icmp { kind: SOLICIT, code: 0, id: 0 });
        packet.nd_target = Some(asker.target);
        packet.ttl = 255;
        packet.len = 72;
        packet.owner = Some(SocketOwner { uid: 0, gid: 0 });
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
        packet.owner = Some(SocketOwner { uid: 0, gid: 0 });
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

    /// Output and postrouting hooks of a message that the stack sends on a device.
    fn own_hooks(&self, ns: NsIndex, device: u32, to: IpAddr, s: State) -> Result<State, Stop> {
        let at = At { ns, iif: None, physin: None, depth: 0 };
        self.hooks_in_turn(at, &[Hook::Output, Hook::Postrouting], Some(device), Some(to), s)
    }

    /// Prerouting and input hooks of a message that came in.
    fn in_hooks(&self, a: &Arrived, s: State) -> Result<(), Stop> {
        let at = At { ns: a.ns, iif: Some(a.device), physin: a.physin, depth: a.depth };
        let hooks: &[Hook] = if a.prerouted { &[Hook::Input] } else { &[Hook::Prerouting, Hook::Input] };
        self.hooks_in_turn(at, hooks, None, None, s).map(|_| ())
    }

    fn hooks_in_turn(
        &self,
        at: At,
        hooks: &[Hook],
        oif: Option<u32>,
        to: Option<IpAddr>,
        mut s: State,
    ) -> Result<State, Stop> {
        for hook in hooks {
            let mut stopped = Vec::new();
            let passed = self.hook(at, *hook, oif, to, None, s, &mut stopped);
            match (passed.into_iter().next(), stopped.into_iter().next()) {
                (Some(next), _) => s = next,
                (None, Some((_, stop))) => return Err(stop),
                (None, None) => {
                    return Err(Stop::Unmodelled { ns: at.ns, what: "a hook without a verdict".to_owned() });
                }
            }
        }
        Ok(s)
    }
}

/// Unknown things that a question or an answer met may decide about the packet that waits for it.
fn heed(s: &mut State, message: &State) {
    for unknown in &message.world.unknowns {
        if !s.world.unknowns.contains(unknown) {
            s.world.unknowns.push(*unknown);
        }
    }
    if !s.world.unknowns.is_sorted() {
        s.world.unknowns.sort_unstable();
    }
}

/// The refused ports that matter: those with the owner of the address behind them.
fn narrowed(stop: Stop, owner_behind: &dyn Fn(NsIndex, u32) -> bool) -> Stop {
    match stop {
        Stop::NoPort { ns, bridge, from, lladdr, refused } => {
            let kept: Vec<(u32, PortRefusal)> =
                refused.iter().filter(|(p, _)| owner_behind(ns, *p)).copied().collect();
            let refused = if kept.is_empty() { refused } else { kept };
            Stop::NoPort { ns, bridge, from, lladdr, refused }
        }
        other => other,
    }
}

/// A setting says more than a lost frame, and that more than that nobody is there.
fn worse(reason: &mut Option<NoAnswer>, new: NoAnswer) {
    let rank = |r: &NoAnswer| match r {
        NoAnswer::Sysctl { .. } => 2,
        NoAnswer::Lost { .. } => 1,
        NoAnswer::Nobody => 0,
    };
    if reason.as_ref().is_none_or(|r| rank(r) < rank(&new)) {
        *reason = Some(new);
    }
}

fn first_stop(arrivals: Arrivals) -> Option<Stop> {
    arrivals.into_iter().find_map(|(_, r)| r.err())
}

fn plain(src: IpAddr, dst: IpAddr, protocol: Protocol) -> Packet {
    Packet {
        family: IpFamily::of(dst),
        src,
        dst,
        protocol,
        sport: 0,
        dport: 0,
        icmp: None,
        tcp_flags: 0,
        ttl: 64,
        tos: 0,
        len: 28,
        inner: None,
        arp: None,
        nd_target: None,
        eth_src: None,
        eth_dst: None,
        packet_type: PacketType::Host,
        mark: 0,
        priority: 0,
        tracking: Tracking::None,
        zone: None,
        owner: None,
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

//! The next hop's hardware address: from the table, or asked for (net/core/neighbour.c) by [`arp`] or [`nd`].

mod arp;
mod nd;

use std::net::IpAddr;

use plumb_model::{IpFamily, Link, Mac, Protocol};
use plumb_nft::Hook;

use super::carry::{Arrivals, Arrived};
use super::{At, Out, Walker};
use crate::event::{Event, NeighbourHow, NoAnswer, PortRefusal, Stop};
use crate::packet::{Packet, PacketType, Tracking};
use crate::share::Share;
use crate::state::{History, NsIndex, Rerouted, State, World};

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
            rerouted: Rerouted::No,
            history: History::default(),
        }
        .with_eth(asker.link.mac, None)
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

    /// Output and postrouting hooks of a message that the stack sends on a device.
    fn own_hooks(&self, ns: NsIndex, device: u32, to: IpAddr, s: State) -> Result<State, Stop> {
        let at = At { ns, iif: None, physin: None, bound: None, depth: 0 };
        self.hooks_in_turn(at, &[Hook::Output, Hook::Postrouting], Some(device), Some(to), s)
    }

    /// Prerouting and input hooks of a message that came in.
    fn in_hooks(&self, a: &Arrived, s: State) -> Result<(), Stop> {
        let at = At { ns: a.ns, iif: Some(a.device), physin: a.physin, bound: None, depth: a.depth };
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
        tcp_options: None,
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
        socket: None,
        sizing: crate::packet::Sizing::default(),
    }
}

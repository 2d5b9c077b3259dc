//! ARP, asked and answered as packets of their own (net/ipv4/arp.c).

use plumb_model::{Address, Link, Mac, Protocol};
use plumb_nft::Hook;

use super::{Asker, first_stop, heed, plain, worse};
use crate::event::{NoAnswer, Stop};
use crate::packet::Packet;
use crate::routing::InputRoute;
use crate::state::{NsIndex, State};
use crate::walk::Walker;
use crate::walk::carry::{Arrivals, Arrived, Frame};
use crate::walk::layer2::Ends;

/// `ARPOP_REQUEST`, `ARPOP_REPLY`
const ARP_QUESTION: u16 = 1;
const ARP_ANSWER: u16 = 2;

impl Walker<'_, '_> {
    pub(super) fn ask_arp(&self, asker: &Asker, s: &mut State) -> Result<Mac, NoAnswer> {
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
        let proxied = self.net.ns[ns].proxies.contains_key(&(device, asker.target));
        let is_proxy = settings.proxy_arp.value != 0 || proxied;
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
                (way.device != device && is_proxy).then_some(Ok(lladdr))
            }
            // It would answer for somebody else, and does not know the way to him or takes nothing from the asker.
            Err(stop) if owns || (settings.forwarding4.value != 0 && is_proxy) => {
                Some(Err(NoAnswer::Lost { answer: true, stop: Box::new(stop) }))
            }
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
}

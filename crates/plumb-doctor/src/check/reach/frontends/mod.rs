//! Addresses and ports that rules lead elsewhere (`-p 8080:80` of a container engine, a router's forwarded port): on a
//! plain host they are asked for beside what listens.
//!
//! 1. [`aims`] collects, rule by rule, what the destination translations of a namespace are aimed at. That errs on the
//!    side of too much.
//! 2. [`frontends`] makes addresses and ports of them that somebody could dial.
//! 3. [`asks`] walks each from everybody who could dial it, and keeps the questions in which the kernel's rules do
//!    translate. So neither an exception in a rule (`! -i docker0`) nor the order of rules is ever guessed at.

mod aims;
mod asks;
mod elements;
mod outside;
mod ranges;
mod registers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol};
use plumb_trace::Network;
use plumb_trace::session::Transport;
use plumb_trace::state::{NsIndex, RuleRef};

use crate::check::yardstick::{Yardstick, global_addresses};
use aims::Aim;

pub(super) use asks::{add, is_led, leads_home};

/// An address and port that rules of a namespace may lead elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frontend {
    /// Namespace of the rules.
    pub(super) ns: NsIndex,
    pub(super) address: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// Frontends, each with the rules that name just its port: whoever wrote them counts on a server. Of a range of ports one
/// stands for all.
pub(super) type Frontends = BTreeMap<Frontend, BTreeSet<RuleRef>>;

/// What a question is about whose destination rules translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Led {
    /// The rule that translates names just the port that is asked for, or one at its end.
    pub(crate) named: bool,
    /// The rule that translates has counted packets: somebody used it.
    pub(crate) used: bool,
    /// Somebody listens on the address that is asked for as well, so that it is asked for in any case.
    pub(crate) served: bool,
}

/// Steps that the search for frontends may take in a table: millions take a second.
const BUDGET: u32 = 4_000_000;
/// Ports of a range that are asked for at most.
const MOST_OF_RANGE: usize = 256;
/// A port to ask where rules take any and nobody listens on one of them.
const ANY_PORT: u16 = 80;

/// The frontends of all namespaces that are looked at. The second says where rules were too many to look at all of them.
pub(super) fn frontends(net: &Network, yardstick: &Yardstick) -> (Frontends, Vec<NsIndex>) {
    let (mut all, mut cut) = (Frontends::new(), Vec::new());
    let mut served: Option<BTreeSet<(Protocol, u16)>> = None;
    for (ns, n) in net.snapshot.namespaces.iter().enumerate().filter(|(ns, _)| yardstick.looks_at(*ns)) {
        let own = global_addresses(n);
        for (number, table) in (0..).zip(n.rule_tables()) {
            for family in [IpFamily::V4, IpFamily::V6] {
                let mut budget = BUDGET;
                let aims = aims::aims(table, family, &mut budget);
                if budget == 0 {
                    cut.push(ns);
                }
                for aim in &aims {
                    let served = served.get_or_insert_with(|| listened_on(net));
                    add_aim((ns, number), aim, (&own, family), served, &mut all);
                }
            }
        }
    }
    cut.dedup();
    (all, cut)
}

/// Ports that anybody listens on.
fn listened_on(net: &Network) -> BTreeSet<(Protocol, u16)> {
    let sockets = net.snapshot.namespaces.iter().flat_map(|n| n.sockets.items());
    sockets.filter(|s| s.is_listening()).map(|s| (s.protocol, s.sport)).collect()
}

fn add_aim(
    (ns, table): (NsIndex, u32),
    aim: &Aim,
    (own, family): (&[IpAddr], IpFamily),
    served: &BTreeSet<(Protocol, u16)>,
    all: &mut Frontends,
) {
    let addresses = dialled(aim, own, family);
    let any_port = aim.port.contains(0) && aim.port.contains(u128::from(u16::MAX));
    let takes = |p: Protocol| aim.protocol.contains(u128::from(p.0));
    for protocol in [Protocol::TCP, Protocol::UDP].into_iter().filter(|p| takes(*p)) {
        // Rules for everything are asked by TCP: silence of a UDP port says little.
        if protocol == Protocol::UDP && takes(Protocol::TCP) && any_port {
            continue;
        }
        for (port, named) in ports(aim, protocol, served) {
            for &address in &addresses {
                let naming = all.entry(Frontend { ns, address, protocol, port }).or_default();
                let (chain, rule) = aim.rule;
                naming.extend(named.then_some(RuleRef { ns, table, chain, rule }));
            }
        }
    }
}

/// Addresses that an aim names, or those of its namespace that lie in what it names.
fn dialled(aim: &Aim, own: &[IpAddr], family: IpFamily) -> Vec<IpAddr> {
    let named = aim.address.iter().filter(|(first, last)| first == last).map(|(a, _)| address(a, family));
    let mut all: Vec<IpAddr> = named.filter(|a| !a.is_unspecified() && !a.is_multicast()).collect();
    let inside = |a: &&IpAddr| a.is_ipv4() == (family == IpFamily::V4) && aim.address.contains(number(**a));
    all.extend(own.iter().filter(inside));
    all.sort_unstable();
    all.dedup();
    all
}

/// Ports of an aim, and whether it names each by itself.
fn ports(aim: &Aim, protocol: Protocol, served: &BTreeSet<(Protocol, u16)>) -> BTreeSet<(u16, bool)> {
    let mut all = BTreeSet::new();
    for (first, last) in aim.port.iter() {
        let (Ok(first), Ok(last)) = (u16::try_from(first), u16::try_from(last)) else { continue };
        if first == last {
            all.insert((first, true));
            continue;
        }
        let inside = served.range((protocol, first.max(1))..=(protocol, last));
        all.extend(inside.take(MOST_OF_RANGE).map(|(_, port)| (*port, false)));
        // Port 0 is nobody's.
        let any = if (first..=last).contains(&ANY_PORT) { ANY_PORT } else { first.max(1) };
        all.insert((any, false));
    }
    all
}

/// An address as a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a),
    }
}

/// The address that a number is.
fn address(number: u128, family: IpFamily) -> IpAddr {
    match family {
        IpFamily::V4 => IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into()),
        IpFamily::V6 => IpAddr::V6(number.into()),
    }
}

impl Frontend {
    /// How it is asked.
    fn transport(&self) -> Transport {
        if self.protocol == Protocol::UDP { Transport::Udp } else { Transport::Tcp }
    }
}

//! Which source address a packet gets (`inet_select_addr`, `ipv6_dev_get_saddr`).

use std::net::{IpAddr, Ipv6Addr};

use plumb_model::{Address, IpFamily, Link, Namespace, Route};

use crate::network::Network;
use crate::state::NsIndex;

const SCOPE_LINK: u8 = 253;

impl Network<'_> {
    /// Source for a packet by this route and hop.
    pub(crate) fn source_for(&self, ns: NsIndex, route: &Route, hop: usize, dst: IpAddr) -> Option<IpAddr> {
        if let Some(p) = route.prefsrc {
            return Some(p);
        }
        let hop = route.next_hops.get(hop)?;
        match route.family {
            IpFamily::V4 => {
                let near = hop.gateway.filter(IpAddr::is_ipv4);
                self.select_source4(ns, hop.oif?, near, route.scope)
            }
            IpFamily::V6 => self.select_source6(ns, hop.oif?, dst),
        }
    }

    /// `inet_select_addr`: of the device's primary addresses the first whose scope is wide enough and, where `near`
    /// is given, whose network holds it; else the first of wide enough scope; else any device's.
    pub(crate) fn select_source4(
        &self,
        ns: NsIndex,
        device: u32,
        near: Option<IpAddr>,
        scope: u8,
    ) -> Option<IpAddr> {
        let n = self.namespace(ns);
        let all = n.addresses.items();
        let fits = |a: &&Address| {
            a.prefix.addr.is_ipv4() && a.flags & Address::SECONDARY == 0 && a.scope.min(SCOPE_LINK) <= scope
        };
        let mut first = None;
        for a in
            self.ns[ns].addresses.get(&device).into_iter().flatten().filter_map(|&i| all.get(i)).filter(fits)
        {
            let network = plumb_model::Prefix::new(a.peer.unwrap_or(a.prefix.addr), a.prefix.len);
            if near.is_none_or(|g| network.contains(g)) {
                return Some(a.prefix.addr);
            }
            first.get_or_insert(a.prefix.addr);
        }
        first.or_else(|| {
            all.iter()
                .find(|a| {
                    a.prefix.addr.is_ipv4()
                        && a.flags & Address::SECONDARY == 0
                        && a.scope != SCOPE_LINK
                        && a.scope <= scope
                })
                .map(|a| a.prefix.addr)
        })
    }

    /// `ipv6_dev_get_saddr` (RFC 6724, rules 1, 2, 3, 5, 6, 8; others need what nobody here uses).
    pub(crate) fn select_source6(&self, ns: NsIndex, device: u32, dst: IpAddr) -> Option<IpAddr> {
        let IpAddr::V6(dst) = dst else { return None };
        let n = self.namespace(ns);
        let dst_scope = scope6(dst);
        let label = label6(dst);
        let candidate = |a: &&Address| {
            let IpAddr::V6(x) = a.prefix.addr else { return false };
            let bad = Address::DADFAILED | Address::TENTATIVE;
            a.flags & bad == 0 && !x.is_multicast()
        };
        // A multicast or link-local destination needs an address of the device itself.
        let only_device = dst.is_multicast() || scope6(dst) == Scope6::Link;
        let loopback = n.link(device).is_some_and(Link::is_loopback);
        n.addresses
            .items()
            .iter()
            .filter(candidate)
            .filter(|a| !only_device || a.index == device || loopback)
            .filter_map(|a| match a.prefix.addr {
                IpAddr::V6(x) => Some((a, x)),
                IpAddr::V4(_) => None,
            })
            .enumerate()
            .max_by_key(|(order, (a, x))| {
                let s = scope6(*x);
                // Smaller scopes than the destination's are worst, then the closest larger one is best.
                let scope_rank = if s >= dst_scope { 100 - (s as i32 - dst_scope as i32) } else { s as i32 };
                (
                    *x == dst,
                    scope_rank,
                    a.preferred && a.flags & Address::DEPRECATED == 0,
                    a.index == device,
                    label6(*x) == label,
                    common_bits(*x, dst).min(u32::from(a.prefix.len)),
                    std::cmp::Reverse(*order),
                )
            })
            .map(|(_, (a, _))| a.prefix.addr)
    }

    /// First address of a device that `redirect` may use for an incoming packet.
    pub(crate) fn redirect_target(&self, ns: NsIndex, family: IpFamily, device: u32) -> Option<IpAddr> {
        let all = self.namespace(ns).addresses.items();
        let of_device = self.ns[ns].addresses.get(&device).into_iter().flatten().filter_map(|&i| all.get(i));
        match family {
            IpFamily::V4 => of_device
                .filter(|a| a.prefix.addr.is_ipv4() && a.flags & Address::SECONDARY == 0)
                .map(|a| a.prefix.addr)
                .next(),
            // The list is ordered by scope, global first (`ipv6_link_dev_addr`).
            IpFamily::V6 => of_device
                .filter(|a| {
                    a.prefix.addr.is_ipv6() && a.flags & (Address::TENTATIVE | Address::DADFAILED) == 0
                })
                .min_by_key(|a| a.scope)
                .map(|a| a.prefix.addr),
        }
    }

    /// Whether an address belongs to this namespace.
    pub(crate) fn is_local(&self, ns: NsIndex, addr: IpAddr) -> bool {
        self.ns[ns].local.contains_key(&addr)
            || match addr {
                IpAddr::V4(a) => a.is_loopback(),
                IpAddr::V6(a) => a.is_loopback(),
            }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope6 {
    Interface = 1,
    Link = 2,
    Site = 5,
    Global = 14,
}

fn scope6(a: Ipv6Addr) -> Scope6 {
    let [first, ..] = a.segments();
    if a.is_loopback() {
        Scope6::Interface
    } else if first & 0xffc0 == 0xfe80 {
        Scope6::Link
    } else if first & 0xffc0 == 0xfec0 {
        Scope6::Site
    } else if a.is_multicast() {
        match first & 0xf {
            1 => Scope6::Interface,
            2 => Scope6::Link,
            5 => Scope6::Site,
            _ => Scope6::Global,
        }
    } else {
        Scope6::Global
    }
}

/// The kernel's default label table (net/ipv6/addrlabel.c).
fn label6(a: Ipv6Addr) -> u8 {
    let s = a.segments();
    match s {
        [0, 0, 0, 0, 0, 0, 0, 1] => 0,
        [0, 0, 0, 0, 0, 0xffff, _, _] => 4,
        [0, 0, 0, 0, 0, 0, _, _] => 3,
        [0x2002, ..] => 2,
        [0x2001, 0, ..] => 6,
        [0x2001, x, ..] if x & 0xfff0 == 0x0010 => 7,
        [0x3ffe, ..] => 12,
        [first, ..] if first & 0xfe00 == 0xfc00 => 5,
        [first, ..] if first & 0xffc0 == 0xfec0 => 11,
        _ => 1,
    }
}

fn common_bits(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros()
}

/// The namespace's first loopback device.
pub(crate) fn loopback(n: &Namespace) -> Option<u32> {
    n.links.items().iter().find(|l| l.is_loopback()).map(|l| l.index)
}

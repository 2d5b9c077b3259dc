//! Addresses, and the routes that the kernel makes and unmakes with them
//! (`fib_add_ifaddr`, `fib_del_ifaddr` in net/ipv4/fib_frontend.c; net/ipv6/addrconf.c).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ChangeError;
use super::error::read;
use crate::{Address, IpFamily, Link, Mac, Namespace, NextHop, Prefix, Route, RouteKind};

/// `IFA_F_NOPREFIXROUTE`
const NO_PREFIX_ROUTE: u32 = 0x200;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// `RTPROT_KERNEL`
const KERNEL: u8 = 2;
/// Metric of the routes that an IPv6 address brings (`IP6_RT_PRIO_ADDRCONF`).
const ADDRCONF_METRIC: u32 = 256;

pub(super) fn add(ns: &mut Namespace, device: &str, address: &Address) -> Result<(), ChangeError> {
    let index = ns.device(device)?;
    let of = ns.name.clone();
    let v6 = address.prefix.addr.is_ipv6();
    if v6 && ns.sysctls.number(&format!("net.ipv6.conf.{device}.disable_ipv6")) == Some(1) {
        return Err(ChangeError::Refused {
            what: format!("adding {} to `{device}`", address.prefix),
            why: "net.ipv6.conf.*.disable_ipv6 is 1 for this device".to_owned(),
        });
    }
    let mut new = Address { index, ..address.clone() };
    let all = read(&mut ns.addresses, "addresses", &of)?;
    let taken = |a: &&Address| {
        a.index == index
            && a.prefix.addr == new.prefix.addr
            && (v6 || a.prefix.len == new.prefix.len && a.peer == new.peer)
    };
    if let Some(old) = all.iter().find(taken) {
        return Err(ChangeError::AlreadyThere(format!("address {} on `{device}`", old.prefix)));
    }
    // The outcome once duplicate address detection is over.
    new.flags &= !(Address::TENTATIVE | if v6 { 0 } else { Address::SECONDARY });
    if !v6 && all.iter().any(|a| a.index == index && is_primary(a) && same_subnet(a, &new)) {
        new.flags |= Address::SECONDARY;
    }
    let before = kernel_routes(ns, index);
    if let Some(all) = ns.addresses.value_mut() {
        all.push(new);
    }
    follow(ns, index, &before);
    Ok(())
}

fn is_primary(a: &Address) -> bool {
    a.prefix.addr.is_ipv4() && a.flags & Address::SECONDARY == 0
}

fn same_subnet(a: &Address, b: &Address) -> bool {
    a.prefix.len == b.prefix.len && network(a) == network(b)
}

/// The network that an address makes reachable: its own, or that of the far end.
fn network(a: &Address) -> Prefix {
    Prefix::new(a.peer.unwrap_or(a.prefix.addr), a.prefix.len).masked()
}

pub(super) fn delete(ns: &mut Namespace, device: &str, address: &Address) -> Result<(), ChangeError> {
    let index = ns.device(device)?;
    let of = ns.name.clone();
    let all = read(&mut ns.addresses, "addresses", &of)?;
    let i = all
        .iter()
        .position(|a| a.index == index && a.prefix == address.prefix && a.peer == address.peer)
        .ok_or_else(|| ChangeError::NotFound(format!("address {} on `{device}`", address.prefix)))?;
    let before = kernel_routes(ns, index);
    let mut gone = vec![];
    let promote = ["all", device]
        .iter()
        .any(|d| ns.sysctls.number(&format!("net.ipv4.conf.{d}.promote_secondaries")).unwrap_or(0) != 0);
    if let Some(all) = ns.addresses.value_mut() {
        let old = all.remove(i);
        if is_primary(&old) {
            let follows = |a: &Address| a.index == index && !is_primary(a) && same_subnet(a, &old);
            if promote {
                if let Some(heir) = all.iter_mut().find(|a| follows(a)) {
                    heir.flags &= !Address::SECONDARY;
                }
            } else {
                gone.extend(all.iter().filter(|a| follows(a)).map(|a| a.prefix.addr));
                all.retain(|a| !follows(a));
            }
        }
        gone.push(old.prefix.addr);
    }
    follow(ns, index, &before);
    forget_sources(ns, &gone);
    let is_last_v4 = address.prefix.addr.is_ipv4()
        && !ns.addresses.items().iter().any(|a| a.index == index && a.prefix.addr.is_ipv4());
    if is_last_v4 {
        // Without an address the device does no IPv4 any more.
        super::link::drop_routes(ns, index, IpFamily::V4, true);
    }
    Ok(())
}

/// Routes whose preferred source is nobody's address any more: gone in IPv4, without it in IPv6.
fn forget_sources(ns: &mut Namespace, gone: &[IpAddr]) {
    let still: Vec<IpAddr> = ns.addresses.items().iter().map(|a| a.prefix.addr).collect();
    let lost = |a: Option<IpAddr>| a.is_some_and(|a| gone.contains(&a) && !still.contains(&a));
    if let Some(routes) = ns.routes.value_mut() {
        routes.retain(|r| r.family == IpFamily::V6 || !lost(r.prefsrc));
        for route in routes.iter_mut().filter(|r| lost(r.prefsrc)) {
            route.prefsrc = None;
        }
    }
}

/// Takes away the addresses for which `which` holds, and what they brought. For a device that loses IPv6.
pub(super) fn flush(ns: &mut Namespace, index: u32, which: impl Fn(&Address) -> bool) {
    let before = kernel_routes(ns, index);
    let mut gone = vec![];
    if let Some(all) = ns.addresses.value_mut() {
        all.retain(|a| {
            let goes = a.index == index && which(a);
            if goes {
                gone.push(a.prefix.addr);
            }
            !goes
        });
    }
    follow(ns, index, &before);
    forget_sources(ns, &gone);
}

/// Brings the routes in line with the addresses after a change: what `before` held and is due no more goes, what is
/// due now comes.
pub(super) fn follow(ns: &mut Namespace, index: u32, before: &[Route]) {
    let after = kernel_routes(ns, index);
    let Some(routes) = ns.routes.value_mut() else { return };
    for old in before.iter().filter(|r| !after.iter().any(|a| same(a, r))) {
        routes.retain(|r| !same(r, old));
    }
    for new in after {
        if !routes.iter().any(|r| same(r, &new)) {
            routes.push(new);
        }
    }
}

fn same(a: &Route, b: &Route) -> bool {
    let oif = |r: &Route| r.next_hops.first().and_then(|h| h.oif);
    a.table == b.table
        && a.kind == b.kind
        && a.dst == b.dst
        && a.priority == b.priority
        && oif(a) == oif(b)
        && a.prefsrc == b.prefsrc
        && a.protocol == b.protocol
}

/// The routes that a device's addresses bring, in its present state.
pub(super) fn kernel_routes(ns: &Namespace, index: u32) -> Vec<Route> {
    let Some(link) = ns.link(index) else { return Vec::new() };
    let vrf = link.master.and_then(|m| ns.link(m)).filter(|m| m.kind == "vrf");
    let vrf_table: Option<u32> = vrf.and_then(|m| m.settings.get("table")?.parse().ok());
    let mut out: Vec<Route> = Vec::new();
    let mine = || ns.addresses.items().iter().filter(|a| a.index == index);
    for a in mine() {
        let mut put = |kind, dst: Prefix, src: Option<IpAddr>| {
            let main = vrf_table.unwrap_or(Route::TABLE_MAIN);
            let local = vrf_table.unwrap_or(Route::TABLE_LOCAL);
            let table = if kind == RouteKind::Unicast { main } else { local };
            let new = kernel_route(kind, table, dst, src, link);
            if !out.iter().any(|r| same(r, &new)) {
                out.push(new);
            }
        };
        match a.prefix.addr {
            IpAddr::V4(addr) => {
                let primary = mine().find(|p| is_primary(p) && same_subnet(p, a)).unwrap_or(a);
                v4_routes(a, addr, primary.prefix.addr, link, &mut put);
            }
            IpAddr::V6(_) => v6_routes(a, link, &mut put),
        }
    }
    let has_v6 = mine().any(|a| a.prefix.addr.is_ipv6());
    if has_v6 && link.is_up() && !link.is_loopback() {
        let all_multicast = Prefix::new(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0).into(), 8);
        let table = vrf_table.unwrap_or(Route::TABLE_LOCAL);
        out.push(kernel_route(RouteKind::Multicast, table, all_multicast, None, link));
    }
    out
}

fn v4_routes(
    a: &Address,
    addr: Ipv4Addr,
    src: IpAddr,
    link: &Link,
    put: &mut impl FnMut(RouteKind, Prefix, Option<IpAddr>),
) {
    put(RouteKind::Local, Prefix::host(addr.into()), Some(src));
    if !link.is_up() {
        return;
    }
    if let Some(IpAddr::V4(brd)) = a.broadcast
        && !brd.is_unspecified()
        && !brd.is_broadcast()
    {
        put(RouteKind::Broadcast, Prefix::host(brd.into()), Some(src));
    }
    let net = network(a);
    let IpAddr::V4(first) = net.addr else { return };
    let is_secondary = a.flags & Address::SECONDARY != 0;
    if first.octets().first() == Some(&0) || is_secondary || (first == addr && a.prefix.len >= 32) {
        return;
    }
    if a.flags & NO_PREFIX_ROUTE == 0 {
        put(if link.is_loopback() { RouteKind::Local } else { RouteKind::Unicast }, net, Some(src));
    }
    if a.prefix.len < 31 {
        let host_bits = u32::MAX.checked_shr(u32::from(a.prefix.len)).unwrap_or(0);
        let last = Ipv4Addr::from_bits(first.to_bits() | host_bits);
        put(RouteKind::Broadcast, Prefix::host(last.into()), Some(src));
    }
}

fn v6_routes(a: &Address, link: &Link, put: &mut impl FnMut(RouteKind, Prefix, Option<IpAddr>)) {
    if !link.is_up() {
        return;
    }
    put(RouteKind::Local, Prefix::host(a.prefix.addr), None);
    if a.flags & NO_PREFIX_ROUTE == 0 && !link.is_loopback() {
        put(RouteKind::Unicast, network(a), None);
    }
}

fn kernel_route(kind: RouteKind, table: u32, dst: Prefix, src: Option<IpAddr>, link: &Link) -> Route {
    let v6 = dst.addr.is_ipv6();
    let linkdown =
        if link.carrier == Some(false) && kind != RouteKind::Local { NextHop::LINKDOWN } else { 0 };
    Route {
        family: dst.family(),
        table,
        kind,
        dst,
        src: None,
        tos: 0,
        priority: if v6 && kind != RouteKind::Local { ADDRCONF_METRIC } else { 0 },
        protocol: KERNEL,
        scope: match kind {
            _ if v6 => 0,
            RouteKind::Local => SCOPE_HOST,
            _ => SCOPE_LINK,
        },
        prefsrc: src,
        next_hops: vec![NextHop { gateway: None, oif: Some(link.index), weight: 1, flags: linkdown }],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

/// The link-local address that the kernel gives a device when it comes up, from its hardware address (RFC 4291,
/// appendix A); `None` where it gives none.
pub(super) fn link_local(ns: &Namespace, link: &Link) -> Option<Address> {
    let setting = |key: &str| ns.sysctls.number(&format!("net.ipv6.conf.{}.{key}", link.name));
    let has_one = ns.addresses.items().iter().any(
        |a| matches!(a.prefix.addr, IpAddr::V6(v6) if a.index == link.index && v6.is_unicast_link_local()),
    );
    // Without the sysctl there is no IPv6; addr_gen_mode 0 is EUI-64, the others are not known in advance.
    if has_one
        || link.is_loopback()
        || setting("disable_ipv6") != Some(0)
        || setting("addr_gen_mode").unwrap_or(0) != 0
    {
        return None;
    }
    let Mac([a, b, c, d, e, f]) = link.mac?;
    let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    let addr = Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f));
    Some(Address { scope: SCOPE_LINK, ..Address::permanent(link.index, Prefix::new(addr.into(), 64)) })
}

//! Routes.

use std::net::IpAddr;

use plumb_model::{IpFamily, NextHop, Route, RouteKind};
use plumb_nft::nlattr::Writer;

use super::NamespaceWriter;
use crate::error::Result;
use crate::netlink::{CREATE, REPLACE, WriteNative, ip_bytes};
use crate::read::{RTM_DELROUTE, RTM_NEWROUTE, family_number};

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RTA_PREF: u16 = 20;
const RTA_NH_ID: u16 = 30;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
const SCOPE_NOWHERE: u8 = 255;
/// `RTPROT_BOOT`: what `ip route add` writes.
const BOOT: u8 = 3;

impl NamespaceWriter {
    /// Adds a route; an error where there is one to the same destination with the same metric in the same table.
    pub fn add_route(&mut self, route: &Route) -> Result<()> {
        self.create(&verb("add", route), RTM_NEWROUTE, &encode(route, true))
    }

    /// Adds a route, in place of the one to the same destination with the same metric in the same table.
    pub fn replace_route(&mut self, route: &Route) -> Result<()> {
        let what = self.what(&verb("replace", route));
        self.route.change(&what, RTM_NEWROUTE, CREATE | REPLACE, &encode(route, true))
    }

    /// Deletes a route; `false` where there was none like it.
    pub fn delete_route(&mut self, route: &Route) -> Result<bool> {
        self.delete(&verb("delete", route), RTM_DELROUTE, &encode(route, false), &[libc::ESRCH])
    }
}

fn verb(verb: &str, route: &Route) -> String {
    let kind = route.kind.word().filter(|_| route.kind != RouteKind::Unicast);
    let kind = kind.map(|k| format!("{k} ")).unwrap_or_default();
    let via =
        route.next_hops.iter().filter_map(|h| h.gateway).map(|g| format!(" via {g}")).collect::<String>();
    format!("{verb} the route {kind}{}{via} table {}", route.dst, Route::table_name(table(route)))
}

fn table(route: &Route) -> u32 {
    if route.table == 0 { Route::TABLE_MAIN } else { route.table }
}

fn encode(route: &Route, add: bool) -> Vec<u8> {
    let rejects = matches!(
        route.kind,
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw
    );
    // IPv6 shows the loopback as the device of such routes; a hop of an object comes by the object.
    let hops: &[NextHop] = if rejects || route.nexthop_id.is_some() { &[] } else { &route.next_hops };
    let table = table(route);
    let dst = route.dst.masked();
    let onlink = match hops {
        [hop] => hop.flags & NextHop::ONLINK,
        _ => 0,
    };
    let mut w = Writer::new();
    w.raw(&[
        family_number(route.family),
        dst.len,
        route.src.map_or(0, |s| s.len),
        route.tos,
        u8::try_from(table).unwrap_or(0),
        if route.protocol == 0 && add { BOOT } else { route.protocol },
        scope(route, hops, add),
        kind_number(route.kind),
    ]);
    w.raw(&onlink.to_ne_bytes());
    w.ne32(RTA_TABLE, table);
    w.ip(RTA_DST, dst.addr);
    if let Some(src) = route.src {
        w.ip(RTA_SRC, src.masked().addr);
    }
    if route.priority != 0 {
        w.ne32(RTA_PRIORITY, route.priority);
    }
    match hops {
        [] => {}
        [hop] => hop_attributes(&mut w, route.family, hop, true),
        hops => w.put(RTA_MULTIPATH, &multipath(route.family, hops)),
    }
    if let Some(id) = route.nexthop_id {
        w.ne32(RTA_NH_ID, id);
    }
    if add {
        if let Some(prefsrc) = route.prefsrc {
            w.ip(RTA_PREFSRC, prefsrc);
        }
        if !route.metrics.is_empty() {
            w.nest(RTA_METRICS, |w| {
                for (number, value) in &route.metrics {
                    w.ne32(*number, *value);
                }
            });
        }
        if route.pref != 0 {
            w.u8(RTA_PREF, route.pref);
        }
        for (number, bytes) in &route.unknown_attributes {
            w.put(*number, bytes);
        }
    }
    w.into_bytes()
}

/// For IPv4 what `ip route` fills in; when deleting, any scope will do. IPv6 has none.
fn scope(route: &Route, hops: &[NextHop], add: bool) -> u8 {
    match (route.family, route.kind) {
        (IpFamily::V6, _) => 0,
        (IpFamily::V4, _) if !add => SCOPE_NOWHERE,
        (IpFamily::V4, _) if route.scope != 0 => route.scope,
        (IpFamily::V4, RouteKind::Local) => SCOPE_HOST,
        (IpFamily::V4, RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast) => SCOPE_LINK,
        (IpFamily::V4, RouteKind::Unicast)
            if !hops.is_empty() && hops.iter().all(|h| h.gateway.is_none()) =>
        {
            SCOPE_LINK
        }
        (IpFamily::V4, _) => 0,
    }
}

fn kind_number(kind: RouteKind) -> u8 {
    match kind {
        RouteKind::Unicast => 1,
        RouteKind::Local => 2,
        RouteKind::Broadcast => 3,
        RouteKind::Anycast => 4,
        RouteKind::Multicast => 5,
        RouteKind::Blackhole => 6,
        RouteKind::Unreachable => 7,
        RouteKind::Prohibit => 8,
        RouteKind::Throw => 9,
        RouteKind::Unknown(n) => n,
        // The kernel refuses it, which says more than a guess would.
        _ => 0,
    }
}

fn hop_attributes(w: &mut Writer, family: IpFamily, hop: &NextHop, with_oif: bool) {
    if let (Some(oif), true) = (hop.oif, with_oif) {
        w.ne32(RTA_OIF, oif);
    }
    match hop.gateway {
        Some(gateway) if IpFamily::of(gateway) == family => w.ip(RTA_GATEWAY, gateway),
        Some(gateway) => w.put(RTA_VIA, &via(gateway)),
        None => {}
    }
}

/// `struct rtvia`
fn via(gateway: IpAddr) -> Vec<u8> {
    let family = u16::from(family_number(IpFamily::of(gateway)));
    [family.to_ne_bytes().to_vec(), ip_bytes(gateway)].concat()
}

/// `struct rtnexthop`s
fn multipath(family: IpFamily, hops: &[NextHop]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for hop in hops {
        let mut w = Writer::new();
        hop_attributes(&mut w, family, hop, false);
        let attributes = w.into_bytes();
        let length = u16::try_from(8 + attributes.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.push((hop.flags & NextHop::ONLINK) as u8);
        bytes.push(u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&hop.oif.unwrap_or(0).to_ne_bytes());
        bytes.extend_from_slice(&attributes);
    }
    bytes
}

//! Arbitrary bytes never panic, and what can be encoded comes back.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumb_xtables::matches as m;
use plumb_xtables::targets as t;
use plumb_xtables::{AddrMask, Inv, Masked, Match, NoSetNames, PortRange, Range32, Target, XtFamily};
use proptest::prelude::*;

const FAMILIES: [XtFamily; 2] = [XtFamily::Ip, XtFamily::Ip6];

fn family() -> impl Strategy<Value = XtFamily> {
    prop::sample::select(&FAMILIES[..])
}

fn inv<T: std::fmt::Debug>(s: impl Strategy<Value = T>) -> impl Strategy<Value = Inv<T>> {
    (s, any::<bool>()).prop_map(|(value, invert)| Inv { value, invert })
}

fn ports() -> impl Strategy<Value = PortRange> {
    (any::<u16>(), any::<u16>()).prop_map(|(a, b)| PortRange { min: a.min(b), max: a.max(b) })
}

fn addr(family: XtFamily) -> BoxedStrategy<IpAddr> {
    match family {
        XtFamily::Ip => any::<u32>().prop_map(|a| IpAddr::V4(Ipv4Addr::from(a))).boxed(),
        XtFamily::Ip6 => any::<u128>().prop_map(|a| IpAddr::V6(Ipv6Addr::from(a))).boxed(),
    }
}

fn net(family: XtFamily) -> impl Strategy<Value = AddrMask> {
    (addr(family), addr(family)).prop_map(|(addr, mask)| AddrMask { addr, mask })
}

fn conntrack(family: XtFamily) -> impl Strategy<Value = m::Conntrack> {
    let opt_net = || prop::option::of(inv(net(family)));
    let opt_ports = || prop::option::of(inv(ports()));
    (
        prop::option::of(inv(any::<u16>().prop_map(m::CtStates))),
        prop::option::of(inv(any::<u16>())),
        (opt_net(), opt_net(), opt_net(), opt_net()),
        (opt_ports(), opt_ports(), opt_ports(), opt_ports()),
        prop::option::of(inv(any::<u16>().prop_map(m::CtStatus))),
        prop::option::of(inv((any::<u32>(), any::<u32>()).prop_map(|(min, max)| Range32 { min, max }))),
        any::<Option<bool>>(),
        any::<bool>(),
    )
        .prop_map(|(states, proto, nets, ports, status, expires, reply_direction, state_alias)| {
            m::Conntrack {
                states,
                proto,
                orig_src: nets.0,
                orig_dst: nets.1,
                repl_src: nets.2,
                repl_dst: nets.3,
                orig_src_port: ports.0,
                orig_dst_port: ports.1,
                repl_src_port: ports.2,
                repl_dst_port: ports.3,
                status,
                expires,
                reply_direction,
                state_alias,
            }
        })
}

/// Matches that can be encoded, with the revision to encode them in.
fn matches(family: XtFamily) -> impl Strategy<Value = (u32, Match)> {
    let side = prop::sample::select(vec![m::PortSide::Source, m::PortSide::Destination, m::PortSide::Either]);
    let masked = || (any::<u32>(), any::<u32>()).prop_map(|(value, mask)| Masked { value, mask });
    prop_oneof![
        (inv(ports()), inv(ports()), inv(any::<u8>()), any::<u8>(), inv(any::<u8>())).prop_map(
            |(sport, dport, option, flags_mask, flags)| {
                (0, Match::Tcp(m::Tcp { sport, dport, as_pair: false, option, flags_mask, flags }))
            }
        ),
        (inv(ports()), inv(ports()))
            .prop_map(|(sport, dport)| (0, Match::Udp(m::Udp { sport, dport, as_pair: false }))),
        conntrack(family).prop_map(|c| (3, Match::Conntrack(c))),
        inv(masked()).prop_map(|v| (1, Match::Mark(m::Mark(v)))),
        inv(masked()).prop_map(|v| (1, Match::Connmark(m::Connmark(v)))),
        "[^\0]{0,60}".prop_map(|s| (0, Match::Comment(m::Comment(s)))),
        (inv(any::<u16>()), inv(any::<u16>()), any::<bool>(), any::<bool>()).prop_map(|(s, d, i, o)| {
            let kinds = |v: Inv<u16>| Inv { value: m::AddrTypes(v.value), invert: v.invert };
            (
                1,
                Match::Addrtype(m::Addrtype {
                    source: kinds(s),
                    dest: kinds(d),
                    limit_iface_in: i,
                    limit_iface_out: o,
                }),
            )
        }),
        (side, inv(prop::collection::vec(ports(), 0..=7)))
            .prop_map(|(side, ports)| (1, Match::Multiport(m::Multiport { side, ports }))),
        inv(any::<u32>()).prop_map(|probability| (0, Match::Statistic(m::Statistic::Random { probability }))),
        (inv(any::<u32>()), any::<u32>(), any::<u32>()).prop_map(|(every_less_one, packet, count)| {
            (0, Match::Statistic(m::Statistic::Nth { every_less_one, packet, count }))
        }),
        (any::<u32>(), any::<u32>())
            .prop_map(|(period, burst)| (0, Match::Limit(m::Limit { period, burst }))),
    ]
}

fn range(family: XtFamily) -> impl Strategy<Value = t::NatRange> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (prop::option::of((addr(family), addr(family))), prop::option::of(ports()), any::<Option<u16>>(), flags)
        .prop_map(|(addrs, ports, base_port, (random, random_fully, persistent, netmap))| t::NatRange {
            addrs,
            ports,
            base_port,
            random,
            random_fully,
            persistent,
            netmap,
        })
}

fn targets(family: XtFamily) -> impl Strategy<Value = (u32, Target)> {
    let without_base = move || range(family).prop_map(|r| t::NatRange { base_port: None, ..r });
    let reject = match family {
        XtFamily::Ip => vec![t::RejectWith::IcmpPortUnreachable, t::RejectWith::TcpReset],
        XtFamily::Ip6 => vec![t::RejectWith::Icmp6NoRoute, t::RejectWith::TcpReset],
    };
    prop_oneof![
        without_base().prop_map(|r| (0, Target::Masquerade(t::Masquerade(r)))),
        without_base().prop_map(|r| (0, Target::Redirect(t::Redirect(r)))),
        without_base().prop_map(|r| (1, Target::Snat(t::Snat(r)))),
        range(family).prop_map(|r| (2, Target::Dnat(t::Dnat(r)))),
        (any::<u32>(), any::<u32>())
            .prop_map(|(value, mask)| (2, Target::Mark(t::MarkTarget(Masked { value, mask })))),
        prop::sample::select(reject).prop_map(|w| (0, Target::Reject(t::Reject(w)))),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_a_match(name in prop::sample::select(Match::NAMES), revision in 0u32..6, family in family(),
                             info in prop::collection::vec(any::<u8>(), 0..700)) {
        let read = Match::decode(name, revision, family, &info);
        let _ = read.options(&NoSetNames);
        prop_assert_eq!(read.name(), name);
        if let Match::Unknown(u) = &read {
            prop_assert!(!u.reason.is_empty());
            prop_assert_eq!(read.encode(revision, family).unwrap(), info);
        }
    }

    #[test]
    fn small_numbers_are_a_match(name in prop::sample::select(Match::NAMES), revision in 0u32..6, family in family(),
                                 info in prop::collection::vec(0u8..4, 0..2100)) {
        let read = Match::decode(name, revision, family, &info);
        let _ = read.options(&NoSetNames);
        if let Ok(bytes) = read.encode(revision, family) {
            prop_assert_eq!(Match::decode(name, revision, family, &bytes), read);
        }
    }

    #[test]
    fn any_bytes_are_a_target(name in prop::sample::select(Target::NAMES), revision in 0u32..6, family in family(),
                              info in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..400)) {
        let read = Target::decode(name, revision, family, &info);
        let _ = read.options(&NoSetNames);
        if let Ok(bytes) = read.encode(revision, family) {
            prop_assert_eq!(Target::decode(name, revision, family, &bytes), read);
        }
    }

    #[test]
    fn matches_come_back((family, (revision, m)) in family().prop_flat_map(|f| (Just(f), matches(f)))) {
        let bytes = m.encode(revision, family).unwrap();
        prop_assert_eq!(bytes.len() % 8, 0);
        prop_assert_eq!(Match::decode(m.name(), revision, family, &bytes), m);
    }

    #[test]
    fn targets_come_back((family, (revision, t)) in family().prop_flat_map(|f| (Just(f), targets(f)))) {
        let bytes = t.encode(revision, family).unwrap();
        prop_assert_eq!(Target::decode(t.name(), revision, family, &bytes), t);
    }
}

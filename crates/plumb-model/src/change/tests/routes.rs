use super::*;
use crate::{ChangeError, IpFamily, PolicyAction, PolicyRule, RouteKind};

/// The lists are what `ip route show table all` showed after the same commands on Linux 6.18.
#[test]
fn addresses_bring_and_take_their_routes() {
    let mut s = machine();
    add_address(&mut s, "10.0.0.1/24");
    add_address(&mut s, "10.0.0.7/24");
    add_address(&mut s, "10.0.0.8/32");
    let mut all = routes(&s);
    all.sort();
    assert_eq!(
        all,
        [
            "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1",
            "local: broadcast 10.0.0.255 dev eth0 proto kernel scope link src 10.0.0.1",
            "local: local 10.0.0.1 dev eth0 proto kernel scope host src 10.0.0.1",
            "local: local 10.0.0.7 dev eth0 proto kernel scope host src 10.0.0.1",
            "local: local 10.0.0.8 dev eth0 proto kernel scope host src 10.0.0.8",
        ]
    );
    let mut by_source = route("10.5.0.0/16", "10.0.0.9", 2);
    by_source.prefsrc = "10.0.0.1".parse().ok();
    change(A, Action::AddRoute(by_source)).apply(&mut s).unwrap();

    let delete = |text| Action::DeleteAddress { device: "eth0".into(), address: address(text) };
    // The primary takes its secondary along (promote_secondaries is off).
    change(A, delete("10.0.0.1/24")).apply(&mut s).unwrap();
    assert_eq!(routes(&s), ["local: local 10.0.0.8 dev eth0 proto kernel scope host src 10.0.0.8"]);
    assert_eq!(s.namespace(A).unwrap().addresses.items().len(), 1);
    change(A, delete("10.0.0.8/32")).apply(&mut s).unwrap();
    assert!(routes(&s).is_empty());
    assert!(matches!(change(A, delete("10.0.0.8/32")).apply(&mut s), Err(ChangeError::NotFound(_))));
}

#[test]
fn a_secondary_is_promoted_where_asked_for() {
    let mut s = machine();
    s.namespace_mut(A)
        .unwrap()
        .sysctls
        .0
        .insert("net.ipv4.conf.all.promote_secondaries".into(), Read::Got("1".into()));
    add_address(&mut s, "10.0.0.1/24");
    add_address(&mut s, "10.0.0.7/24");
    change(A, Action::DeleteAddress { device: "eth0".into(), address: address("10.0.0.1/24") })
        .apply(&mut s)
        .unwrap();
    assert!(routes(&s).contains(&"10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.7".to_owned()));
}

#[test]
fn ipv6_addresses_bring_their_routes() {
    let mut s = machine();
    add_address(&mut s, "fd00::1/64");
    assert_eq!(
        routes(&s),
        [
            "local: local fd00::1 dev eth0 proto kernel metric 0 pref medium",
            "fd00::/64 dev eth0 proto kernel metric 256 pref medium",
            "local: multicast ff00::/8 dev eth0 proto kernel metric 256 pref medium",
        ]
    );
    let off = Action::SetSysctl { name: "net.ipv6.conf.all.disable_ipv6".into(), value: "1".into() };
    change(A, off).apply(&mut s).unwrap();
    assert!(routes(&s).is_empty());
    let again = Action::AddAddress { device: "eth0".into(), address: address("fd00::1/64") };
    assert!(matches!(change(A, again).apply(&mut s), Err(ChangeError::Refused { .. })));
}

#[test]
fn a_route_needs_a_gateway_that_is_reached_directly() {
    let mut s = machine();
    let default = || Action::AddRoute(route("0.0.0.0/0", "10.0.0.254", 0));
    assert!(matches!(change(A, default()).apply(&mut s), Err(ChangeError::Refused { .. })));
    add_address(&mut s, "10.0.0.1/24");
    change(A, default()).apply(&mut s).unwrap();
    // The kernel finds the device.
    assert!(routes(&s).contains(&"default via 10.0.0.254 dev eth0".to_owned()));
    assert!(matches!(change(A, default()).apply(&mut s), Err(ChangeError::AlreadyThere(_))));
    let mut other_metric = route("0.0.0.0/0", "10.0.0.254", 0);
    other_metric.priority = 5;
    change(A, Action::AddRoute(other_metric.clone())).apply(&mut s).unwrap();
    other_metric.next_hops.clear();
    change(A, Action::DeleteRoute(other_metric)).apply(&mut s).unwrap();
    assert!(routes(&s).contains(&"default via 10.0.0.254 dev eth0".to_owned()));

    let mut v6 = route("fd09::/64", "", 0);
    (v6.kind, v6.next_hops) = (RouteKind::Unreachable, vec![]);
    change(A, Action::AddRoute(v6)).apply(&mut s).unwrap();
    assert!(routes(&s).contains(&"unreachable fd09::/64 dev lo metric 1024 pref medium".to_owned()));
}

#[test]
fn policy_rules_keep_their_order() {
    let mut s = machine();
    let rule = |priority, table| PolicyRule {
        family: IpFamily::V4,
        priority,
        action: PolicyAction::ToTable(table),
        invert: false,
        src: None,
        dst: None,
        iifname: None,
        oifname: None,
        fwmark: None,
        tos: 0,
        uid_range: None,
        ip_proto: None,
        sport: None,
        dport: None,
        suppress_prefixlen: None,
        suppress_ifgroup: None,
        l3mdev: false,
        protocol: 3,
        unknown_attributes: vec![],
    };
    for r in [rule(0, 255), rule(32766, 254), rule(100, 7), rule(100, 8)] {
        change(A, Action::AddPolicyRule(r)).apply(&mut s).unwrap();
    }
    let tables: Vec<_> = s.namespace(A).unwrap().rules.items().iter().map(|r| r.action).collect();
    assert_eq!(tables, [255, 7, 8, 254].map(PolicyAction::ToTable));
    let twice = change(A, Action::AddPolicyRule(rule(100, 7)));
    assert!(matches!(twice.apply(&mut s), Err(ChangeError::AlreadyThere(_))));
    change(A, Action::DeletePolicyRule(rule(100, 7))).apply(&mut s).unwrap();
    assert!(change(A, Action::DeletePolicyRule(rule(100, 7))).apply(&mut s).is_err());
}

#[test]
fn what_was_not_read_cannot_be_changed() {
    let mut s = machine();
    s.namespace_mut(A).unwrap().routes = Read::Denied { capability: "CAP_SYS_ADMIN".into() };
    let error = change(A, Action::AddRoute(route("10.0.0.0/8", "", 2))).apply(&mut s).unwrap_err();
    assert!(matches!(error, ChangeError::NotRead { what: "routes", .. }));
    let gone = change(NamespaceId(99), Action::SetMtu { device: "x".into(), mtu: 1 });
    assert_eq!(gone.apply(&mut s), Err(ChangeError::NoNamespace(NamespaceId(99))));
}

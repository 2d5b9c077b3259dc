use plumb_nft::{Family, Verdict};

use super::nft::with_nft;
use super::*;
use crate::{
    CtEntry, CtStatus, IpFamily, Neighbour, NeighbourState, PolicyAction, Position, Protocol, Tuple,
};

fn command(namespace: NamespaceId, action: Action) -> String {
    change(namespace, action).commands(&with_nft()).concat()
}

#[test]
fn rules_of_nft_and_iptables() {
    let (family, table, chain) = (Family::Ip, "filter".to_owned(), "forward".to_owned());
    let delete = Action::DeleteRule { family, table: table.clone(), chain: chain.clone(), handle: 7 };
    assert_eq!(command(A, delete), "ip netns exec a nft delete rule ip filter forward handle 7");
    let policy =
        Action::SetPolicy { family, table: table.clone(), chain: chain.clone(), policy: Verdict::Accept };
    assert_eq!(command(A, policy), "ip netns exec a nft chain ip filter forward '{ policy accept; }'");
    let xtables = Action::AddRule {
        family,
        table: table.clone(),
        chain,
        position: Position::Last,
        rule: super::nft::drop_rule(0),
        xtables: Some("-A FORWARD -p tcp -j ACCEPT".into()),
    };
    assert_eq!(command(A, xtables), "ip netns exec a iptables-nft -t filter -A FORWARD -p tcp -j ACCEPT");
    assert_eq!(
        command(A, Action::DeleteTable { family, table }),
        "ip netns exec a nft delete table ip filter"
    );
}

#[test]
fn rules_and_elements_in_nfts_words() {
    let (family, table, chain) = (Family::Ip, "filter".to_owned(), "forward".to_owned());
    let at = |position| {
        let (table, chain, rule) = (table.clone(), chain.clone(), super::nft::drop_rule(0));
        command(A, Action::AddRule { family, table, chain, position, rule, xtables: None })
    };
    assert_eq!(at(Position::Last), "ip netns exec a nft add rule ip filter forward drop");
    assert_eq!(at(Position::First), "ip netns exec a nft insert rule ip filter forward drop");
    assert_eq!(at(Position::Before(7)), "ip netns exec a nft insert rule ip filter forward handle 7 drop");
    assert_eq!(at(Position::After(7)), "ip netns exec a nft add rule ip filter forward handle 7 drop");
    let key = |b: [u8; 4]| plumb_nft::Element { key: b.to_vec().into(), ..Default::default() };
    let add = |set: &str, element| {
        command(A, Action::AddElement { family, table: table.clone(), set: set.into(), element })
    };
    assert_eq!(
        add("plain", key([10, 0, 0, 1])),
        "ip netns exec a nft add element ip filter plain '{ 10.0.0.1 }'"
    );
    let range =
        |last: [u8; 4]| plumb_nft::Element { key_end: Some(last.to_vec().into()), ..key([10, 0, 0, 0]) };
    assert_eq!(
        add("ranges", range([10, 0, 0, 255])),
        "ip netns exec a nft add element ip filter ranges '{ 10.0.0.0/24 }'"
    );
    assert_eq!(
        add("ranges", range([10, 0, 0, 9])),
        "ip netns exec a nft add element ip filter ranges '{ 10.0.0.0-10.0.0.9 }'"
    );
    assert_eq!(
        add("ranges", key([10, 0, 0, 0])),
        "ip netns exec a nft add element ip filter ranges '{ 10.0.0.0 }'"
    );
    let mut s = with_nft();
    let element = range([10, 0, 0, 9]);
    change(A, Action::AddElement { family, table: table.clone(), set: "ranges".into(), element })
        .apply(&mut s)
        .unwrap();
    let delete = Action::DeleteElement { family, table, set: "ranges".into(), element: key([10, 0, 0, 0]) };
    assert_eq!(
        change(A, delete).commands(&s).concat(),
        "ip netns exec a nft delete element ip filter ranges '{ 10.0.0.0-10.0.0.9 }'"
    );
}

#[test]
fn routes_are_written_as_a_person_would() {
    let add = |r: Route| command(A, Action::AddRoute(r));
    assert_eq!(
        add(route("0.0.0.0/0", "10.0.0.254", 2)),
        "ip netns exec a ip route add default via 10.0.0.254 dev eth0"
    );
    let mut connected = route("10.1.0.0/16", "", 2);
    (connected.scope, connected.table, connected.protocol) = (253, 100, 2);
    assert_eq!(add(connected.clone()), "ip netns exec a ip route add 10.1.0.0/16 dev eth0 table 100");
    assert_eq!(
        command(A, Action::DeleteRoute(connected)),
        "ip netns exec a ip route del 10.1.0.0/16 dev eth0 table 100"
    );
    let mut blackhole = route("fd09::/64", "", 1);
    (blackhole.kind, blackhole.priority) = (crate::RouteKind::Blackhole, 1024);
    assert_eq!(
        command(HOST, Action::DeleteRoute(blackhole)),
        "ip -6 route del blackhole fd09::/64 metric 1024"
    );
    let mut onlink = route("10.9.0.0/16", "192.168.0.1", 2);
    onlink.next_hops[0].flags = NextHop::ONLINK | NextHop::LINKDOWN;
    onlink.metrics.extend([(1, 4), (2, 1400)]);
    assert_eq!(
        add(onlink),
        "ip netns exec a ip route add 10.9.0.0/16 via 192.168.0.1 dev eth0 onlink mtu lock 1400"
    );
    let mut ecmp = route("10.5.0.0/16", "10.0.0.2", 2);
    ecmp.table = 7;
    ecmp.next_hops.extend(route("10.5.0.0/16", "10.0.0.3", 2).next_hops);
    assert_eq!(
        add(ecmp),
        "ip netns exec a ip route add 10.5.0.0/16 table 7 nexthop via 10.0.0.2 dev eth0 weight 1 \
         nexthop via 10.0.0.3 dev eth0 weight 1"
    );
    let rule = crate::PolicyRule {
        family: IpFamily::V4,
        priority: 100,
        action: PolicyAction::ToTable(7),
        invert: false,
        src: "10.0.0.0/8".parse().ok(),
        dst: None,
        iifname: None,
        oifname: None,
        fwmark: Some((1, u32::MAX)),
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
    assert_eq!(
        command(A, Action::DeletePolicyRule(rule)),
        "ip netns exec a ip rule del pref 100 from 10.0.0.0/8 fwmark 0x1 lookup 7"
    );
}

#[test]
fn devices_and_sysctls() {
    let sysctl = |name: &str| command(HOST, Action::SetSysctl { name: name.into(), value: "1".into() });
    assert_eq!(sysctl("net.ipv4.ip_forward"), "sysctl -w net.ipv4.ip_forward=1");
    assert_eq!(sysctl("net.ipv4.conf.up.100.rp_filter"), "sysctl -w net/ipv4/conf/up.100/rp_filter=1");
    let range = Action::SetSysctl { name: "net.ipv4.ip_local_port_range".into(), value: "1024 65000".into() };
    assert_eq!(command(HOST, range), "sysctl -w 'net.ipv4.ip_local_port_range=1024 65000'");
    let up = Action::SetLinkUp { device: "eth0".into(), up: true };
    assert_eq!(command(A, up), "ip netns exec a ip link set dev eth0 up");
    let flood = Action::SetBridgePort { device: "v0".into(), attribute: "flood".into(), value: "on".into() };
    assert_eq!(command(HOST, flood), "bridge link set dev v0 flood on");
    let state =
        Action::SetBridgePort { device: "v0".into(), attribute: "state".into(), value: "forwarding".into() };
    assert_eq!(command(HOST, state), "bridge link set dev v0 state 3");
    let master = Action::SetMaster { device: "v 0".into(), master: Some("br0".into()) };
    assert_eq!(command(HOST, master), "ip link set dev 'v 0' master br0");
    let add = Action::AddAddress { device: "eth0".into(), address: address("fd00::1/64") };
    assert_eq!(command(A, add), "ip netns exec a ip -6 addr add fd00::1/64 dev eth0");
    let neighbour = Neighbour {
        index: 2,
        addr: "10.0.0.9".parse().unwrap(),
        lladdr: Some(Mac([2, 0, 0, 0, 0, 9])),
        state: NeighbourState::PERMANENT,
        flags: 0,
    };
    assert_eq!(
        command(A, Action::SetNeighbour { device: "eth0".into(), neighbour }),
        "ip netns exec a ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent"
    );
}

#[test]
fn conntrack_entries() {
    let original = Tuple {
        src: "10.0.0.1".parse().unwrap(),
        dst: "10.96.0.1".parse().unwrap(),
        protocol: Protocol::TCP,
        sport: 40000,
        dport: 80,
        icmp: None,
    };
    let entry = CtEntry {
        original,
        reply: original,
        status: CtStatus(0),
        timeout: 0,
        tcp_state: None,
        mark: 0,
        zone: 3,
        zone_direction: None,
        labels: Default::default(),
        helper: None,
        id: 0,
        counters: None,
    };
    assert_eq!(
        command(A, Action::DeleteConntrack(entry)),
        "ip netns exec a conntrack -D -p tcp -s 10.0.0.1 -d 10.96.0.1 --sport 40000 --dport 80 --zone 3"
    );
}

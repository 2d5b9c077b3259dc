use super::*;
use crate::{ChangeError, FdbEntry, IpFamily, Neighbour, NeighbourState, Protocol};

fn device(s: &Snapshot, ns: NamespaceId, name: &str) -> Link {
    s.namespace(ns).unwrap().link_by_name(name).unwrap().clone()
}

fn set_up(s: &mut Snapshot, ns: NamespaceId, name: &str, up: bool) {
    change(ns, Action::SetLinkUp { device: name.into(), up }).apply(s).unwrap();
}

#[test]
fn a_device_that_goes_down_takes_its_routes_and_its_peers_carrier() {
    let mut s = machine();
    add_address(&mut s, "10.0.0.1/24");
    add_address(&mut s, "fd00::1/64");
    change(A, Action::AddRoute(route("0.0.0.0/0", "10.0.0.254", 0))).apply(&mut s).unwrap();
    set_up(&mut s, A, "eth0", false);
    // The local route stays, as on Linux: the address still answers.
    assert_eq!(routes(&s), ["local: local 10.0.0.1 dev eth0 proto kernel scope host src 10.0.0.1"]);
    assert_eq!(s.namespace(A).unwrap().addresses.items().len(), 1);
    let port = device(&s, HOST, "v0");
    assert_eq!((port.carrier, port.operstate, port.port.unwrap().state), (Some(false), 3, 0));
    assert_eq!(device(&s, HOST, "br0").carrier, Some(false));

    set_up(&mut s, A, "eth0", true);
    let all = routes(&s);
    assert!(all.contains(&"10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1".to_owned()), "{all:?}");
    // The default route does not come back by itself, the link-local address does (EUI-64 of 02:00:00:00:00:02).
    assert!(!all.iter().any(|r| r.starts_with("default")));
    assert!(
        s.namespace(A)
            .unwrap()
            .addresses
            .items()
            .iter()
            .any(|a| a.prefix.to_string() == "fe80::ff:fe00:2/64")
    );
    let port = device(&s, HOST, "v0");
    assert_eq!((port.carrier, port.operstate, port.port.unwrap().state), (Some(true), 6, 3));
    assert_eq!(device(&s, HOST, "br0").carrier, Some(true));
}

#[test]
fn a_lost_carrier_marks_routes_but_keeps_them() {
    let mut s = machine();
    add_address(&mut s, "10.0.0.1/24");
    set_up(&mut s, HOST, "v0", false);
    assert!(
        routes(&s).contains(&"10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 linkdown".to_owned())
    );
    set_up(&mut s, HOST, "v0", true);
    assert!(routes(&s).contains(&"10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1".to_owned()));
}

#[test]
fn a_multipath_route_loses_hops_one_by_one() {
    let mut s = machine();
    let ns = s.namespace_mut(A).unwrap();
    ns.links.value_mut().unwrap().push(link(3, "eth1", "veth", None));
    add_address(&mut s, "10.0.0.1/24");
    change(A, Action::AddAddress { device: "eth1".into(), address: address("10.0.1.1/24") })
        .apply(&mut s)
        .unwrap();
    let mut ecmp = route("10.5.0.0/16", "10.0.0.2", 2);
    ecmp.next_hops.extend(route("10.5.0.0/16", "10.0.1.2", 3).next_hops);
    change(A, Action::AddRoute(ecmp)).apply(&mut s).unwrap();
    set_up(&mut s, A, "eth0", false);
    let hop = "10.5.0.0/16 nexthop via 10.0.0.2 dev eth0 weight 1 dead linkdown nexthop via 10.0.1.2 dev eth1 weight 1";
    assert!(routes(&s).contains(&hop.to_owned()), "{:?}", routes(&s));
    set_up(&mut s, A, "eth1", false);
    assert!(!routes(&s).iter().any(|r| r.contains("10.5.0.0")));
}

#[test]
fn ports_come_and_go() {
    let mut s = machine();
    let to = |master: Option<&str>| {
        change(HOST, Action::SetMaster { device: "v0".into(), master: master.map(str::to_owned) })
    };
    to(None).apply(&mut s).unwrap();
    assert_eq!((device(&s, HOST, "v0").port, device(&s, HOST, "br0").carrier), (None, Some(false)));
    let flood = |on: &str| {
        let (attribute, value) = ("flood".into(), on.into());
        change(HOST, Action::SetBridgePort { device: "v0".into(), attribute, value })
    };
    assert!(matches!(flood("off").apply(&mut s), Err(ChangeError::NotFound(_))));
    to(Some("br0")).apply(&mut s).unwrap();
    assert_eq!(device(&s, HOST, "v0").port, Some(BridgePort::default()));
    assert_eq!(device(&s, HOST, "br0").carrier, Some(true));
    assert_eq!(s.namespace(HOST).unwrap().fdb.items().len(), 1);
    flood("off").apply(&mut s).unwrap();
    assert!(!device(&s, HOST, "v0").port.unwrap().flood);
    assert!(matches!(flood("maybe").apply(&mut s), Err(ChangeError::Refused { .. })));
    assert!(matches!(to(Some("up.100")).apply(&mut s), Err(ChangeError::Refused { .. })));
    assert!(matches!(to(Some("nope")).apply(&mut s), Err(ChangeError::NotFound(_))));
}

#[test]
fn forwarding_is_set_on_every_device() {
    let mut s = machine();
    let set =
        |name: &str, value: &str| change(A, Action::SetSysctl { name: name.into(), value: value.into() });
    set("net.ipv4.ip_forward", "1").apply(&mut s).unwrap();
    let text = |s: &Snapshot, n: &str| s.namespace(A).unwrap().sysctls.text(n).map(str::to_owned);
    for name in ["conf.all.forwarding", "conf.default.forwarding", "conf.eth0.forwarding"] {
        assert_eq!(text(&s, &format!("net.ipv4.{name}")).as_deref(), Some("1"), "{name}");
    }
    set("net.ipv6.conf.all.forwarding", "1").apply(&mut s).unwrap();
    assert_eq!(text(&s, "net.ipv6.conf.eth0.forwarding").as_deref(), Some("1"));
    assert!(matches!(set("net.ipv4.conf.eth9.rp_filter", "1").apply(&mut s), Err(ChangeError::NotFound(_))));
    set("net.ipv4.conf.eth0.rp_filter", "2").apply(&mut s).unwrap();
    assert_eq!(text(&s, "net.ipv4.conf.eth0.rp_filter").as_deref(), Some("2"));
}

#[test]
fn one_listener_a_port() {
    let mut s = machine();
    let listener = |address: &str, start: bool| {
        let (address, port): (std::net::IpAddr, _) = (address.parse().unwrap(), 80);
        let (family, protocol) = (IpFamily::of(address), Protocol::TCP);
        change(
            A,
            match start {
                true => Action::StartListener { family, protocol, address, port },
                false => Action::StopListener { family, protocol, address, port },
            },
        )
    };
    listener("10.0.0.1", true).apply(&mut s).unwrap();
    listener("10.0.0.2", true).apply(&mut s).unwrap();
    for taken in ["10.0.0.1", "0.0.0.0", "::"] {
        assert!(matches!(listener(taken, true).apply(&mut s), Err(ChangeError::AlreadyThere(_))), "{taken}");
    }
    listener("fd00::1", true).apply(&mut s).unwrap();
    listener("10.0.0.1", false).apply(&mut s).unwrap();
    assert!(matches!(listener("10.0.0.1", false).apply(&mut s), Err(ChangeError::NotFound(_))));
    assert_eq!(
        listener("10.0.0.1", true).advice(&s).unwrap().to_string(),
        "start what should listen on tcp 10.0.0.1:80 in a"
    );
}

#[test]
fn a_stopped_process_goes_on() {
    let mut s = machine();
    let resume = change(A, Action::ResumeProcess { pid: 7 });
    assert!(matches!(resume.apply(&mut s), Err(ChangeError::NotFound(_))));
    let serving = crate::Serving {
        sockets: vec![1],
        state: Some('T'),
        open_files: 3,
        max_open_files: None,
        throttling: None,
        pids: None,
    };
    let process = crate::Process {
        pid: 7,
        comm: "web".to_owned(),
        container: None,
        pod_uid: None,
        serving: Some(serving),
    };
    s.namespace_mut(A).unwrap().processes = vec![process];
    resume.apply(&mut s).unwrap();
    assert_eq!(s.namespace(A).unwrap().processes[0].serving.as_ref().unwrap().state, Some('S'));
    assert_eq!(resume.commands(&s), ["kill -CONT 7"]);
}

#[test]
fn neighbours_and_forwarding_entries_are_replaced() {
    let mut s = machine();
    let neighbour = |mac: u8| Neighbour {
        index: 0,
        addr: "10.0.0.9".parse().unwrap(),
        lladdr: Some(Mac([2, 0, 0, 0, 0, mac])),
        state: NeighbourState::PERMANENT,
        flags: 0,
    };
    for mac in [1, 2] {
        let action = Action::SetNeighbour { device: "eth0".into(), neighbour: neighbour(mac) };
        change(A, action).apply(&mut s).unwrap();
    }
    let all = s.namespace(A).unwrap().neighbours.items().to_vec();
    assert_eq!(all, [Neighbour { index: 2, ..neighbour(2) }]);
    let gone = Action::DeleteNeighbour { device: "eth0".into(), address: "10.0.0.9".parse().unwrap() };
    change(A, gone.clone()).apply(&mut s).unwrap();
    assert!(change(A, gone).apply(&mut s).is_err());

    let entry = FdbEntry {
        index: 0,
        lladdr: Mac([2, 0, 0, 0, 0, 9]),
        master: Some(2),
        vlan: None,
        state: NeighbourState::NOARP,
        flags: 4,
        dst: None,
        vni: None,
        port: None,
    };
    let add = Action::AddFdb { device: "v0".into(), entry: entry.clone() };
    change(HOST, add.clone()).apply(&mut s).unwrap();
    change(HOST, add).apply(&mut s).unwrap();
    assert_eq!(s.namespace(HOST).unwrap().fdb.items().len(), 1);
    let delete = Action::DeleteFdb { device: "v0".into(), entry };
    change(HOST, delete.clone()).apply(&mut s).unwrap();
    assert!(change(HOST, delete).apply(&mut s).is_err());
}

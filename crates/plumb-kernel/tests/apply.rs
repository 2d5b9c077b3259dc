//! Changes made for real are those that the model makes. Runs as root.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Net, address, of, read, route};
use plumb_kernel::{KernelError, NewLink, NewLinkKind, VethPeer, apply, probe};
use plumb_model::{Action, Change, IpFamily, Mac, Neighbour, NeighbourState, Protocol};
use plumb_nft::{
    BaseChain, Batch, Bytes, Chain, ChainType, Element, Expr, Family, Hook, Place, Rule, Set, Table,
    TableKey, Verdict,
};

fn common_table(name: &str) -> Table {
    Table::new(Family::Inet, name)
}

fn key(name: &str) -> TableKey {
    TableKey { family: Family::Inet, name: name.into() }
}

fn drop_rule() -> Rule {
    let data = plumb_nft::Data::Verdict(Verdict::Drop);
    Rule {
        handle: 0,
        exprs: vec![
            Expr::Counter { packets: 0, bytes: 0 },
            Expr::Immediate { dreg: plumb_nft::Register::VERDICT, data },
        ],
        userdata: Bytes::default(),
        compat: None,
    }
}

fn input_chain() -> Chain {
    Chain {
        name: "input".into(),
        base: Some(BaseChain {
            kind: ChainType::Filter,
            hook: Hook::Input,
            priority: 0,
            policy: Verdict::Accept,
            devices: Vec::new(),
            counters: None,
        }),
        handle: 0,
        flags: 0,
        userdata: Bytes::default(),
        rules: Vec::new(),
    }
}

#[test]
fn a_transaction_names_what_was_refused() {
    let mut net = Net::new("nft");
    let mut batch = Batch::new(1, None);
    batch.add_table(&common_table("t")).unwrap();
    batch.add_chain(&key("t"), &input_chain()).unwrap();
    batch.add_rule(&key("t"), "nowhere", &drop_rule(), Place::Last).unwrap();
    let error = net.writer.nftables(batch).unwrap_err();
    assert_eq!(error.errno(), Some(2), "{error}");
    assert!(error.to_string().starts_with("add rule inet t nowhere: "), "{error}");
    // Nothing was done.
    let snapshot = read(&[&net]);
    assert_eq!(of(&snapshot, &net).nft.value().unwrap().tables.len(), 0);

    let mut batch = Batch::new(1, None);
    batch.add_table(&common_table("t")).unwrap();
    batch.add_chain(&key("t"), &input_chain()).unwrap();
    for _ in 0..3 {
        batch.add_rule(&key("t"), "input", &drop_rule(), Place::Last).unwrap();
    }
    net.writer.nftables(batch).unwrap();
    let snapshot = read(&[&net]);
    let rules = &of(&snapshot, &net).nft.value().unwrap().tables[0].chains[0].rules;
    assert_eq!(rules.len(), 3);
    assert_eq!(net.writer.ruleset().unwrap(), of(&snapshot, &net).nft);
    let mut stale = Batch::new(1, Some(1));
    stale.add_table(&common_table("u")).unwrap();
    assert_eq!(net.writer.nftables(stale).unwrap_err().errno(), Some(85));
}

#[test]
fn changes_are_real_and_undone() {
    let (mut client, mut server) = (Net::new("c"), Net::new("s"));
    client.join("eth0", &server, "eth0");
    client.address("eth0", "10.7.0.1/24");
    server.address("eth0", "10.7.0.2/24");
    server
        .writer
        .add_link(&NewLink { up: true, ..NewLink::new("br0", NewLinkKind::Bridge { vlan_filtering: false }) })
        .unwrap();
    let peer = VethPeer { name: "d1", up: true, ..VethPeer::default() };
    server.writer.add_link(&NewLink { up: true, ..NewLink::new("d0", NewLinkKind::Veth(peer)) }).unwrap();
    let mut batch = Batch::new(1, None);
    batch.add_table(&common_table("t")).unwrap();
    batch.add_chain(&key("t"), &input_chain()).unwrap();
    let set: Set = serde_json::from_str(&format!(
        r#"{{"name": "s", "flags": {}, "key_type": 7, "key_len": 4}}"#,
        Set::INTERVAL
    ))
    .unwrap();
    batch.add_set(&key("t"), &set).unwrap();
    server.writer.nftables(batch).unwrap();

    let id = server.handle.id();
    let change = |action| Change { namespace: id, action };
    let do_it = |action: Action| {
        let snapshot = read(&[&client, &server]);
        apply(&change(action.clone()), &snapshot).unwrap_or_else(|e| panic!("{action:?}: {e}"));
        read(&[&client, &server])
    };
    let ping = || {
        let flow = probe::Flow::new(Protocol::ICMP, "10.7.0.2".parse().unwrap(), 0);
        let patience =
            probe::Patience { datagram: std::time::Duration::from_millis(200), ..Default::default() };
        probe::connect(&client.handle, &flow, &patience).unwrap().connects
    };
    // A neighbour may have to be asked for first: wait for the state, with a deadline.
    let reaches = || (0..50).any(|_| ping());
    assert!(reaches());

    let (family, table, chain) = (Family::Inet, "t".to_owned(), "input".to_owned());
    let after = do_it(Action::AddRule {
        family,
        table: table.clone(),
        chain: chain.clone(),
        position: plumb_model::Position::Last,
        rule: drop_rule(),
        xtables: None,
    });
    assert!(!ping());
    let handle = of(&after, &server).nft.value().unwrap().tables[0].chains[0].rules[0].handle;
    let after = do_it(Action::DeleteRule { family, table: table.clone(), chain: chain.clone(), handle });
    let gone = change(Action::DeleteRule { family, table: table.clone(), chain: chain.clone(), handle });
    assert_eq!(apply(&gone, &after).unwrap_err().errno(), Some(2));
    assert!(reaches());
    do_it(Action::SetPolicy { family, table: table.clone(), chain: chain.clone(), policy: Verdict::Drop });
    assert!(!ping());
    do_it(Action::SetPolicy { family, table: table.clone(), chain, policy: Verdict::Accept });
    assert!(reaches());

    let element = Element {
        key: Bytes(vec![10, 0, 0, 0]),
        key_end: Some(Bytes(vec![10, 0, 0, 255])),
        ..Element::default()
    };
    let set = "s".to_owned();
    let add = Action::AddElement { family, table: table.clone(), set: set.clone(), element: element.clone() };
    let before = read(&[&client, &server]);
    let mut model = before.clone();
    change(add.clone()).apply(&mut model).unwrap();
    let after = do_it(add);
    let elements = |s: &plumb_model::Snapshot| {
        let mut e = of(s, &server).nft.value().unwrap().tables[0].sets[0].elements.clone();
        e.sort_by(|a, b| (&a.key, a.flags).cmp(&(&b.key, b.flags)));
        e.into_iter().map(|e| (e.key, e.flags)).filter(|(k, _)| k.iter().any(|b| *b != 0)).collect::<Vec<_>>()
    };
    assert_eq!(elements(&after), elements(&model));
    assert_eq!(elements(&after).len(), 2);
    let after = do_it(Action::DeleteElement { family, table: table.clone(), set, element });
    assert_eq!(elements(&after).len(), 0);
    let whole = of(&after, &server).nft.value().unwrap().tables[0].clone();
    do_it(Action::DeleteTable { family, table: table.clone() });
    let after = do_it(Action::AddTable(whole.clone()));
    let again = of(&after, &server).nft.value().unwrap().tables[0].clone();
    let shape = |t: &plumb_nft::Table| {
        let chains = t.chains.iter().map(|c| (c.name.clone(), c.rules.len())).collect::<Vec<_>>();
        (t.name.clone(), chains, t.sets.iter().map(|s| s.name.clone()).collect::<Vec<_>>())
    };
    assert_eq!(shape(&again), shape(&whole));
    do_it(Action::DeleteTable { family, table });

    let mut batch = Batch::new(1, None);
    batch.add_table(&common_table("ct")).unwrap();
    batch.add_chain(&key("ct"), &input_chain()).unwrap();
    let state = Expr::Ct { key: plumb_nft::CtKey::State, dreg: plumb_nft::Register(1), direction: None };
    batch.add_rule(&key("ct"), "input", &Rule { exprs: vec![state], ..drop_rule() }, Place::Last).unwrap();
    plumb_kernel::NamespaceWriter::new(&server.handle).unwrap().nftables(batch).unwrap();
    assert!(reaches());
    let seen = read(&[&client, &server]);
    let table = of(&seen, &server).conntrack.value().unwrap();
    assert_eq!(table.count, Some(table.entries.len() as u64));
    let entry = table.entries[0].clone();
    assert_eq!((entry.original.protocol, entry.original.icmp.unwrap().kind), (Protocol::ICMP, 8));
    let after = do_it(Action::DeleteConntrack(entry.clone()));
    let left = &of(&after, &server).conntrack.value().unwrap().entries;
    assert!(!left.iter().any(|e| e.original == entry.original));
    let again = change(Action::DeleteConntrack(entry));
    assert!(matches!(apply(&again, &after), Err(KernelError::Missing { .. })));
    do_it(Action::DeleteTable { family, table: "ct".into() });

    let mut black = route("10.7.0.1/32", None, None);
    black.kind = plumb_model::RouteKind::Blackhole;
    let after = do_it(Action::AddRoute(black));
    assert!(!ping());
    let seen =
        of(&after, &server).routes.items().iter().find(|r| r.dst.to_string() == "10.7.0.1/32").unwrap();
    do_it(Action::DeleteRoute(seen.clone()));
    assert!(reaches());

    do_it(Action::SetLinkUp { device: "eth0".into(), up: false });
    assert!(!ping());
    do_it(Action::SetLinkUp { device: "eth0".into(), up: true });
    let after = do_it(Action::SetMtu { device: "eth0".into(), mtu: 1300 });
    assert_eq!(of(&after, &server).link_by_name("eth0").unwrap().mtu, 1300);
    let mac: Mac = "02:00:00:00:00:77".parse().unwrap();
    let after = do_it(Action::SetMac { device: "d0".into(), mac });
    assert_eq!(of(&after, &server).link_by_name("d0").unwrap().mac, Some(mac));
    do_it(Action::SetMaster { device: "d0".into(), master: Some("br0".into()) });
    let (attribute, value) = ("isolated".to_owned(), "on".to_owned());
    let after = do_it(Action::SetBridgePort { device: "d0".into(), attribute, value });
    assert!(of(&after, &server).link_by_name("d0").unwrap().port.as_ref().unwrap().isolated);
    let after = do_it(Action::SetMaster { device: "d0".into(), master: None });
    assert_eq!(of(&after, &server).link_by_name("d0").unwrap().master, None);
    let neighbour = Neighbour {
        index: 0,
        addr: "10.7.0.1".parse().unwrap(),
        lladdr: Some("02:00:00:00:00:99".parse().unwrap()),
        state: NeighbourState::PERMANENT,
        flags: 0,
    };
    do_it(Action::SetNeighbour { device: "eth0".into(), neighbour });
    assert!(!ping());
    do_it(Action::DeleteNeighbour { device: "eth0".into(), address: "10.7.0.1".parse().unwrap() });
    assert!(reaches());
    do_it(Action::SetSysctl { name: "net.ipv4.icmp_echo_ignore_all".into(), value: "1".into() });
    assert!(!ping());
    do_it(Action::SetSysctl { name: "net.ipv4.icmp_echo_ignore_all".into(), value: "0".into() });
    assert!(reaches());
    do_it(Action::AddAddress { device: "d0".into(), address: address("fd07::9/64") });
    let after = do_it(Action::DeleteAddress { device: "d0".into(), address: address("fd07::9/64") });
    assert!(!of(&after, &server).addresses.items().iter().any(|a| a.prefix.to_string() == "fd07::9/64"));
    let listener = Action::StartListener {
        family: IpFamily::V4,
        protocol: Protocol::TCP,
        address: "0.0.0.0".parse().unwrap(),
        port: 1,
    };
    assert!(matches!(apply(&change(listener), &after), Err(KernelError::Unsupported { .. })));
}

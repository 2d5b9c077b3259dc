#![allow(clippy::unwrap_used)]
use plumb_api::Object;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn object(value: serde_json::Value) -> Object {
    Object::from_json(value).unwrap()
}

fn cluster() -> Zone {
    let objects = [
        object(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10", "fd00::a"],
                "ports": [{"name": "http", "port": 80}]}}),
        ),
        object(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"clusterIP": "None", "ports": [{"name": "sql", "port": 5432}]}}),
        ),
        object(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ext", "namespace": "shop"},
            "spec": {"type": "ExternalName", "externalName": "api.example.com"}}),
        ),
        object(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "alias", "namespace": "shop"},
            "spec": {"type": "ExternalName", "externalName": "web.shop.svc.cluster.local"}}),
        ),
        object(json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": "db-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "db"}},
            "endpoints": [{"addresses": ["10.244.1.2"], "hostname": "db-0"}, {"addresses": ["10.244.1.3"]},
                {"addresses": ["10.244.1.4"], "conditions": {"ready": false}}],
            "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]})),
        object(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
            "status": {"podIP": "10.244.1.9", "podIPs": [{"ip": "10.244.1.9"}, {"ip": "fd00::"}]}})),
    ];
    Zone::new("cluster.local", &objects)
}

fn addresses(name: &str) -> String {
    match cluster().addresses(name) {
        None => "not ours".to_owned(),
        Some(Err(looked)) => format!("{looked:?}"),
        Some(Ok(all)) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}

#[test]
fn names_of_a_cluster() {
    for (name, expected) in [
        ("web.shop.svc.cluster.local", "10.96.0.10 fd00::a"),
        ("WEB.Shop.svc.Cluster.Local.", "10.96.0.10 fd00::a"),
        ("db.shop.svc.cluster.local", "10.244.1.2 10.244.1.3"),
        ("db-0.db.shop.svc.cluster.local", "10.244.1.2"),
        ("10-244-1-3.db.shop.svc.cluster.local", "10.244.1.3"),
        ("10-244-1-9.shop.pod.cluster.local", "10.244.1.9"),
        ("fd00--0.shop.pod.cluster.local", "fd00::"),
        ("alias.shop.svc.cluster.local", "10.96.0.10 fd00::a"),
        // What an alias out of the zone stands for is not known here.
        ("ext.shop.svc.cluster.local", "not ours"),
        ("shop.svc.cluster.local", "NoData"),
        ("_http._tcp.web.shop.svc.cluster.local", "NoData"),
        ("web.other.svc.cluster.local", "NoName"),
        ("10-244-1-4.db.shop.svc.cluster.local", "NoName"),
        ("web.shop.svc.cluster.local.shop.svc.cluster.local", "NoName"),
        ("api.example.com", "not ours"),
        ("xcluster.local", "not ours"),
    ] {
        assert_eq!(addresses(name), expected, "{name}");
    }
    assert_eq!(cluster().named("db"), ["db.shop.svc.cluster.local"]);
}

#[test]
fn other_records_of_a_cluster() {
    let zone = cluster();
    let one = |name: &str, kind| match zone.look_up(name, kind) {
        Looked::Records(records) => records.into_iter().map(|r| r.data).collect::<Vec<_>>(),
        other => panic!("{name}: {other:?}"),
    };
    let srv = |port, target: &str| Data::Srv { priority: 0, weight: 100, port, target: target.to_owned() };
    assert_eq!(
        one("_http._tcp.web.shop.svc.cluster.local", Kind::Srv),
        [srv(80, "web.shop.svc.cluster.local")]
    );
    assert_eq!(
        one("_sql._tcp.db.shop.svc.cluster.local", Kind::Srv),
        [srv(5432, "db-0.db.shop.svc.cluster.local"), srv(5432, "10-244-1-3.db.shop.svc.cluster.local")]
    );
    let ptr = |name: &str| vec![Data::Ptr(name.to_owned())];
    assert_eq!(one("10.0.96.10.in-addr.arpa", Kind::Ptr), ptr("web.shop.svc.cluster.local"));
    assert_eq!(one("2.1.244.10.in-addr.arpa", Kind::Ptr), ptr("db-0.db.shop.svc.cluster.local"));
    assert_eq!(zone.look_up("3.1.244.10.in-addr.arpa", Kind::Ptr), Looked::NotOurs);
    let v6 = "a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
    assert_eq!(one(v6, Kind::Ptr), ptr("web.shop.svc.cluster.local"));
    assert_eq!(one("dns-version.cluster.local", Kind::Txt), [Data::Txt(b"1.1.0".to_vec())]);
}

fn asked(name: &str, kind: Kind, edns: Option<u16>, datagram: bool) -> (Message, Found) {
    let bytes = answer(&cluster(), &query(9, name, kind, edns).unwrap(), datagram).unwrap();
    let reply = Message::decode(&bytes).unwrap();
    let found = addresses_of(&reply, 9, name, kind);
    (reply, found)
}

#[test]
fn a_servers_answers() {
    let (reply, found) = asked("web.shop.svc.cluster.local", Kind::A, Some(1232), true);
    assert_eq!(found, Found::Addresses(vec!["10.96.0.10".parse().unwrap()]));
    assert!(reply.authoritative && reply.recursion_desired && reply.edns == Some(1232));
    assert_eq!(asked("no.shop.svc.cluster.local", Kind::A, None, true).1, Found::NoName);
    assert_eq!(asked("shop.svc.cluster.local", Kind::Aaaa, None, true).1, Found::NoData);
    assert_eq!(asked("example.com", Kind::A, None, true).1, Found::Fails(Rcode::REFUSED));
    // An alias within the zone brings what it stands for.
    let (_, found) = asked("alias.shop.svc.cluster.local", Kind::Aaaa, None, true);
    assert_eq!(found, Found::Addresses(vec!["fd00::a".parse().unwrap()]));
    // Another number, another name: not the answer.
    let bytes = answer(&cluster(), &query(9, "example.com", Kind::A, None).unwrap(), true).unwrap();
    let reply = Message::decode(&bytes).unwrap();
    assert_eq!(addresses_of(&reply, 8, "example.com", Kind::A), Found::NotMine);
    assert_eq!(addresses_of(&reply, 9, "example.org", Kind::A), Found::NotMine);
    assert_eq!(answer(&cluster(), &bytes, true), None, "an answer is not answered");
}

#[test]
fn what_does_not_fit_is_cut_off() {
    let endpoints: Vec<_> = (0..60).map(|n| json!({"addresses": [format!("10.244.2.{n}")]})).collect();
    let objects = [
        object(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "big", "namespace": "shop"},
            "spec": {"clusterIP": "None"}}),
        ),
        object(json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": "big-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "big"}},
            "endpoints": endpoints, "ports": []})),
    ];
    let zone = Zone::new("cluster.local.", &objects);
    let name = "big.shop.svc.cluster.local";
    let ask = |edns, datagram| {
        let bytes = answer(&zone, &query(1, name, Kind::A, edns).unwrap(), datagram).unwrap();
        (bytes.len(), addresses_of(&Message::decode(&bytes).unwrap(), 1, name, Kind::A))
    };
    let (size, found) = ask(None, true);
    assert!(size <= 512 && found == Found::Truncated);
    // 60 records of 16 bytes: too much for 512, little enough for 1232; a larger offer is not used up.
    assert!(matches!(ask(Some(1232), true).1, Found::Addresses(all) if all.len() == 60));
    assert!(matches!(ask(None, false).1, Found::Addresses(all) if all.len() == 60));
}

#[test]
fn strange_messages() {
    let reply = Message::decode(&answer(&cluster(), &[0, 5, 1, 0, 0, 1], true).unwrap()).unwrap();
    assert_eq!((reply.id, reply.rcode), (5, Rcode::FORMERR));
    let status = Message {
        id: 3,
        opcode: 2,
        questions: vec![Question { name: "a".into(), kind: Kind::A, class: 1 }],
        ..Message::default()
    };
    let reply = Message::decode(&answer(&cluster(), &status.encode().unwrap(), true).unwrap()).unwrap();
    assert_eq!(reply.rcode, Rcode::NOTIMP);
    // A pointer to itself.
    let mut bytes = query(1, "a", Kind::A, None).unwrap();
    bytes.truncate(12);
    bytes.extend([0xc0, 12, 0, 1, 0, 1]);
    assert_eq!(Message::decode(&bytes), Err(DnsError::Pointer));
    let long = "a".repeat(64);
    assert!(query(1, &long, Kind::A, None).is_err() && query(1, "a..b", Kind::A, None).is_err());
    let name = [long.get(1..).unwrap(); 4].join(".");
    assert!(query(1, &name, Kind::A, None).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        id: u16,
        names in proptest::collection::vec(proptest::collection::vec("[a-z0-9_-]{1,20}", 1..5), 1..6),
        ttl: u32,
        edns in proptest::option::of(512_u16..4096),
        addr: u32,
    ) {
        let names: Vec<String> = names.iter().map(|l| l.join(".")).collect();
        let mut records = Vec::new();
        for name in &names {
            for data in [Data::A(addr.into()), Data::Cname(names[0].clone()), Data::Txt(b"x".to_vec()),
                Data::Srv { priority: 1, weight: 2, port: 3, target: name.clone() }, Data::Other { kind: 99, bytes: vec![1] }] {
                records.push(Record { name: name.clone(), ttl, data });
            }
        }
        let message = Message {
            id, edns, response: true, answers: records.clone(), authority: records, truncated: true,
            questions: vec![Question { name: names[0].clone(), kind: Kind::Any, class: 1 }], ..Message::default()
        };
        let bytes = message.encode().unwrap();
        prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::decode(&bytes) && let Ok(again) = message.encode() {
            prop_assert_eq!(Message::decode(&again).unwrap(), message);
        }
        let _ = answer(&cluster(), &bytes, true);
    }
}

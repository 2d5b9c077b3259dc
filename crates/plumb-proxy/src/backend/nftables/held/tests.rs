//! Explanations of tables that hold what a Service says, and of the same with something missing or too much.
#![allow(clippy::unwrap_used)]

use plumb_api::address::IpFamily;
use plumb_api::{EndpointSlice, Object, Service};
use plumb_intent::{NodeContext, Services};
use plumb_nft::{Data, Element, Table};
use serde_json::json;

use super::super::elements::{self, Op, Value};
use super::super::frame::{FrameConfig, LocalDetector};
use super::super::userdata;
use crate::explain::{Explanation, Input, Item, Verdict, explain};

fn service() -> Service {
    let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.20", "externalTrafficPolicy": "Local",
            "externalIPs": ["198.51.100.7"], "loadBalancerSourceRanges": ["203.0.113.0/24", "192.0.2.0/25"],
            "ports": [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "dns", "port": 53, "protocol": "UDP"}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.9"}]}}});
    match Object::from_json(object).unwrap() {
        Object::Service(service) => service,
        other => panic!("{other:?}"),
    }
}

fn slice() -> EndpointSlice {
    let end = |host: u8, node: &str| json!({"addresses": [format!("10.244.0.{host}")], "nodeName": node});
    let ends = [end(1, "here"), end(2, "here"), end(3, "there"), end(4, "there"), end(5, "there")];
    let object = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"namespace": "shop", "name": "web-a", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": ends, "ports": [{"name": "http", "port": 8080}]});
    match Object::from_json(object).unwrap() {
        Object::EndpointSlice(slice) => slice,
        other => panic!("{other:?}"),
    }
}

fn services() -> Services {
    let node = NodeContext { name: "here".into(), zone: None, node_ips: Vec::new() };
    let mut services = Services::new(IpFamily::V4, node);
    services.apply_service(&service());
    services.apply_slice(&slice());
    services.take();
    services
}

/// The table that a fresh load writes.
fn table() -> Table {
    let config = FrameConfig {
        family: IpFamily::V4,
        masquerade_mark: 0x4000,
        masquerade_all: false,
        detector: LocalDetector::Bridge("cni0".into()),
        all_node_ips: true,
    };
    let mut table = config.table();
    let services = services();
    let mut put = |op: Op, comment: &str| {
        let data = match &op.value {
            Value::None => None,
            Value::Endpoint(end) => Some(Data::Value(end.bytes().to_vec().into())),
            Value::Chain(name) => panic!("no affinity here: {name}"),
        };
        let element = Element {
            key: op.key.bytes().to_vec().into(),
            key_end: op.end.map(|end| end.bytes().to_vec().into()),
            data,
            userdata: if op.commented { userdata::comment(comment).into() } else { Vec::new().into() },
            ..Element::default()
        };
        let set = table.sets.iter_mut().find(|s| s.name == op.set.to_string()).unwrap();
        set.elements.push(element);
    };
    for (key, frontend) in services.frontends() {
        for op in elements::change(key, None, Some(frontend)).0 {
            put(op, &frontend.name.to_string());
        }
    }
    services.cluster_ips().for_each(|ip| put(elements::cluster_ip(true, ip), ""));
    services.hairpins().for_each(|h| put(elements::hairpin(true, h), ""));
    table
}

fn explained(table: Table) -> Explanation {
    let (service, slices, families) = (service(), [slice()], [(services(), Some(table))]);
    explain(&Input { service: &service, slices: &slices, node: "here", families: &families })
}

/// All that is told as missing, and as stale.
fn told(e: &Explanation) -> (Vec<Item>, Vec<Item>) {
    let frontends = e.fields.iter().flat_map(|f| &f.frontends).chain(&e.left_over);
    let missing = frontends.clone().flat_map(|f| &f.missing);
    let missing = missing.chain(e.fields.iter().flat_map(|f| &f.missing));
    let missing = missing.chain(e.endpoints.iter().flat_map(|p| &p.missing));
    let missing = missing.chain(e.tables.iter().flat_map(|t| &t.missing));
    let stale = frontends.flat_map(|f| &f.stale).chain(e.fields.iter().flat_map(|f| &f.stale));
    let stale = stale.chain(e.tables.iter().flat_map(|t| &t.stale));
    (missing.cloned().collect(), stale.cloned().collect())
}

#[test]
fn a_table_as_it_was_written_is_in_force() {
    let explanation = explained(table());
    assert_eq!(told(&explanation), (Vec::new(), Vec::new()));
    assert_eq!(explanation.verdict, Verdict::InForce);
    // Every element of the table is held by a field.
    let held = |e: &Explanation| {
        let frontends: usize = e.fields.iter().flat_map(|f| &f.frontends).map(|f| f.held.len()).sum();
        let fields: usize = e.fields.iter().map(|f| f.held.len()).sum();
        frontends + fields + e.endpoints.iter().map(|p| p.held.len()).sum::<usize>()
    };
    let all: usize = table().sets.iter().map(|s| s.elements.len()).sum();
    assert_eq!(held(&explanation), all);
}

#[test]
fn whatever_element_is_missing_is_named_and_nothing_else() {
    let whole = table();
    for (s, set) in whole.sets.iter().enumerate() {
        for e in 0..set.elements.len() {
            let mut less = table();
            let gone = less.sets[s].elements.remove(e);
            let one = plumb_nft::Set { elements: vec![gone], ..set.clone() };
            let text = plumb_nft::text::elements(&one, &plumb_nft::text::Options::default());
            let (missing, stale) = told(&explained(less));
            let [Item::Element { set: name, element }] = missing.as_slice() else {
                panic!("{} {text}: {missing:?}", set.name)
            };
            assert_eq!(*name, set.name);
            // The comment is left out.
            let words: Vec<&str> = element.split(' ').collect();
            let plain: Vec<&str> =
                text.split(' ').filter(|w| !w.starts_with('"') && *w != "comment").collect();
            assert_eq!(words, plain[1..plain.len() - 1], "{}", set.name);
            assert_eq!(stale, [], "{text}");
        }
    }
}

#[test]
fn missing_chains_and_other_rules_are_named() {
    for at in 0..table().chains.len() {
        let mut less = table();
        let gone = less.chains.remove(at);
        let (missing, _) = told(&explained(less));
        assert!(missing.contains(&Item::Chain { name: gone.name.clone() }), "{}: {missing:?}", gone.name);
    }
    let mut other = table();
    other.chains.iter_mut().find(|c| c.name == "pick-3").unwrap().rules.clear();
    let (missing, stale) = told(&explained(other));
    assert_eq!((missing, stale), (vec![Item::OtherChain { name: "pick-3".into() }], Vec::new()));
}

#[test]
fn shares_are_those_of_the_rules() {
    let explanation = explained(table());
    let field = |path: &str| explanation.fields.iter().find(|f| f.path == path).unwrap();
    let shares = |path: &str, list: usize| -> Vec<String> {
        let ends = &field(path).frontends[0].lists[list].endpoints;
        ends.iter().map(|e| format!("{} {}", e.address, e.share)).collect()
    };
    assert_eq!(shares("spec.clusterIP", 0).len(), 5);
    assert!(shares("spec.clusterIP", 0).iter().all(|s| s.ends_with(" 1/5")));
    let outside = shares("spec.ports[0].nodePort", 0);
    assert_eq!(outside, ["10.244.0.1:8080 1/2", "10.244.0.2:8080 1/2"]);
    assert_eq!(shares("spec.ports[0].nodePort", 1).len(), 5);
    let list = &field("spec.clusterIP").frontends[0].lists[0];
    assert_eq!(list.way, ["services", "cluster-ip", "choose", "pick-8", "draw-8"]);
    assert_eq!(list.hooks, ["nat-prerouting", "nat-output"]);
    assert_eq!(list.rest.as_ref().and_then(|r| r.to.as_deref()), Some("10.244.0.1:8080"));
}

#[test]
fn what_is_left_of_an_address_that_is_gone_is_stale() {
    let mut service = service();
    service.spec.external_ips.clear();
    let mut after = services();
    after.apply_service(&service);
    after.take();
    let families = [(after, Some(table()))];
    let slices = [slice()];
    let explanation =
        explain(&Input { service: &service, slices: &slices, node: "here", families: &families });
    let left: Vec<&str> = explanation.left_over.iter().map(|f| f.frontend.as_str()).collect();
    assert_eq!(left, ["198.51.100.7:80 TCP", "198.51.100.7:53 UDP"]);
    // Every element of it, those without a comment included: class, two sizes, five slots and two; and a refusal.
    let stale: usize = explanation.left_over.iter().map(|f| f.stale.len()).sum();
    assert_eq!(stale, 3 + 7 + 1);
    assert_eq!(explanation.verdict, Verdict::NotInForce { missing: 0, stale });
}

#[test]
fn cluster_ips_and_hairpins_of_no_service_are_stale() {
    let mut more = table();
    let strays = [
        elements::cluster_ip(true, [10, 96, 9, 9].into()),
        elements::hairpin(true, ([10, 244, 0, 4].into(), plumb_api::Protocol::Tcp, 8080)),
    ];
    for op in strays {
        let element = Element { key: op.key.bytes().to_vec().into(), ..Element::default() };
        more.sets.iter_mut().find(|s| s.name == op.set.to_string()).unwrap().elements.push(element);
    }
    let explanation = explained(more);
    let (missing, stale) = told(&explanation);
    let element = |set: &str, element: &str| Item::Element { set: set.into(), element: element.into() };
    let wanted =
        [element("cluster-ips", "10.96.9.9"), element("hairpin", "10.244.0.4 . 10.244.0.4 . tcp . 8080")];
    assert_eq!((missing.as_slice(), stale.as_slice()), (&[][..], &wanted[..]));
    assert_eq!(explanation.tables[0].stale, wanted);
    assert_eq!(explanation.verdict, Verdict::NotInForce { missing: 0, stale: 2 });
}

#[test]
fn without_a_table_all_is_missing() {
    let (service, slices, families) = (service(), [slice()], [(services(), None)]);
    let explanation =
        explain(&Input { service: &service, slices: &slices, node: "here", families: &families });
    let (missing, _) = told(&explanation);
    let elements: usize = table().sets.iter().map(|s| s.elements.len()).sum();
    assert_eq!(missing.len(), elements + 1);
    assert!(missing.contains(&Item::Table { name: "ip plumb".into() }));
}

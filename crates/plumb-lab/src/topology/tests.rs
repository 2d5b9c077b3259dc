#![allow(clippy::unwrap_used)]
use super::*;

fn wrong(text: &str) -> String {
    Topology::parse("lab.yaml", text).unwrap_err().to_string()
}

#[test]
fn the_standard_lab_is_sound() {
    let lab = Topology::standard("mine").unwrap();
    assert_eq!((lab.name.as_str(), lab.nodes.len(), lab.pods.len()), ("mine", 3, 12));
    assert_eq!(
        lab.nodes[1].pod_ranges,
        ["10.244.2.0/24".parse().unwrap(), "fd00:10:244:2::/64".parse().unwrap()]
    );
    assert_eq!(lab.nat_services[0].endpoints[2], Endpoint { pod: "default/web-2".to_owned(), port: 8080 });
}

#[test]
fn the_smallest_lab() {
    let lab = Topology::parse("x", "name: a\nnodes: [{name: n}]\n").unwrap();
    assert_eq!(lab.network.mtu, 1500);
    assert!(lab.pods.is_empty() && lab.network.masquerade);
    assert_eq!(lab.outside.ports[0].port, 80);
}

#[test]
fn an_unknown_key_has_a_place() {
    let message = wrong("name: a\nnodes:\n  - name: n\n    cpu: 4\n");
    assert!(message.starts_with("lab.yaml:4:5: "), "{message}");
    assert!(message.contains("cpu") && message.contains(" 4 |     cpu: 4\n"), "{message}");
}

#[test]
fn a_broken_file_has_a_place() {
    let message = wrong("name: a\nnodes: [\n");
    assert!(message.starts_with("lab.yaml:"), "{message}");
}

#[test]
fn an_unknown_node_has_a_place() {
    let message = wrong("name: a\nnodes: [{name: n}]\npods:\n  - name: p\n    node: m\n");
    assert_eq!(
        message,
        "lab.yaml:5:11: there is no node `m`; nodes are n\n   |\n 5 |     node: m\n   |           ^"
    );
}

#[test]
fn what_must_be_unique() {
    for (text, part) in [
        ("name: a\nnodes: [{name: n}, {name: n}]", "second node is called `n`"),
        (
            "name: a\nnodes: [{name: n}]\npods: [{name: p, node: n}, {name: p, node: n}]",
            "second pod is called `default/p`",
        ),
        (
            "name: a\nnodes: [{name: n}]\npods: [{name: b-c, namespace: a, node: n}, {name: c, namespace: a-b, node: n}]",
            "two network namespaces",
        ),
        (
            "name: a\nnodes: [{name: n}]\npods: [{name: p, node: n, ports: [{port: 1}, {port: 1, name: x}]}]",
            "port 1 twice",
        ),
        (
            "name: a\nnodes: [{name: n}]\npods: [{name: p, node: n, ports: [{port: 1}, {port: 2, name: tcp-1}]}]",
            "second port called `tcp-1`",
        ),
    ] {
        assert!(wrong(text).contains(part), "{}", wrong(text));
    }
}

#[test]
fn ranges_and_names_are_checked() {
    for (text, part) in [
        ("name: A\nnodes: [{name: n}]", "lower-case letters"),
        ("name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nnodes: [{name: n}]", "at most 32"),
        ("name: a\nnodes: []", "at least one node"),
        ("name: a\nnodes: [{name: outside}]", "part of the lab"),
        (
            "name: a\nnodes: [{name: n}]\nnetwork: {underlay: [10.244.5.0/24, fd00::/64]}",
            "overlaps the underlay",
        ),
        (
            "name: a\nnodes: [{name: n}]\nnetwork: {pod_ranges: [10.1.1.1/16]}",
            "host bits set; write 10.1.0.0/16",
        ),
        (
            "name: a\nnodes: [{name: n}]\nnetwork: {pod_ranges: [\"fd00::/48\"], underlay: [10.0.0.0/24]}",
            "no range of that family",
        ),
        ("name: a\nnodes: [{name: n, pod_ranges: [10.9.0.0/24]}]", "outside of the network's pod ranges"),
        (
            "name: a\nnodes: [{name: n, pod_ranges: [10.244.2.0/24]}, {name: m}]",
            "of node `m` overlaps 10.244.2.0/24 of node `n`",
        ),
        ("name: a\nnodes: [{name: n}]\nnetwork: {mtu: 576}", "1280"),
        (
            "name: a\nnodes: [{name: n}]\nnat_services: [{name: s, addresses: [10.96.0.1], port: 80, endpoints: [\"p:1\"]}]",
            "no pod `default/p`",
        ),
        (
            "name: a\nnodes: [{name: n}]\nnat_services: [{name: s, addresses: [10.244.0.1], port: 80, endpoints: []}]",
            "lies in 10.244.0.0/16",
        ),
    ] {
        assert!(wrong(text).contains(part), "{}", wrong(text));
    }
}

#[test]
fn one_family_is_enough() {
    let lab = Topology::parse("x", "name: a\nnodes: [{name: n}]\nnetwork: {pod_ranges: [\"fd00:1::/48\"]}\n")
        .unwrap();
    assert_eq!(lab.network.families(), [IpFamily::V6]);
    assert_eq!(lab.network.underlay, ["fd00:172:18::/64".parse().unwrap()]);
}

#[test]
fn the_examples_are_sound() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/labs");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(files.len() >= 4);
    for file in files {
        let lab = Topology::read(&file).unwrap_or_else(|e| panic!("{e}"));
        assert!(!crate::Plan::of(&lab).namespaces.is_empty());
    }
}

#[test]
fn when_a_pod_is_ready() {
    let lab = |pod: &str| format!("name: a\nnodes: [{{name: n}}]\npods: [{{name: p, node: n{pod}}}]\n");
    for (pod, wanted) in [
        ("", Ready::Always),
        (", ready: true", Ready::Always),
        (", ready: false", Ready::Never),
        (", readiness: 8080", Ready::Port(8080)),
    ] {
        assert_eq!(Topology::parse("x", &lab(pod)).unwrap().pods[0].ready, wanted, "{pod}");
    }
    assert!(wrong(&lab(", readiness: 0")).contains("not a port"));
    let both = wrong(&lab(", ready: false, readiness: 80"));
    assert!(both.contains("leave one out") && both.starts_with("lab.yaml:3:"), "{both}");
}

#[test]
fn how_a_server_differs() {
    let lab = |port: &str| {
        format!(
            "name: a\nnodes: [{{name: n}}]\npods:\n  - {{name: p, node: n, ports: [{{port: 53, {port}}}]}}\n"
        )
    };
    let sound =
        Topology::parse("x", &lab("protocol: dns, manner: {fails: servfail, receive_buffer: 4096}")).unwrap();
    let manner = &sound.pods[0].ports[0].manner;
    assert_eq!((manner.fails, manner.receive_buffer), (Some(crate::server::DnsError::Servfail), Some(4096)));
    for (port, part) in [
        ("protocol: tcp, manner: {fails: servfail}", "`manner.fails`: only a server of protocol dns"),
        ("protocol: udp, manner: {backlog: 3}", "`manner.backlog`"),
        ("manner: {never_accepts: true, never_closes: true}", "`manner.never_closes`"),
        ("manner: {device: a-name-that-is-too-long}", "`manner.device`"),
        ("protocol: dns-tcp, manner: {cuts_off: true}", "`manner.cuts_off`"),
        ("manner: {backlogs: 3}", "backlogs"),
        ("manner: {fails: formerr}", "formerr"),
    ] {
        let said = wrong(&lab(port));
        assert!(said.contains(part) && said.starts_with("lab.yaml:4:"), "{said}");
    }
}

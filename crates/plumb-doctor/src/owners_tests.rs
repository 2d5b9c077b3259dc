#![allow(clippy::unwrap_used)]
use plumb_api::manifest;
use plumb_model::{Address, Host, NamespaceId, Process, Read};

use super::*;

/// A node with these namespaces: name, own address.
fn snapshot(all: &[(&str, &str)]) -> Snapshot {
    let namespaces = all.iter().enumerate().map(|(i, (name, address))| {
        let mut n = Namespace::empty(NamespaceId(i as u64 + 1), name);
        n.own = *name == "host";
        let prefix = format!("{address}/24").parse().unwrap();
        let (peer, label, broadcast) = (None, None, None);
        let address =
            Address { index: 2, prefix, peer, scope: 0, flags: 0, label, broadcast, preferred: true };
        n.addresses = Read::Got(vec![address]);
        n
    });
    Snapshot {
        version: Snapshot::VERSION,
        taken_at: 1,
        host: Host::default(),
        namespaces: namespaces.collect(),
        gaps: vec![],
        redacted: false,
    }
}

fn pod(name: &str, node: &str, ip: &str, more: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, uid: u-{name}}}, spec: {{nodeName: {node}{more}}}, status: {{phase: Running, podIP: {ip}}}}}\n"
    )
}

const NODE: &str = "---\n{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}}\n";

fn objects(text: &str) -> Vec<Object> {
    manifest::parse(text, "a.yaml").unwrap().objects.into_iter().map(|o| o.value).collect()
}

fn named(s: &Snapshot) -> Vec<String> {
    s.namespaces
        .iter()
        .map(|n| match &n.owner {
            Some(Owner::Pod { node, namespace, name }) => format!("pod {namespace}/{name} on {node}"),
            Some(Owner::Node { node }) => format!("node {node}"),
            Some(Owner::Other { name }) => name.clone(),
            None => "-".to_owned(),
        })
        .collect()
}

#[test]
fn pods_by_their_addresses_and_nodes_by_theirs() {
    let mut s = snapshot(&[("host", "192.168.0.1"), ("cni-1", "10.1.0.1"), ("vpn", "10.9.0.1")]);
    let text = NODE.to_owned() + &pod("web", "n1", "10.1.0.1", "");
    let owners = name(&mut s, &objects(&text));
    assert_eq!(named(&s), ["node n1", "pod shop/web on n1", "-"]);
    assert_eq!(owners, Owners { named: 2, nobodys: vec!["vpn".to_owned()], several: vec![] });
    // What is known stays.
    let other = NODE.replace("n1", "n9") + &pod("other", "n9", "10.1.0.1", "");
    assert_eq!(name(&mut s, &objects(&other)).named, 0);
    assert_eq!(named(&s), ["node n1", "pod shop/web on n1", "-"]);
    // Without a Node object: the one node that all Pods of this machine are on.
    let mut s = snapshot(&[("host", "192.168.0.1"), ("cni-1", "10.1.0.1")]);
    name(&mut s, &objects(&pod("web", "n1", "10.1.0.1", "")));
    assert_eq!(named(&s), ["node n1", "pod shop/web on n1"]);
    // Without objects that could tell, a plain host stays one.
    let mut s = snapshot(&[("host", "192.168.0.1"), ("cni-1", "10.1.0.1")]);
    assert_eq!(
        name(&mut s, &objects("{apiVersion: v1, kind: Namespace, metadata: {name: a}}")),
        Owners::default()
    );
    assert_eq!(named(&s), ["-", "-"]);
}

#[test]
fn pods_that_have_ended_or_live_in_their_nodes_network_name_nobody() {
    let mut s = snapshot(&[("host", "192.168.0.1"), ("cni-1", "10.1.0.1")]);
    let ended = pod("old", "n1", "10.1.0.1", "").replace("Running", "Succeeded");
    let agent = pod("agent", "n1", "192.168.0.1", ", hostNetwork: true");
    let all = objects(&(NODE.to_owned() + &ended + &agent + &pod("new", "n1", "10.1.0.1", "")));
    name(&mut s, &all);
    assert_eq!(named(&s), ["node n1", "pod shop/new on n1"]);
    assert_eq!(host_network_node(&all, "shop", "agent").as_deref(), Some("n1"));
    assert_eq!(host_network_node(&all, "shop", "new"), None);
}

#[test]
fn who_may_be_several_is_nobody() {
    let mut s = snapshot(&[("host", "192.168.0.1"), ("cni-1", "10.1.0.1")]);
    let both = pod("a", "n1", "10.1.0.1", "") + &pod("b", "n1", "10.1.0.1", "");
    let owners = name(&mut s, &objects(&(NODE.to_owned() + &both)));
    assert_eq!(named(&s), ["node n1", "-"]);
    assert_eq!(owners.several, [("cni-1".to_owned(), vec!["shop/a".to_owned(), "shop/b".to_owned()])]);
    // The UID of a process tells, and so does the node of a file.
    s.namespaces[1].processes = vec![Process {
        pid: 7,
        comm: "x".into(),
        container: None,
        pod_uid: Some("u-b".into()),
        serving: None,
    }];
    name(&mut s, &objects(&both));
    assert_eq!(named(&s)[1], "pod shop/b on n1");
    let mut s = snapshot(&[("cni-1", "10.1.0.1"), ("cni-2", "10.1.0.1")]);
    s.namespaces[0].node = Some("n1".into());
    s.namespaces[1].node = Some("n2".into());
    let far = pod("a", "n1", "10.1.0.1", "") + &pod("b", "n2", "10.1.0.1", "");
    name(&mut s, &objects(&(NODE.to_owned() + &NODE.replace("n1", "n2").replace(".0.1", ".0.2") + &far)));
    assert_eq!(named(&s), ["pod shop/a on n1", "pod shop/b on n2"]);
}

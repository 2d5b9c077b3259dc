#![allow(clippy::unwrap_used)]
use super::*;

const OBJECTS: &str = "
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {clusterIPs: [10.96.0.1, 'fd00::1'], selector: {app: web},
  ports: [{name: http, port: 80, targetPort: http}, {name: dns, port: 53, protocol: UDP}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {clusterIP: None, selector: {app: web}, ports: [{name: sql, port: 5432, targetPort: http}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: idle, namespace: shop}, spec: {clusterIP: None, selector: {app: none}, ports: [{port: 1}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: away, namespace: shop}, spec: {type: ExternalName, externalName: example.org}}
---
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: Hostname, address: n1}, {type: InternalIP, address: 172.18.0.2}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, labels: {app: web}}, spec: {nodeName: n1, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]},
  status: {phase: Running, podIP: 10.1.0.1, conditions: [{type: Ready, status: 'True'}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: shop, labels: {app: web}}, spec: {nodeName: n1, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]},
  status: {phase: Running, podIP: 10.1.0.2, conditions: [{type: Ready, status: 'True'}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: late, namespace: shop, labels: {app: web}}, spec: {nodeName: n1, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]},
  status: {phase: Running, podIP: 10.1.0.3, conditions: [{type: Ready, status: 'False'}]}}
";

fn objects() -> Vec<Object> {
    plumb_api::manifest::parse(OBJECTS, "a.yaml").unwrap().objects.into_iter().map(|o| o.value).collect()
}

fn dialled(families: &[IpFamily], protocol: Option<Protocol>) -> Dialled {
    Dialled { families: families.to_vec(), protocol }
}

fn port(text: &str) -> ObjectPort {
    text.parse().map_or_else(|_| ObjectPort::Name(text.to_owned()), ObjectPort::Number)
}

fn at(name: &str, wanted: &str, dialled: &Dialled) -> String {
    let wanted = (!wanted.is_empty()).then(|| port(wanted));
    match service(&objects(), "shop", name, wanted.as_ref(), dialled) {
        Ok(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn services_by_the_clients_families() {
    let tcp = |families: &[IpFamily]| dialled(families, Some(Protocol::Tcp));
    assert_eq!(at("web", "http", &tcp(&[IpFamily::V4])), "10.96.0.1:80");
    assert_eq!(at("web", "80", &tcp(&[IpFamily::V6])), "[fd00::1]:80");
    assert_eq!(
        at("web", "80", &tcp(&[IpFamily::V6, IpFamily::V4])),
        "10.96.0.1:80",
        "its primary family first"
    );
    assert_eq!(at("web", "80", &tcp(&[])), "10.96.0.1:80");
    assert_eq!(at("web", "dns", &dialled(&[], Some(Protocol::Udp))), "10.96.0.1:53");
    assert_eq!(at("web", "", &dialled(&[], None)), "10.96.0.1:0");
}

#[test]
fn what_leads_nowhere_says_what_there_is() {
    let tcp = dialled(&[IpFamily::V4], Some(Protocol::Tcp));
    let known = "it has: http (80/TCP), dns (53/UDP)";
    assert_eq!(at("web", "dns", &tcp), format!("Service `shop/web` has no port `dns/TCP`; {known}"));
    assert_eq!(at("web", "8080", &tcp), format!("Service `shop/web` has no port `8080/TCP`; {known}"));
    assert_eq!(
        at("wen", "80", &tcp),
        "there is no Service `shop/wen`; there are: shop/web, shop/db, shop/idle, shop/away"
    );
    assert!(at("away", "80", &tcp).contains("another name for example.org"));
    assert!(service(&[], "shop", "web", None, &tcp).unwrap_err().to_string().starts_with("no objects"));
}

#[test]
fn headless_services_lead_to_their_ready_endpoints() {
    let tcp = dialled(&[IpFamily::V4], Some(Protocol::Tcp));
    assert_eq!(at("db", "sql", &tcp), "10.1.0.1:8080 10.1.0.2:8080");
    assert_eq!(at("db", "8080", &tcp), "10.1.0.1:8080 10.1.0.2:8080");
    assert_eq!(at("db", "5432", &tcp), "Service `shop/db` has no port `5432/TCP`; it has: sql (8080/TCP)");
    assert_eq!(
        at("db", "sql", &dialled(&[IpFamily::V6], Some(Protocol::Tcp))),
        "Service `shop/db` is headless and has no ready endpoint that the client could dial"
    );
    assert!(at("idle", "1", &tcp).ends_with("has no ready endpoint that the client could dial"));
}

#[test]
fn pods_and_nodes() {
    let tcp = dialled(&[IpFamily::V4], Some(Protocol::Tcp));
    let of = |name: &str, wanted: &str| {
        pod_port(&objects(), "shop", name, &port(wanted), &tcp).map_err(|e| e.to_string())
    };
    assert_eq!(of("a", "http"), Ok(8080));
    assert_eq!(of("nobody", "9"), Ok(9));
    assert_eq!(of("a", "sql").unwrap_err(), "pod `shop/a` has no port `sql/TCP`; it has: http (8080/TCP)");
    assert!(of("c", "http").unwrap_err().contains("there are: shop/a, shop/b, shop/late"));
    assert_eq!(pod_address(&objects(), "shop", "b", &tcp).unwrap().to_string(), "10.1.0.2");
    assert_eq!(node_address(&objects(), "n1", &tcp).unwrap().to_string(), "172.18.0.2");
    assert!(node_address(&objects(), "n2", &tcp).unwrap_err().to_string().contains("there are: n1"));
    assert!(pod_address(&objects(), "shop", "b", &dialled(&[IpFamily::V6], None)).is_err());
}

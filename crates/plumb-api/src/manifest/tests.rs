#![allow(clippy::unwrap_used)]

use super::*;
use crate::objects::{IntOrString, IpFamily, Kind, Protocol, Service};

fn read(text: &str, name: &str) -> Manifest {
    merge([parse(text, name).unwrap()])
}

fn services(manifest: &Manifest) -> Vec<&Service> {
    let service = |o: &'_ Located<Object>| matches!(o.value, Object::Service(_));
    let all = manifest.objects.iter().filter(|o| service(o));
    all.filter_map(|o| if let Object::Service(s) = &o.value { Some(s) } else { None }).collect()
}

fn said(manifest: &Manifest) -> Vec<String> {
    manifest.warnings.iter().map(ToString::to_string).collect()
}

/// The first example of the project.
const MY_SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: my-service
  namespace: default
  labels:
    app: my-app
spec:
  type: ClusterIP
  selector:
    app: my-app
    tier: backend
  ports:
    - name: http
      protocol: TCP
      port: 80
      targetPort: 8080
  externalTrafficPolicy: Cluster
  healthCheckNodePort: 30009
";

#[test]
fn the_first_example_is_taken_with_two_warnings() {
    let manifest = read(MY_SERVICE, "my-service.yaml");
    let [service] = services(&manifest)[..] else { panic!("one Service") };
    assert_eq!(service.metadata.full_name().to_string(), "default/my-service");
    assert_eq!(service.spec.ports[0].target_port, Some(IntOrString::Int(8080)));
    assert_eq!(service.spec.health_check_node_port, 30009);
    assert_eq!(service.spec.ip_families, [IpFamily::V4]);
    assert_eq!(
        said(&manifest),
        [
            "my-service.yaml:18:26: Service default/my-service: spec.externalTrafficPolicy: only for a Service that is \
             reached from outside (type NodePort or LoadBalancer, or with externalIPs); leave it out (the API server would \
             refuse this object)",
            "my-service.yaml:19:24: Service default/my-service: spec.healthCheckNodePort: only for type LoadBalancer with \
             externalTrafficPolicy Local; leave it out, or set both (the API server would refuse this object)",
        ]
    );
    assert!(!manifest.warnings[0].is_note());
}

#[test]
fn documents_lists_and_kinds_that_are_skipped() {
    let text = "\
# a comment before all
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: web-0, namespace: shop}}
- apiVersion: v1
  kind: ServiceList
  items:
  - metadata: {name: a, creationTimestamp: null}
    spec: {clusterIP: None, ports: null}
    status: {loadBalancer: {}}
---
apiVersion: v1
kind: Node
metadata: {name: n1, namespace: ignored}
---
apiVersion: v1
kind: PodList
items: null
";
    let manifest = read(text, "all.yaml");
    let keys: Vec<String> = manifest.objects.iter().map(|o| o.value.key().to_string()).collect();
    assert_eq!(keys, ["Pod shop/web-0", "Service default/a", "Node n1"]);
    let places: Vec<usize> = manifest.objects.iter().map(|o| o.place.line).collect();
    assert_eq!(places, [11, 15, 19]);
    assert_eq!(
        said(&manifest),
        ["all.yaml:3:1: Deployment web (apps/v1) is skipped: Plumb does not read this kind"]
    );
    assert!(manifest.warnings[0].is_note());
}

#[test]
fn json_has_places_too() {
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"Service\",\n \"metadata\": {\"name\": \"ü\\u0041\"},\n \"spec\": {\"ports\": [\n  {\"port\": 80, \"nodePort\": 30000}]}}\n{\"apiVersion\": \"v1\", \"kind\": \"Node\", \"metadata\": {\"name\": \"n\"}}";
    for name in ["x.json", "stdin"] {
        let manifest = read(text, name);
        assert_eq!(manifest.objects.len(), 2);
        assert_eq!(manifest.objects[1].place.line, 5);
        let said = said(&manifest);
        assert!(
            said[0].starts_with(&format!("{name}:2:23: Service default/üA: metadata.name: ")),
            "{said:?}"
        );
        assert!(said[1].starts_with(&format!("{name}:4:28: Service default/üA: spec.ports[0].nodePort: ")));
    }
}

/// What is wrong with a file, as it is said.
#[test]
fn errors_have_line_and_column() {
    let service = |rest: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\n{rest}");
    for (name, text, wanted) in [
        ("a.yaml", "a: [b".to_owned(), "a.yaml:1:"),
        ("a.yaml", "a: b\na: c\n".to_owned(), "a.yaml:2:1: "),
        ("a.yaml", "\n- a\n".to_owned(), "a.yaml:2:1: a list, where an object of the API is expected"),
        ("a.yaml", "kind: Service\n".to_owned(), "a.yaml:1:1: an object without `apiVersion`"),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {}\n".to_owned(),
            "a.yaml:3:11: a Service without metadata.name",
        ),
        ("a.yaml", service("spec:\n  type: Foo\n"), "a.yaml:5:9: Service: unknown variant `Foo`"),
        (
            "a.yaml",
            service("spec:\n  ports:\n  - port: \"80\"\n"),
            "a.yaml:6:11: Service: invalid type: string \"80\"",
        ),
        ("a.yaml", service("spec:\n  ports:\n  - name: x\n"), "a.yaml:6:5: Service: missing field `port`"),
        (
            "a.yaml",
            service("spec:\n  selector: {app: 7}\n"),
            "a.yaml:5:19: Service: invalid type: integer `7`",
        ),
        ("a.yaml", service("spec: [a]\n"), "a.yaml:4:7: Service: "),
        ("a.json", "{\"a\": 1,\n}".to_owned(), "a.json:2:1: "),
        ("a.json", "{\"kind\": \"A\\ud800\"}".to_owned(), "a.json:1:"),
        ("a.json", "{}\n {\"kind\": }".to_owned(), "a.json:"),
        ("a.json", "[1]".to_owned(), "a.json:1:1: a list"),
    ] {
        let error = parse(&text, name).unwrap_err();
        assert!(error.to_string().starts_with(wanted), "{error} is not {wanted}");
    }
    let error = parse(&service("spec:\n  type: Foo\n"), "a.yaml").unwrap_err();
    assert_eq!(error.line, "  type: Foo");
    assert_eq!(error.place.offset(&service("spec:\n  type: Foo\n")), Some(63));
}

#[test]
fn yaml_is_read_as_kubectl_reads_it() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: a, labels: &l {app: web, 'on': 'yes'}}
spec:
  publishNotReadyAddresses: yes
  allocateLoadBalancerNodePorts: no
  type: LoadBalancer
  selector: *l
  ports:
  - {port: 0120, protocol: UDP, targetPort: web}
";
    let manifest = read(text, "a.yaml");
    let [service] = services(&manifest)[..] else { panic!("one Service") };
    assert!(service.spec.publish_not_ready_addresses);
    assert_eq!(service.spec.allocate_load_balancer_node_ports, Some(false));
    assert_eq!(service.spec.ports[0].port, 0o120);
    assert_eq!(service.spec.ports[0].protocol, Protocol::Udp);
    assert_eq!(service.spec.selector.as_ref(), Some(&service.metadata.labels));
    assert_eq!(service.metadata.label("on"), Some("yes"));
    assert_eq!(said(&manifest), [""; 0]);
}

#[test]
fn numbers_that_no_field_can_hold_are_named_and_become_nothing() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: -1}}
  externalTrafficPolicy: ''
  ports:
  - {name: a, port: 70000}
  - {name: b, port: -1, nodePort: 99999999999999999999}
";
    let manifest = read(text, "a.yaml");
    let ids: Vec<(usize, &str)> = manifest.warnings.iter().map(|w| (w.place.line, w.id())).collect();
    assert_eq!(ids[..3], [(9, "port"), (10, "port"), (10, "port")]);
    assert_eq!(ids[3], (6, "affinity-timeout"));
    assert_eq!(services(&manifest)[0].spec.ports[1].port, 0);
    assert_eq!(ids.len(), 4, "{:?}", said(&manifest));
}

#[test]
fn of_two_the_later_counts() {
    let file = |name: &str, port: u16| {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{{port: {port}}}]}}"
        );
        parse(&text, name).unwrap()
    };
    let manifest = merge([file("1.yaml", 1), file("2.yaml", 2), file("3.yaml", 3)]);
    assert_eq!(services(&manifest)[0].spec.ports[0].port, 3);
    assert_eq!(manifest.objects.len(), 1);
    assert_eq!(
        said(&manifest)[1],
        "3.yaml:1:1: Service default/a comes a second time; this one counts, the one at 2.yaml:1:1 does not"
    );
}

#[test]
fn the_cluster_s_ranges_tell_the_family() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 1}]}
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: kubernetes}
spec: {cidrs: ['fd00::/108']}
";
    assert_eq!(services(&read(text, "a.yaml"))[0].spec.ip_families, [IpFamily::V6]);
}

#[test]
fn big_files_are_taken_and_deep_ones_refused() {
    let mut text = String::new();
    for i in 0..1100 {
        text += &format!("---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{i}}}\n");
    }
    text += &format!("---\napiVersion: v1\nkind: ConfigMap\ndata: [{}]\n", "1, ".repeat(260_000));
    assert_eq!(parse(&text, "a.yaml").unwrap().objects.len(), 1100);
    for (name, deep) in [
        ("a.json", format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        ("a.yaml", format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        ("b.yaml", format!("{}x", "- ".repeat(5000))),
    ] {
        assert!(parse(&deep, name).is_err(), "{name}");
    }
}

#[test]
fn aliases_and_merges_are_followed() {
    let text = "\
apiVersion: v1
kind: Service
metadata: &m {name: a, labels: {x: z}}
spec:
  ports:
  - &p {name: a, port: 70000, protocol: UDP}
  - {<<: *p, name: b}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: &n {name: one}}
- {apiVersion: v1, kind: Node, metadata: *n}
";
    let manifest = read(text, "a.yaml");
    assert_eq!(services(&manifest)[0].spec.ports[1].protocol, Protocol::Udp);
    assert_eq!(manifest.objects[2].value.key().to_string(), "Node one");
    assert_eq!(manifest.warnings.len(), 2, "{:?}", said(&manifest));
    // Few lines that would become billions of values.
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        bomb += &format!("a{i}: &a{i} [{}]\n", format!("*a{}, ", i - 1).repeat(10));
    }
    assert!(parse(&bomb, "a.yaml").is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, ..Default::default() })]
    #[test]
    fn damaged_files_are_read_or_refused(cuts in proptest::collection::vec((0usize..400, 0usize..20, 0usize..400), 1..5), json: bool) {
        let mut text = MY_SERVICE.to_owned();
        if json {
            let object = read(MY_SERVICE, "a.yaml").objects[0].value.to_json().unwrap();
            text = serde_json::to_string_pretty(&object).unwrap();
        }
        for (at, length, from) in cuts {
            // Some of it is replaced by another part of it.
            let part: String = text.chars().skip(from).take(length).collect();
            let end: String = text.chars().skip(at + length / 2).collect();
            text = text.chars().take(at).chain(part.chars()).chain(end.chars()).collect();
        }
        for name in ["a.yaml", "a.json"] {
            match parse(&text, name) {
                Ok(manifest) => merge([manifest]).warnings.iter().for_each(|w| assert!(w.place.offset(&text).is_some(), "{w}")),
                Err(error) => assert!(error.place.line == 0 || error.place.offset(&text).is_some() || text.lines().count() < error.place.line, "{error}"),
            }
        }
    }
}

#[test]
fn nothing_is_no_object() {
    for text in ["", "---\n", "# only this\n", "---\n---\n", "null", "\u{feff}"] {
        assert_eq!(read(text, "a.yaml"), Manifest::default(), "{text:?}");
    }
    assert_eq!(read("", "a.json"), Manifest::default());
    assert_eq!(read("\u{feff}apiVersion: v1\nkind: Namespace\nmetadata: {name: a}", "x").objects.len(), 1);
}

#[test]
fn every_kind_can_be_read() {
    for kind in Kind::ALL {
        let (version, name, _) = kind.names();
        let text = format!("apiVersion: {version}\nkind: {name}\nmetadata: {{name: a}}\n");
        let manifest = read(&text, "a.yaml");
        assert_eq!(manifest.objects[0].value.kind(), kind);
        let namespace = &manifest.objects[0].value.metadata().namespace;
        assert_eq!(&**namespace, if kind.is_namespaced() { "default" } else { "" });
    }
}

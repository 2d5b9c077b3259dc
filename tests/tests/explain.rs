//! `plumb explain` on real tables: what was written is in force, what somebody took away is missing, what somebody put there is
//! stale.

use plumb_api::{EndpointSlice, Object, Service};
use plumb_intent::Services;
use plumb_proxy::backend::nftables::Nftables;
use plumb_tests::binary::Plumb;
use plumb_tests::netns::{self, Namespace};
use plumb_tests::services::{
    backend, cluster_ip, endpoint, endpoints, failed, frame, service, settings, slice, view,
};
use plumb_tests::{Failure, Result, shell};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A namespace whose table says what a folder of manifests says.
struct Bed {
    plumb: Plumb,
    node: Namespace,
    folder: TempDir,
    services: Services,
    backend: Nftables,
}

impl Bed {
    fn new() -> Result<Self> {
        netns::need_root()?;
        let node = Namespace::create(format!("{}node", netns::unique_prefix()))?;
        let folder = tempfile::tempdir().map_err(Failure::io("making a folder"))?;
        let backend = backend(node.name(), frame())?;
        Ok(Self { plumb: Plumb::find()?, node, folder, services: view(), backend })
    }

    fn write(&self, name: &str, object: Object) -> Result<()> {
        let text = object.to_json().map_err(failed("writing an object"))?.to_string();
        std::fs::write(self.folder.path().join(format!("{name}.json")), text)
            .map_err(Failure::io("writing a manifest"))
    }

    fn add(&mut self, service: Service, slice: Option<EndpointSlice>) -> Result<()> {
        self.services.apply_service(&service);
        self.write(&service.metadata.name.clone(), Object::Service(service))?;
        if let Some(slice) = slice {
            self.services.apply_slice(&slice);
            self.write(&slice.metadata.name.clone(), Object::EndpointSlice(slice))?;
        }
        Ok(())
    }

    /// Writes the table whole.
    fn load(&mut self) -> Result<()> {
        self.services.take();
        self.backend.load(&self.services, &settings()).map(drop).map_err(failed("loading"))
    }

    fn nft(&self, arguments: &str) -> Result<String> {
        let script = format!("ip netns exec \"$node\" nft {arguments}");
        shell::run("nft", &script, &[("node".into(), self.node.name().to_owned())])
    }

    fn explain(&self, service: &str, more: &[&str]) -> Result<(Option<i32>, String)> {
        let folder = self.folder.path().display().to_string();
        let mut arguments = vec!["explain", service, "--manifests", &folder, "--netns", self.node.name()];
        arguments.extend(["--hostname-override", "here"]);
        arguments.extend(more);
        let output = self.plumb.run_plain(&arguments)?;
        assert!(output.status.is_some(), "{}", output.stderr);
        Ok((output.status, output.stdout_text()))
    }

    fn json(&self, service: &str) -> Result<(Option<i32>, Value)> {
        let (status, out) = self.explain(service, &["-o", "json"])?;
        Ok((status, serde_json::from_str(&out).map_err(failed("reading the explanation"))?))
    }
}

fn field<'a>(document: &'a Value, path: &str) -> &'a Value {
    let fields = document["fields"].as_array().into_iter().flatten();
    fields.into_iter().find(|f| f["path"] == path).unwrap_or(&Value::Null)
}

/// The end of a Service's text, both languages, without colours.
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in\n{text}");
    }
}

#[test]
fn what_was_written_is_in_force_in_both_languages() -> Result<()> {
    let mut bed = Bed::new()?;
    let spec = json!({"externalTrafficPolicy": "Cluster", "healthCheckNodePort": 30009,
        "selector": {"app": "my-app", "tier": "backend"}});
    bed.add(service(1, spec)?, Some(slice(1, &endpoints(1, 3))?))?;
    bed.load()?;
    let (status, text) = bed.explain("svc/bench/svc-1", &["--lang", "en"])?;
    assert_eq!(status, Some(0), "{text}");
    let vip = cluster_ip(1);
    says(
        &text,
        &[
            "bench/svc-1 on here: in force",
            "pods are 10.244.0.0/16",
            "spec.selector: app=my-app,tier=backend",
            &format!("cluster-frontends {{ {vip} . tcp . 80 }}"),
            "nat-prerouting, nat-output → cluster-ip-3 → pick-3",
            &format!("{}:8080  share 1/3", endpoint(1, 0)),
            "spec.externalTrafficPolicy: Cluster\n  Without effect here",
            "spec.healthCheckNodePort: 30009\n  Without effect here",
            "3 ready, 3 serving, 0 terminating",
        ],
    );
    let (status, text) = bed.explain("svc/bench/svc-1", &["--lang", "zh"])?;
    assert_eq!(status, Some(0), "{text}");
    says(&text, &["here 上的 bench/svc-1：已生效", "份额 1/3", "在这里不起作用", "就绪 3"]);
    let (status, document) = bed.json("svc/bench/svc-1")?;
    assert_eq!((status, &document["verdict"]["is"]), (Some(0), &json!("in-force")));
    let frontend = &field(&document, "spec.clusterIP")["frontends"][0];
    assert_eq!(frontend["lists"][0]["endpoints"][2]["share"], json!({"numerator": 1, "denominator": 3}));
    let idle = &field(&document, "spec.healthCheckNodePort")["meaning"][0];
    assert_eq!((&idle["id"], &idle["typeIsOther"]), (&json!("health-port-idle"), &json!(true)));
    assert!(idle["text"].as_str().is_some_and(|t| t.starts_with("Without effect")), "{idle}");
    // Every element that is told can be asked for.
    for held in frontend["held"].as_array().into_iter().flatten() {
        let (set, element) = (&held["set"].as_str(), &held["element"].as_str());
        let element = element.unwrap_or_default().split(" : ").next().unwrap_or_default().to_owned();
        bed.nft(&format!("get element ip plumb {} '{{ {element} }}'", set.unwrap_or_default()))?;
    }
    Ok(())
}

#[test]
fn what_somebody_took_is_missing_and_what_somebody_added_is_stale() -> Result<()> {
    let mut bed = Bed::new()?;
    bed.add(service(1, json!({}))?, Some(slice(1, &endpoints(1, 3))?))?;
    bed.add(service(2, json!({}))?, Some(slice(2, &endpoints(2, 2))?))?;
    bed.load()?;
    let vip = cluster_ip(1);
    let slot = format!("{vip} . tcp . 80 . 1");
    let lost = format!("endpoints {{ {slot} : {} . 8080 }}", endpoint(1, 1));
    bed.nft(&format!("delete element ip plumb endpoints '{{ {slot} }}'"))?;
    let (status, text) = bed.explain("svc/bench/svc-1", &["--lang", "en"])?;
    assert_eq!(status, Some(1), "{text}");
    // What would have gone there goes to slot 0.
    says(&text, &["not in force, 1 missing, 0 stale", &format!("missing  {lost}"), "share 2/3    slot 0"]);

    bed.nft(&format!("add element ip plumb cluster-size-1 '{{ {vip} . tcp . 80 }}'"))?;
    bed.nft(&format!("add element ip plumb endpoints '{{ {vip} . tcp . 80 . 9 : 192.0.2.9 . 99 }}'"))?;
    let (status, text) = bed.explain("svc/bench/svc-1", &["--lang", "zh"])?;
    assert_eq!(status, Some(1), "{text}");
    says(
        &text,
        &[
            "未完全生效，缺少 1 项，多余 2 项",
            &format!("缺少  {lost}"),
            &format!("多余  cluster-size-1 {{ {vip} . tcp . 80 }}"),
            &format!("多余  endpoints {{ {vip} . tcp . 80 . 9 : 192.0.2.9 . 99 }}"),
            // The smallest size is asked for first.
            "cluster-ip-1 → pick-1\n",
        ],
    );
    // A frontend that the Service does not have, under its name.
    let comment = "comment \"bench/svc-1:http\"";
    bed.nft(&format!("add element ip plumb cluster-frontends '{{ 10.96.9.9 . tcp . 80 {comment} }}'"))?;
    let (_, document) = bed.json("svc/bench/svc-1")?;
    assert_eq!(document["leftOver"][0]["frontend"], "10.96.9.9:80 TCP");
    assert_eq!(document["verdict"], json!({"is": "not-in-force", "missing": 1, "stale": 3}));
    // The other Service is as it was, until the rules are not.
    assert_eq!(bed.explain("svc/bench/svc-2", &[])?.0, Some(0));
    bed.nft("insert rule ip plumb choose accept")?;
    let (status, document) = bed.json("svc/bench/svc-2")?;
    assert_eq!(status, Some(1));
    assert_eq!(document["tables"][0]["missing"], json!([{"kind": "other-chain", "name": "choose"}]));
    bed.nft("delete table ip plumb")?;
    let (status, text) = bed.explain("svc/bench/svc-2", &["--lang", "en"])?;
    assert_eq!(status, Some(1));
    says(&text, &["missing  table ip plumb", "nothing leads here"]);
    Ok(())
}

#[test]
fn what_no_service_accounts_for_is_stale_and_a_namespace_that_cannot_be_entered_is_said() -> Result<()> {
    let mut bed = Bed::new()?;
    bed.add(service(1, json!({}))?, Some(slice(1, &endpoints(1, 3))?))?;
    bed.load()?;
    bed.nft("add element ip plumb cluster-ips '{ 10.96.9.9 }'")?;
    bed.nft("add element ip plumb hairpin '{ 10.9.9.9 . 10.9.9.9 . tcp . 80 }'")?;
    bed.nft(&format!("delete element ip plumb cluster-ips '{{ {} }}'", cluster_ip(1)))?;
    let (status, text) = bed.explain("svc/bench/svc-1", &["--lang", "en"])?;
    assert_eq!(status, Some(1), "{text}");
    let lost = format!("missing  cluster-ips {{ {} }}", cluster_ip(1));
    let strays = ["stale  cluster-ips { 10.96.9.9 }", "stale  hairpin { 10.9.9.9 . 10.9.9.9 . tcp . 80 }"];
    says(&text, &["not in force, 1 missing, 2 stale", &lost, strays[0], strays[1]]);
    // Not entered: what was asked for could not be done. No such name: wrong usage.
    let folder = bed.folder.path().display().to_string();
    let ordinary = bed.folder.path().join("svc-1.json").display().to_string();
    for (netns, wanted) in
        [("/nowhere/at-all", 3), ("/proc/self/ns/mnt", 3), (ordinary.as_str(), 3), ("nobody", 2)]
    {
        let output =
            bed.plumb.run_plain(&["explain", "svc/bench/svc-1", "--manifests", &folder, "--netns", netns])?;
        assert_eq!(output.status, Some(wanted), "{netns}: {}", output.stderr);
        assert!(
            output.stderr.contains(netns.trim_end_matches(".json")) || netns == ordinary,
            "{}",
            output.stderr
        );
    }
    Ok(())
}

#[test]
fn clients_that_come_back_are_counted_and_lost_chains_named() -> Result<()> {
    let mut bed = Bed::new()?;
    bed.add(service(1, json!({"sessionAffinity": "ClientIP"}))?, Some(slice(1, &endpoints(1, 3))?))?;
    bed.load()?;
    let set = format!("affinity/bench/svc-1/tcp/http/{}/8080", endpoint(1, 1));
    bed.nft(&format!("add element ip plumb {set} '{{ 192.0.2.7 timeout 500s, 192.0.2.8 timeout 500s }}'"))?;
    let (status, document) = bed.json("svc/bench/svc-1")?;
    assert_eq!(status, Some(0), "{document:#}");
    let list = &field(&document, "spec.clusterIP")["frontends"][0]["lists"][0];
    let ends = list["endpoints"].as_array().cloned().unwrap_or_default();
    let clients: Vec<&Value> = ends.iter().map(|e| &e["clients"]).collect();
    assert_eq!(clients, [&json!(0), &json!(2), &json!(0)]);
    assert!(ends.iter().all(|e| e["share"] == json!({"numerator": 1, "denominator": 3})), "{list:#}");
    assert_eq!(list["way"][3], "affinity/bench/svc-1/tcp/http/internal");
    assert_eq!(field(&document, "spec.sessionAffinity")["held"].as_array().map(Vec::len), Some(2));
    bed.nft(&format!("flush chain ip plumb {set}"))?;
    bed.nft("add chain ip plumb affinity/bench/svc-1/tcp/http/10.9.9.9/80")?;
    let (status, document) = bed.json("svc/bench/svc-1")?;
    assert_eq!(status, Some(1));
    let affinity = field(&document, "spec.sessionAffinity");
    assert_eq!(affinity["missing"], json!([{"kind": "other-chain", "name": set}]));
    let stray = "affinity/bench/svc-1/tcp/http/10.9.9.9/80";
    assert_eq!(affinity["stale"], json!([{"kind": "chain", "name": stray}]));
    Ok(())
}

#[test]
fn what_no_proxy_serves_is_said_and_what_there_is_not_is_an_error() -> Result<()> {
    let mut bed = Bed::new()?;
    bed.add(service(1, json!({"clusterIP": "None", "clusterIPs": ["None"]}))?, None)?;
    let mut others = service(2, json!({}))?;
    others.metadata.labels.insert("service.kubernetes.io/service-proxy-name".into(), "mesh".into());
    bed.add(others, None)?;
    bed.load()?;
    let (status, text) = bed.explain("svc/bench/svc-1", &["--lang", "en"])?;
    assert_eq!(status, Some(0), "{text}");
    says(&text, &["a proxy has nothing to do", "Headless"]);
    let (status, text) = bed.explain("svc/bench/svc-2", &["--lang", "en"])?;
    assert_eq!(status, Some(0), "{text}");
    says(&text, &["a proxy has nothing to do", "gives the Service to another proxy (\"mesh\")"]);
    assert_eq!(bed.explain("svc/bench/nobody", &[])?.0, Some(2));
    assert_eq!(bed.explain("pod/bench/svc-1", &[])?.0, Some(2));
    // Somebody claims what an older Service has.
    bed.add(service(3, json!({}))?, None)?;
    bed.add(service(4, json!({"clusterIP": cluster_ip(3).to_string()}))?, None)?;
    bed.load()?;
    assert_eq!(bed.explain("svc/bench/svc-3", &[])?.0, Some(0));
    let (status, text) = bed.explain("svc/bench/svc-4", &["--lang", "en"])?;
    assert_eq!(status, Some(1), "{text}");
    says(&text, &["it is bench/svc-3:http's"]);
    Ok(())
}

//! The nftables backend against the kernel: whatever happens, the table ends as the objects say.

use std::collections::BTreeMap;

use plumb_intent::{Delta, Services};
use plumb_proxy::backend::nftables::{Difference, FrameConfig, Nftables};
use plumb_tests::netns::{self, Namespace};
use plumb_tests::services::{
    backend, cluster_ip, endpoint, endpoints, failed, frame, service, settings, slice, view,
};
use plumb_tests::{Result, shell};
use serde_json::{Value, json};

/// A namespace with a backend on it.
struct Bed {
    namespace: Namespace,
    services: Services,
    backend: Nftables,
}

impl Bed {
    fn new() -> Result<Self> {
        netns::need_root()?;
        let namespace = Namespace::create(format!("{}node", netns::unique_prefix()))?;
        let backend = backend(namespace.name(), frame())?;
        Ok(Self { services: view(), backend, namespace })
    }

    /// Another process, as it were, on the same namespace and view.
    fn restarted(&mut self, frame: FrameConfig) -> Result<()> {
        self.backend = backend(self.namespace.name(), frame)?;
        self.load()
    }

    fn load(&mut self) -> Result<()> {
        self.services.take();
        self.backend.load(&self.services, &settings()).map(drop).map_err(failed("loading"))
    }

    fn apply(&mut self) -> Result<plumb_proxy::backend::nftables::Synced> {
        let delta: Delta = self.services.take();
        self.backend.apply(&delta).map_err(failed("applying"))
    }

    fn nft(&self, arguments: &str) -> Result<String> {
        let script = format!("ip netns exec \"$node\" nft {arguments}");
        shell::run("nft", &script, &[("node".into(), self.namespace.name().to_owned())])
    }

    /// The kernel holds what was written and what the view says, and `nft` can list it.
    fn is_true(&mut self) -> Result<()> {
        let found = self.backend.verify(true).map_err(failed("verifying"))?;
        assert_eq!(found, Vec::<Difference>::new(), "the kernel is not as it was left");
        let found = self.backend.differences(&self.services, &settings()).map_err(failed("comparing"))?;
        assert_eq!(found, Vec::<Difference>::new(), "the kernel is not as the view says");
        self.nft("list ruleset > /dev/null")?;
        Ok(())
    }
}

/// A pseudo-random sequence that is the same every time (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(n)) as u32
    }
}

fn some_spec(dice: &mut Dice) -> Value {
    let kind = ["ClusterIP", "NodePort", "LoadBalancer"][dice.below(3) as usize];
    let mut spec = json!({"type": kind, "internalTrafficPolicy": (["Cluster", "Local"][dice.below(2) as usize]),
        "externalTrafficPolicy": (["Cluster", "Local"][dice.below(2) as usize]),
        "sessionAffinity": (["None", "None", "ClientIP"][dice.below(3) as usize])});
    if kind != "ClusterIP" {
        // Few numbers: Services get in each other's way.
        spec["ports"] = json!([{"name": "http", "port": 80, "nodePort": 30_000 + dice.below(4)},
            {"name": "dns", "port": 53, "protocol": "UDP"}]);
    }
    if dice.below(3) == 0 {
        spec["externalIPs"] = json!([format!("192.0.2.{}", dice.below(3))]);
    }
    spec
}

fn change(bed: &mut Bed, dice: &mut Dice) -> Result<()> {
    let number = dice.below(6);
    let name = |n: u32, suffix: &str| plumb_api::NamespacedName::new("bench", &format!("svc-{n}{suffix}"));
    match dice.below(8) {
        0..=2 => {
            let mut object = service(number, some_spec(dice))?;
            if dice.below(2) == 0 {
                object.status.load_balancer.ingress = vec![plumb_api::LoadBalancerIngress {
                    ip: format!("198.51.100.{}", dice.below(3)).into(),
                    ..plumb_api::LoadBalancerIngress::default()
                }];
                object.spec.load_balancer_source_ranges =
                    ["10.0.0.0/8", "10.1.0.0/16", "203.0.113.0/25", "203.0.113.128/25"]
                        .into_iter()
                        .filter(|_| dice.below(2) == 0)
                        .map(Into::into)
                        .collect();
            }
            bed.services.apply_service(&object);
        }
        3 => bed.services.remove_service(&name(number, "")),
        4..=6 => {
            let count = dice.below(12);
            let mut object = slice(number, &endpoints(number * 8, count))?;
            for endpoint in &mut object.endpoints {
                endpoint.node_name = (dice.below(2) == 0).then(|| "here".into());
                endpoint.conditions.ready = Some(dice.below(4) != 0);
            }
            bed.services.apply_slice(&object);
        }
        _ => bed.services.remove_slice(&name(number, "-a")),
    }
    Ok(())
}

#[test]
fn a_large_new_table_is_filled_in_steps_and_is_whole() -> Result<()> {
    let mut bed = Bed::new()?;
    for number in 0..1200 {
        // Sizes, affinity, node ports and ranges of all kinds among them.
        let spec = match number % 60 {
            0 => json!({"sessionAffinity": "ClientIP"}),
            1 => {
                json!({"type": "NodePort", "externalIPs": [format!("198.51.{}.{}", number / 250, number % 250)]})
            }
            _ => json!({}),
        };
        bed.services.apply_service(&service(number, spec)?);
        bed.services.apply_slice(&slice(number, &endpoints(number, number % 20))?);
    }
    bed.services.take();
    let synced = bed.backend.load(&bed.services, &settings()).map_err(failed("loading"))?;
    assert!(synced.transactions > 10 && synced.refused.is_empty(), "{synced:?}");
    bed.is_true()?;
    // A table that lacks a chain is replaced, whatever is in it.
    bed.nft("delete chain ip plumb nat-postrouting")?;
    bed.restarted(frame())?;
    bed.is_true()
}

#[test]
fn any_sequence_of_changes_ends_as_a_fresh_start() -> Result<()> {
    for seed in 0..12 {
        let mut bed = Bed::new()?;
        let mut dice = Dice(seed);
        bed.load()?;
        for round in 0..25 {
            for _ in 0..=dice.below(4) {
                change(&mut bed, &mut dice)?;
            }
            let synced = bed.apply()?;
            assert_eq!(synced.refused, [], "seed {seed}, round {round}");
            if round % 8 == 7 {
                bed.is_true()?;
            }
            if round == 12 {
                bed.restarted(frame())?;
            }
        }
        bed.is_true()?;
    }
    Ok(())
}

#[test]
fn what_somebody_else_changed_is_noticed_and_mended() -> Result<()> {
    let mut bed = Bed::new()?;
    for number in 0..3 {
        bed.services.apply_service(&service(number, json!({}))?);
        bed.services.apply_slice(&slice(number, &endpoints(number, 3))?);
    }
    bed.load()?;
    assert!(!bed.backend.is_disturbed().map_err(failed("asking"))?);
    let vip = cluster_ip(1);
    for meddling in [
        "flush ruleset",
        "delete table ip plumb",
        "flush chain ip plumb services",
        "insert rule ip plumb choose accept",
        &format!("delete element ip plumb cluster-size-3 '{{ {vip} . tcp . 80 }}'"),
        &format!("delete element ip plumb endpoints '{{ {vip} . tcp . 80 . 1 }}'"),
        &format!("add element ip plumb cluster-size-1 '{{ {vip} . tcp . 80 }}'"),
        &format!("add element ip plumb size-1 '{{ {vip} . tcp . 80 }}'"),
        "add chain ip plumb stranger",
        "flush set ip plumb cluster-ips",
    ] {
        bed.nft(meddling)?;
        assert!(bed.backend.is_disturbed().map_err(failed("asking"))?, "{meddling}: not noticed");
        let found = bed.backend.verify(true).map_err(failed("verifying"))?;
        assert!(!found.is_empty(), "{meddling}: no difference found");
        bed.load()?;
        bed.is_true()?;
    }
    // What is somebody else's is left alone, and is no disturbance to be mended.
    bed.nft("add table ip other")?;
    assert_eq!(bed.backend.verify(true).map_err(failed("verifying"))?, []);
    assert!(!bed.backend.is_disturbed().map_err(failed("asking"))?);
    bed.load()?;
    bed.backend.cleanup().map_err(failed("cleaning up"))?;
    assert_eq!(bed.nft("list tables")?.trim(), "table ip other");
    Ok(())
}

#[test]
fn what_the_kernel_refuses_is_named_and_the_rest_is_in_force() -> Result<()> {
    let mut bed = Bed::new()?;
    bed.load()?;
    // Somebody put another endpoint into a slot that two of the Services will want.
    for number in [2, 5] {
        let vip = cluster_ip(number);
        bed.nft(&format!("add element ip plumb endpoints '{{ {vip} . tcp . 80 . 1 : 9.9.9.9 . 9 }}'"))?;
    }
    for number in 0..8 {
        bed.services.apply_service(&service(number, json!({}))?);
        bed.services.apply_slice(&slice(number, &endpoints(number, 3))?);
    }
    let synced = bed.apply()?;
    let mut refused: Vec<String> = synced.refused.iter().map(|r| r.what.clone()).collect();
    refused.sort();
    assert_eq!(refused, ["10.96.0.3:80 TCP", "10.96.0.6:80 TCP"]);
    assert_eq!(bed.backend.frontends(), 6);
    for number in [2, 5] {
        let vip = cluster_ip(number);
        bed.nft(&format!("delete element ip plumb endpoints '{{ {vip} . tcp . 80 . 1 }}'"))?;
    }
    // Tried again with whatever comes next, even with nothing.
    assert_eq!(bed.apply()?.refused, []);
    bed.is_true()
}

/// Clients that an affinity set remembers, with what is left of their time in seconds.
fn clients(bed: &Bed) -> Result<BTreeMap<String, u64>> {
    let text = bed.nft("-j list ruleset")?;
    let document: Value = serde_json::from_str(&text).map_err(failed("reading nft's JSON"))?;
    let mut found = BTreeMap::new();
    for set in document["nftables"].as_array().into_iter().flatten().filter_map(|o| o.get("set")) {
        for element in set["elem"].as_array().into_iter().flatten().filter_map(|e| e.get("elem")) {
            if let (Some(client), Some(left)) = (element["val"].as_str(), element["expires"].as_u64()) {
                let set = set["name"].as_str().unwrap_or_default();
                found.insert(format!("{client} in {set}"), left);
            }
        }
    }
    Ok(found)
}

#[test]
fn clients_that_come_back_are_known_over_a_restart() -> Result<()> {
    let mut bed = Bed::new()?;
    bed.services.apply_service(&service(1, json!({"sessionAffinity": "ClientIP"}))?);
    bed.services.apply_slice(&slice(1, &endpoints(1, 2))?);
    bed.load()?;
    let end = endpoint(1, 0);
    let set = format!("affinity/bench/svc-1/tcp/http/{end}/8080");
    bed.nft(&format!("add element ip plumb {set} '{{ 192.0.2.7 timeout 500s }}'"))?;
    let known = format!("192.0.2.7 in {set}");
    assert!(clients(&bed)?.contains_key(&known));
    // The same rules: the table stays.
    bed.restarted(frame())?;
    assert!(clients(&bed)?.contains_key(&known));
    bed.is_true()?;
    // Other rules: the table is replaced, and what is left of the time is carried over.
    bed.restarted(FrameConfig { masquerade_mark: 0x8000, ..frame() })?;
    let left = clients(&bed)?.get(&known).copied();
    assert!(left.is_some_and(|s| (400..=500).contains(&s)), "{left:?} s are left of 500");
    bed.is_true()?;
    // Another endpoint comes: who is known stays.
    bed.services.apply_slice(&slice(1, &endpoints(1, 3))?);
    bed.apply()?;
    assert!(clients(&bed)?.contains_key(&known));
    // Its own endpoint goes: it is forgotten, and nothing is left of chains and sets.
    bed.services.apply_slice(&slice(1, &endpoints(1, 3)[1..])?);
    bed.apply()?;
    assert!(clients(&bed)?.is_empty());
    assert!(!bed.nft("list ruleset")?.contains(&set));
    bed.services.apply_service(&service(1, json!({}))?);
    bed.apply()?;
    assert!(!bed.nft("list ruleset")?.contains("affinity/"));
    bed.is_true()
}

#[test]
fn hostile_objects_harm_nobody_else() -> Result<()> {
    let mut bed = Bed::new()?;
    bed.services.apply_service(&service(1, json!({}))?);
    bed.services.apply_slice(&slice(1, &endpoints(1, 3))?);
    // Ten thousand endpoints, over slices of a hundred.
    bed.services.apply_service(&service(100, json!({}))?);
    for part in 0..100u32 {
        let ends: Vec<_> = (0..100).map(|i| endpoint(10_000 + part * 100 + i, 0).into()).collect();
        let mut object = slice(100, &ends)?;
        object.metadata.name = format!("svc-100-{part}").into();
        bed.services.apply_slice(&object);
    }
    // Names as long as they may be, with affinity, whose chains bear them.
    let mut long = service(
        200,
        json!({"sessionAffinity": "ClientIP", "ports": [{"name": "n".repeat(15), "port": 80}]}),
    )?;
    (long.metadata.namespace, long.metadata.name) = ("a".repeat(63).into(), "b".repeat(63).into());
    let mut ends = slice(200, &endpoints(200, 2))?;
    ends.metadata.namespace = long.metadata.namespace.clone();
    ends.metadata.labels.insert("kubernetes.io/service-name".into(), long.metadata.name.clone());
    ends.ports[0].name = Some("n".repeat(15).into());
    bed.services.apply_service(&long);
    bed.services.apply_slice(&ends);
    // An IPv6 address, no address at all, and nothing, in an IPv4 slice.
    let mut odd = slice(300, &endpoints(300, 1))?;
    for text in ["fd00::1", "example.com", ""] {
        odd.endpoints
            .push(plumb_api::Endpoint { addresses: vec![text.into()], ..plumb_api::Endpoint::default() });
    }
    bed.services.apply_service(&service(300, json!({}))?);
    bed.services.apply_slice(&odd);
    let problems = bed.services.take().problems;
    assert_eq!(problems.len(), 3, "{problems:?}");
    bed.load()?;
    bed.is_true()?;
    let found =
        bed.nft(&format!("get element ip plumb size-16384 '{{ {} . tcp . 80 }}'", cluster_ip(100)))?;
    assert!(found.contains("10.96.0.101"));
    for number in [1, 300] {
        bed.nft(&format!("get element ip plumb endpoints '{{ {} . tcp . 80 . 0 }}'", cluster_ip(number)))?;
    }
    Ok(())
}

//! The walk on snapshots in which something is missing, doubled or absurd: it may say what it likes, but must end.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plumb_model::Snapshot;
use plumb_trace::session::{Flow, Origin, Transport, attempt};
use plumb_trace::{Network, Walker};
use serde_json::Value;

/// Two pods, a router with rules, services and NAT.
static SOUND: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../snapshot.json")).expect("the seed snapshot"));

/// Changes the value at a place that the bytes lead to.
fn damage(value: &mut Value, bytes: &mut impl Iterator<Item = u8>) {
    let Some(step) = bytes.next() else { return };
    let wide = usize::from(step) << 8 | usize::from(bytes.next().unwrap_or(0));
    let len = match value {
        Value::Object(map) => map.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    };
    // Every eighth step stops here; else it goes on into what there is.
    if step % 8 == 7 || len == 0 {
        return change(value, bytes);
    }
    let inner = match value {
        Value::Object(map) => map.values_mut().nth(wide % len),
        Value::Array(list) => list.get_mut(wide % len),
        _ => None,
    };
    if let Some(inner) = inner {
        damage(inner, bytes);
    }
}

/// Makes something else of a value.
fn change(at: &mut Value, bytes: &mut impl Iterator<Item = u8>) {
    let with = bytes.next().unwrap_or(0);
    let number = u64::from(with) << (bytes.next().unwrap_or(0) % 32);
    match at {
        Value::Number(_) => *at = number.into(),
        Value::Bool(b) => *b = !*b,
        Value::String(s) => match with % 5 {
            0 => s.clear(),
            1 => s.push_str("ff"),
            2 => *s = "00".repeat(usize::from(with)),
            3 => *s = "10.77.2.2".into(),
            _ => {
                let keep = s.len() / 2;
                if s.is_char_boundary(keep) {
                    s.truncate(keep);
                }
            }
        },
        Value::Array(list) => match with % 4 {
            0 => list.clear(),
            1 => {
                list.pop();
            }
            2 => list.reverse(),
            _ => {
                let again: Vec<Value> = list.iter().take(50).cloned().collect();
                list.extend(again);
            }
        },
        Value::Object(map) => {
            let n = usize::from(with) % map.len().max(1);
            if let Some(key) = map.keys().nth(n).cloned() {
                map.remove(&key);
            }
        }
        Value::Null => *at = number.into(),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut value = SOUND.clone();
    let mut bytes = data.iter().copied();
    let count = bytes.next().unwrap_or(1) % 6 + 1;
    for _ in 0..count {
        damage(&mut value, &mut bytes);
    }
    let Ok(snapshot) = serde_json::from_value::<Snapshot>(value) else { return };
    let net = Network::compile(&snapshot);
    let walker = Walker::new(&net, true);
    for ns in 0..snapshot.namespaces.len().min(3) {
        for transport in [Transport::Tcp, Transport::Udp, Transport::Icmp] {
            for dst in ["10.77.2.2", "10.77.9.9", "fd77:2::2"] {
                let Ok(dst) = dst.parse() else { continue };
                let origin = Origin::Process { ns, source: None };
                let flow = Flow {
                    origin,
                    transport,
                    dst,
                    port: 53,
                    source_port: Some(40_000),
                    uid: 0,
                    gid: 0,
                    connections: 1,
                    bytes: None,
                };
                let _ = attempt(&walker, &flow);
            }
        }
    }
    for table in snapshot.namespaces.iter().filter_map(|n| n.nft.value()).flat_map(|r| &r.tables) {
        let _ = plumb_nft::text::table(table, &plumb_nft::text::Options::default());
    }
});

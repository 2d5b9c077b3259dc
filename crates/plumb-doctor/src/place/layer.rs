//! Which layer a place belongs to: it follows the place, not the symptom.

use plumb_nft::{CtKey, Expr, ObjectType, Rule};
use plumb_trace::Network;
use serde_json::Value;

use crate::report::{Layer, Place};

/// The layer of a place.
#[must_use]
pub fn layer(net: &Network, place: &Place) -> Layer {
    let text = |key: &str| place.get(key).and_then(Value::as_str);
    let has = |key: &str| place.get(key).is_some_and(|v| !v.is_null());
    if has("backend") {
        return rule_layer(net, place);
    }
    if let Some(name) = text("sysctl") {
        return sysctl_layer(name);
    }
    if has("file") {
        Layer::Dns
    } else if has("object") {
        Layer::Object
    } else if has("qdisc") {
        Layer::Tc
    } else if has("entry") {
        Layer::Conntrack
    } else if has("socket") {
        Layer::Socket
    } else if has("route") || has("policy_rule") || text("missing") == Some("route") {
        Layer::Routing
    } else if has("attribute") || has("lladdr") {
        device_layer(net, place)
    } else if has("address") {
        Layer::Addressing
    } else {
        Layer::Link
    }
}

fn device_layer(net: &Network, place: &Place) -> Layer {
    let text = |key: &str| place.get(key).and_then(Value::as_str);
    let link = text("namespace")
        .and_then(|n| net.snapshot.namespace_by_name(n))
        .and_then(|n| n.link_by_name(text("device")?));
    let kind = link.map_or("", |l| l.kind.as_str());
    let tunnel = matches!(
        kind,
        "vxlan" | "geneve" | "ipip" | "sit" | "gre" | "gretap" | "ip6gre" | "ip6tnl" | "wireguard"
    );
    // A neighbour has an address and no master; an entry of a VXLAN device's FDB has both on a tunnel.
    let is_fdb = text("missing") == Some("fdb") || place.contains_key("master");
    if place.contains_key("lladdr") && !is_fdb && place.contains_key("address") && !tunnel {
        Layer::Neighbour
    } else if tunnel {
        Layer::Overlay
    } else if place.contains_key("master") || text("attribute") == Some("master") {
        Layer::Bridge
    } else {
        Layer::Link
    }
}

/// Sysctls whose limits belong to another layer than `sysctl`.
fn sysctl_layer(name: &str) -> Layer {
    match name {
        "net.netfilter.nf_conntrack_max"
        | "net.nf_conntrack_max"
        | "net.netfilter.nf_conntrack_expect_max" => Layer::Conntrack,
        "net.ipv4.ip_local_port_range"
        | "net.ipv4.ip_local_reserved_ports"
        | "net.core.somaxconn"
        | "net.ipv4.tcp_max_syn_backlog"
        | "net.ipv4.tcp_max_tw_buckets"
        | "net.ipv4.tcp_max_orphans"
        | "net.core.rmem_max"
        | "net.core.wmem_max" => Layer::Socket,
        _ => Layer::Sysctl,
    }
}

fn rule_layer(net: &Network, place: &Place) -> Layer {
    let text = |key: &str| place.get(key).and_then(Value::as_str);
    if let Some(missing) = text("missing") {
        return layer_of_text(missing);
    }
    let rule = text("namespace").and_then(|n| net.snapshot.namespace_by_name(n)).and_then(|n| {
        let (table, chain) = super::chain_of(n, place)?;
        super::rule_of(n, table, chain, text("rule")?, place.get("handle").and_then(Value::as_u64))
    });
    rule.map_or(Layer::Netfilter, layer_of_rule)
}

fn layer_of_rule(rule: &Rule) -> Layer {
    let translates = |e: &Expr| match e {
        Expr::Snat { .. }
        | Expr::Dnat { .. }
        | Expr::Masq { .. }
        | Expr::Redir { .. }
        | Expr::Tproxy { .. } => true,
        Expr::Target { name, .. } => {
            matches!(name.as_str(), "SNAT" | "DNAT" | "MASQUERADE" | "REDIRECT" | "NETMAP" | "TPROXY")
        }
        _ => false,
    };
    let tracks = |e: &Expr| match e {
        Expr::Notrack => true,
        Expr::CtSet { key, .. } => matches!(key, CtKey::Zone | CtKey::Helper),
        Expr::Objref { kind, .. } => {
            matches!(kind, ObjectType::CtHelper | ObjectType::CtExpect | ObjectType::CtTimeout)
        }
        Expr::Target { name, .. } => matches!(name.as_str(), "CT" | "NOTRACK"),
        _ => false,
    };
    if rule.exprs.iter().any(translates) {
        Layer::ServiceNat
    } else if rule.exprs.iter().any(tracks) {
        Layer::Conntrack
    } else {
        Layer::Netfilter
    }
}

/// For a rule that is not there: by the words of how it should read.
fn layer_of_text(rule: &str) -> Layer {
    let mut words = rule.split_whitespace().peekable();
    let mut before = "";
    while let Some(word) = words.next() {
        let after_target = matches!(before, "-j" | "--jump");
        match word {
            "SNAT" | "DNAT" | "MASQUERADE" | "REDIRECT" | "NETMAP" | "TPROXY" if after_target => {
                return Layer::ServiceNat;
            }
            "CT" | "NOTRACK" if after_target => return Layer::Conntrack,
            "snat" | "dnat" | "masquerade" | "redirect" | "tproxy" if !matches!(before, "jump" | "goto") => {
                return Layer::ServiceNat;
            }
            "notrack" if !matches!(before, "jump" | "goto") => return Layer::Conntrack,
            "zone" | "helper" if before == "ct" && words.peek() == Some(&"set") => return Layer::Conntrack,
            _ => {}
        }
        before = word;
    }
    Layer::Netfilter
}

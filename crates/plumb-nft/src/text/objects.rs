//! Named objects and flowtables to text.

use super::types::Ty;
use super::userdata::{self, COMMENT};
use super::{Options, statement, value};
use crate::nlattr::Attrs;
use crate::types::*;

/// A named object, as in a listing.
pub(super) fn object(options: &Options, object: &Object) -> String {
    let handle = if options.handles { format!(" # handle {}", object.handle) } else { String::new() };
    let word = match object.kind {
        ObjectType::Unknown(n) => format!("object{n}"),
        known => known.word().unwrap_or_default().to_owned(),
    };
    let mut lines = Vec::new();
    if let Some(comment) = userdata::text(&object.userdata, COMMENT) {
        lines.push(format!("comment \"{comment}\""));
    }
    state(options, &object.data, &mut lines);
    let body: String = lines.iter().map(|line| format!("\t\t{line}\n")).collect();
    format!("\t{word} {} {{{handle}\n{body}\t}}\n", object.name)
}

fn protocol(number: u8) -> String {
    value::value(&Options::default(), Ty::Proto, number.into(), 8)
}

/// `NFPROTO_*` of an object.
fn l3(number: u16) -> String {
    u8::try_from(number)
        .ok()
        .and_then(|n| Family::from_number(n).word())
        .map_or_else(|| number.to_string(), str::to_owned)
}

fn state(options: &Options, data: &ObjectData, lines: &mut Vec<String>) {
    match data {
        ObjectData::Counter { packets, bytes } => {
            if options.counters {
                lines.push(format!("packets {packets} bytes {bytes}"));
            }
        }
        ObjectData::Quota { bytes, consumed, flags } => {
            lines.push(statement::quota(*bytes, if options.counters { *consumed } else { 0 }, *flags));
        }
        ObjectData::Limit(limit) => lines.push(statement::limit(limit)),
        ObjectData::Connlimit { count, flags } => {
            lines.push(format!("{}{count}", statement::over(*flags & 1 != 0)));
        }
        ObjectData::CtHelper { name, l3proto, l4proto } => {
            lines.push(format!("type \"{name}\" protocol {}", protocol(*l4proto)));
            lines.push(format!("l3proto {}", l3(*l3proto)));
        }
        ObjectData::CtTimeout { l3proto, l4proto, data } => {
            lines.push(format!("protocol {}", protocol(*l4proto)));
            lines.push(format!("l3proto {}", l3(*l3proto)));
            lines.push(format!("policy = {{ {} }}", timeouts(*l4proto, data)));
        }
        ObjectData::CtExpect { l3proto, l4proto, dport, timeout_ms, size } => {
            lines.push(format!("protocol {}", protocol(*l4proto)));
            lines.push(format!("dport {dport}"));
            lines.push(format!("timeout {}", value::time((*timeout_ms).into())));
            lines.push(format!("size {size}"));
            lines.push(format!("l3proto {}", l3(*l3proto)));
        }
        ObjectData::Secmark { context } => lines.push(format!("\"{context}\"")),
        ObjectData::Synproxy { mss, wscale, flags } => {
            // NF_SYNPROXY_OPT_MSS 1, WSCALE 2, SACK_PERM 4, TIMESTAMP 8.
            if flags & 1 != 0 {
                lines.push(format!("mss {mss}"));
            }
            if flags & 2 != 0 {
                lines.push(format!("wscale {wscale}"));
            }
            let words = [(8, "timestamp"), (4, "sack-perm")];
            let words: Vec<&str> =
                words.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, w)| *w).collect();
            if !words.is_empty() {
                lines.push(words.join(" "));
            }
        }
        ObjectData::Unknown(bytes) => lines.push(format!("# unknown state 0x{bytes}")),
    }
}

/// States of a protocol by attribute number, with the kernel's default in seconds, which is left out
/// (net/netfilter/nf_conntrack_proto_{tcp,udp}.c).
fn timeouts(l4proto: u8, data: &[u8]) -> String {
    const TCP: [(u16, &str, u32); 11] = [
        (1, "syn_sent", 120),
        (2, "syn_recv", 60),
        (3, "established", 432_000),
        (4, "fin_wait", 120),
        (5, "close_wait", 60),
        (6, "last_ack", 30),
        (7, "time_wait", 120),
        (8, "close", 10),
        (9, "syn_sent2", 120),
        (10, "retrans", 300),
        (11, "unack", 300),
    ];
    const UDP: [(u16, &str, u32); 2] = [(1, "unreplied", 30), (2, "replied", 120)];
    let known: &[(u16, &str, u32)] = match l4proto {
        6 => &TCP,
        17 => &UDP,
        _ => &[],
    };
    let mut parts = Vec::new();
    for attr in Attrs::new(data, "time-outs") {
        let Ok(attr) = attr else {
            parts.push("# damaged".to_owned());
            break;
        };
        let seconds = attr.be32("time-outs").unwrap_or(0);
        match known.iter().find(|(number, ..)| *number == attr.number) {
            Some((_, _, default)) if *default == seconds => {}
            Some((_, name, _)) => parts.push(format!("{name} : {seconds}")),
            None => parts.push(format!("state{} : {seconds}", attr.number)),
        }
    }
    parts.join(", ")
}

/// A flowtable, as in a listing.
pub(super) fn flowtable(options: &Options, table: &Flowtable) -> String {
    let handle = if options.handles { format!(" # handle {}", table.handle) } else { String::new() };
    let priority = super::chain::priority(Family::Netdev, Hook::Ingress, table.priority);
    let mut out = format!("\tflowtable {} {{{handle}\n\t\thook ingress priority {priority}\n", table.name);
    if !table.devices.is_empty() {
        let names: Vec<String> = table.devices.iter().map(|d| format!("\"{d}\"")).collect();
        out.push_str(&format!("\t\tdevices = {{ {} }}\n", names.join(", ")));
    }
    if table.flags & 1 != 0 {
        out.push_str("\t\tflags offload\n");
    }
    if table.flags & 2 != 0 {
        out.push_str("\t\tcounter\n");
    }
    out.push_str("\t}\n");
    out
}

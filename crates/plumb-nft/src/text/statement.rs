//! Statements to text.

use super::ast::{Kind, Nat, Node, Reject, Stmt};
use super::types::Ty;
use super::{Options, print, value};
use crate::types::*;

/// The statement as nft writes it. `inline`: how a chain without a name is written.
pub(super) fn text(options: &Options, stmt: &Stmt<'_>, inline: &dyn Fn(&Chain) -> String) -> String {
    let show = |n: &Node<'_>| print::node(options, n);
    match stmt {
        Stmt::Expr(node) => show(node),
        Stmt::Verdict(verdict) => print::verdict(verdict),
        Stmt::Inline(goto, chain) => {
            format!("{} {{\n{}\t\t}}", if *goto { "goto" } else { "jump" }, inline(chain))
        }
        Stmt::Plain(expr) => plain(options, expr),
        Stmt::Payload(to, value) | Stmt::ExthdrSet(to, value) => format!("{} set {}", show(to), show(value)),
        Stmt::MetaSet(key, value) => format!("{} set {}", print::meta_key(*key), show(value)),
        Stmt::CtSet(key, direction, value) => {
            format!("{} set {}", print::ct_key(*key, *direction), show(value))
        }
        Stmt::Reset(what) => format!("reset {}", show(what)),
        Stmt::Reject(r) => reject(options, r),
        Stmt::Nat(n) => nat(options, n),
        Stmt::Tproxy { family, addr, port } => {
            let mut out = "tproxy".to_owned();
            if let Some(family) = family {
                out.push_str(&format!(" {family}"));
            }
            out.push_str(" to");
            if let Some(addr) = addr {
                let bracket = addr.ty == Ty::Ip6 && matches!(addr.kind, Kind::Value(_));
                let addr = show(addr);
                out.push_str(&if bracket { format!(" [{addr}]") } else { format!(" {addr}") });
            }
            if let Some(port) = port {
                out.push_str(if addr.is_some() { ":" } else { " :" });
                out.push_str(&show(port));
            }
            out
        }
        Stmt::Set { op, set, key, data, exprs } => {
            let verb = match op {
                0 => "add".to_owned(),
                1 => "update".to_owned(),
                2 => "delete".to_owned(),
                n => format!("operation{n}"),
            };
            let data = data.as_ref().map(|d| format!(" : {}", show(d))).unwrap_or_default();
            format!("{verb} {} {{ {}{}{data} }}", set_name(set), show(key), carried(options, exprs))
        }
        Stmt::Meter { set, key, exprs } => {
            let size = set.size.map(|n| format!("size {n} ")).unwrap_or_default();
            format!("meter {} {size}{{ {}{} }}", set.name, show(key), carried(options, exprs))
        }
        Stmt::Dup(to, dev) => {
            // Without an address the packet goes out of a device (netdev family).
            match (to, dev) {
                (Some(to), Some(dev)) => format!("dup to {} device {}", show(to), show(dev)),
                (Some(to), None) | (None, Some(to)) => format!("dup to {}", show(to)),
                (None, None) => "dup".to_owned(),
            }
        }
        Stmt::Fwd { family, dev, addr } => {
            let dev = dev.as_ref().map(show).unwrap_or_default();
            match addr {
                Some(addr) => {
                    format!("fwd {} to {} device {dev}", family.unwrap_or("unknown"), show(addr))
                }
                None => format!("fwd to {dev}"),
            }
        }
        Stmt::Object(kind, name) => {
            let verb = match kind {
                ObjectType::CtHelper => "ct helper set".to_owned(),
                ObjectType::CtTimeout => "ct timeout set".to_owned(),
                ObjectType::CtExpect => "ct expectation set".to_owned(),
                ObjectType::Secmark => "meta secmark set".to_owned(),
                ObjectType::Unknown(n) => format!("object{n} name"),
                known => format!("{} name", known.word().unwrap_or_default()),
            };
            format!("{verb} {}", show(name))
        }
        Stmt::Queue { flags, to } => {
            let names: Vec<&str> = [(1, "bypass"), (2, "fanout")]
                .iter()
                .filter(|(bit, _)| flags & bit != 0)
                .map(|(_, n)| *n)
                .collect();
            let flags = if names.is_empty() { String::new() } else { format!(" flags {}", names.join(",")) };
            format!("queue{flags} to {}", to.as_ref().map_or_else(|| "0".to_owned(), show))
        }
        Stmt::Text(text) => text.clone(),
    }
}

fn set_name(set: &Set) -> String {
    if set.has(Set::ANONYMOUS) { set.name.clone() } else { format!("@{}", set.name) }
}

/// What each new element carries; without counts.
fn carried(options: &Options, exprs: &[Expr]) -> String {
    let options = Options { counters: false, ..options.clone() };
    exprs.iter().map(|e| format!(" {}", plain(&options, e))).collect()
}

/// Statements that read no register.
pub(super) fn plain(options: &Options, expr: &Expr) -> String {
    match expr {
        Expr::Counter { packets, bytes } if options.counters => {
            format!("counter packets {packets} bytes {bytes}")
        }
        Expr::Counter { .. } => "counter".to_owned(),
        Expr::Limit(l) => format!("limit {}", limit(l)),
        Expr::Quota { bytes, consumed, flags } => {
            format!("quota {}", quota(*bytes, if options.counters { *consumed } else { 0 }, *flags))
        }
        Expr::Connlimit { count, flags } => format!("ct count {}{count}", over(*flags & 1 != 0)),
        Expr::Last { set, msecs } => match set {
            true if options.counters => format!("last used {}", value::time(*msecs)),
            _ => "last".to_owned(),
        },
        Expr::Notrack => "notrack".to_owned(),
        Expr::FlowOffload { flowtable } => format!("flow add @{flowtable}"),
        Expr::Log { prefix, group, snaplen, qthreshold, level, flags } => {
            log(prefix.as_deref(), *group, *snaplen, *qthreshold, *level, flags.unwrap_or(0))
        }
        Expr::Synproxy { mss, wscale, flags } => format!("synproxy{}", synproxy(*mss, *wscale, *flags)),
        Expr::Match { name, .. } => xt(options, expr).unwrap_or_else(|| format!("xt match {name}")),
        Expr::Target { name, .. } => xt(options, expr).unwrap_or_else(|| format!("xt target {name}")),
        Expr::Unknown { name, data } => format!("# unknown expression {name} 0x{data}"),
        other => format!("# expression {other:?}"),
    }
}

fn xt(options: &Options, expr: &Expr) -> Option<String> {
    options.xt.and_then(|write| write(expr))
}

/// `over `, where a limit is turned around.
pub(super) fn over(over: bool) -> &'static str {
    if over { "over " } else { "" }
}

/// `rate …`.
pub(super) fn limit(l: &Limit) -> String {
    let unit = match l.unit {
        1 => "second",
        60 => "minute",
        3600 => "hour",
        86_400 => "day",
        604_800 => "week",
        _ => "error",
    };
    let over = over(l.over);
    if l.bytes {
        let (rate, rate_unit) = data_rate(l.rate);
        let (burst, burst_unit) = data_rate(l.burst.into());
        let burst = if l.burst == 0 { String::new() } else { format!(" burst {burst} {burst_unit}") };
        format!("rate {over}{rate} {rate_unit}/{unit}{burst}")
    } else {
        let burst =
            if l.burst == 0 || l.burst == 5 { String::new() } else { format!(" burst {} packets", l.burst) };
        format!("rate {over}{}/{unit}{burst}", l.rate)
    }
}

/// Bytes in the largest unit that divides them.
fn data_rate(bytes: u64) -> (u64, &'static str) {
    match bytes {
        0 => (0, "bytes"),
        n if n % (1024 * 1024) == 0 => (n / (1024 * 1024), "mbytes"),
        n if n % 1024 == 0 => (n / 1024, "kbytes"),
        n => (n, "bytes"),
    }
}

/// `over … bytes used …`.
pub(super) fn quota(bytes: u64, used: u64, flags: u32) -> String {
    let (rate, unit) = data_rate(bytes);
    let used = match data_rate(used) {
        (0, _) => String::new(),
        (n, unit) => format!(" used {n} {unit}"),
    };
    format!("{}{rate} {unit}{used}", over(flags & 1 != 0))
}

fn synproxy(mss: u16, wscale: u8, flags: u32) -> String {
    let mut out = String::new();
    // NF_SYNPROXY_OPT_MSS 1, WSCALE 2, SACK_PERM 4, TIMESTAMP 8.
    if flags & 3 != 0 {
        out.push_str(&format!(" mss {mss} wscale {wscale}"));
    }
    if flags & 8 != 0 {
        out.push_str(" timestamp");
    }
    if flags & 4 != 0 {
        out.push_str(" sack-perm");
    }
    out
}

fn log(
    prefix: Option<&str>,
    group: Option<u16>,
    snaplen: Option<u32>,
    qthreshold: Option<u16>,
    level: Option<u32>,
    flags: u32,
) -> String {
    const LEVELS: [&str; 9] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"];
    let mut out = "log".to_owned();
    if let Some(prefix) = prefix {
        out.push_str(&format!(" prefix \"{prefix}\""));
    }
    if let Some(group) = group {
        out.push_str(&format!(" group {group}"));
    }
    if let Some(snaplen) = snaplen.filter(|n| *n != 0) {
        out.push_str(&format!(" snaplen {snaplen}"));
    }
    if let Some(qthreshold) = qthreshold.filter(|n| *n > 1) {
        out.push_str(&format!(" queue-threshold {qthreshold}"));
    }
    // 4: warn, which is what `log` alone means.
    if let Some(level) = level.filter(|n| *n != 4) {
        out.push_str(&format!(" level {}", LEVELS.get(level as usize).unwrap_or(&"unknown")));
    }
    // NF_LOG_TCPSEQ 1, TCPOPT 2, IPOPT 4, UID 8, MACDECODE 0x20.
    if flags & 0x2f == 0x2f {
        out.push_str(" flags all");
        return out;
    }
    out.push_str(match flags & 3 {
        1 => " flags tcp sequence",
        2 => " flags tcp options",
        3 => " flags tcp sequence,options",
        _ => "",
    });
    for (bit, word) in [(4, " flags ip options"), (8, " flags skuid"), (0x20, " flags ether")] {
        if flags & bit != 0 {
            out.push_str(word);
        }
    }
    out
}

fn reject(options: &Options, r: &Reject) -> String {
    let code = || value::value(options, r.ty, r.code.into(), 8);
    match r.kind {
        RejectType::TcpRst => "reject with tcp reset".to_owned(),
        RejectType::IcmpxUnreach if r.code == 1 => "reject".to_owned(),
        RejectType::IcmpxUnreach => format!("reject with icmpx {}", code()),
        RejectType::IcmpUnreach => match r.ipv4 {
            Some(true) if !r.verbose && r.code == 3 => "reject".to_owned(),
            Some(false) if !r.verbose && r.code == 4 => "reject".to_owned(),
            Some(true) => format!("reject with icmp {}", code()),
            Some(false) => format!("reject with icmpv6 {}", code()),
            None => "reject".to_owned(),
        },
        RejectType::Unknown(n) => format!("reject # type {n} code {}", r.code),
    }
}

fn nat(options: &Options, n: &Nat<'_>) -> String {
    let show = |node: &Node<'_>| print::node(options, node);
    let mut out = n.word.to_owned();
    if n.addr.is_some() || n.port.is_some() {
        if let Some(family) = n.family {
            out.push_str(&format!(" {family}"));
        }
        if n.prefix {
            out.push_str(" prefix");
        }
        out.push_str(" to");
    }
    if let Some(addr) = &n.addr {
        out.push(' ');
        match &addr.kind {
            Kind::Value(_) if n.port.is_some() && addr.ty == Ty::Ip6 => {
                out.push_str(&format!("[{}]", show(addr)))
            }
            Kind::Range(low, high) if n.port.is_some() && low.ty == Ty::Ip6 => {
                out.push_str(&format!("[{}]-[{}]", show(low), show(high)));
            }
            _ => out.push_str(&show(addr)),
        }
    }
    if let Some(port) = &n.port {
        out.push_str(if n.addr.is_some() { ":" } else { " :" });
        out.push_str(&show(port));
    }
    // NF_NAT_RANGE_PROTO_RANDOM 4, PERSISTENT 8, PROTO_RANDOM_FULLY 16.
    let words: Vec<&str> = [(4, "random"), (16, "fully-random"), (8, "persistent")]
        .iter()
        .filter(|(bit, _)| n.flags & bit != 0)
        .map(|(_, word)| *word)
        .collect();
    if !words.is_empty() {
        out.push_str(&format!(" {}", words.join(",")));
    }
    out
}

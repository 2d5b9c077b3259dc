//! What rules ask of a packet.

use super::super::super::rng::Rng;
use super::super::words::{address, prefixes, ranges};
use super::{Context, stateful};

/// Matches that the walk names: seldom, as a case ends where one decides.
const UNKNOWN: &[&str] = &[
    "-m cpu --cpu 0",
    "-m u32 --u32 0&0xff=0",
    "-m string --algo bm --string plumb",
    "-m time --timestart 00:00 --timestop 12:00",
];

fn net(rng: &mut Rng, v4: bool) -> &'static str {
    if rng.percent(30) { address(rng, v4) } else { rng.word(prefixes(v4)) }
}

pub(super) fn one(rng: &mut Rng, c: &Context<'_>) -> String {
    let bang = *rng.pick(&["", "", "! "]);
    match rng.below(100) {
        0..=7 => format!("{bang}-s {}", net(rng, c.v4)),
        8..=15 => format!("{bang}-d {}", net(rng, c.v4)),
        16..=21 => device(rng, c, bang),
        22..=49 => set(rng, c),
        50..=63 => connection(rng, c, bang),
        64..=74 => stateful::one(rng, c),
        75..=76 if rng.percent(50) => rng.word(UNKNOWN).to_owned(),
        _ => header(rng, c, bang),
    }
}

fn device(rng: &mut Rng, c: &Context<'_>, bang: &str) -> String {
    let incoming = rng.percent(50);
    let unfit: &[&str] = if incoming { &["OUTPUT", "POSTROUTING"] } else { &["PREROUTING", "INPUT"] };
    if c.hooks.len() == 1 && unfit.contains(&c.hooks[0]) {
        return String::new();
    }
    let option = if incoming { "-i" } else { "-o" };
    format!("{bang}{option} {}", rng.word(&["c0", "s0", "eth+", "c+", "eth0", "lo"]))
}

fn set(rng: &mut Rng, c: &Context<'_>) -> String {
    let fit: Vec<_> = c.sets.iter().filter(|s| s.v4 == c.v4 && !s.scratch).collect();
    // One that rules change is not known any more.
    let all = || c.sets.iter().filter(|s| s.v4 == c.v4).collect();
    let fit: Vec<_> = if fit.is_empty() || rng.percent(3) { all() } else { fit };
    if fit.is_empty() {
        return String::new();
    }
    let set = *rng.pick(&fit);
    let asked = match rng.below(20) {
        0 => (set.dimensions + 1).min(6),
        1 => set.dimensions.max(2) - 1,
        _ => set.dimensions,
    };
    let sides: Vec<_> = (0..asked).map(|_| rng.word(&["src", "dst"])).collect();
    let bang = *rng.pick(&["", "", "! "]);
    let mut out = format!("-m set {bang}--match-set {} {}", set.name, sides.join(","));
    if set.nets && bang.is_empty() && rng.percent(25) {
        out.push_str(" --return-nomatch");
    }
    if set.counters {
        out.push_str(rng.word(&[
            "",
            "",
            " ! --update-counters",
            " ! --update-subcounters",
            " --packets-gt 3",
            " --packets-eq 0",
            " ! --packets-eq 3",
            " --bytes-lt 300",
        ]));
    }
    out
}

fn connection(rng: &mut Rng, c: &Context<'_>, bang: &str) -> String {
    let one = address(rng, c.v4);
    match rng.below(16) {
        0 | 1 => format!(
            "-m conntrack {bang}--ctstate {}",
            rng.word(&["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID"])
        ),
        2 => format!(
            "-m conntrack {bang}--ctstate {}",
            rng.word(&["UNTRACKED", "DNAT", "SNAT", "SNAT,DNAT,NEW", "NEW,UNTRACKED"])
        ),
        3 => format!(
            "-m state --state {}",
            rng.word(&["NEW", "ESTABLISHED", "NEW,RELATED", "INVALID,UNTRACKED"])
        ),
        4 => format!(
            "-m conntrack {bang}--ctstatus {}",
            rng.word(&["SEEN_REPLY", "CONFIRMED", "ASSURED", "NONE"])
        ),
        5 => format!("-m conntrack {bang}--ctorigdst {one}"),
        6 => format!("-m conntrack {bang}--ctreplsrc {one}"),
        7 => format!("-m conntrack {bang}--ctorigdstport {}", rng.word(&["80", "53:1000", "8080"])),
        8 => format!("-m conntrack --ctdir {}", rng.word(&["ORIGINAL", "REPLY"])),
        9 => format!("-m conntrack {bang}--ctproto {}", rng.word(&["6", "17", "1"])),
        10 | 11 => format!(
            "-m mark {bang}--mark {}",
            rng.word(&["0x40/0x40", "0x1", "0x0", "0x10/0xf0", "0x1/0xff"])
        ),
        12 | 13 => format!("-m connmark {bang}--mark {}", rng.word(&["0x40/0x40", "0x1", "0x0", "0x1/0xff"])),
        14 => format!("-m connlabel {bang}--label {}", rng.word(&["3", "40"])),
        _ => format!("-m helper {bang}--helper ftp"),
    }
}

fn header(rng: &mut Rng, c: &Context<'_>, bang: &str) -> String {
    const INCOMING: &[&str] = &["PREROUTING", "INPUT", "FORWARD"];
    match rng.below(20) {
        0 => format!("-m length {bang}--length {}", rng.word(&["0:60", "44", "60:100", "84:65535"])),
        1 => "-m comment --comment \"one two\"".into(),
        2 => format!("-m addrtype {bang}--src-type {}", rng.word(&["UNICAST", "LOCAL", "LOCAL,UNICAST"])),
        3 => format!("-m addrtype {bang}--dst-type {}", rng.word(&["UNICAST", "LOCAL", "LOCAL,UNREACHABLE"])),
        4 if c.only(&["PREROUTING", "INPUT"]) => "-m addrtype --dst-type LOCAL --limit-iface-in".into(),
        5 => format!("-m iprange {bang}--src-range {}", rng.word(ranges(c.v4))),
        6 => format!("-m iprange {bang}--dst-range {}", rng.word(ranges(c.v4))),
        7 if c.only(INCOMING) => {
            format!("-m mac {bang}--mac-source {}", rng.word(&["02:00:00:00:01:02", "02:00:00:00:02:02"]))
        }
        8 => format!("-m pkttype {bang}--pkt-type {}", rng.word(&["unicast", "broadcast", "multicast"])),
        9 => format!("-m dscp {bang}--dscp {}", rng.word(&["0x00", "0x0a", "0x2e"])),
        10 => format!("-m tos {bang}--tos {}", rng.word(&["0x00/0xff", "0x10/0x3f", "0xb8/0xff"])),
        11 => format!("-m ecn {bang}--ecn-ip-ect {}", rng.word(&["0", "1"])),
        12 | 13 if c.v4 => {
            format!("-m ttl {}", rng.word(&["--ttl-eq 64", "! --ttl-eq 63", "--ttl-lt 64", "--ttl-gt 63"]))
        }
        12 | 13 => format!("-m hl {}", rng.word(&["--hl-eq 64", "! --hl-eq 63", "--hl-lt 64", "--hl-gt 63"])),
        14 if c.only(&["OUTPUT", "POSTROUTING"]) => {
            format!(
                "-m owner {bang}{}",
                rng.word(&["--uid-owner 0", "--uid-owner 1000", "--gid-owner 0", "--socket-exists"])
            )
        }
        15 if c.only(INCOMING) => format!("-m devgroup {bang}--src-group {}", rng.below(2)),
        15 if c.only(&["FORWARD", "OUTPUT", "POSTROUTING"]) => {
            format!("-m devgroup {bang}--dst-group {}", rng.below(2))
        }
        16 if c.only(&["PREROUTING"]) && matches!(c.table, "raw" | "mangle") => format!(
            "-m rpfilter{}",
            rng.word(&["", " --invert", " --loose", " --validmark", " --accept-local", " --loose --invert"])
        ),
        17 if c.only(&["PREROUTING", "INPUT"]) => "-m socket".into(),
        18 if c.v4 => format!("{bang}-f"),
        19 if c.only(&["PREROUTING", "FORWARD"]) => "-m physdev ! --physdev-in c0".into(),
        _ => format!("-m statistic --mode random {bang}--probability 0.5"),
    }
}

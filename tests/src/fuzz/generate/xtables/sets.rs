//! ipsets about the network's own addresses.

use super::super::super::rng::Rng;
use super::super::words::{address, prefixes};

/// A set that rules can ask.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    /// How many parts of a packet make its key.
    pub(super) dimensions: usize,
    pub(super) v4: bool,
    /// Whether it has exceptions.
    pub(super) nets: bool,
    pub(super) counters: bool,
    /// Whether elements hold marks and priorities.
    pub(super) skbinfo: bool,
    /// Whether rules may add to it and delete from it.
    pub(super) scratch: bool,
}

/// Types that this kernel and every other has, the first three for IPv4 alone.
const KINDS: &[(&str, usize)] = &[
    ("bitmap:ip", 1),
    ("bitmap:ip", 1),
    ("bitmap:ip,mac", 2),
    ("bitmap:port", 1),
    ("hash:ip", 1),
    ("hash:ip", 1),
    ("hash:ip,port", 2),
    ("hash:ip,port", 2),
    ("hash:ip,port,ip", 3),
    ("hash:ip,port,net", 3),
    ("hash:net", 1),
    ("hash:net", 1),
    ("hash:net,port", 2),
    ("hash:net,iface", 2),
];

/// Lines of `ipset restore`, and what they make.
pub(super) fn sets(rng: &mut Rng, v4: bool) -> (Vec<String>, Vec<Known>) {
    let (mut lines, mut known) = (Vec::new(), Vec::new());
    let first = if v4 { 0 } else { 3 };
    for n in 0..rng.between(2, 7) {
        let (kind, dimensions) = KINDS[rng.between(first, KINDS.len() - 1)];
        let at = lines.len();
        let name = format!("{}{}{n}", kind.replace([':', ','], "-"), if v4 { "-v4-" } else { "-v6-" });
        let scratch = rng.percent(15);
        let has = Has {
            timeout: rng.percent(20),
            counters: rng.percent(20),
            skbinfo: rng.percent(10),
            comment: rng.percent(5),
        };
        let created = create(rng, &name, kind, v4, &has);
        for _ in 0..rng.below(5) {
            let element = add(rng, &name, kind, v4, &has, &created);
            lines.push(element);
        }
        lines.insert(at, created);
        known.push(Known {
            name,
            dimensions,
            v4,
            nets: kind.contains("net"),
            counters: has.counters,
            skbinfo: has.skbinfo,
            scratch,
        });
    }
    if rng.percent(50) {
        let name = format!("list{}", if v4 { "4" } else { "6" });
        let options = *rng.pick(&["", "", " counters", " timeout 600", " size 4"]);
        lines.push(format!("create {name} list:set{options}"));
        let members = rng.some(&known, 0, 3);
        lines.extend(members.iter().map(|m| format!("add {name} {} -exist", m.name)));
        let dimensions = members.iter().map(|m| m.dimensions).max().unwrap_or(1);
        let nets = members.iter().any(|m| m.nets);
        known.push(Known {
            name,
            dimensions,
            v4,
            nets,
            counters: options.contains("counters"),
            skbinfo: false,
            scratch: false,
        });
    }
    (lines, known)
}

struct Has {
    timeout: bool,
    counters: bool,
    skbinfo: bool,
    comment: bool,
}

fn create(rng: &mut Rng, name: &str, kind: &str, v4: bool, has: &Has) -> String {
    let mut out = format!("create {name} {kind}");
    match kind {
        "bitmap:ip" => out.push_str(rng.word(&[
            " range 10.77.0.0/16",
            " range 10.77.1.2-10.77.2.2",
            " range 10.77.0.0/16 netmask 24",
            " range 10.77.0.0/20 netmask 31",
        ])),
        "bitmap:ip,mac" => out.push_str(rng.word(&[" range 10.77.0.0/16", " range 10.77.1.0/24"])),
        "bitmap:port" => out.push_str(rng.word(&[" range 1-9000", " range 50-100", " range 0-65535"])),
        _ if !v4 => out.push_str(" family inet6"),
        _ => {}
    }
    if matches!(kind, "hash:ip" | "hash:ip,port") && rng.percent(40) {
        out.push_str(match v4 {
            true => rng.word(&[
                " netmask 24",
                " netmask 31",
                " netmask 16",
                " bitmask 255.255.0.3",
                " bitmask 0.0.255.255",
            ]),
            false => {
                rng.word(&[" netmask 64", " netmask 127", " bitmask ffff:ffff::3", " bitmask 0:ffff::ffff"])
            }
        });
    }
    if kind.starts_with("hash") {
        out.push_str(rng.word(&["", "", "", " forceadd", " maxelem 5000", " hashsize 64"]));
    }
    if has.timeout {
        out.push_str(rng.word(&[" timeout 0", " timeout 900"]));
    }
    for (has, word) in [(has.counters, " counters"), (has.skbinfo, " skbinfo"), (has.comment, " comment")] {
        if has {
            out.push_str(word);
        }
    }
    out
}

fn net(rng: &mut Rng, v4: bool) -> &'static str {
    if rng.percent(30) { address(rng, v4) } else { rng.word(prefixes(v4)) }
}

fn proto_port(rng: &mut Rng, v4: bool) -> String {
    if rng.percent(15) {
        return rng
            .word(if v4 {
                &["icmp:8/0", "icmp:0/0", "icmp:echo-request"]
            } else {
                &["icmpv6:128/0", "icmpv6:129/0"]
            })
            .to_owned();
    }
    let protocol = rng.word(&["tcp", "tcp", "udp", "udp", "udp", "sctp"]);
    let port = rng.word(&["53", "80", "1000", "3000", "7000", "8080", "50-90", "1000-1003"]);
    format!("{protocol}:{port}")
}

/// Elements within the range of a bitmap.
fn within(rng: &mut Rng, created: &str) -> String {
    let of: &[&str] = if created.contains("1.0/24") {
        &["10.77.1.2", "10.77.1.1"]
    } else if created.contains("50-100") {
        &["53", "80", "80-90"]
    } else if created.contains("bitmap:port") {
        &["53", "80", "80", "1000", "3000", "7000-8080"]
    } else if created.contains("netmask") {
        &["10.77.1.0", "10.77.2.0", "10.77.2.2", "10.77.9.8"]
    } else {
        &["10.77.1.2", "10.77.2.2", "10.77.2.1", "10.77.2.1-10.77.2.2"]
    };
    rng.word(of).to_owned()
}

fn add(rng: &mut Rng, name: &str, kind: &str, v4: bool, has: &Has, created: &str) -> String {
    let mac = rng.word(&["02:00:00:00:01:02", "02:00:00:00:02:01", "02:00:00:00:01:01", "02:00:00:00:02:02"]);
    let one = address(rng, v4);
    let key = match kind {
        "bitmap:ip" | "bitmap:port" => within(rng, created),
        "hash:ip" if v4 && !created.contains("mask") && rng.percent(20) => "10.77.2.1-10.77.2.3".to_owned(),
        "hash:ip" => one.to_owned(),
        "bitmap:ip,mac" => {
            let one = within(rng, created);
            let one = one.split('-').next().unwrap_or_default();
            if rng.percent(15) { one.to_owned() } else { format!("{one},{mac}") }
        }
        "hash:ip,port" => format!("{one},{}", proto_port(rng, v4)),
        "hash:ip,port,ip" => format!("{one},{},{}", proto_port(rng, v4), address(rng, v4)),
        "hash:ip,port,net" => format!("{one},{},{}", proto_port(rng, v4), net(rng, v4)),
        "hash:net" => net(rng, v4).to_owned(),
        "hash:net,port" => format!("{},{}", net(rng, v4), proto_port(rng, v4)),
        _ => {
            let device = rng.word(&["c0", "s0", "eth0", "lo", "c0", "s0", "physdev:c0"]);
            format!("{},{device}", net(rng, v4))
        }
    };
    let mut out = format!("add {name} {key}");
    if has.timeout && rng.percent(40) {
        out.push_str(" timeout 1800");
    }
    if kind.contains("net") && rng.percent(25) {
        out.push_str(" nomatch");
    }
    if kind == "hash:net,iface" && !key.contains("physdev") && rng.percent(20) {
        out.push_str(" wildcard");
    }
    if has.counters && rng.percent(50) {
        out.push_str(" packets 3 bytes 300");
    }
    if has.skbinfo && rng.percent(60) {
        out.push_str(rng.word(&[
            " skbmark 0x40/0x40",
            " skbmark 0x10/0xff",
            " skbmark 0x3 skbprio 1:5",
            " skbprio 1:7",
        ]));
    }
    if has.comment {
        out.push_str(" comment \"a word\"");
    }
    out + " -exist"
}

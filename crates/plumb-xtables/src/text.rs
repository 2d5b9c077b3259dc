//! How iptables writes strings, addresses and protocols.

use std::net::{IpAddr, Ipv6Addr};

use crate::types::{AddrMask, Inv};

/// A string as iptables saves it: bare if it consists of letters, digits, `_` and `-`, else in double quotes with a
/// backslash before quotes and backslashes.
#[must_use]
pub fn quoted(s: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !s.is_empty() && s.chars().all(bare) {
        return s.to_owned();
    }
    let mut out = String::from("\"");
    for c in s.chars() {
        if matches!(c, '"' | '\\' | '\'') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// An address as the C library's `inet_ntop` writes it, which embeds an IPv4 address also after 96 zero bits.
#[must_use]
pub fn address(a: IpAddr) -> String {
    match a {
        IpAddr::V4(a) => a.to_string(),
        IpAddr::V6(a) => address6(a),
    }
}

fn address6(a: Ipv6Addr) -> String {
    let words = a.segments();
    let zeros = words.iter().take_while(|w| **w == 0).count();
    let [.., hi, lo] = words;
    if zeros == 6 {
        return format!("::{}.{}.{}.{}", hi >> 8, hi & 0xff, lo >> 8, lo & 0xff);
    }
    a.to_string()
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.255.0`: an address with its mask, always written.
#[must_use]
pub fn network(n: &AddrMask) -> String {
    match n.prefix_len() {
        Some(len) => format!("{}/{len}", address(n.addr)),
        None => format!("{}/{}", address(n.addr), address(n.mask)),
    }
}

/// The same, without the length of a mask that covers the whole address.
#[must_use]
pub fn network_or_address(n: &AddrMask) -> String {
    match n.prefix_len() {
        Some(len) if len == if n.addr.is_ipv4() { 32 } else { 128 } => address(n.addr),
        _ => network(n),
    }
}

/// Options joined by single spaces, those that are absent left out.
#[derive(Debug, Default)]
pub(crate) struct Options(Vec<String>);

impl Options {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A word or several.
    pub(crate) fn push(&mut self, s: impl Into<String>) -> &mut Self {
        self.0.push(s.into());
        self
    }

    /// A word, if the condition holds.
    pub(crate) fn flag(&mut self, on: bool, s: &str) -> &mut Self {
        if on { self.push(s) } else { self }
    }

    /// `--name value`, if there is a value.
    pub(crate) fn opt(&mut self, name: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        match value {
            Some(v) => self.push(format!("{name} {}", v.as_ref())),
            None => self,
        }
    }

    /// `! --name value`, if there is a condition.
    pub(crate) fn inv<T>(
        &mut self,
        name: &str,
        v: Option<&Inv<T>>,
        text: impl FnOnce(&T) -> String,
    ) -> &mut Self {
        match v {
            Some(v) => self.push(format!("{}{name} {}", v.bang(), text(&v.value))),
            None => self,
        }
    }

    pub(crate) fn build(&self) -> String {
        self.0.join(" ")
    }
}

/// Name of an IP protocol as Debian 12's `/etc/protocols` (netbase 6.4) has it, which is where iptables 1.8.9 looks
/// it up; `None` where that has none and iptables prints the number.
#[must_use]
pub fn protocol_name(number: u8) -> Option<&'static str> {
    let at = PROTOCOLS.binary_search_by_key(&number, |(n, _)| *n).ok()?;
    PROTOCOLS.get(at).map(|(_, name)| *name)
}

const PROTOCOLS: &[(u8, &str)] = &[
    (0, "ip"),
    (1, "icmp"),
    (2, "igmp"),
    (3, "ggp"),
    (4, "ipencap"),
    (5, "st"),
    (6, "tcp"),
    (8, "egp"),
    (9, "igp"),
    (12, "pup"),
    (17, "udp"),
    (20, "hmp"),
    (22, "xns-idp"),
    (27, "rdp"),
    (29, "iso-tp4"),
    (33, "dccp"),
    (36, "xtp"),
    (37, "ddp"),
    (38, "idpr-cmtp"),
    (41, "ipv6"),
    (43, "ipv6-route"),
    (44, "ipv6-frag"),
    (45, "idrp"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (57, "skip"),
    (58, "ipv6-icmp"),
    (59, "ipv6-nonxt"),
    (60, "ipv6-opts"),
    (73, "rspf"),
    (81, "vmtp"),
    (88, "eigrp"),
    (89, "ospf"),
    (93, "ax.25"),
    (94, "ipip"),
    (97, "etherip"),
    (98, "encap"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (115, "l2tp"),
    (124, "isis"),
    (132, "sctp"),
    (133, "fc"),
    (135, "mobility-header"),
    (136, "udplite"),
    (137, "mpls-in-ip"),
    (138, "manet"),
    (139, "hip"),
    (140, "shim6"),
    (141, "wesp"),
    (142, "rohc"),
    (143, "ethernet"),
];

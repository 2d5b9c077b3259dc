//! Settings of the kinds of devices, by a table: number, name as `ip -d link` prints it, form.

use std::collections::BTreeMap;

use plumb_nft::DecodeError;
use plumb_nft::nlattr::{Attr, Attrs};

use crate::netlink::Native;

#[derive(Clone, Copy)]
enum Form {
    U8,
    U16,
    U32,
    Be16,
    Be32,
    /// A number that has words.
    Word(&'static [(u64, &'static str)]),
    Ip,
    /// First and last port, big-endian.
    Ports,
    /// Bytes in hexadecimal.
    Raw,
    /// On by its value or, without one, by being there.
    Flag,
}

use Form::{Be16, Be32, Flag, Ip, Ports, Raw, U8, U16, U32, Word};

type Table = &'static [(u16, &'static str, Form)];

const VLAN: Table = &[(1, "id", U16), (2, "flags", Raw), (5, "protocol", Be16)];
const MACVLAN: Table = &[
    (1, "mode", Word(&[(1, "private"), (2, "vepa"), (4, "bridge"), (8, "passthru"), (16, "source")])),
    (2, "flags", U16),
];
const IPVLAN: Table = &[(1, "mode", Word(&[(0, "l2"), (1, "l3"), (2, "l3s")])), (2, "flags", U16)];
const VRF: Table = &[(1, "table", U32)];
const VXLAN: Table = &[
    (1, "id", U32),
    (2, "group", Ip),
    (3, "dev", U32),
    (4, "local", Ip),
    (5, "ttl", U8),
    (6, "tos", U8),
    (7, "learning", Flag),
    (8, "ageing", U32),
    (9, "maxaddr", U32),
    (10, "srcport", Ports),
    (11, "proxy", Flag),
    (12, "rsc", Flag),
    (13, "l2miss", Flag),
    (14, "l3miss", Flag),
    (15, "dstport", Be16),
    (16, "group", Ip),
    (17, "local", Ip),
    (18, "udpcsum", Flag),
    (19, "udp6zerocsumtx", Flag),
    (20, "udp6zerocsumrx", Flag),
    (21, "remcsumtx", Flag),
    (22, "remcsumrx", Flag),
    (23, "gbp", Flag),
    (24, "noremcsumpartial", Flag),
    (25, "external", Flag),
    (26, "flowlabel", Be32),
    (27, "gpe", Flag),
    (28, "ttl-inherit", Flag),
    (29, "df", U8),
    (30, "vnifilter", Flag),
    (31, "localbypass", Flag),
    (32, "label_policy", U32),
    (33, "reserved_bits", Raw),
];
const GENEVE: Table = &[
    (1, "id", U32),
    (2, "remote", Ip),
    (3, "ttl", U8),
    (4, "tos", U8),
    (5, "dstport", Be16),
    (6, "external", Flag),
    (7, "remote", Ip),
];
const GRE: Table = &[
    (1, "dev", U32),
    (2, "iflags", Be16),
    (3, "oflags", Be16),
    (4, "ikey", Be32),
    (5, "okey", Be32),
    (6, "local", Ip),
    (7, "remote", Ip),
    (8, "ttl", U8),
    (9, "tos", U8),
    (10, "pmtudisc", Flag),
    (18, "external", Flag),
    (19, "ignore-df", Flag),
];
const IPTUN: Table = &[
    (1, "dev", U32),
    (2, "local", Ip),
    (3, "remote", Ip),
    (4, "ttl", U8),
    (5, "tos", U8),
    (9, "proto", U8),
    (10, "pmtudisc", Flag),
    (19, "external", Flag),
];
const BOND: Table = &[
    (
        1,
        "mode",
        Word(&[
            (0, "balance-rr"),
            (1, "active-backup"),
            (2, "balance-xor"),
            (3, "broadcast"),
            (4, "802.3ad"),
            (5, "balance-tlb"),
            (6, "balance-alb"),
        ]),
    ),
    (2, "active_slave", U32),
    (3, "miimon", U32),
    (14, "xmit_hash_policy", U8),
];
const TUN: Table =
    &[(3, "type", Word(&[(1, "tun"), (2, "tap")])), (5, "vnet_hdr", Flag), (7, "multi_queue", Flag)];
const XFRM: Table = &[(1, "dev", U32), (2, "if_id", U32), (3, "external", Flag)];
const NETKIT: Table = &[
    (2, "primary", Flag),
    (3, "policy", Word(&[(0, "forward"), (2, "blackhole")])),
    (4, "peer_policy", Word(&[(0, "forward"), (2, "blackhole")])),
    (5, "mode", Word(&[(0, "l2"), (1, "l3")])),
];

fn table(kind: &str) -> Table {
    match kind {
        "vlan" => VLAN,
        "macvlan" | "macvtap" => MACVLAN,
        "ipvlan" | "ipvtap" => IPVLAN,
        "vrf" => VRF,
        "vxlan" => VXLAN,
        "geneve" => GENEVE,
        "gre" | "gretap" | "erspan" | "ip6gre" | "ip6gretap" => GRE,
        "ipip" | "sit" | "ip6tnl" => IPTUN,
        "bond" => BOND,
        "tun" => TUN,
        "xfrm" => XFRM,
        "netkit" => NETKIT,
        _ => &[],
    }
}

/// Reads IFLA_INFO_DATA. What has no name is kept under `attribute-NUMBER`, in hexadecimal.
pub(super) fn read(
    kind: &str,
    data: &[u8],
    settings: &mut BTreeMap<String, String>,
) -> Result<(), DecodeError> {
    let table = table(kind);
    for attr in Attrs::new(data, "settings of a device") {
        let attr = attr?;
        match table.iter().find(|(number, ..)| *number == attr.number) {
            Some((_, name, form)) => {
                // Another kernel may give it another form.
                let text =
                    text(&attr, *form).unwrap_or_else(|_| plumb_nft::Bytes::from(attr.data).to_string());
                settings.insert((*name).to_owned(), text);
            }
            None => keep(settings, attr.number, attr.data),
        }
    }
    Ok(())
}

pub(super) fn keep(settings: &mut BTreeMap<String, String>, number: u16, data: &[u8]) {
    settings.insert(format!("attribute-{number}"), plumb_nft::Bytes::from(data).to_string());
}

fn text(attr: &Attr<'_>, form: Form) -> Result<String, DecodeError> {
    const WHAT: &str = "setting of a device";
    Ok(match form {
        U8 => attr.u8(WHAT)?.to_string(),
        U16 => attr.ne16(WHAT)?.to_string(),
        U32 => attr.ne32(WHAT)?.to_string(),
        Be16 => attr.be16(WHAT)?.to_string(),
        Be32 => attr.be32(WHAT)?.to_string(),
        Ports => match *attr.data {
            [a, b, c, d] => format!("{} {}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
            _ => plumb_nft::Bytes::from(attr.data).to_string(),
        },
        Raw => plumb_nft::Bytes::from(attr.data).to_string(),
        Ip => attr.ip(WHAT)?.to_string(),
        Flag => (attr.data.is_empty() || attr.data.iter().any(|b| *b != 0)).to_string(),
        Word(words) => {
            let number = number(attr.data);
            let word = words.iter().find(|(n, _)| *n == number);
            word.map_or_else(|| number.to_string(), |(_, word)| (*word).to_owned())
        }
    })
}

/// A number of whatever width, native order.
pub(super) fn number(data: &[u8]) -> u64 {
    match *data {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_ne_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
        _ => data.try_into().map_or(u64::MAX, u64::from_ne_bytes),
    }
}

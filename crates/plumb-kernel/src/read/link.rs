//! Devices (RTM_GETLINK; include/uapi/linux/if_link.h).

use std::collections::BTreeMap;

use plumb_model::{Bridge, BridgePort, Link, LinkStats, Mac, Read};
use plumb_nft::nlattr::{Attr, Attrs, Writer};
use plumb_nft::{Bytes, DecodeError};

use super::link_settings;
use super::wire::Fields;
use crate::error::Result;
use crate::netlink::{Native, Socket, WriteNative};

pub(crate) const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const WHAT: &str = "link";

/// `struct ifinfomsg`
pub(crate) fn ifinfomsg(family: u8, index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut bytes = vec![family, 0, 0, 0];
    bytes.extend_from_slice(&index.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&change.to_ne_bytes());
    bytes
}

pub(super) fn read(socket: &mut Socket) -> Result<Read<Vec<Link>>> {
    let request = ifinfomsg(0, 0, 0, 0);
    let mut links = socket.dump_list("read the devices", RTM_GETLINK, &request, |m| match m.kind {
        RTM_NEWLINK => parse(m.payload).map(Some),
        _ => Ok(None),
    })?;
    let filtering = links.items().iter().any(|l| l.bridge.as_ref().is_some_and(|b| b.vlan_filtering));
    if filtering && let Some(list) = links.value_mut() {
        add_vlans(socket, list)?;
    }
    Ok(links)
}

/// The VLANs of bridges and their ports, in the words of `bridge vlan`, as the setting `vlans`.
fn add_vlans(socket: &mut Socket, links: &mut [Link]) -> Result<()> {
    const AF_BRIDGE: u8 = 7;
    const IFLA_EXT_MASK: u16 = 29;
    const RTEXT_FILTER_BRVLAN: u32 = 2;
    let mut request = Writer::new();
    request.raw(&ifinfomsg(AF_BRIDGE, 0, 0, 0));
    request.ne32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
    let request = request.into_bytes();
    let vlans = socket.dump_list("read the VLANs of bridges", RTM_GETLINK, &request, |m| match m.kind {
        RTM_NEWLINK => parse_vlans(m.payload).map(Some),
        _ => Ok(None),
    })?;
    for (index, text) in vlans.items() {
        if let Some(link) = links.iter_mut().find(|l| l.index == *index) {
            link.settings.insert("vlans".into(), text.clone());
        }
    }
    Ok(())
}

pub(super) fn parse_vlans(payload: &[u8]) -> std::result::Result<(u32, String), DecodeError> {
    const IFLA_AF_SPEC: u16 = 26;
    const IFLA_BRIDGE_VLAN_INFO: u16 = 2;
    const UNTAGGED: u16 = 4;
    const PVID: u16 = 2;
    let mut fields = Fields::new(payload, WHAT);
    fields.skip(4)?;
    let index = fields.ne32()?;
    fields.skip(8)?;
    let mut words = Vec::new();
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        if attr.number != IFLA_AF_SPEC {
            continue;
        }
        for info in attr.nested("bridge VLANs") {
            let info = info?;
            if info.number != IFLA_BRIDGE_VLAN_INFO {
                continue;
            }
            let mut vlan = Fields::new(info.data, "bridge VLAN");
            let (flags, id) = (vlan.ne16()?, vlan.ne16()?);
            let mut word = id.to_string();
            for (bit, name) in [(PVID, " pvid"), (UNTAGGED, " untagged")] {
                if flags & bit != 0 {
                    word.push_str(name);
                }
            }
            words.push(word);
        }
    }
    Ok((index, words.join(", ")))
}

/// Attributes that hold no more than queue lengths, offload limits and names of the hardware: nothing that decides.
const IRRELEVANT: &[u16] = &[
    2, 8, 9, 11, 12, 13, 14, 15, 17, 20, 22, 24, 25, 26, 29, 31, 32, 36, 38, 40, 41, 42, 44, 46, 47, 48, 49,
    50, 51, 54, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69,
];

pub(super) fn parse(payload: &[u8]) -> std::result::Result<Link, DecodeError> {
    let mut fields = Fields::new(payload, WHAT);
    fields.skip(2)?;
    let mut link = Link { hardware_type: fields.ne16()?, ..Link::default() };
    link.index = fields.ne32()?;
    link.flags = fields.ne32()?;
    fields.skip(4)?;
    let mut stats64 = false;
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => link.mac = Mac::from_slice(attr.data),
            3 => link.name = attr.text(),
            4 => link.mtu = attr.ne32(WHAT)?,
            5 => link.link = Some(attr.ne32(WHAT)?).filter(|i| *i != 0),
            6 => link.qdisc = attr.text(),
            7 if !stats64 => link.stats = stats(attr.data, 4),
            7 => {}
            10 => link.master = Some(attr.ne32(WHAT)?).filter(|i| *i != 0),
            16 => link.operstate = attr.u8(WHAT)?,
            18 => link_info(&mut link, &attr)?,
            23 => {
                stats64 = true;
                link.stats = stats(attr.data, 8);
            }
            27 => link.group = attr.ne32(WHAT)?,
            30 => link.promiscuity = attr.ne32(WHAT)?,
            33 => link.carrier = Some(attr.u8(WHAT)? != 0),
            35 => link.carrier_changes = Some(attr.ne32(WHAT)?),
            37 => link.link_netnsid = Some(attr.ne32(WHAT)?.cast_signed()),
            39 if attr.data == [0] => {}
            43 => link.xdp = xdp(&attr)?,
            52 => {
                for name in attr.nested("alternative names") {
                    link.alt_names.push(name?.text());
                }
            }
            number if IRRELEVANT.contains(&number) => {}
            number => link.unknown_attributes.push((number, Bytes::from(attr.data))),
        }
    }
    Ok(link)
}

/// `struct rtnl_link_stats` (32 bit) or `rtnl_link_stats64`.
fn stats(data: &[u8], width: usize) -> LinkStats {
    let at = |n: usize| -> u64 {
        let Some(bytes) = data.get(n * width..(n + 1) * width) else { return 0 };
        match width {
            8 => bytes.try_into().map_or(0, u64::from_ne_bytes),
            _ => bytes.try_into().map_or(0, |b| u64::from(u32::from_ne_bytes(b))),
        }
    };
    LinkStats {
        rx_packets: at(0),
        tx_packets: at(1),
        rx_bytes: at(2),
        tx_bytes: at(3),
        rx_errors: at(4),
        tx_errors: at(5),
        rx_dropped: at(6),
        tx_dropped: at(7),
        collisions: at(9),
        rx_over_errors: at(11),
        rx_crc_errors: at(12),
        rx_frame_errors: at(13),
        rx_fifo_errors: at(14),
        rx_missed_errors: at(15),
        tx_carrier_errors: at(17),
        rx_nohandler: at(23),
    }
}

/// Id of the program; 0 where the kernel says that there is one but not which.
fn xdp(attr: &Attr<'_>) -> std::result::Result<Option<u32>, DecodeError> {
    let (mut attached, mut id) = (false, 0);
    for inner in attr.nested("XDP") {
        let inner = inner?;
        match inner.number {
            2 => attached = inner.u8("XDP")? != 0,
            4..=7 => id = inner.ne32("XDP")?.max(id),
            _ => {}
        }
    }
    Ok((attached || id != 0).then_some(id))
}

fn link_info(link: &mut Link, info: &Attr<'_>) -> std::result::Result<(), DecodeError> {
    let (mut data, mut slave_kind, mut slave_data) = (None, String::new(), None);
    for attr in info.nested("link info") {
        let attr = attr?;
        match attr.number {
            1 => link.kind = attr.text(),
            2 => data = Some(attr),
            4 => slave_kind = attr.text(),
            5 => slave_data = Some(attr),
            // 3: statistics of the kind
            _ => {}
        }
    }
    match (link.kind.as_str(), data) {
        ("bridge", Some(data)) => link.bridge = Some(bridge(&data, &mut link.settings)?),
        (kind, Some(data)) => link_settings::read(kind, data.data, &mut link.settings)?,
        (_, None) => {}
    }
    match (slave_kind.as_str(), slave_data) {
        ("bridge", Some(data)) => link.port = Some(port(&data, &mut link.settings)?),
        ("", _) => {}
        (kind, _) => {
            link.settings.insert("slave".into(), kind.to_owned());
        }
    }
    Ok(())
}

fn bridge(
    data: &Attr<'_>,
    settings: &mut BTreeMap<String, String>,
) -> std::result::Result<Bridge, DecodeError> {
    const WHAT: &str = "bridge";
    let mut bridge = Bridge::default();
    for attr in data.nested(WHAT) {
        let attr = attr?;
        match attr.number {
            1 => bridge.forward_delay = attr.ne32(WHAT)?,
            4 => bridge.ageing_time = attr.ne32(WHAT)?,
            5 => bridge.stp_state = attr.ne32(WHAT)?,
            7 => bridge.vlan_filtering = attr.u8(WHAT)? != 0,
            8 => note(settings, "vlan_protocol", "0x8100", format!("{:#06x}", attr.be16(WHAT)?)),
            9 => note(settings, "group_fwd_mask", "0", number(attr.data)),
            23 => bridge.multicast_snooping = attr.u8(WHAT)? != 0,
            25 => note(settings, "mcast_querier", "0", number(attr.data)),
            36 => bridge.nf_call_iptables = attr.u8(WHAT)? != 0,
            37 => bridge.nf_call_ip6tables = attr.u8(WHAT)? != 0,
            38 => bridge.nf_call_arptables = attr.u8(WHAT)? != 0,
            39 => note(settings, "vlan_default_pvid", "1", number(attr.data)),
            46 => {
                // `struct br_boolopt_multi`: values, then which of them are valid.
                let value = Fields::new(attr.data, WHAT).ne32()?;
                note(settings, "boolopts", "0", value.to_string());
            }
            49 => note(settings, "fdb_max_learned", "0", number(attr.data)),
            // Spanning tree's timers and identities, multicast's timers, statistics.
            2 | 3 | 6 | 10..=22 | 24 | 26..=35 | 40..=45 | 47 | 48 | 50 => {}
            number => link_settings::keep(settings, number, attr.data),
        }
    }
    Ok(bridge)
}

/// Of whatever width: what only tells may change its form between kernels.
fn number(data: &[u8]) -> String {
    link_settings::number(data).to_string()
}

fn note(settings: &mut BTreeMap<String, String>, name: &str, usual: &str, value: String) {
    if value != usual {
        settings.insert(name.into(), value);
    }
}

fn port(
    data: &Attr<'_>,
    settings: &mut BTreeMap<String, String>,
) -> std::result::Result<BridgePort, DecodeError> {
    const WHAT: &str = "bridge port";
    let mut port = BridgePort::default();
    for attr in data.nested(WHAT) {
        let attr = attr?;
        let flag = || attr.u8(WHAT).map(|v| v != 0);
        match attr.number {
            1 => port.state = attr.u8(WHAT)?,
            4 => port.hairpin = flag()?,
            8 => port.learning = flag()?,
            9 => port.flood = flag()?,
            10 => port.proxy_arp = flag()?,
            12 if flag()? => note(settings, "proxy_arp_wifi", "0", "1".into()),
            27 => port.mcast_flood = flag()?,
            28 if flag()? => note(settings, "mcast_to_unicast", "0", "1".into()),
            29 if flag()? => note(settings, "vlan_tunnel", "0", "1".into()),
            30 => port.bcast_flood = flag()?,
            31 => note(settings, "port_group_fwd_mask", "0", number(attr.data)),
            32 => port.neigh_suppress = flag()?,
            33 => port.isolated = flag()?,
            34 => note(settings, "backup_port", "0", number(attr.data)),
            39 => port.locked = flag()?,
            40 if flag()? => note(settings, "mab", "0", "1".into()),
            43 if flag()? => note(settings, "neigh_vlan_suppress", "0", "1".into()),
            44 => note(settings, "backup_nhid", "0", number(attr.data)),
            // Spanning tree, multicast groups' limits and the router port.
            2 | 3 | 5..=7 | 11 | 12..=26 | 28 | 29 | 35..=38 | 40..=43 => {}
            number => link_settings::keep(settings, number, attr.data),
        }
    }
    Ok(port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_veth_under_a_bridge() {
        let mut w = Writer::new();
        w.raw(&[0, 0, 1, 0]);
        w.raw(&7u32.to_ne_bytes());
        w.raw(&0x11043u32.to_ne_bytes());
        w.raw(&[0; 4]);
        w.text(3, "veth1");
        w.ne32(4, 1500);
        w.ne32(5, 2);
        w.ne32(37, 0);
        w.ne32(10, 3);
        w.put(1, &[2, 0, 0, 0, 0, 1]);
        w.put(200, &[1, 2]);
        w.nest(18, |w| {
            w.text(1, "veth");
            w.text(4, "bridge");
            w.nest(5, |w| {
                w.u8(1, 3);
                w.u8(4, 1);
                w.u8(9, 0);
                w.u8(33, 1);
            });
        });
        let link = parse(&w.into_bytes()).unwrap();
        assert_eq!(
            (link.name.as_str(), link.index, link.mtu, link.kind.as_str()),
            ("veth1", 7, 1500, "veth")
        );
        assert_eq!((link.link, link.link_netnsid, link.master), (Some(2), Some(0), Some(3)));
        let port = link.port.unwrap();
        assert!(port.hairpin && !port.flood && port.isolated && port.learning);
        assert_eq!(link.unknown_attributes, [(200, Bytes(vec![1, 2]))]);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
            let _ = parse_vlans(&bytes);
            let framed: Vec<u8> = [vec![0; 16], bytes].concat();
            let _ = parse(&framed);
        }
    }
}

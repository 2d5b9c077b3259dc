//! Sysctls of a device, each with the name of the one that decides (net/ipv4/devinet.c, include/linux/inetdevice.h).

use plumb_model::Sysctls;

/// How `conf.all` and `conf.DEVICE` combine.
#[derive(Clone, Copy)]
enum Combine {
    /// The larger (`IN_DEV_MAXCONF`).
    Max,
    /// Either (`IN_DEV_ORCONF`).
    Or,
    /// Both (`IN_DEV_ANDCONF`).
    And,
    /// The device's alone (`IN_DEV_CONF_GET`).
    Own,
}

/// A value and the dotted name of the sysctl that it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effective {
    pub(crate) value: i64,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What the walk needs of a device's sysctls.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeviceSettings {
    pub(crate) rp_filter: Effective,
    pub(crate) forwarding4: Effective,
    pub(crate) forwarding6: Effective,
    pub(crate) accept_local: Effective,
    pub(crate) route_localnet: Effective,
    pub(crate) arp_ignore: Effective,
    pub(crate) arp_announce: Effective,
    pub(crate) arp_filter: Effective,
    pub(crate) proxy_arp: Effective,
    pub(crate) proxy_ndp: Effective,
    pub(crate) src_valid_mark: Effective,
    pub(crate) disable_ipv6: Effective,
    pub(crate) send_redirects: Effective,
    pub(crate) ignore_linkdown: [bool; 2],
}

impl DeviceSettings {
    pub(crate) fn read(s: &Sysctls, device: &str) -> Self {
        let get = |family: &str, key: &str, combine: Combine| {
            let all_name = format!("net.{family}.conf.all.{key}");
            let own_name = format!("net.{family}.conf.{device}.{key}");
            let (all, own) = (s.number(&all_name).unwrap_or(0), s.number(&own_name).unwrap_or(0));
            let all_decides = match combine {
                Combine::Max => all > own,
                Combine::Or => all != 0 && own == 0,
                Combine::And => all == 0 && own != 0,
                Combine::Own => false,
            };
            let (name, value) = if all_decides { (all_name, all) } else { (own_name, own) };
            let text = s.text(&name).unwrap_or("0").trim().to_owned();
            Effective { value, name, text }
        };
        let global_forwarding = s.number("net.ipv4.ip_forward").unwrap_or(0);
        let mut forwarding4 = get("ipv4", "forwarding", Combine::Own);
        if forwarding4.value == 0 && global_forwarding == 0 {
            forwarding4.name = "net.ipv4.ip_forward".to_owned();
        }
        // IPv6 forwards when conf.all says so; a device may force it (net/ipv6/ip6_output.c: ip6_forward).
        let forced = s.number(&format!("net.ipv6.conf.{device}.force_forwarding")).unwrap_or(0);
        let all6 = "net.ipv6.conf.all.forwarding";
        let forwarding6 = Effective {
            value: s.number(all6).unwrap_or(0).max(forced),
            name: all6.to_owned(),
            text: s.text(all6).unwrap_or("0").trim().to_owned(),
        };
        Self {
            rp_filter: get("ipv4", "rp_filter", Combine::Max),
            forwarding4,
            forwarding6,
            accept_local: get("ipv4", "accept_local", Combine::Or),
            route_localnet: get("ipv4", "route_localnet", Combine::Or),
            arp_ignore: get("ipv4", "arp_ignore", Combine::Max),
            arp_announce: get("ipv4", "arp_announce", Combine::Max),
            arp_filter: get("ipv4", "arp_filter", Combine::Or),
            proxy_arp: get("ipv4", "proxy_arp", Combine::Or),
            proxy_ndp: get("ipv6", "proxy_ndp", Combine::Or),
            src_valid_mark: get("ipv4", "src_valid_mark", Combine::Or),
            disable_ipv6: get("ipv6", "disable_ipv6", Combine::Own),
            send_redirects: get("ipv4", "send_redirects", Combine::Or),
            ignore_linkdown: [
                get("ipv4", "ignore_routes_with_linkdown", Combine::Own).value != 0,
                get("ipv6", "ignore_routes_with_linkdown", Combine::And).value != 0,
            ],
        }
    }
}

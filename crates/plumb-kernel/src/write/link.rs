//! Settings of devices, bridges and bridge ports.

use std::os::fd::{AsFd, AsRawFd};

use plumb_model::Mac;
use plumb_nft::nlattr::{Attrs, Writer};

use super::NamespaceWriter;
use super::new_link::{
    IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU, IFLA_NET_NS_FD, INFO_DATA, INFO_KIND,
};
use crate::error::{KernelError, Result};
use crate::netlink::WriteNative;
use crate::netns::NamespaceHandle;
use crate::read::{AF_BRIDGE, Fields, RTM_NEWLINK, ifinfomsg};

const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_SETLINK: u16 = 19;
const IFLA_PROTINFO: u16 = 12;
const IFF_UP: u32 = 1;

/// Width of an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    /// 0 or 1, also written `on` and `off`.
    Flag,
    U16,
    U32,
}

/// As `bridge link set` names them.
const PORT: &[(&str, u16, Width)] = &[
    ("priority", 2, Width::U16),
    ("cost", 3, Width::U32),
    ("hairpin", 4, Width::Flag),
    ("guard", 5, Width::Flag),
    ("root_block", 6, Width::Flag),
    ("fastleave", 7, Width::Flag),
    ("learning", 8, Width::Flag),
    ("flood", 9, Width::Flag),
    ("proxy_arp", 10, Width::Flag),
    ("proxy_arp_wifi", 12, Width::Flag),
    ("mcast_flood", 27, Width::Flag),
    ("mcast_to_unicast", 28, Width::Flag),
    ("vlan_tunnel", 29, Width::Flag),
    ("bcast_flood", 30, Width::Flag),
    ("neigh_suppress", 32, Width::Flag),
    ("isolated", 33, Width::Flag),
    ("locked", 39, Width::Flag),
    ("mab", 40, Width::Flag),
];

/// As `ip link set type bridge` names them.
const BRIDGE: &[(&str, u16, Width)] = &[
    ("forward_delay", 1, Width::U32),
    ("hello_time", 2, Width::U32),
    ("max_age", 3, Width::U32),
    ("ageing_time", 4, Width::U32),
    ("stp_state", 5, Width::U32),
    ("vlan_filtering", 7, Width::Flag),
    ("mcast_snooping", 23, Width::Flag),
    ("mcast_querier", 25, Width::Flag),
    ("nf_call_iptables", 36, Width::Flag),
    ("nf_call_ip6tables", 37, Width::Flag),
    ("nf_call_arptables", 38, Width::Flag),
    ("vlan_default_pvid", 39, Width::U16),
];

/// `BR_STATE_*` by their numbers.
const STATES: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];

impl NamespaceWriter {
    /// Index of a device.
    pub fn index(&mut self, name: &str) -> Result<u32> {
        let what = self.what(&format!("look for the device {name}"));
        let mut w = Writer::new();
        w.raw(&ifinfomsg(0, 0, 0, 0));
        w.text(IFLA_IFNAME, name);
        let mut index = 0;
        let asked = self.route.ask(&what, RTM_GETLINK, 0, &w.into_bytes(), |m| {
            let mut fields = Fields::new(m.payload, "link");
            let read = fields.skip(4).and_then(|()| fields.ne32());
            index = read.map_err(|source| KernelError::Decode { what: what.clone(), source })?;
            Ok(())
        });
        match asked {
            Ok(()) => Ok(index),
            Err(KernelError::Refused { errno: libc::ENODEV, .. }) => {
                Err(KernelError::Missing { what, missing: format!("device {name}") })
            }
            Err(error) => Err(error),
        }
    }

    /// Hardware address of a device that has one of six bytes.
    pub fn mac(&mut self, name: &str) -> Result<Option<Mac>> {
        let what = self.what(&format!("read the hardware address of {name}"));
        let mut w = Writer::new();
        w.raw(&ifinfomsg(0, 0, 0, 0));
        w.text(IFLA_IFNAME, name);
        let mut mac = None;
        self.route.ask(&what, RTM_GETLINK, 0, &w.into_bytes(), |m| {
            for attr in Attrs::new(m.payload.get(16..).unwrap_or_default(), "link") {
                let attr = attr.map_err(|source| KernelError::Decode { what: what.clone(), source })?;
                if attr.number == IFLA_ADDRESS {
                    mac = Mac::from_slice(attr.data);
                }
            }
            Ok(())
        })?;
        Ok(mac)
    }

    /// Deletes a device, and with one end of a veth pair the other. `false` where there was none.
    pub fn delete_link(&mut self, name: &str) -> Result<bool> {
        let mut w = Writer::new();
        w.raw(&ifinfomsg(0, 0, 0, 0));
        w.text(IFLA_IFNAME, name);
        self.delete(&format!("delete the device {name}"), RTM_DELLINK, &w.into_bytes(), &[libc::ENODEV])
    }

    fn set(
        &mut self,
        name: &str,
        verb: &str,
        flags: u32,
        change: u32,
        fill: impl FnOnce(&mut Writer),
    ) -> Result<()> {
        let index = self.index(name)?;
        let mut w = Writer::new();
        w.raw(&ifinfomsg(0, index, flags, change));
        fill(&mut w);
        let what = self.what(verb);
        self.route.change(&what, RTM_NEWLINK, 0, &w.into_bytes())
    }

    /// Sets a device up or down.
    pub fn set_up(&mut self, name: &str, up: bool) -> Result<()> {
        let verb = format!("set {name} {}", if up { "up" } else { "down" });
        self.set(name, &verb, if up { IFF_UP } else { 0 }, IFF_UP, |_| {})
    }

    /// Sets the largest packet in bytes.
    pub fn set_mtu(&mut self, name: &str, mtu: u32) -> Result<()> {
        self.set(name, &format!("set the MTU of {name} to {mtu}"), 0, 0, |w| w.ne32(IFLA_MTU, mtu))
    }

    /// Sets the hardware address.
    pub fn set_mac(&mut self, name: &str, mac: Mac) -> Result<()> {
        self.set(name, &format!("set the address of {name} to {mac}"), 0, 0, |w| w.put(IFLA_ADDRESS, &mac.0))
    }

    /// Puts a device under a bridge, bond or VRF, or takes it from there.
    pub fn set_master(&mut self, name: &str, master: Option<&str>) -> Result<()> {
        let index = master.map_or(Ok(0), |m| self.index(m))?;
        let verb = match master {
            Some(master) => format!("put {name} under {master}"),
            None => format!("take {name} from its master"),
        };
        self.set(name, &verb, 0, 0, |w| w.ne32(IFLA_MASTER, index))
    }

    /// Gives a device another name.
    pub fn rename(&mut self, name: &str, new: &str) -> Result<()> {
        self.set(name, &format!("rename {name} to {new}"), 0, 0, |w| w.text(IFLA_IFNAME, new))
    }

    /// Moves a device to another namespace, under the same name or another.
    pub fn move_to(&mut self, name: &str, namespace: &NamespaceHandle, new: Option<&str>) -> Result<()> {
        let verb = format!("move {name} to {}", namespace.path());
        self.set(name, &verb, 0, 0, |w| {
            w.ne32(IFLA_NET_NS_FD, namespace.as_fd().as_raw_fd().cast_unsigned());
            if let Some(new) = new {
                w.text(IFLA_IFNAME, new);
            }
        })
    }

    /// Sets an attribute of a bridge by the name that `ip link set type bridge` gives it.
    pub fn set_bridge(&mut self, name: &str, attribute: &str, value: &str) -> Result<()> {
        let verb = format!("set {attribute} of the bridge {name} to {value}");
        let (number, bytes) = attribute_bytes(BRIDGE, &verb, attribute, value)?;
        self.set(name, &verb, 0, 0, |w| {
            w.nest(IFLA_LINKINFO, |w| {
                w.text(INFO_KIND, "bridge");
                w.nest(INFO_DATA, |w| w.put(number, &bytes));
            });
        })
    }

    /// Sets an attribute of a bridge's port by the name that `bridge link set` gives it: `flood`, `hairpin`, `state` …
    pub fn set_bridge_port(&mut self, name: &str, attribute: &str, value: &str) -> Result<()> {
        let verb = format!("set {attribute} of the bridge port {name} to {value}");
        let (number, bytes) = if attribute == "state" {
            const IFLA_BRPORT_STATE: u16 = 1;
            let state = STATES.iter().position(|s| *s == value).map(|n| n as u8);
            let state = state.or_else(|| value.parse().ok().filter(|n| *n < 5));
            (IFLA_BRPORT_STATE, vec![state.ok_or_else(|| no_value(&verb, value))?])
        } else {
            attribute_bytes(PORT, &verb, attribute, value)?
        };
        let index = self.index(name)?;
        let mut w = Writer::new();
        w.raw(&ifinfomsg(AF_BRIDGE, index, 0, 0));
        w.nest(IFLA_PROTINFO, |w| w.put(number, &bytes));
        let what = self.what(&verb);
        self.route.change(&what, RTM_SETLINK, 0, &w.into_bytes())
    }
}

fn no_value(verb: &str, value: &str) -> KernelError {
    KernelError::Unsupported { what: verb.to_owned(), why: format!("`{value}` is no value for it") }
}

fn attribute_bytes(
    table: &[(&str, u16, Width)],
    verb: &str,
    attribute: &str,
    value: &str,
) -> Result<(u16, Vec<u8>)> {
    let Some((_, number, width)) = table.iter().find(|(name, ..)| *name == attribute) else {
        let known: Vec<&str> = table.iter().map(|(name, ..)| *name).collect();
        let why = format!("there is no attribute `{attribute}`; there are {}", known.join(", "));
        return Err(KernelError::Unsupported { what: verb.to_owned(), why });
    };
    let number_of = |v: &str| match v {
        "on" | "true" => Some(1),
        "off" | "false" => Some(0),
        v => v.parse::<u32>().ok(),
    };
    let value_number = number_of(value).ok_or_else(|| no_value(verb, value))?;
    let bytes = match width {
        Width::Flag if value_number < 2 => vec![value_number as u8],
        Width::U16 if value_number <= u32::from(u16::MAX) => (value_number as u16).to_ne_bytes().to_vec(),
        Width::U32 => value_number.to_ne_bytes().to_vec(),
        Width::Flag | Width::U16 => return Err(no_value(verb, value)),
    };
    Ok((*number, bytes))
}

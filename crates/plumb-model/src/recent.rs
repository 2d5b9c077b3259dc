//! Lists of addresses that the `recent` match of xtables keeps (`net/netfilter/xt_recent.c`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A list: `/proc/net/xt_recent/NAME`. IPv4 and IPv6 rules share lists of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentList {
    /// Name.
    pub name: String,
    /// Its addresses.
    pub entries: Vec<RecentEntry>,
}

/// An address on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentEntry {
    /// The address, under the list's mask.
    pub addr: IpAddr,
    /// Time to live of the packet that was noted last.
    pub ttl: u8,
    /// How many times of packets are kept.
    pub hits: u32,
    /// How long ago each of them was, in milliseconds; `None` where the kernel's clock could not be read.
    #[serde(default)]
    pub ages_ms: Option<Vec<u64>>,
}

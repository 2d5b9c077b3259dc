//! Tables of iptables-legacy.

use plumb_nft::Bytes;
use serde::{Deserialize, Serialize};

use crate::IpFamily;

/// A table of iptables-legacy that exists in the kernel. Its entries are kept as `getsockopt(IPT_SO_GET_ENTRIES)` gave them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyTable {
    /// Family.
    pub family: IpFamily,
    /// `filter`, `nat`, `mangle`, `raw`, `security`
    pub name: String,
    /// Bit mask of the hooks it is on (`NF_INET_*`).
    pub valid_hooks: u32,
    /// Offset of the first entry of each hook.
    pub hook_entry: [u32; 5],
    /// Offset of the policy of each hook.
    pub underflow: [u32; 5],
    /// Number of entries, policies and the closing error entry included.
    pub num_entries: u32,
    /// The entries.
    pub entries: Bytes,
    /// Whether it holds nothing but policies, all ACCEPT: then it decides nothing.
    pub only_accepts: bool,
}

//! Tables of iptables-legacy.

use std::collections::BTreeMap;

use plumb_nft::{Bytes, Table};
use plumb_xtables::{XtFamily, legacy};
use serde::{Deserialize, Serialize};

use crate::{IpFamily, Namespace};

/// A table of iptables-legacy that exists in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
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
    /// The entries as `getsockopt(IPT_SO_GET_ENTRIES)` gave them, where they could not be read to rules; else empty.
    pub entries: Bytes,
    /// Whether it holds nothing but policies, all ACCEPT: then it decides nothing.
    pub only_accepts: bool,
    /// Chains and rules, of the shape that iptables-nft gives the same rules; see [`plumb_xtables::legacy`].
    pub table: Option<Table>,
    /// Why the entries could not be read to rules.
    pub problem: Option<String>,
}

/// As the file holds it. Files of older versions hold only the entries.
#[derive(Deserialize)]
struct Stored {
    family: IpFamily,
    name: String,
    valid_hooks: u32,
    hook_entry: [u32; 5],
    underflow: [u32; 5],
    num_entries: u32,
    entries: Bytes,
    only_accepts: bool,
    #[serde(default)]
    table: Option<Table>,
    #[serde(default)]
    problem: Option<String>,
}

impl From<Stored> for LegacyTable {
    fn from(s: Stored) -> Self {
        let read = Self {
            family: s.family,
            name: s.name,
            valid_hooks: s.valid_hooks,
            hook_entry: s.hook_entry,
            underflow: s.underflow,
            num_entries: s.num_entries,
            entries: s.entries,
            only_accepts: s.only_accepts,
            table: s.table,
            problem: s.problem,
        };
        if read.table.is_some() || read.entries.is_empty() { read } else { read.decoded() }
    }
}

impl LegacyTable {
    /// Reads the entries to rules. The entries are kept where that fails.
    #[must_use]
    pub fn decoded(mut self) -> Self {
        let of = legacy::Entries {
            family: xt_family(self.family),
            name: &self.name,
            valid_hooks: self.valid_hooks,
            hook_entry: self.hook_entry,
            underflow: self.underflow,
            entries: &self.entries,
        };
        match legacy::table(&of) {
            Ok(table) => {
                self.only_accepts = decides_nothing(&table);
                self.table = Some(table);
                self.problem = None;
                self.entries = Bytes::default();
            }
            Err(problem) => {
                self.problem = Some(problem.to_string());
                self.only_accepts = false;
            }
        }
        self
    }
}

/// Whether a table has nothing but ACCEPT policies.
pub(crate) fn decides_nothing(table: &Table) -> bool {
    let accepts = |p: &plumb_nft::Verdict| *p == plumb_nft::Verdict::Accept;
    table.chains.iter().all(|c| c.rules.is_empty() && c.base.as_ref().is_none_or(|b| accepts(&b.policy)))
}

fn xt_family(family: IpFamily) -> XtFamily {
    match family {
        IpFamily::V4 => XtFamily::Ip,
        IpFamily::V6 => XtFamily::Ip6,
    }
}

impl Namespace {
    /// All tables of rules: first those of nftables, in the kernel's order, then those of iptables-legacy that could be
    /// read to rules. The walk counts tables so.
    pub fn rule_tables(&self) -> impl Iterator<Item = &Table> {
        self.nft_tables().iter().chain(self.legacy.items().iter().filter_map(|t| t.table.as_ref()))
    }

    /// The table with this number among [`Namespace::rule_tables`].
    #[must_use]
    pub fn rule_table(&self, number: u32) -> Option<&Table> {
        let (nft, number) = (self.nft_tables(), number as usize);
        match number.checked_sub(nft.len()) {
            None => nft.get(number),
            Some(rest) => self.legacy.items().iter().filter_map(|t| t.table.as_ref()).nth(rest),
        }
    }

    /// Whether the table with this number is one of iptables-legacy.
    #[must_use]
    pub fn is_legacy_table(&self, number: u32) -> bool {
        number as usize >= self.nft_tables().len()
    }

    /// Names of ipsets by the index that rules hold.
    #[must_use]
    pub fn set_names(&self) -> BTreeMap<u16, String> {
        let read = self.ipsets.items().iter().map(|s| (s.index, s.name.clone()));
        // `ipset 3: web (hash:ip)`, as it stands where sets were not read.
        let named = self.other_engines.iter().filter_map(|engine| {
            let (index, rest) = engine.strip_prefix("ipset ")?.split_once(": ")?;
            Some((index.parse().ok()?, rest.split_once(" (")?.0.to_owned()))
        });
        named.chain(read).collect()
    }

    fn nft_tables(&self) -> &[Table] {
        self.nft.value().map_or(&[], |r| &r.tables)
    }
}

//! What a process asks when it looks up a host's name: resolv.conf, the hosts file, the order in nsswitch.conf.
//!
//! Raw facts, read by the rules of glibc (`resolv/res_init.c`, `nss/nss_files/files-hosts.c`). What a resolver makes of
//! them, such as that it asks three servers at most, is for whoever looks a name up.

mod parse;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Read;

/// The resolver's files as a process in a namespace sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolver {
    /// resolv.conf; [`Read::Absent`] where there is no such file, and then glibc has its defaults.
    pub conf: Read<ResolvConf>,
    /// Lines of the hosts file.
    pub hosts: Read<Vec<HostsEntry>>,
    /// The line `hosts:` of nsswitch.conf.
    pub order: Read<Vec<HostsSource>>,
    /// What the host's name has behind its first dot: the search list of a resolv.conf that names none.
    #[serde(default)]
    pub domain: Option<String>,
    /// Paths that resolv.conf, hosts and nsswitch.conf were read from, in this order.
    pub paths: [String; 3],
    /// Lines that are not understood.
    #[serde(default)]
    pub odd: Vec<OddLine>,
    /// Processes of the namespace whose resolv.conf says something else: they may get other answers.
    #[serde(default)]
    pub others: Vec<u32>,
}

impl Resolver {
    /// The name server lines and the rest of resolv.conf; glibc's defaults where there is no such file, `None` where it
    /// could not be read.
    #[must_use]
    pub fn configuration(&self) -> Option<ResolvConf> {
        match &self.conf {
            Read::Got(conf) | Read::Torn { value: conf, .. } => Some(conf.clone()),
            Read::Absent { .. } => Some(ResolvConf::default()),
            Read::Denied { .. } => None,
        }
    }
}

/// What resolv.conf says (resolv.conf(5)).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResolvConf {
    /// Name servers in the order of their lines, those too that glibc does not ask.
    #[serde(default)]
    pub nameservers: Vec<NameServer>,
    /// The search list; empty where neither `search` nor `domain` is there.
    #[serde(default)]
    pub search: Vec<String>,
    /// Options.
    #[serde(default)]
    pub options: ResolverOptions,
}

/// A `nameserver` line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameServer {
    /// Its address.
    pub address: IpAddr,
    /// Device behind `%` of a link-local address.
    #[serde(default)]
    pub scope: Option<String>,
}

/// The `options` of resolv.conf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ResolverOptions {
    /// `ndots`: a name with so many dots is asked for as it is, first. At most 15 (RES_MAXNDOTS).
    pub ndots: u32,
    /// `timeout`: seconds that the first server is given. At most 30 (RES_MAXRETRANS).
    pub timeout: u32,
    /// `attempts`: rounds over the servers. At most 5 (RES_MAXRETRY).
    pub attempts: u32,
    /// `rotate`: begin with any of the servers.
    pub rotate: bool,
    /// `use-vc`: TCP from the start.
    pub use_vc: bool,
    /// `single-request`: A, then AAAA, one after the other.
    pub single_request: bool,
    /// `single-request-reopen`: a socket of its own for each.
    pub single_request_reopen: bool,
    /// `edns0`
    pub edns0: bool,
    /// `trust-ad`
    pub trust_ad: bool,
    /// `no-aaaa`: no AAAA is asked for.
    pub no_aaaa: bool,
    /// `no-tld-query`: a name without a dot is not asked for as it is.
    pub no_tld_query: bool,
}

impl Default for ResolverOptions {
    /// RES_TIMEOUT is 5, RES_DFLRETRY 2, `ndots` 1 (glibc, `resolv/resolv.h`).
    fn default() -> Self {
        Self {
            ndots: 1,
            timeout: 5,
            attempts: 2,
            rotate: false,
            use_vc: false,
            single_request: false,
            single_request_reopen: false,
            edns0: false,
            trust_ad: false,
            no_aaaa: false,
            no_tld_query: false,
        }
    }
}

/// A line of the hosts file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsEntry {
    /// Address.
    pub address: IpAddr,
    /// Names, the canonical one first.
    pub names: Vec<String>,
}

/// A service in the line `hosts:` of nsswitch.conf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsSource {
    /// `files`, `dns`, `resolve`, `myhostname`, `mdns4_minimal` …
    pub name: String,
    /// What stands in brackets behind it: `NOTFOUND=return`.
    #[serde(default)]
    pub actions: Vec<String>,
}

impl HostsSource {
    /// Whether the look-up ends here when this service does not know the name: `[NOTFOUND=return]`, or a condition that is
    /// turned round and names another status (`[!UNAVAIL=return]`). The last that speaks of it decides.
    #[must_use]
    pub fn ends_when_not_found(&self) -> bool {
        let mut ends = false;
        for action in &self.actions {
            let Some((status, then)) = action.split_once('=') else { continue };
            let (turned, status) = match status.strip_prefix('!') {
                Some(status) => (true, status),
                None => (false, status),
            };
            if status.eq_ignore_ascii_case("NOTFOUND") != turned {
                ends = then.eq_ignore_ascii_case("return");
            }
        }
        ends
    }
}

/// A line that is not understood, and so is not heeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddLine {
    /// `resolv.conf`, `hosts`, `nsswitch.conf`
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// The line, or the word of it.
    pub text: String,
}

/// The services that look up hosts where nsswitch.conf says nothing (glibc, `nss/nss_database.c`).
#[must_use]
pub fn default_order() -> Vec<HostsSource> {
    ["files", "dns"].map(|name| HostsSource { name: name.to_owned(), actions: Vec::new() }).to_vec()
}

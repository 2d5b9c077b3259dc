//! What a client asks, and whom: the name, the files of the resolver, and glibc's rules.
//!
//! Facts: resolv.conf(5), nsswitch.conf(5), hosts(5); glibc `resolv/res_query.c` (`__res_context_search`), `res_init.c`
//! (`MAXNS`), `res_send.c` (`send_dg`).

use std::net::IpAddr;

use plumb_model::{HostsSource, NameServer, ResolvConf, Resolver, ResolverOptions, default_order};

/// Name servers that are asked at most (`MAXNS`, resolv/bits/types/res_state.h).
pub const MOST_SERVERS: usize = 3;

/// What one look-up of a name asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the name is looked for, in order, until one of them knows it.
    pub sources: Vec<Source>,
    /// The names that are asked for in DNS, in order, until one of them is there; absolute, without the last dot.
    pub queries: Vec<String>,
    /// The name itself comes first of these, and what is said of it counts where none has an address.
    pub as_is_first: bool,
    /// Name servers that are asked, in their order.
    pub servers: Vec<NameServer>,
    /// Name servers beyond the third, which are never asked.
    pub unasked: Vec<NameServer>,
    /// Options.
    pub options: ResolverOptions,
    /// resolv.conf could not be read: whom the client asks is not known.
    pub unreadable: bool,
}

/// A place where a name is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The hosts file, and the addresses that it gives the name.
    Hosts(Vec<IpAddr>),
    /// The hosts file, which could not be read whole: whether it knows the name is open.
    HostsUnread,
    /// The name servers.
    Dns,
    /// `myhostname`, for a name that it answers itself (nss-myhostname(8)).
    Local(Vec<IpAddr>),
    /// Another service: what it answers is not known.
    Other(String),
}

impl Plan {
    /// What a process with these files asks for a name.
    #[must_use]
    pub fn new(resolver: &Resolver, name: &str) -> Self {
        let conf = resolver.configuration();
        let unreadable = conf.is_none();
        let mut conf = conf.unwrap_or_default();
        // Without a `nameserver` line the machine itself is asked (res_init.c).
        if conf.nameservers.is_empty() && !unreadable {
            conf.nameservers.push(NameServer { address: IpAddr::from([127, 0, 0, 1]), scope: None });
        }
        let queries = queries(&conf, resolver.domain.as_deref(), name);
        let unasked = conf.nameservers.split_off(conf.nameservers.len().min(MOST_SERVERS));
        Self {
            sources: sources(resolver, name),
            as_is_first: queries.first().is_some_and(|q| q == name.trim_end_matches('.')),
            queries,
            servers: conf.nameservers,
            unasked,
            options: conf.options,
            unreadable,
        }
    }

    /// How long the client waits for a server that says nothing, each time, seconds: twice as long for the next one, the
    /// whole spread over all servers (`send_dg`).
    #[must_use]
    pub fn patience(&self, server: usize) -> u32 {
        let seconds =
            self.options.timeout.checked_shl(u32::try_from(server).unwrap_or(0)).unwrap_or(u32::MAX);
        let all = u32::try_from(self.servers.len().max(1)).unwrap_or(1);
        let seconds = if server > 0 { seconds / all } else { seconds };
        seconds.max(1)
    }
}

/// Names to ask for, the search list's before or behind the name itself.
fn queries(conf: &ResolvConf, domain: Option<&str>, name: &str) -> Vec<String> {
    let dots = name.bytes().filter(|b| *b == b'.').count();
    if let Some(absolute) = name.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let own = domain.map(str::to_owned);
    let search: Vec<String> =
        if conf.search.is_empty() { own.into_iter().collect() } else { conf.search.clone() };
    let mut all = Vec::new();
    let first = u32::try_from(dots).unwrap_or(u32::MAX) >= conf.options.ndots;
    if first {
        all.push(name.to_owned());
    }
    for domain in &search {
        let domain = domain.trim_start_matches('.').trim_end_matches('.');
        let query = if domain.is_empty() { name.to_owned() } else { format!("{name}.{domain}") };
        // 255 octets (RFC 1035, 3.1): longer ones are not asked.
        if query.len() <= 253 && !all.contains(&query) {
            all.push(query);
        }
    }
    let searched = !search.is_empty();
    if (dots > 0 || !searched || !conf.options.no_tld_query) && !all.iter().any(|q| q == name) {
        all.push(name.to_owned());
    }
    all
}

/// Up to the first that ends the look-up, whatever comes of it.
fn sources(resolver: &Resolver, name: &str) -> Vec<Source> {
    let order: Vec<HostsSource> = match resolver.order.value() {
        Some(order) => order.clone(),
        None if resolver.order.is_denied() => {
            vec![HostsSource { name: "nsswitch.conf".into(), actions: vec![] }]
        }
        None => default_order(),
    };
    let mut all = Vec::new();
    for service in order {
        let (source, ends) = match service.name.as_str() {
            "files" if resolver.hosts.is_denied() => (Some(Source::HostsUnread), false),
            "files" => {
                let found = in_hosts(resolver, name);
                let known = !found.is_empty();
                let torn = matches!(resolver.hosts, plumb_model::Read::Torn { .. }) && !known;
                (Some(if torn { Source::HostsUnread } else { Source::Hosts(found) }), known)
            }
            "dns" => (Some(Source::Dns), false),
            "myhostname" => match local(name) {
                Some(found) => (Some(Source::Local(found)), true),
                None if looks_local(name) => (Some(Source::Other(service.name.clone())), false),
                None => (None, false),
            },
            // They take names of .local alone, and of them those of two labels (nss-mdns).
            "mdns4_minimal" | "mdns6_minimal" | "mdns_minimal" if !is_mdns(name) => {
                // Such a name is no "not found" but "unavailable".
                continue;
            }
            // Names of containers and virtual machines.
            _ => (Some(Source::Other(service.name.clone())), false),
        };
        all.extend(source);
        if ends || service.ends_when_not_found() {
            break;
        }
    }
    all
}

/// Addresses of the hosts file's lines that have the name, in their order.
fn in_hosts(resolver: &Resolver, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for entry in resolver.hosts.items() {
        if entry.names.iter().any(|n| n.eq_ignore_ascii_case(name)) && !found.contains(&entry.address) {
            found.push(entry.address);
        }
    }
    found
}

fn local(name: &str) -> Option<Vec<IpAddr>> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is = matches!(name.as_str(), "localhost" | "localhost.localdomain") || name.ends_with(".localhost");
    is.then(|| vec![std::net::Ipv6Addr::LOCALHOST.into(), std::net::Ipv4Addr::LOCALHOST.into()])
}

/// Names that `myhostname` answers from what the machine has, beside its own.
fn looks_local(name: &str) -> bool {
    matches!(name.trim_end_matches('.'), "_gateway" | "_outbound")
}

fn is_mdns(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_suffix(".local").is_some_and(|host| !host.contains('.'))
}

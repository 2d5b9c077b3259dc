//! The resolver's files.

use super::Redactor;
use super::names::Kind as Name;
use crate::{HostsEntry, HostsSource, NameServer, OddLine, ResolvConf, Resolver};

/// Services that look up hosts: words of every machine.
const SERVICES: &[&str] = &[
    "files",
    "dns",
    "resolve",
    "myhostname",
    "mymachines",
    "mdns",
    "mdns4",
    "mdns6",
    "mdns_minimal",
    "mdns4_minimal",
    "mdns6_minimal",
    "nis",
    "ldap",
    "sss",
    "wins",
    "libvirt",
    "libvirt_guest",
    "db",
    "compat",
];

impl Redactor {
    pub(super) fn resolver(&mut self, resolver: &mut Resolver) {
        let Resolver { conf, hosts, order, domain, paths, odd, others: _ } = resolver;
        self.part(conf, |r, conf| {
            let ResolvConf { nameservers, search, options: _ } = conf;
            for NameServer { address, scope } in nameservers {
                *address = r.addresses.host(*address);
                if let Some(scope) = scope {
                    *scope = r.names.name(Name::Device, scope);
                }
            }
            search.iter_mut().for_each(|d| *d = r.names.host(d));
        });
        self.part(hosts, |r, all| {
            for HostsEntry { address, names } in all {
                *address = r.addresses.host(*address);
                names.iter_mut().for_each(|n| *n = r.names.host(n));
            }
        });
        self.part(order, |r, all| {
            for HostsSource { name, actions: _ } in all {
                if !SERVICES.contains(&name.as_str()) {
                    *name = r.names.name(Name::Object, name);
                }
            }
        });
        if let Some(domain) = domain {
            *domain = self.names.host(domain);
        }
        for path in paths {
            let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
            let file = file.to_owned();
            *path = match folder.strip_prefix("/etc/netns/") {
                Some(name) => format!("/etc/netns/{}/{file}", self.names.name(Name::Namespace, name)),
                None if folder == "/etc" || folder.is_empty() => path.clone(),
                None => self.path(path),
            };
        }
        for OddLine { file: _, line: _, text } in odd {
            text.clear();
        }
    }
}

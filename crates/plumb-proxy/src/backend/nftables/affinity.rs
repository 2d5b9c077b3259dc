//! Services whose clients come back to their endpoint (`sessionAffinity: ClientIP`).
//!
//! The choice has to be remembered, and no constant chain can say which set to remember it in. So each port of such a Service has
//! a chain a list of endpoints, which goes to the endpoint that knows the client, else draws one; and a chain and a set an
//! endpoint, which remembers and translates. They are shared by all frontends of the port.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use plumb_api::address::IpFamily;
use plumb_intent::{Class, Frontend, FrontendKey, PortName};
use plumb_nft::Rule;

use super::build::{Build, Field};
use super::sets::{Side, Via};

/// What a port of a Service with affinity has in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Affinity {
    /// Chains that choose, by name, with the names of their endpoints' chains.
    pub(super) dispatch: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Endpoints, by the name of their chain and set.
    pub(super) endpoints: BTreeMap<Arc<str>, (IpAddr, u16)>,
    /// Elements of the maps of frontends: which chain chooses.
    pub(super) elements: BTreeMap<(Via, Side, FrontendKey), Arc<str>>,
    /// Seconds that a client is remembered.
    pub(super) seconds: u32,
}

/// The beginning of the names of all that a port has: `affinity/NAMESPACE/SERVICE/PROTOCOL/PORT`.
pub(super) fn stem(name: &PortName) -> String {
    let service = &name.service;
    format!("affinity/{}/{}/{}/{}", service.namespace, service.name, name.protocol.lower(), name.port)
}

/// Name of the chain and the set of an endpoint. `nft` takes no colon in names.
fn endpoint_name(stem: &str, ip: IpAddr, port: u16) -> Arc<str> {
    let mut name = String::with_capacity(stem.len() + 48);
    let _ = write!(name, "{stem}/{ip}/{port}");
    name.replace(':', ".").into()
}

/// Whether a chain or set of the table is one of these.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with("affinity/")
}

impl Affinity {
    /// What the frontends of one port ask for.
    pub(super) fn wanted<'a>(frontends: impl Iterator<Item = (&'a FrontendKey, &'a Arc<Frontend>)>) -> Self {
        let mut wanted = Self::default();
        for (key, frontend) in frontends {
            let Some(seconds) = frontend.affinity else { continue };
            wanted.seconds = seconds;
            let stem = stem(&frontend.name);
            let (cluster, via) = match frontend.class {
                Class::Internal => ("internal", Via::Address),
                Class::External | Class::ExternalLocal => ("external", Via::of(key)),
            };
            for (side, which, list) in
                [(Side::Cluster, cluster, &frontend.cluster), (Side::Local, "local", &frontend.local)]
            {
                if list.is_empty() {
                    continue;
                }
                let chain: Arc<str> = format!("{stem}/{which}").into();
                wanted.elements.insert((via, side, *key), Arc::clone(&chain));
                if wanted.dispatch.contains_key(&chain) {
                    continue;
                }
                let mut names = Vec::with_capacity(list.len());
                for end in list.iter() {
                    let name = endpoint_name(&stem, end.ip, end.port);
                    wanted.endpoints.insert(Arc::clone(&name), (end.ip, end.port));
                    names.push(name);
                }
                wanted.dispatch.insert(chain, names);
            }
        }
        wanted
    }

    /// The rules of an endpoint's chain.
    pub(super) fn endpoint_rules(
        &self,
        family: IpFamily,
        protocol: u8,
        name: &str,
        (ip, port): (IpAddr, u16),
    ) -> Vec<Rule> {
        let address = match ip {
            IpAddr::V4(a) => a.octets().to_vec(),
            IpAddr::V6(a) => a.octets().to_vec(),
        };
        vec![
            Build::new(family).remember_source(name, self.seconds).rule(),
            Build::new(family).dnat(protocol, &address, port),
        ]
    }
}

/// The rules of a chain that chooses among these endpoints: the one that knows the client, else one of them, each as likely as
/// the others.
pub(super) fn dispatch_rules(family: IpFamily, endpoints: &[Arc<str>]) -> Vec<Rule> {
    let known = endpoints.iter().map(|name| Build::new(family).in_set(&[Field::Saddr], name).goto(name));
    let mut rules: Vec<Rule> = known.collect();
    for (left, name) in (1..=u32::try_from(endpoints.len()).unwrap_or(u32::MAX)).rev().zip(endpoints) {
        let start = Build::new(family);
        rules.push(if left > 1 { start.one_in(left) } else { start }.goto(name));
    }
    rules
}

//! Name servers that are down, as what they are to whoever asks them.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use plumb_model::Protocol;
use plumb_trace::Network;

use super::pairs::Asked;
use crate::check::names;
use crate::check::report::CheckFinding;
use crate::check::told::{self, Observation};
use crate::messages::Lang;
use crate::names::DNS;
use crate::names::state::{Found, local_down, local_owner, own_files, own_servers};

/// A listener that is missing at port 53, where that breaks questions to name servers and nothing else: the server is down. Any
/// other finding stays as it is.
pub(super) fn server_down(
    net: &Network,
    asked: &Asked,
    pairs: &BTreeSet<usize>,
    found: CheckFinding,
    lang: Lang,
) -> CheckFinding {
    let text = |key: &str| found.place.get(key).and_then(|v| v.as_str()).unwrap_or_default();
    let is_listener = text("missing") == "listener" && text("socket").ends_with(&format!(":{DNS}"));
    let targets = || pairs.iter().map(|&i| (&asked.asks[i], &asked.targets[asked.asks[i].target]));
    if found.id != "listener-missing" || !is_listener || !targets().all(|(_, t)| t.port == DNS) {
        return found;
    }
    let is_own = |source: usize, address| {
        own_servers(net.snapshot, net.namespace(asked.sources[source].1)).contains(&address)
    };
    let clients: BTreeSet<usize> =
        targets().filter(|(ask, t)| is_own(ask.source, t.address)).map(|(ask, _)| ask.source).collect();
    let Some(first) = clients.first() else { return found };
    let found = at_datagrams(net, found);
    let text = |key: &str| found.place.get(key).and_then(|v| v.as_str()).unwrap_or_default();
    if let Some(local) = of_its_node(net, asked.sources[*first].1, text("socket")) {
        let said = names::finding(local, lang);
        let (fault, id, layer, summary, effect) =
            (said.fault, said.id, said.layer, said.summary, said.effect);
        return CheckFinding { fault, id, layer, summary, effect, ..found };
    }
    let observation = Observation::new("dns-server-down", found.place.clone())
        .with("socket", text("socket"))
        .with("count", clients.len().to_string())
        .with("client", &asked.sources[*first].0);
    let said = told::finding(lang, observation, found.found_by);
    CheckFinding {
        fault: said.fault,
        id: said.id,
        layer: said.layer,
        summary: said.summary,
        effect: said.effect,
        ..found
    }
}

/// A server that takes neither datagrams nor connections is one cause: the place is where it takes datagrams.
fn at_datagrams(net: &Network, mut found: CheckFinding) -> CheckFinding {
    let text = |key: &str| found.place.get(key).and_then(|v| v.as_str());
    let address = text("socket").and_then(|s| s.strip_prefix("tcp ")?.parse::<SocketAddr>().ok());
    let n = text("namespace").and_then(|name| net.snapshot.namespace_by_name(name));
    let (Some(address), Some(n)) = (address, n) else { return found };
    let takes = |s: &plumb_model::Socket| {
        s.protocol == Protocol::UDP
            && s.sport == address.port()
            && (s.src == address.ip() || s.src.is_unspecified())
    };
    if !n.sockets.items().iter().any(takes) {
        crate::place::set(&mut found.place, "socket", format!("udp {address}"));
    }
    found
}

/// The finding of the file that names a server, where the server is its reader's own or of its node.
fn of_its_node(net: &Network, client: usize, socket: &str) -> Option<Found> {
    let address = socket.strip_prefix("udp ")?.parse::<SocketAddr>().ok()?.ip();
    let owner = local_owner(net, client, address)?;
    let resolver = own_files(net.snapshot, net.namespace(client))?;
    let server = resolver.conf.value()?.nameservers.iter().find(|s| s.address == address)?;
    Some(local_down(net, client, owner, server, &resolver.paths[0]))
}

//! Name servers that are down, as what they are to whoever asks them.

use std::collections::BTreeSet;

use plumb_trace::Network;

use super::pairs::Asked;
use crate::check::report::CheckFinding;
use crate::check::told::{self, Observation};
use crate::messages::Lang;
use crate::names::DNS;
use crate::names::state::own_servers;

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

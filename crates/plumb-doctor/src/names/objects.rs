//! What the objects of a cluster say, as its name servers would.

use std::net::IpAddr;

use super::NameFinding;
use super::plan::Plan;
use super::resolve::{LookUp, file};
use super::servers::Way;
use super::timing::Asked;
use crate::messages::NameNote;

impl LookUp<'_, '_> {
    /// A name of the cluster was asked of a server that is not the cluster's. Whether that is so.
    pub(super) fn not_the_clusters(&mut self, plan: &Plan, ways: &[Way], server: usize) -> bool {
        let Some(cluster) = self.told.cluster else { return false };
        let known = plan.queries.iter().any(|q| matches!(cluster.zone.addresses(q), Some(Ok(_))));
        if !known || plan.servers.get(server).is_none_or(|s| cluster.servers.contains(&s.address)) {
            return false;
        }
        let path = self.found.report.files[0].clone();
        let place = file(self.net, self.ns, &path, &format!("nameserver {}", ways[server].address));
        let finding = NameFinding::NotTheClusters {
            namespace: self.namespace(),
            server: ways[server].address.clone(),
            cluster: cluster.servers.iter().map(IpAddr::to_string).collect(),
            path,
        };
        self.fails(&finding, "EAI_NONAME", place);
        true
    }

    /// What the objects of the cluster say, as its name servers would.
    pub(super) fn by_objects(&mut self, plan: &Plan, ways: &[Way], asked: &[Asked]) {
        let servers: Vec<&str> = ways.iter().map(|w| w.address.as_str()).collect();
        let servers = servers.join(", ");
        let dead = self.found.report.error.is_some();
        let Some(cluster) = self.told.cluster else {
            if !dead {
                self.not_known(NameNote::AnswerNotKnown { name: &self.q.name, servers: &servers });
            }
            return;
        };
        // The server that answers; where none does, the first, which would once it is mended.
        let by = asked.iter().find_map(|a| a.by).unwrap_or(0);
        let Some(server) = plan.servers.get(by) else { return };
        if !cluster.servers.contains(&server.address) {
            let certain = !dead && !self.found.open;
            let other = certain && self.not_the_clusters(plan, ways, by);
            if !other && !dead {
                self.not_known(NameNote::AnswerNotKnown { name: &self.q.name, servers: &servers });
            }
            return;
        }
        let mut no_data = false;
        for (i, query) in plan.queries.iter().enumerate() {
            match cluster.zone.addresses(query) {
                // The cluster's server asks others, whose answers are not known.
                None => {
                    if !dead {
                        self.not_known(NameNote::AnswerNotKnown { name: &self.q.name, servers: &servers });
                    }
                    return;
                }
                Some(Ok(addresses)) => {
                    self.found.addresses = addresses;
                    self.found.report.source = Some("objects".to_owned());
                    self.times(i + 1);
                    return;
                }
                Some(Err(why)) => no_data |= why == plumb_dns::Looked::NoData,
            }
        }
        if !dead {
            self.nobody_knows(plan, &ways[by].address, no_data.then(|| self.q.name.clone()));
        }
    }
}

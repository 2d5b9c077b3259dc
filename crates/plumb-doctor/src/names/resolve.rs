//! From a name to addresses, or to why there are none.

use std::net::IpAddr;

use plumb_model::{Read, Resolver, Snapshot};
use plumb_trace::Network;
use plumb_trace::share::Share;
use plumb_trace::state::NsIndex;

use super::ask;
use super::plan::{Plan, Source};
use super::report::{ResolutionReport, ServerReport};
use super::servers::{Way, ways};
use super::timing::{self, Asked, Does, until_given_up};
use super::{NameError, NameFinding, NameQuestion, Told, client, order};
use crate::hops::Level;
use crate::messages::{NameNote, name_note};
use crate::place;
use crate::report::{Assumption, Cause, Place, UnknownReport};

/// What became of a look-up.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// As it is reported.
    pub report: ResolutionReport,
    /// The addresses, in the order in which a client tries them; empty where they are not known or there are none.
    pub addresses: Vec<IpAddr>,
    /// Share of the look-ups that a server answers.
    pub answered: Share,
    /// Whether one is answered depends on something that is not known.
    pub open: bool,
    /// What stops or delays it.
    pub causes: Vec<Cause>,
    /// What is not known.
    pub unknowns: Vec<UnknownReport>,
    /// What is assumed.
    pub assumptions: Vec<Assumption>,
}

/// Looks a name up as the client of the flow does. `causes`: look for what stops servers that do not answer.
///
/// # Errors
/// The client's files are of a machine that was not read.
pub fn resolve(
    snapshot: &Snapshot,
    net: &Network,
    q: &NameQuestion,
    told: Told,
    level: Level,
    causes: bool,
) -> Result<Resolution, NameError> {
    let ns = client(&q.flow.origin)?;
    let mut at = LookUp { snapshot, net, q, told, ns, level, causes, found: blank(q) };
    match &net.namespace(ns).resolver {
        Read::Got(resolver) | Read::Torn { value: resolver, .. } => at.with_files(resolver),
        Read::Denied { capability: why } | Read::Absent { feature: why } => {
            at.found.open = true;
            at.not_known(NameNote::FilesNotKnown { name: &q.name, why });
        }
    }
    let mut found = at.found;
    order::order(net, q, &mut found.addresses);
    found.report.addresses = found.addresses.iter().map(IpAddr::to_string).collect();
    Ok(found)
}

fn blank(q: &NameQuestion) -> Resolution {
    Resolution {
        report: ResolutionReport {
            name: q.name.clone(),
            files: Vec::new(),
            source: None,
            addresses: Vec::new(),
            queries: Vec::new(),
            servers: Vec::new(),
            error: None,
            seconds: 0.0,
        },
        addresses: Vec::new(),
        answered: Share::ONE,
        open: false,
        causes: Vec::new(),
        unknowns: Vec::new(),
        assumptions: Vec::new(),
    }
}

/// A look-up on its way.
pub(super) struct LookUp<'a, 'n> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) net: &'a Network<'n>,
    pub(super) q: &'a NameQuestion,
    pub(super) told: Told<'a>,
    pub(super) ns: NsIndex,
    pub(super) level: Level,
    pub(super) causes: bool,
    pub(super) found: Resolution,
}

impl LookUp<'_, '_> {
    pub(super) fn namespace(&self) -> String {
        place::namespace_name(self.net, self.ns)
    }

    pub(super) fn not_known(&mut self, note: NameNote) {
        self.found.unknowns.push(UnknownReport {
            place: place::namespace(self.net, self.ns),
            reason: name_note(self.q.lang, note),
            if_passes: "unknown".to_owned(),
        });
    }

    fn with_files(&mut self, resolver: &Resolver) {
        let plan = Plan::new(resolver, &self.q.name);
        self.found.report.files = resolver.paths.to_vec();
        if !resolver.others.is_empty() {
            let pids: Vec<String> = resolver.others.iter().map(u32::to_string).collect();
            self.found.assumptions.push(Assumption {
                what: name_note(self.q.lang, NameNote::FilesDiffer { pids: &pids.join(", ") }),
                why: resolver.paths[0].clone(),
                prove_with: pids
                    .iter()
                    .map(|p| format!("cat /proc/{p}/root/etc/resolv.conf"))
                    .collect::<Vec<_>>()
                    .join(" && "),
            });
        }
        for source in &plan.sources {
            match source {
                Source::Hosts(addresses) | Source::Local(addresses) => {
                    if !addresses.is_empty() {
                        let hosts = matches!(source, Source::Hosts(_));
                        self.found.addresses.clone_from(addresses);
                        self.found.report.source =
                            Some(if hosts { "hosts" } else { "myhostname" }.to_owned());
                        return;
                    }
                }
                Source::HostsUnread => {
                    let why = format!("{}: CAP_DAC_READ_SEARCH", resolver.paths[1]);
                    self.not_known(NameNote::FilesNotKnown { name: &self.q.name, why: &why });
                    self.found.open = true;
                }
                Source::Other(service) => {
                    self.not_known(NameNote::ServiceNotKnown { name: &self.q.name, service });
                    self.found.open = true;
                }
                Source::Dns => {
                    self.in_dns(resolver, &plan);
                    return;
                }
            }
        }
        if !self.found.open {
            // Nobody is asked: the hosts file alone, and it does not know the name.
            let finding = NameFinding::NameNotFound {
                namespace: self.namespace(),
                name: self.q.name.clone(),
                asked: vec![self.q.name.clone()],
                server: resolver.paths[1].clone(),
            };
            self.fails(&finding, "EAI_NONAME", file(self.net, self.ns, &resolver.paths[1], ""));
        }
    }

    fn in_dns(&mut self, resolver: &Resolver, plan: &Plan) {
        let path = &resolver.paths[0];
        self.found.report.queries.clone_from(&plan.queries);
        if plan.unreadable {
            self.not_known(NameNote::FilesNotKnown { name: &self.q.name, why: path });
            self.found.open = true;
            return;
        }
        let walk =
            |servers, causes| ways(self.snapshot, self.net, self.q, plan, servers, (self.level, causes));
        let ways = walk(&plan.servers, self.causes);
        let unasked = walk(&plan.unasked, false);
        self.found.report.servers = servers(&ways, true).chain(servers(&unasked, false)).collect();
        // What was really asked says more than the walk.
        let said = self.told.ask.map(|asker| ask::all(plan, asker));
        let does: Vec<Vec<(Share, Does)>> = match &said {
            Some(said) => said.servers.iter().map(|s| vec![(Share::ONE, s.does)]).collect(),
            None => ways.iter().map(|w| w.does.clone()).collect(),
        };
        let asked = timing::ask(plan, &does);
        self.found.answered = asked.iter().filter(|a| a.by.is_some()).map(|a| a.share).sum();
        self.found.open |= asked.iter().any(|a| a.open);
        let longest = |a: &Asked| if a.by.is_some() { a.seconds } else { until_given_up(plan, a) };
        self.found.report.seconds = asked.iter().map(longest).max().unwrap_or(0).into();
        if said.is_none() {
            for way in &ways {
                self.found.unknowns.extend(way.unknowns.iter().cloned());
                self.found.assumptions.extend(way.assumptions.iter().cloned());
            }
        }
        self.unanswered(plan, &ways, &asked, &does, said.as_ref());
        if self.found.answered.is_zero() && !self.found.open {
            self.found.report.error = Some("EAI_AGAIN".to_owned());
            // One that would answer is there, and never asked.
            if let Some(way) = unasked.iter().find(|w| w.outcome == "connects") {
                let finding = NameFinding::ServersBeyondThree {
                    namespace: self.namespace(),
                    servers: vec![way.address.clone()],
                    path: path.clone(),
                };
                let place = file(self.net, self.ns, path, &format!("nameserver {}", way.address));
                self.cause(&finding, Share::ONE, place, Vec::new(), Vec::new(), None);
            }
        }
        match said {
            Some(said) => self.heard(said, plan, &ways),
            None => self.by_objects(plan, &ways, &asked),
        }
    }

    /// Each name up to the one that is there was waited for.
    pub(super) fn times(&mut self, names: usize) {
        let names = names as f64;
        for cause in &mut self.found.causes {
            cause.delay_s = cause.delay_s.map(|d| d * names);
        }
        if self.found.report.error.is_none() {
            self.found.report.seconds *= names;
        }
    }

    /// No name of the search list has an address. `no_data`: one that is there.
    pub(super) fn nobody_knows(&mut self, plan: &Plan, server: &str, no_data: Option<String>) {
        let (namespace, server) = (self.namespace(), server.to_owned());
        let place = file(self.net, self.ns, &self.found.report.files[0].clone(), "");
        match no_data {
            Some(name) => {
                self.fails(&NameFinding::NoAddress { namespace, name, server }, "EAI_NODATA", place);
            }
            None => {
                let (name, asked) = (self.q.name.clone(), plan.queries.clone());
                let finding = NameFinding::NameNotFound { namespace, name, asked, server };
                self.fails(&finding, "EAI_NONAME", place);
            }
        }
    }
}

fn servers(ways: &[Way], asked: bool) -> impl Iterator<Item = ServerReport> + '_ {
    ways.iter().map(move |w| ServerReport {
        address: w.address.clone(),
        asked,
        udp: Some(w.udp.clone()),
        tcp: Some(w.tcp.clone()),
        heard: Vec::new(),
        paths: w.paths.clone(),
    })
}

/// A line of a file.
pub(crate) fn file(net: &Network, ns: NsIndex, path: &str, line: &str) -> Place {
    let mut place = place::namespace(net, ns);
    place::set(&mut place, "file", path);
    if !line.is_empty() {
        place::set(&mut place, "line", line);
    }
    place
}

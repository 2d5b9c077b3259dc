//! What follows from the answers that name servers really gave.

use std::net::IpAddr;

use plumb_trace::share::Share;
use serde_json::json;

use super::NameFinding;
use super::ask::{self, Said};
use super::plan::Plan;
use super::resolve::LookUp;
use super::servers::Way;
use super::timing::Does;
use crate::messages::{self, NameNote, name_note};
use crate::place;
use crate::report::{Evidence, Place};

impl LookUp<'_, '_> {
    /// What the servers really said.
    pub(super) fn heard(&mut self, said: Said, plan: &Plan, ways: &[Way]) {
        for (report, server) in self.found.report.servers.iter_mut().zip(&said.servers) {
            report.heard.clone_from(&server.heard);
        }
        if let Some((_, name, _)) = &said.addresses {
            self.times(plan.queries.iter().position(|q| q == name).unwrap_or(0) + 1);
        }
        for (i, server) in
            said.servers.iter().enumerate().filter(|(_, s)| s.does == Does::Answers && s.lost > 0)
        {
            let seconds = plan.patience(i);
            let finding = NameFinding::AnswerLost {
                namespace: self.namespace(),
                server: ways[i].address.clone(),
                seconds,
            };
            let delay = f64::from(seconds) * server.lost as f64;
            let place = self.at_server(plan.servers[i].address);
            self.cause(&finding, Share::ONE, place, Vec::new(), Vec::new(), Some(delay));
        }
        if self.found.report.error.is_some() {
            return;
        }
        let good = said.servers.iter().position(|s| s.does == Does::Answers).unwrap_or(0);
        if said.cut_off {
            let way = &ways[good];
            let (why, place, remedy) = match way.tcp_causes.first() {
                Some(c) => (c.summary.clone(), c.place.clone(), c.remedy.clone()),
                None => {
                    let why = messages::outcome(self.q.lang, &way.tcp);
                    (why, place::namespace(self.net, self.ns), Vec::new())
                }
            };
            let finding =
                NameFinding::TcpBlocked { namespace: self.namespace(), server: way.address.clone(), why };
            self.found.report.error = Some("EAI_AGAIN".to_owned());
            self.found.answered = Share::ZERO;
            self.cause(&finding, Share::ONE, place, Vec::new(), remedy, None);
            return;
        }
        match said.addresses {
            Some((_, _, addresses)) => {
                self.found.addresses = addresses;
                self.found.report.source = Some("probe".to_owned());
            }
            // Its own cluster's name, which that server cannot know.
            None if self.not_the_clusters(plan, ways, good) => {}
            None => match (said.no_data, said.fails) {
                (None, Some((name, rcode))) => {
                    let (namespace, server) = (self.namespace(), ways[good].address.clone());
                    let place = self.at_server(plan.servers[good].address);
                    let finding = NameFinding::ServerFails { namespace, server, rcode, name };
                    self.fails(&finding, "EAI_AGAIN", place);
                }
                (no_data, _) => self.nobody_knows(plan, &ways[good].address, no_data),
            },
        }
    }

    /// The server's socket, where it is known; else the client's namespace.
    pub(super) fn at_server(&self, server: IpAddr) -> Place {
        let socket = || {
            let ns = *self.net.owners_of(server).first()?;
            let is = |s: &plumb_model::Socket| {
                let open = s.protocol == plumb_model::Protocol::UDP && s.sport == super::DNS;
                open && (s.src == server || s.src.is_unspecified())
            };
            let index = self.net.namespace(ns).sockets.items().iter().position(is)?;
            Some(place::socket(self.net, ns, index))
        };
        socket().unwrap_or_else(|| place::namespace(self.net, self.ns))
    }
}

/// What each server answered.
pub(super) fn answers(lang: messages::Lang, ways: &[Way], said: Option<&Said>) -> Vec<Evidence> {
    let servers = said.map_or(&[][..], |s| s.servers.as_slice());
    let last = |s: &ask::Server| s.heard.iter().rev().find(|h| h.over == "udp").map(|h| h.answer.clone());
    ways.iter()
        .zip(servers)
        .map(|(way, server)| Evidence {
            what: name_note(lang, NameNote::Server { address: &way.address }),
            seen: json!(last(server)),
            right: json!("NOERROR"),
            delta: None,
            unit: None,
            read_with: None,
        })
        .collect()
}

/// A server that was asked and does not answer, where the walk finds its way there and back.
pub(super) fn really(
    said: &Said,
    plan: &Plan,
    server: usize,
    way: &Way,
    namespace: &str,
    name: &str,
) -> Option<NameFinding> {
    let at = said.servers.get(server)?;
    let (namespace, address, name) = (namespace.to_owned(), way.address.clone(), name.to_owned());
    if let Some(rcode) = &at.rcode {
        return Some(NameFinding::ServerFails { namespace, server: address, rcode: rcode.clone(), name });
    }
    if !way.causes.is_empty() {
        return None;
    }
    let seconds = plan.patience(server);
    if at.does == Does::Silent {
        return Some(NameFinding::AnswerLost { namespace, server: address, seconds });
    }
    let why = at.error.clone().unwrap_or_default();
    Some(NameFinding::ServerUnreachable { namespace, server: address, name, why, refused: true, seconds: 0 })
}

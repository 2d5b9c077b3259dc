//! What name servers really answer, when they are asked (`--probe`). Whoever asks hands over how; what is asked and what follows
//! from it is decided here.

use std::net::IpAddr;
use std::time::Duration;

use plumb_dns::{Found, Kind, Rcode};
use plumb_trace::session::Errno;

use super::plan::Plan;
use super::report::HeardReport;
use super::timing::Does;

/// A question to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The server.
    pub server: IpAddr,
    /// Device of a link-local server.
    pub scope: Option<String>,
    /// Absolute name.
    pub name: String,
    /// `A`, `AAAA`
    pub kind: Kind,
    /// Over TCP.
    pub tcp: bool,
    /// Whether the client says what size of datagram it takes (`options edns0`; glibc says 1200, `RESOLV_EDNS_BUFFER_SIZE`).
    pub edns: Option<u16>,
    /// How long the client waits.
    pub patience: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The answer, or why there is none.
    pub reply: Reply,
    /// Seconds that it took.
    pub seconds: f64,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Found(Found),
    /// The socket's error: ETIMEDOUT where nothing came.
    Error(i32),
    /// Something that is no DNS message.
    Strange,
}

/// Asks a server.
pub type Asker<'a> = &'a dyn Fn(&Ask) -> Heard;

/// A server, once asked.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) does: Does,
    /// The answer that makes the client ask the next server.
    pub(super) rcode: Option<String>,
    /// The socket's error.
    pub(super) error: Option<String>,
    /// Questions before that got no answer.
    pub(super) lost: usize,
    pub(super) heard: Vec<HeardReport>,
    /// The last answer to the first question.
    first: Option<Reply>,
}

/// What the servers say of the name.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) servers: Vec<Server>,
    /// The server whose answers count, the name that it knows, and its addresses.
    pub(super) addresses: Option<(usize, String, Vec<IpAddr>)>,
    /// A name that is there without an address.
    pub(super) no_data: Option<String>,
    /// A name that the server answers with an error, and which.
    pub(super) fails: Option<(String, String)>,
    /// The answer was cut off, and TCP brought none.
    pub(super) cut_off: bool,
}

/// Asks every server for the first name, and the first that answers for the others, until one is there; then all of them for that
/// one over TCP.
pub(super) fn all(plan: &Plan, ask: Asker) -> Said {
    let mut asking = Asking { plan, ask, servers: Vec::new() };
    for i in 0..plan.servers.len() {
        let query = plan.queries.first().cloned().unwrap_or_default();
        asking.first(i, &query);
    }
    let good = asking.servers.iter().position(|s| s.does == Does::Answers);
    let mut said = Said { servers: Vec::new(), addresses: None, no_data: None, fails: None, cut_off: false };
    if let Some(server) = good {
        asking.search(server, &mut said);
    }
    let name = match (&said.addresses, plan.queries.last()) {
        (Some((_, name, _)), _) => name.clone(),
        (None, Some(last)) => last.clone(),
        (None, None) => return said,
    };
    if !plan.options.use_vc {
        for i in 0..plan.servers.len() {
            let asked = asking.servers[i].heard.iter().any(|h| h.over == "tcp");
            if !asked {
                asking.one(i, &name, Kind::A, true);
            }
        }
    }
    said.servers = asking.servers;
    said
}

struct Asking<'a> {
    plan: &'a Plan,
    ask: Asker<'a>,
    servers: Vec<Server>,
}

impl Asking<'_> {
    /// One question, kept for the report.
    fn one(&mut self, server: usize, name: &str, kind: Kind, tcp: bool) -> Reply {
        let at = &self.plan.servers[server];
        let heard = (self.ask)(&Ask {
            server: at.address,
            scope: at.scope.clone(),
            name: name.to_owned(),
            kind,
            tcp,
            edns: self.plan.options.edns0.then_some(1200),
            patience: Duration::from_secs(self.plan.patience(server).into()),
        });
        let report = told(name, kind, tcp, &heard);
        if let Some(server) = self.servers.get_mut(server) {
            server.heard.push(report);
        } else {
            self.servers.push(Server {
                does: Does::Silent,
                rcode: None,
                error: None,
                lost: 0,
                heard: vec![report],
                first: None,
            });
        }
        heard.reply
    }

    fn first(&mut self, server: usize, name: &str) {
        let tcp = self.plan.options.use_vc;
        let mut reply = self.one(server, name, Kind::A, tcp);
        // Each round asks again (`attempts`): a reply that was lost once is no dead server.
        for _ in 1..self.plan.options.attempts {
            if reply != Reply::Error(TIMED_OUT) {
                break;
            }
            reply = self.one(server, name, Kind::A, tcp);
        }
        let lost = self.servers[server].heard.iter().filter(|h| h.answer == errno(TIMED_OUT)).count();
        self.servers[server].first = Some(reply.clone());
        let (does, rcode, error) = match reply {
            // The client goes on to the next server (res_send.c, `next_ns`).
            Reply::Found(Found::Fails(rcode)) => (Does::Fails, Some(rcode.to_string()), None),
            Reply::Found(Found::NotMine) | Reply::Strange => (Does::Silent, None, None),
            Reply::Found(_) => (Does::Answers, None, None),
            Reply::Error(TIMED_OUT) => (Does::Silent, None, Some(errno(TIMED_OUT))),
            Reply::Error(number) => (Does::Fails, None, Some(errno(number))),
        };
        let at = &mut self.servers[server];
        (at.does, at.rcode, at.error, at.lost) = (does, rcode, error, lost);
    }

    /// The search list, at one server.
    fn search(&mut self, server: usize, said: &mut Said) {
        let kinds: &[Kind] = if self.plan.options.no_aaaa { &[Kind::A] } else { &[Kind::A, Kind::Aaaa] };
        let mut first = self.servers[server].first.take();
        let (queries, last) = (self.plan.queries.clone(), self.plan.queries.len().saturating_sub(1));
        let mut given_up = false;
        for (i, name) in queries.into_iter().enumerate() {
            // An error other than SERVFAIL ends the search; the name itself is asked for all the same (`__res_context_search`).
            if given_up && (i < last || self.plan.as_is_first) {
                continue;
            }
            let counts = i == 0 || !self.plan.as_is_first;
            let mut addresses = Vec::new();
            for &kind in kinds {
                // The very first question has its answer already.
                let mut reply = match first.take() {
                    Some(reply) => reply,
                    None => self.one(server, &name, kind, self.plan.options.use_vc),
                };
                if reply == Reply::Found(Found::Truncated) {
                    reply = self.one(server, &name, kind, true);
                    said.cut_off |= !matches!(reply, Reply::Found(_));
                }
                match reply {
                    Reply::Found(Found::Addresses(found)) => addresses.extend(found),
                    Reply::Found(Found::NoData) if counts => {
                        said.no_data = said.no_data.take().or(Some(name.clone()));
                    }
                    Reply::Found(Found::Fails(rcode)) => {
                        if counts {
                            said.fails = Some((name.clone(), rcode.to_string()));
                        }
                        given_up |= rcode != Rcode::SERVFAIL && (i > 0 || !self.plan.as_is_first);
                    }
                    _ => {}
                }
            }
            if !addresses.is_empty() {
                said.addresses = Some((server, name, addresses));
                return;
            }
            if said.cut_off {
                return;
            }
        }
    }
}

/// ETIMEDOUT (asm-generic/errno.h)
const TIMED_OUT: i32 = 110;

fn errno(number: i32) -> String {
    Errno::from_number(number).map_or_else(|| format!("errno {number}"), |e| e.name().to_owned())
}

fn told(name: &str, kind: Kind, tcp: bool, heard: &Heard) -> HeardReport {
    let (answer, addresses) = match &heard.reply {
        Reply::Found(Found::Addresses(all)) => ("NOERROR".to_owned(), all.as_slice()),
        Reply::Found(Found::NoData | Found::Truncated) => ("NOERROR".to_owned(), &[][..]),
        Reply::Found(Found::NoName) => ("NXDOMAIN".to_owned(), &[][..]),
        Reply::Found(Found::Fails(rcode)) => (rcode.to_string(), &[][..]),
        Reply::Found(Found::NotMine) | Reply::Strange => ("?".to_owned(), &[][..]),
        Reply::Error(number) => (errno(*number), &[][..]),
    };
    HeardReport {
        query: name.to_owned(),
        kind: if kind == Kind::Aaaa { "AAAA" } else { "A" }.to_owned(),
        over: if tcp { "tcp" } else { "udp" }.to_owned(),
        answer,
        truncated: heard.reply == Reply::Found(Found::Truncated),
        addresses: addresses.iter().map(IpAddr::to_string).collect(),
        seconds: (heard.seconds * 1000.0).round() / 1000.0,
    }
}

//! What can be seen of one packet of a flow: by its sender, at the far end, and on the counters of rules.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::case::Place;

/// What the sender saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The answer.
    Reply,
    /// An error, by its name.
    Error(String),
    /// Nothing.
    Nothing,
}

/// What came to a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Where.
    pub place: Place,
    /// Address and port of the listener (of the connection, for TCP).
    pub to: SocketAddr,
    /// Who seems to have sent it.
    pub from: SocketAddr,
}

/// A rule: place, table, chain, and how many rules come before it in its chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RulePlace {
    /// Namespace.
    pub place: Place,
    /// `FAMILY TABLE CHAIN`
    pub chain: String,
    /// Index.
    pub rule: usize,
}

impl fmt::Display for RulePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} #{}", self.place.name(), self.chain, self.rule)
    }
}

/// Packets that each rule counted; rules that counted none are left out.
pub type Counts = BTreeMap<RulePlace, u64>;

/// One packet and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What the sender saw.
    pub seen: Seen,
    /// Where it arrived. Of a TCP connection it is only known once the handshake is over, of an echo never.
    pub arrival: Option<Arrival>,
    /// By how much counters rose.
    pub counts: Counts,
}

/// Name of an error as `<errno.h>` has it, for those that a socket may report here.
#[must_use]
pub fn errno_name(errno: i32) -> String {
    use rustix::io::Errno;
    let names = [
        (Errno::PERM, "EPERM"),
        (Errno::ACCESS, "EACCES"),
        (Errno::INVAL, "EINVAL"),
        (Errno::MSGSIZE, "EMSGSIZE"),
        (Errno::PROTO, "EPROTO"),
        (Errno::NOPROTOOPT, "ENOPROTOOPT"),
        (Errno::OPNOTSUPP, "EOPNOTSUPP"),
        (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (Errno::NETUNREACH, "ENETUNREACH"),
        (Errno::TIMEDOUT, "ETIMEDOUT"),
        (Errno::CONNREFUSED, "ECONNREFUSED"),
        (Errno::CONNRESET, "ECONNRESET"),
        (Errno::HOSTDOWN, "EHOSTDOWN"),
        (Errno::HOSTUNREACH, "EHOSTUNREACH"),
        (Errno::NONET, "ENONET"),
    ];
    let name = names.iter().find(|(e, _)| e.raw_os_error() == errno);
    name.map_or_else(|| format!("errno {errno}"), |(_, name)| (*name).to_owned())
}

/// Where what is observed may differ from what is walked, for reasons that lie in the kernel's sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leeway {
    /// An ICMP error that comes while `connect` still holds the socket is kept back until the next SYN is answered so
    /// (`tcp_v4_err`): here it always does, as everything happens within the call.
    pub error_may_wait: bool,
    /// An ICMPv6 echo socket does not look at what became of its packet (`ping_v6_sendmsg`), other sockets do.
    pub error_may_be_lost: bool,
    /// An echo socket takes every answer with its identifier, whoever sent it (`ping_lookup`); a raw one that is
    /// connected does not.
    pub reply_from_any: bool,
    /// A machine that rejects its own packet tells its socket so too; the call's own error says it first.
    pub told_twice: bool,
    /// A machine that gets an answer it does not wait for says so, which its rules see; the walk ends before.
    pub counts_more: bool,
    /// Rules drew, and the walk joins branches that lead to the same.
    pub counts_unsure: bool,
    /// A source translation had to take another port: the walk says the first that is free, the kernel draws
    /// (`nf_nat_l4proto_unique_tuple`).
    pub port_drawn: bool,
    /// Rules put connections into zones. What base chains open with lets the handshake's third packet pass ahead of them,
    /// so that its tracker may find no connection: it is reset, after the two packets that a walk is about.
    pub may_be_torn: bool,
}

/// How a difference in counters begins.
pub const COUNTED: &str = "rule";

/// Whether what is expected fits what was observed; a line for each thing that does not.
#[must_use]
pub fn differences(walk: &Observation, kernel: &Observation, leeway: Leeway) -> Vec<String> {
    let mut out = Vec::new();
    // Where the call's own error is lost, what the machine tells itself of its reject comes to be seen.
    let told = leeway.error_may_be_lost && leeway.told_twice && matches!(kernel.seen, Seen::Error(_));
    // A connection that is reset was answered first: what refuses a SYN is ECONNREFUSED.
    let torn = leeway.may_be_torn
        && walk.seen == Seen::Reply
        && (kernel.seen == Seen::Error("ECONNRESET".to_owned()) || kernel.seen == Seen::Reply)
        && kernel.arrival.is_none();
    let lenient = told
        || torn
        || kernel.seen == Seen::Nothing && (leeway.error_may_wait || leeway.error_may_be_lost)
        || kernel.seen == Seen::Reply && leeway.reply_from_any;
    if walk.seen != kernel.seen && !lenient {
        out.push(format!("the sender sees {:?}, the walk says {:?}", kernel.seen, walk.seen));
    }
    let alike = |w: &Arrival, k: &Arrival| w.to == k.to && w.place == k.place && w.from.ip() == k.from.ip();
    let drawn = leeway.port_drawn
        && walk.arrival.as_ref().zip(kernel.arrival.as_ref()).is_some_and(|(w, k)| alike(w, k));
    if walk.arrival != kernel.arrival && !torn && !drawn {
        let show = |a: &Option<Arrival>| {
            a.as_ref().map_or_else(
                || "nowhere".into(),
                |a| format!("at {} {} from {}", a.place.name(), a.to, a.from),
            )
        };
        out.push(format!("it arrives {}, the walk says {}", show(&kernel.arrival), show(&walk.arrival)));
    }
    // Rules may ask for the port.
    if leeway.counts_unsure || leeway.port_drawn {
        return out;
    }
    let places: std::collections::BTreeSet<&RulePlace> =
        walk.counts.keys().chain(kernel.counts.keys()).collect();
    for place in places {
        let (w, k) = (walk.counts.get(place).unwrap_or(&0), kernel.counts.get(place).unwrap_or(&0));
        if w != k && !(leeway.counts_more && k > w) {
            out.push(format!("{COUNTED} {place} counted {k}, the walk says {w}"));
        }
    }
    out
}

/// An address as a listener shows it.
#[must_use]
pub fn at(addr: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(addr, port)
}

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
        (Errno::HOSTDOWN, "EHOSTDOWN"),
        (Errno::HOSTUNREACH, "EHOSTUNREACH"),
        (Errno::NONET, "ENONET"),
    ];
    let name = names.iter().find(|(e, _)| e.raw_os_error() == errno);
    name.map_or_else(|| format!("errno {errno}"), |(_, name)| (*name).to_owned())
}

/// Whether what is expected fits what was observed; a line for each thing that does not.
#[must_use]
pub fn differences(walk: &Observation, kernel: &Observation, tcp_error_may_wait: bool) -> Vec<String> {
    let mut out = Vec::new();
    // An ICMP error that comes while connect() still holds the socket is kept back until the next SYN is answered so
    // (`tcp_v4_err`): here it always does, as everything happens within the call.
    let waits = tcp_error_may_wait && matches!(walk.seen, Seen::Error(_)) && kernel.seen == Seen::Nothing;
    if walk.seen != kernel.seen && !waits {
        out.push(format!("the sender sees {:?}, the walk says {:?}", kernel.seen, walk.seen));
    }
    if walk.arrival != kernel.arrival {
        let show = |a: &Option<Arrival>| {
            a.as_ref()
                .map_or_else(|| "nowhere".into(), |a| format!("at {} {} from {}", a.place.name(), a.to, a.from))
        };
        out.push(format!("it arrives {}, the walk says {}", show(&kernel.arrival), show(&walk.arrival)));
    }
    let places: std::collections::BTreeSet<&RulePlace> = walk.counts.keys().chain(kernel.counts.keys()).collect();
    for place in places {
        let (w, k) = (walk.counts.get(place).unwrap_or(&0), kernel.counts.get(place).unwrap_or(&0));
        if w != k {
            out.push(format!("rule {place} counted {k}, the walk says {w}"));
        }
    }
    out
}

/// An address as a listener shows it.
#[must_use]
pub fn at(addr: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(addr, port)
}

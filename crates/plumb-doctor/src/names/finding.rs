//! What is found about the look-up of a name, as ids and parameters; sentences are made of them in
//! [`messages`](crate::messages).

/// A kind of finding about names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields bear the names of what they hold")]
pub enum NameFinding {
    /// A server that is asked cannot be reached, and nobody else answers. `why`: the sentence of what stops the look-up.
    ServerUnreachable {
        namespace: String,
        server: String,
        name: String,
        why: String,
        refused: bool,
        seconds: u32,
    },
    /// A server says nothing, so that the next one is asked after a while.
    ServerLate { namespace: String, server: String, why: String, seconds: u32 },
    /// More servers than are asked.
    ServersBeyondThree { namespace: String, servers: Vec<String>, path: String },
    /// A name of the cluster is asked of a server that is not the cluster's.
    NotTheClusters { namespace: String, server: String, cluster: Vec<String>, path: String },
    /// A server at an address of its own (loopback) or of its node's (a node-local cache) has no listener there. `owner`: whose
    /// address it is.
    LocalServerDown { namespace: String, server: String, owner: String, path: String },
    /// The server says that there is no such name. `asked`: every name that was asked for.
    NameNotFound { namespace: String, name: String, asked: Vec<String>, server: String },
    /// The name is there without an address.
    NoAddress { namespace: String, name: String, server: String },
    /// The server answers with an error.
    ServerFails { namespace: String, server: String, rcode: String, name: String },
    /// A request leaves and no answer comes, though the walk says it could.
    AnswerLost { namespace: String, server: String, seconds: u32 },
    /// The answer does not fit a datagram and TCP port 53 cannot be reached.
    TcpBlocked { namespace: String, server: String, why: String },
    /// Each name of others is asked for many times, in the search list's domains first.
    SearchExplosion { namespace: String, ndots: u32, queries: usize, path: String },
}

/// Every id, in the order of the pages' index, with its number in the catalogue of faults.
pub const NAME_KINDS: &[(&str, Option<&str>)] = &[
    ("dns-server-unreachable", Some("D02")),
    ("dns-server-late", Some("D02")),
    ("dns-servers-beyond-three", Some("D01")),
    ("dns-server-not-the-clusters", Some("D01")),
    ("dns-server-local-down", Some("D09")),
    ("dns-name-not-found", None),
    ("dns-name-without-address", None),
    ("dns-server-fails", Some("D03")),
    ("dns-answer-lost", None),
    ("dns-tcp-blocked", Some("D05")),
    ("dns-search-explosion", Some("D04")),
];

impl NameFinding {
    /// The slug of its kind; stable.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::ServerUnreachable { .. } => "dns-server-unreachable",
            Self::ServerLate { .. } => "dns-server-late",
            Self::ServersBeyondThree { .. } => "dns-servers-beyond-three",
            Self::NotTheClusters { .. } => "dns-server-not-the-clusters",
            Self::LocalServerDown { .. } => "dns-server-local-down",
            Self::NameNotFound { .. } => "dns-name-not-found",
            Self::NoAddress { .. } => "dns-name-without-address",
            Self::ServerFails { .. } => "dns-server-fails",
            Self::AnswerLost { .. } => "dns-answer-lost",
            Self::TcpBlocked { .. } => "dns-tcp-blocked",
            Self::SearchExplosion { .. } => "dns-search-explosion",
        }
    }

    /// Its number in the catalogue of faults, where it has one.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let id = self.id();
        NAME_KINDS.iter().find(|(known, _)| *known == id).and_then(|(_, fault)| *fault)
    }
}

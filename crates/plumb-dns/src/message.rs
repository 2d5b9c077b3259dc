//! What a message holds.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::DnsError;

/// Types of records (IANA, "Resource Record (RR) TYPEs").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of RFC 1035, 3596 and 2782")]
pub enum Kind {
    A,
    Ns,
    Cname,
    Soa,
    Ptr,
    Txt,
    Aaaa,
    Srv,
    /// Any type, in a question.
    Any,
    /// Another type by its number.
    Other(u16),
}

const KINDS: [(Kind, u16); 9] = [
    (Kind::A, 1),
    (Kind::Ns, 2),
    (Kind::Cname, 5),
    (Kind::Soa, 6),
    (Kind::Ptr, 12),
    (Kind::Txt, 16),
    (Kind::Aaaa, 28),
    (Kind::Srv, 33),
    (Kind::Any, 255),
];

impl Kind {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Other(number) => number,
            known => KINDS.iter().find(|(kind, _)| *kind == known).map_or(0, |(_, number)| *number),
        }
    }

    /// The type of a number.
    #[must_use]
    pub fn of(number: u16) -> Self {
        KINDS.iter().find(|(_, n)| *n == number).map_or(Self::Other(number), |(kind, _)| *kind)
    }
}

/// How a server answers (RFC 1035, 4.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rcode(pub u8);

impl Rcode {
    /// Well.
    pub const NOERROR: Self = Self(0);
    /// It does not understand the question.
    pub const FORMERR: Self = Self(1);
    /// It fails.
    pub const SERVFAIL: Self = Self(2);
    /// There is no such name.
    pub const NXDOMAIN: Self = Self(3);
    /// It does not know this kind of question.
    pub const NOTIMP: Self = Self(4);
    /// It does not want to answer.
    pub const REFUSED: Self = Self(5);
}

impl fmt::Display for Rcode {
    /// As `dig` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("NOERROR"),
            1 => f.write_str("FORMERR"),
            2 => f.write_str("SERVFAIL"),
            3 => f.write_str("NXDOMAIN"),
            4 => f.write_str("NOTIMP"),
            5 => f.write_str("REFUSED"),
            other => write!(f, "RCODE{other}"),
        }
    }
}

/// A question. Names have no dot at their end; the root is the empty name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Name, as it was written.
    pub name: String,
    /// Type.
    pub kind: Kind,
    /// Class; 1 is the internet's.
    pub class: u16,
}

/// A record of class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Name.
    pub name: String,
    /// Seconds that it may be kept.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields bear the names of the RFCs")]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(String),
    Ptr(String),
    Ns(String),
    Srv { priority: u16, weight: u16, port: u16, target: String },
    Txt(Vec<u8>),
    Soa { mname: String, rname: String, serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 },
    Other { kind: u16, bytes: Vec<u8> },
}

impl Data {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::A(_) => Kind::A,
            Self::Aaaa(_) => Kind::Aaaa,
            Self::Cname(_) => Kind::Cname,
            Self::Ptr(_) => Kind::Ptr,
            Self::Ns(_) => Kind::Ns,
            Self::Srv { .. } => Kind::Srv,
            Self::Txt(_) => Kind::Txt,
            Self::Soa { .. } => Kind::Soa,
            Self::Other { kind, .. } => Kind::of(*kind),
        }
    }
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the flags of the header")]
pub struct Message {
    /// Number by which question and answer find each other.
    pub id: u16,
    /// An answer (QR).
    pub response: bool,
    /// Kind of question; 0 is a usual one.
    pub opcode: u8,
    /// The server speaks for the zone (AA).
    pub authoritative: bool,
    /// It did not fit (TC).
    pub truncated: bool,
    /// The server shall ask others (RD).
    pub recursion_desired: bool,
    /// The server would (RA).
    pub recursion_available: bool,
    /// How it went.
    pub rcode: Rcode,
    /// Questions.
    pub questions: Vec<Question>,
    /// Answers.
    pub answers: Vec<Record>,
    /// Who speaks for the zone, or its SOA where there is no such name.
    pub authority: Vec<Record>,
    /// Further records, EDNS not among them.
    pub additional: Vec<Record>,
    /// Size of datagram that the sender takes (RFC 6891); `None` without EDNS, and then 512 bytes.
    pub edns: Option<u16>,
}

/// A question for a server that asks others, as a stub resolver sends it.
///
/// # Errors
/// The name is none.
pub fn query(id: u16, name: &str, kind: Kind, edns: Option<u16>) -> Result<Vec<u8>, DnsError> {
    let question = Question { name: name.trim_end_matches('.').to_owned(), kind, class: 1 };
    let message =
        Message { id, recursion_desired: true, questions: vec![question], edns, ..Message::default() };
    message.encode()
}

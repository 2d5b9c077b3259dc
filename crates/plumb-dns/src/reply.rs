//! What an answer says about a question for addresses.

use std::net::IpAddr;

use crate::message::{Data, Kind, Message, Rcode};

/// More aliases in a row than that are a circle.
const MOST_ALIASES: usize = 16;

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// The name is there and has no address of this type.
    NoData,
    /// There is no such name.
    NoName,
    /// The server answers with an error.
    Fails(Rcode),
    /// It does not fit into the datagram: TCP brings it whole.
    Truncated,
    /// It is the answer to another question.
    NotMine,
}

/// What a message says in answer to a question for the addresses of a name. Aliases (CNAME) are followed within it.
#[must_use]
pub fn addresses_of(reply: &Message, id: u16, name: &str, kind: Kind) -> Found {
    let name = name.trim_end_matches('.');
    let asked = reply.questions.first();
    let mine = asked.is_none_or(|q| q.name.eq_ignore_ascii_case(name) && q.kind == kind);
    if !reply.response || reply.id != id || !mine {
        return Found::NotMine;
    }
    match reply.rcode {
        Rcode::NXDOMAIN => return Found::NoName,
        Rcode::NOERROR => {}
        other => return Found::Fails(other),
    }
    if reply.truncated {
        return Found::Truncated;
    }
    let mut owner = name.to_owned();
    for _ in 0..MOST_ALIASES {
        let of_owner = || reply.answers.iter().filter(|r| r.name.eq_ignore_ascii_case(&owner));
        let addresses: Vec<IpAddr> = of_owner()
            .filter_map(|r| match (&r.data, kind) {
                (Data::A(a), Kind::A) => Some(IpAddr::V4(*a)),
                (Data::Aaaa(a), Kind::Aaaa) => Some(IpAddr::V6(*a)),
                _ => None,
            })
            .collect();
        if !addresses.is_empty() {
            return Found::Addresses(addresses);
        }
        let alias =
            of_owner().find_map(|r| if let Data::Cname(to) = &r.data { Some(to.clone()) } else { None });
        match alias {
            Some(alias) => owner = alias,
            None => return Found::NoData,
        }
    }
    Found::NoData
}

//! In which order a client tries the addresses of a name (RFC 6724, section 6; glibc's defaults, `getaddrinfo.c`).

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

use plumb_trace::Network;
use plumb_trace::session::Transport;

use super::NameQuestion;
use crate::diagnose::walk;

/// Sorts by rules 1 (usable), 2 (same scope), 5 (same label), 6 (precedence) and 8 (smaller scope); the rest stays as it came.
pub(super) fn order(net: &Network, q: &NameQuestion, addresses: &mut [IpAddr]) {
    if addresses.len() < 2 {
        return;
    }
    addresses.sort_by_cached_key(|dst| {
        let source = source(net, q, *dst);
        let same = |f: fn(IpAddr) -> u8| source.is_some_and(|s| f(s) == f(*dst));
        (
            source.is_none(),
            !same(scope),
            !same(|a| label_and_precedence(a).0),
            Reverse(label_and_precedence(*dst).1),
            scope(*dst),
        )
    });
}

/// The address that the client would have: as glibc asks for it, by a datagram socket that is connected and sends nothing.
fn source(net: &Network, q: &NameQuestion, dst: IpAddr) -> Option<IpAddr> {
    let flow = plumb_trace::session::Flow { transport: Transport::Udp, ..q.to_server(dst, Transport::Udp) };
    let walked = walk(net, &flow);
    walked.attempt.branches.iter().find_map(|b| b.packets.first()?.world.source)
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(a) => a.to_ipv6_mapped(),
        IpAddr::V6(a) => a,
    }
}

/// RFC 6724, 3.1 and 3.2
fn scope(address: IpAddr) -> u8 {
    let link = 2;
    match address {
        IpAddr::V4(a) if a.is_loopback() || a.is_link_local() => link,
        IpAddr::V6(a) if a.is_loopback() || a.is_unicast_link_local() => link,
        // Site-local.
        IpAddr::V6(a) if a.segments()[0] & 0xffc0 == 0xfec0 => 5,
        _ => 14,
    }
}

/// glibc's `default_labels` and `default_precedence`; the first prefix that fits, longest first.
fn label_and_precedence(address: IpAddr) -> (u8, u8) {
    let a = mapped(address);
    let s = a.segments();
    if a.is_loopback() {
        (0, 50)
    } else if a.to_ipv4_mapped().is_some() {
        (4, 10)
    } else if s[..6] == [0; 6] {
        (3, 20)
    } else if s[0] == 0x2002 {
        (2, 30)
    } else if s[0] == 0x2001 && s[1] == 0 {
        (7, 40)
    } else if s[0] & 0xffc0 == 0xfec0 {
        (5, 40)
    } else if s[0] & 0xfe00 == 0xfc00 {
        (6, 40)
    } else {
        (1, 40)
    }
}

//! A conntrack entry in the words of `conntrack -L`.

use crate::{CtEntry, Tuple};

/// Both tuples of an entry as `conntrack -L` prints them, the original direction first.
#[must_use]
pub fn fmt_ct_entry(entry: &CtEntry) -> String {
    format!("{} {}", fmt_tuple(&entry.original), fmt_tuple(&entry.reply))
}

/// One tuple: `src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80`, or type, code and id of ICMP.
#[must_use]
pub fn fmt_tuple(tuple: &Tuple) -> String {
    let addresses = format!("src={} dst={}", tuple.src, tuple.dst);
    match (tuple.icmp, tuple.protocol.0) {
        (Some(icmp), _) => {
            format!("{addresses} type={} code={} id={}", icmp.kind, icmp.code, icmp.id)
        }
        // The protocols whose tuples have ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
        (None, 6 | 17 | 33 | 132 | 136) => format!("{addresses} sport={} dport={}", tuple.sport, tuple.dport),
        // GRE keys.
        (None, 47) => format!("{addresses} srckey=0x{:x} dstkey=0x{:x}", tuple.sport, tuple.dport),
        (None, _) => addresses,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{CtStatus, Icmp, Protocol};
    use plumb_nft::Bytes;

    #[test]
    fn as_conntrack_prints() {
        let original = Tuple {
            src: "10.0.0.1".parse().unwrap(),
            dst: "10.96.0.1".parse().unwrap(),
            protocol: Protocol::TCP,
            sport: 40000,
            dport: 80,
            icmp: None,
        };
        let reply = Tuple {
            src: "10.0.0.2".parse().unwrap(),
            dst: original.src,
            sport: 8080,
            dport: 40000,
            ..original
        };
        let entry = CtEntry {
            original,
            reply,
            status: CtStatus(0),
            timeout: 0,
            tcp_state: None,
            mark: 0,
            zone: 0,
            zone_direction: None,
            labels: Bytes::default(),
            helper: None,
            id: 0,
            counters: None,
        };
        assert_eq!(
            fmt_ct_entry(&entry),
            "src=10.0.0.1 dst=10.96.0.1 sport=40000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=8080 dport=40000"
        );
        let echo =
            Tuple { protocol: Protocol::ICMP, icmp: Some(Icmp { kind: 8, code: 0, id: 7 }), ..original };
        assert_eq!(fmt_tuple(&echo), "src=10.0.0.1 dst=10.96.0.1 type=8 code=0 id=7");
    }
}

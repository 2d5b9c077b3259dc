//! Counters of connection tracking by ctnetlink (include/uapi/linux/netfilter/nfnetlink_conntrack.h).

use plumb_model::{ConntrackStats, Read};
use plumb_nft::DecodeError;
use plumb_nft::nlattr::Attrs;

use crate::error::Result;
use crate::netlink::Socket;

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU`; the answers bear the same number.
const GET_STATS_CPU: u16 = 1 << 8 | 4;
const WHAT: &str = "conntrack statistics";

/// Summed over the processors.
pub(in crate::read) fn read(socket: &mut Socket) -> Result<Read<ConntrackStats>> {
    // `struct nfgenmsg`
    let each =
        socket.dump_list("read the conntrack statistics", GET_STATS_CPU, &[0; 4], |m| match m.kind {
            GET_STATS_CPU => parse(m.payload).map(Some),
            _ => Ok(None),
        })?;
    Ok(each.map(|each| ConntrackStats {
        expected: expected(),
        ..each.iter().fold(ConntrackStats::default(), add)
    }))
}

fn add(mut sum: ConntrackStats, one: &ConntrackStats) -> ConntrackStats {
    for (sum, one) in [
        (&mut sum.found, one.found),
        (&mut sum.invalid, one.invalid),
        (&mut sum.insert, one.insert),
        (&mut sum.insert_failed, one.insert_failed),
        (&mut sum.drop, one.drop),
        (&mut sum.early_drop, one.early_drop),
        (&mut sum.error, one.error),
        (&mut sum.search_restart, one.search_restart),
        (&mut sum.clash_resolve, one.clash_resolve),
        (&mut sum.chain_toolong, one.chain_toolong),
    ] {
        *sum = sum.saturating_add(one);
    }
    sum
}

/// One processor's: `enum ctattr_stats_cpu`.
pub(in crate::read) fn parse(payload: &[u8]) -> std::result::Result<ConntrackStats, DecodeError> {
    let rest = payload.get(4..).ok_or(DecodeError::Short { what: WHAT, need: 4, left: payload.len() })?;
    let mut stats = ConntrackStats::default();
    for attr in Attrs::new(rest, WHAT) {
        let attr = attr?;
        let field = match attr.number {
            2 => &mut stats.found,
            4 => &mut stats.invalid,
            8 => &mut stats.insert,
            9 => &mut stats.insert_failed,
            10 => &mut stats.drop,
            11 => &mut stats.early_drop,
            12 => &mut stats.error,
            13 => &mut stats.search_restart,
            14 => &mut stats.clash_resolve,
            15 => &mut stats.chain_toolong,
            _ => continue,
        };
        *field = u64::from(attr.be32(WHAT)?);
    }
    Ok(stats)
}

/// Lines of the table of expectations; `None` where the kernel does not show it.
fn expected() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/nf_conntrack_expect").ok()?;
    u64::try_from(text.lines().count()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plumb_nft::nlattr::Writer;
    use proptest::prelude::*;

    #[test]
    fn a_processor() {
        let mut w = Writer::new();
        w.raw(&[0, 0, 0, 1]);
        for (number, value) in [(4, 7), (9, 3), (10, 2), (14, 1), (15, 9), (99, 5)] {
            w.be32(number, value);
        }
        let one = parse(&w.into_bytes()).unwrap();
        assert_eq!((one.invalid, one.insert_failed, one.drop), (7, 3, 2));
        assert_eq!((one.clash_resolve, one.chain_toolong, one.found), (1, 9, 0));
        let two = add(one, &one);
        assert_eq!((two.invalid, two.insert_failed), (14, 6));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&bytes);
        }
    }
}

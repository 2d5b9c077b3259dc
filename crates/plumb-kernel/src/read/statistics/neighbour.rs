//! Tables of neighbours (RTM_GETNEIGHTBL; include/uapi/linux/neighbour.h). They are one for all namespaces: whoever asks
//! in any of them gets the same limits and counters (`net/core/neighbour.c`, `neightbl_fill_info`).

use plumb_model::{NeighbourTable, Read};
use plumb_nft::DecodeError;
use plumb_nft::nlattr::{Attr, Attrs};

use crate::error::Result;
use crate::netlink::{Native, Socket};
use crate::read::wire::Fields;

const RTM_NEWNEIGHTBL: u16 = 64;
const RTM_GETNEIGHTBL: u16 = 66;
const WHAT: &str = "table of neighbours";

pub(super) fn read() -> Result<Vec<NeighbourTable>> {
    let mut socket = Socket::open(crate::netlink::Subsystem::Route)?;
    // `struct ndtmsg`: any family.
    let what = "read the tables of neighbours";
    let tables = socket.dump_list(what, RTM_GETNEIGHTBL, &[0; 4], |m| match m.kind {
        RTM_NEWNEIGHTBL => parse(m.payload),
        _ => Ok(None),
    })?;
    let mut tables = match tables {
        Read::Got(tables) | Read::Torn { value: tables, .. } => tables,
        Read::Denied { .. } | Read::Absent { .. } => Vec::new(),
    };
    for table in &mut tables {
        table.unresolved_discards =
            std::fs::read_to_string(format!("/proc/thread-self/net/stat/{}", table.name))
                .ok()
                .and_then(|text| column(&text, "unresolved_discards"));
    }
    Ok(tables)
}

/// `None` for the settings of a device, which follow the table's own message.
pub(in crate::read) fn parse(payload: &[u8]) -> std::result::Result<Option<NeighbourTable>, DecodeError> {
    let mut fields = Fields::new(payload, WHAT);
    fields.skip(4)?;
    let mut table = NeighbourTable::default();
    let mut whole = false;
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => table.name = attr.text(),
            2 => table.gc_thresh1 = attr.ne32(WHAT)?,
            3 => table.gc_thresh2 = attr.ne32(WHAT)?,
            4 => table.gc_thresh3 = attr.ne32(WHAT)?,
            5 => {
                // `struct ndt_config`: two sizes of 16 bits, entries …
                let mut config = Fields::new(attr.data, WHAT);
                config.skip(4)?;
                table.entries = config.ne32()?;
                whole = true;
            }
            7 => {
                table.res_failed = counter(&attr, 3);
                table.forced_gc_runs = counter(&attr, 9);
                table.table_fulls = counter(&attr, 10);
            }
            _ => {}
        }
    }
    Ok(whole.then_some(table))
}

/// A field of `struct ndt_stats`; older kernels have fewer.
fn counter(attr: &Attr<'_>, n: usize) -> u64 {
    let bytes = attr.data.get(n * 8..n * 8 + 8);
    bytes.and_then(|b| b.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

/// A column of /proc/net/stat: names in the first line, a line of hexadecimal numbers a processor. Summed.
fn column(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let at = lines.next()?.split_ascii_whitespace().position(|n| n == name)?;
    let values = lines.filter_map(|l| u64::from_str_radix(l.split_ascii_whitespace().nth(at)?, 16).ok());
    Some(values.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::netlink::WriteNative;
    use plumb_nft::nlattr::Writer;
    use proptest::prelude::*;

    #[test]
    fn a_table_and_the_settings_of_a_device() {
        let mut w = Writer::new();
        w.raw(&[2, 0, 0, 0]);
        w.text(1, "arp_cache");
        for (number, value) in [(2, 128), (3, 512), (4, 1024)] {
            w.ne32(number, value);
        }
        w.put(5, &[[4u8, 0, 160, 1].as_slice(), &1000u32.to_ne_bytes(), &[0; 24]].concat());
        let stats: Vec<u8> = (0..11u64).flat_map(u64::to_ne_bytes).collect();
        w.put(7, &stats);
        let table = parse(&w.into_bytes()).unwrap().unwrap();
        assert_eq!((table.name.as_str(), table.entries, table.gc_thresh3), ("arp_cache", 1000, 1024));
        assert_eq!((table.res_failed, table.forced_gc_runs, table.table_fulls), (3, 9, 10));
        let mut w = Writer::new();
        w.raw(&[2, 0, 0, 0]);
        w.text(1, "arp_cache");
        w.nest(6, |w| w.ne32(1, 2));
        assert_eq!(parse(&w.into_bytes()).unwrap(), None);
    }

    #[test]
    fn a_column_of_every_processor() {
        let text =
            "entries  res_failed unresolved_discards\n00000008 0000001e 0000000a\n00000008 1 00000010\n";
        assert_eq!(column(text, "unresolved_discards"), Some(26));
        assert_eq!(column(text, "table_fulls"), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
            let _ = parse(&bytes);
        }
    }
}

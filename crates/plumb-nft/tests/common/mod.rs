//! Recorded dumps of a kernel: netlink messages one after the other, as they were received.

#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use plumb_nft::{Assembler, Ruleset};

pub(crate) const NAMES: [&str; 8] =
    ["intervals", "order", "matches", "statements", "sets", "chains", "types", "more"];

pub(crate) fn path(name: &str) -> String {
    format!("{}/testdata/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Type and payload of each message.
pub(crate) fn messages(name: &str) -> Vec<(u16, Vec<u8>)> {
    let bytes = std::fs::read(path(&format!("{name}.nlmsg"))).unwrap();
    let (mut out, mut rest) = (Vec::new(), bytes.as_slice());
    while rest.len() >= 16 {
        let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        let kind = u16::from_le_bytes(rest[4..6].try_into().unwrap());
        out.push((kind, rest[16..length].to_vec()));
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    out
}

pub(crate) fn ruleset(name: &str) -> Ruleset {
    let mut assembler = Assembler::new();
    for (kind, payload) in messages(name) {
        assembler.push(kind, &payload).unwrap();
    }
    let assembled = assembler.finish();
    assert!(assembled.orphans.is_empty(), "{:?}", assembled.orphans);
    assembled.ruleset
}

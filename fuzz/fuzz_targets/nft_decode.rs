//! Messages of nf_tables: decoded, assembled to a ruleset, printed, and encoded again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_nft::{Assembler, Batch, TableKey, encode, text};

fuzz_target!(|data: &[u8]| {
    // Messages one after the other: type (its low byte), length, payload.
    let mut rest = data;
    let mut reader = Assembler::new();
    while let [kind, length, tail @ ..] = rest {
        let (payload, next) = tail.split_at(usize::from(*length).min(tail.len()));
        // A message that cannot be read must not keep the others from being read.
        let _ = reader.push(10 << 8 | u16::from(*kind % 32), payload);
        let _ = plumb_nft::decode::generation(payload);
        let _ = plumb_nft::decode::message_generation(payload);
        rest = next;
    }
    let ruleset = reader.finish().ruleset;
    let _ = text::ruleset(&ruleset, &text::Options::default());
    for table in &ruleset.tables {
        let key = TableKey { family: table.family, name: table.name.clone() };
        let _ = Batch::new(1, None).add_all(table);
        for rule in table.chains.iter().flat_map(|c| &c.rules) {
            // What the codec writes of a rule that it read, it reads as the same rule.
            let Ok(bytes) = encode::rule(&key, "chain", rule, None) else { continue };
            let again = plumb_nft::decode::rule(&bytes);
            assert!(again.is_ok(), "{rule:?} encoded cannot be decoded: {again:?}");
        }
    }
});

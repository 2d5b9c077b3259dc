//! Snapshot files: as they lie on disk, and what is inside the compression.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_model::Snapshot;

fuzz_target!(|data: &[u8]| {
    let _ = Snapshot::read_from(data);
    let mut text = b"{\"format\":\"plumb-snapshot\",\"version\":1}\n".to_vec();
    text.extend_from_slice(data);
    for text in [text.as_slice(), data] {
        let Ok(file) = zstd::encode_all(text, 1) else { continue };
        if let Ok(snapshot) = Snapshot::read_from(file.as_slice()) {
            let mut again = Vec::new();
            snapshot.write_to(&mut again).expect("a snapshot that was read can be written");
            let back = Snapshot::read_from(again.as_slice()).expect("what was written can be read");
            assert!(back == snapshot);
        }
    }
});

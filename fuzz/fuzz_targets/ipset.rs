//! The kernel's answers to `IPSET_CMD_LIST`, and the text of elements.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_kernel::decode_ipsets;

fuzz_target!(|payloads: Vec<&[u8]>| {
    let Ok(sets) = decode_ipsets(payloads) else { return };
    for set in &sets {
        for element in &set.elements {
            let _ = element.text(set);
        }
    }
    // What a snapshot's file holds of them is read again as it was.
    let text = serde_json::to_string(&sets).expect("sets are written");
    assert_eq!(serde_json::from_str::<Vec<plumb_model::IpSet>>(&text).expect("and read"), sets);
});

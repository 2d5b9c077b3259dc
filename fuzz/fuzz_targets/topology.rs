//! Topology files of labs, and the plan that is made of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_lab::Topology;

fuzz_target!(|text: &str| {
    let _ = Topology::parse("fuzz.yaml", text);
});
